//! Three RabbitMQ nodes that are one broker.

use std::path::Path;

use serde_json::Value;

use crate::process::secret;
use crate::rabbitmq::epmd::Epmd;
use crate::rabbitmq::{self, Options};
use crate::{Network, RabbitMq, StackError, ports};

/// So many nodes make up the broker: the fewest of which one may be lost.
const NODES: u8 = 3;

/// What joins the nodes.
#[derive(Debug)]
enum Ground {
    /// All are on loopback, and find each other by the same epmd.
    Loopback(Epmd),
    /// Each is on a machine of its own.
    Network(Network),
}

/// A broker of three nodes, on loopback or on a network. Dropping it stops all of them; the data stay.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<RabbitMq>,
    // Dropped last.
    ground: Ground,
}

impl Cluster {
    /// Starts the nodes on loopback one after another, each with its data in a directory of its own in `directory`, and waits until
    /// all answer. A node that finds itself in a minority pauses until it does not.
    ///
    /// # Errors
    /// What is missing, or why a node does not start.
    pub fn start(directory: &Path, policies: &Value) -> Result<Self, StackError> {
        Self::start_on(Ground::Loopback(Epmd::start(None, directory)?), directory, policies)
    }

    /// The same, each node on a machine of its own of a network that is made for them.
    ///
    /// # Errors
    /// What is missing, what the kernel does not allow, or why a node does not start.
    pub fn start_apart(directory: &Path, policies: &Value) -> Result<Self, StackError> {
        Self::start_on(Ground::Network(Network::of(NODES)?), directory, policies)
    }

    fn start_on(ground: Ground, directory: &Path, policies: &Value) -> Result<Self, StackError> {
        let (cookie, password) = (secret()?, secret()?);
        let mut nodes: Vec<RabbitMq> = Vec::with_capacity(NODES.into());
        for number in 0..usize::from(NODES) {
            let name = format!("eye-{}", number + 1);
            let directory = directory.join(&name);
            let what = format!("make {}", directory.display());
            std::fs::create_dir_all(&directory).map_err(StackError::io(what))?;
            // What all of them have to agree on.
            rabbitmq::write(&directory.join(".erlang.cookie"), &cookie, 0o400)?;
            rabbitmq::write(&directory.join("password"), &password, 0o600)?;
            let mut settings = vec!["cluster_partition_handling = pause_minority".to_owned()];
            if let Some(first) = nodes.first() {
                settings.push("cluster_formation.peer_discovery_backend = classic_config".to_owned());
                settings.push(format!("cluster_formation.classic_config.nodes.1 = {}", first.node()));
            }
            let mut options = Options {
                policies: policies.clone(),
                settings,
                name: Some(name),
                management_port: Some(ports::free()?),
                ..Options::default()
            };
            match &ground {
                Ground::Loopback(epmd) => options.epmd_port = Some(epmd.port()),
                Ground::Network(network) => options.machine = Some(network.machine(number)),
            }
            nodes.push(RabbitMq::start(&directory, &options)?);
        }
        Ok(Self { nodes, ground })
    }

    /// The AMQP addresses of all nodes, as `broker.url` takes them.
    pub fn amqp_urls(&self) -> String {
        self.nodes.iter().map(RabbitMq::amqp_url).collect::<Vec<_>>().join(",")
    }

    /// The addresses of all management interfaces, as `broker.management_url` takes them.
    pub fn management_urls(&self) -> String {
        self.nodes.iter().filter_map(RabbitMq::management_url).collect::<Vec<_>>().join(",")
    }

    /// The nodes, in the order of their addresses.
    pub fn nodes(&mut self) -> &mut [RabbitMq] {
        &mut self.nodes
    }

    /// The node by whose leave a quorum queue takes messages, as the node at `asked` sees it.
    ///
    /// # Errors
    /// The node does not answer, or the queue has no leader.
    pub fn leader(&self, asked: usize, queue: &str) -> Result<usize, StackError> {
        let listed = self.nodes[asked].control(&["list_queues", "name", "leader", "--formatter", "json"])?;
        let none =
            || StackError::Failed { what: format!("find the leader of {queue}"), output: listed.clone() };
        let queues: Vec<Value> = serde_json::from_str(&listed).map_err(|_| none())?;
        let found = queues.iter().find(|found| found["name"] == queue).ok_or_else(none)?;
        self.nodes.iter().position(|node| found["leader"] == node.node()).ok_or_else(none)
    }

    /// Cuts a node off from the others: its clients still reach it. It is told another secret for each of them, so that no
    /// connection between them comes about; those that there are end. On a network, see [`Network::cut`].
    ///
    /// # Errors
    /// The node does not answer.
    pub fn cut_off(&self, number: usize) -> Result<(), StackError> {
        // All secrets first, then all connections at once: nodes that see each other by turns only would all pause.
        let others = self.others(number);
        let cut = format!(
            "[erlang:set_cookie(N, cut) || N <- {others}], [erlang:disconnect_node(N) || N <- {others}]."
        );
        self.nodes[number].control(&["eval", &cut]).map(drop)
    }

    /// Ends what [`Self::cut_off`] began.
    ///
    /// # Errors
    /// The node does not answer.
    pub fn rejoin(&self, number: usize) -> Result<(), StackError> {
        let others = self.others(number);
        let rejoin = format!("[erlang:set_cookie(N, erlang:get_cookie()) || N <- {others}].");
        self.nodes[number].control(&["eval", &rejoin]).map(drop)
    }

    /// The network that joins the nodes; none where they are on loopback.
    pub const fn network(&self) -> Option<&Network> {
        match &self.ground {
            Ground::Loopback(_) => None,
            Ground::Network(network) => Some(network),
        }
    }

    /// All nodes but one, as Erlang writes a list.
    fn others(&self, number: usize) -> String {
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != number);
        let names: Vec<_> = others.map(|(_, node)| format!("'{}'", node.node())).collect();
        format!("[{}]", names.join(", "))
    }
}
