import type { JSX } from "preact";
import { ask, type Params } from "../../api/client.ts";
import type { FunnelSessions } from "../../api/types.ts";
import { useAnswer } from "../../state/answer.ts";
import { link } from "../../state/place.ts";
import { toldExactly } from "../../state/zone.ts";
import { Link } from "../../parts/link.tsx";
import { Shown } from "../../parts/states.tsx";
import { number, Sent } from "../../parts/text.tsx";

/** How many sessions are listed. */
const SHOWN = 100;

export function FunnelSessionsList({ params }: { params: Params }): JSX.Element {
  const answer = useAnswer(JSON.stringify(params), (signal) => ask<FunnelSessions>("/api/funnel/sessions", [...params, ["limit", String(SHOWN)]], signal));
  return (
    <Shown of={answer} what="sessions">
      {({ items, truncated }) => (
        <>
          <ul class="plain-list">
            {items.map(({ session_id: id, reached_at: at }) => (
              <li key={id}>
                <Link href={link("/session", [["id", id]])}>
                  <Sent chars={60}>{id}</Sent>
                </Link>{" "}
                <span class="quiet">reached it on {toldExactly(at)}</span>
              </li>
            ))}
          </ul>
          {truncated && <p class="quiet">The latest {number(SHOWN)} are shown.</p>}
        </>
      )}
    </Shown>
  );
}
