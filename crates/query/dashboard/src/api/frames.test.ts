import { describe, expect, it } from "vitest";
import { Frames } from "./frames.ts";

describe("frames", () => {
  const TEXT = 'retry: 1000\nid: 1.a\n\nid: 1.b\ndata: {"id":"x: y"}\n\n: keep-alive\nid: 1.c\n\nevent: gap\ndata: {"since":"2026"}\n\n';

  it.each([1, 2, 3, 7, 1_000])("are the same, however the text is cut: %d characters", (size) => {
    const frames = new Frames();
    const taken = [];
    for (let at = 0; at < TEXT.length; at += size) taken.push(...frames.take(TEXT.slice(at, at + size)));
    expect(taken).toEqual([
      { event: "message", id: "1.a", data: undefined },
      { event: "message", id: "1.b", data: '{"id":"x: y"}' },
      { event: "message", id: "1.c", data: undefined },
      { event: "gap", id: undefined, data: '{"since":"2026"}' },
    ]);
  });
});
