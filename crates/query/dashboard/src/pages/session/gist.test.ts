import { expect, it } from "vitest";
import { parse } from "../../api/json.ts";
import { gist } from "./gist.ts";

it("tells the first values that are no structures", () => {
  const data = parse('{"host": "a", "form": {"x": 1}, "list": [1], "none": null, "total": 2.50, "is_new": true, "more": "b"}');
  expect(gist(data)).toEqual([
    ["host", "a"],
    ["total", "2.5"],
    ["is_new", "true"],
  ]);
});

it("tells nothing where there is nothing to tell", () => {
  expect(gist(parse('{"form": {}}'))).toEqual([]);
  expect(gist(parse("[1]"))).toEqual([]);
});
