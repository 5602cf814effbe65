//! Symbols of two files side by side, counted as the kernel's
//! `scripts/bloat-o-meter` does: sized symbols of text, data, read-only data
//! and weak ones; copies that compilers number (`.constprop.0`, `.123`) under
//! one name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::elf::Elf;

/// Bytes by symbol.
pub type Sizes<'a> = HashMap<Cow<'a, str>, u64, BuildHasherDefault<NameHasher>>;

/// A hash of names that is quick: eight bytes at a time, multiplied and turned.
/// Names that somebody made to collide only make it slow.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let mixed = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
            self.0 = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        self.0 ^= self.0 >> 29;
    }
}

/// Two sets of symbols compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bloat {
    /// How many are only in the second.
    pub added: usize,
    /// How many are only in the first.
    pub removed: usize,
    /// How many grew.
    pub grown: usize,
    /// How many shrank.
    pub shrunk: usize,
    /// By how much they grew, those that were added included, in bytes.
    pub up: u64,
    /// By how much they shrank, those that were removed included.
    pub down: u64,
    /// All of the first, in bytes.
    pub before: u64,
    /// All of the second, in bytes.
    pub after: u64,
    /// The symbols that changed, the largest growth first.
    pub rows: Vec<Row>,
}

/// One symbol that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its size in the first; none when it isn't there.
    pub old: Option<u64>,
    /// Its size in the second.
    pub new: Option<u64>,
    /// The difference.
    pub delta: i64,
}

/// As `scripts/bloat-o-meter` prints it, byte by byte.
impl fmt::Display for Bloat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "add/remove: {}/{} grow/shrink: {}/{} up/down: {}/{} ({})",
            self.added,
            self.removed,
            self.grown,
            self.shrunk,
            self.up,
            -signed(self.down),
            signed(self.up) - signed(self.down)
        )?;
        let heading = ("Function", "old", "new", "delta");
        writeln!(
            out,
            "{:<40} {:>7} {:>7} {:>7}",
            heading.0, heading.1, heading.2, heading.3
        )?;
        let told = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |b| b.to_string());
        for row in &self.rows {
            writeln!(
                out,
                "{:<40} {:>7} {:>7} {:>+7}",
                row.name,
                told(row.old),
                told(row.new),
                row.delta
            )?;
        }
        let change = self.after as f64 - self.before as f64;
        let percent = match self.before {
            0 => 0.0,
            before => change * 100.0 / before as f64,
        };
        writeln!(
            out,
            "Total: Before={}, After={}, chg {percent:+.2}%",
            self.before, self.after
        )
    }
}

/// The symbols that count, by name.
pub fn sizes(elf: &Elf) -> Sizes<'_> {
    let mut sizes =
        Sizes::with_capacity_and_hasher(elf.symbols.len(), BuildHasherDefault::default());
    for symbol in &elf.symbols {
        let counts = symbol.bytes > 0
            && "tTdDbBrRvVwW".contains(symbol.letter)
            && !symbol.name.contains(':')
            && !["__mod_", "__se_sys", "__se_compat_sys", "__addressable_"]
                .iter()
                .any(|prefix| symbol.name.starts_with(prefix))
            && !["linux_banner", "vermagic"].contains(&symbol.name.as_str());
        if !counts {
            continue;
        }
        let sum = sizes.entry(without_numbers(&symbol.name)).or_insert(0);
        *sum = sum.saturating_add(symbol.bytes);
    }
    sizes
}

/// A name without every `.NUMBER` in it.
fn without_numbers(name: &str) -> Cow<'_, str> {
    let numbered = |at: usize| name.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
    if !name.match_indices('.').any(|(at, _)| numbered(at)) {
        return name.into();
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('.') {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        let number = tail[1..].bytes().take_while(u8::is_ascii_digit).count();
        if number == 0 {
            out.push('.');
        }
        rest = &tail[1 + number..];
    }
    out.push_str(rest);
    out.into()
}

/// Compares two sets of symbols.
pub fn compare(old: &Sizes<'_>, new: &Sizes<'_>) -> Bloat {
    let mut bloat = Bloat {
        before: old.values().sum(),
        after: new.values().sum(),
        ..Bloat::default()
    };
    let fresh = new.keys().filter(|name| !old.contains_key(*name));
    for name in old.keys().chain(fresh) {
        let (was, is) = (old.get(name).copied(), new.get(name).copied());
        let delta = signed(is.unwrap_or(0)).saturating_sub(signed(was.unwrap_or(0)));
        match (was, is) {
            (None, _) => bloat.added += 1,
            (_, None) => bloat.removed += 1,
            _ if delta > 0 => bloat.grown += 1,
            _ if delta < 0 => bloat.shrunk += 1,
            _ => continue,
        }
        let by = delta.unsigned_abs();
        match delta > 0 {
            true => bloat.up = bloat.up.saturating_add(by),
            false => bloat.down = bloat.down.saturating_add(by),
        }
        bloat.rows.push(Row {
            name: name.clone().into_owned(),
            old: was,
            new: is,
            delta,
        });
    }
    bloat
        .rows
        .sort_by(|a, b| (b.delta, &b.name).cmp(&(a.delta, &a.name)));
    bloat
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_copies_are_one_symbol() {
        assert_eq!(without_numbers("a.constprop.0"), "a.constprop");
        assert_eq!(without_numbers("a.12.b.3x."), "a.bx.");
        assert_eq!(without_numbers("a.b"), "a.b");
    }

    #[test]
    fn what_was_added_removed_grown_and_shrunk_is_counted() {
        fn of(list: &[(&'static str, u64)]) -> Sizes<'static> {
            list.iter().map(|(n, b)| (Cow::Borrowed(*n), *b)).collect()
        }
        let bloat = compare(
            &of(&[("gone", 5), ("same", 1), ("less", 9), ("more", 1)]),
            &of(&[("same", 1), ("less", 8), ("more", 4), ("fresh", 7)]),
        );
        let rows: Vec<_> = bloat.rows.iter().map(|r| (&*r.name, r.delta)).collect();
        assert_eq!(
            rows,
            [("fresh", 7), ("more", 3), ("less", -1), ("gone", -5)]
        );
        assert_eq!(
            (bloat.added, bloat.removed, bloat.grown, bloat.shrunk),
            (1, 1, 1, 1)
        );
        assert_eq!(
            (bloat.up, bloat.down, bloat.before, bloat.after),
            (10, 6, 16, 20)
        );
    }
}
