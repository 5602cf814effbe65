//! What can go wrong when sources are had and a kernel and its user land are
//! built from them.

use std::io;
use std::path::PathBuf;

use host::Id;
use host::error::Kind;
use host::process::ProcessError;
use host::units::Bytes;
use initramfs::{FolderErrors, PackError};
use startup::foresee::Finding;
use vmlinux::archive::ArchiveError;
use vmlinux::elf::ElfError;

use crate::broken::Broken;
use crate::configuration_error::ConfigurationError;
pub use crate::fetch_problem::FetchProblem;
use crate::start_error::StartError;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// What makes an identity can't be written down.
    #[error(transparent)]
    Identity(#[from] serde_json::Error),
    /// A result can't be written down.
    #[error("can't write JSON: {0}")]
    Json(serde_json::Error),

    /// A root file system that can't be taken.
    #[error("can't read the root file system")]
    Rootfs(#[source] Box<rootfs::Error>),
    /// A root file system that nothing starts.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The distribution's configuration.
    #[error(transparent)]
    Configuration(Box<ConfigurationError>),
    /// A lock file that is none.
    #[error("can't read {name}")]
    Lock {
        /// Its name.
        name: String,
        /// What is wrong in it, and where.
        problem: String,
    },
    /// `--locked`, and the lock file names something else or nothing.
    #[error(
        "--locked: the recipe asks for {package}, {wanted}, but {}",
        recorded(lock, package, entry)
    )]
    Locked {
        /// The source.
        package: &'static str,
        /// What the recipe asks for.
        wanted: String,
        /// The lock file.
        lock: String,
        /// What it records of the source.
        entry: Option<Box<Recorded>>,
    },
    /// `--locked`, and what the lock file names can't be had any more.
    #[error("{lock} names {package} {version}, but only {offered} is offered")]
    NoLongerOffered {
        /// The lock file.
        lock: String,
        /// The source.
        package: &'static str,
        /// The version that it names.
        version: String,
        /// The newest that can be had.
        offered: String,
    },
    /// Another archive is offered than the lock file knows under that version.
    #[error("{package} {} is not what {lock} records", entry.version)]
    Replaced {
        /// The source.
        package: &'static str,
        /// The lock file.
        lock: String,
        /// What it records.
        entry: Box<Recorded>,
        /// What is offered, and where.
        offered: (Id, String),
    },
    /// A commit has other files than the lock file records.
    #[error("the tree of {origin} is not what {lock} records")]
    CommitChanged {
        /// The source.
        package: &'static str,
        /// The repository and the commit.
        origin: String,
        /// The lock file.
        lock: String,
        /// What it records.
        recorded: Id,
        /// What came.
        came: Id,
    },
    /// Nothing says what is to be at an address.
    #[error("nothing says what {url} must be")]
    Unpinned {
        /// The address.
        url: String,
        /// What came.
        sha256: Id,
    },

    /// The recipe wants modules, and nothing of the configuration is one.
    #[error("the recipe wants modules, and no symbol of the configuration is m")]
    NoModules,
    /// Modules that the recipe names aren't made.
    #[error("{}", of_modules(.0))]
    ModulesLacking(Vec<String>),

    /// Every origin of a source failed.
    #[error("{package} could be had from none of its {} origins", tried.len())]
    NoOrigin {
        /// The source.
        package: &'static str,
        /// The origins, and why each failed.
        tried: Vec<(String, Error)>,
    },
    /// This machine can't ask Debian's archive.
    #[error("can't get sources from Debian's archive: {0}")]
    NoDebian(String),
    /// Debian's archive does not say what it offers.
    #[error("Debian's archive could not be asked what it offers")]
    AskDebian(ProcessError),
    /// What apt knows of Debian's archive can't be read.
    #[error("apt's index can't be read")]
    AptIndex(ProcessError),
    /// Debian's archive has no source of a series.
    #[error(
        "Debian's archive offers no {package}{} (looked for {looked_for})",
        of_series(series)
    )]
    NotInDebian {
        /// The source.
        package: &'static str,
        /// The series; empty for any.
        series: String,
        /// The package that would have it.
        looked_for: String,
    },
    /// An origin offers nothing of a series.
    #[error("no {package} {series} is offered")]
    NotOffered {
        /// The source.
        package: &'static str,
        /// The series.
        series: String,
    },
    /// apt does not download a source.
    #[error("{package} {version} could not be downloaded")]
    Download {
        /// The source.
        package: &'static str,
        /// Its version.
        version: String,
        /// How apt ended.
        error: ProcessError,
    },
    /// A file can't be fetched from an address.
    #[error("can't fetch {url}: {problem}")]
    Fetch {
        /// The address.
        url: String,
        /// Why.
        problem: FetchProblem,
    },
    /// The user wanted to stop while a file was fetched.
    #[error("interrupted; {kept} of {url} are kept, and the next call goes on from there")]
    FetchInterrupted {
        /// By which signal.
        signal: i32,
        /// What is there of it.
        kept: Bytes,
        /// The address.
        url: String,
    },
    /// An archive that came is not the one that was offered.
    #[error("{file} of {package} {version} did not arrive as it was offered")]
    NotAsOffered {
        /// The archive.
        file: String,
        /// The source.
        package: &'static str,
        /// Its version.
        version: String,
        /// What was offered and what came.
        seen: String,
    },
    /// An archive that was there a moment ago is not there any more.
    #[error("{0} is gone again")]
    GoneAgain(String),
    /// An archive can't be unpacked.
    #[error("can't unpack {name}: {error}")]
    Unpack {
        /// Its name.
        name: String,
        /// Where it is.
        archive: PathBuf,
        /// Why.
        error: Box<dyn std::error::Error + Send + Sync>,
    },

    /// git does not do what it should.
    #[error("{package}: can't {doing} ({url})")]
    Git {
        /// The source.
        package: String,
        /// What it should do.
        doing: &'static str,
        /// The repository.
        url: String,
        /// How it ended.
        error: Box<ProcessError>,
    },
    /// git does not fetch the branches and tags of a repository.
    #[error("{package}: can't fetch from the repository ({url})")]
    GitFetch {
        /// The source.
        package: String,
        /// The repository.
        url: String,
        /// How it ended.
        error: Box<ProcessError>,
    },
    /// A repository lacks a commit.
    #[error("{url} has no commit {commit}")]
    NoCommit {
        /// The repository.
        url: String,
        /// The commit.
        commit: String,
        /// What the server said when it was asked for the commit alone.
        refused: String,
    },

    /// A source tree is not where the recipe says.
    #[error("the source tree {} {}", path.display(), if *exists { "is not a folder" } else { "does not exist" })]
    NoFolder {
        /// Where it says.
        path: PathBuf,
        /// Whether something else is there.
        exists: bool,
    },
    /// A folder is no source tree of a package.
    #[error("{} is not a source tree of {package}: {lacks}", path.display())]
    NotATree {
        /// The folder.
        path: PathBuf,
        /// The package.
        package: &'static str,
        /// What it lacks.
        lacks: String,
    },
    /// A source tree that a kernel was built in.
    #[error("{} was built in place: it holds {remains}", path.display())]
    BuiltInPlace {
        /// The tree.
        path: PathBuf,
        /// What is left of that.
        remains: String,
    },
    /// A source of another series than the recipe names.
    #[error("{origin} is {package} {version}, and the recipe asks for {series}")]
    OtherSeries {
        /// Where it came from.
        origin: String,
        /// The source.
        package: &'static str,
        /// Its version.
        version: String,
        /// The series.
        series: String,
    },
    /// A patch does not apply.
    #[error("the patch {patch} does not apply to {package} {version}")]
    Patch {
        /// The patch.
        patch: String,
        /// The source.
        package: String,
        /// Its version.
        version: String,
        /// How patch(1) ended.
        error: Box<ProcessError>,
    },

    /// The kernel's Kconfig files have errors at which its own tools would stop.
    #[error("the kernel's Kconfig files can't be understood")]
    Kconfig(Vec<String>),
    /// A kernel has no configuration of a name.
    #[error("this kernel has no {target}: can't read {what}: {error}")]
    NoTarget {
        /// The name.
        target: String,
        /// What it would be read from.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// The configuration is not what the recipe asks for.
    #[error("the configuration drops {} of the recipe's", requests(dropped))]
    Dropped {
        /// The requests that are not met, and why.
        dropped: Vec<String>,
    },
    /// The configuration breaks terms of the recipe's contract.
    #[error("{}", contract(broken, *terms))]
    Contract {
        /// The terms, what the values are instead, and why.
        broken: Vec<Broken>,
        /// How many terms there are.
        terms: usize,
    },
    /// A kernel has no device tree of a name.
    #[error("this kernel has no device tree called {name}")]
    NoDeviceTree {
        /// The name.
        name: String,
        /// Where it was looked for.
        below: PathBuf,
    },
    /// A kernel has several device trees of a name.
    #[error("this kernel has several device trees called {name}")]
    SeveralDeviceTrees {
        /// The name.
        name: String,
        /// The files.
        found: Vec<PathBuf>,
    },
    /// The kernel does not build.
    #[error("{error}")]
    Kernel {
        /// How that ended.
        error: Box<host::Error>,
        /// All that the build printed.
        log: PathBuf,
    },
    /// The kernel's last link is of nothing.
    #[error("the kernel's last link names no objects")]
    NoObjects,
    /// The kernel's last link is by no script.
    #[error("the kernel's last link names no linker script")]
    NoLinkerScript,
    /// A file that a build has left does not say how it compiled.
    #[error("can't tell from {} how to compile", .0.display())]
    NoCompileLine(PathBuf),
    /// An archive of objects can't be read.
    #[error("{}: {error}", path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// Why.
        error: ArchiveError,
    },
    /// One of the threads that compile did not come to its end.
    #[error("a thread that compiled ended early")]
    ThreadEnded,
    /// The kernel that was built can't be read.
    #[error("can't measure the kernel that was built: {0}")]
    Unmeasured(ElfError),

    /// A user land that can't come up.
    #[error("{}", .0.what)]
    Foreseen(Box<Finding>),
    /// BusyBox has no applet of a name.
    #[error("this BusyBox has no applet called \"{name}\"")]
    NoApplet {
        /// The name.
        name: String,
        /// The one that is nearest to it.
        nearest: Option<String>,
    },
    /// BusyBox's configuration is not what the recipe asks for.
    #[error("BusyBox's configuration doesn't resolve as asked")]
    BusyboxConfig(Vec<String>),
    /// A folder of the user's can't be packed.
    #[error("can't pack the folder {}: {}", folder.display(), in_the_way(errors))]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is in the way.
        errors: FolderErrors,
    },
    /// Files can't stand in a ramdisk as the recipe says.
    #[error("{}", not_placed(.0))]
    NotPlaced(Vec<String>),
    /// The ramdisk can't be packed.
    #[error("{}", with_causes(.0))]
    Pack(PackError),
    /// An image of flash memory can't be made.
    #[error(transparent)]
    Flash(flash::Error),
    /// The file system on a disk can't be made.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// A linked program can't be executed in place.
    #[error("the linker made no 32-bit ELF program with a stack's program header")]
    NotInPlace,
}

/// What a lock file records of a source.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The version.
    pub version: String,
    /// Where it came from.
    pub origin: String,
    /// The archive or the tree.
    pub sha256: Id,
}

/// The result of building.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What a command's failure is; an interruption stays one.
    pub(crate) fn of_tool(error: ProcessError, what: impl FnOnce(ProcessError) -> Error) -> Error {
        match error {
            ProcessError::Interrupted { signal } => host::Error::Interrupted { signal }.into(),
            error => what(error),
        }
    }

    /// Whether the user wanted to stop.
    pub(crate) fn is_interrupted(&self) -> bool {
        matches!(self.kind(), Kind::Interrupted(_))
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Kernel { error, .. } => error.kind(),
            Error::FetchInterrupted { signal, .. } => Kind::Interrupted(*signal),
            Error::AskDebian(error) | Error::AptIndex(error) | Error::Download { error, .. } => {
                of_tool(error, Kind::Source)
            }
            Error::Git { error, .. } | Error::GitFetch { error, .. } => {
                of_tool(error, Kind::Source)
            }
            Error::Patch { error, .. } => of_tool(error, Kind::Build),
            Error::NoOrigin { tried, .. } => of_origins(tried),
            Error::Pack(error) if is_of_full_disk(error) => Kind::Machine,
            Error::Json(_) | Error::ThreadEnded => Kind::Machine,
            Error::Lock { .. }
            | Error::Unpinned { .. }
            | Error::Foreseen(_)
            | Error::NoApplet { .. }
            | Error::Folder { .. }
            | Error::Rootfs(_)
            | Error::Start(_)
            | Error::Configuration(_)
            | Error::NotPlaced(_) => Kind::Usage,
            Error::Kconfig(_)
            | Error::NoTarget { .. }
            | Error::Dropped { .. }
            | Error::Contract { .. }
            | Error::NoModules
            | Error::ModulesLacking(_)
            | Error::BusyboxConfig(_) => Kind::Config,
            Error::Identity(_)
            | Error::NoDeviceTree { .. }
            | Error::SeveralDeviceTrees { .. }
            | Error::NoObjects
            | Error::NoLinkerScript
            | Error::NoCompileLine(_)
            | Error::Archive { .. }
            | Error::Unmeasured(_)
            | Error::Flash(_)
            | Error::NotInPlace
            | Error::Pack(_) => Kind::Build,
            Error::Disk(error) => error.kind(),
            _ => Kind::Source,
        }
    }
}

/// What the failure of a command is about that was for something of this kind.
fn of_tool(error: &ProcessError, kind: Kind) -> Kind {
    match error {
        ProcessError::Missing { .. } | ProcessError::NotStarted { .. } => Kind::Machine,
        _ => kind,
    }
}

/// What it is about that no origin gave a source.
fn of_origins(tried: &[(String, Error)]) -> Kind {
    let of_machine = |(_, error): &(String, Error)| error.kind() == Kind::Machine;
    if !tried.is_empty() && tried.iter().all(of_machine) {
        Kind::Machine
    } else {
        Kind::Source
    }
}

/// Whether packing failed for want of room.
pub fn is_of_full_disk(error: &PackError) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    let io = |e: &(dyn std::error::Error + 'static)| {
        let io = e.downcast_ref::<io::Error>();
        io.is_some_and(|e| e.kind() == io::ErrorKind::StorageFull)
    };
    causes.into_iter().any(io)
}

fn with_causes(error: &PackError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |e| e.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn recorded(lock: &str, package: &str, entry: &Option<Box<Recorded>>) -> String {
    match entry {
        Some(entry) => format!(
            "{lock} records {} from {} ({})",
            entry.version,
            entry.origin,
            entry.sha256.short()
        ),
        None => format!("{lock} records nothing of {package}"),
    }
}

fn of_modules(lacking: &[String]) -> String {
    match lacking {
        [one] => format!("the kernel's build makes no module {one}"),
        several => format!(
            "the kernel's build makes {} of the recipe's modules not",
            several.len()
        ),
    }
}

fn of_series(series: &str) -> String {
    if series.is_empty() {
        String::new()
    } else {
        format!(" of series {series}")
    }
}

fn requests(dropped: &[String]) -> String {
    match dropped.len() {
        1 => "1 request".to_owned(),
        n => format!("{n} requests"),
    }
}

/// The first of the broken terms, which a search for a smaller system tells as
/// the reason.
fn contract(broken: &[Broken], terms: usize) -> String {
    let first = broken.first().map_or_else(String::new, Broken::brief);
    match broken.len() {
        1 => format!("the configuration breaks the recipe's contract: {first}"),
        n => format!(
            "the configuration breaks {n} of the {terms} terms of the recipe's contract: {first}; …"
        ),
    }
}

fn in_the_way(errors: &FolderErrors) -> String {
    match errors.all().len() {
        1 => errors.to_string(),
        n => format!("{n} files are in the way"),
    }
}

fn not_placed(wrong: &[String]) -> String {
    match wrong {
        [one] => format!("can't be put into the ramdisk: {one}"),
        all => format!("{} files can't be put into the ramdisk", all.len()),
    }
}
