// What was wrong: by what it has in common, one by one, and down to the bytes that were sent.

import type { JSX } from "preact";
import { useAnswer } from "../state/answer.ts";
import { ask, type Params } from "../api/client.ts";
import { ERROR_TRAITS, type ErrorGroup, type ErrorSummary, type ErrorTrait } from "../api/types.ts";
import { changed, go, one } from "../state/place.ts";
import { asked, preset, range, upToNow } from "../state/range.ts";
import { told } from "../state/zone.ts";
import { Spark } from "../parts/chart.tsx";
import { type Field, Filters, narrowed } from "../parts/filters.tsx";
import { Link } from "../parts/link.tsx";
import { Nothing, Shown } from "../parts/states.tsx";
import { number, plural, Sent } from "../parts/text.tsx";
import { ErrorList } from "./errors/list.tsx";
import { OneError } from "./errors/one.tsx";
import { Scroll } from "../parts/scroll.tsx";

const FIELDS: readonly Field[] = [
  { name: "code", label: "Code" },
  { name: "path", label: "Path" },
  { name: "field", label: "Field" },
  { name: "application", label: "Application" },
  { name: "category", label: "Category" },
  { name: "name", label: "Name" },
  { name: "session_id", label: "Session" },
  { name: "event_id", label: "Event id" },
  { name: "severity", label: "Severity", words: ["error", "warning"] },
  { name: "resolved", label: "Resolved", words: ["true", "false"] },
];

const GROUPED_BY: readonly ErrorTrait[] = ["code", "path", "category", "name", "application"];

/** How many groups are shown, and into how many spans each is counted. */
const GROUPS = 100;
const SPANS = 40;

export function Errors(): JSX.Element {
  const filters = narrowed(FIELDS);
  const error = one("error");
  if (error !== null) return <OneError id={error} />;
  return (
    <>
      <Filters fields={FIELDS} />
      {one("list") === "1" ? (
        <>
          <p>
            <Link href={changed({ list: null, wider: null })}>Group these errors</Link>
          </p>
          <ErrorList filters={filters} isWider={one("wider") === "1"} />
        </>
      ) : (
        <Groups filters={filters} />
      )}
    </>
  );
}

function traits(): ErrorTrait[] {
  const words = one("group_by")?.split(",") ?? GROUPED_BY;
  return ERROR_TRAITS.filter((word) => words.includes(word));
}

function Groups({ filters }: { filters: Params }): JSX.Element {
  const by = traits();
  const params: Params = [...filters, ["group_by", by.join(",")], ["spans", String(SPANS)], ["limit", String(GROUPS)]];
  const answer = useAnswer(JSON.stringify([params, preset.value, one("from"), one("to")]), (signal) =>
    // Up to now: what is long over is not drawn as if it were at the end.
    ask<ErrorSummary>("/api/errors/summary", [...params, ...asked(upToNow(range()))], signal),
  );
  return (
    <>
      <GroupedBy by={by} />
      <Shown of={answer} what="errors">
        {(summary) =>
          summary.items.length === 0 ? (
            <Nothing title={filters.length === 0 ? "No errors in this range" : "No error matches in this range"}>
              <p>
                Errors count from the receipt of their events. <Link href={changed({ range: "all", from: null, to: null })}>Look at all time</Link>
              </p>
            </Nothing>
          ) : (
            <GroupTable summary={summary} by={by} />
          )
        }
      </Shown>
    </>
  );
}

function GroupedBy({ by }: { by: ErrorTrait[] }): JSX.Element {
  const toggled = (word: ErrorTrait): string[] => (by.includes(word) ? by.filter((one) => one !== word) : [...by, word]);
  return (
    <fieldset class="controls">
      <legend>Grouped by</legend>
      {ERROR_TRAITS.map((word) => (
        <label class="check" key={word}>
          <input
            type="checkbox"
            checked={by.includes(word)}
            disabled={by.length === 1 && by.includes(word)}
            onChange={() => go(changed({ group_by: toggled(word).join(",") }))}
          />
          {word}
        </label>
      ))}
    </fieldset>
  );
}

function GroupTable({ summary, by }: { summary: ErrorSummary; by: ErrorTrait[] }): JSX.Element {
  return (
    <>
      <Scroll label="Groups of errors">
        <table class="groups">
          <thead>
            <tr>
              <th scope="col" class="figure">
                Errors
              </th>
              {by.map((word) => (
                <th scope="col" key={word}>
                  {word}
                </th>
              ))}
              <th scope="col">Over time</th>
              <th scope="col">Last received</th>
              <th scope="col">For example</th>
            </tr>
          </thead>
          <tbody>
            {summary.items.map((group) => (
              <tr key={JSON.stringify(by.map((word) => group[word]))}>
                <td class="figure">
                  <Link href={changed({ ...traitsOf(group, by), list: "1" })} aria-label={`Show ${plural(group.count, "error")}`}>
                    {number(group.count)}
                  </Link>
                </td>
                {by.map((word) => (
                  <td key={word} class={word}>
                    <Trait value={group[word] ?? null} word={word} />
                  </td>
                ))}
                <td>
                  <Spark values={group.spans ?? []} label={course(group, summary)} />
                </td>
                <td class="time">{told(group.last_at)}</td>
                <td class="glimpse">
                  <Link href={changed({ error: String(group.example.id) })}>
                    <Sent chars={120}>{group.example.message}</Sent>
                  </Link>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {summary.truncated && <p class="quiet">The {number(GROUPS)} largest groups are shown: filter, or group by less, to see others.</p>}
    </>
  );
}

function Trait({ value, word }: { value: string | null; word: ErrorTrait }): JSX.Element {
  if (value === null) return <i class="quiet">{word === "field" ? "the whole event" : "not valid"}</i>;
  if (value === "" && word === "path") return <i class="quiet">the whole event</i>;
  return <Sent chars={80}>{value}</Sent>;
}

/** The filters that let this group through. What its events do not have (null) can't be asked for: then there may be more. */
function traitsOf(group: ErrorGroup, by: ErrorTrait[]): Record<string, string | null> {
  const traits = Object.fromEntries(by.flatMap((word) => (group[word] == null ? [] : [[word, group[word]]])));
  return { ...traits, wider: by.some((word) => group[word] == null) ? "1" : null };
}

function course(group: ErrorGroup, { spans_from: from, spans_to: to }: ErrorSummary): string {
  const most = Math.max(...(group.spans ?? []), 0);
  return from == null || to == null ? plural(group.count, "error") : `${plural(group.count, "error")} from ${told(from)} to ${told(to)}, at most ${number(most)} in a span`;
}
