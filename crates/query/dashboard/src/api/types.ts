// What the query service answers; /openapi.json says what each member means. Times are RFC 3339.

import type { Json } from "./json.ts";

export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

export interface StoredEvent {
  id: string;
  application: string;
  session_id: string;
  category: string;
  name: string;
  data: { [key: string]: Json };
  timestamp: string;
  received_at: string;
  stored_at: string;
}

export interface Count {
  start: string;
  category?: string;
  name?: string;
  application?: string;
  count: number;
}

export interface Session {
  session_id: string;
  first_event_at: string;
  last_event_at: string;
  event_count: number;
  applications: string[];
}

export interface SessionCount {
  sessions: number;
  bounded: boolean;
  events_looked_at: number;
  looked_from: string | null;
}

export interface EventError {
  id: number;
  event_id: string;
  application: string | null;
  session_id: string | null;
  category: string | null;
  name: string | null;
  field: string | null;
  path: string;
  code: string;
  message: string;
  value: string | null;
  input: string;
  input_encoding?: "base64";
  errors_truncated: boolean;
  severity: "error" | "warning";
  received_at: string;
  created_at: string;
  resolved_at: string | null;
}

/** The words that errors can be grouped by. */
export const ERROR_TRAITS = ["code", "path", "category", "name", "application", "severity", "field"] as const;
export type ErrorTrait = (typeof ERROR_TRAITS)[number];

export interface ErrorGroup extends Partial<Record<ErrorTrait, string | null>> {
  count: number;
  first_at: string;
  last_at: string;
  example: { id: number; event_id: string; path: string; message: string; value: string | null };
  spans?: number[];
}

export interface ErrorSummary {
  items: ErrorGroup[];
  truncated: boolean;
  spans_from?: string | null;
  spans_to?: string | null;
}

export interface EventType {
  category: string;
  name: string;
  first_seen_at: string;
  registered: boolean;
  version: number | null;
  mode: "enforce" | "warn" | null;
  event_count: number;
  error_count: number;
  warning_count: number;
  schema?: Json;
  versions?: EventTypeVersion[];
  versions_truncated?: boolean;
}

export interface EventTypeVersion {
  version: number;
  mode: "enforce" | "warn" | null;
  schema: Json;
  created_at: string;
  created_by: string;
  reason: string | null;
}

export interface Application {
  name: string;
}

export interface Book {
  application: string;
  hour: string;
  confirmed: number;
  taken: number;
  stored: number;
  duplicate: number;
  rejected: number;
  expired: number;
}

export interface Pipeline {
  now: string;
  oldest_received_at: string | null;
  oldest_age_seconds: number;
  queues: { queue: string; ready_messages: number; subscriptions: number; measured_at: string }[];
  consumers: { id: string; host: string; started_at: string; deliveries_held: number; oldest_received_at: string | null; reported_at: string }[];
}

export interface Funnel {
  steps: { category: string; name: string; sessions: number }[];
  bounded: boolean;
  events_looked_at: number;
  looked_from: string | null;
}

export interface FunnelSessions {
  items: { session_id: string; reached: number; reached_at: string }[];
  truncated: boolean;
  bounded: boolean;
  events_looked_at: number;
  looked_from: string | null;
}
