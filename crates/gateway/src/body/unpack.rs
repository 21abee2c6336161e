//! Decompression that never gives more than it may: a small body can unpack to gigabytes.

use std::io::Read;

use actix_web::web::Bytes;
use flate2::bufread::MultiGzDecoder;
use zstd::bulk::Decompressor;

use crate::media::Coding;

/// How much is unpacked at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// How libzstd says that more would have come out; it has no code for it that this crate could see.
const ZSTD_TOO_LARGE: &str = "Destination buffer is too small";

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
        Coding::Gzip => gunzip(&packed, bytes_max),
        Coding::Zstd => unzstd(&packed, bytes_max),
    }
}

/// Every member of the body, to its last byte.
fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Bytes, UnpackError> {
    // One byte more than allowed tells that it is too much.
    let mut unpacking = MultiGzDecoder::new(packed).take(bytes_max as u64 + 1);
    let mut unpacked = Vec::new();
    loop {
        // Grown by hand: doubling would hold up to twice of what is allowed.
        let before = unpacked.len();
        unpacked.reserve_exact(CHUNK_BYTES.max(before / 4));
        let room = (unpacked.capacity() - before) as u64;
        match unpacking.by_ref().take(room).read_to_end(&mut unpacked) {
            Err(_) => return Err(UnpackError::Corrupt("the body is no valid gzip")),
            Ok(_) if unpacked.len() > bytes_max => return Err(UnpackError::TooLarge),
            Ok(0) => return Ok(unpacked.into()),
            Ok(_) => {}
        }
    }
}

/// Every frame of the body, to its last byte. In one piece: a stream would hold a window beside it, of a size that the
/// sender chooses. Room that is not written to costs no memory.
fn unzstd(packed: &[u8], bytes_max: usize) -> Result<Bytes, UnpackError> {
    let corrupt = UnpackError::Corrupt("the body is no valid zstd");
    let mut unpacked = Vec::with_capacity(bytes_max);
    let mut unpacking = Decompressor::new().map_err(|_| corrupt)?;
    match unpacking.decompress_to_buffer(packed, &mut unpacked) {
        Ok(_) => {
            unpacked.shrink_to_fit();
            Ok(unpacked.into())
        }
        Err(error) if error.to_string() == ZSTD_TOO_LARGE => Err(UnpackError::TooLarge),
        Err(_) => Err(corrupt),
    }
}
