import { expect, it } from "vitest";
import { expectFault, stack, useBrowser, visit } from "./support/browser.ts";

useBrowser();

const empty = { json: { items: [], next_cursor: null } };

it.each(["/", "/events", "/event-types", "/funnel"])("shows how the first event is sent where there is none: %s", async (path) => {
  const page = await visit("/session");
  await page.route("**/api/events?*", (route) => route.fulfill(empty));
  await page.route("**/api/event-types?*", (route) => route.fulfill(empty));
  await page.goto(stack().query + path);
  await page.getByText("No event is stored yet").waitFor();
  expect(await page.locator(".nothing .copy code").innerText()).toMatch(/^curl .*\n.*"session_id": "my-session".*\n.*\/api\/events"$/);
});

it("says that it loads, and what", async () => {
  const page = await visit("/session");
  await page.route("**/api/events?*", () => {
    // Never answered.
  });
  await page.goto(`${stack().query}/events`);
  await page.getByText("Loading events").waitFor();
});

it("says what the service refused, and what to do", async () => {
  expectFault(/400|504/);
  const page = await visit("/events?cursor=nonsense");
  await page.getByText("The service did not understand this").waitFor();
  const problem = { title: "Gateway Timeout", status: 504, detail: "the query took longer than 10000 ms: narrow it", request_id: "r-1" };
  await page.route("**/api/events?*", (route) => route.fulfill({ status: 504, json: problem, contentType: "application/problem+json" }));
  await page.goto(`${stack().query}/events`);
  await page.getByText("This took too long").waitFor();
  await page.getByText("narrow it").waitFor();
  await page.getByText("r-1").waitFor();
  await page.unroute("**/api/events?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("table.events tbody tr").first().waitFor();
});

it("says that the service has no database, and goes on when it has one", async () => {
  expectFault(/503/);
  const page = await visit("/session");
  await page.route("**/api/events?*", (route) => route.fulfill({ status: 503, json: { detail: "the database can't answer at the moment" }, headers: { "Retry-After": "1" } }));
  await page.goto(`${stack().query}/events`);
  await page.getByText("The service can't answer at the moment").waitFor();
  await page.unroute("**/api/events?*");
  await page.locator("table.events tbody tr").first().waitFor();
});

it("tells that the connection is lost, and that it is back", async () => {
  expectFault(/Failed to load/);
  const page = await visit("/?range=6h");
  await page.locator(".legend").first().waitFor();
  await page.route("**/api/**", (route) => route.abort("connectionrefused"));
  await page.getByText("Connection lost").waitFor({ timeout: 20_000 });
  // What was there is still there.
  expect(await page.locator(".legend").first().isVisible()).toBe(true);
  await page.unroute("**/api/**");
  await page.getByText("The connection is back").waitFor({ timeout: 20_000 });
});

it("says that there is no such page, and lets others be reached", async () => {
  const page = await visit("/events");
  await page.evaluate(() => {
    history.pushState(null, "", "/nonsense");
    dispatchEvent(new PopStateEvent("popstate"));
  });
  await page.getByText("There is no such page").waitFor();
  await page.getByRole("link", { name: "Go to the overview" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
});
