//! What can go wrong when trials are carried out, here or elsewhere.

use std::path::PathBuf;

use host::error::Kind;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Of a build.
    #[error(transparent)]
    Builder(#[from] Box<builder::error::Error>),
    /// Of a boot.
    #[error(transparent)]
    Trial(#[from] trial::error::Error),
    /// Of records that are kept.
    #[error(transparent)]
    Record(#[from] record::error::Error),
    /// What makes an identity can't be written down.
    #[error(transparent)]
    Identity(#[from] serde_json::Error),
    /// A recipe that was sent along is wrong.
    #[error("the recipe of the trial: {0}")]
    Recipe(String),
    /// A recipe that needs what can't be sent along.
    #[error("{} can't be sent to other machines: {why}", path.display())]
    NotSent {
        /// What it needs.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// A recipe whose board is reached from here.
    #[error("a board of your own is reached from this machine, and no engine has another")]
    Board,
    /// An engine's program.
    #[error("{program} is not installed (looked for it in PATH)")]
    NoProgram {
        /// Its name.
        program: &'static str,
    },
    /// A file of the store is not what its name says, or can't be read as what
    /// it is.
    #[error("{}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder that is no store.
    #[error("{} is no store: it has no folder `results`", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// What a trial names is in no store that was given.
    #[error("the store {} lacks {what}", store.display())]
    Lacks {
        /// The store.
        store: PathBuf,
        /// What is missing.
        what: String,
    },
    /// This machine makes another system of a trial's words.
    #[error(
        "this machine comes to another system ({here}) than the one that is asked for ({asked})"
    )]
    AnotherSystem {
        /// What it comes to here.
        here: String,
        /// What the trial says.
        asked: String,
    },
    /// The index of a store.
    #[error("the index {}: {error}", path.display())]
    Index {
        /// Its file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// What an engine said can't be read.
    #[error("{engine} said what can't be read: {said}")]
    Engine {
        /// The engine.
        engine: &'static str,
        /// What it said.
        said: String,
    },
}

/// The result of carrying out trials.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<builder::error::Error> for Error {
    fn from(error: builder::error::Error) -> Self {
        Error::Builder(Box::new(error))
    }
}

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Builder(error) => error.kind(),
            Error::Trial(error) => error.kind(),
            Error::Record(error) => error.kind(),
            Error::NotSent { .. } | Error::Board | Error::NoStore { .. } => Kind::Usage,
            Error::Identity(_)
            | Error::Recipe(_)
            | Error::Damaged { .. }
            | Error::Lacks { .. }
            | Error::AnotherSystem { .. }
            | Error::Index { .. }
            | Error::Engine { .. }
            | Error::NoProgram { .. } => Kind::Machine,
        }
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Error::NotSent { .. } => {
                "trials elsewhere need files beside the recipe or below its folder, and sources \
                 from the distribution, an address or a git commit"
            }
            Error::NoProgram { program } => match *program {
                "kubectl" => {
                    "install kubectl (Debian: kubernetes-client), or choose another --engine"
                }
                _ => "install Slurm's commands (Debian: slurm-client), or choose another --engine",
            },
            Error::Board => {
                "leave --engine out: trials come one after the other; or search with QEMU as the \
                 machine"
            }
            Error::AnotherSystem { .. } => {
                "the compiler, tuxling or a source differs: use the same packages on all machines"
            }
            Error::NoStore { .. } => {
                "`tuxling shrink RECIPE --engine … --store DIR` makes one, and so does \
                 `tuxling store merge`"
            }
            Error::Lacks { .. } => "give the store that the trial was written to: --out DIR",
            Error::Damaged { .. } => {
                "a file of a store is written once and whole: the disk, or somebody, changed it; \
                 remove it"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }
}
