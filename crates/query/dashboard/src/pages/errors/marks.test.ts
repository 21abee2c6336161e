import { describe, expect, it } from "vitest";
import { marked } from "./marks.ts";

const wrong = (path: string, code = "invalid_type", message = ""): { path: string; code: string; message: string } => ({ path, code, message });
const places = (text: string, ...errors: ReturnType<typeof wrong>[]): string[] =>
  marked(text, errors).parts.filter((part) => part.wrong.length > 0).map((part) => part.text);

describe("what is wrong", () => {
  const TEXT = '{"name": null, "data": {"a/b": [1, "x"], "é😀": {"deep": 5}}}';

  it("is marked where it stands", () => {
    expect(places(TEXT, wrong("/name"))).toEqual(["null"]);
    expect(places(TEXT, wrong("/data/a~1b/1"))).toEqual(['"x"']);
    expect(places(TEXT, wrong("/data/é😀/deep"))).toEqual(["5"]);
  });

  it("is marked where it is missing", () => {
    const { parts } = marked(TEXT, [wrong("/data/form/email", "schema.required")]);
    expect(parts.map(({ text }) => text)).toEqual(['{"name": null, "data": ', "{", '"a/b": [1, "x"], "é😀": {"deep": 5}}}']);
  });

  it("is marked under its very name", () => {
    expect(places('{"Name": 1, "name": null}', wrong("/name", "null"))).toEqual(["null"]);
    expect(places('{"Name": 1}', wrong("/name", "required"))).toEqual(["{"]);
    expect(places('{"a\\uD800": 1}', wrong("/a\\ud800", "unstorable_text"))).toEqual(["1"]);
  });

  it("is marked twice where a key stands twice", () => {
    expect(places('{"data": {"k": 1, "\\u006b": 2}}', wrong("/data/k", "duplicate_key"))).toEqual(['"k"', '"\\u006b"']);
  });

  it("is found by line and column where there is no JSON", () => {
    expect(places('{"a": 1,\n "b": x}', wrong("", "parse_error", "line 2, column 7: expected a value"))).toEqual(["x"]);
  });

  it("is told apart where values lie within each other, and nothing of the text is lost", () => {
    const { parts, unplaced } = marked(TEXT, [wrong("/data"), wrong("/data/a~1b/0"), wrong("")]);
    expect(parts.map(({ text }) => text).join("")).toBe(TEXT);
    expect(parts.find(({ text }) => text === "1")?.wrong.length).toBe(2);
    expect(unplaced).toEqual([wrong("")]);
  });

  it("is not looked for in what is no JSON, or too deep", () => {
    const deep = `{"data": ${"[".repeat(200_000)}`;
    expect(marked(deep, [wrong("/data/x")]).parts.map(({ text }) => text).join("")).toBe(deep);
  });
});
