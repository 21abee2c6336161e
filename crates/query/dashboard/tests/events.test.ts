import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { expectFault, stack, useBrowser, visit } from "./support/browser.ts";
import { ask, eye, send } from "./support/stack.ts";
import { CARTS, CHECKOUTS, SESSIONS } from "./support/seed.ts";

useBrowser();

const rows = "table.events tbody tr:not(.detail)";

it("narrows by chips that are the address, which shows others the same", async () => {
  const page = await visit("/events?range=6h");
  await page.getByLabel("Filter by").selectOption("category");
  await page.getByLabel("Value").fill("cart");
  await page.getByRole("button", { name: "Add filter" }).click();
  await expect.poll(() => page.locator(rows).count()).toBe(CARTS);
  await page.getByLabel("Value").fill("checkout");
  await page.getByRole("button", { name: "Add filter" }).click();
  await page.getByText("or Category: checkout").waitFor();
  await expect.poll(() => page.locator(rows).count()).toBe(CARTS + CHECKOUTS);
  await page.getByRole("button", { name: "Remove Category checkout" }).click();
  await expect.poll(() => page.locator(rows).count()).toBe(CARTS);
  await page.locator(rows).first().getByRole("button").click();
  await page.locator(".event .payload").waitFor();
  const shared = new URL(page.url());
  expect(shared.searchParams.getAll("category")).toEqual(["cart"]);
  const other = await visit(shared.pathname + shared.search);
  await expect.poll(() => other.locator(rows).count()).toBe(CARTS);
  expect(await other.locator(".event .payload").innerText()).toBe(await page.locator(".event .payload").innerText());
  await page.reload();
  await page.locator(".event .payload").waitFor();
  await page.getByRole("button", { name: "Remove Category cart" }).click();
  await expect.poll(() => page.locator(rows).count()).toBe(50);
});

it("narrows by a value of the payload that is clicked", async () => {
  const page = await visit("/events?range=6h&name=pageview&application=shop");
  await page.locator(rows).filter({ hasText: "device: mobile" }).first().getByRole("button").click();
  await page.getByRole("button", { name: "Show only events where device is \"mobile\"" }).click();
  await expect.poll(() => new URL(page.url()).searchParams.get("data.device")).toBe("mobile");
  await expect.poll(() => page.locator(rows).count()).toBe(SESSIONS / 2);
  for (const row of await page.locator(`${rows} .glimpse`).allInnerTexts()) expect(row).toContain("mobile");
});

it("keeps the digits of numbers and the members that objects have by nature", async () => {
  const page = await visit("/events?range=6h&session_id=digits");
  await page.locator(rows).first().getByRole("button").click();
  const payload = await page.locator(".event .payload").innerText();
  expect(payload).toContain("9007199254740993");
  expect(payload).toContain("__proto__");
  await page.getByRole("button", { name: /exact is 9007199254740993/ }).click();
  await expect.poll(() => page.locator(rows).count()).toBe(1);
});

it("pages through everything once, forth and back", async () => {
  const page = await visit("/events?range=6h&application=shop");
  const expected = await ask<{ items: { id: string; timestamp: string }[] }>(stack(), `/api/events?application=shop&limit=1000&from=${new Date(Date.now() - 6 * 3_600_000).toISOString()}`);
  const seen: string[] = [];
  for (;;) {
    await page.locator(rows).first().waitFor();
    const now = await page.locator(`${rows} td:first-child`).allInnerTexts();
    seen.push(...now);
    const next = page.getByRole("link", { name: "Next page" });
    if ((await next.count()) === 0) break;
    await next.click();
    await expect.poll(() => page.locator(`${rows} td:first-child`).first().innerText()).not.toBe(now[0]);
  }
  expect(seen.length).toBe(expected.items.length);
  // Each has a time of its own but for those that were made at once.
  const times = expected.items.map(({ timestamp }) => timestamp.replace("T", " ").slice(0, 23));
  expect(seen).toEqual(times);
  await page.goBack();
  await page.getByRole("link", { name: "Next page" }).waitFor();
});

it("shows events as they are stored, and stops", async () => {
  const page = await visit("/events?category=tail");
  await page.getByLabel("Live tail").check();
  await page.getByText("Waiting for events").waitFor();
  const event = (path: string): Parameters<typeof send>[2] => [{ session_id: "tail", category: "tail", name: "pageview", data: { path }, timestamp: new Date().toISOString() }];
  await send(stack(), "shop", event("/first"));
  await page.locator(rows).filter({ hasText: "/first" }).waitFor();
  await send(stack(), "blog", event("/second"));
  await page.locator(rows).filter({ hasText: "/second" }).waitFor();
  expect(await page.locator(rows).first().innerText()).toContain("/second");
  await page.getByLabel("Live tail").uncheck();
  await expect.poll(() => page.locator(rows).count()).toBe(2);
});

it("exports exactly what is shown", async () => {
  const page = await visit("/events?range=6h&category=cart&order=asc");
  await page.locator(rows).first().waitFor();
  await page.evaluate(() => Reflect.deleteProperty(window, "showSaveFilePicker"));
  await page.getByText("Export", { exact: true }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save the file" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line) as { category: string; timestamp: string });
  expect(download.suggestedFilename()).toBe("events.ndjson");
  expect(lines.length).toBe(CARTS);
  expect(lines.every(({ category }) => category === "cart")).toBe(true);
  expect(lines.map(({ timestamp }) => timestamp)).toEqual(lines.map(({ timestamp }) => timestamp).toSorted());
});

it("says what to do where nothing matches", async () => {
  const page = await visit("/events?category=no%20such%20category");
  await page.getByText("No event matches in this range").waitFor();
  await page.getByRole("link", { name: "remove the filters" }).click();
  await page.locator(rows).first().waitFor();
});

it("ends the live tail of a key that is revoked", async () => {
  expectFault(/401/);
  const made = JSON.parse(eye(stack(), "key", "create", "demo", "--scope", "read", "--output", "json")) as { key: string; id: number | string };
  const page = await visit("/events?live=1", { key: made.key });
  await page.getByText("Waiting for events").waitFor();
  eye(stack(), "key", "revoke", String(made.id));
  await page.getByLabel("Read key").waitFor({ timeout: 30_000 });
});
