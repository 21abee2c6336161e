// What comes in: how much, of what, from whom, what is wrong with it, and how far the pipeline is.

import type { JSX } from "preact";
import { ask, Refusal } from "../api/client.ts";
import type { Book, Count, ErrorSummary, List, Pipeline, SessionCount, StoredEvent } from "../api/types.ts";
import { type Answer, useAnswer } from "../state/answer.ts";
import { askAll } from "../state/known.ts";
import { changed, go, link, one } from "../state/place.ts";
import { asked, before, DAY_MS, each, INTERVALS, type Interval, intervalFor, lengthMs, preset, range, type Range } from "../state/range.ts";
import { told, zone } from "../state/zone.ts";
import { Bars } from "../parts/bars.tsx";
import { Chart, COLORS, type Series } from "../parts/chart.tsx";
import { Link } from "../parts/link.tsx";
import { FirstEvent, Nothing, Shown } from "../parts/states.tsx";
import { compact, duration, number, percent } from "../parts/text.tsx";
import { Tile } from "../parts/tile.tsx";
import { bucketed, type Buckets, summed } from "./overview/buckets.ts";

/** How often figures of a range that ends now are asked for, in milliseconds: of a short one, and of a long one. */
const EVERY_MS = { short: 5_000, long: 30_000 };

/** Into how many spans the errors of a range are counted. */
const SPANS = 60;

export function Overview(): JSX.Element {
  const length = lengthMs(range());
  const chosen = INTERVALS.find((interval) => interval === one("interval")) ?? null;
  const interval = chosen ?? intervalFor(length);
  const by = one("by") === "application" ? "application" : "category";
  const compares = one("compare") === "1";
  const isLive = preset.value !== null;
  const every = isLive ? ((length ?? Number.POSITIVE_INFINITY) <= DAY_MS ? EVERY_MS.short : EVERY_MS.long) : null;
  const figures = useFigures(interval, compares, every);
  const newest = useAnswer("newest", (signal) => ask<List<StoredEvent>>("/api/events", [["limit", "1"]], signal), EVERY_MS.short);
  if (newest.value?.items.length === 0) return <FirstEvent />;
  return (
    <>
      <Tiles figures={figures} newest={newest} every={every} />
      <Controls interval={chosen} by={by} compares={compares} isLive={isLive} />
      <Shown of={figures} what="counts">
        {(value) =>
          value.buckets.total.every((count) => count === 0) ? (
            <Empty newest={newest.value?.items[0]} />
          ) : (
            <Counted value={value} interval={interval} by={by} compares={compares} />
          )
        }
      </Shown>
      <ErrorsOverTime every={every} />
    </>
  );
}

interface Figures {
  buckets: Buckets;
  /** Of the range before, a bucket beside each; null where it is not compared. */
  earlier: number[] | null;
}

function useFigures(interval: Interval, compares: boolean, every: number | null): Answer<Figures> {
  const question = JSON.stringify([interval, compares, zone.value, preset.value, one("from"), one("to")]);
  return useAnswer(
    question,
    async (signal) => {
      // A preset's range moves with the clock, and a chart of it goes up to now.
      const now = Date.now();
      const asOf = { ...range(now), to: range(now).to ?? (range(now).from === null ? null : new Date(now)) };
      const earlier = before(asOf, now);
      const total = counts(asOf, interval, [["fill", "true"]], signal);
      const parts = counts(asOf, interval, [["group_by", "category,application"]], signal).catch((error: unknown) => {
        // More groups than an answer can have: the whole is shown, and said to be all that is shown.
        if (error instanceof Refusal && error.status === 400) return null;
        throw error;
      });
      const compared = compares && earlier !== null ? counts(earlier, interval, [["fill", "true"]], signal) : null;
      const [whole, divided, former] = await Promise.all([total, parts, compared]);
      return { buckets: bucketed(whole, divided), earlier: former?.map(({ count }) => count) ?? null };
    },
    every,
  );
}

async function counts(of: Range, interval: Interval, more: [string, string][], signal: AbortSignal): Promise<Count[]> {
  const params: [string, string][] = [["interval", interval], ["tz", zone.value], ...more];
  return (await ask<{ items: Count[] }>("/api/counts", [...params, ...asked(of)], signal)).items;
}

function Controls({ interval, by, compares, isLive }: { interval: Interval | null; by: string; compares: boolean; isLive: boolean }): JSX.Element {
  return (
    <div class="controls">
      <label>
        By
        <select value={by} onChange={({ currentTarget: { value } }) => go(changed({ by: value }))}>
          <option value="category">category</option>
          <option value="application">application</option>
        </select>
      </label>
      <label>
        A point is a
        <select value={interval ?? ""} onChange={({ currentTarget: { value } }) => go(changed({ interval: value === "" ? null : value }))}>
          <option value="">(what fits)</option>
          {INTERVALS.map((word) => (
            <option value={word} key={word}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" checked={compares} onChange={({ currentTarget: { checked } }) => go(changed({ compare: checked ? "1" : null }))} />
        Compare with the range before
      </label>
      {isLive && <span class="live">Live</span>}
    </div>
  );
}

function Counted({ value: { buckets, earlier }, interval, by, compares }: { value: Figures; interval: Interval; by: "category" | "application"; compares: boolean }): JSX.Element {
  const groups = buckets.by?.[by] ?? null;
  const shown: Series[] =
    groups === null
      ? [{ label: "events", values: buckets.total, color: COLORS[0] }]
      : groups.map(({ label, values }, at) => ({ label, values, color: COLORS[at % COLORS.length] ?? COLORS[0] }));
  const compared: Series[] =
    earlier === null ? [] : [{ label: "all, the range before", values: buckets.times.map((_, at) => earlier[at] ?? null), color: "--quiet", isDashed: true }];
  const mark = (from: number, to: number): void =>
    go(changed({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() }));
  return (
    <>
      {compares && earlier === null && <p class="quiet">All time has no range before it: choose a range to compare.</p>}
      {groups === null && <p class="quiet">There are more categories and applications than can be told apart here: all events together are shown.</p>}
      <Chart title={`Events ${each(interval)}, by ${by}; drag to look closer`} times={buckets.times} series={[...shown, ...compared]} onMark={mark} />
      {buckets.by !== null && (
        <div class="columns">
          <Bars title="By category" groups={summed(buckets.by.category)} to={(label) => link("/events", [["category", label]])} />
          <Bars title="By application" groups={summed(buckets.by.application)} to={(label) => link("/events", [["application", label]])} />
        </div>
      )}
    </>
  );
}

/** Nothing in the range, and where there is something. */
function Empty({ newest }: { newest: StoredEvent | undefined }): JSX.Element {
  return (
    <Nothing title="No event occurred in this range">
      {newest !== undefined && (
        <p>
          The newest one occurred on {told(newest.timestamp)}.{" "}
          <button type="button" onClick={() => go(changed({ range: "all", from: null, to: null }))}>
            Show all time
          </button>{" "}
          <button type="button" onClick={() => go(changed({ range: null, ...dayBefore(newest.timestamp) }))}>
            Show the 24 hours before it
          </button>
        </p>
      )}
    </Nothing>
  );
}

function dayBefore(timestamp: string): { from: string; to: string } {
  // The end of a range is not in it.
  const end = Math.floor(Date.parse(timestamp) / 1_000) * 1_000 + 1_000;
  return { from: new Date(end - DAY_MS).toISOString(), to: new Date(end).toISOString() };
}

function Tiles({ figures, newest, every }: { figures: Answer<Figures>; newest: Answer<List<StoredEvent>>; every: number | null }): JSX.Element {
  const question = JSON.stringify([preset.value, one("from"), one("to")]);
  const previous = (): Range | null => before(range());
  const sessions = useAnswer(`sessions ${question}`, (signal) => withEarlier(range(), previous(), countSessions, signal), every);
  const errors = useAnswer(`errors ${question}`, (signal) => withEarlier(range(), previous(), countErrors, signal), every);
  const events = useAnswer(`events ${question}`, (signal) => withEarlier(range(), previous(), countEvents, signal), every);
  const books = useAnswer(`books ${question}`, (signal) => askAll<Book>("/api/ledger", hours(range()), signal), every);
  const pipeline = useAnswer("pipeline", (signal) => ask<Pipeline>("/api/pipeline", [], signal), EVERY_MS.short);
  const { value: total } = figures;
  return (
    <section class="tiles" aria-label="Figures">
      <Tile title="Events" of={events}>
        {({ now, earlier }) => ({ figure: compact(now), delta: [now, earlier], note: total === undefined ? "" : perMinute(now) })}
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
  const notes = [`${number(consumers.length)} consumer${consumers.length === 1 ? "" : "s"}`, `oldest ${duration(age * 1_000)}`];
  if (ready(true) > 0) notes.push(`${number(ready(true))} dead letters`);
  return { figure: `${compact(ready(false))} messages`, note: notes.join(", "), isBad: consumers.length === 0 || ready(true) > 0 };
}

function ErrorsOverTime({ every }: { every: number | null }): JSX.Element | null {
  const question = JSON.stringify(["spans", preset.value, one("from"), one("to")]);
  const errors = useAnswer(
    question,
    (signal) => ask<ErrorSummary>("/api/errors/summary", [["group_by", "severity"], ["spans", String(SPANS)], ...asked(range())], signal),
    every,
  );
  const { value } = errors;
  if (value === undefined) return errors.error === null ? null : <Shown of={errors} what="errors">{() => null}</Shown>;
  if (value.items.length === 0 || value.spans_from === undefined || value.spans_to === undefined) {
    return <p class="quiet">No errors of events that were received in this range.</p>;
  }
  const [from, to] = [Date.parse(value.spans_from), Date.parse(value.spans_to)];
  const count = value.items[0]?.spans?.length ?? 0;
  const times = Array.from({ length: count }, (_, at) => from + (at * (to - from)) / count);
  const series = value.items.map(({ severity, spans }): Series => ({
    label: severity === "warning" ? "warnings" : "errors",
    values: spans ?? [],
    color: severity === "warning" ? "--warning" : "--bad",
  }));
  return (
    <>
      <Chart title="Errors, by the time of receipt" times={times} series={series} />
      <p>
        <Link href={link("/errors")}>Look at the errors</Link>
      </p>
    </>
  );
}
