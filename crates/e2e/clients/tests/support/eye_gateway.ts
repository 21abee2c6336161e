// A gateway that answers what a test wants, for the tests of the snippet's own logic.

import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";

export const SNIPPET = resolve("../../gateway/src/snippet/eye.js");

const PATIENCE_MS = 15_000;

export interface SentEvent {
  id: string;
  session_id: string;
  category: string;
  name: string;
  data: Record<string, unknown>;
  timestamp: string;
}

/** One call that came, whatever it was answered. */
export interface Call {
  method: string;
  path: string;
  key: string | null;
  headers: IncomingMessage["headers"];
  bytes: number;
  sentAt: string;
  events: SentEvent[];
}

/** A status, with a header or two and a body, `{}` unless given; `cut` ends the connection without an answer, `hold` never answers. */
export type Answer = { status: number; headers?: Record<string, string>; body?: string } | "cut" | "hold";

export class MockGateway {
  readonly calls: Call[] = [];
  /** Looked at for each call. */
  answer: (call: Call) => Answer = () => ({ status: 202 });
  /** A page of the gateway's own origin. */
  page = "";
  /** Where the snippet lies; the endpoint is beside it. */
  readonly base = "/base/";
  private readonly server = createServer((request, response) => void this.take(request, response));
  private waiting: (() => void)[] = [];

  async listen(): Promise<void> {
    await new Promise<void>((listening) => this.server.listen(0, "127.0.0.1", listening));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get events(): SentEvent[] {
    return this.calls.flatMap(({ events }) => events);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  /** How many calls wait for an answer that they do not get. */
  held = 0;

  /** The calls, as soon as there are so many. */
  async called(count: number): Promise<Call[]> {
    await this.until(() => this.calls.length >= count, () => `${count} calls, found ${this.calls.length}`);
    return this.calls;
  }

  /** The events of all calls, as soon as there are so many. */
  async received(count: number): Promise<SentEvent[]> {
    await this.until(() => this.events.length >= count, () => `${count} events, found ${this.events.map(({ name }) => name).join(", ")}`);
    return this.events;
  }

  /** Forgets what came so far. */
  forget(): void {
    this.calls.length = 0;
  }

  private async until(isSo: () => boolean, expected: () => string): Promise<void> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (!isSo()) {
      await new Promise<void>((come, fail) => {
        this.waiting.push(come);
        deadline.addEventListener("abort", () => fail(new Error(`expected ${expected()}`)), { once: true });
      });
    }
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.origin);
    if (request.method === "GET" && pathname === `${this.base}eye.js`) {
      response.writeHead(200, { "Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*" }).end(readFileSync(SNIPPET));
      return;
    }
    if (request.method === "GET") {
      response.writeHead(200, { "Content-Type": "text/html" }).end(this.page);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { sent_at: sentAt = "", events = [] } = (body.length > 0 ? JSON.parse(body.toString()) : {}) as { sent_at?: string; events?: SentEvent[] };
    const call = { method: request.method ?? "", path: pathname, key: searchParams.get("key"), headers: request.headers, bytes: body.length, sentAt, events };
    this.calls.push(call);
    const answer = this.answer(call);
    if (answer === "cut") request.socket.destroy();
    else if (answer === "hold") {
      this.held += 1;
      response.once("close", () => (this.held -= 1));
    } else {
      const headers = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After", ...answer.headers };
      response.writeHead(answer.status, headers).end(answer.body ?? "{}");
    }
    const waiting = this.waiting;
    this.waiting = [];
    for (const come of waiting) come();
  }
}
