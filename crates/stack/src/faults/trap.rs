//! Faults that what passes through a proxy brings about.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Way;
use super::unit::{Kind, Talk, Unit};

/// What springs once, when what passes gives occasion to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// The client is reset after so many bytes on a way, in the middle of whatever they are.
    CutAfterBytes {
        /// On which way they are counted, over all connections.
        way: Way,
        /// How many still pass.
        bytes: usize,
    },
    /// AMQP: a confirm, positive or negative, does not reach the publisher.
    SwallowConfirm,
    /// AMQP: a published message is passed on as a whole, and the publisher is reset at once.
    CutAfterPublish,
    /// AMQP: half of the last frame of a published message is passed on, and then nothing.
    CutInPublish,
    /// AMQP: a consumer's acknowledgement is passed on, and the consumer is reset at once.
    CutAfterAck,
    /// Postgres: the server commits, and its answer does not reach the client, which is reset.
    LoseCommitReply,
    /// Postgres: COMMIT does not reach the server, and the client gets no answer until it goes.
    HoldCommit,
}

impl Trap {
    fn is_sprung_by(self, way: Way, unit: &Unit, talk_awaits_commit: bool) -> bool {
        match self {
            Self::CutAfterBytes { way: counted, bytes } => counted == way && unit.bytes.len() >= bytes,
            Self::SwallowConfirm => matches!(unit.kind, Kind::Confirm),
            Self::CutAfterPublish | Self::CutInPublish => matches!(unit.kind, Kind::PublishEnd),
            Self::CutAfterAck => matches!(unit.kind, Kind::Ack),
            Self::LoseCommitReply => matches!(way, Way::Down) && talk_awaits_commit,
            Self::HoldCommit => matches!(unit.kind, Kind::Commit),
        }
    }

    const fn verdict(self, unit: &Unit) -> Verdict {
        match self {
            Self::CutAfterBytes { bytes, .. } => Verdict::PassThenReset(bytes),
            Self::SwallowConfirm => Verdict::Swallow,
            Self::CutAfterPublish | Self::CutAfterAck => Verdict::PassThenReset(unit.bytes.len()),
            Self::CutInPublish => Verdict::PassThenReset(unit.bytes.len() / 2),
            Self::LoseCommitReply => Verdict::Reset,
            Self::HoldCommit => Verdict::Hold,
        }
    }
}

/// What becomes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Swallow,
    /// So many of its bytes pass, and then the client is reset.
    PassThenReset(usize),
    /// It does not pass, and both ends are reset.
    Reset,
    /// Neither it nor anything after it passes.
    Hold,
}

/// The traps of a proxy.
#[derive(Debug, Default)]
pub(super) struct Traps(Mutex<Armed>);

#[derive(Debug, Default)]
struct Armed {
    /// Each with how many occasions it lets pass.
    traps: Vec<(Trap, u32)>,
    sprung: u32,
}

impl Traps {
    pub(super) fn set(&self, trap: Trap, passed_over: u32) {
        self.armed().traps.push((trap, passed_over));
    }

    pub(super) fn clear(&self) {
        self.armed().traps.clear();
    }

    pub(super) fn sprung(&self) -> u32 {
        self.armed().sprung
    }

    /// What becomes of a unit. The first trap that it springs decides.
    pub(super) fn judge(&self, way: Way, unit: &Unit, talk: &Talk) -> Verdict {
        let mut armed = self.armed();
        let awaits_commit = talk.awaits_commit();
        let mut verdict = None;
        armed.traps.retain_mut(|(trap, passed_over)| {
            if verdict.is_some() || !trap.is_sprung_by(way, unit, awaits_commit) {
                if let Trap::CutAfterBytes { way: counted, bytes } = trap
                    && *counted == way
                {
                    *bytes = bytes.saturating_sub(unit.bytes.len());
                }
                return true;
            }
            if *passed_over > 0 {
                *passed_over -= 1;
                return true;
            }
            verdict = Some(trap.verdict(unit));
            false
        });
        armed.sprung += u32::from(verdict.is_some());
        drop(armed);
        match (unit.kind, way) {
            (Kind::Commit, _) => talk.ask_for_commit(),
            (_, Way::Down) => talk.commit_answered(),
            _ => {}
        }
        verdict.unwrap_or(Verdict::Pass)
    }

    fn armed(&self) -> MutexGuard<'_, Armed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
