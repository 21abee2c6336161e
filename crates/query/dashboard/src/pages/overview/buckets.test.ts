import { describe, expect, it } from "vitest";
import type { Count } from "../../api/types.ts";
import { bucketed, GROUPS_SHOWN, summed } from "./buckets.ts";

const start = (hour: number): string => `2026-11-01T0${hour}:00:00.000000+01:00`;

describe("buckets", () => {
  it("have a value for every group and every time", () => {
    const total: Count[] = [{ start: start(0), count: 3 }, { start: start(1), count: 0 }, { start: start(2), count: 5 }];
    const parts: Count[] = [
      { start: start(0), category: "a", application: "x", count: 1 },
      { start: start(0), category: "a", application: "y", count: 2 },
      { start: start(2), category: "b", application: "x", count: 5 },
    ];
    const { times, by } = bucketed(total, parts);
    expect(times).toEqual([0, 1, 2].map((hour) => Date.parse(start(hour))));
    expect(by?.category).toEqual([{ label: "b", values: [0, 0, 5] }, { label: "a", values: [3, 0, 0] }]);
    expect(by?.application).toEqual([{ label: "x", values: [1, 0, 5] }, { label: "y", values: [2, 0, 0] }]);
  });

  it("put what is small together, and lose nothing", () => {
    const parts = Array.from({ length: 20 }, (_, at): Count => ({ start: start(0), category: `c${at}`, application: "x", count: at + 1 }));
    const groups = bucketed([{ start: start(0), count: 210 }], parts).by?.category ?? [];
    expect(groups.length).toBe(GROUPS_SHOWN + 1);
    expect(groups.at(-1)).toMatchObject({ label: "13 others", isRest: true });
    expect(summed(groups).reduce((sum, { count }) => sum + count, 0)).toBe(210);
  });
});
