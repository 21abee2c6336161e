// What exists, to choose from: event types and applications. Asked for once in a while, and kept between pages.

import { ask, key, Refusal } from "../api/client.ts";
import type { Application, EventType, List } from "../api/types.ts";
import { type Answer, useAnswer } from "./answer.ts";

/** How many pages of a list are read at most: whoever has more is told so where it matters. */
const PAGES_MAX = 10;

/** A list whose further pages are read too. */
export interface Whole<T> {
  items: T[];
  /** Whether there is more than was read. */
  isCut: boolean;
}

export async function askAll<T>(
  path: string,
  params: ReadonlyArray<readonly [string, string]>,
  signal?: AbortSignal,
  pagesMax = PAGES_MAX,
): Promise<Whole<T>> {
  const items: T[] = [];
  let cursor: string | null = null;
  let limit: [string, string][] = [["limit", "1000"]];
  for (let page = 0; page < pagesMax; page += 1) {
    const more: [string, string][] = cursor === null ? [] : [["cursor", cursor]];
    const answer: List<T> = await ask<List<T>>(path, [...params, ...limit, ...more], signal).catch((error: unknown) => {
      // Where the operators let a page have less, its usual length will do.
      if (!(error instanceof Refusal && error.detail.startsWith("limit:") && limit.length > 0)) throw error;
      limit = [];
      return ask<List<T>>(path, [...params, ...more], signal);
    });
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (cursor === null) return { items, isCut: false };
  }
  return { items, isCut: true };
}

/** How long what was read is good for, in milliseconds. */
const KEPT_MS = 30_000;

const kept = new Map<string, { at: number; answer: Promise<Whole<unknown>> }>();

/** A list that many parts of the pages need: read once for all of them, again after a while, and never for another key. */
function shared<T>(path: string): Promise<Whole<T>> {
  const name = `${path} ${key.value}`;
  const before = kept.get(name);
  if (before !== undefined && Date.now() - before.at < KEPT_MS) return before.answer as Promise<Whole<T>>;
  const answer = askAll<T>(path, []);
  if (kept.size > 10) kept.clear();
  kept.set(name, { at: Date.now(), answer });
  answer.catch(() => kept.delete(name));
  return answer;
}

export function useTypes(everyMs: number | null = null): Answer<Whole<EventType>> {
  return useAnswer("event types", () => shared<EventType>("/api/event-types"), everyMs);
}

export function useApplications(): Answer<Whole<Application>> {
  return useAnswer("applications", () => shared<Application>("/api/applications"));
}
