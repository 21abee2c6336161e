// One session in the order in which its events occurred; without one, the latest sessions to choose from.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ask } from "../api/client.ts";
import type { Session, StoredEvent } from "../api/types.ts";
import type { List } from "../api/types.ts";
import { useAnswer } from "../state/answer.ts";
import { type Whole, askAll } from "../state/known.ts";
import { changed, go, link, one } from "../state/place.ts";
import { toldExactly } from "../state/zone.ts";
import { Detail, keyOf } from "../parts/event_table.tsx";
import { dataName, dataValue } from "../parts/filters.tsx";
import { Link } from "../parts/link.tsx";
import { Nothing, Shown } from "../parts/states.tsx";
import { duration, number, plural, Sent } from "../parts/text.tsx";
import { gist } from "./session/gist.ts";
import { colorsOf, Lanes } from "./session/lanes.tsx";
import { SessionList } from "./session/list.tsx";

/** How many pages of a session's events are read, of 1,000 events each. */
const PAGES_MAX = 5;

/** From how long on nothing happening is shown as a gap, in milliseconds. */
const GAP_MS = 30_000;

export function SessionPage(): JSX.Element {
  const id = one("id");
  return (
    <>
      <Pick key={id} id={id} />
      {id === null ? <SessionList /> : <OneSession key={id} id={id} />}
    </>
  );
}

function Pick({ id }: { id: string | null }): JSX.Element {
  const [given, setGiven] = useState(id ?? "");
  const show = (event: Event): void => {
    event.preventDefault();
    if (given !== "") go(link("/session", [["id", given]]));
  };
  return (
    <form class="controls" onSubmit={show}>
      <label class="wide">
        Session id
        <input value={given} onInput={(event) => setGiven(event.currentTarget.value)} spellcheck={false} autocapitalize="off" />
      </label>
      <button type="submit">Show</button>
      {id !== null && <Link href={link("/session")}>All sessions</Link>}
    </form>
  );
}

/** In a path, `.` and `..` would be taken for steps: the list knows every session by its filter. */
async function find(id: string, signal: AbortSignal): Promise<Session | undefined> {
  return (await ask<List<Session>>("/api/sessions", [["session_id", id]], signal)).items[0];
}

function OneSession({ id }: { id: string }): JSX.Element {
  const answer = useAnswer(id, async (signal) => {
    const [session, events] = await Promise.all([
      find(id, signal),
      askAll<StoredEvent>("/api/events", [["session_id", id], ["order", "asc"]], signal, PAGES_MAX),
    ]);
    return { session, events };
  });
  return (
    <Shown of={answer} what="the session">
      {({ session, events }) =>
        session === undefined ? (
          <Nothing title="No event of this session is stored">
            <p>
              Its id is compared to the letter. <Link href={link("/errors", [["session_id", id], ["range", "all"]])}>Look for its rejected events</Link>.
            </p>
          </Nothing>
        ) : (
          <Timeline session={session} events={events} />
        )
      }
    </Shown>
  );
}

function Timeline({ session, events }: { session: Session; events: Whole<StoredEvent> }): JSX.Element {
  const chosen = one("event");
  const event = events.items.find((candidate) => keyOf(candidate) === chosen);
  const colors = colorsOf(session.applications);
  const choose = (next: StoredEvent): void => go(changed({ event: keyOf(next) === chosen ? null : keyOf(next) }), "replace");
  const length = Date.parse(session.last_event_at) - Date.parse(session.first_event_at);
  return (
    <>
      <p>
        {plural(session.event_count, "event")} in {duration(length)}, from {toldExactly(session.first_event_at)} to {toldExactly(session.last_event_at)}
      </p>
      {events.isCut && <p class="quiet">The first {number(events.items.length)} are shown.</p>}
      <Lanes events={events.items} applications={session.applications} onChoose={choose} chosen={event} />
      <div class={event === undefined ? "timeline" : "timeline with-event"}>
        <ol aria-label="Events in the order in which they occurred">
          {events.items.map((one, at) => (
            <Step key={keyOf(one)} event={one} before={events.items[at - 1]} color={colors.get(one.application) ?? "--c1"} isChosen={one === event} onChoose={() => choose(one)} />
          ))}
        </ol>
        {event !== undefined && (
          <aside class="card" aria-label="The chosen event" key={keyOf(event)}>
            <h2>
              <Sent>{event.category}</Sent> / <Sent>{event.name}</Sent>
            </h2>
            <Detail event={event} onChoose={(keys, value) => go(link("/events", [[dataName(keys), dataValue(value)], ["range", "all"]]))} />
          </aside>
        )}
      </div>
    </>
  );
}

interface StepProps {
  event: StoredEvent;
  before: StoredEvent | undefined;
  color: string;
  isChosen: boolean;
  onChoose(): void;
}

function Step({ event, before, color, isChosen, onChoose }: StepProps): JSX.Element {
  const pause = before === undefined ? 0 : Date.parse(event.timestamp) - Date.parse(before.timestamp);
  return (
    <>
      {pause >= GAP_MS && <li class="gap">{duration(pause)} without an event</li>}
      <li style={{ "--key": `var(${color})` }}>
        <button type="button" class="step" aria-pressed={isChosen} onClick={onChoose}>
          <time>{toldExactly(event.timestamp)}</time>
          <span>
            <Sent chars={60}>{event.category}</Sent> / <Sent chars={60}>{event.name}</Sent>
          </span>
          <span class="quiet">
            <Sent chars={40}>{event.application}</Sent>
            {pause > 0 && pause < GAP_MS && ` · after ${duration(pause)}`}
            {gist(event.data).map(([key, value]) => (
              <span key={key}>
                {" · "}
                <Sent chars={30}>{key}</Sent>: <Sent chars={40}>{value}</Sent>
              </span>
            ))}
          </span>
        </button>
      </li>
    </>
  );
}
