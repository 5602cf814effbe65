//! What can be wrong with an image.

use std::io;

use host::error::Kind;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of this machine, or a tool.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// An entry that can't be handed to the tools.
    #[error("can't hand {path} to the file system's tools: {error}")]
    Entry {
        /// The entry.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// A name that debugfs(8) can't be told.
    #[error("an ext4 image can't be made of a path with a line end or a quotation mark: {path:?}")]
    Name {
        /// The path.
        path: String,
    },
    /// The files don't fit.
    #[error("the files need more than the {bytes} bytes that the file system may have")]
    Full {
        /// How large it is.
        bytes: u64,
    },
    /// What cramfs has no room for.
    #[error("cramfs can't hold {path}: {why}")]
    Cramfs {
        /// The entry.
        path: String,
        /// What is too large.
        why: &'static str,
    },
    /// A tool that ended well and yet complained.
    #[error("{tool} was not content with the image it made:\n{said}")]
    Discontent {
        /// The tool.
        tool: &'static str,
        /// What it said.
        said: String,
    },
}

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Full { .. } | Error::Name { .. } | Error::Cramfs { .. } => Kind::Usage,
            Error::Entry { .. } | Error::Discontent { .. } => Kind::Build,
        }
    }
}
