//! The questions and their goals.

use super::facts::Facts;

/// What must be reached, in milliseconds and times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goals {
    /// The 99th percentile at many events.
    pub p99_ms: Option<f64>,
    /// That divided by the one at few.
    pub growth: Option<f64>,
}

const TOLD: Goals = Goals { p99_ms: None, growth: None };
const SINGLE: Goals = Goals { p99_ms: Some(5.0), growth: None };
const PAGE: Goals = Goals { p99_ms: Some(10.0), growth: Some(1.5) };

const fn within(ms: f64) -> Goals {
    Goals { p99_ms: Some(ms), growth: None }
}

/// One question, in as many ways as it is put.
pub struct Question {
    /// Its stable name.
    pub name: &'static str,
    /// What is asked, for people.
    pub what: &'static str,
    /// How it is put to a database.
    pub paths: fn(&Facts) -> Vec<String>,
    /// What must be reached.
    pub goals: Goals,
}

/// A question that is put in one way.
macro_rules! question {
    ($name:literal, $what:literal, $goals:expr, $facts:ident => $($path:tt)+) => {
        Question { name: $name, what: $what, paths: |$facts| vec![format!($($path)+)], goals: $goals }
    };
}

/// All questions, in the order of the report.
pub const ALL: [Question; 28] = [
    question!("nothing", "a page of documentation: what HTTP and the machine take", TOLD, _facts => "/redoc"),
    Question {
        name: "session",
        what: "the events of a session, another one each time",
        paths: |facts| {
            facts.sessions.iter().map(|session| format!("/api/sessions/{session}/events")).collect()
        },
        goals: SINGLE,
    },
    Question {
        name: "event",
        what: "an event by its id, another one each time",
        paths: |facts| facts.ids.iter().map(|id| format!("/api/events/{id}")).collect(),
        goals: SINGLE,
    },
    question!("page", "a page of 100 events, as all pages below", PAGE, _facts => "/api/events"),
    question!("page_category", "of the commonest category", PAGE, _facts => "/api/events?category=page%20interaction"),
    question!("page_category_least", "of the least common category", PAGE, _facts => "/api/events?category=interaction%2020"),
    question!("page_category_oldest", "of a category, the oldest first", PAGE, _facts => "/api/events?category=form%20interaction&order=asc"),
    question!("page_name", "of a name that 20 categories have", PAGE, _facts => "/api/events?name=submit"),
    question!("page_type", "of a category and a name", PAGE, _facts => "/api/events?category=form%20interaction&name=submit"),
    question!("page_rare", "of a name that occurs twelve times", PAGE, _facts => "/api/events?name=rare"),
    question!("page_never", "of a name that is registered and never occurs", PAGE, _facts => "/api/events?name=never"),
    question!("page_unknown", "of a name that nobody knows", PAGE, _facts => "/api/events?name=unknown"),
    question!("page_application", "of the largest application", PAGE, _facts => "/api/events?application=shop"),
    question!("page_application_least", "of the smallest application", PAGE, _facts => "/api/events?application=labs"),
    question!("page_range", "of a day in the midst", PAGE, facts => "/api/events?from={}&to={}", facts.day, facts.next_day),
    // With few events a day has one of them where with many it has a page: how much longer that takes tells nothing.
    question!("page_range_type", "of a day, a category, a name and an application", within(10.0), facts =>
        "/api/events?from={}&to={}&category=page%20interaction&name=pageview&application=blog", facts.day, facts.next_day),
    question!("page_several", "of two categories and two applications", PAGE, _facts =>
        "/api/events?category=page%20interaction&category=form%20interaction&application=shop&application=blog"),
    question!("page_last", "the last page of a category", PAGE, facts => "{}", facts.last_page),
    question!("sessions", "a page of sessions", PAGE, _facts => "/api/sessions"),
    question!("data_key", "by data.KEY, within a category and a day", within(60.0), facts =>
        "/api/events?category=page%20interaction&from={}&to={}&data.element=exit%20banner", facts.day, facts.next_day),
    question!("counts_hour", "counts by hour, 90 days", within(100.0), facts => "/api/counts?interval=hour&from={}&to={}", facts.from, facts.to),
    question!("counts_category", "counts by day and category, 90 days", TOLD, facts =>
        "/api/counts?interval=day&group_by=category&from={}&to={}", facts.from, facts.to),
    question!("values", "the commonest values of data.KEY, within a category and a day", TOLD, facts =>
        "/api/values?path=data.element&category=page%20interaction&from={}&to={}", facts.day, facts.next_day),
    question!("funnel", "a funnel of two steps within 30 minutes, of a day", TOLD, facts =>
        "/api/funnel?step=page%20interaction/pageview&step=form%20interaction/submit&within=30m&from={}&to={}", facts.day, facts.next_day),
    question!("contains", "a page of the categories that contain a word", TOLD, _facts => "/api/events?category_contains=form"),
    question!("sessions_range", "a page of the sessions of a day", TOLD, facts => "/api/sessions?from={}&to={}", facts.day, facts.next_day),
    question!("event_types", "a page of event types with their counts", TOLD, _facts => "/api/event-types"),
    question!("applications", "the applications with their counts", TOLD, _facts => "/api/applications"),
];
