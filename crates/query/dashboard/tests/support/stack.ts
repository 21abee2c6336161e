// A private stack with events of every kind in it, for all tests: started once, ended after them.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface Stack {
  query: string;
  gateway: string;
  /** Reads all applications. */
  readKey: string;
  /** Reads its own application only. */
  ownKey: string;
  /** Write keys by application. */
  writeKeys: Record<string, string>;
  /** Where `eye` is run, and the program. */
  place: string;
  program: string;
  /** Whether the recorded events were loaded too. */
  hasRecorded: boolean;
}

export function eye({ place, program }: Pick<Stack, "place" | "program">, ...args: string[]): string {
  const env = { ...process.env };
  delete env["EYE__STORE__URL"];
  delete env["EYE__BROKER__URL"];
  return execFileSync(program, args, { cwd: place, env, encoding: "utf8" });
}

export function start(): Stack {
  const program = resolve(process.env["EYE_BIN"] ?? "../../../target/debug/eye");
  const at = { place: mkdtempSync(join(tmpdir(), "eye-dashboard-")), program };
  eye(at, "up", "--detach", "--output", "json");
  const variables = Object.fromEntries(
    readFileSync(join(at.place, ".local/env"), "utf8")
      .split("\n")
      .map((line) => /^(?:export )?(\w+)='?([^']*)'?$/.exec(line))
      .flatMap((match) => (match === null ? [] : [[match[1], match[2]]])),
  ) as Record<string, string>;
  for (const application of ["shop", "blog"]) eye(at, "app", "create", application);
  const key = (application: string, ...scope: string[]): string =>
    (JSON.parse(eye(at, "key", "create", application, "--output", "json", "--scope", ...scope)) as { key: string }).key;
  return {
    ...at,
    query: variables["EYE_QUERY_URL"] ?? "",
    gateway: variables["EYE_GATEWAY_URL"] ?? "",
    readKey: key("demo", "read"),
    ownKey: key("shop", "read", "--own"),
    writeKeys: { shop: key("shop", "write"), blog: key("blog", "write") },
    hasRecorded: false,
  };
}

export function stop(stack: Stack): void {
  // What can't be ended is told, and is no reason to keep the directory.
  const ended = spawnSync(stack.program, ["down"], { cwd: stack.place, encoding: "utf8" });
  if (ended.status !== 0) console.error(ended.stderr);
  rmSync(stack.place, { recursive: true, force: true });
}

export interface Sent {
  id?: string;
  session_id: unknown;
  category: unknown;
  name: unknown;
  data: unknown;
  timestamp: unknown;
}

/** Sends events, and waits until the last of them has an outcome. */
export async function send(stack: Stack, application: string, events: Sent[] | string): Promise<string[]> {
  const key = stack.writeKeys[application] ?? "";
  const answer = await fetch(`${stack.gateway}/api/events`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: typeof events === "string" ? events : JSON.stringify(events),
  });
  if (answer.status !== 202) throw new Error(`expected 202, found ${answer.status}: ${await answer.text()}`);
  const { ids } = (await answer.json()) as { ids: string[] };
  for (let look = 0; look < 600; look += 1) {
    const receipt = await fetch(`${stack.query}/api/events/${ids.at(-1)}/receipt`, { headers: { Authorization: `Bearer ${key}` } });
    await receipt.body?.cancel();
    if (receipt.status === 200) return ids;
    await new Promise((later) => setTimeout(later, 100));
  }
  throw new Error("the events have no outcome after 60 s");
}

/** Waits until nothing is on its way: by two looks, since consumers tell once a second. */
export async function allStored(stack: Stack): Promise<void> {
  interface Pipeline {
    queues: { ready_messages: number }[];
    consumers: { deliveries_held: number }[];
  }
  for (let look = 0, idle = 0; look < 120; look += 1) {
    const { queues, consumers } = await ask<Pipeline>(stack, "/api/pipeline");
    const isIdle = consumers.length > 0 && queues.every((queue) => queue.ready_messages === 0) && consumers.every((consumer) => consumer.deliveries_held === 0);
    idle = isIdle ? idle + 1 : 0;
    if (idle === 3) return;
    await new Promise((later) => setTimeout(later, 1_000));
  }
  throw new Error("events are still on their way after two minutes");
}

/** Asks as an analyst. */
export async function ask<T>(stack: Stack, path: string): Promise<T> {
  const answer = await fetch(stack.query + path, { headers: { Authorization: `Bearer ${stack.readKey}` } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** Registers an event type, with a schema a version. */
export function register(stack: Stack, category: string, name: string, schemas: [schema: object, reason: string][]): void {
  for (const [schema, reason] of schemas) {
    const file = join(stack.place, "schema.json");
    writeFileSync(file, JSON.stringify(schema));
    eye(stack, "type", "set", "--category", category, "--name", name, "--schema", file, "--reason", reason);
  }
}
