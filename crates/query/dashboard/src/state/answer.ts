// An answer of the service, as a page holds it: asked for when the question changes, kept while it is asked for again.

import { useEffect, useRef, useState } from "preact/hooks";
import { isOutage, Refusal } from "../api/client.ts";

export interface Answer<T> {
  /** The last answer to this question; undefined until there is one. */
  value: T | undefined;
  /** Why the last try failed; null where it did not. */
  error: unknown;
  again(): void;
}

/** Waits between tries while the service is away, in milliseconds: the first, and at most. */
const PATIENCE_MS = { first: 1_000, most: 10_000 };

/**
 * Asks when `question` changes (null: nothing is asked), every `everyMs` while the tab is seen, and again and again while
 * the service is away.
 */
export function useAnswer<T>(
  question: string | null,
  askIt: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null = null,
): Answer<T> {
  const [held, hold] = useState<{ question: string | null; value: T | undefined; error: unknown }>({
    question: null,
    value: undefined,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const latest = useRef(askIt);
  latest.current = askIt;

  useEffect(() => {
    if (question === null) return;
    const control = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let patience = PATIENCE_MS.first;
    const next = (ms: number): void => {
      timer = setTimeout(() => void run(), ms);
    };
    const run = async (): Promise<void> => {
      if (everyMs !== null && document.hidden) {
        // Nobody looks: it is asked for as soon as somebody does.
        document.addEventListener("visibilitychange", () => void run(), { once: true, signal: control.signal });
        return;
      }
      try {
        const value = await latest.current(control.signal);
        if (control.signal.aborted) return;
        hold({ question, value, error: null });
        patience = PATIENCE_MS.first;
        if (everyMs !== null) next(everyMs);
      } catch (error) {
        if (control.signal.aborted) return;
        hold((before) => ({ question, value: before.question === question ? before.value : undefined, error }));
        if (isOutage(error)) {
          next(Math.max(patience, 1_000 * ((error instanceof Refusal ? error.retryAfterS : undefined) ?? 0)));
          patience = Math.min(patience * 2, PATIENCE_MS.most);
        } else if (everyMs !== null && !isFinal(error)) {
          next(everyMs);
        }
      }
    };
    void run();
    return () => {
      control.abort();
      clearTimeout(timer);
    };
  }, [question, turn, everyMs]);

  const isCurrent = held.question === question;
  return {
    value: isCurrent ? held.value : undefined,
    error: isCurrent ? held.error : null,
    again: () => setTurn((before) => before + 1),
  };
}

/** Whether asking the same again would be refused again. */
function isFinal(error: unknown): boolean {
  return error instanceof Refusal && error.status >= 400 && error.status < 500;
}
