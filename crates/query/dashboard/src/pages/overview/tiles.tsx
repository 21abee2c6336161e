// The figures of a range, one a tile.

import type { JSX } from "preact";
import { ask } from "../../api/client.ts";
import type { Book, Count, ErrorSummary, List, Pipeline, SessionCount, StoredEvent } from "../../api/types.ts";
import { type Answer, useAnswer } from "../../state/answer.ts";
import { askAll } from "../../state/known.ts";
import { link, one } from "../../state/place.ts";
import { asked, before, lengthMs, preset, range, type Range } from "../../state/range.ts";
import { told } from "../../state/zone.ts";
import { compact, duration, number, percent, plural } from "../../parts/text.tsx";
import { Tile } from "../../parts/tile.tsx";

/** How often figures of a range that ends now are asked for, in milliseconds: of a short one, and of a long one. */
export const EVERY_MS = { short: 5_000, long: 30_000 };

export function Tiles({ newest, every, compares }: { newest: Answer<List<StoredEvent>>; every: number | null; compares: boolean }): JSX.Element {
  const question = JSON.stringify([compares, preset.value, one("from"), one("to")]);
  const previous = (): Range | null => (compares ? before(range()) : null);
  // What costs the service more is asked for less often.
  const seldom = every === null ? null : EVERY_MS.long;
  const sessions = useAnswer(`sessions ${question}`, (signal) => withEarlier(range(), previous(), countSessions, signal), seldom);
  const errors = useAnswer(`errors ${question}`, (signal) => withEarlier(range(), previous(), countErrors, signal), seldom);
  const events = useAnswer(`events ${question}`, (signal) => withEarlier(range(), previous(), countEvents, signal), every);
  const books = useAnswer(`books ${question}`, (signal) => askAll<Book>("/api/ledger", hours(range()), signal), seldom);
  const pipeline = useAnswer("pipeline", (signal) => ask<Pipeline>("/api/pipeline", [], signal), EVERY_MS.short);
  return (
    <section class="tiles" aria-label="Figures">
      <Tile title="Events" of={events}>
        {({ now, earlier }) => ({ figure: compact(now), delta: [now, earlier], note: perMinute(now) })}
      </Tile>
      <Tile title="Sessions" of={sessions}>
        {({ now, earlier }) => ({
          figure: `${now.bounded ? "over " : ""}${compact(now.sessions)}`,
          delta: now.bounded || earlier?.bounded === true ? [0, null] : [now.sessions, earlier?.sessions ?? null],
          note: now.looked_from === null ? "" : `looked back to ${told(now.looked_from)}`,
        })}
      </Tile>
      <Tile title="Errors" of={errors} href={link("/errors")}>
        {({ now, earlier }) => ({ figure: compact(now), delta: [now, earlier], isBadUp: true, note: "records of wrong fields, by receipt" })}
      </Tile>
      <Tile title="Rejected" of={books}>
        {(value) => share(value.items, value.isCut)}
      </Tile>
      <Tile title="In the queue" of={pipeline}>
        {(value) => queued(value)}
      </Tile>
      <Tile title="Newest event" of={newest}>
        {({ items: [event] }) => ({
          figure: event === undefined ? "none" : duration(Math.max(Date.now() - Date.parse(event.timestamp), 0)),
          note: event === undefined ? "" : `ago: ${told(event.timestamp)}`,
        })}
      </Tile>
    </section>
  );
}

interface Compared<T> {
  now: T;
  earlier: T | null;
}

async function withEarlier<T>(
  now: Range,
  earlier: Range | null,
  figure: (of: Range, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<Compared<T>> {
  const [current, former] = await Promise.all([figure(now, signal), earlier === null ? null : figure(earlier, signal)]);
  return { now: current, earlier: former };
}

const countSessions = (of: Range, signal: AbortSignal): Promise<SessionCount> => ask<SessionCount>("/api/counts/sessions", asked(of), signal);

async function countErrors(of: Range, signal: AbortSignal): Promise<number> {
  const { items } = await ask<ErrorSummary>("/api/errors/summary", [["group_by", "severity"], ...asked(of)], signal);
  return items.reduce((sum, { count, severity }) => sum + (severity === "error" ? count : 0), 0);
}

async function countEvents(of: Range, signal: AbortSignal): Promise<number> {
  const { items } = await ask<{ items: Count[] }>("/api/counts", [["interval", "month"], ...asked(of)], signal);
  return items.reduce((sum, { count }) => sum + count, 0);
}

function perMinute(events: number): string {
  const length = lengthMs(range());
  if (length === null || length === 0) return "";
  const rate = (60_000 * events) / length;
  return `${number(rate < 10 ? Number(rate.toPrecision(2)) : Math.round(rate))} a minute`;
}

/** Books are kept by the hour: the hours that the range touches. */
function hours(of: Range): [string, string][] {
  const HOUR_MS = 3_600_000;
  const from = of.from === null ? null : new Date(Math.floor(of.from.getTime() / HOUR_MS) * HOUR_MS);
  return asked({ from, to: of.to }).map(([name, value]): [string, string] => [name, value]);
}

function share(books: Book[], isCut: boolean): { figure: string; note: string } {
  const [rejected, judged] = books.reduce(([bad, all], { rejected, stored }) => [bad + rejected, all + rejected + stored], [0, 0]);
  return { figure: percent(rejected, judged), note: `${number(rejected)} of ${number(judged)} received, whole hours${isCut ? ", the latest only" : ""}` };
}

function queued({ queues, consumers, oldest_age_seconds: age }: Pipeline): { figure: string; note: string; isBad: boolean } {
  const ready = (dead: boolean): number => queues.filter(({ queue }) => queue.endsWith(".dead") === dead).reduce((sum, queue) => sum + queue.ready_messages, 0);
  const notes = ["messages", plural(consumers.length, "consumer"), `oldest ${duration(age * 1_000)}`];
  if (ready(true) > 0) notes.push(plural(ready(true), "dead letter"));
  return { figure: compact(ready(false)), note: notes.join(", "), isBad: consumers.length === 0 || ready(true) > 0 };
}
