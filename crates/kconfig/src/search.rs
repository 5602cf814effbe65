//! Finding options by name, prompt and help text.

use crate::expr::SymbolId;
use crate::model::Kconfig;

/// Where a search found its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Found {
    /// The name is what was looked for.
    WholeName,
    /// The name begins so.
    NameStart,
    /// The name contains it.
    Name,
    /// A prompt contains all words.
    Prompt,
    /// A help text contains all words.
    Help,
}

/// One option that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The option.
    pub symbol: SymbolId,
    /// Where the words stand.
    pub found: Found,
}

impl Kconfig {
    /// The options whose name contains `words`, or whose prompt or help text
    /// contains each of them, in any case; best first, then by name.
    #[must_use]
    pub fn search(&self, words: &str) -> Vec<Hit> {
        let lower = words.trim().to_lowercase();
        let name = lower.strip_prefix("config_").unwrap_or(&lower);
        let parts: Vec<&str> = lower.split_whitespace().collect();
        if parts.is_empty() {
            return Vec::new();
        }
        let contains_all = |text: &str| {
            let text = text.to_lowercase();
            parts.iter().all(|part| text.contains(part))
        };
        let mut hits: Vec<Hit> = self
            .defined_options()
            .filter_map(|(symbol, definition)| {
                let own = definition.name.to_lowercase();
                let found = if own == name {
                    Found::WholeName
                } else if own.starts_with(name) {
                    Found::NameStart
                } else if own.contains(name) {
                    Found::Name
                } else if definition.prompts().any(|(prompt, _)| contains_all(prompt)) {
                    Found::Prompt
                } else if definition
                    .entries
                    .iter()
                    .filter_map(|&entry| self.entry(entry).help.as_deref())
                    .any(contains_all)
                {
                    Found::Help
                } else {
                    return None;
                };
                Some(Hit { symbol, found })
            })
            .collect();
        hits.sort_by(|a, b| {
            let name = |hit: &Hit| &self.symbol(hit.symbol).name;
            a.found.cmp(&b.found).then_with(|| name(a).cmp(name(b)))
        });
        hits
    }

    /// The names most like one that doesn't exist.
    #[must_use]
    pub fn nearest_names(&self, name: &str, count: usize) -> Vec<String> {
        let wanted = name.to_uppercase();
        let limit = wanted.len() / 3 + 1;
        let mut near: Vec<(usize, &str)> = self
            .defined_options()
            .filter(|(_, symbol)| symbol.name.len().abs_diff(wanted.len()) <= limit)
            .map(|(_, symbol)| (distance(&wanted, &symbol.name, limit), &*symbol.name))
            .filter(|(distance, _)| *distance <= limit)
            .collect();
        near.sort_unstable();
        near.into_iter()
            .take(count)
            .map(|(_, name)| name.to_owned())
            .collect()
    }
}

/// How many characters to insert, remove or replace to make one the other;
/// anything above `limit` may be given as more than that.
fn distance(left: &str, right: &str, limit: usize) -> usize {
    let (left, right) = (left.as_bytes(), right.to_ascii_uppercase().into_bytes());
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
        if row.iter().all(|&cost| cost > limit) {
            return limit + 1;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("E1000", "E1000E", 3), 1);
        assert_eq!(distance("PACKET", "PACKTE", 3), 2);
        assert!(distance("A", "LONGER", 2) > 2);
    }
}
