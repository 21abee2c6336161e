// One error, down to the bytes that were sent.

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { ask } from "../../api/client.ts";
import type { EventError, List } from "../../api/types.ts";
import { useAnswer } from "../../state/answer.ts";
import { changed, link } from "../../state/place.ts";
import { toldExactly } from "../../state/zone.ts";
import { Link } from "../../parts/link.tsx";
import { Shown } from "../../parts/states.tsx";
import { cut, number, Sent, visible } from "../../parts/text.tsx";
import { stateOf } from "./list.tsx";
import { marked, type Part } from "./marks.ts";
import { ReplayCommand } from "./replay.tsx";

/** How much of a long part without faults is shown on either side, in characters. */
const AROUND_CHARS = 1_000;

export function OneError({ id }: { id: string }): JSX.Element {
  const answer = useAnswer(id, async (signal) => {
    const error = await ask<EventError>(`/api/errors/${encodeURIComponent(id)}`, [], signal);
    const { items } = await ask<List<EventError>>("/api/errors", [["event_id", error.event_id]], signal);
    // An id may have been sent more than once, with other bytes.
    const same = items.filter((other) => other.application === error.application && other.received_at === error.received_at);
    return { error, all: same.length === 0 ? [error] : newest(same) };
  });
  return (
    <>
      <p>
        <Link href={changed({ error: null }, true)}>Back to the errors</Link>
      </p>
      <Shown of={answer} what="the error">
        {({ error, all }) => <Sheet error={error} all={all} />}
      </Shown>
    </>
  );
}

/** Replayed and rejected again, an event has new errors beside the old ones: of each rule and place, the newest. */
function newest(errors: EventError[]): EventError[] {
  const found = new Map<string, EventError>();
  for (const error of errors.toSorted((one, other) => one.id - other.id)) found.set(JSON.stringify([error.code, error.path]), error);
  return [...found.values()];
}

function Sheet({ error, all }: { error: EventError; all: EventError[] }): JSX.Element {
  const { application, session_id: session } = error;
  return (
    <>
      <dl class="card">
        <dt>Application</dt>
        <dd>{application === null ? "unknown" : <Sent>{application}</Sent>}</dd>
        <dt>Event</dt>
        <dd>
          <code>{error.event_id}</code>
        </dd>
        <dt>Session</dt>
        <dd>
          {session === null ? (
            "not valid"
          ) : (
            <Link href={link("/session", [["id", session]])}>
              <Sent>{session}</Sent>
            </Link>
          )}
        </dd>
        <dt>Received</dt>
        <dd>{toldExactly(error.received_at)}</dd>
        <dt>State</dt>
        <dd>{stateOf(error)}</dd>
      </dl>
      <h2>What is wrong</h2>
      <ul class="wrongs">
        {all.map((one) => (
          <li key={one.id} class={one.severity}>
            <b>{one.code}</b> <code>{one.path === "" ? "the whole event" : <Sent>{one.path}</Sent>}</code> <Sent>{one.message}</Sent>
          </li>
        ))}
      </ul>
      {error.errors_truncated && <p class="quiet">The event broke more rules than are kept (20).</p>}
      <h2>As it was sent</h2>
      <Input error={error} all={all} />
      <ReplayCommand filters={[["event_id", error.event_id], ...(application === null ? [] : [["application", application] as const])]} within={[]} />
    </>
  );
}

function Input({ error, all }: { error: EventError; all: EventError[] }): JSX.Element {
  const [isWhole, showWhole] = useState(false);
  const { parts, unplaced } = useMemo(() => (error.input_encoding === undefined ? marked(error.input, all) : { parts: [], unplaced: [] }), [error, all]);
  if (error.input_encoding === "base64") {
    return (
      <>
        <p class="quiet">It is no UTF-8; in base64:</p>
        <pre class="input" tabIndex={0} aria-label="The event as it was sent, in base64">
          {isWhole ? error.input : cut(error.input, 4 * AROUND_CHARS)}
        </pre>
        {error.input.length > 4 * AROUND_CHARS && (
          <button type="button" onClick={() => showWhole(!isWhole)}>
            {isWhole ? "Show less" : `Show all ${number(error.input.length)} characters`}
          </button>
        )}
      </>
    );
  }
  const isLong = parts.some((part) => isCut(part));
  return (
    <>
      <pre class="input" tabIndex={0} aria-label="The event as it was sent">
        {parts.map((part, at) => (
          <Piece key={at} part={part} isWhole={isWhole} />
        ))}
      </pre>
      {isLong && (
        <button type="button" onClick={() => showWhole(!isWhole)}>
          {isWhole ? "Show less" : `Show all ${number(error.input.length)} characters`}
        </button>
      )}
      {unplaced.length > 0 && <p class="quiet">{unplaced.map(({ code }) => code).join(", ")}: of the event as a whole.</p>}
    </>
  );
}

const isCut = ({ text }: Part): boolean => text.length > 2 * AROUND_CHARS + 100;

function Piece({ part, isWhole }: { part: Part; isWhole: boolean }): JSX.Element {
  const { text, wrong } = part;
  const shown =
    isWhole || !isCut(part) ? (
      kept(text)
    ) : (
      <>
        {kept(text.slice(0, AROUND_CHARS))}
        <i class="quiet"> … {number(text.length - 2 * AROUND_CHARS)} characters … </i>
        {kept(text.slice(-AROUND_CHARS))}
      </>
    );
  if (wrong.length === 0) return <bdi>{shown}</bdi>;
  return <mark title={wrong.map(({ code, message }) => `${code}: ${visible(message)}`).join("\n")}>{shown}</mark>;
}

/** Line ends stay what they are. */
const kept = (text: string): string => text.split("\n").map(visible).join("\n");
