//! Which archives of Debian's this machine uses, from its own source lists
//! (sources.list(5)), rewritten so that their source packages are listed too.
//!
//! Only Debian's own archives are taken: an entry must be signed by Debian's
//! keyring, or name no key and have one of Debian's suites and the component
//! `main`. Entries that apt is told to trust without a signature are left
//! out: what tuxling builds is verified by a signed index.

use std::fs;
use std::path::{Path, PathBuf};

/// Entries of source lists in deb822 style, ready for a file of their own.
/// Empty when there is none of Debian's.
pub(super) fn of_system(etc_apt: &Path) -> String {
    let mut entries = Vec::new();
    for file in list_files(etc_apt) {
        // A list that can't be read gives nothing: apt itself would say so.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        if file.extension().is_some_and(|e| e == "sources") {
            entries.extend(deb822_entries(&text));
        } else {
            entries.extend(text.lines().filter_map(one_line_entry));
        }
    }
    rewritten(&entries)
}

/// `sources.list` and what stands in `sources.list.d`, by name.
fn list_files(etc_apt: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(etc_apt.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|p| p.extension().is_some_and(|e| e == "list" || e == "sources"))
        .collect();
    files.sort();
    files.insert(0, etc_apt.join("sources.list"));
    files
}

/// One entry, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
    trusted: bool,
    enabled: bool,
}

/// The paragraphs of a `.sources` file; `#` comments a line out, a line that
/// starts with white space continues the field before it.
fn deb822_entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.extend((!fields.is_empty()).then(|| entry_of(&fields)));
            fields.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn entry_of(fields: &[(String, String)]) -> Entry {
    let field = |key: &str| {
        fields
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    };
    let words = |key: &str| -> Vec<String> {
        field(key)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    Entry {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
        trusted: field("trusted").is_some_and(is_yes),
        enabled: field("enabled").is_none_or(is_yes),
    }
}

/// `deb [signed-by=… arch=…] URI SUITE COMPONENT…`
fn one_line_entry(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let (kind, rest) = line.split_once(char::is_whitespace)?;
    if kind != "deb" && kind != "deb-src" {
        return None;
    }
    let (options, rest) = match rest.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let option = |key: &str| {
        options
            .split_whitespace()
            .find_map(|o| o.strip_prefix(key)?.strip_prefix('='))
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: option("signed-by").map(str::to_owned),
        trusted: option("trusted").is_some_and(is_yes),
        enabled: true,
    })
}

fn is_yes(value: &str) -> bool {
    // As apt's StringToBool (apt-pkg/contrib/strutl.cc) reads it.
    ["yes", "true", "with", "on", "enable", "1"]
        .contains(&value.trim().to_ascii_lowercase().as_str())
}

/// Whether an entry is an archive of Debian's that apt verifies.
fn is_debian(entry: &Entry) -> bool {
    let has_main = entry.components.iter().any(|c| c == "main");
    let signed_by_debian = match &entry.signed_by {
        Some(keys) => {
            let file = |k: &str| {
                Path::new(k)
                    .file_name()
                    .map(|f| f.to_string_lossy().into_owned())
            };
            keys.split([',', ' ', '\n'])
                .filter(|k| !k.is_empty())
                .all(|k| file(k).is_some_and(|f| f.starts_with("debian-archive-")))
        }
        None => entry.suites.iter().all(|s| is_suite_of_debian(s)),
    };
    entry.enabled && !entry.trusted && has_main && !entry.uris.is_empty() && signed_by_debian
}

/// `bookworm`, `bookworm-security`, `stable/updates`, …; not `bookworm-pgdg`.
fn is_suite_of_debian(suite: &str) -> bool {
    const RELEASES: &[&str] = &[
        "stretch",
        "buster",
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "oldoldstable",
        "oldstable",
        "stable",
        "testing",
        "unstable",
        "experimental",
    ];
    const PARTS: &[&str] = &[
        "",
        "-updates",
        "-security",
        "-backports",
        "-backports-sloppy",
        "-proposed-updates",
        "/updates",
    ];
    RELEASES
        .iter()
        .filter_map(|release| suite.strip_prefix(release))
        .any(|part| PARTS.contains(&part))
}

/// Debian's entries, component `main`, packages and source packages; those
/// that differ only in their type are one.
fn rewritten(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut done = Vec::new();
    for entry in entries.iter().filter(|e| is_debian(e)) {
        for uri in &entry.uris {
            for suite in &entry.suites {
                let key = (uri.trim_end_matches('/').to_owned(), suite.clone());
                if done.contains(&key) {
                    continue;
                }
                text.push_str(&format!(
                    "Types: deb deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: main\n"
                ));
                if let Some(keys) = &entry.signed_by {
                    text.push_str(&format!("Signed-By: {}\n", keys.replace('\n', " ")));
                }
                text.push('\n');
                done.push(key);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("sources.list.d")).expect("a folder");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("writes");
        }
        of_system(dir.path())
    }

    const BOOKWORM: &str = "Types: deb\n# a comment\nURIs: http://mirror.example/debian\n\
        Suites: bookworm bookworm-updates\nComponents: main contrib\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";

    #[test]
    fn debians_entries_get_their_source_packages() {
        let text = of(&[("sources.list.d/debian.sources", BOOKWORM)]);
        assert_eq!(text.matches("Types: deb deb-src\n").count(), 2);
        assert!(
            text.contains("Suites: bookworm-updates\nComponents: main\nSigned-By: /usr/share/")
        );
    }

    #[test]
    fn one_line_entries_are_read_too_and_doubles_are_one() {
        let text = of(&[(
            "sources.list",
            "deb http://mirror.example/debian/ bookworm main # the archive\n\
             deb-src http://mirror.example/debian bookworm main\n\
             # deb http://mirror.example/debian trixie main\n\
             deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
             http://security.debian.org/debian-security bookworm-security main\n",
        )]);
        assert_eq!(text.matches("Types:").count(), 2);
        assert!(text.contains("Suites: bookworm-security\nComponents: main\nSigned-By:"));
    }

    #[test]
    fn other_peoples_archives_are_left_alone() {
        let text = of(&[
            (
                "sources.list.d/node.sources",
                "Types: deb\nURIs: https://deb.nodesource.com/node_20.x\nSuites: nodistro\n\
                 Components: main\nSigned-By: /usr/share/keyrings/nodesource.gpg\n",
            ),
            (
                "sources.list.d/cloud.list",
                "deb https://packages.cloud.google.com/apt cloud-sdk-bookworm main\n\
                 deb http://apt.postgresql.org/pub/repos/apt bookworm-pgdg main\n\
                 deb [trusted=yes] http://mirror.example/debian bookworm main\n",
            ),
            (
                "sources.list.d/off.sources",
                &format!("Enabled: no\n{BOOKWORM}"),
            ),
            (
                "sources.list.d/debian.list.save",
                "deb http://mirror.example/debian sid main\n",
            ),
        ]);
        assert_eq!(text, "");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panicking(text in "\\PC{0,80}(\n[ a-zA-Z:\\[\\]=/-]{0,40}){0,6}") {
            let mut entries = deb822_entries(&text);
            entries.extend(text.lines().filter_map(one_line_entry));
            rewritten(&entries);
        }
    }
}
