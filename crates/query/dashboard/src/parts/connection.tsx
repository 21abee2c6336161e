import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { connection } from "../api/client.ts";

/** How long it is told that the connection is back, in milliseconds. */
const BACK_SHOWN_MS = 4_000;

/** Tells that the service is away, and that it is back. */
export function Connection(): JSX.Element {
  const [told, tell] = useState<"nothing" | "lost" | "back">("nothing");
  const now = connection.value;
  useEffect(() => {
    if (now === "lost") return tell("lost");
    tell((before) => (before === "lost" ? "back" : before));
    const timer = setTimeout(() => tell((before) => (before === "back" ? "nothing" : before)), BACK_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [now]);
  return (
    <div role="status" class={told === "nothing" ? "connection" : `connection ${told}`}>
      {told === "lost" && "Connection lost. What is shown may be old; the service is asked again by itself."}
      {told === "back" && "The connection is back."}
    </div>
  );
}
