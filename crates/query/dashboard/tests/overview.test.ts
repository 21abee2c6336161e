import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { expectFault, stack, useBrowser, visit } from "./support/browser.ts";
import { answerManyPoints } from "./support/many_points.ts";
import { ask, send } from "./support/stack.ts";
import { SESSIONS } from "./support/seed.ts";

useBrowser();

const tile = (title: string): string => `.tile:has(h2:has-text("${title}"))`;

it("shows what the endpoints answer", async () => {
  const page = await visit("/?range=24h");
  await page.locator(`${tile("Events")} .value`).filter({ hasText: /\d/ }).waitFor();
  const from = new Date(Date.now() - 86_400_000).toISOString();
  const { items } = await ask<{ items: { count: number }[] }>(stack(), `/api/counts?interval=month&from=${from}`);
  const events = items.reduce((sum, { count }) => sum + count, 0);
  const { sessions } = await ask<{ sessions: number }>(stack(), `/api/counts/sessions?from=${from}`);
  expect(events).toBeGreaterThan(SESSIONS);
  const shown = (count: number): string => count.toLocaleString("en-US");
  await page.locator(`${tile("Events")} .value`).getByText(shown(events), { exact: true }).waitFor();
  await page.locator(`${tile("Sessions")} .value`).getByText(shown(sessions), { exact: true }).waitFor();
  const { items: groups } = await ask<{ items: { severity: string; count: number }[] }>(stack(), `/api/errors/summary?group_by=severity&from=${from}`);
  const errors = groups.find(({ severity }) => severity === "error")?.count ?? 0;
  expect(errors).toBeGreaterThan(0);
  await page.locator(`${tile("Errors")} .value`).getByText(shown(errors), { exact: true }).waitFor();
  const { items: books } = await ask<{ items: { rejected: number; stored: number }[] }>(stack(), "/api/ledger?limit=1000");
  const [rejected, judged] = books.reduce(([bad, all], book) => [bad + book.rejected, all + book.rejected + book.stored], [0, 0]);
  await page.locator(`${tile("Rejected")} .quiet`).getByText(`${shown(rejected)} of ${shown(judged)} received`).waitFor();
  await page.locator(`${tile("In the queue")} .quiet`).filter({ hasText: "consumer" }).waitFor();
  await page.locator(".legend").getByText("page interaction").first().waitFor();
});

it("tells figures by application, as a table, and in another time zone", async () => {
  const page = await visit("/?range=6h&by=application&interval=hour&tz=Asia/Kolkata");
  const legend = page.locator(".legend").first();
  await legend.getByText("shop").waitFor();
  await legend.getByText("blog").waitFor();
  await page.getByText("As a table").first().click();
  // Hours of a zone that is half an hour off.
  await page.locator(".figures tbody tr").first().waitFor();
  const begins = await page.locator(".figures tbody td:first-child").allInnerTexts();
  expect(begins.length).toBe(7);
  expect(begins.filter((begin) => !begin.endsWith(":00:00"))).toEqual([]);
  await page.getByLabel("Time zone").selectOption("UTC");
  expect(new URL(page.url()).searchParams.get("tz")).toBeNull();
  await page.getByText("As a table").first().click();
  await expect.poll(async () => (await page.locator(".figures tbody td:first-child").allInnerTexts()).length).toBeGreaterThan(3);
});

it("compares with the range before", async () => {
  const page = await visit("/?range=1h&interval=minute");
  await page.locator(`${tile("Events")} .value`).filter({ hasText: /\d/ }).waitFor();
  expect(await page.locator(".delta").count()).toBe(0);
  await page.getByLabel("Compare with the range before").check();
  const legend = page.locator(".legend li").filter({ hasText: "all, the range before" });
  await legend.waitFor();
  const [end, begin] = [new Date(Date.now() - 3_600_000), new Date(Date.now() - 7_200_000)];
  const { items } = await ask<{ items: { count: number }[] }>(stack(), `/api/counts?interval=minute&from=${begin.toISOString()}&to=${end.toISOString()}`);
  const before = items.reduce((sum, { count }) => sum + count, 0);
  // The clock goes on between the two questions.
  expect(Math.abs(Number(await legend.locator("b").innerText()) - before)).toBeLessThanOrEqual(2);
  await page.locator(`${tile("Events")} .delta`).filter({ hasText: "%" }).waitFor();
  expect(page.url()).toContain("compare=1");
});

it("goes on by itself as events come", async () => {
  const page = await visit("/?range=15m&by=application");
  const value = page.locator(`${tile("Events")} .value`);
  await value.filter({ hasText: /\d/ }).waitFor();
  const before = Number((await value.innerText()).replaceAll(",", ""));
  const now = new Date().toISOString();
  await send(stack(), "shop", [{ session_id: "live", category: "page interaction", name: "pageview", data: { path: "/live" }, timestamp: now }]);
  await expect.poll(async () => Number((await value.innerText()).replaceAll(",", "")), { timeout: 30_000 }).toBeGreaterThan(before);
});

/** The plot, once everything above it is there: what comes later moves it. */
async function plotOf(page: Page): Promise<{ x: number; y: number; width: number }> {
  await page.locator(`${tile("Events")} .value`).filter({ hasText: /\d/ }).waitFor();
  await page.locator(".legend li").first().waitFor();
  await page.waitForLoadState("networkidle");
  const box = await page.locator(".plot .u-over").first().boundingBox();
  if (box === null) throw new Error("the plot is not shown");
  return box;
}

async function isMarked(page: Page): Promise<void> {
  await expect.poll(() => new URL(page.url()).searchParams.get("from"), { timeout: 10_000 }).not.toBeNull();
}

it("looks closer at what is marked", async () => {
  const page = await visit("/?range=6h");
  const box = await plotOf(page);
  await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + 60, { steps: 5 });
  await page.mouse.up();
  await isMarked(page);
  const { searchParams } = new URL(page.url());
  const length = Date.parse(searchParams.get("to") ?? "") - Date.parse(searchParams.get("from") ?? "");
  expect(length / 3_600_000).toBeCloseTo(6 * 0.4, 0);
});

it("says where there is something when there is nothing", async () => {
  const page = await visit("/?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z");
  await page.getByText("No event occurred in this range").waitFor();
  await page.getByRole("button", { name: "Show the 24 hours before it" }).click();
  await page.locator(".legend").getByText("page interaction").first().waitFor();
});

it("draws a hundred thousand points", async () => {
  const page = await visit("/");
  await answerManyPoints(page);
  await page.getByLabel("A point is a").selectOption("minute");
  await page.locator(".legend").getByText("category 7").waitFor();
  const canvas = page.locator(".plot canvas").first();
  expect(await canvas.evaluate((element) => {
    const drawing = (element as HTMLCanvasElement).getContext("2d");
    const { width, height } = element as HTMLCanvasElement;
    return drawing?.getImageData(0, 0, width, height).data.some((value) => value !== 0) ?? false;
  })).toBe(true);
});

it("shows an own key what is its own, and that the queue is everybody's", async () => {
  expectFault(/403/);
  const page = await visit("/?range=6h&by=application", { key: stack().ownKey });
  await page.locator(".legend").first().getByText("shop").waitFor();
  expect(await page.locator(".legend").first().innerText()).not.toContain("blog");
  await page.locator(`${tile("In the queue")} .quiet`).getByText("everybody's").waitFor();
});

it("marks a figure that is old", async () => {
  expectFault(/504/);
  const page = await visit("/?range=15m");
  await page.locator(`${tile("Events")} .value`).filter({ hasText: /\d/ }).waitFor();
  await page.route("**/api/counts?interval=month*", (route) => route.fulfill({ status: 504, json: { detail: "the query took too long" } }));
  await page.locator(`${tile("Events")} .fault`).getByText("the query took too long").waitFor();
  await page.unroute("**/api/counts?interval=month*");
  await expect.poll(() => page.locator(`${tile("Events")} .fault`).count(), { timeout: 15_000 }).toBe(0);
});
