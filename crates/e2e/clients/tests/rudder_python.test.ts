import { describe } from "vitest";
import { expectedOfRudderPython } from "./support/calls.ts";
import { sendWithRudderPython } from "./support/senders.ts";
import { behavesAsServerSdk, deliversCalls } from "./support/suite.ts";

describe("rudder-sdk-python, packed", () => behavesAsServerSdk((calls) => sendWithRudderPython(calls, { gzip: true }), expectedOfRudderPython));

describe("rudder-sdk-python, plain", () => deliversCalls((calls) => sendWithRudderPython(calls, { gzip: false }), expectedOfRudderPython));
