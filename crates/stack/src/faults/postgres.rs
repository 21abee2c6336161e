//! Postgres' protocol, as far as a proxy has to know it: what a client sends.

use super::unit::{Kind, Unit};

/// Requests for encryption, which come before the start and may be refused with one byte.
const ENCRYPTION_CODES: [u32; 2] = [80_877_103, 80_877_104];

/// A client's messages.
#[derive(Debug, Default)]
pub(super) struct Messages {
    buffer: Vec<u8>,
    is_started: bool,
}

impl Messages {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Unit> {
        self.buffer.extend_from_slice(bytes);
        let mut units = Vec::new();
        while let Some(unit) = self.next() {
            units.push(unit);
        }
        units
    }

    fn next(&mut self) -> Option<Unit> {
        // Until the session has started, messages have no type before their length, which counts itself.
        let type_bytes = usize::from(self.is_started);
        let length = self.buffer.get(type_bytes..type_bytes + 4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let whole = type_bytes + length.max(4);
        if self.buffer.len() < whole {
            return None;
        }
        let rest = self.buffer.split_off(whole);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let kind = if self.is_started && is_commit(&bytes) { Kind::Commit } else { Kind::Other };
        self.is_started = self.is_started || !asks_for_encryption(&bytes);
        Some(Unit { kind, bytes })
    }
}

fn asks_for_encryption(message: &[u8]) -> bool {
    let code = message.get(4..8).and_then(|code| Some(u32::from_be_bytes(code.try_into().ok()?)));
    code.is_some_and(|code| ENCRYPTION_CODES.contains(&code))
}

/// Whether it is a simple query of nothing but COMMIT.
fn is_commit(message: &[u8]) -> bool {
    let [b'Q', _, _, _, _, text @ ..] = message else { return false };
    let text = text.strip_suffix(&[0]).unwrap_or(text).trim_ascii();
    text.strip_suffix(b";").unwrap_or(text).eq_ignore_ascii_case(b"COMMIT")
}
