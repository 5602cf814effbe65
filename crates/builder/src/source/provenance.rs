//! Where a source came from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a source came from. Its text is what the lock file and the record say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Provenance {
    /// A package of Debian's: `debian:linux-source-6.12`.
    Debian(String),
    /// An archive at an address: `url:https://…`.
    Url(String),
    /// A commit: `git:https://…@COMMIT`.
    Git {
        /// The repository.
        url: String,
        /// All digits of the commit.
        commit: String,
    },
    /// A tree of the user's: `path`.
    Path,
    /// What a lock file says and this version of tuxling doesn't know.
    Unknown(String),
}

impl From<String> for Provenance {
    fn from(text: String) -> Provenance {
        match text.split_once(':') {
            None if text == "path" => Provenance::Path,
            Some(("debian", package)) => Provenance::Debian(package.to_owned()),
            Some(("url", url)) => Provenance::Url(url.to_owned()),
            Some(("git", rest)) => match rest.rsplit_once('@') {
                Some((url, commit)) => Provenance::Git {
                    url: url.to_owned(),
                    commit: commit.to_owned(),
                },
                None => Provenance::Unknown(text),
            },
            _ => Provenance::Unknown(text),
        }
    }
}

impl From<Provenance> for String {
    fn from(provenance: Provenance) -> String {
        provenance.to_string()
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provenance::Debian(package) => write!(f, "debian:{package}"),
            Provenance::Url(url) => write!(f, "url:{url}"),
            Provenance::Git { url, commit } => write!(f, "git:{url}@{commit}"),
            Provenance::Path => f.write_str("path"),
            Provenance::Unknown(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lock_file_says_is_read_and_written_to_the_letter() {
        let git = Provenance::Git {
            url: "ssh://git@host/linux.git".to_owned(),
            commit: "0123".to_owned(),
        };
        for (text, provenance) in [
            ("debian:musl", Provenance::Debian("musl".to_owned())),
            (
                "url:https://host/a@b.tar",
                Provenance::Url("https://host/a@b.tar".to_owned()),
            ),
            ("git:ssh://git@host/linux.git@0123", git),
            ("path", Provenance::Path),
            ("path:", Provenance::Unknown("path:".to_owned())),
            ("git:nowhere", Provenance::Unknown("git:nowhere".to_owned())),
            ("", Provenance::Unknown(String::new())),
        ] {
            assert_eq!(Provenance::from(text.to_owned()), provenance);
            assert_eq!(provenance.to_string(), text);
            let json = serde_json::to_value(&provenance).expect("a text");
            assert_eq!(json, text);
        }
    }
}
