// Where in the bytes that were sent a wrong value stands.

import { type Node, parseTree } from "jsonc-parser";

export interface Wrong {
  /** A JSON Pointer from the event's root. */
  path: string;
  code: string;
  message: string;
}

/** A part of the text, and what is wrong with it: nothing, or some of the errors. */
export interface Part {
  text: string;
  wrong: Wrong[];
}

interface Mark {
  from: number;
  to: number;
  wrong: Wrong;
}

/** The text in parts, the wrong ones with their errors; and the errors that have no place in it. */
export function marked(text: string, errors: Wrong[]): { parts: Part[]; unplaced: Wrong[] } {
  const root = tree(text);
  const marks: Mark[] = [];
  const unplaced: Wrong[] = [];
  for (const wrong of errors) {
    const found = wrong.code === "parse_error" ? byMessage(text, wrong) : root === undefined ? [] : byPointer(text, root, wrong);
    if (found.length === 0) unplaced.push(wrong);
    marks.push(...found);
  }
  return { parts: parts(text, marks), unplaced };
}

/** None where it is no JSON, or nested deeper than a stack holds. */
function tree(text: string): Node | undefined {
  try {
    return parseTree(text, [], { disallowComments: true });
  } catch {
    return undefined;
  }
}

function byPointer(text: string, root: Node, wrong: Wrong): Mark[] {
  if (wrong.path === "") return [];
  const steps = wrong.path.slice(1).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  let nodes: Node[] = [root];
  let parents: Node[] = [];
  for (const [at, step] of steps.entries()) {
    parents = nodes;
    nodes = nodes.flatMap((node) => members(node, step, text, wrong.code === "duplicate_key" && at === steps.length - 1));
    // What is missing is marked where it should begin: at the innermost object that is there.
    if (nodes.length === 0) return parents.map(({ offset }) => ({ from: offset, to: offset + 1, wrong }));
  }
  return nodes.map(({ offset, length }) => ({ from: offset, to: offset + length, wrong }));
}

/** The members of that key (all of them, where it stands there twice), or the item of that place. */
function members(node: Node, step: string, text: string, asKeys: boolean): Node[] {
  if (node.type === "array") return node.children?.[Number(step)] === undefined ? [] : [node.children[Number(step)] as Node];
  if (node.type !== "object") return [];
  return (node.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    if (key === undefined || !isNamed(key, step, text)) return [];
    return asKeys || value === undefined ? [key] : [value];
  });
}

/** What can't be stored of a key is shown as `\uXXXX` in the pointer. */
function isNamed(key: Node, step: string, text: string): boolean {
  const lowered = (escaped: string): string => escaped.replace(/\\u[0-9a-f]{4}/gi, (escape) => escape.toLowerCase());
  return key.value === step || lowered(text.slice(key.offset + 1, key.offset + key.length - 1)) === lowered(step);
}

/** A body that was no JSON: the message tells line and column, counted from 1. */
function byMessage(text: string, wrong: Wrong): Mark[] {
  const [, line, column] = /line (\d+), column (\d+)/.exec(wrong.message) ?? [];
  if (line === undefined || column === undefined) return [];
  const lines = text.split("\n");
  const before = lines.slice(0, Number(line) - 1).reduce((sum, { length }) => sum + length + 1, 0);
  // Columns count characters, which may be two units here.
  const from = before + [...(lines[Number(line) - 1] ?? "")].slice(0, Number(column) - 1).join("").length;
  return from < text.length ? [{ from, to: from + 1, wrong }] : [];
}

function parts(text: string, marks: Mark[]): Part[] {
  const ends = [...new Set([0, text.length, ...marks.flatMap(({ from, to }) => [from, to])])].sort((one, other) => one - other);
  return ends.slice(0, -1).map((from, at) => {
    const to = ends[at + 1] ?? text.length;
    return { text: text.slice(from, to), wrong: marks.filter((mark) => mark.from <= from && mark.to >= to).map(({ wrong }) => wrong) };
  });
}
