//! Events from outside: bytes in, judgement out.

mod bodies;
mod fuzz;
mod keywords;
mod oracles;
mod peers;
mod properties;
mod refusals;
mod rules;
mod schemas;
mod strict;
mod times;

use event::{ApplicationId, Code, EventId, Judgement, ReceivedAt, Rules, Submitted, judge};

/// 2026-01-01T00:00:00Z: the "now" of these tests.
pub(crate) const NOW: i64 = 1_767_225_600_000_000;

/// Judges an event with the rules of the contract, as received [`NOW`].
pub(crate) fn judged(bytes: &[u8]) -> Judgement<'_> {
    judge(&submitted(bytes), &Rules::default())
}

/// Bytes as they were accepted [`NOW`].
pub(crate) fn submitted(bytes: &[u8]) -> Submitted<'_> {
    let (application, received_at) = (ApplicationId::from(1), ReceivedAt::from_micros(NOW));
    Submitted { application, id: EventId::fresh(), received_at, bytes }
}

/// Path and code of each violation, in the order of the judgement.
pub(crate) fn violations(bytes: &[u8]) -> Vec<(String, Code)> {
    match judged(bytes) {
        Judgement::Valid(_) => Vec::new(),
        Judgement::Rejected(rejection) => {
            rejection.violations.into_iter().map(|v| (v.path, v.code)).collect()
        }
    }
}

/// A valid event with some of its fields written otherwise, or left out (`None`).
pub(crate) fn event_with(changes: &[(&str, Option<&str>)]) -> String {
    let mut fields = vec![
        ("session_id", r#""e2085be5-9137-4e4e-80b5-f1ffddc25423""#),
        ("category", r#""page interaction""#),
        ("name", r#""pageview""#),
        ("data", r#"{"host": "www.consumeraffairs.com", "path": "/"}"#),
        ("timestamp", r#""2021-01-01 09:15:27.243860""#),
    ];
    for (field, value) in changes {
        fields.retain(|(known, _)| known != field);
        fields.extend(value.map(|value| (*field, value)));
    }
    let members: Vec<_> = fields.iter().map(|(field, value)| format!("\"{field}\": {value}")).collect();
    format!("{{{}}}", members.join(", "))
}
