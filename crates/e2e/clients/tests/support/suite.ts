// What holds for every SDK of the two tracking APIs that runs on a server.

import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { type Call, everyCall, expected, manyCalls, numbers, range, sessionOf } from "./calls.ts";
import { APPLICATION } from "./stack.ts";
import { arrived, settled, stored, unique } from "./store.ts";

/** Makes the calls with the SDK, and returns when it has told that all are delivered. */
export type Send = (calls: Call[]) => Promise<void>;

/** Versions 5 are made of names. */
const NAMED_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function behavesAsServerSdk(send: Send, expectedOf: (call: Call) => unknown = expected): void {
  deliversCalls(send, expectedOf);

  test("a call without a session is of its anonymous user, and else of its user", async () => {
    const [anonymousId, userId] = [unique("nobody"), unique("user")];
    await send([
      { type: "track", event: "Anonymous", anonymousId, userId },
      { type: "track", event: "Known", userId },
    ]);
    expect(await arrived({ session_id: anonymousId }, 1)).toEqual([expect.objectContaining({ name: "Anonymous" })]);
    expect(await arrived({ session_id: userId }, 1)).toEqual([expect.objectContaining({ name: "Known" })]);
  });

  test("a page without a name is called by its type", async () => {
    const anonymousId = unique("nobody");
    await send([{ type: "page", properties: { path: "/" }, anonymousId }]);
    expect(await arrived({ session_id: anonymousId }, 1)).toEqual([expect.objectContaining({ category: "page", name: "page" })]);
  });

  test("a call without a time is of the time at which it was made", async () => {
    const anonymousId = unique("nobody");
    const before = Date.now();
    await send([{ type: "track", event: "Now", anonymousId }]);
    const after = Date.now();
    const [event] = await arrived({ session_id: anonymousId }, 1);
    const time = Date.parse(String(event?.timestamp));
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
  });

  test("a message with an id of one's own is stored once, under an id that is made of it", async () => {
    const anonymousId = unique("nobody");
    const call: Call = { type: "track", event: "Paid", anonymousId, messageId: `order ${randomUUID()}`, timestamp: "2021-01-02T03:04:05.678Z" };
    await send([call, call]);
    await send([call]);
    await arrived({ session_id: anonymousId }, 1);
    await settled();
    expect(await stored({ session_id: anonymousId })).toEqual([expect.objectContaining({ id: expect.stringMatching(NAMED_UUID) })]);
  });
}

/** The part of it that depends on how bodies are written. */
export function deliversCalls(send: Send, expectedOf: (call: Call) => unknown = expected): void {
  test("every call arrives with its session, category, name, time and payload", async () => {
    const calls = everyCall();
    await send(calls);
    const found = await arrived({ session_id: sessionOf(calls) }, calls.length);
    expect(inOrder(found)).toEqual(calls.map(expectedOf));
    expect(new Set(found.map(({ application }) => application))).toEqual(new Set([APPLICATION]));
  });

  test("three hundred calls arrive, each once", async () => {
    const session = unique("crowd");
    await send(manyCalls(session, 300));
    expect(numbers(await arrived({ session_id: session }, 300))).toEqual(range(300));
  });
}

/** As the calls are numbered by their time. */
function inOrder<T extends { timestamp: string }>(events: T[]): T[] {
  return events.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp));
}
