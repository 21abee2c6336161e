//! A picture of each row: ours, the limit and the goal as bars of one scale; and one of all rows.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::measure::{Goal, Row};
use crate::report::number;

/// Sizes in pixels.
const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
const LABEL_WIDTH: f64 = 60.0;
const NUMBER_WIDTH: f64 = 170.0;
const BAR: f64 = 22.0;
const STEP: f64 = 34.0;
/// Of the two lines above the bars.
const TITLE: f64 = 56.0;

/// Colours that are told apart by whoever sees no red or no green, on white and on black.
const OURS: &str = "#0072b2";
const LIMIT: &str = "#999999";
const GOAL: &str = "#d55e00";

/// What the picture of all rows is called.
const ALL: &str = "all";

/// Writes the picture of each row into a folder, as `NAME.svg`, and that of all as `all.svg`.
///
/// # Errors
/// A file can't be written.
pub fn write(rows: &[Row], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for row in rows {
        let file = folder.join(format!("{}.svg", row.name));
        fs::write(&file, svg(std::slice::from_ref(row)))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    let file = folder.join(format!("{ALL}.svg"));
    fs::write(&file, svg(rows)).with_context(|| format!("writing {}", file.display()))
}

/// The picture of some rows, one below the other. The bars begin at zero.
pub fn svg(rows: &[Row]) -> String {
    let (mut height, mut drawn) = (0.0, String::new());
    for row in rows {
        drawn += &format!("<g transform=\"translate(0 {height})\">");
        height += draw(&mut drawn, row);
        drawn += "</g>";
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\"><rect width=\"100%\" height=\"100%\" fill=\"white\"/>{drawn}</svg>\n"
    )
}

/// Draws a row, and tells how high it is.
fn draw(drawn: &mut String, row: &Row) -> f64 {
    let limit = row.limit.map(|limit| limit.median);
    let goal = match row.goal {
        Goal::Ratio(ratio) => limit.map(|limit| limit * ratio),
        Goal::Ours(goal) => Some(goal),
        Goal::None => None,
    };
    let bars: Vec<_> = [("ours", OURS, Some(row.ours.median)), ("limit", LIMIT, limit)]
        .into_iter()
        .filter_map(with_value)
        .collect();
    let most = bars.iter().map(|(.., value)| *value).chain(goal).fold(0.0, f64::max);
    let scale = (WIDTH - 2.0 * MARGIN - LABEL_WIDTH - NUMBER_WIDTH) / if most > 0.0 { most } else { 1.0 };
    let (left, height) = (MARGIN + LABEL_WIDTH, TITLE + STEP * bars.len() as f64 + STEP);
    *drawn += &format!(
        "<text x=\"{MARGIN}\" y=\"22\" font-weight=\"bold\">{}</text><text x=\"{MARGIN}\" y=\"41\">{}</text>",
        row.name,
        escaped(row.what)
    );
    for (place, (label, colour, value)) in bars.iter().enumerate() {
        let top = TITLE + STEP * place as f64;
        draw_bar(
            drawn,
            label,
            colour,
            (left, top, value * scale),
            &format!("{} {}", number(*value), row.unit),
        );
    }
    if let Some(goal) = goal {
        let sign = if row.higher_is_better { "at least" } else { "at most" };
        draw_goal(
            drawn,
            left + goal * scale,
            TITLE + STEP * bars.len() as f64,
            &format!("goal: {sign} {}", number(goal)),
        );
    }
    height
}

fn with_value<'a>(
    (label, colour, value): (&'a str, &'a str, Option<f64>),
) -> Option<(&'a str, &'a str, f64)> {
    value.map(|value| (label, colour, value))
}

fn draw_bar(drawn: &mut String, label: &str, colour: &str, (left, top, width): (f64, f64, f64), value: &str) {
    let (middle, right) = (top + BAR * 0.7, left + width + 8.0);
    *drawn += &format!(
        "<text x=\"{MARGIN}\" y=\"{middle}\">{label}</text>\
         <rect x=\"{left}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
         <text x=\"{right:.1}\" y=\"{middle}\">{}</text>",
        escaped(value)
    );
}

fn draw_goal(drawn: &mut String, at: f64, bottom: f64, label: &str) {
    let (top, end, text) = (TITLE - 4.0, bottom + 4.0, bottom + 18.0);
    *drawn += &format!(
        "<line x1=\"{at:.1}\" y1=\"{top}\" x2=\"{at:.1}\" y2=\"{end}\" stroke=\"{GOAL}\" stroke-width=\"2\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{at:.1}\" y=\"{text}\" text-anchor=\"middle\" fill=\"{GOAL}\">{label}</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
