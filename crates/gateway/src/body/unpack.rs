//! Decompression that never gives more than it may: a small body can unpack to gigabytes.

use std::io::Read;

use actix_web::web::Bytes;
use flate2::bufread::MultiGzDecoder;

use crate::media::Coding;

/// Packers may want this much memory back (2^23, 8 MiB): what the format's specification recommends to allow.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much is unpacked at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why a body can't be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnpackError {
    /// More than allowed comes out.
    TooLarge,
    /// It is cut off, broken, or followed by something else.
    Corrupt(&'static str),
}

/// The bytes themselves, at most so many.
pub(super) fn unpack(packed: Bytes, coding: Coding, bytes_max: usize) -> Result<Bytes, UnpackError> {
    match coding {
        Coding::Identity => Ok(packed),
        Coding::Gzip => read(MultiGzDecoder::new(&packed[..]), bytes_max, "the body is no valid gzip"),
        Coding::Zstd => {
            let corrupt = "the body is no valid zstd";
            let mut decoder = zstd::stream::read::Decoder::with_buffer(&packed[..])
                .map_err(|_| UnpackError::Corrupt(corrupt))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| UnpackError::Corrupt(corrupt))?;
            read(decoder, bytes_max, corrupt)
        }
    }
}

fn read(unpacking: impl Read, bytes_max: usize, corrupt: &'static str) -> Result<Bytes, UnpackError> {
    // One byte more than allowed tells that it is too much.
    let mut unpacking = unpacking.take(bytes_max as u64 + 1);
    let mut unpacked = Vec::new();
    loop {
        // Grown by hand: doubling would hold up to twice of what is allowed.
        let before = unpacked.len();
        unpacked.reserve_exact(CHUNK_BYTES.max(before / 4));
        let room = (unpacked.capacity() - before) as u64;
        let read = unpacking.by_ref().take(room).read_to_end(&mut unpacked);
        match read {
            Err(_) => return Err(UnpackError::Corrupt(corrupt)),
            Ok(_) if unpacked.len() > bytes_max => return Err(UnpackError::TooLarge),
            Ok(0) => return Ok(unpacked.into()),
            Ok(_) => {}
        }
    }
}
