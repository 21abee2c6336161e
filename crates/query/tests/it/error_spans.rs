//! `/api/errors/summary` with `spans`: the errors of each group over time.

use std::collections::BTreeMap;

use actix_web::rt::System;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use service::keys::Scope;
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::{Parameters, Service};

const SUMMARY: &str = "/api/errors/summary";

/// Its name is null, and it was received so many microseconds after the beginning.
fn null(micros: i64) -> Sent {
    sent().with("name", Value::Null).received(micros)
}

fn at(micros: i64) -> String {
    format!("2026-11-01T00:00:00.{micros:06}Z")
}

async fn summary(service: &Service, parameters: &Parameters<'_>) -> Value {
    service.get(SUMMARY, parameters).await.ok()
}

/// What the spans of the groups count, from when, to when.
fn told(summary: &Value) -> Value {
    let items = summary["items"].as_array().expect("items");
    let spans: Vec<_> = items.iter().map(|item| item["spans"].clone()).collect();
    json!([spans, summary["spans_from"], summary["spans_to"]])
}

#[actix_web::test]
async fn errors_are_counted_in_equal_spans_of_a_range() {
    let ground = Ground::new();
    ground.write(&[null(0), null(10), null(19), null(20), null(99), sent().with("category", 7).received(50)]);
    let service = Service::start(&ground).await;
    let (from, to) = (at(0), at(100));
    let whole: &Parameters<'_> = &[("from", &from), ("to", &to)];
    let table: &[(&Parameters<'_>, &str, Value)] = &[
        (whole, "1", json!([[[5], [1]], from, to])),
        (whole, "2", json!([[[4, 1], [0, 1]], from, to])),
        (whole, "5", json!([[[3, 1, 0, 0, 1], [0, 0, 1, 0, 0]], from, to])),
        (&[("from", &from), ("to", &from)], "5", json!([[], from, from])),
        // Of ends that are left out, the first and the last error that is listed.
        (&[], "2", json!([[[4, 1], [0, 1]], from, to])),
        (&[("limit", "1"), ("code", "invalid_type")], "2", json!([[[1, 0]], at(50), at(51)])),
        (&[("to", &at(20))], "2", json!([[[1, 2]], from, at(20)])),
        (&[("from", &at(20))], "2", json!([[[1, 1], [1, 0]], at(20), to])),
        (&[("from", &at(20)), ("limit", "1")], "2", json!([[[1, 1]], at(20), to])),
        // As many as asked for, also where there are fewer microseconds: of those that begin at one, the last has it.
        (&[("from", &at(19)), ("to", &at(21))], "4", json!([[[1, 0, 1, 0]], at(19), at(21)])),
        // Without errors there is nothing that could tell the ends.
        (&[("code", "null"), ("application", BLOG)], "2", json!([[], null, null])),
        (&[("application", BLOG), ("to", &to)], "2", json!([[], null, to])),
        (&[("application", "nobody"), ("from", &from)], "2", json!([[], from, null])),
    ];
    for (parameters, spans, expected) in table {
        let asked = [*parameters, &[("spans", *spans)]].concat();
        assert_eq!(told(&summary(&service, &asked).await), *expected, "{asked:?}");
    }
}

#[actix_web::test]
async fn without_spans_there_are_none_and_with_them_all_else_is_the_same() {
    let ground = Ground::new();
    ground.write(&[null(0), null(5), null(9).by(BLOG), sent().with("category", 7).received(50)]);
    let service = Service::start(&ground).await;
    let without = summary(&service, &[]).await;
    let names: Vec<_> = without.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["items", "truncated"]);
    assert!(without["items"][0].get("spans").is_none());
    let mut with = summary(&service, &[("spans", "3")]).await;
    for member in ["spans_from", "spans_to"] {
        with.as_object_mut().expect("an object").remove(member).expect("an end");
    }
    for item in with["items"].as_array_mut().expect("items") {
        item.as_object_mut().expect("an object").remove("spans").expect("spans");
    }
    assert_eq!(with, without);
}

#[actix_web::test]
async fn groups_are_told_apart_whatever_they_are_called() {
    let ground = Ground::new();
    let hostile =
        ["NULL", "null", "{a,b}", "\"", "\\", "'", "a", "A", "é", "e\u{301}", "$15", "{}", " ", "😀"];
    for (place, category) in (0..).zip(hostile) {
        // A blank one is an error itself, and then the events have none.
        let sent = |micros| null(micros).with("category", category);
        ground.write(&(0..=place).map(|n| sent(10 * place + n % 2)).collect::<Vec<_>>());
    }
    let service = Service::start(&ground).await;
    let asked = [("group_by", "category,code,name,application"), ("spans", "200"), ("limit", "1000")];
    let summary = summary(&service, &asked).await;
    let items = summary["items"].as_array().expect("items");
    let categories: Vec<_> = items.iter().filter_map(|item| item["category"].as_str()).collect();
    assert_eq!(categories.len(), hostile.len() - 1, "{categories:?}");
    for item in items {
        let spans = item["spans"].as_array().expect("spans");
        let sum: u64 = spans.iter().filter_map(Value::as_u64).sum();
        assert_eq!((spans.len(), Some(sum)), (200, item["count"].as_u64()), "{item}");
    }
}

#[actix_web::test]
async fn a_key_of_one_application_counts_its_own_errors() {
    let ground = Ground::new();
    ground.write(&[null(0).by(BLOG), null(10), null(19), null(40).by(BLOG)]);
    let service = Service::start(&ground).await;
    let own = ground.key(SHOP, &[Scope::Read], true);
    for applications in [&[][..], &[("application", SHOP)], &[("application", BLOG), ("application", SHOP)]] {
        let asked = [applications, &[("spans", "2")]].concat();
        let found = service.get_as(&own, SUMMARY, &asked).await.ok();
        assert_eq!(told(&found), json!([[[1, 1]], at(10), at(20)]), "{applications:?}");
    }
    let found = service.get_as(&own, SUMMARY, &[("application", BLOG), ("spans", "2")]).await.ok();
    assert_eq!(told(&found), json!([[], null, null]));
}

#[actix_web::test]
async fn spans_that_are_none_are_refused() {
    let service = Service::start(&Ground::new()).await;
    for spans in ["0", "201", "-1", "+1", "1.0", "", " 1", "x", "4294967297", "99999999999999999999", "1,2"] {
        let detail = service.get(SUMMARY, &[("spans", spans)]).await.problem(400);
        assert!(detail.starts_with("spans: expected a whole number from 1 to 200, found "), "{detail}");
    }
    let detail = service.get(SUMMARY, &[("spans", "1"), ("spans", "1")]).await.problem(400);
    assert!(detail.starts_with("spans: expected one value"), "{detail}");
    for spans in ["1", "200"] {
        summary(&service, &[("spans", spans)]).await;
    }
}

const APPLICATIONS: [&str; 2] = [SHOP, BLOG];
const CATEGORIES: [&str; 3] = ["c", "C", "{\"NULL\",null}"];
const TRAITS: [&str; 4] = ["application", "code", "category", "name"];

/// Errors, and how their summary is asked for.
#[derive(Clone, Debug)]
struct Case {
    /// When they were received, and of which application, category and kind they are.
    errors: Vec<(i64, usize, usize, bool)>,
    spans: u32,
    range: (Option<i64>, Option<i64>),
    limit: u32,
    group_by: Vec<&'static str>,
}

impl Case {
    fn sent(&self) -> Vec<Sent> {
        let sent = |(micros, application, category, is_null): &(i64, usize, usize, bool)| {
            let sent = sent().by(APPLICATIONS[*application]).received(*micros);
            let sent = sent.with("category", CATEGORIES[*category]);
            if *is_null { sent.with("name", Value::Null) } else { sent.with("surplus", 1) }
        };
        self.errors.iter().map(sent).collect()
    }

    fn parameters(&self) -> Vec<(&'static str, String)> {
        let given = [
            Some(("spans", self.spans.to_string())),
            Some(("limit", self.limit.to_string())),
            Some(("group_by", self.group_by.join(","))),
            self.range.0.map(|micros| ("from", at(micros))),
            self.range.1.map(|micros| ("to", at(micros))),
        ];
        given.into_iter().flatten().collect()
    }

    /// In which spans errors lie that were listed one by one: each is in the last span that begins no later.
    fn expected(&self, errors: &[&Value], (from, to): (i64, i64)) -> Vec<u64> {
        let mut spans = vec![0; usize::try_from(self.spans).expect("few")];
        for error in errors {
            let span = (micros(&error["received_at"]) - from) * i64::from(self.spans) / (to - from);
            spans[usize::try_from(span).expect("not before the range")] += 1;
        }
        spans
    }
}

fn micros(time: &Value) -> i64 {
    time.as_str().expect("a time").parse::<DateTime<Utc>>().expect("a time").timestamp_micros()
}

fn case() -> impl Strategy<Value = Case> {
    let error = (0..1000i64, 0..APPLICATIONS.len(), 0..CATEGORIES.len(), any::<bool>());
    let range = (prop::option::of(0..1000i64), prop::option::of(0..1000i64));
    let group_by = prop::sample::subsequence(TRAITS.to_vec(), 1..=TRAITS.len());
    let spans = prop_oneof![1..=12u32, 1..=200u32];
    (prop::collection::vec(error, 0..40), spans, range, 1..8u32, group_by).prop_map(
        |(errors, spans, range, limit, group_by)| {
            let range = match range {
                (Some(from), Some(to)) => (Some(from.min(to)), Some(from.max(to))),
                range => range,
            };
            Case { errors, spans, range, limit, group_by }
        },
    )
}

/// The seed of this run: `EYE_SEED` repeats an earlier one.
fn seed() -> u64 {
    match std::env::var("EYE_SEED") {
        Ok(seed) => seed.parse().expect("EYE_SEED is a whole number"),
        Err(_) => Uuid::new_v4().as_u64_pair().0,
    }
}

/// What each group of a summary holds beside the errors of the list that have the same in common.
fn check(case: &Case, summary: &Value, listed: &[Value]) -> Result<(), TestCaseError> {
    let mut groups = BTreeMap::new();
    for error in listed {
        let common: Vec<_> = case.group_by.iter().map(|what| error[*what].to_string()).collect();
        groups.entry(common).or_insert_with(Vec::new).push(error);
    }
    let items = summary["items"].as_array().expect("items");
    let named = |item: &Value| case.group_by.iter().map(|what| item[*what].to_string()).collect::<Vec<_>>();
    let errors: Vec<_> = items.iter().map(|item| groups[&named(item)].clone()).collect();
    let times = || errors.iter().flatten().map(|error| micros(&error["received_at"]));
    let given = |micros: i64| self::micros(&json!(at(micros)));
    let from = case.range.0.map(given).or_else(|| times().min());
    let to = case.range.1.map(given).or_else(|| times().max().map(|last| last + 1));
    let ends = ["spans_from", "spans_to"].map(|end| summary[end].as_str().map(|_| micros(&summary[end])));
    prop_assert_eq!(ends, [from, to]);
    for (item, errors) in items.iter().zip(&errors) {
        let range = from.zip(to).expect("a range");
        prop_assert_eq!(&item["spans"], &json!(case.expected(errors, range)));
        prop_assert_eq!(&item["count"], &json!(errors.len()));
    }
    Ok(())
}

#[test]
fn spans_hold_the_errors_that_are_listed_one_by_one() {
    let seed = seed();
    println!("EYE_SEED={seed}");
    let config =
        Config { cases: 100, rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
    let ground = Ground::new();
    let system = System::new();
    let service = system.block_on(Service::start(&ground));
    let outcome = TestRunner::new(config).run(&case(), |case| {
        ground.execute("TRUNCATE rejected_events, errors");
        if !case.errors.is_empty() {
            ground.write(&case.sent());
        }
        let parameters = case.parameters();
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let found = system.block_on(summary(&service, &parameters));
        let range: Vec<_> =
            parameters.iter().copied().filter(|(name, _)| ["from", "to"].contains(name)).collect();
        check(&case, &found, &system.block_on(service.items("/api/errors", &range)))
    });
    outcome.unwrap_or_else(|error| panic!("EYE_SEED={seed}: {error}"));
}
