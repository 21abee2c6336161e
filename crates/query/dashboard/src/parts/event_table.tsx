import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { scalar, isObject, type Json } from "../api/json.ts";
import type { StoredEvent } from "../api/types.ts";
import { changed, go, link, one } from "../state/place.ts";
import { toldExactly } from "../state/zone.ts";
import { dataName, dataValue, withFilter } from "./filters.tsx";
import { Link } from "./link.tsx";
import { Payload } from "./payload.tsx";
import { cut, Sent } from "./text.tsx";
import { Scroll } from "./scroll.tsx";

/** How much of a payload a row shows, in characters. */
const GLIMPSE_CHARS = 120;

/** Events, a row each; the chosen one has its payload below. */
export function EventTable({ events }: { events: StoredEvent[] }): JSX.Element {
  const chosen = one("event");
  return (
    <Scroll label="Events">
      <table class="events">
        <thead>
          <tr>
            <th scope="col">Occurred</th>
            <th scope="col">Application</th>
            <th scope="col">Session</th>
            <th scope="col">Category</th>
            <th scope="col">Name</th>
            <th scope="col">Data</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <Row key={keyOf(event)} event={event} isOpen={chosen === keyOf(event)} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** What tells an event from all others. */
export const keyOf = ({ id, application, session_id, timestamp }: StoredEvent): string => [id, application, timestamp, session_id].join(" ");

function Row({ event, isOpen }: { event: StoredEvent; isOpen: boolean }): JSX.Element {
  const toggle = (): void => go(changed({ event: isOpen ? null : keyOf(event) }, true), "replace");
  return (
    <>
      <tr class={isOpen ? "open" : ""}>
        <td>
          <button type="button" class="plain" aria-expanded={isOpen} onClick={toggle}>
            {toldExactly(event.timestamp)}
          </button>
        </td>
        <td>
          <Sent chars={40}>{event.application}</Sent>
        </td>
        <td>
          <Link href={link("/session", [["id", event.session_id]])}>
            <Sent chars={40}>{event.session_id}</Sent>
          </Link>
        </td>
        <td>
          <Sent chars={60}>{event.category}</Sent>
        </td>
        <td>
          <Sent chars={60}>{event.name}</Sent>
        </td>
        <td class="glimpse">
          <Sent chars={GLIMPSE_CHARS}>{glimpse(event.data)}</Sent>
        </td>
      </tr>
      {isOpen && (
        <tr class="detail">
          <td colSpan={6}>
            <Detail event={event} onChoose={(keys, value) => go(withFilter(dataName(keys), dataValue(value)))} />
          </td>
        </tr>
      )}
    </>
  );
}

/** All of one event. */
export function Detail({ event, onChoose }: { event: StoredEvent; onChoose?: (keys: string[], value: Json) => void }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => place.current?.scrollIntoView({ block: "nearest" }), []);
  return (
    <div class="event" ref={place}>
      <dl>
        <dt>Id</dt>
        <dd>
          <code>{event.id}</code>
        </dd>
        <dt>Session</dt>
        <dd>
          <Link href={link("/session", [["id", event.session_id]])}>
            <Sent>{event.session_id}</Sent>
          </Link>
        </dd>
        <dt>Occurred</dt>
        <dd>{toldExactly(event.timestamp)}</dd>
        <dt>Received</dt>
        <dd>{toldExactly(event.received_at)}</dd>
        <dt>Stored</dt>
        <dd>{toldExactly(event.stored_at)}</dd>
      </dl>
      <Payload value={event.data} onChoose={onChoose} />
    </div>
  );
}

/** The first members of a payload on one line; no more of it is looked at than is shown. */
function glimpse(data: { [key: string]: Json }): string {
  let line = "";
  for (const [key, value] of Object.entries(data)) {
    line += `${line === "" ? "" : ", "}${cut(key, GLIMPSE_CHARS)}: ${short(value)}`;
    if (line.length > GLIMPSE_CHARS) break;
  }
  return line;
}

function short(value: Json): string {
  if (Array.isArray(value)) return `[${value.length}]`;
  if (isObject(value)) return `{${Object.keys(value).length}}`;
  return cut(typeof value === "string" ? value : scalar(value), GLIMPSE_CHARS);
}
