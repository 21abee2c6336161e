//! Finding what can be sent again, and marking what is on its way.

use event::{Code, Judgement, Violation};
use store::intake::{Contents, Fragment, Message};
use store::rejections::ErrorFilter;
use store::replays::{RejectedEvent, Survey, Wanted};

use crate::ground::{BLOG, Ground, Sample, message, sample};

fn rejected_for(sample: &Sample, code: Code) -> Judgement<'static> {
    Judgement::Rejected(sample.valid().reject(Violation::of_event(code, "for a test")))
}

fn everything(filter: &ErrorFilter) -> Wanted<'_> {
    Wanted { filter, after: 0, up_to: i64::MAX }
}

fn claimed(ground: &Ground, filter: &ErrorFilter) -> Vec<RejectedEvent> {
    ground.store.claim_replays(everything(filter)).expect("claim")
}

fn survey(ground: &Ground, filter: &ErrorFilter) -> Survey {
    ground.store.survey_replays(everything(filter)).expect("survey")
}

fn found(ground: &Ground, filter: &ErrorFilter) -> i64 {
    survey(ground, filter).sendable_count()
}

fn with_code(code: Code) -> ErrorFilter {
    ErrorFilter { codes: vec![code.as_str().to_owned()], ..ErrorFilter::default() }
}

#[test]
fn a_rejected_event_is_claimed_once_as_it_was_sent() {
    let ground = Ground::new();
    let event = sample();
    ground.write_events(vec![rejected_for(&event, Code::TooLarge)]);
    let all = ErrorFilter::default();
    assert_eq!(found(&ground, &all), 1);
    let claims = claimed(&ground, &all);
    let RejectedEvent { rejection, id, application, received_at, bytes } = claims[0].clone();
    assert_eq!((claims.len(), rejection), (1, ground.store.newest_rejection().expect("newest")));
    assert_eq!((id, application.get()), (event.id.into(), event.application));
    assert_eq!((received_at, bytes), (event.received_at, event.sent()));
    assert_eq!((claimed(&ground, &all), found(&ground, &all)), (vec![], 0));
    ground.store.release_replays(&[rejection]).expect("release");
    assert_eq!(claimed(&ground, &all).len(), 1);
}

#[test]
fn a_mark_that_is_too_old_does_not_count() {
    let ground = Ground::new();
    ground.write_events(vec![rejected_for(&sample(), Code::TooLarge)]);
    let all = ErrorFilter::default();
    assert_eq!(claimed(&ground, &all).len(), 1);
    for (age, count) in [("9 minutes 50 seconds", 0), ("10 minutes 10 seconds", 1)] {
        ground.execute(&format!("UPDATE rejected_events SET replay_requested_at = now() - interval '{age}'"));
        assert_eq!(found(&ground, &all), count, "{age}");
    }
}

#[test]
fn what_can_not_be_sent_again_is_passed_over() {
    let ground = Ground::new();
    let resolved = sample();
    ground.write_events(vec![rejected_for(&resolved, Code::UnknownEventType)]);
    ground.write_events(vec![resolved.judged()]);
    let fragment = |detail: &str| Fragment {
        id: uuid::Uuid::now_v7().into(),
        received_at: sample().received_at,
        detail: detail.to_owned(),
        bytes: b"{",
    };
    let broken = Message { contents: Contents::ParseError(fragment("no JSON")), ..message(Vec::new()) };
    let unreadable = Message { contents: Contents::Unreadable(fragment("no header")), ..message(Vec::new()) };
    ground.write(&[broken, unreadable]);
    ground.write_events(vec![rejected_for(&sample().application(99), Code::TooLarge)]);
    let mut warned = sample().valid();
    let severity = event::Severity::Warning;
    warned.warnings = vec![Violation { severity, ..Violation::of_event(Code::Blank, "a warning") }];
    ground.write_events(vec![Judgement::Valid(warned)]);
    assert_eq!(ground.count("rejected_events"), 5);
    assert_eq!(claimed(&ground, &ErrorFilter::default()), []);
    // The application is not registered, so that nothing can be sent for it.
    let passed_over = Survey { sendable: vec![], on_their_way: 0, resolved: 1, warnings: 1, no_events: 3 };
    assert_eq!(survey(&ground, &ErrorFilter::default()), passed_over);
}

#[test]
fn what_a_filter_asks_for_is_counted_by_application_and_by_what_keeps_it_back() {
    let ground = Ground::new();
    let rejected: Vec<_> = (0..3).map(|_| rejected_for(&sample(), Code::TooLarge)).collect();
    ground.write_events(rejected);
    ground.write_events(vec![rejected_for(&sample().application(BLOG), Code::TooLarge)]);
    let sendable = vec![("blog".to_owned(), 1), ("shop".to_owned(), 3)];
    let all = ErrorFilter::default();
    assert_eq!(survey(&ground, &all), Survey { sendable, ..Survey::default() });
    let of_blog = ErrorFilter { applications: vec!["blog".to_owned()], ..ErrorFilter::default() };
    assert_eq!(claimed(&ground, &of_blog).len(), 1);
    let sendable = vec![("shop".to_owned(), 3)];
    assert_eq!(survey(&ground, &all), Survey { sendable, on_their_way: 1, ..Survey::default() });
}

#[test]
fn an_event_that_the_filter_knows_by_a_warning_alone_is_not_sent_again() {
    let ground = Ground::new();
    let severity = event::Severity::Warning;
    let warning = Violation { severity, ..Violation::of_event(Code::Blank, "a warning") };
    let mut rejection = sample().valid().reject(Violation::of_event(Code::TooLarge, "for a test"));
    rejection.violations.push(warning);
    ground.write_events(vec![Judgement::Rejected(rejection)]);
    let blank = with_code(Code::Blank);
    assert_eq!((claimed(&ground, &blank).len(), survey(&ground, &blank).warnings), (0, 1));
    assert_eq!(claimed(&ground, &with_code(Code::TooLarge)).len(), 1);
}

#[test]
fn the_filter_is_that_of_errors() {
    let ground = Ground::new();
    let (of_shop, of_blog) = (sample(), sample().application(BLOG).session("s-2"));
    ground.write_events(vec![rejected_for(&of_shop, Code::TooLarge)]);
    ground.write_events(vec![rejected_for(&of_blog, Code::TooDeep)]);
    let texts = |text: &str| vec![text.to_owned()];
    let table = [
        (ErrorFilter::default(), 2),
        (with_code(Code::TooDeep), 1),
        (with_code(Code::Blank), 0),
        (ErrorFilter { applications: texts("blog"), ..ErrorFilter::default() }, 1),
        (ErrorFilter { applications: texts("nobody"), ..ErrorFilter::default() }, 0),
        (ErrorFilter { session_ids: texts("s-2"), ..ErrorFilter::default() }, 1),
        (ErrorFilter { event_ids: vec![of_shop.id], ..ErrorFilter::default() }, 1),
        (ErrorFilter { severities: texts("warning"), ..ErrorFilter::default() }, 0),
        (ErrorFilter { resolved: Some(true), ..ErrorFilter::default() }, 0),
        (ErrorFilter { applications: texts("shop"), ..with_code(Code::TooDeep) }, 0),
    ];
    for (filter, count) in &table {
        assert_eq!(found(&ground, filter), *count, "{filter:?}");
    }
}

#[test]
fn many_bytes_are_claimed_in_chunks_and_each_once() {
    let ground = Ground::new();
    // The second begins within 16 MiB, the third beyond.
    let large = |number: usize| Sample { bytes: Some(vec![b'x'; 9 * 1024 * 1024 + number]), ..sample() };
    for number in 0..3 {
        ground.write_events(vec![large(number).judged()]);
    }
    let all = ErrorFilter::default();
    let mut after = 0;
    let mut chunks = Vec::new();
    loop {
        let chunk = ground.store.claim_replays(Wanted { after, ..everything(&all) }).expect("claim");
        let Some(last) = chunk.last() else { break };
        after = last.rejection;
        chunks.push(chunk.len());
    }
    assert_eq!(chunks, [2, 1]);
}

#[test]
fn operators_at_the_same_time_share_the_work() {
    let ground = Ground::new();
    let events: Vec<_> = (0..200).map(|_| rejected_for(&sample(), Code::TooLarge)).collect();
    ground.write_events(events);
    let claims: Vec<RejectedEvent> = std::thread::scope(|scope| {
        let operators: Vec<_> =
            (0..4).map(|_| scope.spawn(|| claimed(&ground, &ErrorFilter::default()))).collect();
        operators.into_iter().flat_map(|operator| operator.join().expect("no panic")).collect()
    });
    let mut rejections: Vec<i64> = claims.iter().map(|claim| claim.rejection).collect();
    rejections.sort_unstable();
    let claimed_at_all = rejections.len();
    rejections.dedup();
    assert_eq!(rejections.len(), claimed_at_all, "one was claimed twice");
    let rest = claimed(&ground, &ErrorFilter::default()).len();
    assert_eq!(claimed_at_all + rest, 200);
}

#[test]
fn what_became_of_replays_is_told() {
    let ground = Ground::new();
    let (passing, failing, waiting) = (sample(), sample(), sample());
    for event in [&passing, &failing, &waiting] {
        ground.write_events(vec![rejected_for(event, Code::UnknownEventType)]);
    }
    let claims: Vec<i64> =
        claimed(&ground, &ErrorFilter::default()).iter().map(|claim| claim.rejection).collect();
    assert_eq!(ground.store.judged_replays(&claims).expect("look"), []);
    ground.write_events(vec![passing.judged()]);
    let again = Message { replay: true, ..message(vec![rejected_for(&failing, Code::TooLarge)]) };
    ground.write(&[again]);
    let mut judged = ground.store.judged_replays(&claims).expect("look");
    judged.sort_unstable();
    assert_eq!(judged, [(claims[0], true), (claims[1], false)]);
}
