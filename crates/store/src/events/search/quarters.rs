//! What is counted in the parts of a day.

use crate::counts::QUARTERS_A_DAY;

/// The quarters of a day in the order of reading: how many events match, and how many there are.
pub(super) struct Quarters {
    pub(super) matching: Vec<i64>,
    pub(super) all: Vec<i64>,
}

impl Quarters {
    /// Of a day without events.
    pub(super) fn none() -> Self {
        let none = vec![0; usize::try_from(QUARTERS_A_DAY).unwrap_or_default()];
        Self { matching: none.clone(), all: none }
    }

    /// Takes so many matching events to spread over the day as all events do.
    pub(super) fn spread(&mut self, matching: Option<i64>) {
        let all: i64 = self.all.iter().sum();
        let share = |events: &i64| matching.unwrap_or(0).saturating_mul(*events) / all.max(1);
        self.matching = self.all.iter().map(share).collect();
    }
}
