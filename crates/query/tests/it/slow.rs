//! A consumer that is slow to commit.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use crate::ground::Ground;

/// A transaction that stores an event as a consumer does and commits when it is told to.
pub(crate) struct Slow(Child);

impl Slow {
    pub(crate) fn begin(ground: &Ground, name: &str, isolated: bool) -> Self {
        Self::begin_at(ground, name, isolated, "now()")
    }

    /// As if it had begun then.
    pub(crate) fn begin_at(ground: &Ground, name: &str, isolated: bool, begun: &str) -> Self {
        let mut command = ground.psql();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run psql");
        let (begin, end) = if isolated { ("SAVEPOINT one;", "RELEASE one;") } else { ("", "") };
        writeln!(
            child.stdin.as_mut().expect("a pipe"),
            "INSERT INTO event_types (category, name) VALUES ('live', '{name}');\n\
             BEGIN;\n\
             INSERT INTO taken_messages (message_id, event_count, taken_at) VALUES (gen_random_uuid(), 1, {begun});\n\
             {begin}\n\
             INSERT INTO events (stored_at, occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
             SELECT {begun}, now(), now(), 1, id, gen_random_uuid(), 's-slow', '{{\"a\": 1}}' FROM event_types WHERE name = '{name}';\n\
             {end}\n\
             \\echo stored"
        )
        .expect("write");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("read");
        assert_eq!(line.trim(), "stored");
        Self(child)
    }

    pub(crate) fn commit(mut self) {
        writeln!(self.0.stdin.take().expect("a pipe"), "COMMIT;").expect("write");
        assert!(self.0.wait().expect("wait for psql").success());
    }
}
