//! What no broker can be made to do on demand: confirms that come in an unlucky order.

use lapin::message::{BasicReturnMessage, Delivery};

use super::*;
use tokio::time::advance;

type Answer = oneshot::Receiver<Result<(), PublishError>>;

fn returned() -> BasicReturnMessage {
    let delivery = Delivery::mock(0, "eye.events".into(), "eye.events".into(), false, b"{}".to_vec());
    BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() }
}

/// A flight with as many callers as given, and what they will be answered.
fn flight(callers: Ticket) -> (Flight, Vec<Answer>) {
    let mut flight = Flight::new();
    let answers = (1..=callers).map(|ticket| {
        let (caller, answer) = oneshot::channel();
        flight.callers.insert(ticket, caller);
        answer
    });
    let answers = answers.collect();
    (flight, answers)
}

fn confirmed(ticket: Ticket, confirmation: Confirmation) -> Confirmed {
    Confirmed { ticket, result: Ok(confirmation) }
}

fn answers(answers: Vec<Answer>) -> Vec<Option<Result<(), PublishError>>> {
    answers.into_iter().map(|mut answer| answer.try_recv().ok()).collect()
}

#[test]
fn without_a_return_each_caller_gets_its_own_verdict() {
    let (mut flight, callers) = flight(3);
    let round = vec![confirmed(2, Confirmation::Nack(None)), confirmed(1, Confirmation::Ack(None))];
    assert!(flight.settle(round).is_ok());
    assert_eq!(answers(callers), [Some(Ok(())), Some(Err(PublishError::Refused)), None]);
    assert!(flight.is_awaited());
}

#[test]
fn no_success_counts_beside_a_return_whichever_confirm_brought_it() {
    for carrier in [Confirmation::Ack as fn(_) -> _, Confirmation::Nack] {
        for order in [[1, 2], [2, 1]] {
            let (mut flight, callers) = flight(3);
            let mut round =
                vec![confirmed(1, Confirmation::Ack(None)), confirmed(2, carrier(Some(returned())))];
            round.sort_by_key(|confirmed| order.iter().position(|ticket| *ticket == confirmed.ticket));
            assert!(flight.settle(round).is_err_and(|Lost(reason)| reason.contains("NO_ROUTE")));
            assert_eq!(answers(callers), [Some(Err(PublishError::Unroutable)); 3]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_only_refuses_is_given_up() {
    let (mut flight, _callers) = flight(5);
    let mut settled = |ticket, confirmation| flight.settle(vec![confirmed(ticket, confirmation)]);
    let refused = || Confirmation::Nack(None);
    assert!(settled(1, refused()).is_ok());
    advance(REFUSAL_PATIENCE).await;
    assert!(settled(2, refused()).is_ok());
    assert!(settled(3, Confirmation::Ack(None)).is_ok());
    advance(REFUSAL_PATIENCE * 2).await;
    assert!(settled(4, refused()).is_ok(), "the confirm before was forgotten");
    advance(REFUSAL_PATIENCE * 2).await;
    assert!(settled(5, refused()).is_err_and(|Lost(reason)| reason.contains("refuses everything")));
}

#[test]
fn a_channel_that_does_not_confirm_is_given_up() {
    let (mut flight, callers) = flight(2);
    assert!(flight.settle(vec![confirmed(1, Confirmation::NotRequested)]).is_err());
    assert_eq!(answers(callers), [Some(Err(PublishError::Away)); 2]);
}

#[tokio::test]
async fn a_round_takes_all_that_is_ready_though_the_set_yields() {
    let (mut flight, _callers) = flight(0);
    for ticket in 1..=100 {
        flight.confirms.push(Box::pin(async move {
            // Woken while it is polled: after two of these the set gives up for this time.
            let mut wakes = ticket % 3;
            std::future::poll_fn(|context| {
                if wakes == 0 {
                    return Poll::Ready(());
                }
                wakes -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            confirmed(ticket, Confirmation::Ack(None))
        }));
    }
    flight.confirms.push(Box::pin(std::future::pending()));
    assert_eq!(flight.round().await.len(), 100);
}
