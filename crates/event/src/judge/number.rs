//! Which numbers keep their value wherever they are read.

/// The most digits of a number as it is written, its exponent aside.
pub(super) const DIGITS_MAX: usize = 64;

/// Why a number is refused; none where it is fine.
///
/// The limits are those of a double's *normal* range: a number beyond it turns into infinity, one below it loses digits or
/// turns into zero in whatever reads doubles, and Postgres would write out each of an exponent's zeros.
pub(crate) fn fault(number: &str) -> Option<String> {
    // No exponent and few characters: in range whatever the digits are.
    if number.len() <= DIGITS_MAX && !has_exponent(number) {
        return None;
    }
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits > DIGITS_MAX {
        return Some(format!("expected a number of at most {DIGITS_MAX} digits, found {digits}"));
    }
    if mantissa.bytes().all(|byte| !matches!(byte, b'1'..=b'9')) {
        return zero_fault(number);
    }
    let normal = number.parse::<f64>().is_ok_and(f64::is_normal);
    if normal {
        None
    } else {
        Some(format!("expected zero, or a number of a size from {:e} to {:e}", f64::MIN_POSITIVE, f64::MAX))
    }
}

/// Why a zero is refused: Postgres keeps its decimal places. It writes `0e-999` with 999 zeros whenever it is read, and refuses
/// `0e-16384` and `0e1073741823`.
fn zero_fault(number: &str) -> Option<String> {
    let exponent = number.split(['e', 'E']).nth(1).unwrap_or("0");
    match exponent.parse::<i64>() {
        Ok(-999..=999_999_999) => None,
        _ => Some("expected a zero with an exponent from -999 to 999999999".to_owned()),
    }
}

fn has_exponent(number: &str) -> bool {
    number.bytes().any(|byte| matches!(byte, b'e' | b'E'))
}
