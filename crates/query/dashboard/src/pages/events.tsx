// Events: narrowed by chips, page by page or as they come, with the payload of the chosen one.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, type Params } from "../api/client.ts";
import { follow, type Streamed } from "../api/stream.ts";
import type { List, StoredEvent } from "../api/types.ts";
import { useAnswer } from "../state/answer.ts";
import { changed, go, link, one } from "../state/place.ts";
import { type Paged, usePaged } from "../state/paged.ts";
import { told, toldExactly } from "../state/zone.ts";
import { Export } from "../parts/export.tsx";
import { type Field, Filters, narrowed } from "../parts/filters.tsx";
import { EventTable } from "../parts/event_table.tsx";
import { Link } from "../parts/link.tsx";
import { PageLinks } from "../parts/page_links.tsx";
import { Failure, FirstEvent, Nothing, Shown } from "../parts/states.tsx";
import { number, plural } from "../parts/text.tsx";

const FIELDS: readonly Field[] = [
  { name: "category", label: "Category" },
  { name: "name", label: "Name" },
  { name: "application", label: "Application" },
  { name: "session_id", label: "Session" },
  { name: "data.", label: "Data" },
  { name: "category_contains", label: "Category contains" },
  { name: "name_contains", label: "Name contains" },
];

/** How many live events are kept on the page, and how long they may be together as JSON. */
const LIVE_MAX = { events: 200, chars: 8_000_000 };

/** How often live events are drawn at most, in milliseconds. */
const DRAWN_EVERY_MS = 250;

export function Events(): JSX.Element {
  const isLive = one("live") === "1";
  const filters = narrowed(FIELDS);
  return (
    <>
      <Filters fields={FIELDS} />
      <div class="controls">
        <label class="check">
          <input type="checkbox" checked={isLive} onChange={({ currentTarget: { checked } }) => go(changed({ live: checked ? "1" : null }))} />
          Live tail
        </label>
        {!isLive && <Order />}
      </div>
      {isLive ? <Tail key={JSON.stringify(filters)} filters={filters} /> : <Pages filters={filters} />}
    </>
  );
}

const order = (): Params => (one("order") === "asc" ? [["order", "asc"]] : []);

function Order(): JSX.Element {
  return (
    <label>
      Order
      <select value={one("order") ?? "desc"} onChange={({ currentTarget: { value } }) => go(changed({ order: value === "asc" ? value : null }))}>
        <option value="desc">newest first</option>
        <option value="asc">oldest first</option>
      </select>
    </label>
  );
}

function Pages({ filters }: { filters: Params }): JSX.Element {
  const params: Params = [...filters, ...order()];
  const answer = usePaged<StoredEvent>("/api/events", params);
  return (
    <Shown of={answer} what="events">
      {(paged) => (paged.page.items.length === 0 ? <None isNarrowed={filters.length > 0} /> : <OnePage of={paged} params={params} />)}
    </Shown>
  );
}

/** `params`: what was asked for besides the range and the page. */
function OnePage({ of, params }: { of: Paged<StoredEvent>; params: Params }): JSX.Element {
  const { items } = of.page;
  const [first, last] = [items[0], items.at(-1)];
  return (
    <>
      <EventTable events={items} />
      <PageLinks what="events" of={of}>
        <span class="quiet">
          {plural(items.length, "event")}
          {first && last ? `, ${told(first.timestamp)} to ${told(last.timestamp)}` : ""}
        </span>
        <Export params={[...params, ...of.within]} />
      </PageLinks>
    </>
  );
}

function None({ isNarrowed }: { isNarrowed: boolean }): JSX.Element {
  const any = useAnswer("any event", (signal) => ask<List<StoredEvent>>("/api/events", [["limit", "1"]], signal));
  const newest = any.value?.items[0];
  if (any.value !== undefined && newest === undefined) return <FirstEvent />;
  return (
    <Nothing title={isNarrowed ? "No event matches in this range" : "No event occurred in this range"}>
      {newest !== undefined && <p>The newest of all events occurred on {told(newest.timestamp)}.</p>}
      <p>
        <Link href={changed({ range: "all", from: null, to: null })}>Look at all time</Link>
        {isNarrowed && <> or <Link href={link("/events")}>remove the filters</Link></>}
      </p>
    </Nothing>
  );
}

function Tail({ filters }: { filters: Params }): JSX.Element {
  const [events, setEvents] = useState<StoredEvent[]>([]);
  const [seen, setSeen] = useState(0);
  const [gap, setGap] = useState<string | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    let kept: Streamed[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = (): void => {
      timer = undefined;
      setEvents(kept.map(({ event }) => event));
    };
    void follow(
      filters,
      {
        onEvents(batch) {
          kept = latest([...batch.toReversed(), ...kept]);
          setSeen((before) => before + batch.length);
          // However fast they come, they are drawn a few times a second.
          timer ??= setTimeout(show, DRAWN_EVERY_MS);
        },
        onGap: setGap,
        onFailure: setFailure,
      },
      control.signal,
    );
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [turn]);
  const again = (): void => {
    setFailure(null);
    setTurn(turn + 1);
  };
  if (failure !== null) return <Failure error={failure} again={again} />;
  return (
    <>
      <p class="quiet">
        {seen === 0
          ? "Waiting for events as they are stored …"
          : `${number(seen)} since this page is open${seen > events.length ? `; the latest ${number(events.length)} are shown` : ""}.`}
      </p>
      {gap !== null && (
        <p role="alert" class="fault">
          Some events may be missing here: those stored since {toldExactly(gap)}. The list without live tail has them all.
        </p>
      )}
      {events.length > 0 && <EventTable events={events} />}
    </>
  );
}

/** The newest, as many as the page keeps. */
function latest(events: Streamed[]): Streamed[] {
  let chars = 0;
  const end = events.findIndex((one, at) => {
    chars += one.chars;
    return at >= LIVE_MAX.events || (at > 0 && chars > LIVE_MAX.chars);
  });
  return end < 0 ? events : events.slice(0, end);
}
