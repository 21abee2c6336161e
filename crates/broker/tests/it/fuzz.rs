//! Fuzz target of what every consumer reads first. As a test it runs its corpus and some random inputs; `make fuzz` gives
//! it an engine that looks for inputs which reach code that none before reached.

use bolero::check;
use broker::envelope::{Contents, Envelope};

/// How many random inputs it gets when it is run as a test.
const ITERATIONS: usize = 2_000;

#[test]
fn envelope() {
    check!().with_iterations(ITERATIONS).for_each(|body: &[u8]| {
        let envelope = Envelope::read(body);
        assert_eq!(envelope, Envelope::read(body));
        match envelope {
            Ok(envelope) => check_read(body, &envelope),
            // It may quote what it could not read, but not all of it.
            Err(unreadable) => assert!(unreadable.to_string().chars().count() <= 300, "{unreadable}"),
        }
    });
}

/// What was read is every byte that follows the header, once and in order, each event with a request that is there.
fn check_read(body: &[u8], envelope: &Envelope<'_>) {
    let header = body.iter().position(|&byte| byte == b'\n').expect("a header ends in a line feed");
    let carried = match envelope.contents() {
        Contents::Events(events) => events.as_slice(),
        Contents::ParseError { carried, .. } => std::slice::from_ref(carried),
        Contents::Confirmed(_) => &[],
    };
    let bytes: Vec<_> = carried.iter().map(|event| event.bytes).collect();
    assert_eq!(bytes.concat(), body[header + 1..]);
    assert!(carried.iter().all(|event| event.request < envelope.requests().len()), "{envelope:?}");
}
