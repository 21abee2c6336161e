import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { changed, go, place } from "../state/place.ts";
import { PRESETS, preset, range } from "../state/range.ts";
import { fromInput, told, toInput, zone } from "../state/zone.ts";

/** Which range of time is looked at: one that ends now, or two times. */
export function RangePicker(): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const choose = (word: string): void => {
    if (word === "two") return setOpen(true);
    setOpen(false);
    go(changed({ range: word, from: null, to: null }));
  };
  return (
    <div class="range">
      <label>
        Time
        <select value={isOpen ? "two" : (preset.value ?? "two")} onChange={(event) => choose(event.currentTarget.value)}>
          {PRESETS.map(([word, label]) => (
            <option value={word} key={word}>
              {label}
            </option>
          ))}
          <option value="two">From … to …</option>
        </select>
      </label>
      {(isOpen || preset.value === null) && <TwoTimes key={`${place.value.params.join()} ${zone.value}`} done={() => setOpen(false)} />}
    </div>
  );
}

/** What is written; what was not changed is what it was, to the millisecond. */
function read(text: string, before: Date | null): Date | null {
  if (before !== null && text === toInput(before)) return before;
  return text === "" ? null : fromInput(text);
}

function TwoTimes({ done }: { done(): void }): JSX.Element {
  const now = range();
  const [from, setFrom] = useState(now.from === null ? "" : toInput(now.from));
  const [to, setTo] = useState(now.to === null ? "" : toInput(now.to));
  const [fault, setFault] = useState("");
  const use = (event: Event): void => {
    event.preventDefault();
    const [begin, end] = [read(from, now.from), read(to, now.to)];
    if (begin && end && begin > end) return setFault(`${told(begin)} is after ${told(end)}.`);
    if (!begin && !end) return setFault("Give one time at least.");
    done();
    go(changed({ range: null, from: begin?.toISOString() ?? null, to: end?.toISOString() ?? null }));
  };
  return (
    <form onSubmit={use}>
      <label>
        From
        <input type="datetime-local" step={1} value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        to
        <input type="datetime-local" step={1} value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <button type="submit">Show</button>
      {fault !== "" && <span role="alert">{fault}</span>}
    </form>
  );
}
