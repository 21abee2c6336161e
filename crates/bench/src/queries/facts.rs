//! What of a database questions have to name.

use anyhow::{Context, bail};
use serde_json::Value;

use super::ground::{Database, Program};

/// What is known of a database.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The beginning of its time.
    pub from: String,
    /// The end of its time.
    pub to: String,
    /// The beginning of a day in the midst.
    pub day: String,
    /// The end of that day.
    pub next_day: String,
    /// Some sessions, from all of the time.
    pub sessions: Vec<String>,
    /// An event of each.
    pub ids: Vec<String>,
    /// The path of the last page of a category.
    pub last_page: String,
}

/// The least common category: it is walked through.
const WALKED: &str = "/api/events?category=interaction%2020";

impl Facts {
    /// Of a database, by its rows and its service.
    ///
    /// # Errors
    /// Either does not answer.
    pub async fn of(database: &Database, program: &Program) -> anyhow::Result<Self> {
        let time = |days: u32| {
            database.look_up(&format!(
            "SELECT to_char(:'until'::timestamptz - interval '{days} days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        ))
        };
        let one = |rows: anyhow::Result<Vec<String>>| rows?.pop().context("a row");
        let sessions = database.look_up(
            "SELECT md5('session ' || n * (:events * 2 / 25) / 100)::uuid::text FROM generate_series(0, 99) AS n",
        )?;
        let ids = database.look_up(
            "SELECT (SELECT e.id FROM events e WHERE hashtextextended(e.session_id, 0) = hashtextextended(\
             md5('session ' || n * (:events * 2 / 25) / 100)::uuid::text, 0) LIMIT 1) FROM generate_series(0, 99) AS n",
        )?;
        Ok(Self {
            from: one(time(90))?,
            to: one(time(0))?,
            day: one(time(45))?,
            next_day: one(time(44))?,
            sessions,
            ids,
            last_page: last_page(program).await?,
        })
    }
}

/// Walks to the last page, by large pages as far as they go.
async fn last_page(program: &Program) -> anyhow::Result<String> {
    let (mut path, mut limit) = (WALKED.to_owned(), 1_000);
    loop {
        let (status, body) = program.get(&format!("{path}&limit={limit}")).await?;
        if status != 200 {
            bail!("expected a page, found {status}: {body}");
        }
        let page: Value = serde_json::from_str(&body)?;
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{WALKED}&cursor={cursor}"),
            None if limit > 100 => limit = 100,
            None => return Ok(path),
        }
    }
}
