//! The lines of a file, each with an id that is the same whenever it is loaded.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use event::json::{Scanner, Token};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The most bytes of a line, and of a request: what the gateway takes by default, with room to spare. A longer line is
/// refused without reading it into memory.
pub(crate) const LINE_BYTES_MAX: usize = client::BATCH_BYTES_MAX - 64 * 1024;

/// One event of a file.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Counted from 1, blank lines too.
    pub(crate) number: u64,
    /// What is sent; the reason where it is too long for any request.
    pub(crate) text: Result<Vec<u8>, String>,
}

/// A file that is read from its beginning to its end, with flat memory.
pub(crate) struct Source {
    path: PathBuf,
    lines: Box<dyn BufRead>,
    digest: Uuid,
    number: u64,
    bytes_read: Arc<AtomicU64>,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let digest = digest(path)?;
        let bytes_read = Arc::new(AtomicU64::new(0));
        let file = Counted { file: open(path)?, read: Arc::clone(&bytes_read) };
        let reader: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
            Some("zst") => {
                Box::new(zstd::Decoder::new(file).with_context(|| format!("read {}", path.display()))?)
            }
            _ => Box::new(file),
        };
        let lines = Box::new(BufReader::with_capacity(256 * 1024, reader));
        Ok(Self { path: path.to_owned(), lines, digest, number: 0, bytes_read })
    }

    /// How many bytes of the file have been read, packed as it may be.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// How many lines have been read, blank ones too.
    pub(crate) fn lines(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank; none at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<Line>> {
        loop {
            let mut text = Vec::new();
            if self.read_line(&mut text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let trimmed = text.trim_ascii();
            if trimmed.is_empty() {
                continue;
            }
            let text = if trimmed.len() > LINE_BYTES_MAX {
                self.skip_line(&text)?;
                Err(format!("expected at most {LINE_BYTES_MAX} bytes in a line, found more"))
            } else {
                Ok(with_id(trimmed, || line_id(&self.digest, self.number)))
            };
            return Ok(Some(Line { number: self.number, text }));
        }
    }

    /// Reads a line, or as much of it as shows that it is too long.
    fn read_line(&mut self, text: &mut Vec<u8>) -> Result<usize> {
        let limit = u64::try_from(LINE_BYTES_MAX)? + 1;
        let read = (&mut self.lines).take(limit).read_until(b'\n', text);
        read.with_context(|| format!("read {}", self.path.display()))
    }

    /// Reads on to the end of the line that `begun` is the beginning of, keeping nothing.
    fn skip_line(&mut self, begun: &[u8]) -> Result<()> {
        if begun.ends_with(b"\n") {
            return Ok(());
        }
        self.lines.skip_until(b'\n').with_context(|| format!("read {}", self.path.display()))?;
        Ok(())
    }
}

/// The id of a line without one: made of the file's digest and the line's number, so that whoever loads the file again
/// sends the same event.
fn line_id(file: &Uuid, number: u64) -> Uuid {
    Uuid::new_v5(file, &number.to_be_bytes())
}

/// Puts an id in front of an event's other members, where it has none. The rest stays as it is, byte for byte, and what
/// is no object is for the gateway to refuse.
fn with_id(line: &[u8], id: impl FnOnce() -> Uuid) -> Vec<u8> {
    let rest = match (has_id(line), line.strip_prefix(b"{")) {
        (Some(false), Some(rest)) => rest,
        _ => return line.to_vec(),
    };
    let comma = if rest.trim_ascii_start().starts_with(b"}") { "" } else { "," };
    let mut text = format!("{{\"id\":\"{}\"{comma}", id()).into_bytes();
    text.extend_from_slice(rest);
    text
}

/// Whether an event has an `id`, be it null or wrong: a second one beside it would be another mistake. None where the line
/// is no event.
fn has_id(line: &[u8]) -> Option<bool> {
    let mut scanner = Scanner::new(std::str::from_utf8(line).ok()?);
    if scanner.next_token().ok()?? != Token::ObjectStart {
        return None;
    }
    let mut found = false;
    while let Token::Key(key) = scanner.next_token().ok()?? {
        found |= key.decode() == "id";
        let value = scanner.next_token().ok()??;
        scanner.skip_value(&value).ok()?;
    }
    // Nothing may follow the object.
    scanner.next_token().ok()?.is_none().then_some(found)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("open {}", path.display()))
}

/// A namespace of its own for each content of a file.
fn digest(path: &Path) -> Result<Uuid> {
    let mut file = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer).with_context(|| format!("read {}", path.display()))?;
        if read == 0 {
            return Ok(Uuid::new_v5(&Uuid::NAMESPACE_OID, &hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

/// Counts what is read of a file.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}
