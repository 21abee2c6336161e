import { expect, it } from "vitest";
import { read, written } from "./step.ts";

it.each([
  ["page", "view"],
  ["a/b", "c/d"],
  ["50%", "2F"],
  ["%2F", "%25"],
  ["%", "/"],
])("%s and %s are read as they were written", (category, name) => {
  expect(read(written({ category, name }))).toEqual({ category, name });
});
