import { describe, expect, it } from "vitest";
import { compared } from "./sides.ts";

describe("two versions", () => {
  it("have what is the same at one height", () => {
    expect(compared("a\nb\nc\n", "a\nx\ny\nc\n").map((row) => row.map(({ text, kind }) => `${kind} ${text}`))).toEqual([
      ["same a", "same a"],
      ["gone b", "new x"],
      ["none ", "new y"],
      ["same c", "same c"],
    ]);
  });

  it("show all of both", () => {
    const rows = compared("(not registered)", "{}\n");
    expect(rows.map(([left, right]) => [left.text, right.text])).toEqual([["(not registered)", "{}"]]);
  });
});
