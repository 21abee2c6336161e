// What holds on every page: for whoever does not see it, on every screen, in both themes.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { stack, useBrowser, visit } from "./support/browser.ts";
import { GAP_SESSION, HOSTILE, WRONG_SESSION } from "./support/seed.ts";

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const PAGES: [path: string, shown: string][] = [
  ["/?range=6h&compare=1", ".legend"],
  ["/events?range=6h&category=cart", "table.events tbody"],
  [`/events?range=6h&session_id=${encodeURIComponent(HOSTILE.session)}`, "table.events tbody"],
  ["/events?category=none&name=such", ".nothing"],
  ["/session?range=6h", "tbody"],
  [`/session?id=${encodeURIComponent(GAP_SESSION)}`, ".timeline"],
  ["/errors?range=6h", "table.groups tbody"],
  [`/errors?range=6h&session_id=${encodeURIComponent(WRONG_SESSION)}&list=1`, "tbody"],
  ["/event-types", "tbody"],
  ["/event-types?category=form+interaction&name=submit", ".diff"],
  ["/funnel?range=6h&step=page+interaction%2Fpageview&step=cart%2Fadd&left=1", "#left li"],
];

async function settled(page: Page, shown: string): Promise<void> {
  await page.locator(shown).first().waitFor();
  await expect.poll(() => page.locator(".loading").count()).toBe(0);
  const open = page.locator("table.events tbody button.plain, .timeline .step, tbody tr a").first();
  if ((await open.count()) > 0 && page.url().includes("session")) await open.click();
  const save = process.env["SCREENSHOTS"];
  if (save !== undefined) {
    const { pathname, search } = new URL(page.url());
    const theme = await page.evaluate(() => document.documentElement.dataset["theme"]);
    const name = `${theme}-${page.viewportSize()?.width}-${pathname}${search}`.replaceAll(/[^a-z0-9]+/gi, "_").slice(0, 80);
    await page.screenshot({ path: `${save}/${name}.png`, fullPage: true });
  }
}

for (const theme of ["light", "dark"] as const) {
  it.each(PAGES)(`has names and contrasts that everybody can use: ${theme} %s`, async (path, shown) => {
    const page = await visit(path, { theme });
    await settled(page, shown);
    // The policy of the page lets no script in: it comes by the debugger's way.
    const found = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`) as { violations: { id: string; impact: string; nodes: { html: string }[] }[] };
    const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`)).toEqual([]);
  });
}

it.each(PAGES)("fits a narrow screen: %s", async (path, shown) => {
  const page = await visit(path, { width: 320, height: 640 });
  await settled(page, shown);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

it.each(PAGES)("fits a wide screen: %s", async (path, shown) => {
  const page = await visit(path, { width: 3_840, height: 2_160 });
  await settled(page, shown);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(3_840);
});

it("is reached by keyboard alone", async () => {
  const page = await visit("/");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("To the content");
  const names = ["Overview", "Events", "Sessions", "Errors", "Event types", "Funnel"];
  const met: string[] = [];
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press("Tab");
    met.push((await page.evaluate(() => document.activeElement?.textContent)) ?? "");
  }
  expect(met.filter((name) => names.includes(name)).slice(0, names.length)).toEqual(names);
  // To the second page and into its list, by what keyboards have.
  await page.getByRole("link", { name: "Events", exact: true }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
  await page.locator("table.events tbody button").first().waitFor();
  for (let step = 0; step < 40 && !(await page.evaluate(() => document.activeElement?.hasAttribute("aria-expanded"))); step += 1) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.locator(".event .payload").waitFor();
});

it("weighs less than 100 kB packed, and may do little", async () => {
  const script = await fetch(`${stack().query}/assets/app.js`);
  expect(gzipSync(Buffer.from(await script.arrayBuffer())).byteLength).toBeLessThan(100_000);
  const page = await fetch(stack().query);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect(await page.text()).not.toMatch(/https?:\/\//);
});
