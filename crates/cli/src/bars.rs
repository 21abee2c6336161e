//! A small chart: a line a bar.

use crate::output::on_one_line;

/// How long the longest bar is.
const CHARACTERS_MAX: usize = 40;

/// The eighths of a character cell.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// How many there are of something.
#[derive(Debug)]
pub(crate) struct Bar {
    /// What it is: as many labels for every bar of a chart.
    pub(crate) labels: Vec<String>,
    pub(crate) count: i64,
}

/// Bars of blocks for a terminal, else of number signs, which every reader shows.
pub(crate) fn chart(bars: &[Bar], blocks: bool) -> String {
    let labels: Vec<Vec<_>> =
        bars.iter().map(|bar| bar.labels.iter().map(|label| on_one_line(label)).collect()).collect();
    let mut widths = Vec::new();
    for (place, label) in labels.iter().flat_map(|labels| labels.iter().enumerate()) {
        let width = label.chars().count();
        match widths.get_mut(place) {
            Some(widest) => *widest = width.max(*widest),
            None => widths.push(width),
        }
    }
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    let digits = highest.to_string().len();
    let line = |(bar, labels): (&Bar, &Vec<_>)| {
        let mut line = String::new();
        for (label, width) in labels.iter().zip(&widths) {
            line.push_str(&format!("{label:<width$}  "));
        }
        line.push_str(&format!("{:>digits$}  {}", bar.count, drawn(bar.count, highest, blocks)));
        line.trim_end().to_owned()
    };
    bars.iter().zip(&labels).map(line).collect::<Vec<_>>().join("\n")
}

fn drawn(count: i64, highest: i64, blocks: bool) -> String {
    let eighths_max = i64::try_from(CHARACTERS_MAX * 8).unwrap_or(i64::MAX);
    // What is there at all can be seen.
    let eighths = (count.saturating_mul(eighths_max) / highest.max(1)).max(i64::from(count > 0));
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let (whole, rest) = (eighths / 8, eighths % 8);
    if !blocks {
        return "#".repeat(whole.max(usize::from(count > 0)));
    }
    let part = rest.checked_sub(1).and_then(|place| EIGHTHS.get(place));
    "█".repeat(whole) + &part.map(char::to_string).unwrap_or_default()
}
