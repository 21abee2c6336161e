// The range of time that is looked at.

import { computed } from "@preact/signals";
import type { Params } from "../api/client.ts";
import { one } from "./place.ts";

export interface Range {
  /** Null: since ever. */
  from: Date | null;
  /** Null: up to now. */
  to: Date | null;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Ranges that end now, by their word in the address. */
export const PRESETS: ReadonlyArray<readonly [word: string, label: string, lengthMs: number | null]> = [
  ["15m", "Last 15 minutes", 15 * MINUTE_MS],
  ["1h", "Last hour", HOUR_MS],
  ["6h", "Last 6 hours", 6 * HOUR_MS],
  ["24h", "Last 24 hours", DAY_MS],
  ["7d", "Last 7 days", 7 * DAY_MS],
  ["30d", "Last 30 days", 30 * DAY_MS],
  ["365d", "Last 365 days", 365 * DAY_MS],
  ["all", "All time", null],
];

const DEFAULT = "24h";

/** The preset in use; null where two times are given. */
export const preset = computed(() => {
  const given = [one("from"), one("to")].filter((text) => text !== null);
  // What is no time is not taken for the beginning of all: the picker shows what is looked at instead.
  if (given.length > 0 && given.every((text) => date(text) !== null)) return null;
  const word = one("range");
  return PRESETS.some(([known]) => known === word) ? word : DEFAULT;
});

/** The range in use, as it is at this moment. */
export function range(now = Date.now()): Range {
  const word = preset.value;
  if (word === null) return { from: date(one("from")), to: date(one("to")) };
  const lengthMs = PRESETS.find(([known]) => known === word)?.[2] ?? null;
  return { from: lengthMs === null ? null : new Date(now - lengthMs), to: null };
}

/** The range with an end: now, where it has a beginning and no end. */
export function upToNow({ from, to }: Range, now = Date.now()): Range {
  return { from, to: to ?? (from === null ? null : new Date(now)) };
}

/** The range of the same length that ends where this one begins; null where it has no beginning. */
export function before({ from, to }: Range, now = Date.now()): Range | null {
  if (from === null) return null;
  const end = to?.getTime() ?? now;
  return { from: new Date(2 * from.getTime() - end), to: from };
}

/** A range as parameters of a question. */
export function asked({ from, to }: Range, names: readonly [string, string] = ["from", "to"]): Params {
  const params: [string, string][] = [];
  if (from !== null) params.push([names[0], from.toISOString()]);
  if (to !== null) params.push([names[1], to.toISOString()]);
  return params;
}

/** The changes of the address that hold a range where it was when it was asked for: further pages belong to that one. */
export function pinned(within: Params): Record<"range" | "from" | "to", string | null> {
  const time = (name: string): string | null => within.find(([given]) => given === name)?.[1] ?? null;
  return { range: within.length === 0 ? "all" : null, from: time("from"), to: time("to") };
}

/** How long a range is, in milliseconds; null where it has no beginning. */
export function lengthMs({ from, to }: Range, now = Date.now()): number | null {
  return from === null ? null : Math.max((to?.getTime() ?? now) - from.getTime(), 0);
}

export const INTERVALS = ["minute", "hour", "day", "week", "month"] as const;
export type Interval = (typeof INTERVALS)[number];

/** Once in an interval, as people say it. */
export const each = (interval: Interval): string => (interval === "hour" ? "an hour" : `a ${interval}`);

/** The interval that shows a range of this length best. */
export function intervalFor(length: number | null): Interval {
  if (length === null || length > 3 * 365 * DAY_MS) return "month";
  if (length <= 6 * HOUR_MS) return "minute";
  if (length <= 14 * DAY_MS) return "hour";
  return "day";
}

function date(text: string | null): Date | null {
  if (text === null) return null;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at;
}
