//! A set of addresses, kept as ranges that neither overlap nor touch.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of addresses or offsets. In files it is a text, hexadecimal and
/// without the ends: `0-1f 40-52`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(into = "String", try_from = "String")]
#[schemars(with = "String")]
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

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all of another set is in this one.
    pub fn holds(&self, other: &Ranges) -> bool {
        other.0.iter().all(|(start, end)| {
            let before = self.0.range(..=start).next_back();
            before.is_some_and(|(_, known_end)| known_end >= end)
        })
    }

    /// How many addresses there are.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }
}

impl FromIterator<Range<u64>> for Ranges {
    fn from_iter<T: IntoIterator<Item = Range<u64>>>(all: T) -> Self {
        let mut ranges = Ranges::default();
        all.into_iter().for_each(|range| ranges.insert(range));
        ranges
    }
}

impl From<Ranges> for String {
    fn from(ranges: Ranges) -> String {
        let all = ranges.to_vec();
        let words = all.iter().map(|r| format!("{:x}-{:x}", r.start, r.end));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl TryFrom<String> for Ranges {
    type Error = String;

    fn try_from(text: String) -> Result<Ranges, String> {
        let range = |word: &str| {
            let (start, end) = word.split_once('-')?;
            let number = |digits| u64::from_str_radix(digits, 16).ok();
            let range = number(start)?..number(end)?;
            (!range.is_empty()).then_some(range)
        };
        let wrong = |word: &str| format!("{word:?} is no range: expected two numbers as in 40-52");
        let words = text.split_ascii_whitespace();
        words
            .map(|word| range(word).ok_or_else(|| wrong(word)))
            .collect()
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
            let text = String::from(ranges.clone());
            prop_assert_eq!(Ranges::try_from(text), Ok(ranges));
        }
    }

    #[test]
    fn a_text_that_is_no_range_is_refused() {
        for text in ["1", "1-", "1-1", "2-1", "x-y", "1-2,3-4", "-"] {
            let error = Ranges::try_from(text.to_owned()).expect_err(text);
            assert!(error.contains("is no range"), "{error}");
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
