//! How many members the queue of events has. A confirm means that a majority of them has a message on disk, so that a queue which lost
//! members promises less than the operators asked for: then the gateway is not ready.
//!
//! AMQP does not tell; the broker's management interface does, which is asked every few seconds. A member that is down stays a member:
//! it takes no more than its vote with it.

use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the broker is asked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long one address may take to answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// For how long an answer holds: an address that does not answer, or a restart of the node that did, is no reason to be away.
const ANSWER_HOLDS: Duration = Duration::from_secs(20);

/// Looks at the queue until it is dropped.
pub(crate) struct Members {
    wanted: usize,
    looks: watch::Receiver<Looks>,
    looking: JoinHandle<()>,
}

/// What came of the looks so far.
#[derive(Clone, Debug, Default)]
struct Looks {
    /// The last answer, and when it came.
    seen: Option<(usize, Instant)>,
    /// Why the last look failed, unless it did not.
    fault: Option<String>,
}

/// What the management interface says of a queue, as far as it matters.
#[derive(Deserialize)]
struct Queue {
    #[serde(default)]
    members: Vec<String>,
}

impl Members {
    /// Begins to look; none where one member is enough, since a queue that takes messages has one. Called within a runtime.
    ///
    /// # Errors
    /// More than one is asked for, and nobody can be asked.
    pub(crate) fn watch(settings: &broker::Settings) -> anyhow::Result<Option<Self>> {
        let wanted = usize::try_from(settings.replicas())?;
        if wanted == 1 {
            return Ok(None);
        }
        anyhow::ensure!(
            !settings.management_urls().is_empty(),
            "broker.replicas is {wanted}: expected in broker.management_url where the broker tells how many members the queue has"
        );
        let urls = settings.management_urls().iter().enumerate().map(|(index, address)| {
            queue_url(address, settings.virtual_host(), settings.queue())
                .with_context(|| format!("broker.management_url: address {} is no address", index + 1))
        });
        let urls = urls.collect::<anyhow::Result<Vec<_>>>()?;
        let client = Client::builder().no_proxy().timeout(LOOK_TIMEOUT).build().context("an HTTP client")?;
        let (sender, looks) = watch::channel(Looks::default());
        let looking = tokio::spawn(look_again_and_again(client, urls, sender));
        Ok(Some(Self { wanted, looks, looking }))
    }

    /// Whether the queue has enough members, as far as is known; else why not.
    ///
    /// # Errors
    /// It has not, or nobody knows.
    pub(crate) fn check(&self) -> Result<(), String> {
        let looks = self.looks.borrow();
        match looks.seen.filter(|(_, at)| at.elapsed() < ANSWER_HOLDS) {
            Some((members, _)) if members >= self.wanted => Ok(()),
            Some((members, _)) => Err(format!(
                "the queue has {members} members, broker.replicas asks for {}: grow it (rabbitmq-queues grow)",
                self.wanted
            )),
            None => Err(format!(
                "how many members the queue has is not known: {}",
                looks.fault.as_deref().unwrap_or("nobody was asked yet")
            )),
        }
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

fn queue_url(address: &str, virtual_host: &str, queue: &str) -> anyhow::Result<Url> {
    let mut url = Url::parse(address)?;
    let mut segments = url.path_segments_mut().map_err(|()| anyhow::anyhow!("it can have no path"))?;
    segments.pop_if_empty().extend(["api", "queues", virtual_host, queue]);
    drop(segments);
    Ok(url)
}

async fn look_again_and_again(client: Client, urls: Vec<Url>, sender: watch::Sender<Looks>) {
    loop {
        let look = look(&client, &urls).await;
        sender.send_modify(|looks| match look {
            Ok(members) => *looks = Looks { seen: Some((members, Instant::now())), fault: None },
            Err(fault) => looks.fault = Some(fault),
        });
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Asks one address after another; what the last one said where none serves.
async fn look(client: &Client, urls: &[Url]) -> Result<usize, String> {
    let mut fault = String::new();
    for url in urls {
        match look_at(client, url.clone()).await {
            Ok(members) => return Ok(members),
            Err(error) => fault = error.without_url().to_string(),
        }
    }
    Err(fault)
}

async fn look_at(client: &Client, url: Url) -> reqwest::Result<usize> {
    let answer = client.get(url).send().await?.error_for_status()?;
    Ok(answer.json::<Queue>().await?.members.len())
}
