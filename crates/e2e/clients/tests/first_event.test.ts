import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPageKey, expectNoFaults, openShop } from "./support/page.ts";
import { blocksOf } from "./support/readme.ts";
import { createKey, eye } from "./support/stack.ts";
import { arrived, type Stored, stack } from "./support/store.ts";

const ROOT = resolve("../../..");
/** What the section holds in place of what a reader's own key and gateway are. */
const PLACEHOLDERS = { gateway: "EYE_GATEWAY_URL", key: "EYE_PAGE_KEY" };
const EXAMPLE = "first_event";
/** What each program sends. */
const EVENT = { category: "cart", name: "add", data: { product: 17, price: 9.5 } };

describe("the section of README.md on the first event", () => {
  const blocks = blocksOf(join(ROOT, "README.md"), "Send your first event");
  const block = (language: string): string => blocks.get(language) ?? expect.fail(`expected a block in ${language}, found ${[...blocks.keys()].join(", ") || "none"}`);
  let place: string;

  beforeAll(() => {
    place = mkdtempSync(join(tmpdir(), "eye-first-"));
  });
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  const file = (name: string, text: string): string => {
    writeFileSync(join(place, name), text);
    return name;
  };

  test("has an example in bash that sends an event", async () => {
    expect(await sentBy("bash", ["bash", file("first.sh", block("bash"))], place)).toEqual([expect.objectContaining(EVENT)]);
  });

  test("has an example in Python that sends an event", async () => {
    expect(await sentBy("python", ["python3", file("first.py", block("python"))], place)).toEqual([expect.objectContaining(EVENT)]);
  });

  test("has an example in JavaScript that sends an event", async () => {
    expect(await sentBy("javascript", ["node", file("first.mjs", block("javascript"))], place)).toEqual([expect.objectContaining(EVENT)]);
  });

  // It may have to be built first.
  test("has an example in Rust, which is the client's, that sends an event", { timeout: 600_000 }, async () => {
    expect(block("rust")).toBe(readFileSync(join(ROOT, `crates/client/examples/${EXAMPLE}.rs`), "utf8"));
    expect(await sentBy("rust", ["cargo", "run", "--quiet", "--package", "client", "--example", EXAMPLE], ROOT)).toEqual([expect.objectContaining(EVENT)]);
  });

  test("has an example for web pages that sends an event", async () => {
    const application = register("html");
    const shop = await openShop(async (origin) => {
      const key = await createPageKey(application, origin);
      return block("html").replaceAll(PLACEHOLDERS.gateway, stack().gateway).replaceAll(PLACEHOLDERS.key, key);
    });
    try {
      expect(await arrived({ application }, 1)).toEqual([expect.objectContaining({ name: "pageview" })]);
      expectNoFaults(shop);
    } finally {
      await shop.close();
    }
  });
});

/** An application of which nothing is stored yet. */
function register(language: string): string {
  const application = `first-${language}`;
  eye(stack(), "app", "create", application);
  return application;
}

/** What is stored of an application that has done this once. */
async function sentBy(language: string, [program = "", ...parameters]: string[], place: string): Promise<Stored[]> {
  const application = register(language);
  const env = { ...process.env, EYE_GATEWAY_URL: stack().gateway, EYE_WRITE_KEY: createKey(stack(), application, "--scope", "write") };
  await promisify(execFile)(program, parameters, { cwd: place, env });
  return arrived({ application }, 1);
}
