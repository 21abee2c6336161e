//! The matrix of faults: a row each.
//!
//! A row says what is done to a pipeline under load. What must hold afterwards is the same for all of them, and is looked at
//! by [`crate::trial`]: nothing accepted is lost, nothing is doubled, nothing is there that nobody sent, everything is as it
//! was sent, sessions and counts are right, and a fresh event passes.

mod broker;
mod consumer;
mod gateway;
mod links;
mod scaling;
mod store;

use crate::laboratory::Laboratory;

/// What is done to a pipeline. An error says what did not come about that should have.
pub type Fault = fn(&mut Laboratory) -> anyhow::Result<()>;

/// When a row is run, beside in the whole matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Also {
    /// Always, by every test run, and in a soak.
    Always,
    /// By a test run that chance has chosen it for, and in a soak.
    ByChance,
    /// In no soak: it takes long, or stops the load.
    Nowhere,
}

/// A row of the matrix.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What happens.
    pub name: &'static str,
    /// The promises of the contract that it tries.
    pub promises: &'static str,
    /// Brings it about, and ends it.
    pub fault: Fault,
    /// When else it is run.
    pub also: Also,
}

const fn row(name: &'static str, promises: &'static str, also: Also, fault: Fault) -> Row {
    Row { name, promises, fault, also }
}

/// Every row, in the order of the matrix. Disks that fill up have a pipeline of their own: [`crate::small_disk`].
pub const ROWS: &[Row] = &[
    row("gateway_killed", "1 2 4", Also::ByChance, gateway::killed),
    row("gateway_ends_before_publishing", "3 4", Also::ByChance, gateway::ends_before_publishing),
    row(
        "gateway_ends_between_confirm_and_answer",
        "1 3 4",
        Also::Always,
        gateway::ends_between_confirm_and_answer,
    ),
    row("gateway_stopped", "1 2 4", Also::ByChance, gateway::stopped),
    row("clients_leave", "2 4", Also::ByChance, gateway::clients_leave),
    row("answers_lost", "3", Also::Always, gateway::answers_lost),
    row("gateway_without_database", "4", Also::ByChance, gateway::without_database),
    row("key_revoked", "4", Also::Nowhere, gateway::key_revoked),
    row("broker_away_at_start", "1 4", Also::Nowhere, broker::away_at_start),
    row("broker_killed", "1 2", Also::ByChance, broker::killed),
    row("broker_stopped", "1 2", Also::ByChance, broker::stopped),
    row("broker_frozen", "1 4", Also::ByChance, broker::frozen),
    row("broker_out_of_memory", "1 4", Also::Nowhere, broker::out_of_memory),
    row("broker_out_of_disk", "1 4", Also::Nowhere, broker::out_of_disk),
    row("queue_full", "1 4", Also::Nowhere, broker::queue_full),
    row("queue_unbound", "1", Also::ByChance, broker::queue_unbound),
    row("queue_deleted", "1", Also::Nowhere, broker::queue_deleted),
    row("channel_closed_by_broker", "1", Also::ByChance, broker::exchange_deleted),
    row("confirm_lost", "1 3", Also::Always, links::confirm_lost),
    row("publisher_cut_after_publish", "3", Also::Always, links::cut_after_publish),
    row("publisher_cut_within_publish", "1 2", Also::ByChance, links::cut_within_publish),
    row("publisher_link_reset", "1 2", Also::ByChance, links::publisher_reset),
    row("publisher_link_cut_anywhere", "1 2", Also::ByChance, links::publisher_cut_anywhere),
    row("publisher_link_silent", "1 4", Also::Nowhere, links::publisher_stranded),
    row("publisher_link_stalls", "1 4", Also::ByChance, links::publisher_stalls),
    row("publisher_link_slow", "1 4", Also::ByChance, links::publisher_slow),
    row("consumer_killed", "2 3", Also::ByChance, consumer::killed),
    row("all_consumers_killed", "2 3", Also::ByChance, consumer::all_killed),
    row("consumer_ends_before_commit", "2 3", Also::Always, consumer::ends_before_commit),
    row("consumer_killed_while_it_commits", "2 3", Also::ByChance, consumer::killed_while_it_commits),
    row("consumer_ends_between_commit_and_ack", "3", Also::Always, consumer::ends_between_commit_and_ack),
    row("consumer_ends_amid_acks", "3", Also::Always, consumer::ends_amid_acks),
    row("consumers_away", "2 7", Also::Nowhere, consumer::all_away),
    row("consumers_come_and_go", "2 3", Also::ByChance, consumer::come_and_go),
    row("consumers_scaled", "2 3", Also::Nowhere, scaling::consumers),
    row("gateways_restarted_in_turn", "1 2 4", Also::Nowhere, scaling::gateways_in_turn),
    row("consumer_frozen", "2 3", Also::Nowhere, consumer::frozen),
    row("consumer_cut_after_ack", "3", Also::ByChance, links::cut_after_ack),
    row("consumer_link_reset", "2 3", Also::ByChance, links::consumer_reset),
    row("consumer_link_silent", "2 3", Also::Nowhere, links::consumer_stranded),
    row("database_killed", "2 3", Also::ByChance, store::killed),
    row("database_stopped", "2 3", Also::ByChance, store::stopped),
    row("database_frozen", "2 3", Also::ByChance, store::frozen),
    row("database_link_reset", "2 3", Also::ByChance, store::reset),
    row("database_link_cut_anywhere", "2 3", Also::ByChance, store::cut_anywhere),
    row("database_link_stalls", "2 3", Also::ByChance, store::stalls),
    row("database_link_silent", "2 3", Also::Nowhere, store::stranded),
    row("commit_reply_lost", "3", Also::Always, store::commit_reply_lost),
    row("database_out_of_connections", "2", Also::Nowhere, store::out_of_connections),
    row("database_table_locked", "2", Also::ByChance, store::table_locked),
    row("database_sessions_ended", "2 3", Also::ByChance, store::sessions_ended),
    row("database_read_only", "2", Also::ByChance, store::read_only),
    row("database_slow", "2", Also::ByChance, store::slow),
];
