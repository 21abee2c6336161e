import type { JSX } from "preact";
import { ask, type Params } from "../../api/client.ts";
import type { List, Session } from "../../api/types.ts";
import { useAnswer } from "../../state/answer.ts";
import { changed, link, one } from "../../state/place.ts";
import { asked, pinned, preset, range } from "../../state/range.ts";
import { told } from "../../state/zone.ts";
import { type Field, Filters, narrowed } from "../../parts/filters.tsx";
import { Link } from "../../parts/link.tsx";
import { Nothing, Shown } from "../../parts/states.tsx";
import { duration, number, Sent } from "../../parts/text.tsx";

const FIELDS: readonly Field[] = [{ name: "application", label: "Application" }];

/** How many sessions a page has. */
const PAGE = 50;

/** Sessions with an event in the range, the one stored last first. */
export function SessionList(): JSX.Element {
  const cursor = one("cursor");
  const params: Params = [...narrowed(FIELDS), ["limit", String(PAGE)], ...(cursor === null ? [] : [["cursor", cursor] as const])];
  const answer = useAnswer(JSON.stringify([params, preset.value, one("from"), one("to")]), async (signal) => {
    const within = asked(range());
    return { within, page: await ask<List<Session>>("/api/sessions", [...params, ...within], signal) };
  });
  return (
    <>
      <Filters fields={FIELDS} />
      <Shown of={answer} what="sessions">
        {({ within, page }) =>
          page.items.length === 0 ? (
            <Nothing title="No session has an event in this range">
              <p>
                <Link href={changed({ range: "all", from: null, to: null })}>Look at all time</Link>
              </p>
            </Nothing>
          ) : (
            <Sessions page={page} within={within} cursor={cursor} />
          )
        }
      </Shown>
    </>
  );
}

function Sessions({ page, within, cursor }: { page: List<Session>; within: Params; cursor: string | null }): JSX.Element {
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-label="Sessions">
        <table>
          <thead>
            <tr>
              <th scope="col">Session</th>
              <th scope="col">First event</th>
              <th scope="col">Length</th>
              <th scope="col" class="figure">
                Events
              </th>
              <th scope="col">Applications</th>
            </tr>
          </thead>
          <tbody>
            {page.items.map((session) => (
              <tr key={session.session_id}>
                <td>
                  <Link href={link("/session", [["id", session.session_id]])}>
                    <Sent chars={60}>{session.session_id}</Sent>
                  </Link>
                </td>
                <td class="time">{told(session.first_event_at)}</td>
                <td>{duration(Date.parse(session.last_event_at) - Date.parse(session.first_event_at))}</td>
                <td class="figure">{number(session.event_count)}</td>
                <td>
                  {session.applications.map((name) => (
                    <span class="tag" key={name}>
                      <Sent chars={30}>{name}</Sent>
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <nav class="pages" aria-label="Pages of sessions">
        {cursor !== null && <Link href={changed({ cursor: null })}>First page</Link>}
        {page.next_cursor !== null && <Link href={changed({ ...pinned(within), cursor: page.next_cursor }, true)}>Next page</Link>}
      </nav>
    </>
  );
}
