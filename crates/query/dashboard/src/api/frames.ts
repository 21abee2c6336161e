// The frames of server-sent events.

/** One frame: what its lines say. */
export interface Frame {
  event: string;
  id: string | undefined;
  data: string | undefined;
}

/** Frames out of text that comes in parts, cut anywhere. */
export class Frames {
  #parts: string[] = [];

  take(part: string): Frame[] {
    // A frame may be large and come in many parts: they are put together once, when its end is there.
    const end = part.startsWith("\n") && this.#parts.at(-1)?.endsWith("\n") === true ? 0 : part.indexOf("\n\n");
    this.#parts.push(part);
    if (end < 0) return [];
    const blocks = this.#parts.join("").split("\n\n");
    this.#parts = [blocks.pop() ?? ""];
    return blocks.map(frameOf);
  }
}

function frameOf(block: string): Frame {
  const frame: Frame = { event: "message", id: undefined, data: undefined };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 1) continue;
    const value = line.slice(colon + 1).replace(/^ /, "");
    const name = line.slice(0, colon);
    if (name === "event") frame.event = value;
    if (name === "id") frame.id = value;
    if (name === "data") frame.data = frame.data === undefined ? value : `${frame.data}\n${value}`;
  }
  return frame;
}
