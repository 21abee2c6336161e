//! A row of a table: what is sent, how it is answered, and what becomes of each event in it.

use std::collections::BTreeMap;

use crate::wire::{Answer, Request};

/// The application that sends, unless a row says otherwise.
pub(super) const SHOP: &str = "shop";

/// When the events of the tables occurred, and how that is read back.
pub(super) const TIMESTAMP: &str = "2021-01-01T09:15:27.243860Z";

/// One input.
pub(super) struct Row {
    /// What it is; why, where that does not go without saying.
    pub(super) why: String,
    pub(super) request: Request,
    /// The client says that nothing more comes, or what it sent is more than one request.
    pub(super) ends: bool,
    pub(super) answer: Expected,
    pub(super) application: &'static str,
    /// Of each event that was accepted, in the order sent.
    pub(super) outcomes: Vec<Outcome>,
}

/// How a request is answered.
pub(super) struct Expected {
    /// One of these; 0 for a connection that is closed without an answer.
    statuses: Vec<u16>,
    /// A part of what the problem's detail says; nothing is asked of what is no request, where that is empty.
    says: String,
    headers: Vec<(&'static str, Option<String>)>,
}

/// What becomes of an event that was accepted.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// Stored as it was sent.
    Stored(Sent),
    /// Stored as it was sent, while another event of its identity is not.
    Disputed(Sent),
    /// Stored as it was sent, with these warnings.
    Warned(Sent, Vec<Broken>),
    /// Rejected by these rules.
    Rejected(Vec<Broken>),
    /// No event of its own: its identity is that of another.
    Merged,
}

/// A rule that an event breaks: path, code and severity.
pub(super) type Broken = [String; 3];

/// What was sent, and how its time is read back.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) event: String,
    pub(super) timestamp: String,
}

impl Row {
    fn new(why: impl Into<String>, request: Request, status: u16) -> Self {
        let answer = Expected { statuses: vec![status], says: String::new(), headers: Vec::new() };
        Self { why: why.into(), request, ends: false, answer, application: SHOP, outcomes: Vec::new() }
    }

    /// Refused by the gateway, which says so in these words.
    pub(super) fn refused(why: impl Into<String>, request: Request, status: u16, says: &str) -> Self {
        let row = Self::new(why, request, status);
        Self { answer: Expected { says: says.to_owned(), ..row.answer }, ..row }
    }

    /// Accepted: all that is wrong with it is found by the consumer, or nothing is.
    pub(super) fn accepted(why: impl Into<String>, request: Request, outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, ..Self::new(why, request, 202) }
    }

    /// An event that is rejected, while its neighbour in the batch is stored.
    pub(super) fn rejected(
        why: impl Into<String>,
        post: Request,
        event: &str,
        broken: &[(&str, &str)],
    ) -> Self {
        Self::beside_a_good_one(why, post, event, Outcome::rejected(broken))
    }

    /// An event that only looks bad: it is stored as it was sent, and so is its neighbour.
    pub(super) fn stored(why: impl Into<String>, post: Request, event: &str) -> Self {
        Self::beside_a_good_one(why, post, event, Outcome::stored(event))
    }

    /// The same, where its time is not the usual one.
    pub(super) fn stored_at(why: impl Into<String>, post: Request, event: &str, timestamp: &str) -> Self {
        Self::beside_a_good_one(why, post, event, Outcome::Stored(Sent::at(event, timestamp)))
    }

    fn beside_a_good_one(why: impl Into<String>, post: Request, event: &str, outcome: Outcome) -> Self {
        let good = good();
        let request = post.body(format!("[{event}, {good}]"));
        Self::accepted(why, request, vec![outcome, Outcome::stored(&good)])
    }

    /// This header stands in the answer.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.answer.headers.push((name, Some(value.to_owned())));
        self
    }

    /// This header stands in the answer, with some value.
    pub(super) fn with_some(mut self, name: &'static str) -> Self {
        self.answer.headers.push((name, None));
        self
    }

    /// This status would do too.
    pub(super) fn or(mut self, status: u16) -> Self {
        self.answer.statuses.push(status);
        self
    }

    pub(super) fn ending(self) -> Self {
        Self { ends: true, ..self }
    }

    pub(super) fn by(self, application: &'static str) -> Self {
        Self { application, ..self }
    }
}

impl Outcome {
    pub(super) fn stored(event: &str) -> Self {
        Self::Stored(Sent::at(event, TIMESTAMP))
    }

    pub(super) fn warned(event: &str, broken: &[(&str, &str)]) -> Self {
        Self::Warned(Sent::at(event, TIMESTAMP), rules(broken, "warning"))
    }

    pub(super) fn rejected(broken: &[(&str, &str)]) -> Self {
        Self::Rejected(rules(broken, "error"))
    }

    /// Rejected by the first, and warned of the others.
    pub(super) fn rejected_and_warned(broken: &[(&str, &str)], warned: &[(&str, &str)]) -> Self {
        Self::Rejected([rules(broken, "error"), rules(warned, "warning")].concat())
    }
}

fn rules(broken: &[(&str, &str)], severity: &str) -> Vec<Broken> {
    broken.iter().map(|(path, code)| [*path, *code, severity].map(str::to_owned)).collect()
}

impl Sent {
    pub(super) fn at(event: &str, timestamp: &str) -> Self {
        Self { event: event.to_owned(), timestamp: timestamp.to_owned() }
    }
}

impl Expected {
    /// What is wrong with an answer.
    pub(super) fn fault(&self, answer: &Answer) -> Option<String> {
        let Answer { status, body, .. } = answer;
        if !self.statuses.contains(status) {
            return Some(format!("expected {:?}, found {status}: {body}", self.statuses));
        }
        for (name, value) in &self.headers {
            let found = answer.header(name);
            if value.as_ref().map_or(found.is_empty(), |value| found != value) {
                return Some(format!("expected {name}: {value:?}, found {answer:?}"));
            }
        }
        if *status < 400 || self.says.is_empty() {
            return None;
        }
        let problem = answer.json();
        let is_problem = answer.header("content-type") == "application/problem+json"
            && problem["status"] == *status
            && problem["request_id"].is_string();
        if !is_problem {
            return Some(format!("expected a problem, found {answer:?}"));
        }
        let detail = problem["detail"].as_str().unwrap_or_default();
        let said = detail.contains(&self.says) && !detail.chars().any(char::is_control);
        (!said).then(|| format!("expected {:?} in the detail, found {detail:?}", self.says))
    }
}

/// A good event, in which some fields are others, left out, or more: each is given as JSON text.
pub(super) fn event_with(changes: &[(&str, Option<&str>)]) -> String {
    let mut fields = BTreeMap::from([
        ("session_id", "\"a session\"".to_owned()),
        ("category", "\"page interaction\"".to_owned()),
        ("name", "\"pageview\"".to_owned()),
        ("data", r#"{"host": "www.consumeraffairs.com", "path": "/"}"#.to_owned()),
        ("timestamp", format!("\"{TIMESTAMP}\"")),
    ]);
    for (field, value) in changes {
        match value {
            Some(value) => fields.insert(field, (*value).to_owned()),
            None => fields.remove(field),
        };
    }
    let members: Vec<_> = fields.iter().map(|(field, value)| format!("\"{field}\": {value}")).collect();
    format!("{{{}}}", members.join(", "))
}

/// A good event with these data.
pub(super) fn event_of(data: &str) -> String {
    event_with(&[("data", Some(data))])
}

/// A good event.
pub(super) fn good() -> String {
    event_with(&[])
}
