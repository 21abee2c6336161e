// A browser that notices what no user should meet: errors in the console, and requests to other hosts.

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest";
import type { Stack } from "./stack.ts";

let browser: Browser;
let contexts: BrowserContext[] = [];
let faults: string[] = [];
/** What a test means to bring about. */
let expected: RegExp[] = [];

export const stack = (): Stack => inject("stack");

/** Has every test of a file in a browser, and each looked at for faults afterwards. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
    const found = faults.filter((fault) => !expected.some((pattern) => pattern.test(fault)));
    [faults, expected] = [[], []];
    expect(found).toEqual([]);
  });
  afterAll(() => browser.close());
}

/** This fault is what the test is about. */
export function expectFault(pattern: RegExp): void {
  expected.push(pattern);
}

export interface Options {
  theme?: "light" | "dark";
  width?: number;
  height?: number;
  zone?: string;
  key?: string | null;
}

/** A tab of a user who is signed in, unless `key` is null. */
export async function visit(path: string, options: Options = {}): Promise<Page> {
  const { query, readKey } = stack();
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1_280, height: options.height ?? 900 },
    colorScheme: options.theme ?? "light",
    timezoneId: options.zone ?? "UTC",
    reducedMotion: "reduce",
    acceptDownloads: true,
  });
  contexts.push(context);
  const key = options.key === undefined ? readKey : options.key;
  if (key !== null) await context.addInitScript((given) => sessionStorage.setItem("eye.key", given), key);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (origin !== query && protocol !== "blob:" && protocol !== "data:") faults.push(`request off the host: ${request.url()}`);
  });
  await page.goto(query + path);
  return page;
}

/** Text of an element, as people see it. */
export async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.locator(selector).first().innerText()).replace(/\s+/g, " ").trim();
}
