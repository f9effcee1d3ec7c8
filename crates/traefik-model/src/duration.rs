use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A Go duration: nanoseconds in 64 bits, written as Go does (`1m30s`, `100ms`).
///
/// A plain number is seconds (paerser's `types.Duration`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(i64);

/// Why a text is no [`Duration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationError {
    /// Not of the form.
    Invalid,
    /// A number that is not followed by a unit.
    MissingUnit,
    /// A unit other than `ns us µs ms s m h`.
    UnknownUnit,
}

const NANOS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The most that 64 bits with a sign hold, one more than the largest positive number.
const LIMIT: u64 = 1 << 63;

// === impl Duration ===

impl Duration {
    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<i64>() {
            // Go's multiplication wraps around.
            Ok(seconds) => Ok(Self(seconds.wrapping_mul(1_000_000_000))),
            Err(_not_a_number) => go_duration(text).map(Self),
        }
    }
}

/// Go's `time.ParseDuration`.
fn go_duration(text: &str) -> Result<i64, DurationError> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationError::Invalid);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (nanos, after) = part(rest)?;
        total = total.checked_add(nanos).filter(|total| *total <= LIMIT).ok_or(DurationError::Invalid)?;
        rest = after;
    }
    match i64::try_from(total) {
        Ok(total) if negative => Ok(-total),
        Ok(total) => Ok(total),
        Err(_) if negative => Ok(i64::MIN),
        Err(_) => Err(DurationError::Invalid),
    }
}

/// One number with its unit, and what follows it.
fn part(text: &str) -> Result<(u64, &str), DurationError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, mut rest) = text.split_at(end);
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        (fraction, rest) = after.split_at(end);
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Invalid);
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse().unwrap_or(u64::MAX) };
    if whole > LIMIT {
        return Err(DurationError::Invalid);
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    if unit.is_empty() {
        return Err(DurationError::MissingUnit);
    }
    let (_, unit) = NANOS.iter().find(|(name, _)| *name == unit).ok_or(DurationError::UnknownUnit)?;
    let nanos = whole.checked_mul(*unit).filter(|nanos| *nanos <= LIMIT).ok_or(DurationError::Invalid)?;
    let nanos = nanos.checked_add(fraction_of(*unit, fraction)).filter(|nanos| *nanos <= LIMIT);
    Ok((nanos.ok_or(DurationError::Invalid)?, rest))
}

/// That fraction of a unit, computed in floating point as Go does.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go computes it so; the result is below one unit"
)]
fn fraction_of(unit: u64, digits: &str) -> u64 {
    let (mut value, mut scale) = (0_u64, 1_f64);
    for digit in digits.bytes() {
        // Go leaves out the digits that no longer fit.
        let next = value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|next| value <= (LIMIT - 1) / 10 && *next <= LIMIT) else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

impl fmt::Display for Duration {
    /// Go's `Duration.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write!(f, "{}µs", Decimal(nanos, 3)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", Decimal(nanos, 6)),
            _ => {
                let minutes = nanos / 60_000_000_000;
                match (minutes / 60, minutes % 60) {
                    (0, 0) => {}
                    (0, minutes) => write!(f, "{minutes}m")?,
                    (hours, minutes) => write!(f, "{hours}h{minutes}m")?,
                }
                write!(f, "{}s", Decimal(nanos % 60_000_000_000, 9))
            }
        }
    }
}

/// A number with that many decimal places, without trailing zeros.
struct Decimal(u64, u32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(self.1);
        let fraction = format!("{:0width$}", self.0 % scale, width = self.1 as usize);
        write!(f, "{}", self.0 / scale)?;
        match fraction.trim_end_matches('0') {
            "" => Ok(()),
            digits => write!(f, ".{digits}"),
        }
    }
}

impl TryFrom<String> for Duration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

// === impl DurationError ===

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "not a duration",
            Self::MissingUnit => "a number without a unit",
            Self::UnknownUnit => "an unknown unit",
        })
    }
}

impl std::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_reads_and_writes() {
        for (text, written) in [
            ("5", "5s"),
            ("-5", "-5s"),
            ("+5", "5s"),
            ("0", "0s"),
            ("1h2m3.5s", "1h2m3.5s"),
            ("90s", "1m30s"),
            ("100ms", "100ms"),
            ("1.5ms", "1.5ms"),
            ("1us", "1µs"),
            ("1µs", "1µs"),
            ("1μs", "1µs"),
            ("7ns", "7ns"),
            (".5s", "500ms"),
            ("1.s", "1s"),
            ("-1m", "-1m0s"),
            ("3600s", "1h0m0s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
            ("9223372036.854775807s", "2562047h47m16.854775807s"),
        ] {
            assert_eq!(text.parse::<Duration>().map(|d| d.to_string()), Ok(written.to_owned()), "{text}");
        }
    }

    #[test]
    fn as_go_refuses() {
        use DurationError::*;
        for (text, error) in [
            ("", Invalid),
            ("1.5", MissingUnit),
            ("1d", UnknownUnit),
            ("s", Invalid),
            (".s", Invalid),
            ("1s ", UnknownUnit),
            (" 1s", Invalid),
            ("-", Invalid),
            ("9223372036854775808ns", Invalid),
            ("99999999999999999999s", Invalid),
        ] {
            assert_eq!(text.parse::<Duration>(), Err(error), "{text}");
        }
    }
}
