//! The parts of a consumer, put together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use service::health::{Health, Readiness};
use service::judging::{EventSettings, Judging};
use store::Store;
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use crate::ability::Ability;
use crate::batch::{Batch, Limits};
use crate::dead_letters::Drain;
use crate::housekeeping::Housekeeper;
use crate::judge::{Bench, Judge};
use crate::link::Link;
use crate::newer;
use crate::outage::Outages;
use crate::patience::Patience;
use crate::pulse::Pulse;
use crate::receive::Receiver;
use crate::settings::Settings;
use crate::stop::Stop;
use crate::store_watch::StoreWatch;
use crate::unsettled::Unsettled;
use crate::worker::{Worker, show_counters};

/// How long the end may take: what is gathered is written and settled if the database lets it; what is not settled by
/// then is delivered again.
/// With the farewells that follow, of health, traces and log, a second each at most, it is less than 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(6);

/// By this name the database shows the connections.
const PROCESS_NAME: &str = "eye-consumer";

/// A consumer, ready to run.
pub struct Application {
    settings: Settings,
    broker: broker::Settings,
    store: Store,
    bench: Bench,
    readiness: Readiness,
    health: Health,
}

impl Application {
    /// Reads the settings and listens for questions about health; connects to nothing yet. Called within a runtime.
    ///
    /// # Errors
    /// A setting is of no use, or the address for health is taken.
    pub fn build(settings: &service::settings::Settings) -> anyhow::Result<Self> {
        let event: EventSettings = settings.section("event")?;
        Self::build_on(settings, |store| Ok(Bench::Rules(Judging::start(store, &event)?)))
    }

    /// The same with another judge in the place of the rules.
    ///
    /// # Errors
    /// A setting is of no use, or the address for health is taken.
    pub fn build_with_judge(
        settings: &service::settings::Settings,
        judge: Arc<dyn Judge>,
    ) -> anyhow::Result<Self> {
        Self::build_on(settings, |_| Ok(Bench::Fixed(judge)))
    }

    fn build_on(
        settings: &service::settings::Settings,
        bench: impl FnOnce(&store::Settings) -> Result<Bench, store::Error>,
    ) -> anyhow::Result<Self> {
        let broker = settings.section("broker")?;
        let store: store::Settings = settings.section("store")?;
        let settings: Settings = settings.section("consumer")?;
        let store = store.with_process_name(PROCESS_NAME);
        let bench = bench(&store)?;
        let store = Store::new(&store)?;
        let readiness = Readiness::new();
        bench.show(&readiness);
        let health = Health::start(&settings.health_listen, readiness.clone()).with_context(|| {
            format!("consumer.health_listen: cannot listen at {}", settings.health_listen)
        })?;
        Ok(Self { settings, broker, store, bench, readiness, health })
    }

    /// The port at which questions about health are answered.
    pub const fn health_port(&self) -> u16 {
        self.health.port()
    }

    /// Takes, writes and settles until `stopped` comes about; then finishes what is begun, within 10 s.
    ///
    /// # Errors
    /// A part ended by itself, which is a mistake in this program; the process had better begin anew.
    pub async fn run_until_stopped(self, stopped: impl Future<Output = ()>) -> anyhow::Result<()> {
        let (stopper, stop) = Stop::new();
        let mut parts = self.start(&stop);
        let ended = tokio::select! {
            () = stopped => Ok(()),
            part = parts.join_next() => Err(ended_early(part)),
        };
        self.readiness.stop();
        stopper.stop();
        if timeout(STOP_TIMEOUT, finish(parts)).await.is_err() {
            tracing::warn!("stopping took too long: what is not settled will be delivered again");
        }
        self.health.stop().await;
        tracing::info!("stopped");
        ended
    }

    fn start(&self, stop: &Stop) -> JoinSet<Option<Link>> {
        show_counters();
        newer::show_gauge();
        let outages = Outages::new(self.store.settings().place());
        let flag = self.readiness.flag("store");
        let (watcher, store) = StoreWatch::new(self.store.clone(), flag, outages.clone());
        let housekeeper =
            Housekeeper::new(&self.settings, self.broker.clone(), self.store.clone(), store.clone());
        // One batch waits while every worker has one: whoever gathers the next sees then that nobody is free.
        let (batches, waiting) = mpsc::channel(1);
        let waiting = Arc::new(Mutex::new(waiting));
        let unsettled = Unsettled::default();
        let ability = Ability { store: store.clone(), bench: self.bench.clone() };
        let pulse = Pulse::new(&self.broker, self.store.clone(), store, unsettled.clone());
        let mut parts = JoinSet::new();
        parts.spawn(without_link(watcher.run(stop.clone())));
        parts.spawn(without_link(pulse.run(stop.clone())));
        parts.spawn(self.receiver(batches, ability.clone(), unsettled.clone(), stop).run());
        for _ in 0..self.settings.writers.get() {
            let patience = self.patience(outages.clone(), stop);
            parts.spawn(without_link(Worker { batches: Arc::clone(&waiting), patience }.run()));
        }
        parts.spawn(without_link(self.drain(ability, unsettled, outages, stop).run()));
        parts.spawn(without_link(housekeeper.run(stop.clone())));
        parts
    }

    fn receiver(
        &self,
        batches: mpsc::Sender<Batch>,
        ability: Ability,
        unsettled: Unsettled,
        stop: &Stop,
    ) -> Receiver {
        let version = self.readiness.flag("envelope");
        version.pass();
        Receiver {
            broker: self.broker.clone(),
            prefetch: self.settings.prefetch(),
            limits: Limits::new(&self.settings),
            park_after: self.settings.park_after(),
            batches,
            ability,
            ready: self.readiness.flag("broker"),
            version,
            unsettled,
            stop: stop.clone(),
        }
    }

    fn patience(&self, outages: Outages, stop: &Stop) -> Patience {
        Patience {
            store: self.store.clone(),
            bench: self.bench.clone(),
            outages,
            retry_interval_max: self.settings.retry_interval_max(),
            stop: stop.clone(),
            desk: None,
        }
    }

    fn drain(&self, ability: Ability, unsettled: Unsettled, outages: Outages, stop: &Stop) -> Drain {
        let version = self.readiness.flag("envelope of dead letters");
        version.pass();
        Drain {
            broker: self.broker.clone(),
            patience: self.patience(outages, stop),
            ability,
            unsettled,
            version,
            park_after: self.settings.park_after(),
            interval: self.settings.dead_letter_interval(),
            stop: stop.clone(),
        }
    }
}

/// Only the part that takes deliveries leaves a link behind.
async fn without_link(part: impl Future<Output = ()>) -> Option<Link> {
    part.await;
    None
}

fn ended_early(part: Option<Result<Option<Link>, JoinError>>) -> anyhow::Error {
    match part {
        Some(Err(error)) => anyhow::Error::new(error).context("a part of the consumer ended early"),
        Some(Ok(_)) | None => anyhow::anyhow!("a part of the consumer ended early"),
    }
}

/// Waits until the last batch is handed over, written and settled; only then is the link closed.
async fn finish(mut parts: JoinSet<Option<Link>>) {
    let mut link = None;
    while let Some(ended) = parts.join_next().await {
        link = link.or(ended.ok().flatten());
    }
    if let Some(link) = link {
        link.close().await;
    }
}
