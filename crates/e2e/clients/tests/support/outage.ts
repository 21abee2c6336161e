// A broker that hangs: every process of it is stopped in its tracks. It keeps its connections and takes no more of them, confirms
// nothing, and `eye up` does not start another, since none has ended. What was on its way when it stopped is taken when it goes on.

import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { stack } from "./store.ts";

/** Processes of the broker of our stack, and of no other: the file on their standard input lies in its directory. */
function broker(): number[] {
  const badge = join(realpathSync(stack().place), ".local/rabbitmq/badge");
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  const found = pids.filter((pid) => inputOf(pid) === badge);
  if (found.length === 0) throw new Error(`no process wears ${badge}`);
  return found;
}

function inputOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    // It has ended, or is somebody else's.
    return undefined;
  }
}

/** Stops the broker while `work` is done; lets it go on whatever happens. */
export async function withoutBroker(work: () => Promise<void>): Promise<void> {
  const pids = broker();
  const signal = (name: "SIGSTOP" | "SIGCONT"): void => pids.forEach((pid) => process.kill(pid, name));
  signal("SIGSTOP");
  try {
    await work();
  } finally {
    signal("SIGCONT");
  }
}

/** What the gateway answers at this moment. */
export async function answerOfGateway(): Promise<number> {
  const { gateway, writeKey } = stack();
  const event = { session_id: "probe", category: "probe", name: "probe", data: { probe: true }, timestamp: new Date().toISOString() };
  const headers = { Authorization: `Bearer ${writeKey}`, "Content-Type": "application/json" };
  const answer = await fetch(`${gateway}/api/events`, { method: "POST", headers, body: JSON.stringify(event) });
  await answer.body?.cancel();
  return answer.status;
}
