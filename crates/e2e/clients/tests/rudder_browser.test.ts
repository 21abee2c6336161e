import { resolve } from "node:path";
import type * as Rudder from "@rudderstack/analytics-js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { numbers, range } from "./support/calls.ts";
import { createPageKey, expectNoFaults, openShopWithLibrary, type Shop } from "./support/page.ts";
import { APPLICATION } from "./support/stack.ts";
import { arrived, stack } from "./support/store.ts";

/** The package's script for browsers that holds all of its plugins: the one without would load them from its makers' host. */
const BUNDLED = resolve("node_modules/@rudderstack/analytics-js/dist/npm/modern/bundled/umd");

/** What our page leaves beside what the script does. */
interface Page {
  rudderanalytics: typeof Rudder;
  rudder: Rudder.RudderAnalytics;
}

/** The library's own number of the session, and its anonymous user. */
interface Visit {
  session: string;
  anonymousId: string;
}

describe("@rudderstack/analytics-js", () => {
  let shop: Shop;
  let key: string;

  beforeEach(async () => {
    shop = await openShopWithLibrary(BUNDLED);
    key = await createPageKey(APPLICATION, shop.origin);
  });
  afterEach(() => shop.close());

  test("every call of a page arrives with the library's session, and its category, name, time and payload", async () => {
    const before = Date.now();
    const { session, anonymousId } = await load(shop, key);
    await shop.page.evaluate(makeEveryCall);
    const found = await arrived({ session_id: session }, 5);
    const types = found.map(({ category, name }) => [category, name]).sort();
    expect(types).toEqual([
      ["alias", "alias"],
      ["group", "group"],
      ["identify", "identify"],
      ["page", "Home"],
      ["track", "Order Completed"],
    ]);
    const of = (category: string) => found.find((event) => event.category === category);
    const page = { title: "A shop", url: `${shop.origin}/` };
    const context = { sessionId: Number(session), shop: "north", page, library: { name: "RudderLabs JavaScript SDK" } };
    expect(of("track")?.data).toMatchObject({ properties: { total: 19.95 }, context, anonymousId });
    expect(of("page")?.data).toMatchObject({ properties: { title: "A shop", kind: "start" }, category: "Shop", context });
    // It puts what identify tells of a user into the context only.
    expect(of("identify")?.data).toMatchObject({ context: { ...context, traits: { plan: "pro" } }, userId: "user 17" });
    expect(of("group")?.data).toMatchObject({ traits: { seats: 3 }, groupId: "group 3", userId: "user 17", context });
    expect(of("alias")?.data).toMatchObject({ userId: "user 17", previousId: "user 16", context });
    expect(found.every(({ timestamp }) => Date.parse(timestamp) >= before && Date.parse(timestamp) <= Date.now())).toBe(true);
    expectNoFaults(shop);
  });

  test("a call without a session is of the anonymous user that the library keeps", async () => {
    const { anonymousId } = await load(shop, key, { sessions: { autoTrack: false } });
    await shop.page.evaluate(() => (window as unknown as Page).rudder.track("Looked"));
    expect(await arrived({ session_id: anonymousId }, 1)).toEqual([expect.objectContaining({ name: "Looked", application: APPLICATION })]);
    expectNoFaults(shop);
  });

  test("calls in batches arrive, each once", async () => {
    const { session } = await load(shop, key, { queueOptions: { batch: { enabled: true, maxItems: 10, flushInterval: 500 } } });
    await shop.page.evaluate(makeManyCalls, 35);
    expect(numbers(await arrived({ session_id: session }, 35))).toEqual(range(35));
    expectNoFaults(shop);
  });

  test("calls that the browser is left to send arrive after the page has been left", async () => {
    const { session } = await load(shop, key, { useBeacon: true });
    await shop.page.evaluate(makeManyCalls, 5);
    await shop.page.goto("about:blank");
    expect(numbers(await arrived({ session_id: session }, 5))).toEqual(range(5));
    expectNoFaults(shop);
  });
});

/** Starts the library with no other address than the gateway's. */
function load({ page }: Shop, key: string, options: Record<string, unknown> = {}): Promise<Visit> {
  return page.evaluate(
    async ([key, gateway, options]) => {
      const shown = window as unknown as Page;
      const rudder = new shown.rudderanalytics.RudderAnalytics();
      shown.rudder = rudder;
      await new Promise<void>((loaded) => rudder.load(key, gateway, { configUrl: gateway, ...options, onLoaded: () => loaded() }));
      return { session: String(rudder.getSessionId()), anonymousId: rudder.getAnonymousId() ?? "" };
    },
    [key, stack().gateway, options] as const,
  );
}

function makeEveryCall(): void {
  const { rudder } = window as unknown as Page;
  const options = { context: { shop: "north" } };
  rudder.track("Order Completed", { total: 19.95 }, options);
  rudder.page("Shop", "Home", { kind: "start" }, options);
  rudder.identify("user 17", { plan: "pro" }, options);
  rudder.group("group 3", { seats: 3 }, options);
  rudder.alias("user 17", "user 16", options);
}

function makeManyCalls(count: number): void {
  for (let number = 0; number < count; number += 1) (window as unknown as Page).rudder.track("Counted", { number });
}
