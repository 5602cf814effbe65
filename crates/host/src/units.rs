//! Quantities with their units: bytes as a recipe and a card write them, and
//! durations.
//!
//! A number of bytes is written as in QEMU and the kernel: `KiB`, `MiB`, `GiB`
//! are powers of 1024. `K`, `M`, `G` are read as the same, as the kernel's
//! `memparse()` (lib/cmdline.c) reads them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A number of bytes.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Not of the form number + unit.
    #[error("expected {expected}, such as {example}")]
    Malformed {
        /// What kind of quantity was wanted.
        expected: &'static str,
        /// A text that would be right.
        example: &'static str,
    },
    /// Doesn't fit into 64 bits.
    #[error("the number is too large")]
    TooLarge,
}

impl Bytes {
    /// So many KiB.
    pub const fn kib(n: u64) -> Self {
        Bytes(n * 1024)
    }

    /// So many MiB.
    pub const fn mib(n: u64) -> Self {
        Bytes(n * 1024 * 1024)
    }

    /// Whole KiB, rounded up.
    pub const fn as_kib(self) -> u64 {
        self.0.div_ceil(1024)
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed = QuantityError::Malformed {
            expected: "a number of bytes",
            example: "\"64KiB\" or \"32MiB\"",
        };
        let text = text.trim();
        let split = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        if number.is_empty() {
            return Err(malformed);
        }
        let number: u64 = number.parse().map_err(|_| QuantityError::TooLarge)?;
        let shift = match unit.trim() {
            "" | "B" => 0,
            "K" | "k" | "KiB" => 10,
            "M" | "m" | "MiB" => 20,
            "G" | "g" | "GiB" => 30,
            _ => return Err(malformed),
        };
        number
            .checked_mul(1 << shift)
            .map(Bytes)
            .ok_or(QuantityError::TooLarge)
    }
}

impl fmt::Display for Bytes {
    /// Digits in groups of three and `B`: sizes are compared by eye.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} B", grouped(self.0)))
    }
}

/// Digits in groups of three: `1,196,544`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Reads a duration: `10s`, `900ms`, `2m`, `1.5s`.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let malformed = QuantityError::Malformed {
        expected: "a duration",
        example: "\"10s\", \"900ms\" or \"2m\"",
    };
    let text = text.trim();
    let split = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(|| malformed.clone())?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| malformed.clone())?;
    let seconds = match unit.trim() {
        "ms" => number / 1000.0,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(malformed),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| QuantityError::TooLarge)
}

/// A duration for people: `340 ms`, `2.31 s`, `4:07 min`.
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else if seconds < 100.0 {
        format!("{seconds:.2} s")
    } else {
        let whole = seconds.round() as u64;
        format!("{}:{:02} min", whole / 60, whole % 60)
    }
}

/// A foretold time, no more exact than it is: `40 s`, `17 min`, `1.7 h`.
pub fn about(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..90 => format!("{} s", seconds.max(1)),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{:.1} h", seconds as f64 / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foretold_time_is_no_more_exact_than_it_is() {
        let told = [0, 59, 89, 90, 1000, 6000].map(|s| about(Duration::from_secs(s)));
        assert_eq!(told, ["1 s", "59 s", "89 s", "2 min", "17 min", "1.7 h"]);
    }

    #[test]
    fn bytes_are_read_with_and_without_unit() {
        assert_eq!("32MiB".parse(), Ok(Bytes::mib(32)));
        assert_eq!("6116K".parse(), Ok(Bytes::kib(6116)));
        assert_eq!("17".parse(), Ok(Bytes(17)));
        assert!("MiB".parse::<Bytes>().is_err());
        assert!("3 apples".parse::<Bytes>().is_err());
        assert_eq!(
            "99999999999GiB".parse::<Bytes>(),
            Err(QuantityError::TooLarge)
        );
    }

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(Bytes(1_196_544).to_string(), "1,196,544 B");
    }

    #[test]
    fn durations_are_read_with_their_unit_only() {
        assert_eq!(parse_duration("900ms"), Ok(Duration::from_millis(900)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert!(parse_duration("10").is_err());
        assert!(parse_duration("-1s").is_err());
    }
}
