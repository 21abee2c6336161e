//! What is said of waiting.

use std::time::{Duration, Instant};

use service::patience::{REMINDER_INTERVAL, Waiting};

#[test]
fn waiting_is_said_once_again_every_few_minutes_and_when_a_person_is_needed() {
    let mut waiting = Waiting::new("the database", "127.0.0.1:5432/eye".to_owned());
    let start = Instant::now();
    let second = Duration::from_secs(1);
    assert!(waiting.missing(start, &"refused", false));
    for count in 1..300 {
        assert!(!waiting.missing(start + second * count, &"another reason each time", false));
    }
    assert!(waiting.missing(start + REMINDER_INTERVAL, &"refused", false));
    assert!(waiting.missing(start + REMINDER_INTERVAL + second, &"a wrong password", true));
    assert!(!waiting.missing(start + REMINDER_INTERVAL + second * 2, &"a wrong password", true));
    waiting.there(start + REMINDER_INTERVAL * 2);
    assert!(waiting.missing(start + REMINDER_INTERVAL * 2, &"away again", false));
}
