// Pages of a shop that have the snippet, each on an origin of its own, in a browser that notices what no page should meet.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { MockGateway } from "./eye_gateway.ts";

declare global {
  interface Window {
    eye: { send(category: unknown, name: unknown, data?: unknown): void; session(): string | null };
    /** How many of the snippet's calls have begun, and of how many the page was told what came of them. */
    eyeCalls: { begun: number; told: number };
  }
}

/** When a test's pages begin. */
export const START = new Date("2026-03-01T12:00:00Z");

export interface Options {
  /** Attributes of the snippet's element. */
  attributes?: string;
  /** What stands in the head before the snippet. */
  head?: string;
  body?: string;
  headers?: Record<string, string>;
  path?: string;
  /** Done by the browser before anything of the page. */
  before?: () => void;
}

let browser: Browser;
let shop: Server;
let context: BrowserContext;
let html = "";
let headers: Record<string, string> = {};
let exceptions: string[] = [];

/** What the tests of a file share; each has a gateway, a profile of the browser and a clock that stands still. */
export const at = {} as { gateway: MockGateway; origin: string; warnings: string[] };

export const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

export function usePages(): void {
  beforeAll(async () => {
    browser = await launch();
    shop = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", ...headers }).end(html));
    await new Promise<void>((listening) => shop.listen(0, "127.0.0.1", listening));
    at.origin = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  });
  beforeEach(async () => {
    at.gateway = new MockGateway();
    await at.gateway.listen();
    context = await browser.newContext();
    context.setDefaultTimeout(15_000);
    await context.clock.install({ time: START });
    await context.clock.pauseAt(START.getTime() + 1_000);
    [at.warnings, exceptions] = [[], []];
  });
  afterEach(async () => {
    await context.close();
    await at.gateway.close();
    // Whatever a test is about: nothing reaches the page.
    expect(exceptions).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    shop.closeAllConnections();
    await new Promise((closed) => shop.close(closed));
  });
}

export const tag = (attributes = "defer"): string => `<script src="${at.gateway.origin}${at.gateway.base}eye.js?v=1" data-key="eye_test" ${attributes}></script>`;

/** A new tab of the same visitor, whose clock goes on only when a test lets it. */
export async function open(options: Options = {}): Promise<Page> {
  html = `<!doctype html><html lang="en"><head><title>A shop</title><link rel="icon" href="data:,">${options.head ?? ""}${tag(options.attributes)}</head><body>${options.body ?? ""}</body></html>`;
  headers = options.headers ?? {};
  const page = await context.newPage();
  page.on("pageerror", (error) => exceptions.push(error.message));
  page.on("console", (message) => message.type() === "warning" && at.warnings.push(message.text()));
  await page.addInitScript(countCalls);
  if (options.before !== undefined) await page.addInitScript(options.before);
  await page.goto(at.origin + (options.path ?? "/"));
  return page;
}

/** Lets the page's time go on, so that what waits for it is done. Answers take none of it: they come before. */
export async function pass(page: Page, seconds: number): Promise<void> {
  await answered(page);
  await page.clock.runFor(seconds * 1_000);
}

/** Opens a page, and has the events of its opening out of the way. */
export async function opened(options: Options = {}): Promise<Page> {
  const page = await open(options);
  await pass(page, 3);
  await at.gateway.received(1);
  at.gateway.forget();
  await answered(page);
  return page;
}

/** Runs in the page, before anything of it. */
function countCalls(): void {
  const calls = { begun: 0, told: 0 };
  const own = window.fetch;
  window.eyeCalls = calls;
  window.fetch = (input, init) => {
    if (String(input).includes("/api/browser/events")) calls.begun += 1;
    return own.call(window, input, init);
  };
  addEventListener("eye:sent", () => (calls.told += 1));
}

/** Waits until the page has dealt with the answers of all calls that it has begun, but for those that get none. */
export async function answered(page: Page): Promise<void> {
  const pending = (): Promise<number> => page.evaluate(() => window.eyeCalls.begun - window.eyeCalls.told);
  await expect.poll(async () => (await pending()) - at.gateway.held, { timeout: 15_000 }).toBeLessThanOrEqual(0);
}

/** What a page asks of the gateway is known once what it asks last is there. */
export async function expectNothingSent(page: Page): Promise<void> {
  await page.evaluate((address) => fetch(address, { method: "POST", body: "" }).then(() => {}), `${at.gateway.origin}/last`);
  expect(at.gateway.calls.map(({ path }) => path)).toEqual(["/last"]);
}

/** As when the visitor goes to another tab. */
export async function hide(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const [name, value] of [["hidden", true], ["visibilityState", "hidden"]] as const) Object.defineProperty(document, name, { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  });
}
