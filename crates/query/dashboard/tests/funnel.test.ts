import { expect, it } from "vitest";
import { useBrowser, visit } from "./support/browser.ts";
import { CARTS, CHECKOUTS, SESSIONS } from "./support/seed.ts";

useBrowser();

it("is made of steps that exist, and opens the sessions that fell out", async () => {
  const page = await visit("/funnel?range=6h");
  for (const step of ["page interaction / pageview", "cart / add", "checkout / step"]) {
    await page.getByLabel("Next step").selectOption({ label: step });
    await page.getByRole("button", { name: "Add the step" }).click();
  }
  const bars = page.locator("ol.funnel > li");
  await expect.poll(() => bars.count()).toBe(3);
  const sessions = async (): Promise<number[]> => (await bars.locator(".label span").allInnerTexts()).flatMap((text) => (/^([\d,]+) sessions/.exec(text)?.[1] === undefined ? [] : [Number(/^([\d,]+) sessions/.exec(text)?.[1]?.replaceAll(",", ""))]));
  const [views = 0, carts, checkouts] = await sessions();
  expect(views).toBeGreaterThanOrEqual(SESSIONS);
  expect([carts, checkouts]).toEqual([CARTS, CHECKOUTS]);
  await page.getByRole("link", { name: `${CARTS - CHECKOUTS} sessions went no further` }).click();
  const left = page.locator("#left li");
  await expect.poll(() => left.count()).toBe(CARTS - CHECKOUTS);
  const shared = new URL(page.url());
  const other = await visit(shared.pathname + shared.search);
  await expect.poll(() => other.locator("#left li").count()).toBe(CARTS - CHECKOUTS);
  await left.first().getByRole("link").click();
  await expect.poll(() => page.locator(".timeline .step").count()).toBe(2);
});

it("has steps that can be moved and taken away", async () => {
  const page = await visit("/funnel?range=6h&step=page+interaction%2Fpageview&step=cart%2Fadd&step=checkout%2Fstep");
  await page.getByRole("button", { name: "Remove checkout / step" }).click();
  await page.getByRole("button", { name: "Move cart / add up" }).click();
  await expect.poll(() => new URL(page.url()).searchParams.getAll("step")).toEqual(["cart/add", "page interaction/pageview"]);
  await page.getByLabel("All steps within").selectOption("5m");
  await expect.poll(() => new URL(page.url()).searchParams.get("within")).toBe("5m");
});
