// A page of a shop in a real browser, on an origin of its own, as `analytics-next` meets it.

import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import type * as AnalyticsNext from "@segment/analytics-next";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { createKey } from "./stack.ts";
import { stack, until } from "./store.ts";

/** What its script leaves on a page, and what our pages leave beside it. */
declare global {
  interface Window {
    AnalyticsNext: typeof AnalyticsNext;
    analytics: AnalyticsNext.AnalyticsBrowser;
  }
}

/** The package's own bundle for browsers. It loads parts of itself from where it lies. */
const BUNDLES = resolve("node_modules/@segment/analytics-next/dist/umd");

export interface Shop {
  origin: string;
  page: Page;
  /** Errors in the console and exceptions. */
  errors: string[];
  /** Requests to other hosts than the page's and the gateway. */
  strays: string[];
  close(): Promise<void>;
}

/** Opens a page at a new origin, which is made for that origin. What lies in the package's bundle is served beside it. */
export async function openShop(htmlFor: (origin: string) => Promise<string>, bundles = BUNDLES): Promise<Shop> {
  const served = { html: "" };
  const server = await serve(served, bundles);
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  served.html = await htmlFor(origin);
  const browser = await launch();
  const page = await browser.newPage();
  const shop = { origin, page, errors: [], strays: [], close: () => close(browser, server) };
  watch(shop);
  await page.goto(origin);
  return shop;
}

const launch = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });

function serve(served: { html: string }, bundles: string): Promise<Server> {
  const server = createServer(({ url = "/" }, answer) => {
    const bundle = /^\/[\w.-]+\.js$/.test(url);
    answer.setHeader("Content-Type", bundle ? "text/javascript" : "text/html");
    answer.end(bundle ? readFileSync(bundles + url) : served.html);
  });
  return new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(server)));
}

async function close(browser: Browser, server: Server): Promise<void> {
  await browser.close();
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}

function watch({ page, origin, errors, strays }: Omit<Shop, "close">): void {
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => {
    const at = new URL(request.url());
    const isOurs = [origin, stack().gateway].includes(at.origin) || at.protocol === "data:";
    if (!isOurs) strays.push(request.url());
  });
}

/** The page has done nothing that its visitor would wonder about. */
export function expectNoFaults({ errors, strays }: Shop): void {
  expect(errors).toEqual([]);
  expect(strays).toEqual([]);
}

/** A key for pages of this origin, once it is in force. */
export async function createPageKey(application: string, origin: string): Promise<string> {
  const key = createKey(stack(), application, "--scope", "write", "--origin", origin);
  await until(() => `pages of ${origin} may not ask yet`, async () => (await isLetIn(origin)) || undefined);
  return key;
}

/** Asks as browsers do before they send: that request carries no key, so that the gateway has to know the origin by then. */
async function isLetIn(origin: string): Promise<boolean> {
  const headers = { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-retry-count" };
  const answer = await fetch(`${stack().gateway}/v1/t`, { method: "OPTIONS", headers });
  return answer.ok && answer.headers.get("Access-Control-Allow-Origin") === origin;
}

/** A page that has the library, and waits for a key. */
export const openShopWithLibrary = (bundles?: string): Promise<Shop> =>
  openShop(async () => `<!doctype html><title>A shop</title><link rel="icon" href="data:,"><script src="/index.js"></script>`, bundles);

/** Starts the library with no other address than the gateway's; `options` are those of its destination. */
export async function load({ page }: Shop, key: string, options: Record<string, unknown> = {}): Promise<void> {
  const settings = { writeKey: key, cdnURL: stack().gateway };
  await page.evaluate(
    async ([settings, options]) => {
      window.analytics = window.AnalyticsNext.AnalyticsBrowser.load(settings, { integrations: { "Segment.io": options } } as never);
      await window.analytics.ready();
    },
    [settings, options] as const,
  );
}
