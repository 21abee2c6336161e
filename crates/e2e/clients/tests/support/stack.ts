// A private stack for all tests: started once, ended after them.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The application that the tests' clients belong to. */
export const APPLICATION = "clients";

export interface Stack {
  gateway: string;
  query: string;
  /** Of the application `clients`, for programs. */
  writeKey: string;
  /** Reads all applications. */
  readKey: string;
  /** Where `eye` is run, and the program. */
  place: string;
  program: string;
}

/** Runs `eye` beside the stack, and gives what it prints. */
export function eye({ place, program }: Pick<Stack, "place" | "program">, ...args: string[]): string {
  const env = { ...process.env };
  // They would lead to a stack that is somebody else's.
  for (const name of Object.keys(env)) if (name.startsWith("EYE__")) delete env[name];
  return execFileSync(program, args, { cwd: place, env, encoding: "utf8" });
}

export function createKey(at: Pick<Stack, "place" | "program">, application: string, ...options: string[]): string {
  const answer = eye(at, "key", "create", application, "--output", "json", ...options);
  return (JSON.parse(answer) as { key: string }).key;
}

/** What `eye up` leaves for shells. */
function variables(place: string): Record<string, string> {
  const assignments = readFileSync(join(place, ".local/env"), "utf8").matchAll(/^(?:export )?(\w+)='?([^'\n]*)'?$/gm);
  return Object.fromEntries(Array.from(assignments, ([, name = "", value = ""]) => [name, value]));
}

export function start(): Stack {
  const program = resolve(process.env["EYE_BIN"] ?? "../../../target/debug/eye");
  const at = { place: mkdtempSync(join(tmpdir(), "eye-clients-")), program };
  try {
    eye(at, "up", "--detach", "--output", "json");
    eye(at, "app", "create", APPLICATION);
    const { EYE_GATEWAY_URL, EYE_QUERY_URL } = variables(at.place);
    if (EYE_GATEWAY_URL === undefined || EYE_QUERY_URL === undefined) throw new Error(".local/env names no addresses");
    const writeKey = createKey(at, APPLICATION, "--scope", "write");
    const readKey = createKey(at, "demo", "--scope", "read");
    return { ...at, gateway: EYE_GATEWAY_URL, query: EYE_QUERY_URL, writeKey, readKey };
  } catch (error) {
    stop(at);
    throw error;
  }
}

export function stop({ place, program }: Pick<Stack, "place" | "program">): void {
  // What can't be ended is told, and is no reason to keep the directory.
  const ended = spawnSync(program, ["down"], { cwd: place, encoding: "utf8" });
  if (ended.status !== 0) console.error(ended.stderr);
  rmSync(place, { recursive: true, force: true });
}
