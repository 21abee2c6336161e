//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>): the header `traceparent`.

use std::fmt;

use actix_web::http::header::HeaderMap;
use uuid::Uuid;

const HEADER: &str = "traceparent";

/// The length of a header of version 00; later versions may be longer, and begin with the same fields.
const LENGTH: usize = 55;

/// The caller may have recorded its part: the only flag that there is so far.
const SAMPLED: u8 = 1;

/// One step of a trace: the trace's id, this step's own, and that of the step that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    id: u128,
    span_id: u64,
    parent_span_id: Option<u64>,
    flags: u8,
}

impl Trace {
    /// A trace that begins with this request. A UUIDv7 is as random as both ids need.
    pub fn begun(request_id: Uuid, sampled: bool) -> Self {
        let (id, span_id) = (request_id.as_u128(), request_id.as_u64_pair().1);
        Self { id, span_id, parent_span_id: None, flags: if sampled { SAMPLED } else { 0 } }
    }

    /// The trace that the request belongs to, with a new step; none without exactly one valid header.
    pub fn continued(headers: &HeaderMap, request_id: Uuid) -> Option<Self> {
        let mut given = headers.get_all(HEADER);
        let header = given.next()?.to_str().ok()?;
        if given.next().is_some() {
            return None;
        }
        let caller = Self::parse(header)?;
        Some(Self { span_id: request_id.as_u64_pair().1, ..caller.step() })
    }

    /// The step that a value of `traceparent` names; none where it is not valid.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let (id, span_id, flags) = parse(traceparent)?;
        Some(Self { id, span_id, parent_span_id: None, flags: flags & SAMPLED })
    }

    /// A new step, caused by this one.
    #[must_use]
    pub fn step(&self) -> Self {
        let span_id = Uuid::now_v7().as_u64_pair().1;
        Self { span_id, parent_span_id: Some(self.span_id), ..*self }
    }

    /// Whether whoever began the trace wants it to be recorded.
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED == SAMPLED
    }

    /// The trace's id as a number.
    pub(crate) const fn number(&self) -> u128 {
        self.id
    }

    /// The step's own id, and that of the step that caused it.
    pub(crate) const fn span_ids(&self) -> (u64, Option<u64>) {
        (self.span_id, self.parent_span_id)
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

/// The trace's id, the span's and the flags of `version-id-parent-flags`.
fn parse(header: &str) -> Option<(u128, u64, u8)> {
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
    let (parent, flags) = (u64::try_from(parent).ok()?, u8::try_from(flags).ok()?);
    (id != 0 && parent != 0).then_some((id, parent, flags))
}

/// Lower-case digits only, as the specification has it.
fn hexadecimal(digits: &str) -> Option<u128> {
    let valid = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if valid { u128::from_str_radix(digits, 16).ok() } else { None }
}
