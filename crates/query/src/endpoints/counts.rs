//! `/api/counts`.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, Utc};
use serde::Serialize;
use service::problem::Problem;
use store::calendar_counts::{CountsLimit, SlotCount, count_bytes};
use store::counts::Grouping;
use store::events::EventFilter;
use utoipa::ToSchema;

use super::time;
use crate::access::Reader;
use crate::ask::Desk;
use crate::calendar::{Buckets, Fault, Interval, Zone};
use crate::filter::{self, Filters};
use crate::openapi::parameters::{flag, parameters, text, word, words, written_as};
use crate::openapi::refusals::Refusals;
use crate::params::{Params, bad};
use crate::settings::QuerySettings;

/// Into how many buckets a range may be divided.
const BUCKETS_MAX: usize = 10_000;

/// How many counts an answer may have.
const ITEMS_MAX: usize = 50_000;

/// The same, with the bytes that they may have together.
fn limit(settings: &QuerySettings) -> CountsLimit {
    CountsLimit { counts: ITEMS_MAX, bytes: usize::try_from(settings.page_bytes_max).unwrap_or(usize::MAX) }
}

/// How the name of a time zone is written.
const ZONE: &str = "^[A-Za-z0-9_+/-]+$";

/// Counts of events.
#[derive(Serialize, ToSchema)]
struct Counts {
    /// By start; those of one start by category, name and application.
    items: Vec<Item>,
}

/// How many events there are in a bucket of time. Of category, name and application it has those that `group_by` names.
#[derive(Serialize, ToSchema)]
#[schema(as = Count)]
struct Item {
    /// The first instant of the bucket, with the zone's offset at that instant.
    #[schema(format = DateTime)]
    start: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    application: Option<String>,
    /// How many events; 0 only with `fill=true`.
    #[schema(minimum = 0)]
    count: u64,
}

/// What the counts of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    category: Option<String>,
    name: Option<String>,
    application: Option<String>,
}

impl Group {
    /// How long a count of it is, about.
    fn bytes(&self) -> usize {
        count_bytes([&self.category, &self.name, &self.application])
    }
}

parameters! {
    /// How events are counted.
    Counting:
    word("interval", "How long a bucket is. Weeks begin on Monday.", &Interval::ALL.map(Interval::as_str)),
    written_as(ZONE, text(
        "tz",
        "The time zone whose minutes, hours, days, weeks and months are meant, by its name in the IANA database; UTC \
         unless given.",
        "Europe/Berlin",
    )),
    words(
        "group_by",
        "What events are counted by, beside the time.",
        &["category", "name", "application"],
        None,
        "category,name",
    ),
    flag("fill", "Whether buckets without events are listed too, for every group that has an event in the range."),
}

/// Events counted over time.
///
/// The buckets are those of the time zone: on the day on which its clocks are put forward a day has 23 hours, on the one
/// on which they are put back 25, and the hour that is shown twice is listed twice, with different offsets. A bucket starts
/// at its first instant, which is not midnight where the clocks are changed at midnight. `from` and `to` count to the
/// microsecond, wherever in a bucket they lie; where one is left out, the range reaches to the first or the last quarter of
/// an hour in which an event occurred (of the applications that are asked for, whatever else narrows).
///
/// A range may have up to 10000 buckets, an answer up to 50000 counts and as many bytes as a page. Buckets without events are left out, unless
/// `fill=true`. Counts are exact, and one answer is what one moment saw. They are kept by type, application and quarter of
/// an hour; what that does not tell (`interval=minute`, `session_id`, `data.KEY`, `received_*`, `stored_*`) is counted
/// from the events, which takes longer the more there are.
#[utoipa::path(
    get,
    path = "/api/counts",
    tag = "Figures",
    operation_id = "countEvents",
    security(("key" = ["read"])),
    params(Counting, Filters),
    responses(
        (status = 200, description = "The counts", body = Counts, example = json!({
            "items": [
                { "start": "2026-03-29T00:00:00.000000+01:00", "category": "page interaction", "count": 49689 },
                { "start": "2026-03-30T00:00:00.000000+02:00", "category": "page interaction", "count": 51022 },
            ],
        })),
        Refusals,
    ),
)]
pub(crate) async fn list(
    request: HttpRequest,
    desk: Data<Desk>,
    settings: Data<QuerySettings>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::admit(&request).await?;
    let mut params = Params::read(&request)?;
    let mut filter = filter::read(&mut params)?;
    let (interval, zone) = (interval(&mut params)?, zone(&mut params)?);
    let (grouping, fill) = (grouping(&mut params)?, fill(&mut params)?);
    params.finish()?;
    let applications = reader.narrow(std::mem::take(&mut filter.applications));
    let sees_any = applications.is_some();
    filter.applications = applications.unwrap_or_default();
    let range = match filter.from.zip(filter.to) {
        None if sees_any => extent(&desk, &filter).await?,
        given => given,
    };
    let Some(range) = range else {
        return Ok(HttpResponse::Ok().json(Counts { items: Vec::new() }));
    };
    let buckets = Buckets::of(&zone, interval, range, BUCKETS_MAX);
    let buckets = buckets.map_err(|fault| refuse(fault, interval, &zone, range))?;
    (filter.from, filter.to) = (Some(range.0), Some(range.1));
    let limit = limit(&settings);
    let counts = if sees_any { count(&desk, filter, &buckets, grouping, limit).await? } else { Vec::new() };
    let counts = by_bucket(counts, &buckets);
    let counts = if fill { filled(counts, buckets.len(), grouping, limit)? } else { counts };
    let items = counts.into_iter().filter_map(|((bucket, group), count)| {
        let Group { category, name, application } = group;
        Some(Item { start: buckets.start(bucket, &zone)?, category, name, application, count })
    });
    Ok(HttpResponse::Ok().json(Counts { items: items.collect() }))
}

fn interval(params: &mut Params) -> Result<Interval, Problem> {
    let Some(text) = params.one("interval")? else { return Ok(Interval::ALL[0]) };
    let words = Interval::ALL.map(Interval::as_str).join(", ");
    let known = Interval::ALL.into_iter().find(|interval| interval.as_str() == text);
    known.ok_or_else(|| bad("interval", &format!("one of {words}"), &text))
}

fn zone(params: &mut Params) -> Result<Zone, Problem> {
    let Some(name) = params.one("tz")? else { return Ok(Zone::utc()) };
    Zone::parse(&name).map_err(|expected| bad("tz", &expected, &name))
}

fn grouping(params: &mut Params) -> Result<Grouping, Problem> {
    let known = [("category", 0), ("name", 1), ("application", 2)];
    let chosen = params.list("group_by", &known)?.unwrap_or_default();
    let has = |what| chosen.contains(&what);
    Ok(Grouping { category: has(0), name: has(1), application: has(2) })
}

fn fill(params: &mut Params) -> Result<bool, Problem> {
    Ok(params.parsed("fill", "true or false")?.unwrap_or_default())
}

type Range = (DateTime<Utc>, DateTime<Utc>);

/// The range that is meant where an end is left out: up to where there are events. None where there are none.
async fn extent(desk: &Desk, filter: &EventFilter) -> Result<Option<Range>, Problem> {
    let applications = filter.applications.clone();
    let extent = desk.ask(move |store| store.event_quarters(&applications)).await?;
    Ok(extent.map(|(first, last)| (filter.from.unwrap_or(first), filter.to.unwrap_or(last))))
}

async fn count(
    desk: &Desk,
    filter: EventFilter,
    buckets: &Buckets,
    grouping: Grouping,
    limit: CountsLimit,
) -> Result<Vec<SlotCount>, Problem> {
    let slots = buckets.slots();
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let counts = desk.ask(move |store| store.count_events(&filter, &slots, grouping, limit)).await?;
    counts.ok_or_else(|| too_many_items(limit))
}

fn refuse(fault: Fault, interval: Interval, zone: &Zone, (from, to): Range) -> Problem {
    let (interval, from, to) = (interval.as_str(), time(from), time(to));
    Problem::bad_request(match fault {
        Fault::TooMany => format!(
            "interval: expected at most {BUCKETS_MAX} buckets, found more: from {from} to {to} are too many of one \
             {interval}; ask for a longer interval, or a shorter range (from, to)"
        ),
        Fault::Seconds { until } => {
            let until = DateTime::from_timestamp(until, 0).map_or_else(String::new, time);
            format!(
                "tz: expected a zone whose offsets are whole minutes, since RFC 3339 can't write others; found {}, whose \
                 are not until {until}: ask for what occurred later (from)",
                zone.name()
            )
        }
    })
}

fn too_many_items(limit: CountsLimit) -> Problem {
    let CountsLimit { counts, bytes } = limit;
    Problem::bad_request(format!(
        "group_by: expected at most {counts} counts in an answer, of at most {bytes} bytes together, found more; ask for fewer groups (group_by, category, name, application), a longer interval, or a shorter range \
         (from, to)"
    ))
}

type Counted = BTreeMap<(usize, Group), u64>;

/// What the slots of a bucket have, together.
fn by_bucket(counts: Vec<SlotCount>, buckets: &Buckets) -> Counted {
    let mut counted = Counted::new();
    for SlotCount { slot, category, name, application, events } in counts {
        if let Some(bucket) = buckets.bucket_of(slot) {
            *counted.entry((bucket, Group { category, name, application })).or_default() += events;
        }
    }
    counted
}

/// Every bucket of every group that occurs; where events are not grouped, there is one group, whatever occurs.
fn filled(
    mut counts: Counted,
    buckets: usize,
    grouping: Grouping,
    limit: CountsLimit,
) -> Result<Counted, Problem> {
    let mut groups: BTreeSet<Group> = counts.keys().map(|(_, group)| group.clone()).collect();
    if grouping == Grouping::default() {
        groups.insert(Group { category: None, name: None, application: None });
    }
    let bytes: usize = groups.iter().map(Group::bytes).sum();
    if groups.len().saturating_mul(buckets) > limit.counts || bytes.saturating_mul(buckets) > limit.bytes {
        return Err(too_many_items(limit));
    }
    for group in groups {
        for bucket in 0..buckets {
            counts.entry((bucket, group.clone())).or_default();
        }
    }
    Ok(counts)
}
