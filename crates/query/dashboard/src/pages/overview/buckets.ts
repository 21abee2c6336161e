// Counts as series beside each other.

import type { Count } from "../../api/types.ts";

export interface Group {
  label: string;
  /** A count a bucket. */
  values: number[];
  /** Whether it is all that has no series of its own. */
  isRest?: true;
}

export interface Buckets {
  /** When each bucket begins, in milliseconds since 1970. */
  times: number[];
  total: number[];
  /** The largest groups, the largest first, and the rest as one; null where they were too many to be told. */
  by: { category: Group[]; application: Group[] } | null;
}

/** How many groups have a series of their own. */
export const GROUPS_SHOWN = 7;

/** `total` has every bucket, `parts` those of each category and application that have an event. */
export function bucketed(total: Count[], parts: Count[] | null): Buckets {
  const times = total.map(({ start }) => Date.parse(start));
  const place = new Map(times.map((time, at) => [time, at]));
  const grouped = (word: "category" | "application"): Group[] => largest(groups(parts ?? [], word, place, times.length));
  return {
    times,
    total: total.map(({ count }) => count),
    by: parts === null ? null : { category: grouped("category"), application: grouped("application") },
  };
}

function groups(parts: Count[], word: "category" | "application", place: Map<number, number>, length: number): Group[] {
  const values = new Map<string, number[]>();
  for (const part of parts) {
    const label = part[word] ?? "";
    const at = place.get(Date.parse(part.start));
    // What came in between the two answers: the next ones have it.
    if (at === undefined) continue;
    let of = values.get(label);
    if (of === undefined) values.set(label, (of = new Array<number>(length).fill(0)));
    of[at] = (of[at] ?? 0) + part.count;
  }
  return [...values].map(([label, of]) => ({ label, values: of }));
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
