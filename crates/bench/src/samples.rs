//! The events that are judged and sent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);

/// The three sample events of the brief, as it writes them, but for the commas that are no JSON.
pub const BRIEF: [&str; 3] = [
    r#"{
  "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
  "category": "page interaction",
  "name": "pageview",
  "data": {
    "host": "www.consumeraffairs.com",
    "path": "/"
  },
  "timestamp": "2021-01-01 09:15:27.243860"
}"#,
    r#"{
  "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
  "category": "page interaction",
  "name": "cta click",
  "data": {
    "host": "www.consumeraffairs.com",
    "path": "/",
    "element": "chat bubble"
  },
  "timestamp": "2021-01-01 09:15:27.243860"
}"#,
    r#"{
  "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
  "category": "form interaction",
  "name": "submit",
  "data": {
    "host": "www.consumeraffairs.com",
    "path": "/",
    "form": {
      "first_name": "John",
      "last_name": "Doe"
    }
  },
  "timestamp": "2021-01-01 09:15:27.243860"
}"#,
];

/// A submitted form as a program writes it, of which every member is known to [`SCHEMA`].
pub const FULL: &str = concat!(
    r#"{"session_id":"e2085be5-9137-4e4e-80b5-f1ffddc25423","category":"form interaction","name":"submit","#,
    r#""data":{"host":"www.consumeraffairs.com","path":"/solar-energy/compare","element":"compare button","#,
    r#""form":{"first_name":"John","last_name":"Doe"},"referrer":"https://www.example.com/search?q=solar","#,
    r#""locale":"en-US","viewport_width":1440,"viewport_height":900,"scroll_depth":0.75,"#,
    r#""duration_ms":12873,"device":"desktop","browser":"firefox","is_returning":true,"campaign":null,"#,
    r#""experiment":"header-b","variant":2,"tags":["solar","compare"],"#,
    r#""correlation_id":"0191c2f0-6d1b-7c3e-9a1f-2b7d5e8f9a01","rendered_at":"2021-01-01T09:15:26.871Z","#,
    r#""email_hash":"9f86d081884c7d659a2feaa0c55ad015"},"timestamp":"2021-01-01 09:15:27.243860"}"#,
);

/// Twenty properties, as an operator would write them.
pub const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["host", "path"],
  "properties": {
    "host": {"type": "string", "pattern": "^[a-z0-9.-]+$", "maxLength": 253},
    "path": {"type": "string", "pattern": "^/", "maxLength": 2048},
    "element": {"type": "string", "minLength": 1, "maxLength": 200},
    "form": {
      "type": "object",
      "required": ["first_name"],
      "properties": {"first_name": {"type": "string", "minLength": 1}, "last_name": {"type": "string", "minLength": 1}},
      "additionalProperties": false
    },
    "referrer": {"type": "string", "format": "uri"},
    "locale": {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
    "viewport_width": {"type": "integer", "minimum": 0, "maximum": 100000},
    "viewport_height": {"type": "integer", "minimum": 0, "maximum": 100000},
    "scroll_depth": {"type": "number", "minimum": 0, "maximum": 1},
    "duration_ms": {"type": "integer", "minimum": 0},
    "device": {"enum": ["desktop", "phone", "tablet", "other"]},
    "browser": {"type": "string", "maxLength": 40},
    "is_returning": {"type": "boolean"},
    "campaign": {"type": ["string", "null"], "maxLength": 100},
    "experiment": {"type": "string", "pattern": "^[a-z]+(-[a-z0-9]+)*$"},
    "variant": {"type": "integer", "minimum": 0},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 20, "uniqueItems": true},
    "correlation_id": {"type": "string", "format": "uuid"},
    "rendered_at": {"type": "string", "format": "date-time"},
    "email_hash": {"type": "string", "pattern": "^[0-9a-f]{32}$"}
  },
  "additionalProperties": false
}"#;

/// The types of [`BRIEF`] and [`FULL`]: category and name.
pub const TYPES: [(&str, &str); 3] =
    [("page interaction", "pageview"), ("page interaction", "cta click"), ("form interaction", "submit")];

/// So many requests differ from each other.
const REQUESTS: usize = 1_000;

/// So many events in a row are of one session.
const SESSION_EVENTS: usize = 12;

/// Category and name of the types of [`bodies_of_types`], whose names go on with a number.
pub const CROWD_TYPE: (&str, &str) = TYPES[0];

/// Bodies of so many events each, like the brief's, of sessions that begin within the last hour.
pub fn bodies(events: usize) -> Vec<String> {
    bodies_of(events, |number| BRIEF[number % BRIEF.len()].to_owned())
}

/// The same of page views, each of another of so many types: the name of the first is `pageview-0`.
pub fn bodies_of_types(events: usize, types: usize) -> Vec<String> {
    let name = CROWD_TYPE.1;
    bodies_of(events, |number| {
        BRIEF[0].replace(&format!("\"{name}\""), &format!("\"{name}-{}\"", number % types))
    })
}

fn bodies_of(events: usize, sample: impl Fn(usize) -> String) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let began = now.saturating_sub(HOUR);
    let count = REQUESTS * events;
    let event = |number: usize| {
        let at = began + HOUR.mul_f64(number as f64 / count as f64);
        let session = Uuid::new_v5(&Uuid::NAMESPACE_URL, &(number / SESSION_EVENTS).to_be_bytes());
        let sample = sample(number).replace("e2085be5-9137-4e4e-80b5-f1ffddc25423", &session.to_string());
        sample.replace("2021-01-01 09:15:27.243860", &rfc3339(at))
    };
    let body = |request: usize| match events {
        1 => event(request),
        _ => {
            format!("[{}]", (0..events).map(|at| event(request * events + at)).collect::<Vec<_>>().join(","))
        }
    };
    (0..REQUESTS).map(body).collect()
}

fn rfc3339(since_1970: Duration) -> String {
    let micros = i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
