import { expect, it } from "vitest";
import { expectFault, stack, useBrowser, visit } from "./support/browser.ts";

useBrowser();

it("says what is wrong with a key, and lets in who has a good one", async () => {
  expectFault(/40[13]/);
  const page = await visit("/", { key: null });
  const enter = async (key: string): Promise<void> => {
    await page.getByLabel("Read key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
  };
  await enter("eye_nobody_knows_this_one");
  await page.getByText("does not know this key").waitFor();
  await enter(stack().writeKeys["shop"] ?? "");
  await page.getByText("it needs the scope read").waitFor();
  await enter(stack().readKey);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Read key").waitFor();
});

it("keeps the key for the tab only", async () => {
  const page = await visit("/", { key: null });
  await page.getByLabel("Read key").fill(stack().readKey);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${stack().query}/events`);
  await other.getByLabel("Read key").waitFor();
  expect(await page.evaluate(() => JSON.stringify([localStorage, document.cookie]))).not.toContain("eye_");
});

it("asks again for a key that is refused while it is used", async () => {
  expectFault(/401/);
  const page = await visit("/events", { key: "eye_revoked_by_now" });
  await page.getByLabel("Read key").waitFor();
  expect(await page.getByRole("alert").innerText()).not.toBe("");
});
