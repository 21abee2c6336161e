// A session on one line a sender: when what happened, and when nothing did.

import type { JSX } from "preact";
import type { StoredEvent } from "../../api/types.ts";
import { COLORS } from "../../parts/chart.tsx";
import { Sent } from "../../parts/text.tsx";

const LANE_PX = 22;

/** The colour of each application. */
export function colorsOf(applications: string[]): Map<string, string> {
  return new Map(applications.map((name, at) => [name, COLORS[at % COLORS.length] ?? "--c1"]));
}

interface Props {
  events: StoredEvent[];
  applications: string[];
  chosen: StoredEvent | undefined;
  onChoose(event: StoredEvent): void;
}

export function Lanes({ events, applications, chosen, onChoose }: Props): JSX.Element {
  const times = events.map(({ timestamp }) => Date.parse(timestamp));
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 0];
  const place = (time: number): number => (last === first ? 50 : 1 + (98 * (time - first)) / (last - first));
  const colors = colorsOf(applications);
  return (
    <div class="lanes" aria-hidden="true">
      <ul>
        {applications.map((name) => (
          <li key={name} style={{ "--key": `var(${colors.get(name) ?? "--c1"})` }}>
            <span class="key" /> <Sent chars={24}>{name}</Sent>
          </li>
        ))}
      </ul>
      <svg viewBox={`0 0 100 ${applications.length * LANE_PX}`} height={applications.length * LANE_PX} preserveAspectRatio="none">
        {applications.map((name, lane) => (
          <line key={name} x1={0} x2={100} y1={(lane + 0.5) * LANE_PX} y2={(lane + 0.5) * LANE_PX} class="lane" />
        ))}
        {events.map((event, at) => {
          const lane = Math.max(applications.indexOf(event.application), 0);
          const x = place(times[at] ?? first);
          return (
            <line
              key={at}
              x1={x}
              x2={x}
              y1={lane * LANE_PX + 3}
              y2={(lane + 1) * LANE_PX - 3}
              class={event === chosen ? "mark chosen" : "mark"}
              style={{ "--key": `var(${colors.get(event.application) ?? "--c1"})` }}
              onClick={() => onChoose(event)}
            />
          );
        })}
      </svg>
    </div>
  );
}
