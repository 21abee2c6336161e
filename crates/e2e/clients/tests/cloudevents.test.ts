import { randomUUID } from "node:crypto";
import { CloudEvent, emitterFor, HTTP, httpTransport, type Message, Mode } from "cloudevents";
import { describe, expect, test } from "vitest";
import { python } from "./support/senders.ts";
import { arrived, settled, stack, stored, unique } from "./support/store.ts";

const DATA = { product: 17, articles: ["umbrella"], nested: { "a.b": "ö" } };
const TIME = "2021-01-02T03:04:05.678Z";

const authorization = (): { Authorization: string } => ({ Authorization: `Bearer ${stack().writeKey}` });
const address = (): string => `${stack().gateway}/api/events`;

/** Attributes of an event of that session. */
const attributes = (sessionid: string) => ({ id: randomUUID(), source: "/shop", type: "example.shop.cart.add", time: TIME, sessionid });

const expected = ({ id, sessionid }: { id: string; sessionid: string }): unknown =>
  expect.objectContaining({ id, session_id: sessionid, category: "example.shop.cart", name: "add", data: DATA, timestamp: TIME.replace("Z", "000Z") });

async function post(message: Pick<Message, "body"> & { headers: object }): Promise<string[]> {
  const answer = await fetch(address(), { method: "POST", headers: { ...(message.headers as Record<string, string>), ...authorization() }, body: String(message.body) });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([202, expect.any(String)]);
  return (JSON.parse(text) as { ids: string[] }).ids;
}

describe("cloudevents for Node", () => {
  test.each([Mode.STRUCTURED, Mode.BINARY])("an event that its emitter sends in %s mode arrives", async (mode) => {
    const given = attributes(unique("session"));
    const emit = emitterFor(httpTransport(address()), { mode });
    await emit(new CloudEvent({ ...given, data: DATA }), { headers: authorization() });
    expect(await arrived({ session_id: given.sessionid }, 1)).toEqual([expected(given)]);
  });

  test.each(["structured", "binary"] as const)("an event that is written in %s mode is answered with its id", async (mode) => {
    const given = attributes(unique("session"));
    expect(await post(HTTP[mode](new CloudEvent({ ...given, data: DATA })))).toEqual([given.id]);
    expect(await arrived({ session_id: given.sessionid }, 1)).toEqual([expected(given)]);
  });

  test("a batch of events arrives", async () => {
    const sessionid = unique("session");
    const given = [attributes(sessionid), attributes(sessionid)];
    const body = JSON.stringify(given.map((each) => new CloudEvent({ ...each, data: DATA })));
    const ids = await post({ headers: { "Content-Type": "application/cloudevents-batch+json" }, body });
    expect(ids).toEqual(given.map(({ id }) => id));
    expect(await arrived({ session_id: sessionid }, 2)).toEqual(expect.arrayContaining(given.map(expected)));
  });

  test("an event without the extension is of the session that its subject names, and a type without a dot is both names", async () => {
    const subject = unique("visitor");
    await post(HTTP.binary(new CloudEvent({ source: "/shop", type: "opened", subject, data: DATA })));
    expect(await arrived({ session_id: subject }, 1)).toEqual([expect.objectContaining({ category: "opened", name: "opened", data: DATA })]);
  });

  test("an event whose id is no UUID is stored once, under an id that is made of it", async () => {
    const given = { ...attributes(unique("session")), id: `order ${randomUUID()}` };
    const event = new CloudEvent({ ...given, data: DATA });
    const first = await post(HTTP.structured(event));
    expect(await post(HTTP.binary(event))).toEqual(first);
    await arrived({ session_id: given.sessionid }, 1);
    await settled();
    expect((await stored({ session_id: given.sessionid })).map(({ id }) => id)).toEqual(first);
  });
});

describe("cloudevents for Python", () => {
  // Its newer interface writes letters beyond ASCII into headers in percent signs, as the binding says. The older one writes them in
  // Latin-1, which is no form of the binding: so ASCII is all that is asked of it.
  test.each([
    ["structured", "café 100 %"],
    ["binary", "session"],
    ["core structured", "café 100 %"],
    ["core binary", "café 100 %"],
  ])("an event that is written in %s mode arrives", async (mode, session) => {
    const given = attributes(unique(session));
    const { gateway, writeKey } = stack();
    await python("send_with_cloudevents.py", { gateway, writeKey, mode, attributes: given, data: DATA });
    expect(await arrived({ session_id: given.sessionid }, 1)).toEqual([expected(given)]);
  });
});
