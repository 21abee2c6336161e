// The frames of server-sent events.

/** One frame: what its lines say. */
export interface Frame {
  event: string;
  id: string | undefined;
  data: string | undefined;
}

/** Frames out of text that comes in parts, cut anywhere. */
export class Frames {
  #rest = "";

  take(part: string): Frame[] {
    const blocks = (this.#rest + part).split("\n\n");
    this.#rest = blocks.pop() ?? "";
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
