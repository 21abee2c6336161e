import type { JSX } from "preact";
import type { Session } from "../../api/types.ts";
import { type Paged, usePaged } from "../../state/paged.ts";
import { changed, link } from "../../state/place.ts";
import { told } from "../../state/zone.ts";
import { type Field, Filters, narrowed } from "../../parts/filters.tsx";
import { Link } from "../../parts/link.tsx";
import { PageLinks } from "../../parts/page_links.tsx";
import { Nothing, Shown } from "../../parts/states.tsx";
import { duration, number, Sent } from "../../parts/text.tsx";
import { Scroll } from "../../parts/scroll.tsx";

const FIELDS: readonly Field[] = [{ name: "application", label: "Application" }];

/** Sessions with an event in the range, the one stored last first. */
export function SessionList(): JSX.Element {
  const answer = usePaged<Session>("/api/sessions", narrowed(FIELDS));
  return (
    <>
      <Filters fields={FIELDS} />
      <Shown of={answer} what="sessions">
        {(paged) =>
          paged.page.items.length === 0 ? (
            <Nothing title="No session has an event in this range">
              <p>
                <Link href={changed({ range: "all", from: null, to: null })}>Look at all time</Link>
              </p>
            </Nothing>
          ) : (
            <Sessions of={paged} />
          )
        }
      </Shown>
    </>
  );
}

function Sessions({ of }: { of: Paged<Session> }): JSX.Element {
  return (
    <>
      <Scroll label="Sessions">
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
            {of.page.items.map((session) => (
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
      </Scroll>
      <PageLinks what="sessions" of={of} />
    </>
  );
}
