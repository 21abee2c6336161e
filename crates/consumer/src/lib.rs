//! Deliveries in, rows out, settle last.
//!
//! # Purpose
//! Takes messages from the broker, judges each event that they carry, writes a batch in one transaction, and acknowledges
//! after the commit. Any number of consumers share a queue. An event's outcome is final and it has exactly one: the
//! transaction records the messages that it takes, and a message that is delivered again changes nothing. A batch is judged
//! by the event types as they are when its judging begins, known to be in force within the last 3 s.
//!
//! ```text
//!  queue ──▶ receive ──Batch──▶ channel of one ──▶ worker × writers ──▶ desk: read, judge, write ──▶ store
//!    ▲       gather until full,      back-pressure:     patience: try again      one transaction
//!    │       20 ms old, or stop      nobody free,       until the store can         │
//!    │                               nothing read       │ fails for good            ▼
//!    ├────────────── settlement: ack, each by itself ◀──┼──────────────────── committed
//!    ▼                                                  ▼ message by message
//!  dead letters ◀──────────────────────────────── dead-lettered
//!    └──▶ dead_letters, one at a time ──▶ desk: judge each event guarded, fail what fails again ──▶ store
//!
//!  store_watch: does the database serve? ──▶ receive parks, readiness, one log line an outage
//!  service::judging: which event types are in force? ──▶ desk judges by them, or waits
//! ```
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | `application` | the parts, put together; start and stop |
//! | `receive`, `batch`, `link` | one subscription at a time; what is gathered until when |
//! | `newer` | messages of a version to come, held for a newer consumer |
//! | `worker`, `patience` | a batch until it is written; isolation of what fails |
//! | `desk`, `reading`, `judge` | the part that blocks: envelope, judgement, write |
//! | `settlement` | acknowledging, after the commit |
//! | `dead_letters`, `isolation` | judging and writing event by event |
//! | `ability`, `store_watch`, `outage`, `backoff` | waiting for the database and the event types |
//! | `housekeeping` | partitions ahead, forgetting of taken messages, retention |
//! | `report`, `spans`, `names` | metrics, log lines and traces of a batch |
//! | `unsettled`, `pulse` | what is held unsettled; each second, how far the consumers are |
//! | `settings`, `stop` | section `consumer`; the wish to end |
//!
//! # Error policy
//! | what fails | what is done |
//! |---|---|
//! | the broker is away, the link is lost | reconnect for ever; what was not settled is delivered again and changes nothing |
//! | the database is away, busy, or lacks migrations | the same batch again, for ever; nothing becomes an error |
//! | the event types were last read more than 3 s ago | nothing is judged until they are read; nothing becomes an error |
//! | the database gives no sign of life for `park_after_ms`, or no event types for so long | the deliveries are given back once, and none taken until it does |
//! | a schema of an event type that this consumer can't use | events of that type are `processing_failed`, or stored with such a warning; `service::judging` tells |
//! | a row that the database refuses | the store isolates it: `store_refused` |
//! | a message that can't be read | one record, `unreadable_message`, with its bytes |
//! | a message of the version that comes next | held until this consumer is replaced by a newer one |
//! | a panic, a failure of the store that stays | message by message; what fails by itself becomes a dead letter |
//! | a message that was given back or lost with its consumer five times | becomes a dead letter |
//! | a dead letter | judged event by event; what panics again is `processing_failed`, its neighbours live |
//! | a dead letter that ends the process, three times | its events are recorded as `processing_failed` without being judged |
//! | an acknowledgement | counted; the delivery comes again and changes nothing |
//! | anything when the consumer stops | left unsettled: it is delivered again |
//!
//! An outage is logged twice, when it begins and when it ends; one in which event types grow too old, by them too. ERROR
//! means that a person must look: a message failed. No log line holds what was sent.
//!
//! # Settings
//! Section `consumer`; section `event` has what events are judged by, and belongs to `service`.
//!
//! # Metrics
//! | name | labels | tells |
//! |---|---|---|
//! | `eye_consumer_events_total` | `application`, `outcome`: stored, duplicate, rejected | events by what became of them |
//! | `eye_consumer_events_warned_total` | `application` | of the stored ones, those that their type's schema warns of |
//! | `eye_consumer_batches_total` | `trigger`: size, interval, shutdown | batches by why they were written then |
//! | `eye_consumer_batch_events` | | events of a batch |
//! | `eye_consumer_judge_duration_seconds`, `eye_consumer_commit_duration_seconds` | | of a batch |
//! | `eye_consumer_deliveries_held` | | deliveries that are gathered or being written |
//! | `eye_consumer_delay_seconds` | | from receipt to commit, of the oldest event of each batch |
//! | `eye_consumer_oldest_event_age_seconds` | | age of the oldest event that this consumer holds; 0 while it holds none |
//! | `eye_consumer_reports_failed_total` | | seconds for which the store was not told how far this consumer is |
//! | `eye_queue_ready_messages`, `eye_queue_subscriptions` | `queue` | messages that wait, and consumers that take them, as every consumer sees it |
//! | `eye_queue_looks_failed_total` | `queue` | looks at a queue that failed |
//! | `eye_consumer_retries_total` | | writes that will be tried again |
//! | `eye_consumer_store_away` | | 1 while the database is waited for |
//! | `eye_consumer_messages_taken_before_total` | | deliveries that changed nothing |
//! | `eye_consumer_messages_unreadable_total` | | messages that no version reads |
//! | `eye_consumer_messages_newer_held` | | messages that wait for a newer consumer |
//! | `eye_consumer_batches_isolated_total` | | batches that were tried message by message |
//! | `eye_consumer_dead_letters_total` | `reason`: failed, delivered_too_often | messages given up to the dead letters |
//! | `eye_consumer_dead_letters_kept_total` | | dead letters that could not be stored and stay in their queue, each time |
//! | `eye_consumer_dead_letters_drained_total` | | dead letters that found their end |
//! | `eye_expired_events_total`, `eye_expired_rejections_total` | | what went because it was older than `store.retention_days` |
//! | `eye_consumer_settlements_failed_total` | | deliveries that come again though they are stored |
//!
//! # What it must not know
//! HTTP, SQL and AMQP: the crates `service`, `store` and `broker` do.

mod ability;
mod application;
mod backoff;
mod batch;
mod dead_letters;
mod desk;
mod housekeeping;
mod isolation;
mod judge;
mod link;
mod names;
mod newer;
mod outage;
mod panics;
mod patience;
mod pulse;
mod reading;
mod receive;
mod report;
mod settings;
mod settlement;
mod spans;
mod stop;
mod store_watch;
mod unsettled;
mod worker;

pub use application::Application;
pub use judge::Judge;
pub use panics::log_panics;
