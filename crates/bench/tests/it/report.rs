//! What the report says of figures.

use bench::benchmarks::ALL;
use bench::measure::{Figure, Goal, Row};
use bench::report;
use serde_json::{Value, json};

fn row(goal: Goal, higher_is_better: bool) -> Row {
    Row {
        name: "judge",
        what: "events judged",
        ours: Figure { median: 1_234_567.4, least: 999.0, most: 2_000_000.0 },
        limit: Some(Figure { median: 2_000_000.0, least: 1.0, most: 3_000_000.0 }),
        ratio: Some(0.62),
        goal,
        unit: "events/s",
        higher_is_better,
    }
}

#[test]
fn a_figure_is_the_median_and_between_which_the_rounds_were() {
    assert_eq!(Figure::of(vec![5.0, 1.0, 3.0]), Figure { median: 3.0, least: 1.0, most: 5.0 });
    assert_eq!(Figure::of(Vec::new()), Figure { median: 0.0, least: 0.0, most: 0.0 });
}

#[test]
fn a_goal_is_of_the_ratio_or_of_ours_and_more_or_less_is_better() {
    for (goal, higher_is_better, reached) in [
        (Goal::Ratio(0.62), true, true),
        (Goal::Ratio(0.63), true, false),
        (Goal::Ratio(0.60), false, false),
        (Goal::Ours(1_000_000.0), true, true),
        (Goal::Ours(1_300_000.0), true, false),
        (Goal::Ours(1_300_000.0), false, true),
        (Goal::None, true, true),
    ] {
        assert_eq!(row(goal, higher_is_better).reaches_goal(), reached, "{goal:?}");
    }
    assert!(!Row { ratio: None, ..row(Goal::Ratio(0.1), true) }.reaches_goal());
}

#[test]
fn the_table_shows_what_was_reached_and_what_was_missed() {
    let rows = [row(Goal::Ratio(0.60), true), row(Goal::Ours(2_000_000.0), true)];
    let table = report::table(&rows).to_string();
    for part in [
        "1,234,567",
        "999.00 to 2,000,000",
        "0.62",
        "≥ 0.60 of the limit",
        "≥ 2,000,000",
        "reached",
        "MISSED",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    assert_eq!(
        ["-1,234,567", "-123.00", "123,456"],
        [-1_234_567.0, -123.0, 123_456.0].map(report::number).each_ref().map(String::as_str)
    );
}

#[test]
fn the_file_holds_a_line_a_row() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("new/report.json");
    report::write(&[row(Goal::Ratio(0.60), true)], &path).expect("written");
    let text = std::fs::read_to_string(&path).expect("a file");
    let read: Value = serde_json::from_str(&text).expect("JSON");
    let line = json!([{"name": "judge", "ours": 1_234_567.4, "limit": 2_000_000.0, "ratio": 0.62, "goal": 0.6,
        "unit": "events/s", "higher_is_better": true}]);
    assert_eq!(read, line);
}

#[test]
fn benchmarks_have_names_of_their_own() {
    let mut names: Vec<_> = ALL.iter().map(|benchmark| benchmark.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn a_picture_shows_ours_the_limit_and_the_goal() {
    let what = "ours < limit & more";
    let picture = bench::picture::svg(&[Row { what, ..row(Goal::Ratio(0.60), true) }]);
    for part in
        ["ours &lt; limit &amp; more", "1,234,567 events/s", "2,000,000 events/s", "goal: at least 1,200,000"]
    {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    let alone = bench::picture::svg(&[Row { limit: None, ..row(Goal::Ours(2.0), false) }]);
    assert!(alone.contains("goal: at most 2.00") && !alone.contains(">limit<"), "{alone}");
}
