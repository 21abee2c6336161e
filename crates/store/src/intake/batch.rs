//! One batch: from judged messages to the outcome of each event.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use event::{ApplicationId, Code, Event, Judgement, Severity, Violation};

use super::events::{self, Candidate, Manner, Verdict};
use super::known::Known;
use super::rejections::{self, Record};
use super::{Contents, Fragment, Message, Outcome, Taken, inbox, sessions};

/// Writes a batch; the caller holds the transaction.
pub(super) fn write(
    connection: &mut PgConnection,
    messages: &[Message<'_>],
    known: &Known,
    manner: Manner,
) -> QueryResult<Vec<Taken>> {
    let taken = inbox::take(connection, messages)?;
    let mut work = Work::default();
    for (message, _) in messages.iter().zip(&taken).filter(|(_, taken)| **taken) {
        work.add(message, known);
    }
    work.candidates.sort_by(Candidate::order);
    let verdicts = events::store(connection, &work.candidates, manner)?;
    work.settle(connection, verdicts, known)?;
    let mut outcomes = work.outcomes.into_iter();
    let of_message = |(message, taken): (&Message<'_>, bool)| match taken {
        true => Taken::Now(outcomes.by_ref().take(slots(message)).collect()),
        false => Taken::Before,
    };
    Ok(messages.iter().zip(taken).map(of_message).collect())
}

/// How many outcomes a message has.
fn slots(message: &Message<'_>) -> usize {
    match &message.contents {
        Contents::Events(judgements) => judgements.len(),
        Contents::ParseError(_) | Contents::Unreadable(_) => 1,
    }
}

/// What is to be written, and what became of it: a slot for each event, in the order of the batch.
#[derive(Default)]
struct Work<'b> {
    candidates: Vec<Candidate<'b>>,
    records: Vec<Record<'b>>,
    outcomes: Vec<Outcome>,
}

impl<'b> Work<'b> {
    fn add(&mut self, message: &'b Message<'b>, known: &Known) {
        match &message.contents {
            Contents::Events(judgements) => {
                judgements.iter().for_each(|judgement| self.judge(judgement, message.replay, known));
            }
            Contents::ParseError(fragment) => self.add_fragment(message, fragment, Code::ParseError, known),
            Contents::Unreadable(fragment) => {
                self.add_fragment(message, fragment, Code::UnreadableMessage, known);
            }
        }
    }

    /// The next slot. Its outcome is that of a copy until something was written for it.
    fn slot(&mut self) -> usize {
        self.outcomes.push(Outcome::Duplicate);
        self.outcomes.len() - 1
    }

    fn judge(&mut self, judgement: &'b Judgement<'b>, replay: bool, known: &Known) {
        let slot = self.slot();
        let record = match judgement {
            Judgement::Valid(event) => match admit(event, known) {
                Ok(event_type) => return self.candidates.push(Candidate { slot, replay, event_type, event }),
                Err(violation) => {
                    Record::of_event(slot, registered(event.application, known), event, vec![violation])
                }
            },
            Judgement::Rejected(rejection) => {
                Record::of_rejection(slot, registered(rejection.application, known), rejection)
            }
        };
        self.records.push(record.replayed(replay));
    }

    fn add_fragment(&mut self, message: &Message<'_>, fragment: &'b Fragment<'b>, code: Code, known: &Known) {
        let slot = self.slot();
        let application = message.application.and_then(|application| registered(application, known));
        let violation = Violation::of_event(code, &fragment.detail);
        self.records.push(Record::of_fragment(slot, application, fragment, violation));
    }

    /// Writes what follows from the verdicts: sessions, resolutions, rejections.
    fn settle(
        &mut self,
        connection: &mut PgConnection,
        verdicts: Vec<Verdict>,
        known: &Known,
    ) -> QueryResult<()> {
        let mut stored = Vec::new();
        let mut passed = Vec::new();
        let mut warnings = Vec::new();
        for (Candidate { slot, replay, event, .. }, verdict) in self.candidates.drain(..).zip(verdicts) {
            let application = registered(event.application, known);
            if matches!(verdict, Verdict::Stored | Verdict::Same) {
                passed.push(event);
            }
            let violation = match verdict {
                Verdict::Stored => {
                    self.outcomes[slot] = Outcome::Stored;
                    stored.push(event);
                    if !event.warnings.is_empty() {
                        warnings.push(Record::of_warnings(slot, application, event));
                    }
                    continue;
                }
                // Its warnings were recorded when it was stored.
                Verdict::Same => continue,
                Verdict::Conflict => conflict(event),
                Verdict::Refused { sqlstate, message } => refusal(&sqlstate, &message),
            };
            let record = Record::of_event(slot, application, event, vec![violation]);
            self.records.push(record.replayed(replay));
        }
        sessions::add(connection, stored.into_iter())?;
        rejections::resolve_copies(connection, &passed)?;
        for slot in rejections::insert(connection, std::mem::take(&mut self.records))? {
            self.outcomes[slot] = Outcome::Rejected;
        }
        rejections::insert_warnings(connection, warnings)?;
        Ok(())
    }
}

/// The number of an application that is registered: a rejection refers to no other.
fn registered(application: ApplicationId, known: &Known) -> Option<i32> {
    known.has_application(application).then_some(application.get())
}

/// The event's type, or why the event can't even be tried. Postgres would say the same of a text with NUL, but of the
/// whole batch; of an application that is not registered it says nothing, since events have no foreign keys.
fn admit(event: &Event<'_>, known: &Known) -> Result<i32, Violation> {
    if !known.has_application(event.application) {
        return Err(refusal("23503", &format!("application {} is not registered", event.application)));
    }
    if event.session_id.as_str().contains('\0') {
        return Err(refusal("22021", "session_id holds a NUL"));
    }
    let event_type = known.event_type(event.category.as_str(), event.name.as_str());
    event_type.ok_or_else(|| refusal("22021", "category or name holds a NUL"))
}

fn refusal(sqlstate: &str, message: &str) -> Violation {
    Violation::of_event(
        Code::StoreRefused,
        format!("the database refused the event: {message} (SQLSTATE {sqlstate})"),
    )
}

fn conflict(event: &Event<'_>) -> Violation {
    let message =
        "an event of the same application, session_id, timestamp and id is stored with other content";
    Violation {
        code: Code::IdConflict,
        severity: Severity::Error,
        field: Some("id".to_owned()),
        path: "/id".to_owned(),
        message: message.to_owned(),
        value: Some(format!("\"{}\"", event.id)),
    }
}
