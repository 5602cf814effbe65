//! What can go wrong when a boot medium is made.

use std::path::PathBuf;

use host::error::Kind;
use recipe::medium::Form;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),

    /// No firmware of this architecture boots such a medium.
    #[error("{arch} has no {form}: {}", form.of())]
    Architecture {
        /// What was asked for.
        form: Form,
        /// The architecture.
        arch: &'static str,
    },
    /// A file of another project's that goes on the medium is not installed.
    #[error("can't make the {form}: there is no {name} in {}", looked.join(", "))]
    NoFile {
        /// What was asked for.
        form: Form,
        /// The file.
        name: &'static str,
        /// Where it was looked for.
        looked: Vec<String>,
    },
    /// The parts are larger than the medium.
    #[error("{form}: {needed} bytes don't fit, there are {room}")]
    TooLarge {
        /// What was asked for.
        form: Form,
        /// How large all parts are.
        needed: u64,
        /// What room there is.
        room: u64,
    },
    /// The kernel can't be begun by the boot sector.
    #[error("can't boot {} from a floppy disk: {why}", path.display())]
    Kernel {
        /// The kernel.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The command line is longer than the kernel takes.
    #[error("the command line has {bytes} bytes, the {form} takes {limit}")]
    CommandLine {
        /// What was asked for.
        form: Form,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// What mtools made is no file system that is known here.
    #[error("can't read the FAT of {}: {why}", path.display())]
    Fat {
        /// The image.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
}

/// The result of making a boot medium.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Architecture { .. } | Error::CommandLine { .. } => Kind::Usage,
            Error::NoFile { .. } => Kind::Machine,
            Error::TooLarge { .. } => Kind::Budget,
            Error::Kernel { .. } | Error::Fat { .. } => Kind::Build,
        }
    }
}
