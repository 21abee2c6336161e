// The address of the page is its state: a link shows another what one sees oneself.

import { computed, signal } from "@preact/signals";
import type { Params } from "../api/client.ts";

export interface Place {
  path: string;
  params: Params;
}

/** What stays when one goes from one page to another: the time that is looked at, and how times are told. */
const CARRIED = new Set(["range", "from", "to", "tz"]);

const read = (): Place => ({ path: location.pathname, params: [...new URLSearchParams(location.search)] });

const current = signal<Place>(read());

/** Where one is. */
export const place = computed(() => current.value);

/** Follows the browser's back and forward. */
export function listen(): void {
  addEventListener("popstate", () => {
    current.value = read();
  });
}

export function go(to: string, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  current.value = read();
}

/** The address of another page with what is carried along; `params` win. */
export function link(path: string, params: Params = []): string {
  const given = new Set(params.map(([name]) => name));
  const isRangeGiven = given.has("range") || given.has("from") || given.has("to");
  const carried = place.value.params.filter(
    ([name]) => CARRIED.has(name) && !given.has(name) && !(isRangeGiven && name !== "tz"),
  );
  return written(path, [...params, ...carried]);
}

/** The address of this page with some parameters changed: null takes one away, a list repeats it. */
export function changed(changes: Record<string, string | string[] | null>, keepsPage = false): string {
  const { path, params } = place.value;
  // Another question has other pages.
  const gone = new Set([...Object.keys(changes), ...(keepsPage ? [] : ["cursor"])]);
  const kept = params.filter(([name]) => !gone.has(name));
  const added = Object.entries(changes).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one): [string, string] => [name, one]),
  );
  return written(path, [...kept, ...added]);
}

export function all(name: string): string[] {
  return place.value.params.filter(([given]) => given === name).map(([, value]) => value);
}

export function one(name: string): string | null {
  return all(name)[0] ?? null;
}

function written(path: string, params: Params): string {
  const query = new URLSearchParams(params.map(([name, value]) => [name, value])).toString();
  return query === "" ? path : `${path}?${query}`;
}
