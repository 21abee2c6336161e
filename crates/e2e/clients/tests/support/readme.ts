// The examples of a section of README.md, as a reader copies them.

import { readFileSync } from "node:fs";

/** The code blocks of a section by their languages, each of which it has once. */
export function blocksOf(file: string, heading: string): Map<string, string> {
  const blocks = new Map<string, string>();
  let level = 0;
  let open: { language: string; lines: string[] } | undefined;
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const fence = /^```(\w*)/.exec(line);
    if (fence === null) {
      open?.lines.push(line);
      level = open === undefined ? levelAfter(line, heading, level) : level;
    } else if (open === undefined) {
      open = { language: fence[1] ?? "", lines: [] };
    } else {
      if (level > 0) add(blocks, open.language, open.lines);
      open = undefined;
    }
  }
  return blocks;
}

/** The level of the section that we are in after this line; 0 outside of it. */
function levelAfter(line: string, heading: string, level: number): number {
  const [, marks, title] = /^(#+) (.*)$/.exec(line) ?? [];
  if (marks === undefined) return level;
  if (title === heading) return marks.length;
  return marks.length <= level ? 0 : level;
}

function add(blocks: Map<string, string>, language: string, lines: string[]): void {
  if (blocks.has(language)) throw new Error(`expected one block in ${language}, found two`);
  blocks.set(language, `${lines.join("\n")}\n`);
}
