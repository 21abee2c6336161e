//! What is done now and then.

use std::time::Duration;

use store::housekeeping;
use store::intake::Taken;

use crate::ground::{Ground, judged, message, sample};

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn messages_are_forgotten_when_they_are_old() {
    let ground = Ground::new();
    let (old, young) = (message(judged(&[sample()])), message(judged(&[sample()])));
    ground.write(&[old.clone(), young.clone()]);
    ground.execute(&format!(
        "UPDATE taken_messages SET taken_at = now() - interval '2 hours' WHERE message_id = '{}'",
        old.id
    ));
    assert_eq!(housekeeping::prune_taken_messages(&ground.store, 3 * HOUR), Ok(0));
    assert_eq!(housekeeping::prune_taken_messages(&ground.store, HOUR), Ok(1));
    assert_eq!(ground.write(&[young]), [Taken::Before]);
    assert_eq!(housekeeping::prune_taken_messages(&ground.store, Duration::MAX), Ok(0));
}

#[test]
fn copies_that_were_written_at_the_same_moment_are_resolved_afterwards() {
    let ground = Ground::new();
    let early = sample().with("timestamp", "2026-11-01T00:00:06Z");
    ground.write_events(judged(&[early.clone(), early.later(2_000_000)]));
    // As if the two had been written by two consumers, neither of which saw the other's.
    ground.execute("UPDATE rejected_events SET resolved_at = NULL");
    assert_eq!(housekeeping::resolve_stragglers(&ground.store, HOUR), Ok(1));
    assert_eq!(ground.count("rejected_events WHERE resolved_at IS NULL"), 0);
    assert_eq!(housekeeping::resolve_stragglers(&ground.store, HOUR), Ok(0));
}

#[test]
fn old_and_other_rejections_are_left_as_they_are() {
    let ground = Ground::new();
    let early = sample().with("timestamp", "2026-11-01T00:00:06Z");
    ground.write_events(judged(&[early.clone(), early.later(2_000_000), sample().with("name", "")]));
    ground.execute("UPDATE rejected_events SET resolved_at = NULL, created_at = now() - interval '2 hours'");
    assert_eq!(housekeeping::resolve_stragglers(&ground.store, HOUR), Ok(0));
    assert_eq!(
        housekeeping::resolve_stragglers(&ground.store, Duration::MAX),
        Ok(1),
        "the other has no copy"
    );
}
