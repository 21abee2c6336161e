//! Tests of the whole pipeline, with the real binaries, on private servers: see `tests/it`. There is no code here.
