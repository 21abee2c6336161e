//! The clock that dates events.

use std::sync::Arc;

use gateway::receipt_clock::ReceiptClock;

#[test]
fn it_follows_the_systems_clock_while_that_advances() {
    let clock = ReceiptClock::default();
    assert_eq!(clock.receive_at(1_000, 1).of(0).as_micros(), 1_000);
    assert_eq!(clock.receive_at(2_000, 1).of(0).as_micros(), 2_000);
}

#[test]
fn it_gives_each_event_of_a_request_a_microsecond_of_its_own() {
    let clock = ReceiptClock::default();
    let receipts = clock.receive_at(1_000, 3);
    assert_eq!([0, 1, 2].map(|index| receipts.of(index).as_micros()), [1_000, 1_001, 1_002]);
    assert_eq!(clock.receive_at(1_001, 1).of(0).as_micros(), 1_003);
}

#[test]
fn it_never_goes_back_when_the_systems_clock_does() {
    let clock = ReceiptClock::default();
    let before = clock.receive_at(1_000_000, 10).of(9);
    assert!(clock.receive_at(5, 1).of(0) > before);
    assert!(clock.receive_at(0, 1).of(0) > before);
}

#[test]
fn threads_never_get_the_same_microsecond() {
    let clock = Arc::new(ReceiptClock::default());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let clock = Arc::clone(&clock);
            std::thread::spawn(move || (0..10_000).map(|_| clock.receive(2)).collect::<Vec<_>>())
        })
        .collect();
    let mut times: Vec<i64> = Vec::new();
    for thread in threads {
        let receipts = thread.join().unwrap();
        let own: Vec<i64> = receipts
            .iter()
            .flat_map(|receipt| [receipt.of(0).as_micros(), receipt.of(1).as_micros()])
            .collect();
        assert!(own.windows(2).all(|pair| pair[0] < pair[1]));
        times.extend(own);
    }
    times.sort_unstable();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
}
