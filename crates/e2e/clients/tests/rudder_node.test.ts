import { describe } from "vitest";
import { sendWithRudderNode } from "./support/senders.ts";
import { behavesAsServerSdk, deliversCalls } from "./support/suite.ts";

// Packed bodies are what it sends by default, under a media type that tells of a form.
describe("@rudderstack/rudder-sdk-node, packed", () => behavesAsServerSdk((calls) => sendWithRudderNode(calls, { gzip: true })));

describe("@rudderstack/rudder-sdk-node, plain", () => deliversCalls((calls) => sendWithRudderNode(calls, { gzip: false })));
