import type { JSX } from "preact";
import { ask } from "../../api/client.ts";
import type { Count, ErrorSummary, EventType, List } from "../../api/types.ts";
import { useAnswer } from "../../state/answer.ts";
import { link, one } from "../../state/place.ts";
import { asked, each, intervalFor, lengthMs, preset, range } from "../../state/range.ts";
import { zone } from "../../state/zone.ts";
import { Chart, COLORS } from "../../parts/chart.tsx";
import { Copy } from "../../parts/copy.tsx";
import { quoted } from "../../parts/shell.ts";
import { Link } from "../../parts/link.tsx";
import { Nothing, Shown } from "../../parts/states.tsx";
import { number, plural, Sent } from "../../parts/text.tsx";
import { Versions } from "./versions.tsx";

/** One event type: how many there were, what was wrong, its rules and how they came to be. */
export function OneType({ category, name }: { category: string; name: string }): JSX.Element {
  // By filters, and not by the path: that can't hold every name.
  const type = useAnswer("type", (signal) => ask<List<EventType>>("/api/event-types", [["category", category], ["name", name]], signal));
  return (
    <>
      <p>
        <Link href={link("/event-types")}>All event types</Link>
      </p>
      <h2>
        <Sent>{category}</Sent> / <Sent>{name}</Sent>
      </h2>
      <Shown of={type} what="the event type">
        {({ items: [found] }) => (found === undefined ? <Nothing title="No event of this type is stored, and it is not registered" /> : <Found type={found} />)}
      </Shown>
    </>
  );
}

function Found({ type }: { type: EventType }): JSX.Element {
  const { category, name } = type;
  const names: [string, string][] = [["category", category], ["name", name]];
  return (
    <>
      <p>
        {plural(type.event_count, "event")}, {plural(type.error_count, "error")}, {plural(type.warning_count, "warning")}.{" "}
        <Link href={link("/events", names)}>Look at its events</Link> · <Link href={link("/errors", names)}>at its errors</Link>
      </p>
      <Volume names={names} />
      <WorstRules names={names} />
      {type.versions === undefined || type.versions.length === 0 ? (
        <Unregistered category={category} name={name} />
      ) : (
        <Versions versions={type.versions} isCut={type.versions_truncated === true} />
      )}
    </>
  );
}

function Volume({ names }: { names: [string, string][] }): JSX.Element {
  const interval = intervalFor(lengthMs(range()));
  const answer = useAnswer(JSON.stringify(["volume", interval, zone.value, preset.value, one("from"), one("to")]), async (signal) => {
    const now = new Date();
    const of = range(now.getTime());
    const within = asked({ ...of, to: of.to ?? (of.from === null ? null : now) });
    const { items } = await ask<{ items: Count[] }>("/api/counts", [...names, ["interval", interval], ["tz", zone.value], ["fill", "true"], ...within], signal);
    return { times: items.map(({ start }) => Date.parse(start)), values: items.map(({ count }) => count) };
  });
  return (
    <Shown of={answer} what="counts">
      {({ times, values }) => <Chart title={`Events ${each(interval)}`} times={times} series={[{ label: "events", values, color: COLORS[0] }]} />}
    </Shown>
  );
}

function WorstRules({ names }: { names: [string, string][] }): JSX.Element | null {
  const answer = useAnswer(JSON.stringify(["rules", preset.value, one("from"), one("to")]), (signal) =>
    ask<ErrorSummary>("/api/errors/summary", [...names, ["group_by", "code,path"], ["limit", "10"], ...asked(range())], signal),
  );
  if (answer.value?.items.length === 0) return <p class="quiet">No errors of this type in the range of time above.</p>;
  return (
    <Shown of={answer} what="errors">
      {({ items }) => (
        <section class="card">
          <h3>Broken most often</h3>
          <ul class="plain-list">
            {items.map(({ code, path, count }) => (
              <li key={`${code} ${path}`}>
                <Link href={link("/errors", [...names, ["code", code ?? ""], ["path", path ?? ""], ["list", "1"]])}>
                  {code} {path === "" || path == null ? "" : <Sent chars={80}>{path}</Sent>}
                </Link>{" "}
                <span class="quiet">{number(count)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Shown>
  );
}

function Unregistered({ category, name }: { category: string; name: string }): JSX.Element {
  const command = `eye type set --category=${quoted(category)} --name=${quoted(name)} --schema schema.json --check-history 1000 --dry-run`;
  return (
    <Nothing title="This type has no rules">
      <p>An operator registers a JSON Schema for its data; with --dry-run the command tells what of the stored events would break it.</p>
      <Copy text={command} label="Copy the command" />
    </Nothing>
  );
}
