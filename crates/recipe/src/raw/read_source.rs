//! Reads `sources`: the origins of a source, in the order in which they are
//! tried.
//!
//! ```toml
//! sources = [
//!     "upstream",                                    # or { from = "upstream", sha256 = "…" }
//!     { url = "https://…/linux-6.12.58.tar.xz", sha256 = "…" },
//!     { git = "https://…/linux.git", commit = "…" },
//!     { path = "../linux" },
//!     "distribution",
//! ]
//! ```

use host::Id;

use super::schema::SOURCE;
use super::{Given, Source, SourceOrigin};
use crate::diagnostic::{Placed, Problem, Problems, Wrong};
use crate::table::{Table, TextOrTable};
use crate::words;

/// The origins that tuxling knows by a word.
#[derive(Clone, Copy)]
enum Word {
    Upstream,
    Distribution,
}

const WORDS: &[(&str, Word)] = &[
    ("upstream", Word::Upstream),
    ("distribution", Word::Distribution),
];

/// The keys that say which kind of origin it is.
const KINDS: &[&str] = &["from", "url", "git", "path"];

/// The list of a key, if it is given.
pub(super) fn read_sources(problems: &Problems, t: &Table<'_>, key: &str) -> Given<Vec<Source>> {
    let list = t.texts_or_tables(key, &SOURCE)?;
    if list.value.is_empty() {
        let help = "name one, such as [\"distribution\"], or leave the key out";
        problems.push(Problem::at(&list.place, "no origin is named").help(help));
    }
    let read = |item: &TextOrTable<'_>| match item {
        TextOrTable::Text(text) => {
            let word = problems.take(&text.place, by_word(&text.value))?;
            Some(Source {
                place: text.place.clone(),
                origin: named(word, None),
            })
        }
        TextOrTable::Table(table) => Some(Source {
            place: table.place(),
            origin: read_table(problems, table)?,
        }),
    };
    Some(Placed {
        value: list.value.iter().filter_map(read).collect(),
        place: list.place,
    })
}

fn by_word(typed: &str) -> Result<Word, Wrong> {
    words::word(typed, WORDS).map_err(|wrong| {
        let table = match typed {
            t if t.contains("://") => format!("write {{ url = \"{t}\", sha256 = \"…\" }}"),
            t if t.contains('/') => format!("write {{ path = \"{t}\" }}"),
            _ => return wrong,
        };
        Wrong::new(wrong.message).help(table)
    })
}

fn named(word: Word, sha256: Option<Id>) -> SourceOrigin {
    match word {
        Word::Upstream => SourceOrigin::Upstream { sha256 },
        Word::Distribution => SourceOrigin::Distribution,
    }
}

fn read_table(problems: &Problems, t: &Table<'_>) -> Option<SourceOrigin> {
    let given: Vec<&str> = KINDS.iter().copied().filter(|key| t.has(key)).collect();
    let [kind] = given[..] else {
        let message = if given.is_empty() {
            "it is not said where it comes from".to_owned()
        } else {
            format!("{} contradict each other", words::list(&given))
        };
        let help = format!("give one of {}", words::list(KINDS));
        problems.push(Problem::at(&t.place(), message).help(help));
        return None;
    };
    let sha256 = t.parsed("sha256", sha256);
    let commit = t.parsed("commit", commit);
    let (stray, why) = match kind {
        "git" => (
            &sha256.as_ref().map(|s| s.place.clone()),
            "a commit says what it must be",
        ),
        _ => (
            &commit.as_ref().map(|c| c.place.clone()),
            "only a `git` has commits",
        ),
    };
    if let Some(place) = stray {
        problems.push(Problem::at(place, why).help("remove it"));
    }
    let sha256 = sha256.map(|s| s.value);
    match kind {
        "from" => Some(named(t.word("from", WORDS)?.value, sha256)),
        "url" => Some(SourceOrigin::Url {
            url: t.parsed("url", archive_url)?.value,
            sha256,
        }),
        "git" => {
            let url = t.parsed("git", repository_url)?.value;
            if !t.has("commit") {
                let help = "add commit = \"…\", all 40 digits: `git ls-remote` prints them";
                problems.push(Problem::at(&t.place(), "`commit` is missing").help(help));
            }
            Some(SourceOrigin::Git {
                url,
                commit: commit?.value,
            })
        }
        _ => Some(SourceOrigin::Path(t.text("path")?.value)),
    }
}

fn sha256(typed: &str) -> Result<Id, Wrong> {
    Id::from_hex(&typed.to_ascii_lowercase()).ok_or_else(|| {
        Wrong::new("this is not a SHA-256")
            .help("it has 64 hexadecimal digits, as sha256sum prints them")
    })
}

/// Branches and tags move: only a whole commit says what is built.
fn commit(typed: &str) -> Result<String, Wrong> {
    if typed.len() == 40 && typed.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(typed.to_ascii_lowercase())
    } else {
        Err(Wrong::new(format!("`{typed}` is not a whole commit"))
            .help("write all 40 digits: `git ls-remote URL` or `git rev-parse NAME` prints them"))
    }
}

/// An address of the web, without blanks.
fn archive_url(typed: &str) -> Result<String, Wrong> {
    let scheme = ["https://", "http://"]
        .iter()
        .find(|s| typed.starts_with(**s));
    let host = scheme.and_then(|s| typed[s.len()..].split('/').next());
    let plain = typed.bytes().all(|b| b.is_ascii_graphic());
    if host.is_some_and(|host| !host.is_empty()) && plain {
        Ok(typed.to_owned())
    } else {
        Err(
            Wrong::new(format!("`{typed}` is not the address of an archive"))
                .help("write it as in \"https://example.org/linux-6.12.58.tar.xz\""),
        )
    }
}

/// What `git fetch` takes, but for what it would take as an option or as a
/// command to run (`ext::`).
fn repository_url(typed: &str) -> Result<String, Wrong> {
    let schemes = ["https://", "http://", "git://", "ssh://", "file:///"];
    let plain = typed.bytes().all(|b| b.is_ascii_graphic());
    let names_one = |scheme: &&str| typed.starts_with(scheme) && typed.len() > scheme.len();
    if plain && schemes.iter().any(names_one) {
        Ok(typed.to_owned())
    } else {
        Err(
            Wrong::new(format!("`{typed}` is not the address of a git repository"))
                .help("it begins with https://, http://, git://, ssh:// or file:///"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_and_no_options() {
        for good in ["https://example.org/a.tar.xz", "http://[::1]:80/a"] {
            assert!(archive_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://",
            "https:///a",
            "ftp://x/a",
            "https://x/a b",
            "file:///a",
        ] {
            assert!(archive_url(bad).is_err(), "{bad}");
        }
        for good in ["https://example.org/linux.git", "file:///srv/linux"] {
            assert!(repository_url(good).is_ok(), "{good}");
        }
        for bad in [
            "--upload-pack=x",
            "ext::sh -c x",
            "linux",
            "file:///",
            "https://a\n",
        ] {
            assert!(repository_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_commit_has_all_its_digits() {
        assert!(commit(&"aB".repeat(20)).is_ok_and(|c| c == "ab".repeat(20)));
        for bad in ["master", "v6.12", "abc123", ""] {
            assert!(commit(bad).is_err(), "{bad}");
        }
    }
}
