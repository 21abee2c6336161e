// Questions to the query service: with the key, and with errors that say what to do.

import { signal } from "@preact/signals";
import { type Json, parse } from "./json.ts";

/** Parameters in their order; one may repeat. */
export type Params = ReadonlyArray<readonly [name: string, value: string]>;

/** The service answered that it can't, or will not: an RFC 9457 problem. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly requestId: string | undefined,
    readonly retryAfterS: number | undefined,
  ) {
    super(detail);
  }
}

/** Nothing answered. */
export class Away extends Error {}

/** Whether somebody answers at all, as the last question showed. A service that is there and can't answer says so itself. */
export const connection = signal<"up" | "lost">("up");

const KEY = "eye.key";

/** The key of whoever signed in; kept for this tab only, and ended with it. */
export const key = signal<string | null>(sessionStorage.getItem(KEY));

/** Why whoever was signed in has to do so again. */
export const signedOutBecause = signal<string | null>(null);

export function signIn(given: string): void {
  sessionStorage.setItem(KEY, given);
  signedOutBecause.value = null;
  key.value = given;
}

export function signOut(reason: string | null = null): void {
  sessionStorage.removeItem(KEY);
  signedOutBecause.value = reason;
  key.value = null;
}

/** The address of a question. */
export function address(path: string, params: Params = []): string {
  const query = new URLSearchParams(params.map(([name, value]) => [name, value])).toString();
  return query === "" ? path : `${path}?${query}`;
}

/** How long an answer may take, in milliseconds: the service gives up a question long before that. */
const ANSWER_MS_MAX = 60_000;

/** Asks, and gives the answer as it comes. */
export async function open(path: string, params: Params, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
  const used = key.value;
  let answer: Response;
  try {
    answer = await fetch(address(path, params), {
      headers: { Authorization: `Bearer ${used ?? ""}`, ...headers },
      signal: signal ?? null,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw away();
  }
  if (answer.ok) {
    connection.value = "up";
    return answer;
  }
  const refusal = await refusalOf(answer);
  connection.value = refusal.status === 502 ? "lost" : "up";
  // Whoever signed in since has another key.
  if (refusal.status === 401 && used === key.value) signOut(refusal.detail);
  throw refusal;
}

/** Asks, and reads the answer. */
export async function ask<T>(path: string, params: Params = [], signal?: AbortSignal): Promise<T> {
  const limit = AbortSignal.timeout(ANSWER_MS_MAX);
  const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
  let text: string;
  try {
    text = await (await open(path, params, either)).text();
  } catch (error) {
    // An answer that breaks off is none.
    if (signal?.aborted === true || error instanceof Refusal) throw error;
    throw away();
  }
  return parse(text) as Json as T;
}

function away(): Away {
  connection.value = "lost";
  return new Away("The query service does not answer.");
}

/** Whether asking the same again later may help. */
export function isOutage(error: unknown): boolean {
  return error instanceof Away || (error instanceof Refusal && (error.status === 503 || error.status === 502));
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const after = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  const retryAfterS = Number.isFinite(after) ? after : undefined;
  const problem: unknown = await answer.json().catch(() => null);
  const member = (name: string): string | undefined => {
    if (typeof problem !== "object" || problem === null) return undefined;
    const value: unknown = (problem as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  };
  const detail = member("detail") ?? member("title") ?? `The answer was ${answer.status} ${answer.statusText}.`;
  return new Refusal(answer.status, detail, member("request_id"), retryAfterS);
}
