//! What can be wrong with an image.

use std::io;
use std::path::PathBuf;

use initramfs::{PathError, TreeError};

/// What is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of this machine can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// An archive is damaged, or none.
    #[error("{archive} is damaged behind its entry {after}")]
    Damaged {
        /// The archive or layer.
        archive: String,
        /// The last entry that could be read.
        after: String,
        /// What the reader says.
        source: io::Error,
    },
    /// An archive ends before it is whole.
    #[error("{archive} ends inside of its entry {entry}: {there} of {bytes} bytes are there")]
    Cut {
        /// The archive or layer.
        archive: String,
        /// The entry.
        entry: String,
        /// How many bytes it has.
        bytes: u64,
        /// How many came.
        there: u64,
    },
    /// An archive without an entry.
    #[error("{archive} holds nothing: it is no tar, or an empty one")]
    Empty {
        /// The archive.
        archive: String,
    },
    /// An entry with a name that no file can have here.
    #[error("{archive}: an entry can't stand in a root file system")]
    Name {
        /// The archive or layer.
        archive: String,
        /// Why not.
        source: PathError,
    },
    /// An entry that doesn't fit what is there.
    #[error("{archive}: an entry doesn't fit")]
    Place {
        /// The archive or layer.
        archive: String,
        /// Why not.
        source: TreeError,
    },
    /// A hard link to what isn't there.
    #[error("{archive}: the hard link {path} needs {target}, which isn't there")]
    LinkTarget {
        /// The archive or layer.
        archive: String,
        /// The link.
        path: String,
        /// What it names.
        target: String,
    },
    /// An entry of a kind that no root file system has.
    #[error("{archive}: the entry {entry} is of the unknown type {kind:?}")]
    Kind {
        /// The archive or layer.
        archive: String,
        /// The entry.
        entry: String,
        /// The type's letter (tar's `typeflag`).
        kind: char,
    },
    /// More than the limits allow.
    #[error("{archive}: with {entry} the image holds more than {limit}")]
    TooMuch {
        /// The archive or layer.
        archive: String,
        /// The entry.
        entry: String,
        /// What it may hold.
        limit: String,
    },
    /// Something that an image names isn't in it.
    #[error("{image} names {blob}, which isn't in it")]
    Missing {
        /// The image.
        image: String,
        /// The file or blob.
        blob: String,
    },
    /// A blob's bytes aren't those that its digest names.
    #[error("{image}: the bytes of {blob} have another digest: {found}")]
    Digest {
        /// The image.
        image: String,
        /// The blob.
        blob: String,
        /// What they have.
        found: String,
    },
    /// A digest that can't be held against the bytes.
    #[error("{image}: {digest} is no SHA-256 digest")]
    DigestKind {
        /// The image.
        image: String,
        /// The digest.
        digest: String,
    },
    /// A description that can't be read.
    #[error("{image}: can't read {blob}")]
    Json {
        /// The image.
        image: String,
        /// The file or blob.
        blob: String,
        /// Where, and what is wrong.
        source: serde_json::Error,
    },
    /// Several images, or not the one that is meant.
    #[error("{image} {}", choice(wanted.as_deref(), there))]
    Choice {
        /// The layout or archive.
        image: String,
        /// The tag that was asked for.
        wanted: Option<String>,
        /// What there is.
        there: Vec<String>,
    },
    /// A layer that is no tar.
    #[error("{image}: a layer has the media type {media_type}; only tar is read")]
    Media {
        /// The image.
        image: String,
        /// The type.
        media_type: String,
    },
}

fn choice(wanted: Option<&str>, there: &[String]) -> String {
    let there = match there {
        [] => "holds no image".to_owned(),
        there => format!("holds {}", there.join(", ")),
    };
    match wanted {
        Some(wanted) => format!("{there}; there is no {wanted}"),
        None => format!("{there}: name one of them behind a colon"),
    }
}
