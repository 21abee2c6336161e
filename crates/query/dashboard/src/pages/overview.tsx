// What comes in: how much, of what, from whom, what is wrong with it, and how far the pipeline is.

import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import { ask, Refusal } from "../api/client.ts";
import type { Count, ErrorSummary, List, StoredEvent } from "../api/types.ts";
import { type Answer, useAnswer } from "../state/answer.ts";
import { changed, go, link, one } from "../state/place.ts";
import { asked, before, DAY_MS, each, INTERVALS, type Interval, intervalFor, lengthMs, preset, range, type Range, upToNow } from "../state/range.ts";
import { told, zone } from "../state/zone.ts";
import { Bars } from "../parts/bars.tsx";
import { Chart, COLORS, type Series } from "../parts/chart.tsx";
import { Link } from "../parts/link.tsx";
import { FirstEvent, Nothing, Shown } from "../parts/states.tsx";
import { coloured, type Group, groupsOf, summed } from "./overview/buckets.ts";
import { EVERY_MS, Tiles } from "./overview/tiles.tsx";

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
  const tiles = <Tiles newest={newest} every={every} compares={compares} />;
  // Whoever's first events were all rejected sees why.
  if (newest.value?.items.length === 0) {
    return (
      <>
        <FirstEvent />
        {tiles}
        <ErrorsOverTime every={every} />
      </>
    );
  }
  return (
    <>
      {tiles}
      <Controls interval={chosen} by={by} compares={compares} isLive={isLive} />
      <Shown of={figures} what="counts">
        {(value) =>
          value.total.every((count) => count === 0) ? (
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
  /** When each bucket begins, in milliseconds since 1970. */
  times: number[];
  total: number[];
  /** The groups of each trait; null where there are more than an answer can have. */
  by: { category: Group[] | null; application: Group[] | null };
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
      const of = upToNow(range(now), now);
      const earlier = compares && isEven(interval) ? before(of, now) : null;
      const [total, categories, applications, former] = await Promise.all([
        counts(of, interval, [["fill", "true"]], signal),
        split(of, interval, "category", signal),
        split(of, interval, "application", signal),
        earlier === null ? null : counts(earlier, interval, [["fill", "true"]], signal),
      ]);
      const times = total.map(({ start }) => Date.parse(start));
      return {
        times,
        total: total.map(({ count }) => count),
        by: {
          category: categories && groupsOf(categories, "category", times),
          application: applications && groupsOf(applications, "application", times),
        },
        earlier: former?.map(({ count }) => count) ?? null,
      };
    },
    every,
  );
}

/** Whether intervals are of one length, so that one range can be laid over another. */
const isEven = (interval: Interval): boolean => interval !== "week" && interval !== "month";

async function split(of: Range, interval: Interval, trait: "category" | "application", signal: AbortSignal): Promise<Count[] | null> {
  try {
    return await counts(of, interval, [["group_by", trait]], signal);
  } catch (error) {
    // More groups than an answer can have: the sum is shown, and said to be all that is shown.
    if (error instanceof Refusal && error.status === 400 && error.detail.startsWith("group_by")) return null;
    throw error;
  }
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

function Counted({ value: { times, total, by: groups, earlier }, interval, by, compares }: { value: Figures; interval: Interval; by: "category" | "application"; compares: boolean }): JSX.Element {
  const held = useRef(new Map<string, string>());
  const series = useMemo((): Series[] => {
    const chosen = groups[by];
    const shown: Series[] =
      chosen === null
        ? [{ label: "events", values: total, color: COLORS[0] }]
        : coloured(chosen, held.current, COLORS).map(({ group: { label, values }, color }) => ({ label, values, color }));
    return earlier === null ? shown : [...shown, { label: "all, the range before", values: times.map((_, at) => earlier[at] ?? null), color: "--quiet", isDashed: true }];
  }, [times, by]);
  const mark = (from: number, to: number): void =>
    go(changed({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() }));
  return (
    <>
      {compares && earlier === null && (
        <p class="quiet">
          {isEven(interval) ? "All time has no range before it: choose a range to compare." : `One ${interval} is longer than another: the figures are compared, not their course.`}
        </p>
      )}
      {groups[by] === null && <p class="quiet">There are more than can be told apart here: all events together are shown.</p>}
      <Chart title={`Events ${each(interval)}, by ${by}; drag to look closer`} times={times} series={series} onMark={mark} />
      <div class="columns">
        {groups.category !== null && <Bars title="By category" groups={summed(groups.category)} to={(label) => link("/events", [["category", label]])} />}
        {groups.application !== null && <Bars title="By application" groups={summed(groups.application)} to={(label) => link("/events", [["application", label]])} />}
      </div>
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

function ErrorsOverTime({ every }: { every: number | null }): JSX.Element | null {
  const question = JSON.stringify(["spans", preset.value, one("from"), one("to")]);
  const errors = useAnswer(
    question,
    (signal) => ask<ErrorSummary>("/api/errors/summary", [["group_by", "severity"], ["spans", String(SPANS)], ...asked(upToNow(range()))], signal),
    every,
  );
  const { value } = errors;
  if (value === undefined) return errors.error === null ? null : <Shown of={errors} what="errors">{() => null}</Shown>;
  if (value.items.length === 0 || value.spans_from == null || value.spans_to == null) {
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
