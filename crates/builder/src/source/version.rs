//! Versions of Debian packages: `[epoch:]upstream[-revision]`, and their order
//! (deb-version(7), Debian policy 5.6.12).

use std::cmp::Ordering;

/// The upstream part: `1.35.0` of `1:1.35.0-4+deb12u1`.
pub fn upstream(version: &str) -> &str {
    let (_, rest) = split_epoch(version);
    rest.rsplit_once('-').map_or(rest, |(upstream, _)| upstream)
}

/// Whether a package version belongs to a series: `6.12.117-1` to `6.12` and
/// to `6.12.117`, not to `6.1`. Every version belongs to the empty series.
pub fn is_of_series(version: &str, series: &str) -> bool {
    match upstream(version).strip_prefix(series) {
        _ if series.is_empty() => true,
        Some(rest) => !rest.starts_with(|c: char| c.is_ascii_digit()),
        None => false,
    }
}

/// Which of two package versions is newer, as dpkg orders them.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (epoch_a, a) = split_epoch(a);
    let (epoch_b, b) = split_epoch(b);
    let (upstream_a, revision_a) = a.rsplit_once('-').unwrap_or((a, ""));
    let (upstream_b, revision_b) = b.rsplit_once('-').unwrap_or((b, ""));
    epoch_a
        .cmp(&epoch_b)
        .then_with(|| compare_part(upstream_a.as_bytes(), upstream_b.as_bytes()))
        .then_with(|| compare_part(revision_a.as_bytes(), revision_b.as_bytes()))
}

/// A version without a readable epoch has epoch 0.
fn split_epoch(version: &str) -> (u64, &str) {
    version
        .split_once(':')
        .and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)))
        .unwrap_or((0, version))
}

/// Compares alternately what is not a digit (by [`weight`]) and numbers.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let word_a = take(&mut a, |c| !c.is_ascii_digit());
        let word_b = take(&mut b, |c| !c.is_ascii_digit());
        for i in 0..word_a.len().max(word_b.len()) {
            let ordering = weight(word_a.get(i)).cmp(&weight(word_b.get(i)));
            if ordering.is_ne() {
                return ordering;
            }
        }
        let number_a = without_zeros(take(&mut a, u8::is_ascii_digit));
        let number_b = without_zeros(take(&mut b, u8::is_ascii_digit));
        // Numbers of any length: the longer one is larger.
        let ordering = (number_a.len(), number_a).cmp(&(number_b.len(), number_b));
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

fn take<'a>(text: &mut &'a [u8], wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|c| !wanted(c)).unwrap_or(text.len());
    let (taken, rest) = text.split_at(end);
    *text = rest;
    taken
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().take_while(|c| **c == b'0').count();
    &digits[start..]
}

/// `~` sorts before the end, the end before letters, letters before the rest.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        let ascending = [
            "1.0~rc1-1",
            "1.0-1~deb12u1",
            "1.0-1",
            "1.0-1+b1",
            "1.0a-1",
            "1.0.1-1",
            "1.9-1",
            "1.10-1",
            "6.12.115-2~deb12u1",
            "6.12.117-1~deb12u1",
            "1:0.1-1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
        assert_eq!(compare("0:1.1", "1.1"), Ordering::Equal);
    }

    #[test]
    fn a_series_is_a_prefix_that_ends_between_numbers() {
        assert!(is_of_series("6.12.117-1~deb12u1", "6.12"));
        assert!(is_of_series("6.12.117-1~deb12u1", "6.12.117"));
        assert!(!is_of_series("6.12.117-1~deb12u1", "6.1"));
        assert!(is_of_series("1:1.35.0-4+deb12u1", "1.35"));
        assert!(is_of_series("1.2.3-1", ""));
        assert_eq!(upstream("1:1.35.0-4+deb12u1"), "1.35.0");
        assert_eq!(upstream("6.12-rc1-1"), "6.12-rc1");
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[0-9a-z.~+:-]{0,12}", b in "[0-9a-z.~+:-]{0,12}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        }
    }
}
