//! Lists, page by page.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Parameters;
use super::service::Service;

/// How long an answer may take: longer than the service lets a query run.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The most items that a page may have.
const PAGE_ITEMS_MAX: u32 = 1_000;

/// Reads a list up to so many items.
pub(crate) struct Pages<'a> {
    service: &'a Service,
    path: &'a str,
    parameters: Parameters,
    left: u32,
    cursor: Option<String>,
    begun: bool,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(
        service: &'a Service,
        path: &'a str,
        parameters: Parameters,
        limit: u32,
        cursor: Option<String>,
    ) -> Self {
        Self { service, path, parameters, left: limit, cursor, begun: false }
    }

    /// The items of the next page, each as it was answered; none where there are no more, or enough.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Box<RawValue>>>> {
        if self.left == 0 || (self.begun && self.cursor.is_none()) {
            return Ok(None);
        }
        let mut parameters = self.parameters.clone();
        parameters.push(("limit".to_owned(), self.left.min(PAGE_ITEMS_MAX).to_string()));
        parameters.extend(self.cursor.take().map(|cursor| ("cursor".to_owned(), cursor)));
        let answer = self.service.get(self.path, &parameters, &[]).await?;
        let page: Page = answer.json().await.map_err(reqwest::Error::without_url).context("read a page")?;
        self.begun = true;
        self.cursor = page.next_cursor;
        self.left = self.left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        Ok(Some(page.items))
    }

    /// Where the list goes on; none at its end.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}
