// What is stored, as an analyst reads it.

import { randomUUID } from "node:crypto";
import { inject } from "vitest";
import type { Stack } from "./stack.ts";

export interface Stored {
  id: string;
  application: string;
  session_id: string;
  category: string;
  name: string;
  data: Record<string, unknown>;
  timestamp: string;
}

/** How long an event may take from its call to the store, unless a test says otherwise. */
const ARRIVAL_PATIENCE_MS = 20_000;
const LOOK_INTERVAL_MS = 100;

export const stack = (): Stack => inject("stack");

/** A name that no other test and no other run has. */
export const unique = (what: string): string => `${what} ${randomUUID()}`;

const pause = (length: number): Promise<void> => new Promise((later) => setTimeout(later, length));

async function ask<T>(path: string): Promise<T> {
  const { query, readKey } = stack();
  const answer = await fetch(query + path, { headers: { Authorization: `Bearer ${readKey}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** The events that match, a thousand at most. */
export async function stored(filter: Record<string, string>): Promise<Stored[]> {
  const { items } = await ask<{ items: Stored[] }>(`/api/events?${new URLSearchParams({ ...filter, limit: "1000" })}`);
  return items;
}

/** Looks again and again until there is something; says what was waited for when that takes too long. */
export async function until<T>(what: () => string | Promise<string>, look: () => Promise<T | undefined>, patience = ARRIVAL_PATIENCE_MS): Promise<T> {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`after ${patience} ms: ${await what()}`);
    await pause(LOOK_INTERVAL_MS);
  }
}

/** Waits until so many events match, and gives them; with more of them than that, all. */
export async function arrived(filter: Record<string, string>, count: number, patience?: number): Promise<Stored[]> {
  let found: Stored[] = [];
  const look = async (): Promise<Stored[] | undefined> => ((found = await stored(filter)).length >= count ? found : undefined);
  return until(async () => `expected ${count} events of ${JSON.stringify(filter)}, found ${await described(found)}`, look, patience);
}

/** What came, and what was refused, for whoever looks for the reason. */
async function described(found: Stored[]): Promise<string> {
  const { items } = await ask<{ items: { code: string; field: string; message: string }[] }>("/api/errors?limit=3");
  const refused = items.map(({ code, field, message }) => `${code} ${field} ${message}`);
  return `${found.length}: ${found.map(({ category, name }) => `${category}/${name}`).join(", ")}; last errors: ${refused.join("; ") || "none"}`;
}

/** Waits until nothing is on its way, so that what would be stored twice has been: three looks, since consumers tell once a second. */
export async function settled(): Promise<void> {
  interface Pipeline {
    queues: { ready_messages: number }[];
    consumers: { deliveries_held: number }[];
  }
  for (let look = 0, idle = 0; look < 60; look += 1) {
    const { queues, consumers } = await ask<Pipeline>("/api/pipeline");
    const isIdle = consumers.length > 0 && queues.every((queue) => queue.ready_messages === 0) && consumers.every((consumer) => consumer.deliveries_held === 0);
    idle = isIdle ? idle + 1 : 0;
    if (idle === 3) return;
    await pause(1_000);
  }
  throw new Error("events are still on their way after a minute");
}
