//! Identities: SHA-256 over a versioned tag and the canonical JSON (RFC 8785)
//! of what is identified. Absolute paths, times, host names and `-j` never go
//! in: the same thing has the same identity on every machine.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Id(String);

/// Whoever reads one makes paths of it: what comes from elsewhere is one or nothing.
impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Id, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || D::Error::custom("an identity has 64 hexadecimal digits");
        Id::from_hex(&text).ok_or_else(wrong)
    }
}

impl Id {
    /// The identity of `value` under a versioned tag such as `build/1`.
    pub fn of<T: Serialize>(tag: &str, value: &T) -> Result<Id, serde_json::Error> {
        let json = serde_jcs::to_vec(value)?;
        let mut hash = Sha256::new();
        hash.update(tag.as_bytes());
        hash.update(b"\n");
        hash.update(&json);
        Ok(Id(hex::encode(hash.finalize())))
    }

    /// The SHA-256 of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Id {
        Id(hex::encode(Sha256::digest(bytes)))
    }

    /// The SHA-256 of a file's content.
    pub fn of_file(path: &Path) -> io::Result<Id> {
        let mut hash = Sha256::new();
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(Id(hex::encode(hash.finalize()))),
                n => hash.update(&buffer[..n]),
            }
        }
    }

    /// An identity that was written down: 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Id> {
        let good = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Id(text.to_owned()))
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for names of folders.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter_but_the_tag_does() {
        let a = serde_json::json!({"a": 1, "b": [true, "x"]});
        let b = serde_json::json!({"b": [true, "x"], "a": 1});
        let id = |tag, v| Id::of(tag, v).expect("plain values are JSON");
        assert_eq!(id("build/1", &a), id("build/1", &b));
        assert_ne!(id("build/1", &a), id("build/2", &a));
    }

    #[test]
    fn only_64_lower_case_digits_are_an_id() {
        let id = Id::of_bytes(b"");
        assert_eq!(
            id.as_str(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(Id::from_hex(id.as_str()), Some(id));
        assert_eq!(Id::from_hex("E3"), None);
    }

    #[test]
    fn what_is_no_identity_is_not_read_as_one() {
        let good = format!("\"{}\"", "0a".repeat(32));
        let id: Id = serde_json::from_str(&good).expect("an identity");
        assert_eq!(serde_json::to_string(&id).expect("is written"), good);
        for wrong in [
            "",
            "a",
            "../../../etc/passwd",
            &"0A".repeat(32),
            &"é".repeat(32),
        ] {
            let text = serde_json::to_string(wrong).expect("is written");
            assert!(serde_json::from_str::<Id>(&text).is_err(), "{wrong}");
        }
    }
}
