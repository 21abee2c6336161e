// Two versions of a type's rules side by side.

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { print } from "../../api/json.ts";
import type { EventTypeVersion } from "../../api/types.ts";
import { told } from "../../state/zone.ts";
import { Sent, visible } from "../../parts/text.tsx";
import { compared } from "./sides.ts";
import { Scroll } from "../../parts/scroll.tsx";

export function Versions({ versions, isCut }: { versions: EventTypeVersion[]; isCut: boolean }): JSX.Element {
  const [right, setRight] = useState(versions[0]?.version ?? 0);
  const [left, setLeft] = useState((versions[1] ?? versions[0])?.version ?? 0);
  const [before, after] = [left, right].map((number) => versions.find(({ version }) => version === number));
  return (
    <section>
      <h3>Rules</h3>
      {isCut && <p class="quiet">The latest {versions.length} versions are shown.</p>}
      <div class="columns sides">
        <Side label="Left" versions={versions} chosen={before} choose={setLeft} />
        <Side label="Right" versions={versions} chosen={after} choose={setRight} />
      </div>
      {before !== undefined && after !== undefined && <Comparison before={before} after={after} />}
    </section>
  );
}

function Side({ label, versions, chosen, choose }: { label: string; versions: EventTypeVersion[]; chosen: EventTypeVersion | undefined; choose(version: number): void }): JSX.Element {
  return (
    <div>
      <label>
        {label}
        <select value={chosen?.version} onChange={(event) => choose(Number(event.currentTarget.value))}>
          {versions.map(({ version, mode }, at) => (
            <option value={version} key={version}>
              {version}: {mode ?? "removed"}
              {at === 0 ? " (latest)" : ""}
            </option>
          ))}
        </select>
      </label>
      {chosen !== undefined && (
        <p class="quiet">
          {told(chosen.created_at)} by <Sent chars={60}>{chosen.created_by}</Sent>
          {chosen.reason !== null && (
            <>
              : <Sent>{chosen.reason}</Sent>
            </>
          )}
        </p>
      )}
    </div>
  );
}

function Comparison({ before, after }: { before: EventTypeVersion; after: EventTypeVersion }): JSX.Element {
  const rows = compared(written(before), written(after));
  return (
    <Scroll label={`Version ${before.version} beside version ${after.version}`}>
      <table class="diff">
        <thead>
          <tr>
            <th scope="col">Version {before.version}</th>
            <th scope="col">Version {after.version}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={at}>
              {row.map(({ text, kind }, side) => (
                <td class={kind} key={side}>
                  {kind === "gone" && <span class="spoken">removed: </span>}
                  {kind === "new" && <span class="spoken">added: </span>}
                  <code>{visible(text)}</code>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function written({ schema, mode }: EventTypeVersion): string {
  return mode === null ? "(not registered)" : `${print(schema)}\n`;
}
