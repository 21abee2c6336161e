// Event types: what is seen, what is registered, and the rules of each.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { EventType } from "../api/types.ts";
import { useTypes } from "../state/known.ts";
import { link, one } from "../state/place.ts";
import { told } from "../state/zone.ts";
import { Link } from "../parts/link.tsx";
import { FirstEvent, Nothing, Shown } from "../parts/states.tsx";
import { number, percent, Sent } from "../parts/text.tsx";
import { OneType } from "./event_types/one.tsx";
import { Scroll } from "../parts/scroll.tsx";

/** How often the list is asked for again, in milliseconds. */
const EVERY_MS = 30_000;

/** How many types are drawn at once. */
const SHOWN_MAX = 500;

export function EventTypes(): JSX.Element {
  const [category, name] = [one("category"), one("name")];
  return category !== null && name !== null ? <OneType key={JSON.stringify([category, name])} category={category} name={name} /> : <Types />;
}

type Which = "all" | "registered" | "unregistered";

function Types(): JSX.Element {
  const types = useTypes(EVERY_MS);
  const [which, setWhich] = useState<Which>("all");
  const [text, setText] = useState("");
  const matches = (type: EventType): boolean =>
    (which === "all" || type.registered === (which === "registered")) && `${type.category} / ${type.name}`.toLowerCase().includes(text.toLowerCase());
  return (
    <>
      <div class="controls">
        <label>
          Show
          <select value={which} onChange={(event) => setWhich(event.currentTarget.value as Which)}>
            <option value="all">all</option>
            <option value="registered">registered</option>
            <option value="unregistered">seen, not registered</option>
          </select>
        </label>
        <label>
          Find
          <input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
      </div>
      <Shown of={types} what="event types">
        {({ items, isCut }) => {
          const matching = items.filter(matches);
          if (items.length === 0) return <FirstEvent />;
          if (matching.length === 0) return <Nothing title="No event type matches" />;
          return <Table types={matching} known={items.length} isCut={isCut} />;
        }}
      </Shown>
    </>
  );
}

function Table({ types, known, isCut }: { types: EventType[]; known: number; isCut: boolean }): JSX.Element {
  const sorted = types.toSorted((one, other) => other.event_count + other.error_count - one.event_count - one.error_count);
  const most = Math.max(...types.map((type) => type.event_count), 1);
  return (
    <>
      <Scroll label="Event types">
        <table class="bars">
          <thead>
            <tr>
              <th scope="col">Category / name</th>
              <th scope="col">Rules</th>
              <th scope="col" class="figure">
                Events
              </th>
              <th scope="col">
                <span class="spoken">Share of events</span>
              </th>
              <th scope="col" class="figure">
                Errors
              </th>
              <th scope="col" class="figure">
                Share of errors
              </th>
              <th scope="col" class="figure">
                Warnings
              </th>
              <th scope="col">First seen</th>
            </tr>
          </thead>
          <tbody>
            {sorted.slice(0, SHOWN_MAX).map((type) => (
              <tr key={JSON.stringify([type.category, type.name])}>
                <td>
                  <Link href={link("/event-types", [["category", type.category], ["name", type.name]])}>
                    <Sent chars={60}>{type.category}</Sent> / <Sent chars={60}>{type.name}</Sent>
                  </Link>
                </td>
                <td>{rules(type)}</td>
                <td class="figure">{number(type.event_count)}</td>
                <td class="bar">
                  <span style={{ width: `${(100 * type.event_count) / most}%` }} />
                </td>
                <td class="figure">
                  {type.error_count === 0 ? (
                    "0"
                  ) : (
                    <Link href={link("/errors", [["category", type.category], ["name", type.name], ["range", "all"]])}>{number(type.error_count)}</Link>
                  )}
                </td>
                <td class="figure">{percent(type.error_count, type.event_count + type.error_count)}</td>
                <td class="figure">{number(type.warning_count)}</td>
                <td class="time">{told(type.first_seen_at)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="quiet">
        {number(Math.min(types.length, SHOWN_MAX))} of {number(known)}
        {isCut ? ", and there are more than were read" : ""}, since ever.
      </p>
    </>
  );
}

function rules({ registered, mode, version }: EventType): JSX.Element {
  return registered ? (
    <span class={`tag ${mode ?? ""}`}>
      {mode}, version {version}
    </span>
  ) : (
    <span class="quiet">none</span>
  );
}
