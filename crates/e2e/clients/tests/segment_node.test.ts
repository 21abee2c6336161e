import { describe } from "vitest";
import { sendWithSegmentNode } from "./support/senders.ts";
import { behavesAsServerSdk } from "./support/suite.ts";

describe("@segment/analytics-node", () => behavesAsServerSdk(sendWithSegmentNode));
