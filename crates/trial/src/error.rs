//! What can go wrong when a system is booted, checked and recorded. That it does
//! not pass is no error.

use host::error::Kind;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Of a machine.
    #[error(transparent)]
    Vm(#[from] vm::error::Error),
    /// Of boot media.
    #[error(transparent)]
    Medium(#[from] media::Error),
    /// Of records that are kept.
    #[error(transparent)]
    Record(#[from] record::error::Error),
    /// A device tree that can't be read.
    #[error("can't read the device tree: {0}")]
    DeviceTree(flash::Error),
    /// What is to be made smaller doesn't pass as it is.
    #[error("the system doesn't pass its checks as it is: {0}")]
    DoesNotPass(String),
    /// Kernel stacks that can't be looked at.
    #[error("can't tell how deep the kernel's stacks are: {0}")]
    NoStacks(&'static str),
    /// What makes an identity can't be written down.
    #[error(transparent)]
    Identity(#[from] serde_json::Error),
}

/// The result of booting, checking and recording.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Vm(error) => error.kind(),
            Error::Medium(error) => error.kind(),
            Error::Record(error) => error.kind(),
            Error::DoesNotPass(_) => Kind::Check,
            Error::Identity(_) | Error::DeviceTree(_) | Error::NoStacks(_) => Kind::Machine,
        }
    }
}
