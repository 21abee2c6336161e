// The logic of the snippet for web pages, against a gateway that answers what a test wants.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { type Answer, type SentEvent, SNIPPET } from "./support/eye_gateway.ts";
import { answered, at, expectNothingSent, hide, open, opened, pass, tag, usePages } from "./support/eye_page.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const HALF_HOUR_S = 30 * 60;

usePages();

const host = (): string => new URL(at.origin).host;
const ids = (events: SentEvent[]): string[] => events.map(({ id }) => id);
const names = (events: SentEvent[]): string[] => events.map(({ name }) => name);

/** Sends events of the application's own. */
const send = (page: Page, count = 1, data: object = { a: 1 }): Promise<void> =>
  page.evaluate(({ count, data }) => {
    for (let n = 0; n < count; n += 1) window.eye.send("test", `event ${n}`, data);
  }, { count, data });

/** Answers so until told otherwise. */
const answer = (given: Answer): void => void (at.gateway.answer = () => given);

test("the file has at most 3,000 bytes when it is packed", () => {
  expect(gzipSync(readFileSync(SNIPPET), { level: 9 }).length).toBeLessThanOrEqual(3_000);
});

describe("page views", () => {
  test("a visit is one event of the native shape, in one call without preflight", async () => {
    const page = await open({ path: "/shoes/red?mail=secret@example.org#part" });
    await pass(page, 3);
    const [call] = await at.gateway.called(1);
    expect(call).toMatchObject({ method: "POST", path: "/base/api/browser/events", key: "eye_test", sentAt: "2026-03-01T12:00:03.000Z" });
    expect(call?.headers).toMatchObject({ "content-type": "text/plain", origin: at.origin });
    expect(call?.headers).not.toHaveProperty("cookie");
    expect(call?.headers).not.toHaveProperty("referer");
    expect(call?.events).toEqual([
      {
        id: expect.stringMatching(UUID),
        session_id: expect.stringMatching(UUID),
        category: "page interaction",
        name: "pageview",
        data: { host: host(), path: "/shoes/red", title: "A shop" },
        timestamp: expect.stringMatching(/^2026-03-01T12:00:01\.\d{3}Z$/),
      },
    ]);
    expect(at.gateway.calls).toHaveLength(1);
  });

  // A beacon, when it is left, brings them along: no page can prevent that.
  test("the page's cookies stay with it while it is there, also where the gateway has the same origin", async () => {
    at.gateway.page = tag();
    const page = await open();
    await page.evaluate(() => (document.cookie = "visitor=secret; path=/"));
    await pass(page, 3);
    await at.gateway.called(1);
    await answered(page);
    await page.goto(`${at.gateway.origin}/page`);
    expect(await page.evaluate(() => document.cookie)).toBe("visitor=secret");
    await pass(page, 3);
    const calls = await at.gateway.called(2);
    expect(calls.map(({ headers }) => [headers.origin, headers.cookie])).toEqual([[at.origin, undefined], [at.gateway.origin, undefined]]);
  });

  test("where it came from is told without query and hash", async () => {
    const page = await opened({ path: "/search?q=secret", headers: { "Referrer-Policy": "unsafe-url" }, body: `<a href="/found?token=secret#there">Go</a>` });
    await page.getByRole("link").click();
    await page.waitForURL("**/found*");
    await pass(page, 3);
    const [event] = await at.gateway.received(1);
    expect(event?.data).toEqual({ host: host(), path: "/found", title: "A shop", referrer: `${at.origin}/search` });
    expect(at.gateway.calls[0]?.headers).not.toHaveProperty("referer");
  });

  test("addresses set by the page count when the path changes, with the title that is set after them", async () => {
    const page = await opened({ path: "/a" });
    await page.evaluate(() => {
      history.pushState({ kept: true }, "", "/b?q=1");
      document.title = "B";
    });
    await pass(page, 0.1);
    await page.evaluate(() => history.pushState(null, "", "/b?q=2#x"));
    await pass(page, 0.1);
    await page.evaluate(() => history.replaceState(null, "", "/c"));
    await pass(page, 0.1);
    await page.goBack();
    await page.waitForURL("**/b?q=1");
    await pass(page, 3);
    const events = await at.gateway.received(3);
    expect(events.map(({ data }) => [data["path"], data["title"], data["referrer"]])).toEqual([
      ["/b", "B", `${at.origin}/a`],
      ["/c", "B", `${at.origin}/b`],
      ["/b", "B", `${at.origin}/c`],
    ]);
    expect(await page.evaluate(() => history.state as unknown)).toEqual({ kept: true });
  });

  test("a page that comes back from the browser's memory is visited again", async () => {
    const page = await opened({ path: "/a" });
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    await pass(page, 3);
    expect((await at.gateway.received(1)).map(({ name, data }) => [name, data["path"]])).toEqual([["pageview", "/a"]]);
  });

  test("a page that is rendered ahead is visited when it is shown", async () => {
    const page = await open({ before: () => Object.defineProperty(Document.prototype, "prerendering", { value: true, configurable: true }) });
    await pass(page, 10);
    await expectNothingSent(page);
    at.gateway.forget();
    await page.evaluate(() => document.dispatchEvent(new Event("prerenderingchange")));
    await pass(page, 3);
    expect(names(await at.gateway.received(1))).toEqual(["pageview"]);
  });
});

describe("clicks on marked elements", () => {
  test("count inside children and where the page stops them, with what the element adds", async () => {
    const page = await opened({
      path: "/shop?x=1",
      body: `
        <div id="outer"><button data-eye-click="chat bubble"><span><b>Chat</b></span></button></div>
        <a href="#there" data-eye-click="cart" data-eye-data='{"sku": 7, "path": "not mine"}'>Add</a>
        <i data-eye-click="broken" data-eye-data='{"sku": '>Broken</i>
        <i data-eye-click="list" data-eye-data='[1]'>List</i>
        <i data-eye-click="">Empty</i>
        <button>Unmarked</button>
        <script>for (const where of [document, outer]) where.addEventListener("click", (event) => event.stopImmediatePropagation(), true);</script>`,
    });
    for (const text of ["Chat", "Add", "Broken", "List", "Empty", "Unmarked"]) await page.getByText(text, { exact: true }).click();
    await pass(page, 3);
    const events = await at.gateway.received(4);
    expect(new Set(events.map(({ category, name }) => `${category}/${name}`))).toEqual(new Set(["page interaction/cta click"]));
    const place = { host: host(), path: "/shop" };
    expect(events.map(({ data }) => data)).toEqual([
      { ...place, element: "chat bubble" },
      { ...place, element: "cart", sku: 7 },
      { ...place, element: "broken" },
      { ...place, element: "list" },
    ]);
  });

  test("count when they are made by keyboard", async () => {
    const page = await opened({ body: `<button data-eye-click="button">A</button><a href="#b" data-eye-click="link">B</a>` });
    await page.getByRole("button").press("Enter");
    await page.getByRole("button").press("Space");
    await page.getByRole("link").press("Enter");
    await pass(page, 3);
    expect((await at.gateway.received(3)).map(({ data }) => data["element"])).toEqual(["button", "button", "link"]);
  });

  test("count inside of a shadow root", async () => {
    const page = await opened({ body: `<div id="host"></div><script>host.attachShadow({ mode: "open" }).innerHTML = '<button data-eye-click="inner">In</button>'</script>` });
    await page.getByRole("button").click();
    await pass(page, 3);
    expect((await at.gateway.received(1)).map(({ data }) => data["element"])).toEqual(["inner"]);
  });

  test("count once on a label and its control, and on the innermost mark", async () => {
    const page = await opened({
      body: `<label data-eye-click="choice"><input type="checkbox"><b>Choose</b></label>
        <div data-eye-click="outer"><button data-eye-click="inner">Inner</button></div>
        <script>window.label = window.control = "mine";</script>`,
    });
    // The browser of the tests would click the control itself.
    await page.evaluate(() => document.querySelector("b")?.click());
    expect(await page.getByRole("checkbox").isChecked()).toBe(true);
    await page.getByRole("checkbox").click();
    await page.getByText("Inner").click();
    await pass(page, 3);
    expect((await at.gateway.received(3)).map(({ data }) => data["element"])).toEqual(["choice", "choice", "inner"]);
  });
});

describe("forms", () => {
  const FORM = `
    <form id="checkout" onsubmit="event.preventDefault()">
      <input name="plan" value="pro" data-eye-value>
      <input name="email" value="ann@example.org">
      <input name="password" type="password" value="hunter2" data-eye-value>
      <input name="shown" type="text" autocomplete="current-password" value="hunter3" data-eye-value>
      <input name="card" autocomplete="billing cc-number" value="4111" data-eye-value>
      <input name="file" type="file" data-eye-value>
      <input type="checkbox" name="extra" value="gift" checked data-eye-value>
      <input type="checkbox" name="extra" value="wrap" checked data-eye-value>
      <input type="checkbox" name="extra" value="card" data-eye-value>
      <input type="radio" name="size" value="s" data-eye-value><input type="radio" name="size" value="m" checked data-eye-value>
      <select name="country" data-eye-value><option>AT</option><option selected>IR</option></select>
      <select name="colors" multiple data-eye-value><option selected>red</option><option>blue</option><option selected>green</option></select>
      <input name="off" value="off" disabled data-eye-value>
      <input name="toString" value="t" data-eye-value>
      <input name="id" value="7"><input name="elements" value="8">
      <button>Buy</button>
    </form>
    <input name="outside" value="o" form="checkout" data-eye-value>
    <form><input name="other" value="x" data-eye-value></form>
    <form name="plain" onsubmit="event.preventDefault(); event.stopImmediatePropagation()"><input name="email" value="ann@example.org"><button>Send</button></form>
    <form onsubmit="event.preventDefault()"><button>Bare</button></form>`;

  test("tell of marked fields only, and never of secrets", async () => {
    const page = await opened({ path: "/buy?x=1", body: FORM });
    for (const name of ["Buy", "Send", "Bare"]) await page.getByRole("button", { name }).click();
    await pass(page, 3);
    const events = await at.gateway.received(3);
    expect(events.map(({ category, name }) => `${category}/${name}`)).toEqual(Array(3).fill("form interaction/submit"));
    const place = { host: host(), path: "/buy" };
    const form = { plan: "pro", extra: ["gift", "wrap"], size: "m", country: "IR", colors: ["red", "green"], toString: "t", outside: "o" };
    expect(events.map(({ data }) => data)).toEqual([
      { ...place, element: "checkout", form },
      { ...place, element: "plain", form: {} },
      { ...place, form: {} },
    ]);
    expect(JSON.stringify(events)).not.toMatch(/ann@|hunter|4111/);
  });

  test("are sent when the form leads to another page", async () => {
    const page = await opened({ body: `<form action="/thanks" name="order"><input name="plan" value="pro" data-eye-value><button>Buy</button></form>` });
    await page.getByRole("button").click();
    const [event] = await at.gateway.received(1);
    expect(event?.data).toMatchObject({ element: "order", form: { plan: "pro" }, path: "/" });
  });
});

describe("sessions", () => {
  const sessions = (events: SentEvent[]): Set<string> => new Set(events.map(({ session_id }) => session_id));

  test("are shared by tabs, and end after thirty minutes without events", async () => {
    const page = await opened();
    const first = await page.evaluate(() => window.eye.session());
    const tab = await opened({ path: "/other" });
    await pass(page, HALF_HOUR_S - 10);
    await send(page);
    await pass(page, 3);
    await at.gateway.received(1);
    await answered(page);
    await pass(tab, HALF_HOUR_S - 10);
    await send(tab);
    await pass(tab, 3);
    expect(sessions(await at.gateway.received(2))).toEqual(new Set([first]));
    await answered(tab);
    at.gateway.forget();
    await pass(page, HALF_HOUR_S);
    await send(tab);
    // Tabs learn of each other's storage a moment later.
    const stored = await tab.evaluate(() => localStorage.getItem("eye.session"));
    await expect.poll(() => page.evaluate(() => localStorage.getItem("eye.session"))).toBe(stored);
    await send(page);
    await pass(page, 3);
    const [second, ...more] = sessions(await at.gateway.received(2));
    expect(more).toEqual([]);
    expect(second).toMatch(UUID);
    expect(second).not.toBe(first);
    expect(await page.evaluate(() => window.eye.session())).toBe(second);
  });

  test("are not kept alive by being asked for", async () => {
    const page = await opened();
    const first = await page.evaluate(() => window.eye.session());
    await pass(page, HALF_HOUR_S - 60);
    expect(await page.evaluate(() => window.eye.session())).toBe(first);
    await pass(page, 61);
    const second = await page.evaluate(() => window.eye.session());
    expect(second).not.toBe(first);
    await send(page);
    await pass(page, 3);
    expect(sessions(await at.gateway.received(1))).toEqual(new Set([second]));
  });

  test("are begun anew where something else is stored in their place", async () => {
    const page = await opened({ before: () => localStorage.setItem("eye.session", "what is this") });
    expect(await page.evaluate(() => window.eye.session())).toMatch(UUID);
  });

  test("are the application's where it gives them", async () => {
    const page = await opened({ attributes: `data-session="order 17" async` });
    await send(page);
    await pass(page, 3);
    expect(sessions(await at.gateway.received(1))).toEqual(new Set(["order 17"]));
    expect(await page.evaluate(() => [window.eye.session(), localStorage.length])).toEqual(["order 17", 0]);
  });

  test.each<[string, () => void]>([
    ["denied", () => Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } })],
    ["not there", () => Object.defineProperty(window, "localStorage", { value: null })],
    ["full", () => { Storage.prototype.setItem = () => {}; const full = new Proxy({}, { set: () => { throw new DOMException("full", "QuotaExceededError"); } }); Object.defineProperty(window, "localStorage", { value: full }); }],
  ])("are the page's own where storage is %s", async (_, before) => {
    const page = await open({ before });
    await pass(page, 3);
    await send(page);
    await pass(page, 3);
    const [session, ...more] = sessions(await at.gateway.received(2));
    expect(more).toEqual([]);
    expect(session).toMatch(UUID);
    expect(at.warnings).toEqual([]);
    await pass(page, HALF_HOUR_S);
    expect(await page.evaluate(() => window.eye.session())).not.toBe(session);
  });
});

test.each<[string, () => void]>([
  ["navigator.doNotTrack is 1", () => Object.defineProperty(navigator, "doNotTrack", { value: "1" })],
  ["navigator.doNotTrack is yes", () => Object.defineProperty(navigator, "doNotTrack", { value: "yes" })],
  ["window.doNotTrack is 1", () => Object.defineProperty(window, "doNotTrack", { value: "1" })],
  ["navigator.globalPrivacyControl is true", () => Object.defineProperty(navigator, "globalPrivacyControl", { value: true })],
])("nothing is stored, sent or listened to when %s", async (_, before) => {
  const page = await open({
    before,
    head: `<script>
      window.listened = [];
      EventTarget.prototype.addEventListener = function (type) { listened.push(type); };
      window.historyBefore = history.pushState;
    </script>`,
    body: `<button data-eye-click="a">A</button>`,
  });
  await page.getByRole("button").click();
  await send(page, 30);
  await hide(page);
  await pass(page, 60);
  await expectNothingSent(page);
  expect(await page.evaluate(() => [window.eye.session(), localStorage.length, sessionStorage.length, document.cookie])).toEqual([null, 0, 0, ""]);
  expect(at.warnings).toEqual([]);
  expect(await page.evaluate(() => [Reflect.get(window, "listened"), Reflect.get(window, "historyBefore") === history.pushState])).toEqual([[], true]);
});

test.each(["0", "unspecified", "null"])("a doNotTrack of %s refuses nothing", async (value) => {
  await opened({ head: `<script>Object.defineProperty(navigator, "doNotTrack", { value: "${value}" })</script>` });
});

describe("batches", () => {
  test("go after two seconds, not before", async () => {
    const page = await opened();
    await pass(page, 1.5);
    await send(page, 3);
    await pass(page, 1.9);
    await expectNothingSent(page);
    at.gateway.forget();
    await pass(page, 0.2);
    expect((await at.gateway.called(1))[0]?.events).toHaveLength(3);
  });

  test("go at once with twenty events", async () => {
    const page = await opened();
    await send(page, 19);
    await pass(page, 0.01);
    await expectNothingSent(page);
    at.gateway.forget();
    await send(page);
    await pass(page, 0.01);
    expect((await at.gateway.called(1))[0]?.events).toHaveLength(20);
  });

  test("have fifty events at most, and are sent one after the other", async () => {
    const page = await opened();
    await send(page, 120);
    for (const calls of [1, 2, 3]) {
      await pass(page, 2);
      await at.gateway.called(calls);
      await answered(page);
    }
    expect(at.gateway.calls.map(({ events }) => events.length)).toEqual([50, 50, 20]);
    expect(new Set(ids(at.gateway.events)).size).toBe(120);
  });

  test("have 60,000 bytes at most, also of letters that take several", async () => {
    const page = await opened();
    await send(page, 6, { text: "€".repeat(6_500) });
    for (const calls of [1, 2]) {
      await pass(page, 2);
      await at.gateway.called(calls);
      await answered(page);
    }
    expect(at.gateway.calls.map(({ events }) => events.length)).toEqual([3, 3]);
    for (const { bytes } of at.gateway.calls) expect(bytes).toBeLessThanOrEqual(60_000);
  });

  test("leave out what is too large or no JSON, and say so", async () => {
    const page = await opened();
    await send(page, 1, { text: "x".repeat(59_000) });
    await send(page, 1, { text: "x".repeat(60_000) });
    await page.evaluate(() => {
      const around: Record<string, unknown> = {};
      around["self"] = around;
      window.eye.send("test", "around", around);
    });
    await pass(page, 3);
    expect(names(await at.gateway.received(1))).toEqual(["event 0"]);
    expect(at.warnings).toEqual(["The Eye: over 60,000 bytes", expect.stringMatching(/^The Eye: .*circular/)]);
  });

  test.each<[string, unknown[]]>([
    ["no data", ["cart", "add"]],
    ["no member", ["cart", "add", {}]],
    ["no member that JSON has", ["cart", "add", { a: undefined }]],
    ["null", ["cart", "add", null]],
    ["a text", ["cart", "add", "shoe"]],
    ["a list", ["cart", "add", [{ a: 1 }]]],
    ["no name", ["cart", undefined, { a: 1 }]],
    ["an empty name", ["cart", "", { a: 1 }]],
    ["a number as name", ["cart", 7, { a: 1 }]],
    ["no category", [null, "add", { a: 1 }]],
    ["an object alone", [{ a: 1 }]],
    ["nothing", []],
  ])("leave out what the gateway would refuse, and say so: %s", async (_, given) => {
    const page = await opened();
    await page.evaluate((given) => window.eye.send(...(given as [unknown, unknown])), given);
    await send(page);
    await pass(page, 3);
    expect(names(await at.gateway.received(1))).toEqual(["event 0"]);
    expect(at.warnings).toEqual(["The Eye: expected eye.send(category, name, {…})"]);
  });

  test("have any name and category that is a text, and any object with a member", async () => {
    const page = await opened();
    await page.evaluate(() => {
      window.eye.send('"', " ", { "": null });
      window.eye.send("\u2028", "\n", new (class { toJSON = (): object => ({ a: [] }); })());
    });
    await pass(page, 3);
    expect((await at.gateway.received(2)).map(({ category, name, data }) => [category, name, data])).toEqual([['"', " ", { "": null }], ["\u2028", "\n", { a: [] }]]);
    expect(at.warnings).toEqual([]);
  });

  test.each<[string, Answer, number]>([
    ["taken", { status: 202 }, 202],
    ["refused", { status: 401 }, 401],
    ["kept for later", { status: 429 }, 429],
    ["not answered", "cut", 503],
  ])("are told to the page with their status when they are %s", async (_, given, status) => {
    const page = await opened();
    await page.evaluate(() => addEventListener("eye:sent", (event) => (document.title = JSON.stringify((event as CustomEvent<object>).detail))));
    answer(given);
    await send(page, 2);
    await pass(page, 2);
    // Chromium itself asks a second time where it is cut off.
    const events = (await at.gateway.received(2)).slice(0, 2);
    await answered(page);
    const told = JSON.parse(await page.title()) as { status: number; body: string };
    expect({ ...told, body: JSON.parse(told.body) as unknown }).toEqual({ status, body: { sent_at: at.gateway.calls[0]?.sentAt, events } });
  });
});

describe("what is not taken", () => {
  test.each<[string, Answer, number]>([
    ["503 with a time", { status: 503, headers: { "Retry-After": "7" } }, 7],
    ["429 with a time", { status: 429, headers: { "Retry-After": "30" } }, 30],
    ["503 without a time", { status: 503 }, 1],
    ["503 with a date", { status: 503, headers: { "Retry-After": "Fri, 31 Dec 2027 23:59:59 GMT" } }, 1],
    ["500", { status: 500 }, 1],
    ["408", { status: 408 }, 1],
    ["no answer", "cut", 1],
  ])("is sent again with the same ids: %s", async (_, given, seconds) => {
    const page = await opened();
    answer(given);
    await send(page, 2);
    await pass(page, 2);
    // Chromium itself asks a second time at 408.
    const first = [...new Set(ids(await at.gateway.received(2)))];
    await answered(page);
    at.gateway.forget();
    answer({ status: 202 });
    await pass(page, seconds - 0.1);
    await expectNothingSent(page);
    at.gateway.forget();
    // A quarter of it is chance.
    await pass(page, seconds * 0.25 + 0.2);
    expect(ids(await at.gateway.received(2))).toEqual(first);
    await answered(page);
    await pass(page, 120);
    await answered(page);
    expect(at.gateway.events).toHaveLength(2);
    expect(at.warnings).toEqual([]);
  });

  test("is given half a minute to be answered", async () => {
    const page = await opened();
    answer("hold");
    await send(page);
    await pass(page, 2);
    const first = ids(await at.gateway.received(1));
    at.gateway.forget();
    answer({ status: 202 });
    await pass(page, 29);
    await expectNothingSent(page);
    at.gateway.forget();
    await pass(page, 1.1);
    await answered(page);
    await pass(page, 1.3);
    expect(ids(await at.gateway.received(1))).toEqual(first);
  });

  test("waits longer each time, a minute at most, also while more is added", async () => {
    const page = await opened();
    answer({ status: 503 });
    await send(page, 20);
    await pass(page, 0.01);
    await at.gateway.called(1);
    const start = (await page.evaluate(() => Date.now())) / 1_000;
    const seconds: number[] = [];
    for (let call = 2; call <= 10; call += 1) {
      await answered(page);
      await send(page);
      while (at.gateway.calls.length < call) {
        await pass(page, 0.5);
        await answered(page);
      }
      seconds.push((await page.evaluate(() => Date.now())) / 1_000);
    }
    const pauses = seconds.map((second, n) => second - (seconds[n - 1] ?? start));
    [1, 2, 4, 8, 16, 32, 48, 48, 48].forEach((base, n) => {
      expect(pauses[n]).toBeGreaterThanOrEqual(base - 0.1);
      expect(pauses[n]).toBeLessThanOrEqual(Math.min(60, base * 1.25) + 0.6);
    });
  });

  test("is at most two hundred events, the latest", async () => {
    const page = await opened();
    answer("hold");
    await send(page, 210);
    await pass(page, 0.01);
    await at.gateway.called(1);
    await send(page, 70);
    at.gateway.forget();
    answer({ status: 202 });
    // The call that is under way fails, and its events are the oldest.
    await pass(page, 30);
    await answered(page);
    for (const calls of [1, 2, 3, 4]) {
      await pass(page, 1.3);
      await at.gateway.called(calls);
      await answered(page);
    }
    await pass(page, 60);
    await answered(page);
    const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, n) => `event ${n + from}`);
    expect(names(at.gateway.events)).toEqual([...range(80, 210), ...range(0, 70)]);
  });

  test("waits but a second again, once something was taken", async () => {
    const page = await opened();
    answer({ status: 503 });
    await send(page);
    await pass(page, 2);
    await at.gateway.called(1);
    await answered(page);
    await pass(page, 1.3);
    await at.gateway.called(2);
    await answered(page);
    answer({ status: 202 });
    await pass(page, 2.6);
    await at.gateway.called(3);
    await answered(page);
    answer({ status: 503 });
    await send(page);
    await pass(page, 2);
    await at.gateway.called(4);
    await answered(page);
    await pass(page, 1.3);
    await at.gateway.called(5);
  });

  const DETAIL = "this key sends from pages of its listed origins only; found the origin http://127.0.0.1";

  test.each<[string, Answer, string]>([
    ["403 and why", { status: 403, body: JSON.stringify({ title: "Forbidden", detail: DETAIL }) }, `403, ${DETAIL}`],
    ["401 and why", { status: 401, body: JSON.stringify({ detail: "the key is unknown" }) }, "401, the key is unknown"],
    ["400 without why", { status: 400 }, "400"],
    ["404 in a page of others", { status: 404, body: "<!doctype html>Nothing here" }, "404"],
    ["413 in no words", { status: 413, body: "" }, "413"],
  ])("is dropped with one warning at %s", async (_, given, warning) => {
    const page = await opened();
    answer(given);
    for (const calls of [1, 2]) {
      await send(page);
      await pass(page, 3);
      await at.gateway.called(calls);
      await answered(page);
    }
    expect(at.warnings).toEqual([`The Eye dropped events: ${warning}`]);
    at.gateway.forget();
    answer({ status: 202 });
    await pass(page, 120);
    await expectNothingSent(page);
  });
});

describe("leaving", () => {
  /** As in browsers whose fetch ends with the page. */
  const withoutKeepalive = (): void => void Reflect.deleteProperty(Request.prototype, "keepalive");

  test.each([["whose fetch outlives it", undefined], ["whose fetch ends with it", withoutKeepalive]])("delivers by beacon what waits when a tab is closed, %s", async (_, before) => {
    const page = await opened({ body: `<button data-eye-click="last">Last</button>`, ...(before && { before }) });
    await page.getByRole("button").click();
    await page.close();
    expect((await at.gateway.received(1)).map(({ data }) => data["element"])).toEqual(["last"]);
    expect(at.gateway.calls[0]).toMatchObject({ key: "eye_test", headers: { "content-type": expect.stringContaining("text/plain"), "sec-fetch-mode": "no-cors" } });
  });

  test("fetches while a page is only hidden, so that it sees its answers", async () => {
    const page = await opened();
    await send(page);
    await hide(page);
    await at.gateway.received(1);
    expect(at.gateway.calls[0]).toMatchObject({ headers: { "sec-fetch-mode": "cors" } });
  });

  // Not every browser fires both.
  test.each(["visibilitychange", "pagehide"])("delivers what waits without %s", async (type) => {
    const page = await opened({ head: `<script>addEventListener("${type}", (event) => event.stopImmediatePropagation(), true)</script>` });
    await send(page);
    await page.close();
    expect(names(await at.gateway.received(1))).toEqual(["event 0"]);
  });

  test("delivers what the page sends while it is left", async () => {
    const page = await opened({ head: `<script>addEventListener("pagehide", () => eye.send("test", "goodbye", { a: 1 }))</script>` });
    await page.evaluate(() => addEventListener("pagehide", () => window.eye.send("test", "farewell", { a: 1 })));
    await page.close();
    expect(names(await at.gateway.received(2))).toEqual(["goodbye", "farewell"]);
  });

  test("delivers the address of the last moment", async () => {
    const page = await opened();
    await page.evaluate(() => history.pushState(null, "", "/last"));
    await page.close();
    expect((await at.gateway.received(1))[0]?.data).toMatchObject({ path: "/last" });
  });

  test("sends in pieces, and once", async () => {
    const page = await opened();
    await send(page, 120);
    await hide(page);
    await at.gateway.called(3);
    await page.close();
    expect(at.gateway.calls.map(({ events }) => events.length)).toEqual([50, 50, 20]);
    expect(new Set(ids(at.gateway.events)).size).toBe(120);
  });

  test("does not wait for the end of a pause", async () => {
    const page = await opened();
    answer({ status: 503, headers: { "Retry-After": "600" } });
    await send(page);
    await pass(page, 3);
    const first = ids(await at.gateway.received(1));
    await answered(page);
    at.gateway.forget();
    answer({ status: 202 });
    await page.close();
    expect(ids(await at.gateway.received(1))).toEqual(first);
  });

  test("keeps what is refused for now, in case the page is shown again", async () => {
    const page = await opened();
    answer({ status: 503 });
    await send(page);
    await hide(page);
    const first = ids(await at.gateway.received(1));
    await answered(page);
    at.gateway.forget();
    answer({ status: 202 });
    await pass(page, 2);
    expect(ids(await at.gateway.received(1))).toEqual(first);
  });

  test("sends by beacon a second time what is in flight, where that ends with the page", async () => {
    const page = await opened({ before: withoutKeepalive });
    answer("hold");
    await send(page);
    await pass(page, 3);
    const first = ids(await at.gateway.received(1));
    at.gateway.forget();
    await page.close();
    expect(new Set(ids(await at.gateway.received(1)))).toEqual(new Set(first));
  });

  test.each<[string, () => void]>([
    ["refuses", () => void (navigator.sendBeacon = () => false)],
    ["does not exist", () => void Object.defineProperty(navigator, "sendBeacon", { value: undefined })],
  ])("falls back to fetch where a beacon %s", async (_, before) => {
    const page = await opened({ before: withoutKeepalive });
    await page.evaluate(before);
    await send(page);
    await page.close();
    expect(new Set(names(await at.gateway.received(1)))).toEqual(new Set(["event 0"]));
  });
});

describe("the page", () => {
  test("has each event once with two copies of the snippet", async () => {
    const page = await open({ head: tag("async"), body: `${tag()}<button data-eye-click="a">A</button>` });
    await pass(page, 0.1);
    await page.getByRole("button").click();
    await page.evaluate(() => history.pushState(null, "", "/b"));
    await pass(page, 3);
    await at.gateway.received(3);
    await answered(page);
    await pass(page, 60);
    await answered(page);
    expect(names(at.gateway.events).sort()).toEqual(["cta click", "pageview", "pageview"]);
  });

  test("gets no global but eye, also where an element has that id", async () => {
    const page = await opened({ body: `<div id="eye"></div>`, head: `<script>window.before = Object.getOwnPropertyNames(window)</script>` });
    const added = await page.evaluate(() => Object.getOwnPropertyNames(window).filter((name) => !(Reflect.get(window, "before") as string[]).includes(name)));
    expect(added.sort()).toEqual(["before", "eye"]);
    expect(await page.evaluate(() => typeof window.eye.send)).toBe("function");
  });

  test.each(["defer", "async", "", `type="text/javascript"`])("may load it as it likes: %s", async (attributes) => {
    await opened({ attributes });
  });

  test("is none the wiser when it has broken what the snippet needs", async () => {
    const page = await opened({ body: `<button data-eye-click="a">A</button><form onsubmit="event.preventDefault()"><input name="getAttribute"><button>B</button></form>` });
    await page.evaluate(() => {
      window.fetch = () => {
        throw new Error("no fetch");
      };
    });
    await page.evaluate(() => document.querySelectorAll("button").forEach((button) => button.click()));
    await hide(page);
    await pass(page, 10);
    expect(await page.evaluate(() => document.title)).toBe("A shop");
    expect(at.warnings).toEqual([expect.stringMatching(/^The Eye: TypeError/)]);
  });

  test("with a frozen history still has its first view", async () => {
    await opened({ head: `<script>Object.freeze(history)</script>` });
  });

  test("with the snippet's text in it, instead of its address, goes on without it", async () => {
    const page = await open({ body: `<script>window.eye = undefined;\n${readFileSync(SNIPPET, "utf8")}</script>`, attributes: `type="text/plain"` });
    await expectIdle(page);
  });

  test.each<[string, () => string]>([
    ["has no data-key", () => tag().replace(/ data-key="[^"]*"/, "")],
    ["has an empty data-key", () => tag().replace(/ data-key="[^"]*"/, " data-key")],
    ["is a module", () => tag(`type="module"`)],
  ])("is told when the script %s, and goes on without it", async (_, script) => {
    const page = await open({ head: script(), attributes: `type="text/plain"` });
    await expectIdle(page);
  });

  async function expectIdle(page: Page): Promise<void> {
    await send(page);
    await hide(page);
    await pass(page, 3);
    await expectNothingSent(page);
    expect(await page.evaluate(() => [window.eye.session(), localStorage.length])).toEqual([null, 0]);
    expect(at.warnings).toEqual(["The Eye: no data-key on the script, or it is a module"]);
  }

  test("learns of a wrong address when it sets one", async () => {
    const page = await opened();
    expect(await page.evaluate(() => {
      try {
        history.pushState(null, "", "https://elsewhere.example/");
        return "taken";
      } catch (error) {
        return (error as Error).name;
      }
    })).toBe("SecurityError");
  });
});
