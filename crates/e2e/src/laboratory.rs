//! A pipeline under load, to which things are done.

use std::ops::Range;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use stack::process::wait_until;
use stack::{Postgres, RabbitMq};
use tokio::runtime::Runtime;

use crate::api::{Answered, Api};
use crate::ledger::Expected;
use crate::load::{FEW_SESSIONS, Load, Pace, event, pass_one};
use crate::pipeline::{PATIENCE, Part, Pipeline, Plan};
use crate::ways::Ways;

/// RabbitMQ 3.10 notes a new quorum queue in the directory of its logs only after half a second, and nothing tells when: a
/// broker that is killed before that never has the queue again.
const NEW_QUEUES_ARE_KEPT_AFTER: Duration = Duration::from_secs(2);

/// What the load must have got through before something is done to it.
const UNDER_WAY_EVENTS: u64 = 100;

/// A pipeline with proxies on all of its ways, the load on it, and the chance by which things are done to it.
pub struct Laboratory {
    pipeline: Pipeline,
    random: StdRng,
    load: Option<Load>,
    trials: u32,
    has_patience: bool,
    /// Last: what the others wait for runs on it.
    runtime: Runtime,
}

impl Laboratory {
    /// Starts everything. What is random about it comes from the seed.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start(seed: u64) -> anyhow::Result<Self> {
        Self::start_as(seed, Plan::default())
    }

    /// The same, with settings for every service.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start_told(seed: u64, settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        Self::start_as(seed, Plan { settings, ..Plan::default() })
    }

    /// The same with Postgres' data in a directory of their own.
    ///
    /// # Errors
    /// It does not become ready.
    pub fn start_in(seed: u64, store_directory: &Path) -> anyhow::Result<Self> {
        Self::start_as(seed, Plan { store_directory: Some(store_directory), ..Plan::default() })
    }

    fn start_as(seed: u64, plan: Plan<'_>) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let pipeline = runtime.block_on(Pipeline::start_as(Plan { has_ways: true, ..plan }));
        let random = StdRng::seed_from_u64(seed);
        let mut laboratory = Self { pipeline, random, load: None, trials: 0, has_patience: false, runtime };
        laboratory.pass_one();
        sleep(NEW_QUEUES_ARE_KEPT_AFTER);
        Ok(laboratory)
    }

    /// Lets chance begin anew, from this seed.
    pub fn begin_anew(&mut self, seed: u64) {
        self.random = StdRng::seed_from_u64(seed);
    }

    /// Does not hold the pipeline to its times, where the machine is busy with other things.
    #[must_use]
    pub const fn with_patience(mut self) -> Self {
        self.has_patience = true;
        self
    }

    /// Whether times are of no account.
    pub const fn has_patience(&self) -> bool {
        self.has_patience
    }

    /// The pipeline.
    pub const fn pipeline(&mut self) -> &mut Pipeline {
        &mut self.pipeline
    }

    /// Its ways.
    pub fn ways(&self) -> &Ways {
        self.pipeline.ways()
    }

    /// Its broker.
    pub const fn broker(&self) -> &RabbitMq {
        self.pipeline.broker()
    }

    /// Its database server.
    pub const fn postgres(&self) -> &Postgres {
        self.pipeline.postgres()
    }

    /// Its services as clients see them.
    pub fn api(&self) -> Api {
        self.pipeline.api().clone()
    }

    /// The load, where there is one.
    ///
    /// # Errors
    /// There is none.
    pub fn load(&self) -> anyhow::Result<&Load> {
        self.load.as_ref().context("no load is on")
    }

    /// Runs something to its end.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Begins to send events of a category that nobody used before, and waits until some are through.
    ///
    /// # Errors
    /// Nothing gets through.
    pub fn begin_load(&mut self, name: &str, pace: Pace) -> anyhow::Result<()> {
        self.trials += 1;
        let category = format!("{name}-{}", self.trials);
        let file = self.pipeline.path("ledger");
        let seed = self.random.random();
        let load = Load::begin(self.runtime.handle(), self.pipeline.api(), &category, &file, pace, seed);
        let is_under_way = wait_until(PATIENCE, || load.accepted() >= UNDER_WAY_EVENTS);
        self.load = Some(load);
        ensure!(is_under_way, "nothing was accepted within {PATIENCE:?}\n{}", self.pipeline.logs());
        Ok(())
    }

    /// Takes the load away, to be ended.
    pub const fn take_load(&mut self) -> Option<Load> {
        self.load.take()
    }

    /// Sends one event and waits until it is stored; tells how long that took.
    pub fn pass_one(&mut self) -> Duration {
        let seed = self.random.random();
        self.runtime.block_on(pass_one(self.pipeline.api(), &mut StdRng::seed_from_u64(seed)))
    }

    /// Sends one event that is in no books, once.
    pub fn try_one(&mut self) -> Answered {
        let event: Value = event("tried", &mut self.random, 1, Expected::Stored, FEW_SESSIONS);
        self.runtime.block_on(self.pipeline.api().submit_once(&event))
    }

    /// A number by chance.
    pub fn chance(&mut self, range: Range<u32>) -> u32 {
        self.random.random_range(range)
    }

    /// One of so many, by chance.
    pub fn chance_of(&mut self, count: usize) -> usize {
        self.random.random_range(0..count)
    }

    /// How many events of a category are stored by now.
    pub fn stored(&self, category: &str) -> u64 {
        self.runtime.block_on(self.pipeline.api().count(category))
    }

    /// Waits for so many milliseconds, by chance.
    pub fn pause_ms(&mut self, range: Range<u64>) {
        let milliseconds = self.random.random_range(range);
        sleep(Duration::from_millis(milliseconds));
    }

    /// One of the consumers, by chance.
    pub fn some_consumer(&mut self) -> Part {
        Part::Consumer(self.random.random_range(0..2))
    }

    /// Asks the gateway how it is: the status of `/live` or `/ready`.
    pub fn health(&self, path: &str) -> Option<u16> {
        self.health_of(Part::Gateway, path)
    }

    /// The same of either gateway.
    pub fn health_of(&self, gateway: Part, path: &str) -> Option<u16> {
        self.runtime.block_on(self.pipeline.gateway_health(gateway, path))
    }

    /// Has an operator look whether the services' own books balance.
    ///
    /// # Errors
    /// They do not, or it can't be told.
    pub fn reconcile(&self) -> anyhow::Result<()> {
        self.pipeline.reconcile().map(drop).map_err(anyhow::Error::msg)
    }

    /// Whether the consumers empty the queues in time.
    pub fn queues_run_dry(&self) -> bool {
        self.queues_run_dry_within(PATIENCE)
    }

    /// The same with another patience.
    pub fn queues_run_dry_within(&self, patience: Duration) -> bool {
        self.runtime.block_on(self.pipeline.is_quiet_within(patience))
    }

    /// Waits until queues that were just made outlive a kill.
    pub fn await_kept_queues(&self) {
        sleep(NEW_QUEUES_ARE_KEPT_AFTER);
    }
}
