// All that match as a file: exactly what the list shows, to its end.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { address, open, type Params } from "../api/client.ts";
import { Copy } from "./copy.tsx";
import { quoted } from "./shell.ts";
import { compact } from "./text.tsx";

const FORMATS = ["ndjson", "csv", "parquet"] as const;
type Format = (typeof FORMATS)[number];

interface SaveWindow {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{ createWritable(): Promise<WritableStream<Uint8Array>> }>;
}

/** `params`: what the list was asked. */
export function Export({ params: list }: { params: Params }): JSX.Element {
  const [format, setFormat] = useState<Format>("ndjson");
  const [told, tell] = useState("");
  const [progress, setProgress] = useState("");
  const control = useRef<AbortController | null>(null);
  // Whoever leaves the list, or signs out, ends it.
  useEffect(() => () => control.current?.abort(), []);
  const params: Params = [...list, ["format", format]];
  const start = async (): Promise<void> => {
    control.current = new AbortController();
    tell("Begun.");
    setProgress("0 bytes");
    try {
      const bytes = await save(params, `events.${format}`, control.current.signal, (count) => setProgress(`${compact(count)} bytes`));
      tell(`Done: ${compact(bytes)} bytes.`);
    } catch (error) {
      const isStopped = error instanceof DOMException && error.name === "AbortError";
      tell(isStopped ? "Stopped: the file is not whole." : `Failed, the file is not whole: ${error instanceof Error ? error.message : String(error)}`);
    }
    control.current = null;
    setProgress("");
  };
  const curl = `curl -sS -H "Authorization: Bearer $EYE_READ_KEY" -o events.${format} \\\n  ${quoted(location.origin + address("/api/events/export", params))}`;
  return (
    <details class="export">
      <summary>Export</summary>
      <div class="popover">
        <label>
          Format
          <select value={format} onChange={(event) => setFormat(event.currentTarget.value as Format)}>
            {FORMATS.map((name) => (
              <option value={name} key={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={progress !== ""} onClick={() => void start()}>
          Save the file
        </button>
        {progress !== "" && (
          <>
            <button type="button" onClick={() => control.current?.abort()}>
              Stop
            </button>
            <span class="quiet">{progress}</span>
          </>
        )}
        <span role="status">{told}</span>
        <Copy text={curl} label="Copy the command" />
      </div>
    </details>
  );
}

/** Writes to a file as it comes where the browser can, else gathers it first. Gives how many bytes there were. */
async function save(params: Params, name: string, signal: AbortSignal, onBytes: (count: number) => void): Promise<number> {
  const file = await (window as SaveWindow).showSaveFilePicker?.({ suggestedName: name });
  const answer = await open("/api/events/export", params, signal);
  if (answer.body === null) throw new Error("the answer has no body");
  let bytes = 0;
  const counted = answer.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        bytes += part.byteLength;
        onBytes(bytes);
        controller.enqueue(part);
      },
    }),
  );
  if (file !== undefined) {
    await counted.pipeTo(await file.createWritable(), { signal });
    return bytes;
  }
  const blob = await new Response(counted).blob();
  const url = URL.createObjectURL(blob);
  const anchor = Object.assign(document.createElement("a"), { href: url, download: name });
  anchor.click();
  URL.revokeObjectURL(url);
  return bytes;
}
