//! Server-sent events, as the WHATWG's HTML standard has them, read from whatever pieces they come in.

use anyhow::{Result, bail};

/// The most bytes of one that is not whole yet. An event has at most 256 KiB as it was sent.
const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One of them. It may tell no more than where the stream is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) retry_ms: Option<u64>,
}

/// What came and is not whole yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    line: Vec<u8>,
    frame: Frame,
    bytes: usize,
}

impl Frames {
    /// Takes a piece; gives what is whole by now.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<Vec<Frame>> {
        let mut whole = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.bytes += part.len();
            if self.bytes > FRAME_BYTES_MAX {
                bail!("an event of the stream is longer than {FRAME_BYTES_MAX} bytes");
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                whole.extend(self.end_line(&line)?);
            }
        }
        Ok(whole)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<Option<Frame>> {
        let line = std::str::from_utf8(line)?.trim_end_matches(['\n', '\r']);
        if line.is_empty() {
            self.bytes = 0;
            return Ok(Some(std::mem::take(&mut self.frame)));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.frame.kind = Some(value.to_owned()),
            "data" => match &mut self.frame.data {
                Some(data) => *data = format!("{data}\n{value}"),
                None => self.frame.data = Some(value.to_owned()),
            },
            "id" => self.frame.id = Some(value.to_owned()),
            "retry" => self.frame.retry_ms = value.parse().ok(),
            // A comment, or a field of days to come.
            _ => {}
        }
        Ok(None)
    }
}
