//! AMQP 0-9-1's frames, as far as a proxy and a scripted broker have to know them.

use super::Way;
use super::unit::{Kind, Unit};

/// What a client says first.
pub(super) const GREETING_BYTES: usize = 8;

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
pub(super) const FRAME_END: u8 = 0xCE;

/// Type, channel and size of a frame come before its payload.
pub(super) const FRAME_HEAD_BYTES: usize = 7;

/// Methods, by class and number.
pub(super) const BASIC_PUBLISH: (u16, u16) = (60, 40);
pub(super) const BASIC_RETURN: (u16, u16) = (60, 50);
pub(super) const BASIC_ACK: (u16, u16) = (60, 80);
pub(super) const BASIC_NACK: (u16, u16) = (60, 120);

/// One whole frame.
pub(super) fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend_from_slice(&channel.to_be_bytes());
    frame.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    frame.extend_from_slice(payload);
    frame.push(FRAME_END);
    frame
}

/// A method frame.
pub(super) fn method(channel: u16, (class, number): (u16, u16), arguments: &[u8]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend_from_slice(&number.to_be_bytes());
    payload.extend_from_slice(arguments);
    frame(METHOD, channel, &payload)
}

/// A text of at most 255 bytes.
pub(super) fn short(text: &str) -> Vec<u8> {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    let mut short = vec![u8::try_from(bytes.len()).unwrap_or(u8::MAX)];
    short.extend_from_slice(bytes);
    short
}

/// A text of any length.
pub(super) fn long(text: &str) -> Vec<u8> {
    let mut long = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    long.extend_from_slice(text.as_bytes());
    long
}

/// Class and number of a method frame's payload.
pub(super) fn method_of(payload: &[u8]) -> Option<(u16, u16)> {
    let class = u16::from_be_bytes(payload.get(..2)?.try_into().ok()?);
    let number = u16::from_be_bytes(payload.get(2..4)?.try_into().ok()?);
    Some((class, number))
}

/// How many bytes of body a header frame's payload announces.
pub(super) fn body_bytes(payload: &[u8]) -> u64 {
    payload.get(4..12).and_then(|size| Some(u64::from_be_bytes(size.try_into().ok()?))).unwrap_or(0)
}

/// The frames of one way of a connection, taken apart.
#[derive(Debug)]
pub(super) struct Frames {
    way: Way,
    buffer: Vec<u8>,
    is_greeted: bool,
    body_left: u64,
}

impl Frames {
    pub(super) const fn new(way: Way) -> Self {
        Self { way, buffer: Vec::new(), is_greeted: matches!(way, Way::Down), body_left: 0 }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Unit> {
        self.buffer.extend_from_slice(bytes);
        let mut units = Vec::new();
        let mut taken = 0;
        while let Some(size) = self.size_of_next(taken) {
            let bytes = self.buffer[taken..taken + size].to_vec();
            taken += size;
            let kind = if self.is_greeted { self.kind(&bytes) } else { Kind::Other };
            self.is_greeted = true;
            units.push(Unit { kind, bytes });
        }
        self.buffer.drain(..taken);
        units
    }

    /// The size of the unit that begins here, where it is there as a whole.
    fn size_of_next(&self, from: usize) -> Option<usize> {
        let rest = &self.buffer[from..];
        let size = if self.is_greeted {
            let size = u32::from_be_bytes(rest.get(3..FRAME_HEAD_BYTES)?.try_into().ok()?) as usize;
            FRAME_HEAD_BYTES + size + 1
        } else {
            GREETING_BYTES
        };
        (rest.len() >= size).then_some(size)
    }

    fn kind(&mut self, frame: &[u8]) -> Kind {
        let payload = &frame[FRAME_HEAD_BYTES..frame.len() - 1];
        match (frame[0], self.way) {
            (METHOD, way) => match (method_of(payload), way) {
                (Some(BASIC_ACK | BASIC_NACK), Way::Down) => Kind::Confirm,
                (Some(BASIC_ACK), Way::Up) => Kind::Ack,
                _ => Kind::Other,
            },
            (HEADER, Way::Up) => {
                self.body_left = body_bytes(payload);
                self.end_of_publish()
            }
            (BODY, Way::Up) => {
                self.body_left = self.body_left.saturating_sub(payload.len() as u64);
                self.end_of_publish()
            }
            _ => Kind::Other,
        }
    }

    const fn end_of_publish(&self) -> Kind {
        if self.body_left == 0 { Kind::PublishEnd } else { Kind::Other }
    }
}
