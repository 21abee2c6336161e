// A payload as a tree: every value shows what it is, and narrows the list when it is clicked.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { isObject, type Json, scalar } from "../api/json.ts";
import { cut, number, SHOWN_CHARS, visible } from "./text.tsx";

/** How many members of an object or items of an array are shown unless more are asked for. */
const MEMBERS_SHOWN = 100;

/** How deep the tree is open at first. */
const OPEN_DEPTH = 4;

/** How long a value may be that the service filters by, in characters. */
const CHOSEN_CHARS_MAX = 10_000;

interface Props {
  value: Json;
  /** Called with the path of keys and the value that was chosen; without it nothing can be chosen. */
  onChoose?: ((keys: string[], value: Json) => void) | undefined;
}

export function Payload({ value, onChoose }: Props): JSX.Element {
  return (
    <div class="payload" role="group" aria-label="Payload">
      <Node value={value} keys={[]} depth={0} onChoose={onChoose} />
    </div>
  );
}

interface NodeProps extends Props {
  /** The keys that lead here; items of arrays add none, as in the filter `data.KEY`. */
  keys: string[];
  depth: number;
}

function Node(props: NodeProps): JSX.Element {
  const { value } = props;
  if (Array.isArray(value)) return <Members {...props} members={value.map((item, at) => [String(at), item, false])} brackets="[]" />;
  if (isObject(value)) return <Members {...props} members={Object.entries(value).map(([key, member]) => [key, member, true])} brackets="{}" />;
  return <Leaf {...props} />;
}

type Member = [label: string, value: Json, isKey: boolean];

function Members({ members, brackets, keys, depth, onChoose }: NodeProps & { members: Member[]; brackets: "[]" | "{}" }): JSX.Element {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const [shown, setShown] = useState(MEMBERS_SHOWN);
  if (members.length === 0) return <span class="quiet">{brackets}</span>;
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span class="quiet">
          {brackets[0]} {number(members.length)} {brackets[1]}
        </span>
      </summary>
      {isOpen && (
        <ul>
          {members.slice(0, shown).map(([label, member, isKey]) => (
            <li key={label}>
              <bdi class="member">{visible(cut(label))}</bdi>
              <Node value={member} keys={isKey ? [...keys, label] : keys} depth={depth + 1} onChoose={onChoose} />
            </li>
          ))}
          {members.length > shown && (
            <li>
              <button type="button" class="plain" onClick={() => setShown(shown + 10 * MEMBERS_SHOWN)}>
                {number(members.length - shown)} more
              </button>
            </li>
          )}
        </ul>
      )}
    </details>
  );
}

function Leaf({ value, keys, onChoose }: NodeProps): JSX.Element {
  const [isWhole, showWhole] = useState(false);
  const written = scalar(value);
  const isLong = written.length > SHOWN_CHARS;
  const shown = visible(isLong && !isWhole ? cut(written) : written);
  const kind = value === null ? "null" : typeof value === "object" ? "number" : typeof value;
  const label = `Show only events where ${visible(cut(keys.join("."), 60))} is ${visible(cut(written, 60))}`;
  return (
    <>
      {onChoose !== undefined && keys.length > 0 && written.length <= CHOSEN_CHARS_MAX ? (
        <button type="button" class={`leaf ${kind}`} onClick={() => onChoose(keys, value)} title="Show only events with this value" aria-label={label}>
          <bdi>{shown}</bdi>
        </button>
      ) : (
        <bdi class={`leaf ${kind}`}>{shown}</bdi>
      )}
      {isLong && (
        <button type="button" class="plain" onClick={() => showWhole(!isWhole)}>
          {isWhole ? "less" : `all ${number(written.length)} characters`}
        </button>
      )}
    </>
  );
}
