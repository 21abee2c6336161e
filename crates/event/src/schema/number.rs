//! Numbers by the value that is written, to the last digit: a double would take 2^53 + 1 for 2^53.

use std::cmp::Ordering;

/// The most digits of `multipleOf`, so that remainders fit 64 bits.
pub(super) const DIVISOR_DIGITS_MAX: usize = 18;

/// A number of a JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    text: &'a str,
    /// Its value, where it is a plain integer of few digits.
    small: Option<i64>,
}

impl<'a> Number<'a> {
    /// Takes a number as JSON writes it.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, small: small(text) }
    }

    /// As it is written.
    pub(super) const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether it has no fraction: `1.0` and `1e2` have none.
    pub(super) fn is_integer(&self) -> bool {
        self.small.is_some() || self.decimal().exponent >= 0
    }

    /// Its one form among all that mean the same.
    pub(super) fn decimal(&self) -> Decimal<'a> {
        Decimal::read(self.text)
    }
}

/// The value of an integer of at most 18 characters.
fn small(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if digits.len() > 18 {
        return None;
    }
    let value = digits.bytes().try_fold(0i64, |value, byte| match byte {
        b'0'..=b'9' => Some(value * 10 + i64::from(byte - b'0')),
        _ => None,
    })?;
    Some(if negative { -value } else { value })
}

/// A sign, digits that neither begin nor end with zero, and the power of ten of the last of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// The digits, with at most one point among them.
    written: &'a str,
    /// How many digits; none for zero.
    count: i64,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    fn read(text: &'a str) -> Self {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let significant = |byte: &u8| matches!(byte, b'1'..=b'9');
        let bytes = mantissa.as_bytes();
        let (Some(first), Some(last)) =
            (bytes.iter().position(significant), bytes.iter().rposition(significant))
        else {
            return Self { negative: false, written: "", count: 0, exponent: 0 };
        };
        let point = bytes.iter().position(|&byte| byte == b'.').unwrap_or(bytes.len());
        let written = &mantissa[first..=last];
        let has_point = (first..last).contains(&point);
        // How many digits the last one stands before the point, or behind it.
        let shift = if last < point { length(point - last - 1) } else { -length(last - point) };
        Self {
            negative,
            written,
            count: length(written.len() - usize::from(has_point)),
            exponent: power_of(power).saturating_add(shift),
        }
    }

    /// The digits, from the first.
    pub(super) fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.written.bytes().filter(u8::is_ascii_digit)
    }

    /// Whether it is below zero.
    pub(super) const fn is_negative(&self) -> bool {
        self.negative
    }

    /// The power of ten of the last digit.
    pub(super) const fn exponent(&self) -> i64 {
        self.exponent
    }

    const fn is_zero(&self) -> bool {
        self.count == 0
    }

    fn sign(&self) -> i8 {
        match (self.is_zero(), self.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        let magnitude = |decimal: &Self| decimal.exponent.saturating_add(decimal.count);
        // Neither ends with zero, so that the longer of two with the same beginning is larger.
        magnitude(self).cmp(&magnitude(other)).then_with(|| self.digits().cmp(other.digits()))
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.sign().cmp(&other.sign()).then_with(|| {
            let by_size = self.compare_size(other);
            if self.negative { by_size.reverse() } else { by_size }
        })
    }
}

/// A length as a signed number, for sums with exponents. No text is that long.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The value of an exponent; one of more digits than any number of use has is the largest.
fn power_of(text: &str) -> i64 {
    let digits = text.strip_prefix('+').unwrap_or(text);
    digits.parse().unwrap_or(if digits.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 })
}

/// A number of a schema.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    text: Box<str>,
    small: Option<i64>,
    double: Option<f64>,
}

impl Limit {
    pub(super) fn new(number: Number<'_>) -> Self {
        Self { text: number.text.into(), small: number.small, double: number.text.parse().ok() }
    }

    pub(super) fn number(&self) -> Number<'_> {
        Number { text: &self.text, small: self.small }
    }

    /// How a number compares to this one.
    pub(super) fn compare(&self, number: Number<'_>) -> Ordering {
        if let (Some(number), Some(limit)) = (number.small, self.small) {
            return number.cmp(&limit);
        }
        // Rounding keeps the order: only what rounds to the same double needs its digits compared.
        let rounded = number.text.parse().ok().zip(self.double);
        match rounded.and_then(|(number, limit): (f64, f64)| number.partial_cmp(&limit)) {
            Some(unequal @ (Ordering::Less | Ordering::Greater)) => unequal,
            _ => number.decimal().compare(&self.number().decimal()),
        }
    }
}

/// What numbers must be a multiple of: `digits * 10^exponent`.
#[derive(Clone, Debug)]
pub(super) struct Divisor {
    text: Box<str>,
    digits: u64,
    exponent: i64,
    /// `digits` without its factors 2 and 5.
    coprime: u64,
    /// How many zeros behind a number make it a multiple of those factors, whatever it is.
    zeros: i64,
}

impl Divisor {
    /// Takes a number above zero of at most [`DIVISOR_DIGITS_MAX`] digits; none where it is another.
    pub(super) fn new(number: Number<'_>) -> Option<Self> {
        let decimal = number.decimal();
        if decimal.sign() != 1 || decimal.digits().count() > DIVISOR_DIGITS_MAX {
            return None;
        }
        let digits = remainder_of(0, decimal.digits(), u64::MAX);
        let (rest, twos) = without_factor(digits, 2);
        let (coprime, fives) = without_factor(rest, 5);
        let zeros = twos.max(fives);
        Some(Self { text: number.text.into(), digits, exponent: decimal.exponent, coprime, zeros })
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a number is a multiple.
    pub(super) fn divides(&self, number: Number<'_>) -> bool {
        let decimal = number.decimal();
        if decimal.is_zero() {
            return true;
        }
        let zeros = decimal.exponent.saturating_sub(self.exponent);
        // Its digits do not end with zero: it has none to give.
        if zeros < 0 {
            return false;
        }
        if zeros >= self.zeros {
            return remainder_of(0, decimal.digits(), self.coprime) == 0;
        }
        let remainder = remainder_of(0, decimal.digits(), self.digits);
        let padding = std::iter::repeat_n(b'0', usize::try_from(zeros).unwrap_or_default());
        remainder_of(remainder, padding, self.digits) == 0
    }
}

/// The remainder of a number whose first digits left `remainder`, and whose further ones are given.
fn remainder_of(remainder: u64, digits: impl Iterator<Item = u8>, divisor: u64) -> u64 {
    digits.fold(remainder, |remainder, digit| (remainder * 10 + u64::from(digit - b'0')) % divisor)
}

fn without_factor(mut number: u64, factor: u64) -> (u64, i64) {
    let mut times = 0;
    while number.is_multiple_of(factor) && number > 0 {
        number /= factor;
        times += 1;
    }
    (number, times)
}
