//! What benchmarks say: of answers, and in the report.

mod load;
mod report;
