//! Messages of the version of the envelope that comes after the newest one of this program.
//!
//! Consumers are to be brought to a new version before gateways are. Where that went wrong, such a message must neither be
//! recorded as unreadable (it is not) nor be given back again and again (the broker would give it up). So it is held,
//! unsettled, until this consumer is replaced: its link closes, and the broker delivers the message to another. Others
//! pass it meanwhile; when only such messages come, the broker stops delivering to this consumer.

use broker::Delivery;
use broker::envelope::Version;
use metrics::gauge;
use service::health::Flag;

use crate::unsettled::Unsettled;

/// What is held by one link.
pub(crate) struct Held {
    deliveries: Vec<Delivery>,
    flag: Flag,
    unsettled: Unsettled,
}

/// The gauge of messages that are held.
const HELD: &str = "eye_consumer_messages_newer_held";

/// Shows the gauge before anything is held, for alerts.
pub(crate) fn show_gauge() {
    gauge!(HELD).set(0.0);
}

/// True where the message is for a newer consumer.
pub(crate) fn is_newer(delivery: &Delivery) -> bool {
    delivery.headers().version.is_some_and(Version::is_next)
}

impl Held {
    /// Nothing yet.
    pub(crate) fn new(flag: &Flag, unsettled: Unsettled) -> Self {
        flag.pass();
        Self { deliveries: Vec::new(), flag: flag.clone(), unsettled }
    }

    /// Holds a message for as long as its link is there.
    pub(crate) fn hold(&mut self, delivery: Delivery) {
        let message_id = delivery.headers().message_id.map(|id| id.to_string());
        if self.deliveries.is_empty() {
            tracing::error!(
                message_id,
                envelope_version = delivery.headers().version,
                newest = Version::NEWEST.number(),
                "a message of a newer version is held for a newer consumer: bring consumers to that version first"
            );
            self.flag.fail("holds messages of a newer version: bring this consumer to it");
        } else {
            tracing::debug!(message_id, "another message of a newer version is held");
        }
        self.unsettled.take(&delivery);
        self.deliveries.push(delivery);
        gauge!(HELD).increment(1);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unsettled.release(&self.deliveries);
        gauge!(HELD).decrement(self.deliveries.len() as f64);
    }
}
