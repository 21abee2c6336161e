//! `/api/funnel`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::TimeDelta;
use serde::Serialize;
use service::problem::Problem;
use store::events::EventFilter;
use store::funnel::{Funnel, Step};
use store::reach::Reach;
use utoipa::ToSchema;

use super::time;
use crate::access::Reader;
use crate::ask::Desk;
use crate::openapi::parameters::{self, any_of, needed_texts, parameters, text, written_as};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// How many steps a funnel has at least, and at most.
const STEPS_MIN: u8 = 2;
pub(super) const STEPS_MAX: u8 = 10;

/// The longest time that may be given for a funnel.
const WITHIN_MAX: TimeDelta = TimeDelta::days(366);

/// How a step is written, and a time that steps may take.
const STEP: &str = r"^[^/]+/[\s\S]+$";
const WITHIN: &str = "^[0-9]+[smhd]$";

/// How many sessions took the steps.
#[derive(Serialize, ToSchema)]
#[schema(as = Funnel)]
struct Answer {
    /// In the order in which they were asked for.
    steps: Vec<Item>,
    /// Whether older events were left out: then the answer is that of the same question with `from` = `looked_from`.
    bounded: bool,
    /// How many events were looked at.
    events_looked_at: u64,
    /// From when on events were looked at; null where all were that the filters let through.
    #[schema(required, format = DateTime)]
    looked_from: Option<String>,
}

/// A step, and how many sessions reached it.
#[derive(Serialize, ToSchema)]
#[schema(as = FunnelStep)]
struct Item {
    /// The first half of its type.
    category: String,
    /// The second half of its type.
    name: String,
    /// How many sessions reached it: never more than the step before.
    #[schema(minimum = 0)]
    sessions: u64,
}

parameters! {
    /// The steps, and what narrows their events.
    Steps:
    written_as(STEP, needed_texts(
        "step",
        "An event type as `CATEGORY/NAME`, at least twice: the steps in their order. The first `/` ends the category. Of a \
         category, `%2F` means `/` and `%25` means `%` after the URL was decoded, so that they are written `%252F` and \
         `%2525`.",
        (usize::from(STEPS_MIN), usize::from(STEPS_MAX)),
        &["page interaction/pageview", "form interaction/submit"],
    )),
    written_as(WITHIN, text(
        "within",
        "How long after the first step the others may come, that time included: a whole number and `s`, `m`, `h` or `d`, up \
         to `366d`. Any time unless given.",
        "30m",
    )),
    any_of("application", "Events that this application sent.", "shop"),
    parameters::time("from", "Events that occurred then or later.", "2021-01-01T00:00:00Z"),
    parameters::time("to", "Events that occurred before.", "2021-01-02T00:00:00Z"),
}

/// Sessions that took some steps in order.
///
/// A session reached a step when it has an event of the step's type after one by which it reached the step before, in
/// reading order, and `within` of the event that was its first step. Other events may lie between. An event is one step
/// only, also where two steps are of one type. A session that could begin at several events is counted by whichever leads
/// furthest. All of its events have to be in the range.
///
/// Only the newest events of the steps' types are looked at, 500000 unless the operators set it otherwise; where there are
/// more, `bounded` says so, and `looked_from` from when on.
#[utoipa::path(
    get,
    path = "/api/funnel",
    tag = "Figures",
    operation_id = "getFunnel",
    security(("key" = ["read"])),
    params(Steps),
    responses(
        (status = 200, description = "The steps", body = Answer, example = json!({
            "steps": [
                { "category": "page interaction", "name": "pageview", "sessions": 16021 },
                { "category": "form interaction", "name": "submit", "sessions": 1311 },
            ],
            "bounded": false,
            "events_looked_at": 49689,
            "looked_from": null,
        })),
        Refusals,
    ),
)]
pub(crate) async fn one(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let Asked { steps, within, mut filter } = Asked::read(&mut params)?;
    params.finish()?;
    let funnel = match reader.narrow(std::mem::take(&mut filter.applications)) {
        Some(applications) => {
            filter.applications = applications;
            let (steps, events_max) = (steps.clone(), settings.funnel_events_max);
            desk.ask(move |store| store.funnel(&filter, &steps, within, events_max)).await?
        }
        None => Funnel { sessions: vec![0; steps.len()], reach: Reach::NOTHING },
    };
    let items = steps.into_iter().zip(funnel.sessions);
    let items = items.map(|(Step { category, name }, sessions)| Item { category, name, sessions });
    let Reach { events, since } = funnel.reach;
    let answer = Answer {
        steps: items.collect(),
        bounded: since.is_some(),
        events_looked_at: events,
        looked_from: since.map(time),
    };
    Ok(HttpResponse::Ok().json(answer))
}

/// The steps, and what narrows their events.
pub(super) struct Asked {
    pub(super) steps: Vec<Step>,
    pub(super) within: Option<TimeDelta>,
    pub(super) filter: EventFilter,
}

impl Asked {
    /// Takes them out of the query string.
    pub(super) fn read(params: &mut Params) -> Result<Self, Problem> {
        let steps = steps(&params.all("step")?)?;
        let within = params.one("within")?.map(|text| duration(&text)).transpose()?;
        let (from, to) = params.range("from", "to")?;
        let applications = params.all("application")?;
        Ok(Self { steps, within, filter: EventFilter { applications, from, to, ..Default::default() } })
    }
}

fn steps(given: &[String]) -> Result<Vec<Step>, Problem> {
    if !(usize::from(STEPS_MIN)..=usize::from(STEPS_MAX)).contains(&given.len()) {
        let found = format!("{}", given.len());
        return Err(bad("step", &format!("{STEPS_MIN} to {STEPS_MAX} of them"), &found));
    }
    given.iter().map(|text| step(text)).collect()
}

fn step(text: &str) -> Result<Step, Problem> {
    match text.split_once('/') {
        Some((category, name)) if !category.is_empty() && !name.is_empty() => {
            Ok(Step { category: category_of(category), name: name.to_owned() })
        }
        _ => Err(bad("step", "CATEGORY/NAME, where a / of the category is written %252F", text)),
    }
}

/// The category as it is written before the `/`, where that character itself, and the sign of an escape, are escaped.
fn category_of(text: &str) -> String {
    let mut parts = text.split('%');
    let mut category = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (character, rest) = match part.get(..2) {
            Some("2F" | "2f") => ('/', &part[2..]),
            Some("25") => ('%', &part[2..]),
            _ => ('%', part),
        };
        category.push(character);
        category.push_str(rest);
    }
    category
}

fn duration(text: &str) -> Result<TimeDelta, Problem> {
    let read = || {
        let unit = text.chars().last()?;
        let digits = text.strip_suffix(unit)?;
        // No sign, no blank.
        let number: i64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        let duration = match unit {
            's' => TimeDelta::try_seconds(number),
            'm' => TimeDelta::try_minutes(number),
            'h' => TimeDelta::try_hours(number),
            'd' => TimeDelta::try_days(number),
            _ => None,
        }?;
        (TimeDelta::zero() < duration && duration <= WITHIN_MAX).then_some(duration)
    };
    let expected = "a whole number and s, m, h or d, such as 30m, from 1s to 366d";
    read().ok_or_else(|| bad("within", expected, text))
}
