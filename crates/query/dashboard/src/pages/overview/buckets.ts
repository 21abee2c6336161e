// Counts as series beside each other.

import type { Count } from "../../api/types.ts";

export interface Group {
  label: string;
  /** A count a bucket. */
  values: number[];
  /** Whether it is all that has no series of its own. */
  isRest?: true;
}

/** How many groups have a series of their own. */
export const GROUPS_SHOWN = 7;

/** Those of `parts` that have a trait in common, a count for each of the times at which a bucket begins: the largest first, the rest as one. */
export function groupsOf(parts: Count[], trait: "category" | "application", times: number[]): Group[] {
  const place = new Map(times.map((time, at) => [time, at]));
  const values = new Map<string, number[]>();
  for (const part of parts) {
    const label = part[trait] ?? "";
    const at = place.get(Date.parse(part.start));
    // What came in between the two answers: the next ones have it.
    if (at === undefined) continue;
    let of = values.get(label);
    if (of === undefined) values.set(label, (of = new Array<number>(times.length).fill(0)));
    of[at] = (of[at] ?? 0) + part.count;
  }
  return largest([...values].map(([label, of]) => ({ label, values: of })));
}

function largest(all: Group[]): Group[] {
  const sorted = all.map((group) => ({ group, sum: sum(group) })).sort((one, other) => other.sum - one.sum);
  if (sorted.length <= GROUPS_SHOWN + 1) return sorted.map(({ group }) => group);
  const rest = sorted.slice(GROUPS_SHOWN).map(({ group }) => group);
  const values = rest[0]?.values.map((_, at) => rest.reduce((total, group) => total + (group.values[at] ?? 0), 0)) ?? [];
  return [...sorted.slice(0, GROUPS_SHOWN).map(({ group }) => group), { label: `${rest.length} others`, values, isRest: true }];
}

export function summed(all: Group[]): { label: string; count: number; isRest: boolean }[] {
  return all.map((group) => ({ label: group.label, count: sum(group), isRest: group.isRest === true }));
}

function sum({ values }: Group): number {
  return values.reduce((total, value) => total + value, 0);
}

/** A colour for each group that is shown: the one that it had before, where no other has it now; so a line keeps its colour when another outgrows it. */
export function coloured<T extends { label: string }>(groups: T[], held: Map<string, string>, colors: readonly string[]): { group: T; color: string }[] {
  const taken = new Set(groups.flatMap(({ label }) => held.get(label) ?? []));
  const free = colors.filter((color) => !taken.has(color));
  const used = new Set<string>();
  const chosen = groups.map((group) => {
    const before = held.get(group.label);
    const color = before !== undefined && !used.has(before) ? before : (free.shift() ?? colors[0] ?? "");
    used.add(color);
    return { group, color };
  });
  held.clear();
  for (const { group, color } of chosen) held.set(group.label, color);
  return chosen.toSorted((one, other) => colors.indexOf(one.color) - colors.indexOf(other.color));
}
