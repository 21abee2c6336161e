//! Request bodies.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::RawEvent;

/// NDJSON, perhaps packed. A copy costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    packed: bool,
}

impl Body {
    /// A line each event.
    pub(crate) fn of<'a>(events: impl Iterator<Item = &'a RawEvent> + Clone) -> Self {
        let mut bytes = Vec::with_capacity(events.clone().map(RawEvent::bytes).sum());
        for event in events {
            bytes.extend_from_slice(event.text());
            bytes.push(b'\n');
        }
        Self { bytes: bytes.into(), packed: false }
    }

    /// What is sent.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.packed
    }

    /// The same, packed. Off the runtime's threads, since 5 MiB take longer than a task should.
    pub(crate) async fn pack(self) -> Self {
        let plain = self.bytes.clone();
        match tokio::task::spawn_blocking(move || gzip(&plain)).await {
            Ok(Ok(bytes)) => Self { bytes: bytes.into(), packed: true },
            // The runtime is ending: unpacked is as good.
            _ => self,
        }
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    packer.write_all(plain)?;
    packer.finish()
}
