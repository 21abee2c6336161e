//! The known name that a mistyped one was probably meant to be.

/// How many typing errors a name may be away; more, and the suggestion would only confuse.
const EDITS_MAX: usize = 6;

/// The candidate that the fewest edits turn into `name`; none where all are far away.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= EDITS_MAX.min(candidate.len() / 2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance in bytes (names are ASCII), one row of the table at a time.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, wanted) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, found) in to.bytes().enumerate() {
            let substituted = diagonal + usize::from(wanted != found);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
