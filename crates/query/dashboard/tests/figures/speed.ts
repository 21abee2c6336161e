// How fast the pages are here: figures to read, not tests, for they are those of this machine.

import type { Page } from "playwright-core";
import { it } from "vitest";
import { useBrowser, visit } from "../support/browser.ts";
import { answerManyPoints, POINTS } from "../support/many_points.ts";

useBrowser();

const VISITS = 9;

const sorted = (figures: number[]): number[] => figures.toSorted((one, other) => one - other);
const told = (figures: number[]): string => {
  const from = sorted(figures);
  const at = (share: number): string => (from[Math.min(Math.floor(share * from.length), from.length - 1)] ?? 0).toFixed(0);
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms`;
};

async function firstPaint(page: Page): Promise<number> {
  await page.locator("h1").waitFor();
  return page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN);
}

it.each(["/", "/events?range=all", "/errors?range=all"])("first paint without a cache: %s", async (path) => {
  const figures: number[] = [];
  for (let visited = 0; visited < VISITS; visited += 1) figures.push(await firstPaint(await visit(path)));
  console.log(`first paint of ${path}: ${told(figures)} (${VISITS} visits)`);
});

it("a hundred thousand points", async () => {
  const page = await visit("/");
  await answerManyPoints(page);
  await page.getByLabel("A point is a").selectOption("minute");
  await page.locator(".legend").getByText("category 7").waitFor();
  const box = await page.locator(".plot .u-over").first().boundingBox();
  if (box === null) throw new Error("the plot is not shown");
  await page.evaluate(() => {
    const frames: number[] = [];
    let last = performance.now();
    const next = (now: number): void => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    Object.assign(window, { frames });
  });
  for (let step = 0; step <= 200; step += 1) await page.mouse.move(box.x + (box.width * step) / 200, box.y + 100);
  const moving = await page.evaluate(() => (window as unknown as { frames: number[] }).frames.splice(0));
  console.log(`${POINTS} points, a frame while the pointer moves over them: ${told(moving)} (${moving.length} frames)`);
  // Another width has everything drawn anew.
  for (let width = 1_200; width > 1_000; width -= 10) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const drawing = await page.evaluate(() => (window as unknown as { frames: number[] }).frames.splice(0));
  console.log(`${POINTS} points, a frame while all of them are drawn anew: ${told(drawing)} (${drawing.length} frames)`);
});
