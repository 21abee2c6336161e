// A list that is read page by page; which page is in the address.

import { ask, type Params } from "../api/client.ts";
import type { List } from "../api/types.ts";
import { type Answer, useAnswer } from "./answer.ts";
import { one } from "./place.ts";
import { asked, preset, type Range, range } from "./range.ts";

/** How many items a page has. */
const PAGE_ITEMS = 50;

export interface Paged<T> {
  page: List<T>;
  /** The range that was asked for: further pages belong to this very one, also where it moves with the clock. */
  within: Params;
}

/** The page that the address names, in the range that is looked at; `of` may give that an end. */
export function usePaged<T>(path: string, filters: Params, of: (looked: Range) => Range = (looked) => looked): Answer<Paged<T>> {
  const cursor = one("cursor");
  const params: Params = [...filters, ["limit", String(PAGE_ITEMS)], ...(cursor === null ? [] : [["cursor", cursor] as const])];
  return useAnswer(JSON.stringify([path, params, preset.value, one("from"), one("to")]), async (signal) => {
    const within = asked(of(range()));
    return { within, page: await ask<List<T>>(path, [...params, ...within], signal) };
  });
}
