//! What one download costs in RAM: used RAM in boots with it, less used RAM in
//! boots without it.
//!
//! Within one boot the figure drowns: caches fill, freed pages come back late.
//! Boots with and without the download alternate, and each does nothing for a
//! moment before RAM is measured. Pure.

use report::ram::Download;

/// What the boots say, in pairs: with the download, and without it. `None`
/// without any pair.
pub fn cost(check: &str, pairs: &[(u64, u64)]) -> Option<Download> {
    let signed = |kib: u64| i64::try_from(kib).unwrap_or(i64::MAX);
    let mut differences: Vec<i64> = pairs
        .iter()
        .map(|(with, without)| signed(*with).saturating_sub(signed(*without)))
        .collect();
    differences.sort_unstable();
    let median = quantile(&differences, 2)?;
    let spread = quantile(&differences, 3)?.abs_diff(quantile(&differences, 1)?);
    Some(Download {
        check: check.to_owned(),
        with_kib: pairs.iter().map(|pair| pair.0).collect(),
        without_kib: pairs.iter().map(|pair| pair.1).collect(),
        median_kib: median,
        spread_kib: spread,
        download_kib: (spread <= median.unsigned_abs()).then_some(median),
    })
}

/// The so-manieth quarter of sorted values, between two values by their
/// distance (the method that most tools have as their default), rounded down.
fn quantile(sorted: &[i64], quarter: usize) -> Option<i64> {
    let position = sorted.len().checked_sub(1)? * quarter;
    let low = *sorted.get(position / 4)?;
    let high = *sorted.get(position.div_ceil(4))?;
    let part = i64::try_from(position % 4).ok()?;
    let between = high.saturating_sub(low).saturating_mul(part) / 4;
    Some(low.saturating_add(between))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_cost_is_the_median_of_the_differences() {
        let with = [2200, 2204, 2196, 2200, 2212, 2200, 2200, 2204, 2196];
        let pairs: Vec<_> = with.iter().map(|with| (*with, 2100)).collect();
        let cost = cost("download", &pairs).expect("there are pairs");
        assert_eq!((cost.median_kib, cost.spread_kib), (100, 4));
        assert_eq!(cost.download_kib, Some(100));
        assert_eq!(cost.with_kib, with);
    }

    #[test]
    fn a_spread_larger_than_the_value_leaves_no_figure() {
        let pairs = [(2100, 2100), (2180, 2100), (2020, 2100), (2104, 2100)];
        let cost = cost("download", &pairs).expect("there are pairs");
        assert_eq!((cost.median_kib, cost.spread_kib), (2, 43));
        assert_eq!(cost.download_kib, None);
        assert_eq!(super::cost("download", &[]), None);
    }

    proptest! {
        #[test]
        fn the_median_lies_between_the_differences(
            pairs in proptest::collection::vec((0u64..1 << 40, 0u64..1 << 40), 1..20)
        ) {
            let apart = |(with, without): &(u64, u64)| *with as i64 - *without as i64;
            let cost = cost("x", &pairs).expect("there are pairs");
            let least = pairs.iter().map(apart).min().expect("one");
            let most = pairs.iter().map(apart).max().expect("one");
            prop_assert!((least..=most).contains(&cost.median_kib));
            prop_assert!(cost.spread_kib <= most.abs_diff(least));
        }

        #[test]
        fn any_figures_are_taken_without_a_panic(pairs: Vec<(u64, u64)>) {
            prop_assert_eq!(cost("x", &pairs).is_none(), pairs.is_empty());
        }
    }
}
