import { expect, it } from "vitest";
import { stack, useBrowser, visit } from "./support/browser.ts";
import { ask } from "./support/stack.ts";
import { GAP_SESSION } from "./support/seed.ts";

useBrowser();

it("shows a session in its order, with its gaps and its applications", async () => {
  const page = await visit("/session?range=6h");
  await page.getByRole("link", { name: GAP_SESSION }).click();
  const entries = page.locator(".timeline ol > li");
  await expect.poll(() => entries.count()).toBe(4);
  const texts = await entries.allInnerTexts();
  expect(texts[0]).toContain("pageview");
  expect(texts[1]).toContain("article");
  // By what their data say one click is told from another.
  expect(texts[1]).toMatch(/title: \S/);
  expect(texts[2]).toMatch(/20 min without an event/);
  expect(texts[3]).toContain("pageview");
  const colors = await page.locator(".timeline ol > li:not(.gap)").evaluateAll((items) => items.map((item) => getComputedStyle(item).borderLeftColor));
  expect(colors[0]).not.toBe(colors[1]);
  expect(colors[0]).toBe(colors[2]);
  await entries.nth(1).getByRole("button").click();
  expect(await page.locator("aside .payload").innerText()).toContain("title");
  const shared = new URL(page.url());
  const other = await visit(shared.pathname + shared.search);
  await other.locator("aside .payload").waitFor();
});

it("goes by keyboard", async () => {
  const page = await visit(`/session?id=${encodeURIComponent(GAP_SESSION)}`);
  await page.locator(".timeline .step").first().focus();
  await page.keyboard.press("Enter");
  await page.locator("aside .payload").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await expect.poll(async () => page.locator("aside").innerText()).toContain("article");
});

it("says that there is no such session", async () => {
  const page = await visit("/session");
  await page.getByLabel("Session id").fill("..");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("No event of this session is stored").waitFor();
});

it("lists recorded sessions, and shows the longest of them whole", async (context) => {
  if (!stack().hasRecorded) context.skip("without recorded events");
  const { items } = await ask<{ items: { session_id: string; event_count: number }[] }>(stack(), "/api/sessions?limit=50");
  const page = await visit("/session?range=all");
  const shown = page.locator("tbody tr td:first-child");
  await expect.poll(() => shown.count()).toBe(items.length);
  const longest = items.toSorted((one, other) => other.event_count - one.event_count)[0];
  if (longest === undefined) throw new Error("no session was recorded");
  await visit(`/session?id=${encodeURIComponent(longest.session_id)}`).then((one) =>
    expect.poll(() => one.locator(".timeline .step").count()).toBe(Math.min(longest.event_count, 5_000)),
  );
});
