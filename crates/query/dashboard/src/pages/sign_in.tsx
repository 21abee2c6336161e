import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { signedOutBecause, signIn } from "../api/client.ts";

/** Asks for a key, and tries it. */
export function SignIn(): JSX.Element {
  const [given, setGiven] = useState("");
  const [fault, setFault] = useState(signedOutBecause.value ?? "");
  const [isTrying, setTrying] = useState(false);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    setTrying(true);
    const found = await tried(given.trim());
    setTrying(false);
    setFault(found ?? "");
    if (found === null) signIn(given.trim());
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void enter(event)}>
        <img src="/assets/eye.svg" alt="" width="56" height="56" />
        <h1>The Eye</h1>
        <label>
          Read key
          <input
            type="password"
            autocomplete="off"
            required
            placeholder="eye_…"
            value={given}
            onInput={(event) => setGiven(event.currentTarget.value)}
            aria-describedby="key-help"
          />
        </label>
        {fault !== "" && (
          <p role="alert" class="fault">
            {fault}
          </p>
        )}
        <button type="submit" disabled={isTrying}>
          {isTrying ? "Trying …" : "Sign in"}
        </button>
        <p id="key-help" class="quiet">
          A key with the scope <code>read</code>; operators make one with <code>eye key create APP --scope read</code>. It is kept for this tab only.
        </p>
      </form>
    </main>
  );
}

/** What is wrong with a key; null where it is good. */
async function tried(given: string): Promise<string | null> {
  if (!/^[\x21-\x7e]+$/.test(given)) return "A key has no blanks and only plain characters: expected eye_ and what follows it.";
  try {
    const answer = await fetch("/api/applications?limit=1", {
      headers: { Authorization: `Bearer ${given}` },
      credentials: "omit",
      cache: "no-store",
    });
    if (answer.ok) return null;
    if (answer.status === 401) return "The service does not know this key: it may be mistyped, revoked or expired.";
    if (answer.status === 403) return "This key may send events, not read them: it needs the scope read.";
    return `The service can't try the key at the moment (${answer.status}). Try again.`;
  } catch {
    return "The query service does not answer. Try again in a moment.";
  }
}
