//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): the header `traceparent`.

use std::fmt;

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

const HEADER: &str = "traceparent";

/// The length of a header of version 00; later versions may be longer, and begin with the same fields.
const LENGTH: usize = 55;

/// The caller may have recorded its part: the only flag that there is so far.
const SAMPLED: u8 = 1;

/// One step of a trace: the trace's id, and this step's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    span_id: u64,
    flags: u8,
}

impl Trace {
    /// A trace that begins with this request. A UUIDv7 is as random as both ids need.
    pub const fn begun(request_id: Uuid) -> Self {
        Self { id: request_id.as_u128(), span_id: request_id.as_u64_pair().1, flags: SAMPLED }
    }

    /// The trace that the request belongs to, with a new step; none without exactly one valid header.
    pub fn continued(headers: &HeaderMap, request_id: Uuid) -> Option<Self> {
        let mut given = headers.get_all(HEADER);
        let header = given.next()?.to_str().ok()?;
        if given.next().is_some() {
            return None;
        }
        let (id, flags) = parse(header)?;
        Some(Self { id, flags: flags & SAMPLED, ..Self::begun(request_id) })
    }

    /// The trace's id, written as 32 lower-case hexadecimal digits.
    pub fn id(&self) -> impl fmt::Display + use<> {
        TraceId(self.id)
    }

    /// The header for what this request causes.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.id, self.span_id, self.flags)
    }
}

struct TraceId(u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The trace's id and the flags of `version-id-parent-flags`.
fn parse(header: &str) -> Option<(u128, u8)> {
    let version = hexadecimal(header.get(..2)?)?;
    let beyond = header.get(LENGTH..)?;
    if version == 0xff
        || (version == 0 && !beyond.is_empty())
        || !(beyond.is_empty() || beyond.starts_with('-'))
    {
        return None;
    }
    let mut fields = header.get(3..LENGTH)?.splitn(3, '-');
    let (id, parent, flags) = (fields.next()?, fields.next()?, fields.next()?);
    if header.get(2..3)? != "-" || id.len() != 32 || parent.len() != 16 || flags.len() != 2 {
        return None;
    }
    let (id, parent, flags) = (hexadecimal(id)?, hexadecimal(parent)?, hexadecimal(flags)?);
    let flags = u8::try_from(flags).ok()?;
    (id != 0 && parent != 0).then_some((id, flags))
}

/// Lower-case digits only, as the specification has it.
fn hexadecimal(digits: &str) -> Option<u128> {
    let valid = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if valid { u128::from_str_radix(digits, 16).ok() } else { None }
}
