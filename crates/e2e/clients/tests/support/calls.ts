// The calls that the four SDKs for servers have in common, and what is to be stored of each.

import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Stored } from "./store.ts";
import { unique } from "./store.ts";

export const TYPES = ["track", "page", "screen", "identify", "group", "alias"] as const;
export type CallType = (typeof TYPES)[number];

/** Members by their names on the wire. A time is ISO 8601. */
export interface Call {
  type: CallType;
  event?: string;
  name?: string;
  category?: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context?: Record<string, unknown>;
  userId?: string;
  anonymousId?: string;
  groupId?: string;
  previousId?: string;
  messageId?: string;
  timestamp?: string;
}

const PROPERTIES = { total: 19.95, articles: ["umbrella", "boots"], gift: false, note: null, nested: { "a.b": "ö" } };
const TRAITS = { plan: "pro", seats: 3 };

/** One call of each type, with all that it can have. */
export function everyCall(): Call[] {
  const people = { userId: "user 17", anonymousId: "nobody 17" };
  const bodies: Call[] = [
    { type: "track", event: "Order Completed", properties: PROPERTIES, ...people },
    { type: "page", name: "Home", category: "Shop", properties: { path: "/" }, ...people },
    { type: "screen", name: "Start", properties: { dark: true }, ...people },
    { type: "identify", traits: TRAITS, ...people },
    { type: "group", groupId: "group 3", traits: TRAITS, ...people },
    // The one call that the SDKs for Python give no anonymousId.
    { type: "alias", userId: "user 17", previousId: "nobody 17" },
  ];
  const context = { sessionId: unique("session"), page: { url: "https://shop.example/" } };
  return bodies.map((body, at) => ({ ...body, context, messageId: randomUUID(), timestamp: `2021-01-02T03:04:0${at}.567Z` }));
}

/** What the mapping makes of a call. `context` and `properties` may hold more: SDKs add their own. */
export function expected(call: Call): unknown {
  const { type, event, name, messageId, timestamp, userId, anonymousId, groupId, previousId, context } = call;
  const ids = { userId, anonymousId, groupId, previousId };
  const given = Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== undefined));
  return expect.objectContaining({
    id: messageId,
    session_id: context?.["sessionId"] ?? anonymousId ?? userId,
    category: type,
    name: event ?? name ?? type,
    timestamp: timestamp?.replace("Z", "000Z"),
    data: expect.objectContaining({ ...given, ...payload(call), context: expect.objectContaining({ ...context, library: expect.anything() }) }),
  });
}

/** Those of properties and traits that the call has. */
function payload({ properties, traits }: Call): Record<string, unknown> {
  return { ...(properties && { properties: expect.objectContaining(properties) }), ...(traits && { traits }) };
}

/** The same, of rudder-sdk-python: it puts what identify tells of a user into the context only. */
export function expectedOfRudderPython(call: Call): unknown {
  if (call.type !== "identify") return expected(call);
  const { traits, ...rest } = call;
  return expected({ ...rest, context: { ...rest.context, traits } });
}

export const sessionOf = (calls: Call[]): string => String(calls[0]?.context?.["sessionId"]);

/** Calls of one session with a number each. */
export function manyCalls(session: string, count: number): Call[] {
  const of = (number: number): Call => ({ type: "track", event: "Counted", properties: { number }, anonymousId: session });
  return Array.from({ length: count }, (_, number) => of(number));
}

/** The numbers of [`manyCalls`] that arrived, in their order. */
export function numbers(events: Stored[]): number[] {
  const number = ({ data }: Stored): number => Number((data["properties"] as { number?: unknown } | undefined)?.number);
  return events.map(number).sort((a, b) => a - b);
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, number) => number);
