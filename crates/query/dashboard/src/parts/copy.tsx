import type { JSX } from "preact";
import { useState } from "preact/hooks";

/** A command or a text, ready to copy. */
export function Copy({ text, label }: { text: string; label: string }): JSX.Element {
  const [told, tell] = useState("");
  const copy = (): void => {
    // Without a secure context there is no clipboard: the text can still be selected.
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    written.then(
      () => tell("Copied."),
      () => tell("The browser does not let this page copy: select the text."),
    );
  };
  return (
    <div class="copy">
      <pre tabIndex={0} aria-label="Command">
        <code>{text}</code>
      </pre>
      <button type="button" onClick={copy}>
        {label}
      </button>
      <span role="status" class="quiet">
        {told}
      </span>
    </div>
  );
}
