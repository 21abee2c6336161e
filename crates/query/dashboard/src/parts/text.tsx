// Text that somebody sent: isolated from what stands around it, and with everything in it visible.

import type { JSX } from "preact";

/** Controls, marks of direction, what has no width, and halves of characters: they show one text and mean another. How an emoji is drawn (U+FE0E, U+FE0F) does no harm. */
const INVISIBLE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800]/gu;

/** What is shown of a long text unless more is asked for, in characters. */
export const SHOWN_CHARS = 300;

/** A text with escapes in place of what can't be seen. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (found) => {
    const hex = (found.codePointAt(0) ?? 0).toString(16);
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/** A text that is cut where it is long, between characters. */
export function cut(text: string, chars = SHOWN_CHARS): string {
  if (text.length <= chars) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(chars - 1)) ? chars - 1 : chars;
  return `${text.slice(0, end)}…`;
}

/** What somebody sent. */
export function Sent({ children, chars = SHOWN_CHARS }: { children: string; chars?: number }): JSX.Element {
  const shown = visible(cut(children, chars));
  return (
    <bdi class="sent" {...(children.length > chars ? { title: visible(cut(children, 2_000)) } : {})}>
      {shown === "" ? <i class="quiet">empty</i> : shown}
    </bdi>
  );
}

const NUMBER = new Intl.NumberFormat("en-US");
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const number = (value: number): string => NUMBER.format(value);
export const compact = (value: number): string => (Math.abs(value) < 10_000 ? number(value) : COMPACT.format(value));

export function percent(part: number, whole: number): string {
  if (whole === 0) return "0 %";
  const share = (100 * part) / whole;
  if (share === 0 || share >= 10) return `${Math.round(share)} %`;
  return share < 0.01 ? "< 0.01 %" : `${Number(share.toPrecision(2))} %`;
}

/** A length of time as people say it, rounded: `3 min`. */
export function duration(ms: number): string {
  const units: [number, string][] = [[86_400_000, "d"], [3_600_000, "h"], [60_000, "min"], [1_000, "s"]];
  for (const [length, unit] of units) {
    if (ms >= length) {
      const count = ms / length;
      return `${number(count >= 10 ? Math.round(count) : Number(count.toFixed(1)))} ${unit}`;
    }
  }
  return `${Math.round(ms)} ms`;
}

export function plural(count: number, word: string): string {
  return `${number(count)} ${word}${count === 1 ? "" : "s"}`;
}
