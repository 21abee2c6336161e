import type { JSX } from "preact";
import { Refusal } from "../api/client.ts";
import type { Answer } from "../state/answer.ts";
import { Link } from "./link.tsx";

export interface Figure {
  figure: string;
  note: string;
  /** The figure and the one of the range before, where there is one. */
  delta?: [now: number, earlier: number | null];
  /** Whether it is bad when it grows. */
  isBadUp?: boolean;
  /** Whether it is bad as it is. */
  isBad?: boolean;
}

/** One figure, and what it is beside the range before. */
export function Tile<T>({ title, of, href, children }: { title: string; of: Answer<T>; href?: string; children: (value: T) => Figure }): JSX.Element {
  const figure = of.value === undefined ? null : children(of.value);
  return (
    <div class={figure?.isBad === true ? "tile bad" : "tile"}>
      <h2>{href === undefined ? title : <Link href={href}>{title}</Link>}</h2>
      <p class="value">{figure?.figure ?? (of.error === null ? "…" : "–")}</p>
      {figure?.delta !== undefined && <Delta {...figure} delta={figure.delta} />}
      <p class="quiet">{figure === null ? missing(of.error) : figure.note}</p>
      {figure !== null && of.error !== null && (
        <p class="fault">
          Old: {missing(of.error)}{" "}
          <button type="button" class="plain" onClick={of.again}>
            Try again
          </button>
        </p>
      )}
    </div>
  );
}

function missing(error: unknown): string {
  if (error === null) return "";
  return error instanceof Refusal ? error.detail : "no answer";
}

function Delta({ delta: [now, earlier], isBadUp }: { delta: [number, number | null]; isBadUp?: boolean }): JSX.Element | null {
  if (earlier === null) return null;
  if (earlier === 0) return <p class="delta quiet">{now === 0 ? "as before" : "none in the range before"}</p>;
  const change = Math.round((100 * (now - earlier)) / earlier);
  const isBad = change !== 0 && change > 0 === (isBadUp === true);
  return (
    <p class={change === 0 ? "delta quiet" : isBad ? "delta worse" : "delta better"}>
      {change > 0 ? "▲" : change < 0 ? "▼" : "="} {Math.abs(change)} % <span class="quiet">to the range before</span>
    </p>
  );
}
