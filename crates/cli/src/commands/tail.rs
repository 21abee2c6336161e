//! `eye tail`

use std::num::NonZeroU64;
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;
use tokio::task::spawn_blocking;

use crate::output::{Audience, Output, tell, time};
use crate::reading::filter::Filter;
use crate::reading::frames::Frame;
use crate::reading::service::Service;
use crate::reading::stream::{SILENCE_MAX, Stream};
use crate::reading::{Event, SOURCES};

/// Shows events as they are stored, each on a line, until Ctrl-C.
///
/// A line has when the event occurred, its application, type, session and data; on a terminal it is cut to fit. Elsewhere,
/// and with --output json, a line is the whole event as JSON. When the connection breaks, it is made again and goes on
/// where it was: no event is left out and none comes twice.
#[derive(Debug, Args)]
#[command(after_help = format!("Examples:\n  eye tail\n  eye tail --application web-shop --category checkout --data \
    currency=EUR\n  eye tail --output json | jq .data\n\n{SOURCES}"))]
pub(crate) struct Tail {
    /// End after so many events.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroU64>,
    // Last, since its heading goes for all that follows.
    #[command(flatten)]
    filter: Filter,
}

impl Tail {
    pub(crate) fn run(&self, output: Output) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let done = runtime.block_on(async {
            let stop = service::shutdown::signal()?;
            tokio::select! {
                () = stop => Ok(()),
                done = self.follow(output) => done,
            }
        });
        // A line that nobody takes is not waited for.
        runtime.shutdown_background();
        done
    }

    async fn follow(&self, output: Output) -> Result<()> {
        let service = Service::find(SILENCE_MAX)?;
        let mut stream = Stream::begin(&service, self.filter.parameters()).await?;
        let mut left = self.limit.map_or(u64::MAX, NonZeroU64::get);
        while left > 0 {
            let mut lines = Vec::new();
            for frame in stream.next().await? {
                match frame {
                    Frame { kind: Some(kind), data: Some(data), .. } if kind == "gap" => tell_of_gap(&data)?,
                    Frame { kind: None, data: Some(event), .. } if left > 0 => {
                        lines.push(line(event, output)?);
                        left -= 1;
                    }
                    _ => {}
                }
            }
            if print(lines, output).await? == Audience::Gone {
                break;
            }
        }
        Ok(())
    }
}

/// The service can't tell any more what was stored while nobody watched.
fn tell_of_gap(data: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Gap {
        since: String,
    }
    let Gap { since } = serde_json::from_str(data).context("read a gap of the stream")?;
    tell(&format!(
        "events may be missing that were stored from {since} on: `eye query events --stored-from {since}` lists them, with the \
         filters that were given here"
    ));
    Ok(())
}

fn line(event: String, output: Output) -> Result<String> {
    if output.is_json() {
        return Ok(event);
    }
    let event: Event<'_> = serde_json::from_str(&event).context("read an event of the stream")?;
    let Event { application, session_id, category, name, data, timestamp, .. } = event;
    Ok(output.row(&[time(timestamp), application, category, name, session_id, data.get().to_owned()]))
}

/// Prints in a thread of its own, for whoever reads may be slow; Ctrl-C is heard meanwhile.
async fn print(lines: Vec<String>, output: Output) -> Result<Audience> {
    if lines.is_empty() {
        return look();
    }
    spawn_blocking(move || output.lines(&lines.join("\n"))).await?
}

/// Whether the output is still read, where there is nothing to print.
fn look() -> Result<Audience> {
    let stdout = std::io::stdout();
    // Errors are told without being asked for.
    let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut asked, PollTimeout::ZERO).context("look at the standard output")?;
    let told = asked.iter().filter_map(PollFd::revents).any(|told| told.contains(PollFlags::POLLERR));
    Ok(if told { Audience::Gone } else { Audience::Present })
}
