//! What each process needs: settings, telemetry, health, shutdown, keys.
//!
//! # Purpose
//! The parts that gateway, consumer, query service and `eye` have in common, so that they are set, watched, stopped
//! and asked for keys in the same way, and judge events by the same code. It does not know the queue; of the store it
//! knows keys and event types.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`settings`] | embedded defaults, then a file, then the environment; the only place that knows the crate `config` |
//! | [`telemetry`] | JSON logs to stderr, the recorder of metrics, the export of traces |
//! | [`trace`], [`traces`] | W3C Trace Context; the spans that OpenTelemetry is told of |
//! | [`health`] | `/live`, `/ready`, `/metrics` on a listener of their own, and the probe that asks them |
//! | [`patience`] | waiting for another part, said once and not again and again |
//! | [`shutdown`] | the signals that end a process |
//! | [`crash`] | crash points, in builds for tests only |
//! | [`asset`] | files in memory, as services serve them |
//! | [`body`] | bodies of requests: their type, their size, and how they are read |
//! | [`problem`] | RFC 9457: how a refused request is answered |
//! | [`request`] | request id, W3C trace context, one log line a request |
//! | [`keys`] | API keys: a snapshot in memory and in a file, look-ups, scopes |
//! | `judging` | the rules of events and of their types, as they are in force (feature `judging`) |
//!
//! # Features
//! `judging` brings the rules of event types, and with them a JSON Schema validator. Whoever only takes or shows events goes
//! without.
//!
//! # Error policy
//! A bad setting stops the start. Afterwards nothing here ends the process: a database that is away costs unknown keys
//! a 503 and nothing else, a log that nobody reads loses lines and counts them. What is not known to be in force is not
//! judged by: `judging` tells.
//!
//! # Settings
//! `[log]`, `[traces]`, `[keys]` and `[event]` of `settings/defaults.toml`.
//!
//! # Metrics
//! | name | labels | counts |
//! |---|---|---|
//! | `eye_http_requests_total` | `status` | answered requests |
//! | `eye_http_request_duration_seconds` | | from the head's last byte to the answer's first |
//! | `eye_keys_known` | | keys in memory at the last reading |
//! | `eye_key_refreshes_failed_total` | | readings of all keys that failed |
//! | `eye_key_lookups_failed_total` | | look-ups of one key that failed or took too long |
//! | `eye_event_types_registered` | | event types in memory at the last reading |
//! | `eye_event_types_unusable` | | of these, those whose schema this program can't use |
//! | `eye_event_types_age_seconds` | | how long ago the last reading of them began that succeeded; over 3 nothing is judged |
//! | `eye_event_types_refreshes_failed_total` | | readings of them that failed |
//! | `eye_traces_spans_total` | `outcome`: recorded, exported, failed | spans; those recorded and neither exported nor failed found the queue full |
//! | `eye_build_info` | `service`, `version` | always 1 |
//! | `eye_log_records_dropped_total` | | log lines that stderr did not take in time |

pub mod asset;
pub mod body;
pub mod crash;
pub mod health;
#[cfg(feature = "judging")]
pub mod judging;
pub mod keys;
pub mod patience;
pub mod problem;
pub mod request;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod trace;
pub mod traces;
