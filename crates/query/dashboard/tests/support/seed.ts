// What the stack has in it: sessions that buy and that don't, errors, and what somebody hostile would send.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { allStored, eye, register, type Sent, send, type Stack } from "./stack.ts";

export const SESSIONS = 60;
/** Of the sessions, every one views; these add to the cart, and these check out. */
export const CARTS = 24;
export const CHECKOUTS = 9;

export const GAP_SESSION = "session with a gap";
export const WRONG_SESSION = "session with errors";

/** Shown as it is by whoever shows it carelessly, it would run, hide or turn around what stands beside it. */
export const HOSTILE = {
  session: `<script>window.hacked = "session"</script>`,
  category: `"><img src=x onerror="window.hacked='category'">`,
  name: "name \u202Eevil\u202C \u200B/ %2F javascript:alert(1)",
  key: `<svg onload="window.hacked='key'">`,
  link: "javascript:window.hacked='link'",
  long: `${"<b>x</b>".repeat(31_000)}`,
} as const;

const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** Sessions of the last two hours. */
function sessions(): Sent[] {
  return Array.from({ length: SESSIONS }, (_, at): Sent[] => {
    const session_id = `session ${String(at).padStart(2, "0")}`;
    const begin = 115 - (110 * at) / SESSIONS;
    const view: Sent = { session_id, category: "page interaction", name: "pageview", data: { path: at % 3 === 0 ? "/" : `/product/${at}`, device: at % 2 === 0 ? "mobile" : "desktop" }, timestamp: minutesAgo(begin) };
    const cart: Sent = { session_id, category: "cart", name: "add", data: { product: at, price: 9.5 }, timestamp: minutesAgo(begin - 1) };
    const checkout: Sent = { session_id, category: "checkout", name: "step", data: { step: "pay" }, timestamp: minutesAgo(begin - 2) };
    return [view, ...(at < CARTS ? [cart] : []), ...(at < CHECKOUTS ? [checkout] : [])];
  }).flat();
}

function wrong(): Sent[] {
  const of = (data: unknown, changes: object = {}): Sent => ({ session_id: WRONG_SESSION, category: "form interaction", name: "submit", data, timestamp: minutesAgo(3), ...changes });
  return [
    of({ path: "/contact", form: { mail: "john@example.org" } }),
    of({ path: 5, form: { email: "no address" } }),
    of({ path: "/contact", form: { email: "a@example.org" } }, { name: null }),
    of({ path: "/contact", form: { email: "a@example.org" } }, { timestamp: "2099-01-01T00:00:00Z" }),
    of({ path: "/contact", form: { email: "a@example.org" } }),
  ];
}

function hostile(): Sent {
  const { session, category, name, key, link, long } = HOSTILE;
  return { session_id: session, category, name, data: { [key]: link, long, nested: { "a.b\\c": "<i>", list: [1, [2, { deep: null }]] } }, timestamp: minutesAgo(1) };
}

export async function seed(stack: Stack): Promise<void> {
  const email = { type: "object", required: ["email"], properties: { email: { type: "string", format: "email" } } };
  register(stack, "form interaction", "submit", [
    [{ type: "object", required: ["path"] }, "first <b>rules</b>"],
    [{ type: "object", required: ["path", "form"], properties: { path: { type: "string" }, form: email } }, "agreed with the shop"],
  ]);
  // In force everywhere within 5 s.
  await new Promise((later) => setTimeout(later, 5_000));
  await send(stack, "shop", sessions());
  await send(stack, "shop", [
    { session_id: GAP_SESSION, category: "page interaction", name: "pageview", data: { path: "/a" }, timestamp: minutesAgo(40) },
    { session_id: GAP_SESSION, category: "page interaction", name: "pageview", data: { path: "/c" }, timestamp: minutesAgo(20) },
  ]);
  await send(stack, "blog", [{ session_id: GAP_SESSION, category: "reading", name: "article", data: { title: "b" }, timestamp: minutesAgo(39.9) }]);
  await send(stack, "shop", wrong());
  await send(stack, "blog", [hostile(), { ...hostile(), timestamp: HOSTILE.link, data: { [HOSTILE.key]: HOSTILE.link } }]);
  // A number that no double holds, and a key that is no plain member.
  await send(stack, "blog", `{"session_id": "digits", "category": "reading", "name": "article", "data": {"exact": 9007199254740993, "__proto__": {"kept": true}}, "timestamp": "${minutesAgo(2)}"}`);
}

/** Loads the recorded events of `EYE_RECORDED_DATA`; says so where there are none. */
export async function loadRecorded(stack: Stack): Promise<boolean> {
  const directory = process.env["EYE_RECORDED_DATA"];
  if (directory === undefined || !existsSync(directory)) {
    console.log("EYE_RECORDED_DATA names no directory: without recorded events.");
    return false;
  }
  const files = readdirSync(directory).filter((name) => name.includes(".ndjson"));
  eye(stack, "load", ...files.map((name) => join(directory, name)));
  await allStored(stack);
  return files.length > 0;
}
