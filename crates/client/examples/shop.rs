//! A shop that tells The Eye what its visitors do, and keeps in a file what The Eye could not be told.
//!
//! After `make run`: `set -a; . .local/env; set +a; cargo run -p client --example shop`

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use client::{Client, Event, Settings, Undelivered};
use serde::Serialize;

#[derive(Serialize)]
struct Purchase<'a> {
    article: &'a str,
    cents: u32,
}

/// A line each: what `eye load` reads.
fn keep(undelivered: &[Undelivered]) -> std::io::Result<()> {
    let mut file = File::options().create(true).append(true).open("undelivered.ndjson")?;
    for Undelivered { event, .. } in undelivered {
        file.write_all(event.text())?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(std::env::var("EYE_GATEWAY_URL")?, std::env::var("EYE_WRITE_KEY")?);
    let settings = settings.on_undelivered(|undelivered| {
        let (count, reason) = (undelivered.len(), &undelivered[0].reason);
        match keep(&undelivered) {
            Ok(()) => eprintln!("{count} events are kept for later: {reason}"),
            Err(error) => eprintln!("{count} events are lost: {error}; {reason}"),
        }
    });
    let client = Client::start(settings)?;

    for visitor in 1..=100 {
        let purchase = Purchase { article: "umbrella", cents: 1_995 };
        let event = Event::builder(format!("visitor {visitor}"), "checkout", "purchase").data(&purchase);
        client.submit(event.build()?).await?;
    }

    let counts = client.shutdown(Duration::from_secs(10)).await;
    println!("{} events are safe, {} are not", counts.accepted, counts.undelivered);
    Ok(())
}
