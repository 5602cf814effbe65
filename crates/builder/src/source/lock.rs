//! `NAME.lock`: which sources a recipe was built from, to be committed beside
//! it. TOML, one table a source, sorted:
//!
//! ```toml
//! [linux]
//! origin = "debian:linux-source-6.12"
//! version = "6.12.117-1~deb12u1"
//! sha256 = "e849faf3…"
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use host::Id;
use host::cache::write_whole;
use serde::{Deserialize, Serialize};

use super::{Provenance, Source};
use crate::error::{Error, Result};

const HEADER: &str = "# Written by tuxling; commit it. These are the sources that the recipe was built\n\
                      # from; `--locked` refuses any other.\n";

/// The sources that were used, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    name: String,
    entries: BTreeMap<String, LockEntry>,
}

/// One source that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// Where it came from.
    pub origin: Provenance,
    /// Its version, the distribution's revision included.
    pub version: String,
    /// SHA-256 of the archive, or the digest of the tree of a `path` or a commit.
    pub sha256: Id,
}

impl LockFile {
    /// A lock file without entries. `name` is for messages: `pc-net.lock`.
    pub fn empty(name: &str) -> Self {
        LockFile {
            name: name.to_owned(),
            entries: BTreeMap::new(),
        }
    }

    /// Reads a lock file; one that isn't there has no entries.
    pub fn read(path: &Path) -> Result<LockFile> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unreadable = |problem: String| Error::Lock {
            name: path.display().to_string(),
            problem,
        };
        match fs::read_to_string(path) {
            Ok(text) => LockFile::parse(&name, &text).map_err(|e| match e {
                Error::Lock { problem, .. } => unreadable(problem),
                e => e,
            }),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(unreadable(e.to_string())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(LockFile::empty(&name)),
            Err(e) => Err(host::Error::file("read", path, e).into()),
        }
    }

    /// Reads a lock file's text.
    ///
    /// # Errors
    /// With the line and what is wrong with it underlined.
    pub fn parse(name: &str, text: &str) -> Result<LockFile> {
        let unreadable = |problem: String| Error::Lock {
            name: name.to_owned(),
            problem,
        };
        let entries: BTreeMap<String, LockEntry> =
            toml::from_str(text).map_err(|e| unreadable(e.to_string()))?;
        for (source, entry) in &entries {
            if Id::from_hex(entry.sha256.as_str()).is_none() {
                let line = text.lines().position(|l| l.contains(entry.sha256.as_str()));
                let place = line.map_or(String::new(), |at| format!(" (line {})", at + 1));
                return Err(unreadable(format!(
                    "{source}.sha256{place} is not a SHA-256: 64 lower-case hexadecimal digits"
                )));
            }
        }
        Ok(LockFile {
            name: name.to_owned(),
            entries,
        })
    }

    /// A lock file with exactly these sources. `name` is for messages.
    pub fn of<'a>(name: &str, sources: impl IntoIterator<Item = &'a Source>) -> Self {
        let entries = sources
            .into_iter()
            .map(|source| (source.name.clone(), source.lock_entry()))
            .collect();
        LockFile {
            name: name.to_owned(),
            entries,
        }
    }

    /// Its file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is recorded of a source.
    pub fn get(&self, source: &str) -> Option<&LockEntry> {
        self.entries.get(source)
    }

    /// All that is recorded, by name.
    pub fn entries(&self) -> impl Iterator<Item = &LockEntry> {
        self.entries.values()
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut text = String::from(HEADER);
        for (name, entry) in &self.entries {
            let quoted = |value: &str| toml::Value::from(value).to_string();
            text.push_str(&format!(
                "\n[{name}]\norigin = {}\nversion = {}\nsha256 = {}\n",
                quoted(&entry.origin.to_string()),
                quoted(&entry.version),
                quoted(entry.sha256.as_str()),
            ));
        }
        text
    }

    /// Writes the file, as a whole and only when it changes. Says whether it
    /// did.
    pub fn save(&self, path: &Path) -> Result<bool> {
        let text = self.to_text();
        if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(false);
        }
        write_whole(path, text.as_bytes())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> LockFile {
        let mut lock = LockFile::empty("x.lock");
        for (name, version) in [("musl", "1.2.3-1"), ("linux", "6.12.117-1~deb12u1")] {
            let entry = LockEntry {
                origin: Provenance::Debian(name.to_owned()),
                version: version.to_owned(),
                sha256: Id::of_bytes(name.as_bytes()),
            };
            lock.entries.insert(name.to_owned(), entry);
        }
        lock
    }

    #[test]
    fn what_is_written_is_read_back() {
        let lock = example();
        let text = lock.to_text();
        assert!(text.starts_with("# Written by tuxling"));
        assert!(text.find("[linux]") < text.find("[musl]"), "sorted");
        assert_eq!(LockFile::parse("x.lock", &text).expect("readable"), lock);
    }

    #[test]
    fn an_unchanged_lock_file_is_not_written_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("x.lock");
        assert_eq!(
            LockFile::read(&path).expect("absent"),
            LockFile::empty("x.lock")
        );
        assert!(example().save(&path).expect("writes"));
        assert!(!example().save(&path).expect("compares"));
        assert_eq!(LockFile::read(&path).expect("readable"), example());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let wrong = |text: &str| match LockFile::parse("x.lock", text).expect_err("wrong") {
            Error::Lock { problem, .. } => problem,
            other => panic!("{other}"),
        };
        assert!(wrong("[linux]\norigin = 3\n").contains("line 2"));
        assert!(wrong("[linux]\nfoo = \"x\"\n").contains("foo"));
        assert!(wrong("<<<<<<< HEAD\n").contains("line 1"));
        let short = "[a]\norigin = \"path\"\nversion = \"1\"\nsha256 = \"abc\"\n";
        assert!(wrong(short).contains("line 4"));
    }
}
