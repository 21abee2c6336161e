//! Decompression that never gives more than it may: a small body can unpack to gigabytes.

use std::io::{self, Read};

use actix_web::web::Bytes;
use flate2::bufread::MultiGzDecoder;
use memmap2::MmapMut;
use zstd::bulk::Decompressor;

use crate::media::Coding;

/// How libzstd says that more would have come out; it has no code for it that this crate could see.
const ZSTD_TOO_LARGE: &str = "Destination buffer is too small";

/// Why a body can't be unpacked.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// More than allowed comes out.
    TooLarge,
    /// It is cut off, broken, or followed by something else.
    Corrupt(&'static str),
    /// The system has no memory for it.
    NoRoom(io::Error),
}

/// The bytes themselves, at most so many. They are unpacked into memory of the system's own, which takes none before it is written
/// to and is given back at once: an allocator would keep some of what each bomb was let have.
pub(super) fn unpack(packed: Bytes, coding: Coding, bytes_max: usize) -> Result<Bytes, UnpackError> {
    let unpack = match coding {
        Coding::Identity => return Ok(packed),
        Coding::Gzip => gunzip,
        Coding::Zstd => unzstd,
    };
    // One byte more than allowed tells that it is too much.
    let mut room = MmapMut::map_anon(bytes_max + 1).map_err(UnpackError::NoRoom)?;
    let unpacked = unpack(&packed, &mut room)?;
    if unpacked > bytes_max {
        Err(UnpackError::TooLarge)
    } else {
        Ok(Bytes::copy_from_slice(&room[..unpacked]))
    }
}

/// Every member of the body, to its last byte or as far as there is room; gives how many bytes came out.
fn gunzip(packed: &[u8], room: &mut [u8]) -> Result<usize, UnpackError> {
    let (mut unpacking, mut unpacked) = (MultiGzDecoder::new(packed), 0);
    while unpacked < room.len() {
        match unpacking.read(&mut room[unpacked..]) {
            Err(_) => return Err(UnpackError::Corrupt("the body is no valid gzip")),
            Ok(0) => break,
            Ok(more) => unpacked += more,
        }
    }
    Ok(unpacked)
}

/// Every frame of the body, to its last byte. In one piece: a stream would hold a window beside it, of a size that the
/// sender chooses.
fn unzstd(packed: &[u8], room: &mut [u8]) -> Result<usize, UnpackError> {
    let corrupt = |_| UnpackError::Corrupt("the body is no valid zstd");
    let mut unpacking = Decompressor::new().map_err(corrupt)?;
    unpacking.decompress_to_buffer(packed, room).map_err(|error| match error.to_string() == ZSTD_TOO_LARGE {
        true => UnpackError::TooLarge,
        false => corrupt(error),
    })
}
