// JSON as it is written. A number that a double can't hold keeps its digits: the store loses none, and neither does the page.

/** A number as it was written, where a double would change it. */
export class Digits {
  constructor(readonly text: string) {}
}

export type Json = null | boolean | number | string | Digits | Json[] | { [key: string]: Json };

type Reviver = (this: unknown, key: string, value: unknown, context?: { source?: string }) => unknown;

/** Reads JSON. Browsers that don't tell how a number was written give the nearest double. */
export function parse(text: string): Json {
  const revive: Reviver = (_key, value, context) => {
    if (typeof value !== "number" || context?.source === undefined) return value;
    return isExact(value, context.source) ? value : new Digits(context.source);
  };
  return JSON.parse(text, revive) as Json;
}

/** Writes JSON, for people: two spaces a level. */
export function print(value: Json, depth = 0): string {
  const inner = "  ".repeat(depth + 1);
  const outer = "  ".repeat(depth);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((item) => inner + print(item, depth + 1)).join(",\n")}\n${outer}]`;
  }
  if (isObject(value)) {
    const members = Object.entries(value);
    if (members.length === 0) return "{}";
    const lines = members.map(([key, member]) => `${inner}${JSON.stringify(key)}: ${print(member, depth + 1)}`);
    return `{\n${lines.join(",\n")}\n${outer}}`;
  }
  return scalar(value);
}

/** A value without members, as JSON. */
export function scalar(value: Json): string {
  return value instanceof Digits ? value.text : JSON.stringify(value);
}

export function isObject(value: Json | undefined): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

/** Whether a double says what was written: the same digits and the same power of ten. */
function isExact(value: number, source: string): boolean {
  return canonical(String(value)) === canonical(source);
}

function canonical(number: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number);
  if (match === null) return number;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return "0";
  const significant = digits.replace(/0+$/, "");
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}
