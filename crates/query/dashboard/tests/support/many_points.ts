import type { Page } from "playwright-core";

/** Eight categories of 12,500 minutes each: more minutes than one answer has, and a hundred thousand points. */
const CATEGORIES = 8;
const MINUTES = 12_500;

export const POINTS = CATEGORIES * MINUTES;

/** Has counts by the minute answered with that many points. */
export async function answerManyPoints(page: Page): Promise<void> {
  const start = Date.parse("2026-01-01T00:00:00Z");
  const times = Array.from({ length: MINUTES }, (_, minute) => new Date(start + minute * 60_000).toISOString());
  const count = (minute: number, category: number): number => (minute * 7_919 + category * 104_729) % 1_000;
  await page.route("**/api/counts?interval=minute*", async (route) => {
    const isGrouped = route.request().url().includes("group_by");
    const items = isGrouped
      ? Array.from({ length: CATEGORIES }, (_, category) =>
          times.map((at, minute) => ({ start: at, category: `category ${category}`, application: `application ${category}`, count: count(minute, category) })),
        ).flat()
      : times.map((at, minute) => ({ start: at, count: count(minute, 0) * CATEGORIES }));
    await route.fulfill({ json: { items } });
  });
}
