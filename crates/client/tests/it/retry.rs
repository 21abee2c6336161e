//! Pauses between tries, without waiting for them.

use std::time::Duration;

use chrono::Utc;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

/// The file itself: nothing outside of the client needs it, and through the client only a stopwatch could see it.
#[path = "../../src/retry.rs"]
mod backoff;

use backoff::{Backoff, retry_after};

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn pauses_double_up_to_the_longest_and_are_spread_over_all_that_they_may_be() {
    let mut clients: Vec<_> = (0..500).map(|_| Backoff::new(FIRST, MAX, HOUR)).collect();
    for ceiling in [100, 200, 400, 800, 1_000, 1_000].map(Duration::from_millis) {
        let pauses: Vec<_> =
            clients.iter_mut().map(|client| client.next_pause(None).expect("time")).collect();
        assert!(pauses.iter().all(|pause| *pause <= ceiling), "{ceiling:?}");
        // In each tenth of it there is somebody.
        for tenth in 0..10 {
            let share = ceiling * tenth / 10..ceiling * (tenth + 1) / 10;
            assert!(pauses.iter().any(|pause| share.contains(pause)), "{share:?}");
        }
    }
}

#[test]
fn a_pause_is_never_shorter_than_asked_for_and_not_alike_for_all() {
    let asked = Duration::from_secs(7);
    let mut clients: Vec<_> = (0..100).map(|_| Backoff::new(FIRST, MAX, HOUR)).collect();
    let mut pauses: Vec<_> =
        clients.iter_mut().map(|client| client.next_pause(Some(asked)).expect("time")).collect();
    pauses.sort();
    pauses.dedup();
    assert!(pauses.len() > 90 && pauses[0] >= asked, "{pauses:?}");
}

#[test]
fn no_pause_goes_beyond_the_time_to_give_up() {
    let soon = Duration::from_millis(1);
    let mut backoff = Backoff::new(HOUR, HOUR, soon);
    assert!(backoff.next_pause(None).is_none_or(|pause| pause <= soon));
    assert_eq!(Backoff::new(FIRST, MAX, HOUR).next_pause(Some(HOUR * 2)), None, "no try would be in time");
    assert_eq!(Backoff::new(FIRST, MAX, Duration::ZERO).next_pause(None), None);
}

#[test]
fn retry_after_is_seconds_or_a_date_and_is_believed_within_reason() {
    let read = |text: &str| {
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).expect("a value"))]))
    };
    assert_eq!(retry_after(&HeaderMap::new()), None);
    assert_eq!(read("0"), Some(Duration::ZERO));
    assert_eq!(read(" 12 "), Some(Duration::from_secs(12)));
    assert_eq!(read("86400"), Some(Duration::from_secs(300)));
    assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
    let date = (Utc::now() + Duration::from_secs(200)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let told = read(&date).expect("a date");
    assert!((Duration::from_secs(100)..=Duration::from_secs(200)).contains(&told), "{told:?}");
    for nonsense in ["", "soon", "-1", "1.5", "99999999999999999999"] {
        assert_eq!(read(nonsense), None, "{nonsense}");
    }
}
