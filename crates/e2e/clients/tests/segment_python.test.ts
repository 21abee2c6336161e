import { describe } from "vitest";
import { sendWithSegmentPython } from "./support/senders.ts";
import { behavesAsServerSdk, deliversCalls } from "./support/suite.ts";

describe("segment-analytics-python, plain", () => behavesAsServerSdk((calls) => sendWithSegmentPython(calls, { gzip: false })));

describe("segment-analytics-python, packed", () => deliversCalls((calls) => sendWithSegmentPython(calls, { gzip: true })));
