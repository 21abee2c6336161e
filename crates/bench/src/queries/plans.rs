//! The plans of every question, as Postgres ran them: `EXPLAIN (ANALYZE, BUFFERS)` of each statement behind an answer.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::Context;

use super::facts::Facts;
use super::ground::{Database, Program};
use super::questions::Question;

/// From now on every connection to the database logs its plans.
const LOG_PLANS: &str = "\
SELECT format('ALTER DATABASE %I SET session_preload_libraries = auto_explain', current_database()) AS statement \\gexec
SELECT format('ALTER DATABASE %I SET auto_explain.log_min_duration = 0', current_database()) AS statement \\gexec
SELECT format('ALTER DATABASE %I SET auto_explain.log_analyze = on', current_database()) AS statement \\gexec
SELECT format('ALTER DATABASE %I SET auto_explain.log_buffers = on', current_database()) AS statement \\gexec
";

/// How often a question is put before its plans are kept: by then each connection knows the tables.
const BEFORE: usize = 3;

/// Puts each question once more to services that are started anew, and keeps what the server logs meanwhile, in a file a
/// question and database.
///
/// # Errors
/// A service does not answer, or a file can't be written.
pub async fn keep(
    chosen: &[&'static Question],
    databases: [(&Database, &Facts); 2],
    programs: &mut [Program; 2],
    results: &Path,
) -> anyhow::Result<()> {
    for ((database, facts), program) in databases.into_iter().zip(programs) {
        database.execute("LOAD 'auto_explain';")?;
        database.execute(LOG_PLANS)?;
        *program = Program::start(database, results).await?;
        let directory = results.join("plans").join(database.events.to_string());
        fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
        for question in chosen {
            let path = (question.paths)(facts).into_iter().next().context("a path")?;
            for _ in 0..BEFORE {
                program.get(&path).await?;
            }
            let mut log = File::open(&database.log).context("opening the server's log")?;
            log.seek(SeekFrom::End(0))?;
            program.get(&path).await?;
            let mut plans = format!("{path}\n\n");
            log.read_to_string(&mut plans)?;
            let file = directory.join(format!("{}.txt", question.name));
            fs::write(&file, plans).with_context(|| format!("writing {}", file.display()))?;
        }
    }
    Ok(())
}
