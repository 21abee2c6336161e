import type { JSX } from "preact";
import type { Params } from "../../api/client.ts";
import type { EventError } from "../../api/types.ts";
import { usePaged } from "../../state/paged.ts";
import { changed } from "../../state/place.ts";
import { upToNow } from "../../state/range.ts";
import { toldExactly } from "../../state/zone.ts";
import { Link } from "../../parts/link.tsx";
import { PageLinks } from "../../parts/page_links.tsx";
import { Nothing, Shown } from "../../parts/states.tsx";
import { Sent } from "../../parts/text.tsx";
import { ReplayCommand } from "./replay.tsx";
import { Scroll } from "../../parts/scroll.tsx";

/** Errors one by one, the latest first; `isWider`: the filters let through more than the group that was chosen. */
export function ErrorList({ filters, isWider }: { filters: Params; isWider: boolean }): JSX.Element {
  // With an end: the command replays what is listed, and nothing that came after it.
  const answer = usePaged<EventError>("/api/errors", filters, upToNow);
  return (
    <Shown of={answer} what="errors">
      {(paged) =>
        paged.page.items.length === 0 ? (
          <Nothing title="No error matches in this range" />
        ) : (
          <>
            {isWider ? (
              <p class="quiet">These are more errors than the group that was chosen: what is not valid in an event can't be filtered by. A command that replays only the group can't be given.</p>
            ) : (
              <ReplayCommand filters={filters} within={paged.within} />
            )}
            <Rows errors={paged.page.items} />
            <PageLinks what="errors" of={paged} />
          </>
        )
      }
    </Shown>
  );
}

function Rows({ errors }: { errors: EventError[] }): JSX.Element {
  return (
    <Scroll label="Errors">
      <table>
        <thead>
          <tr>
            <th scope="col">Received</th>
            <th scope="col">Code</th>
            <th scope="col">Path</th>
            <th scope="col">Message</th>
            <th scope="col">Application</th>
            <th scope="col">Type</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {errors.map((error) => (
            <tr key={error.id}>
              <td class="time">
                <Link href={changed({ error: String(error.id) }, true)}>{toldExactly(error.received_at)}</Link>
              </td>
              <td>{error.code}</td>
              <td>{error.path === "" ? <i class="quiet">the whole event</i> : <Sent chars={80}>{error.path}</Sent>}</td>
              <td class="glimpse">
                <Sent chars={160}>{error.message}</Sent>
              </td>
              <td>{error.application === null ? <i class="quiet">unknown</i> : <Sent chars={40}>{error.application}</Sent>}</td>
              <td>
                {error.category === null ? <i class="quiet">not valid</i> : <Sent chars={40}>{error.category}</Sent>} /{" "}
                {error.name === null ? <i class="quiet">not valid</i> : <Sent chars={40}>{error.name}</Sent>}
              </td>
              <td>{stateOf(error)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function stateOf({ severity, resolved_at: resolved }: EventError): string {
  if (resolved !== null) return "resolved";
  return severity === "warning" ? "stored with a warning" : "rejected";
}
