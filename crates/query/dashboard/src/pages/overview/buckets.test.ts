import { describe, expect, it } from "vitest";
import type { Count } from "../../api/types.ts";
import { coloured, groupsOf, GROUPS_SHOWN, summed } from "./buckets.ts";

const start = (hour: number): string => `2026-11-01T0${hour}:00:00.000000+01:00`;
const times = [0, 1, 2].map((hour) => Date.parse(start(hour)));

describe("groups", () => {
  it("have a value for every time", () => {
    const parts: Count[] = [
      { start: start(0), category: "a", count: 3 },
      { start: start(2), category: "b", count: 5 },
      { start: "2026-11-01T09:00:00.000000+01:00", category: "c", count: 1 },
    ];
    expect(groupsOf(parts, "category", times)).toEqual([{ label: "b", values: [0, 0, 5] }, { label: "a", values: [3, 0, 0] }]);
  });

  it("put what is small together, and lose nothing", () => {
    const parts = Array.from({ length: 20 }, (_, at): Count => ({ start: start(0), category: `c${at}`, count: at + 1 }));
    const groups = groupsOf(parts, "category", times);
    expect(groups.length).toBe(GROUPS_SHOWN + 1);
    expect(groups.at(-1)).toMatchObject({ label: "13 others", isRest: true });
    expect(summed(groups).reduce((sum, { count }) => sum + count, 0)).toBe(210);
  });
});

describe("colours", () => {
  const colors = ["red", "green", "blue"];
  const named = (...labels: string[]): { label: string }[] => labels.map((label) => ({ label }));
  const told = (held: Map<string, string>, ...labels: string[]): Record<string, string> =>
    Object.fromEntries(coloured(named(...labels), held, colors).map(({ group, color }) => [group.label, color]));

  it("stay with their groups, and are never two groups'", () => {
    const held = new Map<string, string>();
    expect(told(held, "a", "b")).toEqual({ a: "red", b: "green" });
    expect(told(held, "b", "a")).toEqual({ a: "red", b: "green" });
    expect(told(held, "c", "b")).toEqual({ c: "red", b: "green" });
    expect(told(held, "a", "b", "c")).toEqual({ a: "blue", b: "green", c: "red" });
  });
});
