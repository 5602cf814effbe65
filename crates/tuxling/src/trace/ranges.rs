//! A set of addresses, kept as ranges that neither overlap nor touch.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a range; an empty one changes nothing.
    pub fn insert(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        if start >= end {
            return;
        }
        // Those that overlap or touch it, from the last one backwards.
        while let Some((&other, &other_end)) = self.0.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            self.0.remove(&other);
            (start, end) = (start.min(other), end.max(other_end));
        }
        self.0.insert(start, end);
    }

    /// The ranges in order.
    pub fn to_vec(&self) -> Vec<Range<u64>> {
        self.0.iter().map(|(start, end)| *start..*end).collect()
    }

    /// How many addresses there are.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_inserted_and_nothing_else(
            inserted in proptest::collection::vec((0u64..200, 0u64..20), 0..40)
        ) {
            let mut ranges = Ranges::default();
            let mut plain = BTreeSet::new();
            for (start, length) in inserted {
                ranges.insert(start..start + length);
                plain.extend(start..start + length);
            }
            let held = ranges.to_vec();
            let all: Vec<u64> = held.iter().cloned().flatten().collect();
            prop_assert_eq!(all, plain.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(ranges.bytes(), plain.len() as u64);
            for pair in held.windows(2) {
                prop_assert!(pair[0].end < pair[1].start, "{:?}", held);
            }
        }
    }

    #[test]
    fn the_end_of_the_address_space_is_no_trouble() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX - 1..u64::MAX);
        ranges.insert(0..1);
        assert_eq!(ranges.bytes(), 2);
    }
}
