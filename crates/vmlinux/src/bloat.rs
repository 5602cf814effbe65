//! Symbols of two files side by side, counted as the kernel's
//! `scripts/bloat-o-meter` does: sized symbols of text, data, read-only data
//! and weak ones; copies that compilers number (`.constprop.0`, `.123`) under
//! one name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::elf::{Elf, ElfError, parse_with};

/// Bytes by symbol.
pub type Sizes<'a> = HashMap<Cow<'a, str>, u64, BuildHasherDefault<NameHasher>>;

/// A hash of names that is quick: eight bytes at a time, multiplied to 128 bits
/// and folded. Names that somebody made to collide only make it slow.
#[derive(Clone, Copy, Debug, Default)]
pub struct NameHasher(u64);

impl NameHasher {
    fn mix(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word ^ 0x2d35_8dcc_aa6c_78a5)
            * u128::from(0x9e37_79b9_7f4a_7c15_u64);
        self.0 = (wide as u64) ^ ((wide >> 64) as u64);
    }
}

impl Hasher for NameHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            if let Ok(word) = chunk.try_into() {
                self.mix(u64::from_le_bytes(word));
            }
        }
        let rest = chunks.remainder();
        let word = rest
            .iter()
            .fold(0, |word, byte| (word << 8) | u64::from(*byte));
        self.mix(word.wrapping_add(bytes.len() as u64) | ((rest.len() as u64) << 56));
    }

    // The end of a text: its length has been mixed in already.
    fn write_u8(&mut self, _: u8) {}
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

impl Bloat {
    /// Counts one symbol by its size in the first and in the second.
    fn note(&mut self, name: &str, was: Option<u64>, is: Option<u64>) {
        let delta = signed(is.unwrap_or(0)).saturating_sub(signed(was.unwrap_or(0)));
        match (was, is) {
            (None, _) => self.added += 1,
            (_, None) => self.removed += 1,
            _ if delta > 0 => self.grown += 1,
            _ if delta < 0 => self.shrunk += 1,
            _ => return,
        }
        let by = delta.unsigned_abs();
        if delta > 0 {
            self.up = self.up.saturating_add(by);
        } else {
            self.down = self.down.saturating_add(by);
        }
        self.rows.push(Row {
            name: name.to_owned(),
            old: was,
            new: is,
            delta,
        });
    }
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
        let name = Cow::Borrowed(symbol.name.as_str());
        add(&mut sizes, name, symbol.letter, symbol.bytes);
    }
    sizes
}

/// The symbols that count of a file, without reading more of it.
///
/// # Errors
/// As [`Elf::parse`].
pub fn sizes_in(file: &[u8]) -> Result<Sizes<'_>, ElfError> {
    // About what a symbol and its name take; a wrong guess costs only time.
    let count = (file.len() / 48).min(1 << 17);
    let mut sizes = Sizes::with_capacity_and_hasher(count, BuildHasherDefault::default());
    parse_with(file, |name, facts| {
        add(&mut sizes, name, facts.letter, facts.bytes);
    })?;
    Ok(sizes)
}

fn add<'a>(sizes: &mut Sizes<'a>, name: Cow<'a, str>, letter: char, bytes: u64) {
    let kind = matches!(
        letter.to_ascii_lowercase(),
        't' | 'd' | 'b' | 'r' | 'v' | 'w'
    );
    if bytes == 0 || !kind || is_passed_over(&name) {
        return;
    }
    let sum = sizes.entry(without_numbers(name)).or_insert(0);
    *sum = sum.saturating_add(bytes);
}

/// Names that the script leaves out.
fn is_passed_over(name: &str) -> bool {
    let prefixes = ["__mod_", "__se_sys", "__se_compat_sys", "__addressable_"];
    name.as_bytes().contains(&b':')
        || (name.starts_with("__") && prefixes.iter().any(|p| name.starts_with(p)))
        || ["linux_banner", "vermagic"].contains(&name)
}

/// A name without every `.NUMBER` in it.
fn without_numbers(name: Cow<'_, str>) -> Cow<'_, str> {
    let numbered = |pair: &[u8]| pair[0] == b'.' && pair[1].is_ascii_digit();
    if !name.as_bytes().windows(2).any(numbered) {
        return name;
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = &*name;
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
        before: old.values().copied().fold(0, u64::saturating_add),
        after: new.values().copied().fold(0, u64::saturating_add),
        ..Bloat::default()
    };
    let mut common = 0;
    for (name, was) in old {
        let is = new.get(name).copied();
        common += usize::from(is.is_some());
        bloat.note(name, Some(*was), is);
    }
    // Mostly the names are the same: then there is nothing to look for.
    if common < new.len() {
        for (name, is) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            bloat.note(name, None, Some(*is));
        }
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
        assert_eq!(without_numbers("a.constprop.0".into()), "a.constprop");
        assert_eq!(without_numbers("a.12.b.3x.".into()), "a.bx.");
        assert_eq!(without_numbers("a.b".into()), "a.b");
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
