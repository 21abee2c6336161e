//! A broker of three nodes: what one of them, or two, take with them.

use std::time::Duration;

use broker::{Publisher, Settings};
use event::MessageId;
use serde_json::json;
use stack::network::Wire;
use stack::{Cluster, Network, RabbitMq};
use tempfile::TempDir;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::node::{id_of, message, policies, publish_on, settings_json, take_all, unused_queue};

/// How long after a queue was made a node may be killed: it is noted in the directory of its logs by then.
const NOTED_AFTER: Duration = Duration::from_millis(1500);

/// After how long every node has noticed that another is silent, which takes them 5 to 7 s.
const NOTICED_AFTER: Duration = Duration::from_secs(15);

/// How long a broker may take to be whole again: a node that was in a minority starts anew, and waits for the others' tables.
const HEALED_WITHIN: Duration = Duration::from_secs(180);

/// One cluster at a time: three nodes that start are enough work for a machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

struct Nodes {
    cluster: Cluster,
    settings: Settings,
    _directory: TempDir,
}

impl Nodes {
    fn start() -> Self {
        let directory = stack::testing::directory().unwrap();
        let cluster = Cluster::start(directory.path(), &policies()).unwrap();
        Self::of(cluster, directory)
    }

    /// Each on a machine of its own.
    fn start_apart() -> Self {
        let directory = stack::testing::directory().unwrap();
        let cluster = Cluster::start_apart(directory.path(), &policies()).unwrap();
        Self::of(cluster, directory)
    }

    fn of(mut cluster: Cluster, directory: TempDir) -> Self {
        let settings = settings_of(cluster.nodes(), &unused_queue());
        Self { cluster, settings, _directory: directory }
    }

    /// Does something that takes long, beside what the test's tasks do.
    async fn beside<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Cluster) -> T + Send + 'static,
    ) -> (Self, T) {
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut self.cluster);
            (self, done)
        });
        working.await.unwrap()
    }

    fn network(&self) -> &Network {
        self.cluster.network().unwrap()
    }

    /// The same settings but for the address: that of one node.
    fn only(&mut self, number: usize) -> Settings {
        settings_of(&self.cluster.nodes()[number..=number], self.settings.queue())
    }
}

/// Settings that know these nodes, in this order, and speak to them in plain text wherever they are.
fn settings_of(nodes: &[RabbitMq], queue: &str) -> Settings {
    let addresses: Vec<_> = nodes.iter().map(RabbitMq::amqp_url).collect();
    let hosts: Vec<_> = nodes.iter().map(|node| node.host().to_string()).collect();
    let mut settings = settings_json(&addresses.join(","), queue);
    settings["plaintext_hosts"] = json!(hosts.join(","));
    serde_json::from_value(settings).unwrap()
}

/// Many that publish at once, while something happens to the nodes.
struct Load {
    stop: watch::Sender<bool>,
    publishing: JoinSet<Vec<MessageId>>,
}

impl Load {
    fn begin(publisher: &Publisher) -> Self {
        let (stop, stopped) = watch::channel(false);
        let publishing = (0..2).map(|_| publish_on(publisher.clone(), stopped.clone())).collect();
        Self { stop, publishing }
    }

    /// What was confirmed, all in all.
    async fn end(self) -> Vec<MessageId> {
        self.stop.send_replace(true);
        self.publishing.join_all().await.concat()
    }
}

/// Publishes new messages until one is confirmed, as gateways do: what a leader took with it when it died is never confirmed.
async fn publish_at_last(publisher: &Publisher) -> MessageId {
    let publishing = async {
        loop {
            let message = message();
            let id = id_of(&message);
            match publisher.publish(message, Instant::now() + Duration::from_secs(2)).await {
                Ok(()) => return id,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    timeout(HEALED_WITHIN, publishing).await.expect("a message is confirmed")
}

/// Publishes to no avail; a confirm would be a lie.
async fn nothing_is_confirmed(publisher: &Publisher) {
    let published = publisher.publish(message(), Instant::now() + Duration::from_secs(5)).await;
    assert!(published.is_err(), "confirmed without a majority");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_three_nodes_confirmed_is_lost_whichever_of_them_go() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let nodes = Nodes::start();
    let publisher = Publisher::start(&nodes.settings);
    let mut confirmed = vec![publish_at_last(&publisher).await];
    sleep(NOTED_AFTER).await;

    let (nodes, mut ids) = a_leader_is_killed(nodes, &publisher).await;
    confirmed.append(&mut ids);
    let (nodes, mut ids) = a_node_is_cut_off(nodes, &publisher).await;
    confirmed.append(&mut ids);
    let (nodes, mut ids) = two_nodes_are_gone(nodes, &publisher).await;
    confirmed.append(&mut ids);

    nothing_is_lost(&nodes, &confirmed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_three_machines_confirmed_is_lost_whichever_wires_are_cut() {
    if let Err(error) = Network::is_allowed() {
        eprintln!("skipped: {error}");
        return;
    }
    let _turn = ONE_AT_A_TIME.lock().await;
    let mut nodes = Nodes::start_apart();
    let publisher = Publisher::start(&nodes.settings);
    let mut confirmed = vec![publish_at_last(&publisher).await];
    confirmed.append(&mut a_machine_is_silent(&nodes, &publisher).await);
    // Whoever knows only that machine reaches it again, and it none of its peers.
    nodes.network().mend(0, Wire::Clients).unwrap();
    nothing_is_confirmed(&Publisher::start(&nodes.only(0))).await;
    nothing_is_lost(&nodes, &confirmed).await;
    // None of them sees another.
    nodes.network().cut(1, Wire::Peers).unwrap();
    sleep(NOTED_AFTER).await;
    nothing_is_confirmed(&publisher).await;
}

/// All that was confirmed is in the queue.
async fn nothing_is_lost(nodes: &Nodes, confirmed: &[MessageId]) {
    let taken = take_all(&nodes.settings).await;
    let lost: Vec<_> = confirmed.iter().filter(|id| !taken.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), confirmed.len());
}

/// The others choose a new leader, and what publishes goes on.
async fn a_leader_is_killed(nodes: Nodes, publisher: &Publisher) -> (Nodes, Vec<MessageId>) {
    let load = Load::begin(publisher);
    let queue = nodes.settings.queue().to_owned();
    let (nodes, leader) = nodes
        .beside(move |cluster| {
            let leader = cluster.leader(0, &queue).unwrap();
            cluster.nodes()[leader].kill();
            leader
        })
        .await;
    publish_at_last(publisher).await;
    let (nodes, ()) = nodes.beside(move |cluster| cluster.nodes()[leader].restart().unwrap()).await;
    publish_at_last(publisher).await;
    (nodes, load.end().await)
}

/// It takes nothing in, and those that know the others' addresses move to them.
async fn a_node_is_cut_off(mut nodes: Nodes, publisher: &Publisher) -> (Nodes, Vec<MessageId>) {
    let load = Load::begin(publisher);
    let lonely = Publisher::start(&nodes.only(0));
    publish_at_last(&lonely).await;
    let (nodes, ()) = nodes.beside(|cluster| cluster.cut_off(0).unwrap()).await;
    publish_at_last(publisher).await;
    // What was on its way when it was cut off may have come through.
    sleep(NOTED_AFTER).await;
    nothing_is_confirmed(&lonely).await;
    let (nodes, ()) = nodes.beside(|cluster| cluster.rejoin(0).unwrap()).await;
    publish_at_last(&lonely).await;
    (nodes, load.end().await)
}

/// Nothing is confirmed until one of them is back.
async fn two_nodes_are_gone(nodes: Nodes, publisher: &Publisher) -> (Nodes, Vec<MessageId>) {
    let load = Load::begin(publisher);
    publish_at_last(publisher).await;
    let (nodes, ()) =
        nodes.beside(|cluster| cluster.nodes()[1..].iter_mut().for_each(stack::RabbitMq::kill)).await;
    nothing_is_confirmed(publisher).await;
    let (nodes, ()) = nodes
        .beside(|cluster| cluster.nodes()[1..].iter_mut().for_each(|node| node.restart().unwrap()))
        .await;
    publish_at_last(publisher).await;
    (nodes, load.end().await)
}

/// Nothing arrives at it any more, and nobody is told: neither the others nor those that are connected to it.
async fn a_machine_is_silent(nodes: &Nodes, publisher: &Publisher) -> Vec<MessageId> {
    let load = Load::begin(publisher);
    // It knows that machine first.
    let moving = Publisher::start(&nodes.settings);
    publish_at_last(&moving).await;
    Wire::ALL.iter().for_each(|&wire| nodes.network().cut(0, wire).unwrap());
    publish_at_last(&moving).await;
    sleep(NOTICED_AFTER).await;
    publish_at_last(publisher).await;
    load.end().await
}
