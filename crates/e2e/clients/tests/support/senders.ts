// The SDKs that run on servers, each behind the same function. Nothing of them is changed or replaced.

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";
import type { Call } from "./calls.ts";
import { stack } from "./store.ts";

/** How calls are made. */
export interface Pace {
  /** Between two calls; none unless told. */
  intervalMs?: number;
  /** Whether bodies are packed, where the SDK can choose. */
  gzip?: boolean;
}

const pause = (length: number): Promise<void> => new Promise((later) => setTimeout(later, length));

async function paced(calls: Call[], { intervalMs = 0 }: Pace, make: (call: Call) => void): Promise<void> {
  for (const call of calls) {
    make(call);
    if (intervalMs > 0) await pause(intervalMs);
  }
}

/** A call as the SDKs for Node take it: its time is a `Date`. */
function argument({ type: _, timestamp, ...rest }: Call): never {
  return { ...rest, ...(timestamp !== undefined && { timestamp: new Date(timestamp) }) } as never;
}

/**
 * `maxRetries` is 10 by default, with pauses of 0.5 to 1 s times a power of two: more than five minutes in all. `closeAndFlush`
 * gives up what is still under way after its `timeout`, which is but seconds by default.
 */
export async function sendWithSegmentNode(calls: Call[], pace: Pace = {}): Promise<void> {
  const { gateway, writeKey } = stack();
  const failures: unknown[] = [];
  const analytics = new Analytics({ host: gateway, writeKey, flushInterval: 500 });
  analytics.on("error", ({ reason }) => failures.push(reason));
  await paced(calls, pace, (call) => analytics[call.type](argument(call)));
  await analytics.closeAndFlush({ timeout: 150_000 });
  if (failures.length > 0) throw new Error(`analytics-node gave up: ${failures.map(String).join("; ")}`);
}

/**
 * `retryCount` is 3 by default, which is over after some seconds. `axiosRetryConfig` sets how often and how soon; a gateway that can't
 * have events confirmed answers at once or after some seconds, so that 150 times, a second apart, are more than two minutes.
 */
export async function sendWithRudderNode(calls: Call[], { gzip = true, ...pace }: Pace = {}): Promise<void> {
  const { gateway, writeKey } = stack();
  const axiosRetryConfig = { retries: 150, retryDelay: () => 1_000 };
  // `errorHandler` keeps a failed flush from being an unhandled rejection; the calls' own callbacks tell of it.
  const options = { dataPlaneUrl: gateway, flushInterval: 500, gzip, logLevel: "none", axiosRetryConfig, errorHandler: () => {} };
  const analytics = new RudderAnalytics(writeKey, options);
  const outcomes: Promise<void>[] = [];
  await paced(calls, pace, (call) => {
    outcomes.push(new Promise((done, fail) => analytics[call.type](argument(call), ((error?: Error) => (error ? fail(error) : done())) as () => void)));
  });
  await Promise.all(outcomes);
}

/** Runs a script of `python` in the environment that `requirements.txt` describes, with a task on its standard input. */
export async function python(script: string, task: object): Promise<void> {
  const program = process.env["CLIENTS_PYTHON"] ?? resolve("../../../target/clients/venv/bin/python");
  const child = spawn(program, [resolve("python", script)], { stdio: ["pipe", "inherit", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.stdin.end(JSON.stringify(task));
  const status = await new Promise((ended, fail) => child.on("error", fail).on("close", ended));
  if (status !== 0) throw new Error(`${script} ended with ${status}: ${errors}`);
}

async function sendWithPython(script: string, calls: Call[], pace: Pace): Promise<void> {
  const { gateway, writeKey } = stack();
  await python(script, { gateway, writeKey, calls, gzip: pace.gzip ?? false, intervalSeconds: (pace.intervalMs ?? 0) / 1_000 });
}

export const sendWithSegmentPython = (calls: Call[], pace: Pace = {}): Promise<void> => sendWithPython("send_with_segment.py", calls, pace);

export const sendWithRudderPython = (calls: Call[], pace: Pace = {}): Promise<void> => sendWithPython("send_with_rudder.py", calls, pace);
