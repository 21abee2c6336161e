// Commands for bash, ready to copy.

import type { Params } from "../api/client.ts";
import { visible } from "./text.tsx";

/** A word for bash. What can't be seen is told by its bytes: a command shows what it does. */
export function quoted(word: string): string {
  if (/^[A-Za-z0-9_./:@%+=,-]+$/.test(word)) return word;
  if (visible(word) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  const told = [...word].map((character) => {
    if (visible(character) !== character) return bytes(character);
    return character === "'" || character === "\\" ? `\\${character}` : character;
  });
  return `$'${told.join("")}'`;
}

function bytes(character: string): string {
  return [...new TextEncoder().encode(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

/** The operators' command that sends the events of the errors that these filters let through again. */
export function replayCommand(filters: Params, within: Params): string {
  const words = [...filters, ...within].flatMap(([name, value]) => {
    if (name === "resolved") return value === "true" ? ["--resolved"] : ["--unresolved"];
    // A value that begins with a dash would be taken for an option.
    return [`--${name.replaceAll("_", "-")}=${quoted(value)}`];
  });
  return ["eye errors replay", ...words].join(" ");
}
