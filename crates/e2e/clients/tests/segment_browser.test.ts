import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { numbers, range } from "./support/calls.ts";
import { createPageKey, expectNoFaults, load, openShopWithLibrary, type Shop } from "./support/page.ts";
import { APPLICATION } from "./support/stack.ts";
import { arrived, unique } from "./support/store.ts";

describe("@segment/analytics-next", () => {
  let shop: Shop;
  let key: string;

  beforeEach(async () => {
    shop = await openShopWithLibrary();
    key = await createPageKey(APPLICATION, shop.origin);
  });
  afterEach(() => shop.close());

  test("every call of a page arrives with its session, category, name, time and payload", async () => {
    const session = unique("visit");
    await load(shop, key);
    const before = Date.now();
    await shop.page.evaluate(makeEveryCall, session);
    const found = await arrived({ session_id: session }, 6);
    const types = found.map(({ category, name }) => [category, name]).sort();
    expect(types).toEqual([
      ["alias", "alias"],
      ["group", "group"],
      ["identify", "identify"],
      ["page", "Home"],
      ["screen", "Start"],
      ["track", "Order Completed"],
    ]);
    const of = (category: string) => found.find((event) => event.category === category);
    const context = { sessionId: session, page: { title: "A shop", url: `${shop.origin}/` }, library: { name: "analytics.js" } };
    expect(of("track")?.data).toMatchObject({ properties: { total: 19.95 }, context });
    expect(of("page")?.data).toMatchObject({ properties: { title: "A shop", kind: "start" }, anonymousId: expect.any(String) });
    expect(of("identify")?.data).toMatchObject({ traits: { plan: "pro" }, userId: "user 17" });
    expect(of("group")?.data).toMatchObject({ traits: { seats: 3 }, groupId: "group 3" });
    expect(of("alias")?.data).toMatchObject({ userId: "user 17", previousId: "user 16" });
    expect(found.every(({ timestamp }) => Date.parse(timestamp) >= before && Date.parse(timestamp) <= Date.now())).toBe(true);
    expectNoFaults(shop);
  });

  test("a call without a session is of the anonymous user that the library keeps", async () => {
    await load(shop, key);
    const anonymousId = await shop.page.evaluate(async () => {
      await window.analytics.track("Looked");
      return (await window.analytics.user()).anonymousId() ?? "";
    });
    expect(await arrived({ session_id: anonymousId }, 1)).toEqual([expect.objectContaining({ name: "Looked", application: APPLICATION })]);
    expectNoFaults(shop);
  });

  test("calls in batches arrive, each once", async () => {
    const session = unique("visit");
    await load(shop, key, { deliveryStrategy: { strategy: "batching", config: { size: 10, timeout: 500 } } });
    await shop.page.evaluate(makeManyCalls, { session, count: 35 });
    expect(numbers(await arrived({ session_id: session }, 35))).toEqual(range(35));
    expectNoFaults(shop);
  });

  test("nothing is sent to other hosts, not even after the half minute at which the library tells of itself", async () => {
    await shop.page.clock.install();
    await load(shop, key);
    const anonymousId = await shop.page.evaluate(async () => {
      await window.analytics.track("Looked");
      return (await window.analytics.user()).anonymousId() ?? "";
    });
    await shop.page.clock.fastForward("01:00");
    await arrived({ session_id: anonymousId }, 1);
    expectNoFaults(shop);
  });
});

async function makeEveryCall(sessionId: string): Promise<void> {
  const { analytics } = window;
  const options = { context: { sessionId } };
  await analytics.track("Order Completed", { total: 19.95 }, options);
  await analytics.page("Shop", "Home", { kind: "start" }, options);
  await analytics.screen("Start", { dark: true }, options);
  await analytics.identify("user 17", { plan: "pro" }, options);
  await analytics.group("group 3", { seats: 3 }, options);
  // Of the user who is known, whomever it names first.
  await analytics.alias("user 18", "user 16", options);
}

async function makeManyCalls({ session, count }: { session: string; count: number }): Promise<void> {
  const make = (number: number) => window.analytics.track("Counted", { number }, { context: { sessionId: session } });
  await Promise.all(Array.from({ length: count }, (_, number) => make(number)));
}
