// The time zone in which times are told.

import { computed } from "@preact/signals";
import { one } from "./place.ts";

/** The zone of this browser. */
export const LOCAL = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** The zones that can be chosen. */
export const ZONES: string[] = [...new Set([LOCAL, "UTC", ...Intl.supportedValuesOf("timeZone")])];

/** The zone in use: `tz` of the address, else the browser's. */
export const zone = computed(() => {
  const given = one("tz");
  return given !== null && isZone(given) ? given : LOCAL;
});

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const parts = computed(
  () =>
    new Intl.DateTimeFormat("en-CA", {
      timeZone: zone.value,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    }),
);

/** A point in time as `2026-11-01 09:15:27`, in the zone in use. */
export function told(at: Date | string): string {
  return wall(typeof at === "string" ? new Date(at) : at, parts.value).replace("T", " ");
}

/** The same to the millisecond. */
export function toldExactly(at: string): string {
  const fraction = /\.(\d{3})/.exec(at)?.[1] ?? "000";
  return `${told(at)}.${fraction}`;
}

/** A point in time as the value of an `<input type="datetime-local">`. */
export function toInput(at: Date): string {
  return wall(at, parts.value);
}

/** What an `<input type="datetime-local">` means in the zone in use; null where it is no time. */
export function fromInput(text: string): Date | null {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return null;
  // The offset depends on the instant that is looked for: the second look mends what the first one gets wrong near a change.
  let at = asUtc;
  for (let look = 0; look < 2; look += 1) at = asUtc - offset(at);
  return new Date(at);
}

function offset(at: number): number {
  const whole = Math.floor(at / 1_000) * 1_000;
  return Date.parse(`${wall(new Date(whole), parts.value)}Z`) - whole;
}

function wall(at: Date, format: Intl.DateTimeFormat): string {
  if (Number.isNaN(at.getTime())) return "no time";
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return `${part["year"]}-${part["month"]}-${part["day"]}T${part["hour"]}:${part["minute"]}:${part["second"]}`;
}
