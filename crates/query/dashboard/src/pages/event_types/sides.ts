// Two texts side by side, line by line.

import { diffLines } from "diff";

/** How many changes are looked for before two texts are taken for wholly different. */
const EDITS_MAX = 5_000;

export interface Line {
  text: string;
  kind: "same" | "gone" | "new" | "none";
}

/** Lines beside each other, what is in both at one height. */
export function compared(before: string, after: string): [Line, Line][] {
  const changes = diffLines(before, after, { maxEditLength: EDITS_MAX }) ?? [
    { value: before, removed: true, added: false },
    { value: after, removed: false, added: true },
  ];
  const rows: [Line, Line][] = [];
  const none: Line = { text: "", kind: "none" };
  let gone: Line[] = [];
  const flush = (fresh: Line[]): void => {
    for (let at = 0; at < Math.max(gone.length, fresh.length); at += 1) rows.push([gone[at] ?? none, fresh[at] ?? none]);
    gone = [];
  };
  for (const { value, added, removed } of changes) {
    const lines = value.replace(/\n$/, "").split("\n");
    if (removed) gone.push(...lines.map((text): Line => ({ text, kind: "gone" })));
    else if (added) flush(lines.map((text) => ({ text, kind: "new" })));
    else {
      flush([]);
      rows.push(...lines.map((text): [Line, Line] => [{ text, kind: "same" }, { text, kind: "same" }]));
    }
  }
  flush([]);
  return rows;
}
