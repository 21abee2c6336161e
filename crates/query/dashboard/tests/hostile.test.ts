import { expect, it } from "vitest";
import { useBrowser, visit } from "./support/browser.ts";
import { HOSTILE } from "./support/seed.ts";

useBrowser();

const PAGES: [page: string, shown: string][] = [
  ["/?range=6h", HOSTILE.category],
  [`/events?range=6h&session_id=${encodeURIComponent(HOSTILE.session)}`, HOSTILE.category],
  [`/session?id=${encodeURIComponent(HOSTILE.session)}`, HOSTILE.category],
  ["/session?range=6h", HOSTILE.session],
  ["/errors?range=6h", "invalid_timestamp"],
  ["/errors?range=6h&code=invalid_timestamp&list=1", HOSTILE.category.slice(0, 20)],
  ["/event-types", HOSTILE.category],
  [`/event-types?category=${encodeURIComponent(HOSTILE.category)}&name=${encodeURIComponent(HOSTILE.name)}`, HOSTILE.category],
  [`/funnel?range=6h&step=${encodeURIComponent(`${HOSTILE.category.replaceAll("/", "%2F")}/${HOSTILE.name}`)}&step=cart%2Fadd`, HOSTILE.category],
];

it.each(PAGES)("is text, and nothing else: %s", async (path, shown) => {
  const page = await visit(path);
  await page.getByText(shown).first().waitFor();
  const open = page.locator("table.events tbody button.plain, .timeline .step").first();
  if ((await open.count()) > 0) {
    await open.click();
    await page.locator(".event .payload").waitFor();
    const payload = await page.locator(".event .payload").innerText();
    expect(payload).toContain(HOSTILE.key);
    expect(payload).toContain(HOSTILE.link);
    await page.getByRole("button", { name: /characters/ }).first().click();
    expect((await page.locator(".event .payload").innerText()).length).toBeGreaterThan(HOSTILE.long.length);
  }
  const text = await page.locator("body").innerText();
  // What turns text around is told, and not done.
  expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b]/u);
  expect(await page.evaluate(() => (window as { hacked?: string }).hacked)).toBeUndefined();
  expect(await page.locator("a").evaluateAll((links) => links.filter((link) => !["http:", "https:"].includes((link as HTMLAnchorElement).protocol)).length)).toBe(0);
  expect(await page.locator("main :is(script, img, iframe, object, embed, b > b)").count()).toBe(0);
});

it("shows one error's bytes as they were sent", async () => {
  const page = await visit("/errors?range=6h&code=invalid_timestamp&list=1");
  await page.locator("tbody tr a").first().click();
  await expect.poll(() => page.locator("pre.input mark").allInnerTexts()).toEqual([JSON.stringify(HOSTILE.link)]);
  expect(await page.evaluate(() => (window as { hacked?: string }).hacked)).toBeUndefined();
});

it("can be filtered by", async () => {
  const page = await visit(`/events?range=6h&session_id=${encodeURIComponent(HOSTILE.session)}`);
  await page.locator("table.events tbody button.plain").first().click();
  await page.getByRole("button", { name: /a\.b/ }).first().click();
  await expect.poll(() => new URL(page.url()).searchParams.get("data.nested.a\\.b\\\\c")).toBe("<i>");
  await page.locator("table.events tbody tr").first().waitFor();
});
