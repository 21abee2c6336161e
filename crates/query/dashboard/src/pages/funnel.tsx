// How many sessions took some steps in order, and which of them fell out.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ask, type Params } from "../api/client.ts";
import type { Funnel } from "../api/types.ts";
import { useAnswer } from "../state/answer.ts";
import { useTypes } from "../state/known.ts";
import { all, changed, go, one } from "../state/place.ts";
import { asked, preset, range } from "../state/range.ts";
import { told } from "../state/zone.ts";
import { Link } from "../parts/link.tsx";
import { FirstEvent, Nothing, Shown } from "../parts/states.tsx";
import { number, percent, plural, Sent, visible } from "../parts/text.tsx";
import { FunnelSessionsList } from "./funnel/sessions.tsx";
import { read, type Step, written } from "./funnel/step.ts";

/** How many steps a funnel has. */
const STEPS_MAX = 10;

const WITHIN: readonly (readonly [string, string])[] = [
  ["", "any time"],
  ["5m", "5 minutes"],
  ["30m", "30 minutes"],
  ["2h", "2 hours"],
  ["1d", "a day"],
  ["7d", "7 days"],
  ["30d", "30 days"],
];

export function FunnelPage(): JSX.Element {
  const types = useTypes();
  const given = all("step");
  return (
    <Shown of={types} what="event types">
      {({ items, isCut }) =>
        items.length === 0 ? (
          <FirstEvent />
        ) : (
          <>
            <Steps known={items} steps={given} />
            {isCut && <p class="quiet">The first {number(items.length)} event types can be chosen; others by the address, as step=CATEGORY/NAME.</p>}
            <Within />
            {given.length >= 2 ? (
              <Result />
            ) : (
              <Nothing title="Choose two steps or more">
                <p>A session reached a step when it has an event of that type after those of the steps before.</p>
              </Nothing>
            )}
          </>
        )
      }
    </Shown>
  );
}

function Steps({ known, steps }: { known: Step[]; steps: string[] }): JSX.Element {
  const set = (next: string[]): void => go(changed({ step: next, left: null }));
  const moved = (from: number, to: number): string[] => {
    const next = [...steps];
    next.splice(to, 0, ...next.splice(from, 1));
    return next;
  };
  return (
    <section class="card" aria-label="Steps">
      <ol class="steps">
        {steps.map((step, at) => {
          const shown = name(step);
          return (
            <li key={`${at} ${step}`}>
              <span>
                <StepName step={step} />
              </span>
              <span class="buttons">
                <button type="button" disabled={at === 0} onClick={() => set(moved(at, at - 1))} aria-label={`Move ${shown} up`}>
                  ↑
                </button>
                <button type="button" disabled={at === steps.length - 1} onClick={() => set(moved(at, at + 1))} aria-label={`Move ${shown} down`}>
                  ↓
                </button>
                <button type="button" onClick={() => set(steps.filter((_, place) => place !== at))} aria-label={`Remove ${shown}`}>
                  ×
                </button>
              </span>
            </li>
          );
        })}
      </ol>
      {steps.length < STEPS_MAX && <AddStep known={known} add={(step) => set([...steps, step])} />}
    </section>
  );
}

function AddStep({ known, add }: { known: Step[]; add(step: string): void }): JSX.Element {
  const [chosen, setChosen] = useState("");
  const choices = known.map((step) => ({ value: written(step), label: `${visible(step.category)} / ${visible(step.name)}` }));
  return (
    <form
      class="add"
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen !== "") add(chosen);
      }}
    >
      <label>
        Next step
        <select value={chosen} onChange={(event) => setChosen(event.currentTarget.value)}>
          <option value="">choose an event type</option>
          {choices.map(({ value, label }) => (
            <option value={value} key={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Add the step</button>
    </form>
  );
}

function Within(): JSX.Element {
  const within = one("within") ?? "";
  const isOther = !WITHIN.some(([word]) => word === within);
  return (
    <div class="controls">
      <label>
        All steps within
        <select value={within} onChange={({ currentTarget: { value } }) => go(changed({ within: value === "" ? null : value, left: null }))}>
          {WITHIN.map(([word, label]) => (
            <option value={word} key={word}>
              {label}
            </option>
          ))}
          {isOther && <option value={within}>{within}</option>}
        </select>
      </label>
    </div>
  );
}

/** What the address asks for. */
function asking(): Params {
  const within = one("within");
  return [...all("step").map((step) => ["step", step] as const), ...(within === null ? [] : [["within", within] as const])];
}

function Result(): JSX.Element {
  const params = asking();
  const question = JSON.stringify([params, preset.value, one("from"), one("to")]);
  const answer = useAnswer(question, async (signal) => {
    const within = asked(range());
    return { within, funnel: await ask<Funnel>("/api/funnel", [...params, ...within], signal) };
  });
  return (
    <Shown of={answer} what="the funnel">
      {({ within, funnel }) => (
        <>
          <Picture funnel={funnel} />
          <Left funnel={funnel} params={[...params, ...within]} />
        </>
      )}
    </Shown>
  );
}

function Picture({ funnel }: { funnel: Funnel }): JSX.Element {
  const first = funnel.steps[0]?.sessions ?? 0;
  return (
    <>
      {funnel.looked_from !== null && <p class="quiet">Only the newest {number(funnel.events_looked_at)} events were looked at, those since {told(funnel.looked_from)}.</p>}
      <ol class="funnel">
        {funnel.steps.map((step, at) => {
          const before = funnel.steps[at - 1]?.sessions ?? step.sessions;
          const fell = step.sessions - (funnel.steps[at + 1]?.sessions ?? step.sessions);
          return (
            <li key={at}>
              <div class="label">
                <b>
                  {at + 1}. <Sent chars={60}>{step.category}</Sent> / <Sent chars={60}>{step.name}</Sent>
                </b>
                <span>
                  {plural(step.sessions, "session")}, {percent(step.sessions, first)} of all{at > 0 && `, ${percent(step.sessions, before)} of the step before`}
                </span>
              </div>
              <div class="bar" aria-hidden="true">
                <span style={{ width: `${first === 0 ? 0 : (100 * step.sessions) / first}%` }} />
              </div>
              {fell > 0 && (
                <p class="fell">
                  <Link href={changed({ left: String(at + 1) })}>{plural(fell, "session")} went no further: open them</Link>
                </p>
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}

/** The sessions that went no further than the chosen step. */
function Left({ funnel, params }: { funnel: Funnel; params: Params }): JSX.Element | null {
  const left = Number(one("left") ?? Number.NaN);
  const step = funnel.steps[left - 1];
  useEffect(() => {
    if (step !== undefined) document.getElementById("left")?.scrollIntoView({ block: "nearest" });
  }, [left]);
  if (step === undefined) return null;
  return (
    <section class="card" id="left">
      <h2>
        Went no further than {left}. <Sent chars={60}>{step.category}</Sent> / <Sent chars={60}>{step.name}</Sent>
      </h2>
      <FunnelSessionsList params={[...params, ["reached", String(left)], ["further", "false"]]} />
    </section>
  );
}

function StepName({ step }: { step: string }): JSX.Element {
  const { category, name: of } = read(step);
  return (
    <>
      <Sent chars={60}>{category}</Sent> / <Sent chars={60}>{of}</Sent>
    </>
  );
}

function name(step: string): string {
  const { category, name: of } = read(step);
  return `${visible(category)} / ${visible(of)}`;
}
