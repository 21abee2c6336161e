// Events as they are stored, by server-sent events. EventSource can't send a key, so the frames are read here.

import { connection, isOutage, open, type Params } from "./client.ts";
import { Frames } from "./frames.ts";
import { parse } from "./json.ts";
import type { StoredEvent } from "./types.ts";

/** How long to wait before coming back, in milliseconds: the first time, and at most. */
const PATIENCE_MS = { first: 1_000, most: 15_000 };

/** How long nothing may come, in milliseconds. */
const SILENCE_MS_MAX = 15_000;

/** An event, and how long it was as JSON. */
export interface Streamed {
  event: StoredEvent;
  chars: number;
}

export interface Listener {
  onEvents(events: Streamed[]): void;
  /** What was stored since then may be missing here. */
  onGap(since: string): void;
  onFailure(error: unknown): void;
}

/** Follows the stream, and comes back where it was, until the signal ends it or it is refused. */
export async function follow(params: Params, listener: Listener, signal: AbortSignal): Promise<void> {
  let last: string | undefined;
  let patience = PATIENCE_MS.first;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = last === undefined ? {} : { "Last-Event-ID": last };
      const answer = await open("/api/events/stream", params, signal, headers);
      patience = PATIENCE_MS.first;
      last = await read(answer, listener, last);
    } catch (error) {
      if (signal.aborted) return;
      if (!isOutage(error) && !(error instanceof Interrupted)) {
        listener.onFailure(error);
        return;
      }
      if (error instanceof Interrupted) last = error.last;
      connection.value = "lost";
    }
    await pause(patience, signal);
    patience = Math.min(patience * 2, PATIENCE_MS.most);
  }
}

/** The stream broke off after this frame. */
class Interrupted extends Error {
  constructor(readonly last: string | undefined) {
    super("the stream broke off");
  }
}

async function read(answer: Response, listener: Listener, before: string | undefined): Promise<string | undefined> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return before;
  const frames = new Frames();
  let last = before;
  for (;;) {
    const part = await next(reader).catch(() => {
      throw new Interrupted(last);
    });
    if (part === undefined) return last;
    const events: Streamed[] = [];
    for (const frame of frames.take(part)) {
      last = frame.id ?? last;
      if (frame.data === undefined) continue;
      const data: unknown = parse(frame.data);
      if (frame.event === "gap") listener.onGap((data as { since: string }).since);
      else events.push({ event: data as StoredEvent, chars: frame.data.length });
    }
    if (events.length > 0) listener.onEvents(events);
  }
}

/** What comes next; undefined at the end. The service says something every 5 s: whoever is silent for longer is not there. */
async function next(reader: ReadableStreamDefaultReader<string>): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("silence")), SILENCE_MS_MAX);
  });
  try {
    const part = await Promise.race([reader.read(), silence]);
    return part.done ? undefined : part.value;
  } catch (error) {
    // What breaks off here is of no more interest.
    void reader.cancel().catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const ended = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", ended);
      resolve();
    };
    const timer = setTimeout(ended, ms);
    signal.addEventListener("abort", ended);
  });
}
