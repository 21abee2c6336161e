// A shop that has the snippet of the real gateway, on an origin of its own, in a browser of its own time.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BrowserContext, Page } from "playwright-core";
import { expect } from "vitest";
import { launch } from "./eye_page.ts";
import { createKey } from "./stack.ts";
import { stack } from "./store.ts";

export interface Shop {
  origin: string;
  context: BrowserContext;
  /** What its pages complain about, and where they ask for what they should not. */
  faults: string[];
  warnings: string[];
  /** Opens a page with this snippet, for a key. */
  open(key: string, body?: string, attributes?: string): Promise<Page>;
  close(): Promise<void>;
}

export async function openShop(): Promise<Shop> {
  let html = "";
  const server = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(html));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await launch();
  const context = await browser.newContext();
  const shop: Shop = {
    origin,
    context,
    faults: [],
    warnings: [],
    async open(key, body = "", attributes = "") {
      const { gateway } = stack();
      html = `<!doctype html><html lang="en"><head><title>A shop</title><link rel="icon" href="data:,"><script src="${gateway}/eye.js" data-key="${key}" ${attributes} defer></script></head><body>${body}</body></html>`;
      const page = await context.newPage();
      page.on("pageerror", (error) => shop.faults.push(error.message));
      page.on("console", (message) => message.type() === "warning" && shop.warnings.push(message.text()));
      page.on("request", (request) => {
        const asked = new URL(request.url());
        if (![origin, gateway].includes(asked.origin) && asked.protocol !== "data:") shop.faults.push(request.url());
      });
      await page.goto(origin);
      return page;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return shop;
}

/** A key for pages of this origin, once the gateway knows it. */
export async function keyFor(application: string, origin: string): Promise<string> {
  const key = createKey(stack(), application, "--scope", "write", "--origin", origin);
  await expect.poll(() => statusFor(key, origin), { timeout: 15_000, message: `pages of ${origin} may send` }).not.toMatch(/40[13]/);
  return key;
}

/** What a call without an event is answered. */
async function statusFor(key: string, origin: string): Promise<string> {
  const answer = await fetch(`${stack().gateway}/api/browser/events?key=${key}`, { method: "POST", headers: { Origin: origin, "Content-Type": "text/plain" }, body: `{"events":[]}` });
  await answer.body?.cancel();
  return String(answer.status);
}
