// What users meet when there is nothing to see (yet).

import type { ComponentChildren, JSX } from "preact";
import { Away, Refusal } from "../api/client.ts";
import type { Answer } from "../state/answer.ts";
import { Copy } from "./copy.tsx";

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <div class="state loading" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what} …
    </div>
  );
}

export function Nothing({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="state nothing">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** What went wrong, and what to do. */
export function Failure({ error, again }: { error: unknown; again(): void }): JSX.Element {
  const { title, advice } = explained(error);
  return (
    <div class="state failure" role="alert">
      <h2>{title}</h2>
      <p>{advice}</p>
      {error instanceof Refusal && error.requestId !== undefined && (
        <p class="quiet">
          Request <code>{error.requestId}</code>: the operators find it in the log.
        </p>
      )}
      <button type="button" onClick={again}>
        Try again
      </button>
    </div>
  );
}

function explained(error: unknown): { title: string; advice: string } {
  if (error instanceof Away) {
    return { title: "The query service does not answer", advice: "It is asked again by itself. If this stays, ask your operators to run eye doctor." };
  }
  if (!(error instanceof Refusal)) {
    return { title: "This page failed", advice: error instanceof Error ? error.message : String(error) };
  }
  switch (error.status) {
    case 400:
      return { title: "The service did not understand this", advice: error.detail };
    case 403:
      return { title: "This key may not see this", advice: error.detail };
    case 404:
      return { title: "Not found", advice: error.detail };
    case 503:
      return { title: "The service can't answer at the moment", advice: `${error.detail}. It is asked again by itself.` };
    case 504:
      return { title: "This took too long", advice: error.detail };
    default:
      return { title: `The service answered ${error.status}`, advice: error.detail };
  }
}

/** An answer, or what there is instead of it. What was there stays while it is asked for again. */
export function Shown<T>({ of, what, children }: { of: Answer<T>; what: string; children: (value: T) => ComponentChildren }): JSX.Element {
  if (of.value === undefined) {
    return of.error === null ? <Loading what={what} /> : <Failure error={of.error} again={of.again} />;
  }
  return (
    <>
      {of.error !== null && <Failure error={of.error} again={of.again} />}
      {children(of.value)}
    </>
  );
}

/** How the first event is sent. */
export function FirstEvent(): JSX.Element {
  // Sender and reader may have one address (behind a proxy) or two.
  const command = `curl -i -H "Authorization: Bearer $EYE_WRITE_KEY" -H 'Content-Type: application/json' \\
  -d '{"session_id": "my-session", "category": "page interaction", "name": "pageview", "data": {"path": "/"}, "timestamp": "'$(date -u +%FT%TZ)'"}' \\
  "$EYE_GATEWAY_URL/api/events"`;
  return (
    <Nothing title="No event is stored yet">
      <p>
        Send the first one: <code>$EYE_GATEWAY_URL</code> is the gateway's address, <code>$EYE_WRITE_KEY</code> a key with the scope{" "}
        <code>write</code>. It is here about a second later.
      </p>
      <Copy text={command} label="Copy the command" />
    </Nothing>
  );
}
