//! Sends one event, and tells how it was answered.

use std::time::Duration;

use client::{Client, Event, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::new(std::env::var("EYE_GATEWAY_URL")?, std::env::var("EYE_WRITE_KEY")?)
        .on_undelivered(|undelivered| eprintln!("not accepted: {}", undelivered[0].reason));
    let client = Client::start(settings)?;
    let data = serde_json::json!({ "product": 17, "price": 9.5 });
    client.submit(Event::builder("session-1", "cart", "add").data(&data).build()?).await?;
    let counts = client.shutdown(Duration::from_secs(10)).await;
    println!("{} accepted", counts.accepted);
    Ok(())
}
