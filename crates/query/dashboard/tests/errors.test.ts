import { expect, it } from "vitest";
import { stack, useBrowser, visit } from "./support/browser.ts";
import { ask, eye } from "./support/stack.ts";
import { WRONG_SESSION } from "./support/seed.ts";

useBrowser();

interface Summary {
  items: { code: string; path: string; count: number }[];
}

it("groups errors as the endpoint does, each with its course", async () => {
  const page = await visit("/errors?range=1h&group_by=code,path");
  const rows = page.locator("table.groups tbody tr");
  await rows.first().waitFor();
  const { items } = await ask<Summary>(stack(), "/api/errors/summary?group_by=code,path");
  expect(await rows.count()).toBe(items.length);
  for (const { code, path, count } of items) {
    if (path === "") continue;
    const row = rows.filter({ has: page.getByText(code, { exact: true }) }).filter({ has: page.getByText(path, { exact: true }) });
    expect(await row.locator("td.figure").innerText()).toBe(String(count));
    expect(await row.locator(".spark rect").count()).toBeGreaterThan(1);
  }
  await page.getByLabel("path", { exact: true }).uncheck();
  await expect.poll(() => new URL(page.url()).searchParams.get("group_by")).toBe("code");
});

it("goes down to the bytes of one event, with the wrong parts marked", async () => {
  const page = await visit(`/errors?range=1h&session_id=${encodeURIComponent(WRONG_SESSION)}&code=schema.type&list=1`);
  await page.locator("tbody tr a").first().click();
  const marks = page.locator("pre.input mark");
  await expect.poll(() => marks.allInnerTexts()).toEqual(["5", '"no address"']);
  expect(await marks.first().getAttribute("title")).toContain("schema.type");
  const input = await page.locator("pre.input").innerText();
  expect(JSON.parse(input)).toMatchObject({ session_id: WRONG_SESSION, data: { path: 5 } });
});

it("gives the command that replays this very group", async () => {
  const page = await visit("/errors?range=1h&group_by=code,path");
  await page.locator("table.groups tbody tr").filter({ hasText: "schema.required/data/form/email" }).locator("td.figure a").click();
  await page.getByText("Send these events again").click();
  const command = (await page.locator(".copy code").innerText()).replaceAll(/\s+/g, " ");
  const listed = await page.locator("tbody tr").count();
  const words = [...command.matchAll(/--[a-z-]+=(?:'([^']*)'|\S+)/g)].map(([word]) => word.replaceAll("'", ""));
  expect(words).toContain("--code=schema.required");
  expect(eye(stack(), "errors", "replay", "--dry-run", ...words)).toMatch(new RegExp(`^Would send ${listed} events? again\\.$`, "m"));
});

it("says when there is none", async () => {
  const page = await visit("/errors?code=never");
  await page.getByText("No error matches in this range").waitFor();
});

it("shows an own key what is its own", async () => {
  const page = await visit("/errors?range=1h&group_by=application", { key: stack().ownKey });
  await page.locator("table.groups tbody tr").first().waitFor();
  expect(await page.locator("table.groups tbody td:nth-child(2)").allInnerTexts()).toEqual(["shop"]);
});

it("gives no command where it would replay more than the group", async () => {
  const page = await visit("/errors?range=1h&group_by=code,name");
  await page.locator("table.groups tbody tr").filter({ hasText: "not valid" }).locator("td.figure a").click();
  await page.getByText("more errors than the group that was chosen").waitFor();
  expect(await page.getByText("Send these events again").count()).toBe(0);
});

it("replays one event whenever it was received", async () => {
  const { items } = await ask<{ items: { id: number; event_id: string }[] }>(stack(), "/api/errors?code=future_timestamp");
  const page = await visit(`/errors?range=15m&error=${items[0]?.id}`);
  await page.getByText("Send these events again").click();
  expect(await page.locator(".copy code").innerText()).toBe(`eye errors replay --event-id=${items[0]?.event_id} --application=shop`);
});
