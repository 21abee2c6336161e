//! The only crate that knows AMQP: publishing with confirms, deliveries that must be settled, and the envelope.
//!
//! # Purpose
//! A gateway hands a [`Message`] to its [`Publisher`], and is told `Ok` only when a queue has it on disk. Consumers take
//! [`Delivery`]s from a [`Subscription`] and settle each when it is stored. What a message holds is an [`envelope`].
//!
//! ```text
//!  Publisher (cloned at will)            exchange and queue NAME                     Subscription
//!  place in flight, deadline  ─mandatory─▶ quorum, reject-publish, ──deliveries──▶  next() → Delivery
//!      │    ▲ Ok, or why not  ◀──confirm── at-least-once dead letters ◀──────────── ack | requeue | dead_letter
//!      ▼    │                                     │ given up, delivered too often
//!  supervisor: one task, one connection           ▼
//!  one channel; reconnects for ever        exchange and queue NAME.dead ──────────▶ Subscription (Queue::Dead)
//! ```
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`envelope`] | the versioned body of a queue message: builder and reader |
//! | `message` | what stands beside the body: properties and headers |
//! | `publisher` | what callers hold; `supervisor` keeps a link, `session` lives as long as one, `flight` awaits confirms |
//! | `subscription`, `delivery` | taking and settling |
//! | `inspector` | how many messages wait |
//! | `topology` | exchanges, queues and bindings |
//! | `role` | what each service may do with them |
//! | `link`, `address`, `authorities` | one connection, where to, and whom it trusts |
//! | `management` | where the broker tells what AMQP does not |
//! | `settings`, `error` | section `broker`; our own failures |
//!
//! # Error policy
//! [`Error`] is classed in one function by what helps: a new link, or a person. [`PublishError`] says why it is not
//! certain that a message arrived; every kind of it may be answered by publishing again, since events have identities.
//! A link is never mended: whatever is wrong with it or its channel, all that waits on it is answered, it is given up,
//! and a new one declares the topology again, or finds it there where its user may make nothing. Each change of it is
//! logged once. lapin logs on its own account, messages that were returned with their content among it: processes must
//! keep its target `lapin` off.
//!
//! # Settings
//! Section `broker`: see [`Settings`]. Limits that an operator may change while queues hold messages are policies of the
//! broker: [`policies_json`].
//!
//! # Metrics
//! | name | labels | tells |
//! |---|---|---|
//! | `eye_broker_link` | `state`: up, blocked, away | 1 for the state of the publisher's link, 0 for the others |
//! | `eye_broker_links_lost_total` | | links of the publisher that were lost |
//! | `eye_broker_confirm_duration_seconds` | | from the last byte handed to the connection to the broker's confirm |
//! | `eye_broker_publishes_total` | `outcome`: confirmed, refused, returned, lost | messages by how publishing them ended on the wire |
//!
//! # What it must not know
//! HTTP, SQL, JSON of events, and what makes an event valid.

mod address;
mod authorities;
mod delivery;
pub mod envelope;
mod error;
mod inspector;
mod link;
mod management;
mod message;
mod publisher;
mod role;
mod settings;
mod subscription;
mod topology;

pub use delivery::Delivery;
pub use error::Error;
pub use inspector::{Inspector, QueueState, depth};
pub use management::ManagementUrls;
pub use message::{Headers, Kind, Message};
pub use publisher::{LinkState, PublishError, Publisher};
pub use role::{Permissions, Role};
pub use settings::Settings;
pub use subscription::Subscription;
pub use topology::{Queue, declare};

/// The policies that the queues want on their broker, as RabbitMQ's definitions hold them: `{"policies": […]}`.
///
/// They are for queues whose names begin with `eye.`. A message of the queue of events becomes a dead letter after 20
/// deliveries, and the queue refuses more than 10 GiB; dead letters have no limit. RabbitMQ 3.10 to 4 accept them.
pub const fn policies_json() -> &'static str {
    include_str!("policies.json")
}
