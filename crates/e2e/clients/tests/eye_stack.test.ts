// The snippet for web pages as the gateway serves it, from a browser to what is stored.

import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SNIPPET } from "./support/eye_gateway.ts";
import { keyFor, openShop, type Shop } from "./support/eye_shop.ts";
import { arrived, settled, stack, stored, type Stored, unique } from "./support/store.ts";

const APPLICATION = "demo";
const DAY_MS = 24 * 60 * 60 * 1_000;

const BODY = `
  <button data-eye-click="chat bubble" data-eye-data='{"sku": 7}'><span>Chat</span></button>
  <form action="/thanks" name="order">
    <input name="plan" value="pro" data-eye-value>
    <input name="email" value="ann@example.org">
    <input name="password" type="password" value="hunter2" data-eye-value>
    <button>Buy</button>
  </form>`;

let shop: Shop;
let key: string;

beforeEach(async () => {
  shop = await openShop();
  key = await keyFor(APPLICATION, shop.origin);
});

afterEach(async () => {
  await shop.close();
  expect(shop.faults).toEqual([]);
});

const session = (page: Page): Promise<string> => page.evaluate(() => String(window.eye.session()));

const inOrder = (events: Stored[]): Stored[] => events.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp));

/** Once what was sent later is stored, and nothing is on its way, what would be stored is. */
async function everythingStored(): Promise<void> {
  const own = unique("later");
  const page = await shop.open(key, "", `data-session="${own}"`);
  await page.close();
  await arrived({ session_id: own }, 1);
  await settled();
}

test("the gateway serves the snippet that is tested here", async () => {
  const answer = await fetch(`${stack().gateway}/eye.js`);
  expect(answer.headers.get("content-type")).toMatch(/^(text|application)\/javascript/);
  expect(await answer.text()).toBe(readFileSync(SNIPPET, "utf8"));
});

test("views, clicks, submits, own events and the last one before leaving are stored, without what was typed", async () => {
  const before = Date.now();
  const page = await shop.open(key, BODY);
  const session_id = await session(page);
  await page.getByText("Chat").click();
  await page.evaluate(() => window.eye.send("cart", "add", { product: 7, price: 9.5 }));
  await page.getByRole("button", { name: "Buy" }).click();
  await page.waitForURL("**/thanks*");
  await page.getByText("Chat").click();
  await page.close();
  const events = inOrder(await arrived({ session_id }, 6));
  const host = new URL(shop.origin).host;
  expect(events.map(({ category, name, data }) => [category, name, data])).toEqual([
    ["page interaction", "pageview", { host, path: "/", title: "A shop" }],
    ["page interaction", "cta click", { host, path: "/", element: "chat bubble", sku: 7 }],
    ["cart", "add", { product: 7, price: 9.5 }],
    ["form interaction", "submit", { host, path: "/", element: "order", form: { plan: "pro" } }],
    ["page interaction", "pageview", { host, path: "/thanks", title: "A shop", referrer: `${shop.origin}/` }],
    ["page interaction", "cta click", { host, path: "/thanks", element: "chat bubble", sku: 7 }],
  ]);
  expect(new Set(events.map(({ application }) => application))).toEqual(new Set([APPLICATION]));
  for (const { timestamp } of events) {
    expect(Date.parse(timestamp)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(timestamp)).toBeLessThanOrEqual(Date.now());
  }
  expect(JSON.stringify(events)).not.toMatch(/ann@|hunter/);
  await settled();
  expect(await stored({ session_id })).toHaveLength(6);
  expect(shop.warnings).toEqual([]);
});

test.each([["ahead", DAY_MS], ["behind", -DAY_MS]])("the time of an event is right though the visitor's clock is a day %s", async (_, wrong) => {
  const before = Date.now();
  await shop.context.clock.install({ time: before + wrong });
  const page = await shop.open(key);
  const session_id = await session(page);
  await page.close();
  const [event] = await arrived({ session_id }, 1);
  expect(Math.abs(Date.parse(String(event?.timestamp)) - before)).toBeLessThan(60_000);
});

test("nothing is stored from a page of an origin that is not listed", async () => {
  const other = await openShop();
  try {
    const page = await other.open(key, BODY);
    const session_id = await session(page);
    const call = page.waitForRequest((request) => request.url().includes("/api/browser/events"));
    await page.getByText("Chat").click();
    await call;
    await page.getByText("Chat").click();
    await page.close();
    await everythingStored();
    expect(await stored({ session_id })).toEqual([]);
    expect(other.faults).toEqual([]);
  } finally {
    await other.close();
  }
});

test("a page of an origin that is not listed is told why by the gateway, and does not try again", async () => {
  const other = await openShop();
  try {
    const page = await other.open(key);
    const calls: string[] = [];
    page.on("request", (request) => request.method() === "POST" && calls.push(request.url()));
    const told = expect.stringMatching(/^The Eye dropped events: 403, .*/) as string;
    await expect.poll(() => other.warnings, { timeout: 10_000, message: "it may read that the answer is 403, and why" }).toEqual([told]);
    expect(other.warnings[0]).toContain(`--origin ${other.origin}`);
    expect(calls).toHaveLength(1);
  } finally {
    await other.close();
  }
});

test("nothing is stored from a visitor who asks not to be tracked", async () => {
  const other = await openShop();
  try {
    await other.context.addInitScript(() => Object.defineProperty(navigator, "doNotTrack", { value: "1" }));
    const session_id = unique("refused");
    const page = await other.open(await keyFor(APPLICATION, other.origin), BODY, `data-session="${session_id}"`);
    await page.getByText("Chat").click();
    await page.evaluate(() => window.eye.send("cart", "add", { product: 7 }));
    await page.close();
    await everythingStored();
    expect(await stored({ session_id })).toEqual([]);
    expect(other.faults).toEqual([]);
  } finally {
    await other.close();
  }
});
