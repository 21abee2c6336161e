import { describe, expect, it } from "vitest";
import { Digits, parse, print } from "./json.ts";

/** Whether this engine tells how a number was written (browsers of 2025 and later do, Node 20 does not). */
const tellsSources = (() => {
  let told = false;
  JSON.parse("1", function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    told = context?.source === "1";
    return value;
  } as never);
  return told;
})();

describe("JSON", () => {
  it("is printed as it was read", () => {
    const text = '{"a":[1,2.5,true,null,"x"],"b":{},"c":[],"__proto__":{"d":"e"}}';
    expect(JSON.parse(print(parse(text)))).toEqual(JSON.parse(text));
    expect(print(parse(text))).toContain('"__proto__": {');
  });

  it.runIf(tellsSources)("keeps every digit of a number", () => {
    expect(parse("[9007199254740993, 1.0, 1e2, 0.1]")).toEqual([new Digits("9007199254740993"), 1, 100, 0.1]);
  });

  it("prints digits as they were written", () => {
    expect(print([new Digits("9007199254740993")])).toBe("[\n  9007199254740993\n]");
  });
});
