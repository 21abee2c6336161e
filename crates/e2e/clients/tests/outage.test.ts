import { expect, test } from "vitest";
import { type Call, manyCalls, numbers, range } from "./support/calls.ts";
import { answerOfGateway, withoutBroker } from "./support/outage.ts";
import { createPageKey, load, openShopWithLibrary, type Shop } from "./support/page.ts";
import { type Pace, sendWithRudderNode, sendWithRudderPython, sendWithSegmentNode, sendWithSegmentPython } from "./support/senders.ts";
import { APPLICATION } from "./support/stack.ts";
import { arrived, settled, stored, unique } from "./support/store.ts";

const OUTAGE_MS = 30_000;
/** A call every second and a half, over all of the outage but its end. */
const CALLS = 16;
const PACE = { intervalMs: 1_500 } satisfies Pace;
/** More than the longest rest that an SDK takes between two tries by then: about a minute, of rudder-sdk-python. */
const PATIENCE_MS = 150_000;

type Send = (calls: Call[], pace: Pace) => Promise<void>;

const SERVERS: Record<string, Send> = {
  "analytics-node": sendWithSegmentNode,
  "rudder-sdk-node": sendWithRudderNode,
  "segment-analytics-python": sendWithSegmentPython,
  "rudder-sdk-python": sendWithRudderPython,
};

test("what five SDKs are told while the broker hangs for half a minute arrives afterwards, each call once", { timeout: 300_000 }, async () => {
  const shop = await openShopWithLibrary();
  try {
    await load(shop, await createPageKey(APPLICATION, shop.origin));
    const sessions = new Map(["analytics-next", ...Object.keys(SERVERS)].map((sdk) => [sdk, unique(sdk)]));
    const made = await makeCallsInOutage(shop, sessions);
    for (const session of sessions.values()) await arrived({ session_id: session }, CALLS, PATIENCE_MS);
    // Each SDK tells by itself that it has delivered everything.
    await Promise.all(made);
    await settled();
    for (const [sdk, session] of sessions) expect(numbers(await stored({ session_id: session })), sdk).toEqual(range(CALLS));
    expect(shop.strays).toEqual([]);
  } finally {
    await shop.close();
  }
});

/** Gives the ends of what the SDKs do, which are after the outage. */
async function makeCallsInOutage(shop: Shop, sessions: Map<string, string>): Promise<Promise<void>[]> {
  const made: Promise<void>[] = [];
  await withoutBroker(async () => {
    const end = Date.now() + OUTAGE_MS;
    expect(await answerOfGateway()).toBe(503);
    const session = (sdk: string): string => sessions.get(sdk) ?? "";
    made.push(...Object.entries(SERVERS).map(([sdk, send]) => send(manyCalls(session(sdk), CALLS), PACE)));
    made.push(shop.page.evaluate(makePacedCalls, { session: session("analytics-next"), count: CALLS, ...PACE }));
    // Their failure is told by whoever awaits them, later.
    made.forEach((sdk) => void sdk.catch(() => {}));
    await new Promise((over) => setTimeout(over, end - Date.now()));
    expect(await answerOfGateway()).toBe(503);
  });
  return made;
}

/** By default analytics-next tries 10 times, with pauses of 0.5 to 1 s times a power of two: more than five minutes in all. */
async function makePacedCalls({ session, count, intervalMs }: { session: string; count: number; intervalMs: number }): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    void window.analytics.track("Counted", { number }, { context: { sessionId: session } });
    await new Promise((later) => setTimeout(later, intervalMs));
  }
}
