import type { JSX } from "preact";
import type { Params } from "../../api/client.ts";
import { Copy } from "../../parts/copy.tsx";
import { replayCommand } from "../../parts/shell.ts";

/** The operators' command that sends the events of these very errors through the pipeline again. */
export function ReplayCommand({ filters, within }: { filters: Params; within: Params }): JSX.Element {
  const command = replayCommand(filters, within);
  return (
    <details class="card">
      <summary>Send these events again, once the reason is gone</summary>
      <p>
        An operator's command: look first with <code>--dry-run</code>. Warnings, parse errors and resolved errors are passed over.
      </p>
      <Copy text={command} label="Copy the command" />
    </details>
  );
}
