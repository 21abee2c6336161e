//! Crash points: places at which a test makes a process end as a kill would, to the instruction.
//!
//! `EYE_CRASH_AT=POINT` ends the process when it first comes to the point, `EYE_CRASH_AT=POINT:17` when it comes there
//! for the 17th time. Builds with debug assertions have them, which tests are; in a release build nothing is left of them,
//! not even the variable's name (`.ci/crash_points` looks).

/// Ends the process here, if a test wants it to.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static WANTED: LazyLock<Option<(String, u32)>> = LazyLock::new(wanted);
    static PASSED: AtomicU32 = AtomicU32::new(0);

    if let Some((point, time)) = &*WANTED
        && point == name
        && PASSED.fetch_add(1, Ordering::AcqRel) + 1 == *time
    {
        std::process::abort();
    }
}

/// Does nothing: this is no build for tests.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn point(_name: &str) {}

/// The point, and at which coming the process is to end.
#[cfg(debug_assertions)]
fn wanted() -> Option<(String, u32)> {
    let wanted = std::env::var("EYE_CRASH_AT").ok()?;
    let (point, time) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    Some((point.to_owned(), time.parse().unwrap_or(1)))
}
