import { expect, it } from "vitest";
import { stack, useBrowser, visit } from "./support/browser.ts";
import { ask } from "./support/stack.ts";

useBrowser();

it("lists what is seen and what is registered", async () => {
  const page = await visit("/event-types");
  const rows = page.locator("tbody tr");
  await rows.first().waitFor();
  const { items } = await ask<{ items: { registered: boolean }[] }>(stack(), "/api/event-types?limit=1000");
  expect(await rows.count()).toBe(Math.min(items.length, 500));
  await page.getByLabel("Show").selectOption("registered");
  await expect.poll(() => rows.count()).toBe(items.filter(({ registered }) => registered).length);
  await page.getByLabel("Find").fill("nothing is called so");
  await page.getByText("No event type matches").waitFor();
});

it("shows two versions of the rules side by side", async () => {
  const page = await visit("/event-types?category=form+interaction&name=submit");
  await page.getByText("Broken most often").waitFor();
  await page.getByText("schema.required").first().waitFor();
  const left = await page.locator(".diff td:first-child").allInnerTexts();
  const right = await page.locator(".diff td:last-child").allInnerTexts();
  const json = (lines: string[]): unknown => JSON.parse(lines.map((line) => line.replace(/^(removed|added):\s/, "")).join("\n"));
  expect(json(left)).toEqual({ type: "object", required: ["path"] });
  expect(json(right)).toMatchObject({ required: ["path", "form"] });
  expect(await page.locator(".diff td.new").count()).toBeGreaterThan(3);
  await page.getByText("agreed with the shop").waitFor();
  await page.getByText("first <b>rules</b>").waitFor();
});

it("tells how a type without rules gets them", async () => {
  const page = await visit("/event-types?category=cart&name=add");
  await page.getByText("This type has no rules").waitFor();
  expect(await page.locator(".copy code").innerText()).toContain("eye type set --category=cart --name=add");
});
