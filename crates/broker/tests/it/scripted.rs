//! What no real broker does on demand: confirms and returns in every order, half frames, no confirm at all. A message is
//! `Ok` only if it was confirmed and not returned.

use std::time::Duration;

use broker::{PublishError, Publisher};
use futures_util::future::join_all;
use stack::faults::{Peer, Step};
use tokio::time::Instant;

use crate::node::{message, publish, publish_at_last, settings, soon};

type Answer = Result<(), PublishError>;

/// A case: why, what the broker says once so many messages are there, and what their callers are told in turn.
type Case = (&'static str, Vec<Step>, Vec<Answer>);

const OK: Answer = Ok(());
const AWAY: Answer = Err(PublishError::Away);
const LATE: Answer = Err(PublishError::TimedOut);
const REFUSED: Answer = Err(PublishError::Refused);
const UNROUTABLE: Answer = Err(PublishError::Unroutable);

/// How long a caller waits where no answer is to come.
const DEADLINE: Duration = Duration::from_secs(2);

const fn ack(tag: u64) -> Step {
    Step::Ack { tag, multiple: false }
}

const fn ack_to(tag: u64) -> Step {
    Step::Ack { tag, multiple: true }
}

const fn nack(tag: u64) -> Step {
    Step::Nack { tag, multiple: false }
}

fn cases() -> Vec<Case> {
    use Step::{Await, CloseChannel, HalfAck, HangUp, Hush, Return};
    vec![
        ("confirmed together", vec![Await(3), ack_to(3)], vec![OK; 3]),
        ("confirmed the other way round", vec![Await(3), ack(3), ack(2), ack(1)], vec![OK; 3]),
        ("one is refused", vec![Await(3), ack(3), nack(1), ack(2)], vec![REFUSED, OK, OK]),
        ("all are refused together", vec![Await(3), Step::Nack { tag: 3, multiple: true }], vec![REFUSED; 3]),
        (
            "the first is returned, all are confirmed",
            vec![Await(3), Return(1), ack_to(3)],
            vec![UNROUTABLE; 3],
        ),
        (
            "the second is returned, all are confirmed",
            vec![Await(3), Return(2), ack_to(3)],
            vec![UNROUTABLE; 3],
        ),
        (
            "the last is returned, all are confirmed",
            vec![Await(3), Return(3), ack_to(3)],
            vec![UNROUTABLE; 3],
        ),
        (
            "returned, and another one confirmed first",
            vec![Await(2), Return(1), ack(2), ack(1)],
            vec![UNROUTABLE; 2],
        ),
        ("returned and refused", vec![Await(2), Return(2), nack(2), ack(1)], vec![UNROUTABLE; 2]),
        ("two are returned", vec![Await(3), Return(1), ack(1), Return(3), ack_to(3)], vec![UNROUTABLE; 3]),
        ("half a confirm, then the end", vec![Await(2), ack(1), HalfAck(2), HangUp], vec![OK, AWAY]),
        ("half a confirm, and nothing more", vec![Await(2), ack(1), HalfAck(2), Hush], vec![OK, LATE]),
        ("one confirm never comes", vec![Await(3), ack(1), ack(3)], vec![OK, LATE, OK]),
        ("no confirm ever comes", vec![Await(2)], vec![LATE; 2]),
        ("the channel is closed", vec![Await(3), ack(1), CloseChannel], vec![OK, AWAY, AWAY]),
        ("the connection ends at once", vec![Await(3), HangUp], vec![AWAY; 3]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_was_confirmed_and_not_returned_is_ok() {
    for (why, steps, expected) in cases() {
        let ends = steps.iter().any(|step| matches!(step, Step::HangUp | Step::CloseChannel));
        let peer = Peer::start(vec![steps]).unwrap();
        let publisher = Publisher::start(&settings(&peer.url()));
        let mut state = publisher.watch();
        soon("a link", state.wait_for(|state| *state == broker::LinkState::Up)).await.unwrap();
        let deadline = Instant::now() + DEADLINE;
        // Handed over in their order, by one task.
        let answers = join_all(expected.iter().map(|_| publisher.publish(message(), deadline))).await;
        assert_eq!(answers.len(), expected.len(), "{why}");
        for (answer, expected) in answers.iter().zip(&expected) {
            // The end may be noticed before the confirm that came just before it: that promises nothing, and is no lie.
            let overtaken = ends && *expected == OK && *answer == AWAY;
            assert!(answer == expected || overtaken, "{why}: {answers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirm_for_a_message_that_was_never_published_makes_no_other_one_ok() {
    for tag in [2, 99, u64::MAX] {
        for step in [ack(tag), nack(tag)] {
            let peer = Peer::start(vec![vec![Step::Await(1), step]]).unwrap();
            let publisher = Publisher::start(&settings(&peer.url()));
            let mut state = publisher.watch();
            soon("a link", state.wait_for(|state| *state == broker::LinkState::Up)).await.unwrap();
            let answer = publisher.publish(message(), Instant::now() + DEADLINE).await;
            assert!(answer.is_err(), "{step:?}: {answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_behaves_badly_again_and_again_is_left_and_found_again() {
    let badly = [
        vec![Step::Await(1), Step::Return(1), ack(1)],
        vec![Step::Await(1), Step::HalfAck(1), Step::HangUp],
        vec![Step::Await(1), Step::CloseChannel],
        vec![Step::Await(1), Step::HangUp],
    ];
    let count = badly.len();
    let peer = Peer::start(badly.to_vec()).unwrap();
    let publisher = Publisher::start(&settings(&peer.url()));
    publish_at_last(&publisher).await;
    assert_eq!(peer.connections(), count + 1);
    assert_eq!(publish(&publisher, message()).await, Ok(()));
}
