//! Numbers as the C library reads them, since values are compared that way.

use std::cmp::Ordering;

use crate::bytes::bytes_of;

use crate::model::SymbolType;
use crate::tristate::Tristate;

/// What `strtoll` or `strtoull` makes of a text.
struct Scanned {
    negative: bool,
    magnitude: u128,
    /// How many bytes were used; zero if there is no number.
    used: usize,
}

fn scan(text: &str, base: u32) -> Scanned {
    let bytes = text.as_bytes();
    let mut at = bytes
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r'))
        .count();
    let mut negative = false;
    if let Some(sign @ (b'+' | b'-')) = bytes.get(at) {
        negative = *sign == b'-';
        at += 1;
    }
    let prefixed = bytes.get(at) == Some(&b'0')
        && matches!(bytes.get(at + 1), Some(b'x' | b'X'))
        && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit);
    let base = match base {
        0 if prefixed => 16,
        0 if bytes.get(at) == Some(&b'0') => 8,
        0 => 10,
        base => base,
    };
    if base == 16 && prefixed {
        at += 2;
    }
    let start = at;
    let mut magnitude: u128 = 0;
    while let Some(digit) = bytes.get(at).and_then(|&b| (b as char).to_digit(base)) {
        magnitude = magnitude
            .saturating_mul(u128::from(base))
            .saturating_add(u128::from(digit))
            .min(u128::from(u64::MAX) + 1);
        at += 1;
    }
    Scanned {
        negative,
        magnitude,
        used: if at > start { at } else { 0 },
    }
}

/// `strtoll(text, NULL, base)`: as much of a number as there is, saturated.
pub(crate) fn to_signed(text: &str, base: u32) -> i64 {
    let Scanned {
        negative,
        magnitude,
        ..
    } = scan(text, base);
    if negative {
        i64::try_from(magnitude).map_or(i64::MIN, |value| -value)
    } else {
        i64::try_from(magnitude).unwrap_or(i64::MAX)
    }
}

/// A value as comparisons see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Signed(i64),
    Unsigned(u64),
}

impl Number {
    fn parse(text: &str, ty: SymbolType) -> Option<Self> {
        let base = match ty {
            SymbolType::Bool | SymbolType::Tristate => {
                let value = Tristate::from_name(text).map_or(-1, |value| value as i64);
                return Some(Self::Signed(value));
            }
            SymbolType::Int => 10,
            SymbolType::Hex => 16,
            SymbolType::String | SymbolType::Unknown => 0,
        };
        let Scanned {
            negative,
            magnitude,
            used,
        } = scan(text, base);
        let whole = used > 0 && used == text.len() && text.as_bytes()[used - 1].is_ascii_hexdigit();
        if !whole {
            return None;
        }
        if ty == SymbolType::Hex {
            let value = u64::try_from(magnitude).ok()?;
            return Some(Self::Unsigned(if negative {
                value.wrapping_neg()
            } else {
                value
            }));
        }
        if negative && magnitude == 1 << 63 {
            return Some(Self::Signed(i64::MIN));
        }
        let value = i64::try_from(magnitude).ok()?;
        Some(Self::Signed(if negative { -value } else { value }))
    }

    fn bits(self) -> u64 {
        match self {
            Self::Signed(value) => value as u64,
            Self::Unsigned(value) => value,
        }
    }
}

/// Orders two values of symbols: as numbers if both are, else as texts.
pub(crate) fn compare(left: (&str, SymbolType), right: (&str, SymbolType)) -> Ordering {
    let texts = || bytes_of(left.0).cmp(&bytes_of(right.0));
    if left.1 == SymbolType::String && right.1 == SymbolType::String {
        return texts();
    }
    match (
        Number::parse(left.0, left.1),
        Number::parse(right.0, right.1),
    ) {
        (Some(Number::Signed(a)), Some(Number::Signed(b))) => a.cmp(&b),
        (Some(a), Some(b)) => a.bits().cmp(&b.bits()),
        _ => texts(),
    }
}

/// Whether `text` may be the value of a symbol of type `ty`.
#[must_use]
pub fn is_valid_text(ty: SymbolType, text: &str) -> bool {
    match ty {
        SymbolType::String => true,
        SymbolType::Int => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            !digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && (digits == "0" || !digits.starts_with('0'))
        }
        SymbolType::Hex => {
            let digits = text
                .strip_prefix("0x")
                .or_else(|| text.strip_prefix("0X"))
                .unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
        }
        SymbolType::Bool | SymbolType::Tristate => {
            matches!(
                text.bytes().next(),
                Some(b'y' | b'Y' | b'm' | b'M' | b'n' | b'N')
            )
        }
        SymbolType::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_strtoll() {
        assert_eq!(to_signed("0x1f", 16), 31);
        assert_eq!(to_signed(" -12abc", 10), -12);
        assert_eq!(to_signed("", 10), 0);
        assert_eq!(to_signed("99999999999999999999", 10), i64::MAX);
        assert_eq!(to_signed("0x", 16), 0);
    }

    #[test]
    fn values_compare_as_numbers_if_both_are() {
        use SymbolType::{Hex, Int, String, Tristate, Unknown};
        assert_eq!(compare(("9", Int), ("10", Unknown)), Ordering::Less);
        assert_eq!(compare(("0x10", Hex), ("16", Unknown)), Ordering::Equal);
        assert_eq!(compare(("m", Tristate), ("n", Tristate)), Ordering::Greater);
        assert_eq!(compare(("9", String), ("10", String)), Ordering::Greater);
        assert_eq!(compare(("9", String), ("10", Unknown)), Ordering::Less);
        assert_eq!(compare(("", Int), ("0", Unknown)), Ordering::Less);
    }

    #[test]
    fn integers_have_no_leading_zeros() {
        assert!(is_valid_text(SymbolType::Int, "-10"));
        assert!(is_valid_text(SymbolType::Int, "0"));
        assert!(!is_valid_text(SymbolType::Int, "007"));
        assert!(!is_valid_text(SymbolType::Int, "-"));
        assert!(is_valid_text(SymbolType::Hex, "ff"));
        assert!(!is_valid_text(SymbolType::Hex, "0x"));
    }
}
