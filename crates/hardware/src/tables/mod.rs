//! The tables of devices in a kernel's sources: `MODULE_DEVICE_TABLE`, the
//! tables that drivers name without it, `MODULE_ALIAS` and `MODULE_FIRMWARE`.
//! Nothing is compiled: macros are replaced as the compiler would, entries are
//! read, and their aliases are those of the kernel's build.

mod entry;
mod lex;
mod macros;
mod unit;
mod value;
mod worth;

use std::collections::BTreeSet;

use entry::KINDS;
use lex::{Token, tokens};
use macros::expand;
use unit::{Headers, Unit};

pub use worth::Worth;

/// What is asked of a source tree: the text of a file by its path from the
/// tree's root.
pub trait Sources {
    /// The text of a file; none when there is no such file.
    fn read(&self, path: &str) -> Option<String>;
}

/// What one source file says of the devices that it drives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriverFile {
    /// The patterns of the modaliases that it matches.
    pub aliases: Vec<String>,
    /// The firmware files that it may ask for.
    pub firmware: Vec<String>,
    /// The names of its drivers, as far as they are texts.
    pub names: Vec<String>,
    /// Entries that could not be read: their values are no constants here.
    pub unread: usize,
}

impl DriverFile {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.aliases.is_empty() && self.firmware.is_empty() && self.unread == 0
    }
}

/// Names that stay when macros are replaced: what they announce is read.
const OPAQUE: &[&str] = &["MODULE_ALIAS", "MODULE_FIRMWARE", "MODULE_DEVICE_TABLE"];

/// Reads files of one tree.
pub struct TableReader<'a> {
    headers: Headers<'a>,
}

impl<'a> TableReader<'a> {
    /// A reader that has read nothing yet.
    pub fn new(sources: &'a dyn Sources) -> Self {
        TableReader {
            headers: Headers::new(sources),
        }
    }

    /// What a file says, by its path; none when there is no such file.
    pub fn file(&self, path: &str) -> Option<DriverFile> {
        let unit = Unit::read(path, &self.headers)?;
        let mut found = DriverFile::default();
        let used = used_tables(&unit.code);
        for kind in KINDS {
            for (start, name, body) in declarations(&unit.code, kind.structure) {
                if used.contains(name) {
                    let body = expand(&tokens(body), &unit.at(start), OPAQUE);
                    let read = kind.table(&body);
                    found.aliases.extend(read.aliases);
                    found.unread += read.unread;
                }
            }
        }
        announced(&unit, &mut found);
        found.names = names(&unit);
        for list in [&mut found.aliases, &mut found.firmware] {
            let unique: BTreeSet<String> = list.drain(..).collect();
            list.extend(unique);
        }
        Some(found)
    }
}

/// The names of the tables that drivers are matched by.
fn used_tables(code: &str) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    for (_, rest) in found(code, "MODULE_DEVICE_TABLE") {
        let inside = rest.trim_start().strip_prefix('(').unwrap_or_default();
        let inside = inside.split(')').next().unwrap_or_default();
        used.extend(inside.split(',').nth(1).map(str::trim));
    }
    for field in ["id_table", "ids", "acpi_match_table", "of_match_table"] {
        for (_, rest) in found(code, field) {
            let Some(value) = rest.trim_start().strip_prefix('=') else {
                continue;
            };
            let value = value.split([',', ';', '}']).next().unwrap_or_default();
            used.extend(value.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        }
    }
    used
}

/// Where a name stands in a text as a whole word: its byte, and the text behind.
fn found<'c>(code: &'c str, name: &'c str) -> impl Iterator<Item = (usize, &'c str)> {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(name).filter_map(move |(at, _)| {
        let rest = &code[at + name.len()..];
        let whole = !code[..at].ends_with(part) && !rest.starts_with(part);
        whole.then_some((at, rest))
    })
}

/// The tables of a structure: where each begins, its name, what stands between
/// its braces.
fn declarations<'c>(code: &'c str, structure: &'c str) -> Vec<(usize, &'c str, &'c str)> {
    let one = |(at, rest): (usize, &'c str)| {
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        let (name, rest) = rest.split_at(end);
        let rest = rest.trim_start().strip_prefix('[')?;
        let (_, rest) = rest.split_once(']')?;
        // Attributes may stand between; a `;` ends a declaration without values.
        let (between, rest) = rest.split_once('=')?;
        let plain =
            |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "_()\".".contains(c);
        let rest = between.chars().all(plain).then(|| rest.trim_start())?;
        let body = rest.strip_prefix('{')?;
        Some((at, name, &body[..closing(body)?]))
    };
    found(code, structure).filter_map(one).collect()
}

/// Where the brace that is open at the beginning of a text closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in text.bytes().enumerate() {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `MODULE_ALIAS…(…)` and `MODULE_FIRMWARE(…)`.
fn announced(unit: &Unit<'_>, into: &mut DriverFile) {
    for start in ["MODULE_ALIAS", "MODULE_FIRMWARE"] {
        for (at, _) in unit.code.match_indices(start) {
            let rest = &unit.code[at..];
            let call = rest
                .find(')')
                .map_or("", |_| rest.split(';').next().unwrap_or(""));
            if call.len() > 1_000 {
                continue;
            }
            let call = expand(&tokens(call), &unit.at(at), OPAQUE);
            for (place, token) in call.iter().enumerate() {
                let list = match token.word() {
                    Some("MODULE_ALIAS") => &mut into.aliases,
                    Some("MODULE_FIRMWARE") => &mut into.firmware,
                    _ => continue,
                };
                let given = macros::arguments(&call, place + 1);
                let text = given.and_then(|(given, _)| value::text(given.first()?));
                list.extend(text.filter(|text| !text.is_empty()));
            }
        }
    }
}

/// The texts that stand behind `.name =`.
fn names(unit: &Unit<'_>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (at, rest) in found(&unit.code, "name") {
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            continue;
        };
        let value = value
            .split([',', ';', '}', '\n'])
            .next()
            .unwrap_or_default();
        if !unit.code[..at].ends_with('.') || value.len() > 100 {
            continue;
        }
        let value: Vec<Token> = expand(&tokens(value), &unit.at(at), OPAQUE);
        names.extend(value::text(&value));
    }
    names.into_iter().collect()
}

#[cfg(test)]
mod tests;
