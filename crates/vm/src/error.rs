//! What can go wrong around a machine. What goes wrong in it is an outcome.

use std::io;
use std::path::PathBuf;

use host::error::Kind;
use host::process::{ProcessError, shell_line};
use recipe::medium::Form;
use recipe::serial_port::SerialPort;
use vmlinux::elf::ElfError;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),

    /// A flash image can't be told how much RAM there is.
    #[error(transparent)]
    Flash(flash::Error),
    /// The checks' own disk can't be made.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// There is no room to make it in.
    #[error("can't make a folder for temporary files: {0}")]
    NoScratch(io::Error),
    /// A boot medium can't be made.
    #[error(transparent)]
    Medium(#[from] media::Error),
    /// A board has no firmware that boots such a medium.
    #[error("nothing boots {form} on the board {board} in QEMU")]
    NoFirmware {
        /// The board.
        board: String,
        /// The medium.
        form: Form,
        /// What else its firmware boots.
        boots: Vec<&'static str>,
    },
    /// A firmware is not installed.
    #[error("{name} is not installed: there is no {}", shown(files))]
    FirmwareFile {
        /// Its name.
        name: String,
        /// Where it was looked for.
        files: Vec<PathBuf>,
    },
    /// QEMU was not started, or did not do what it was asked.
    #[error(transparent)]
    Qemu(ProcessError),
    /// Nobody knows any more how QEMU is.
    #[error("lost QEMU's process: {0}")]
    Lost(io::Error),
    /// Keys don't reach the console.
    #[error("can't type at the console: {0}")]
    Keys(io::Error),
    /// What a board's console prints can't be written down.
    #[error("can't keep the console's text: {0}")]
    Console(io::Error),
    /// QEMU's debugging stub does not answer.
    #[error("can't watch the machine for traps: {0}")]
    Unwatched(io::Error),
    /// A serial line to a board.
    #[error("can't use {port}: {problem}")]
    Line {
        /// Which.
        port: SerialPort,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A command of the user's that loads a board or switches it.
    #[error("`{key}` in [machine] did not do what it is for")]
    Hands {
        /// Its key in the recipe.
        key: &'static str,
        /// How it ended.
        error: ProcessError,
    },
    /// A place of a board farm.
    #[error("labgrid's place {place} can't be used: {said}")]
    Labgrid {
        /// Its name.
        place: String,
        /// What is wrong.
        said: String,
        /// The last lines that its programs printed.
        log: String,
    },
    /// A kernel whose traps were to be watched can't be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ElfError,
    },

    /// The gateway of our own does not start.
    #[error("can't start the gateway: {0}")]
    Gateway(io::Error),
    /// The server of the checks' downloads does not start.
    #[error("can't serve files on 127.0.0.1: {0}")]
    Files(io::Error),
    /// A server of echoes does not start.
    #[error("can't serve an echo on 127.0.0.1: {0}")]
    Echo(io::Error),
    /// No port is free to ask the guest by.
    #[error("can't ask the guest by a port of 127.0.0.1: {0}")]
    Ask(io::Error),
    /// A check's download is larger than what memory there is.
    #[error("not enough memory for the file to be fetched")]
    NoMemory,

    /// A program of ours does not compile for the guest.
    #[error("can't compile the checks' {program}")]
    Compile {
        /// Which.
        program: String,
        /// How the compiler ended.
        error: ProcessError,
    },
    /// The archive of the checks' agent can't be made.
    #[error("can't pack the checks' agent: {0}")]
    Pack(Box<dyn std::error::Error + Send + Sync>),
    /// The checks and exercises are more than the agent reads.
    #[error("the checks and exercises are too long: {bytes} bytes")]
    PlanTooLong {
        /// How long their plan is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A command that the agent can't start.
    #[error(
        "a command in the guest has 1 to {limit} words, this one {}: {}",
        words.len(),
        shell_line(words)
    )]
    Words {
        /// Its words.
        words: Vec<String>,
        /// How many there may be.
        limit: usize,
    },
}

/// What is wrong with a serial line.
#[derive(Debug, thiserror::Error)]
pub enum LineProblem {
    /// The device is not there.
    #[error("there is no such device")]
    Missing,
    /// It belongs to others.
    #[error("permission denied")]
    NotPermitted,
    /// It does not open.
    #[error(transparent)]
    NotOpened(io::Error),
    /// Somebody else reads it.
    #[error("another program uses it")]
    InUse,
    /// It has no speed that could be set.
    #[error(transparent)]
    NoTerminal(io::Error),
}

/// The result of what goes on around a machine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Disk(error) => error.kind(),
            Error::Medium(error) => error.kind(),
            Error::PlanTooLong { .. } | Error::Words { .. } | Error::NoFirmware { .. } => {
                Kind::Usage
            }
            Error::Unreadable { .. } | Error::Compile { .. } | Error::Pack(_) | Error::Flash(_) => {
                Kind::Build
            }
            Error::Qemu(_)
            | Error::Lost(_)
            | Error::NoScratch(_)
            | Error::Keys(_)
            | Error::Console(_)
            | Error::Unwatched(_)
            | Error::Line { .. }
            | Error::Gateway(_)
            | Error::Files(_)
            | Error::Echo(_)
            | Error::Ask(_)
            | Error::FirmwareFile { .. }
            | Error::Hands { .. }
            | Error::Labgrid { .. }
            | Error::NoMemory => Kind::Machine,
        }
    }
}

/// Paths in a sentence.
fn shown(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(" or ")
}
