//! One batch: from judged messages to the outcome of each event.

use std::collections::HashSet;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use event::{ApplicationId, Code, Event, Judgement, ReceivedAt, Severity, Violation};

use super::entries::{Account, Entries};
use super::events::{self, Candidate, Manner, Verdict};
use super::known::Known;
use super::rejections::{self, EventKey, Record, Written};
use super::{Contents, Fragment, Message, Outcome, Taken, inbox, resolutions, sessions, time};

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
    let outcomes = work.settle(connection, verdicts, known)?;
    let mut outcomes = outcomes.into_iter();
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
        Contents::Confirmed(_) => 0,
    }
}

/// An event of the batch, or what counts as one, and how it is booked.
struct Slot {
    account: Account,
    /// How many events it stands for.
    events: i32,
    /// Whether it was taken before, and rejected.
    replay: bool,
    outcome: Outcome,
}

/// What is to be written, and what became of it: a slot for each event, in the order of the batch.
#[derive(Default)]
struct Work<'b> {
    candidates: Vec<Candidate<'b>>,
    records: Vec<Record<'b>>,
    slots: Vec<Slot>,
    entries: Entries,
}

impl<'b> Work<'b> {
    fn add(&mut self, message: &'b Message<'b>, known: &Known) {
        match &message.contents {
            Contents::Events(judgements) => {
                judgements.iter().for_each(|judgement| self.judge(judgement, message, known));
            }
            // Outside of the books.
            Contents::ParseError(fragment) => {
                self.add_fragment(message, fragment, Code::ParseError, 0, known);
            }
            Contents::Unreadable(fragment) => {
                // More than the table can hold is more than a message can: one that lies is booked with the most.
                let events = i32::try_from(message.event_count).unwrap_or(i32::MAX);
                self.add_fragment(message, fragment, Code::UnreadableMessage, events, known);
            }
            Contents::Confirmed(confirmed) => {
                for told in confirmed {
                    let account = account(
                        message,
                        told.application,
                        ReceivedAt::from_micros(told.hour.start_micros()),
                        known,
                    );
                    self.entries.confirm(account, i64::try_from(told.events).unwrap_or(i64::MAX));
                }
            }
        }
    }

    /// The next slot. Its outcome is that of a copy until something was written for it.
    fn slot(&mut self, account: Account, events: i32, replay: bool) -> usize {
        self.slots.push(Slot { account, events, replay, outcome: Outcome::Duplicate });
        self.slots.len() - 1
    }

    fn judge(&mut self, judgement: &'b Judgement<'b>, message: &Message<'_>, known: &Known) {
        let (application, received_at) = match judgement {
            Judgement::Valid(event) => (event.application, event.received_at),
            Judgement::Rejected(rejection) => (rejection.application, rejection.received_at),
        };
        let account = account(message, application, received_at, known);
        let (application, replay) = (account.application, message.replay);
        let slot = self.slot(account, 1, replay);
        let record = match judgement {
            Judgement::Valid(event) => match admit(event, known) {
                Ok(event_type) => return self.candidates.push(Candidate { slot, replay, event_type, event }),
                Err(violation) => Record::of_event(slot, application, event, vec![violation]),
            },
            Judgement::Rejected(rejection) => Record::of_rejection(slot, application, rejection),
        };
        self.records.push(record.replayed(replay));
    }

    fn add_fragment(
        &mut self,
        message: &Message<'_>,
        fragment: &'b Fragment<'b>,
        code: Code,
        events: i32,
        known: &Known,
    ) {
        let application = message.application.and_then(|application| registered(application, known));
        let (run, hour) = (message.run.map(Into::into), time::hour_in_range(fragment.received_at));
        let slot = self.slot(Account { run, application, hour }, events, false);
        let violation = Violation::of_event(code, &fragment.detail);
        self.records.push(Record::of_fragment(slot, application, fragment, violation, events));
    }

    /// Writes what follows from the verdicts: sessions, resolutions, rejections, the books. Gives the outcomes.
    fn settle(
        mut self,
        connection: &mut PgConnection,
        verdicts: Vec<Verdict>,
        known: &Known,
    ) -> QueryResult<Vec<Outcome>> {
        let mut stored = Vec::new();
        let mut passed = Vec::new();
        let mut warnings = Vec::new();
        let mut replayed = Vec::new();
        for (Candidate { slot, replay, event, .. }, verdict) in self.candidates.drain(..).zip(verdicts) {
            let application = registered(event.application, known);
            if matches!(verdict, Verdict::Stored | Verdict::Same) {
                passed.push(event);
            }
            let violation = match verdict {
                Verdict::Stored => {
                    self.slots[slot].outcome = Outcome::Stored;
                    stored.push(event);
                    if replay {
                        replayed.push((slot, event));
                    }
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
        let changed: Vec<_> = self.records.iter().chain(&warnings).filter_map(Record::changes).collect();
        let locked = resolutions::lock(connection, &passed, &changed)?;
        let resolved = resolutions::resolve_copies(connection, locked, &mut self.entries)?;
        let written = rejections::insert(connection, std::mem::take(&mut self.records), &mut self.entries)?;
        rejections::insert_warnings(connection, warnings)?;
        self.book(connection, &replayed, &resolved, &written)
    }

    /// Books each event with its outcome. One that is sent again by an operator was taken and booked as rejected before: what
    /// passes comes to another end, and what does not changes nothing; unless nothing is left of its rejection, which
    /// may have expired meanwhile: then it is a new one.
    fn book(
        mut self,
        connection: &mut PgConnection,
        replayed: &[(usize, &Event<'_>)],
        resolved: &HashSet<EventKey>,
        written: &[Written],
    ) -> QueryResult<Vec<Outcome>> {
        for written in written {
            let slot = &mut self.slots[written.slot];
            slot.outcome = Outcome::Rejected;
            // A new row, though it was sent again.
            slot.replay &= !written.new;
        }
        for (slot, event) in replayed {
            let slot = &mut self.slots[*slot];
            slot.replay = resolved.contains(&rejections::key(event));
            if slot.replay {
                // Its rejection was booked as a copy of what is stored; it is what is stored.
                self.entries.move_events(slot.account, Outcome::Duplicate, Outcome::Stored, 1);
            }
        }
        for slot in self.slots.iter().filter(|slot| !slot.replay) {
            self.entries.take(slot.account, slot.outcome, slot.events.into());
        }
        self.entries.write(connection)?;
        Ok(self.slots.into_iter().map(|slot| slot.outcome).collect())
    }
}

/// Where an event of a message is booked. What an operator sends again is of no gateway's run.
fn account(
    message: &Message<'_>,
    application: ApplicationId,
    received_at: ReceivedAt,
    known: &Known,
) -> Account {
    Account {
        run: message.run.filter(|_| !message.replay).map(Into::into),
        application: registered(application, known),
        hour: time::hour_in_range(received_at),
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
