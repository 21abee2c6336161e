// What an event's data say at a glance, by which one click is told from another.

import { isObject, type Json, scalar } from "../../api/json.ts";

/** How many members are told. */
const MEMBERS_TOLD = 3;

/** The first members that have a value of their own, as texts. */
export function gist(data: Json): [string, string][] {
  if (!isObject(data)) return [];
  const told = Object.entries(data).flatMap(([key, value]): [string, string][] => {
    if (value === null || isObject(value) || Array.isArray(value)) return [];
    return [[key, typeof value === "string" ? value : scalar(value)]];
  });
  return told.slice(0, MEMBERS_TOLD);
}
