//! What can go wrong when a kernel is traced, pruned and proved.

use std::path::PathBuf;

use host::Id;
use host::error::Kind;
use vm::boot::FailedBoot;
use vm::machine::qmp::QmpError;
use vmlinux::elf::ElfError;
use vmlinux::prune::verify::VerifyError;
use vmlinux::prune::{ProbeError, PruneError, TRAP_RECORD, Unsupported};

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::error::Error),
    /// Of what is built.
    #[error(transparent)]
    Builder(#[from] builder::error::Error),
    /// Of a machine.
    #[error(transparent)]
    Vm(#[from] vm::error::Error),
    /// Of records that are kept.
    #[error(transparent)]
    Record(#[from] record::error::Error),
    /// Of a boot.
    #[error(transparent)]
    Trial(#[from] trial::error::Error),
    /// What makes an identity can't be written down.
    #[error(transparent)]
    Identity(#[from] serde_json::Error),
    /// A result can't be written down.
    #[error("can't write JSON: {0}")]
    Json(serde_json::Error),

    /// A configuration has options that pruning doesn't handle.
    #[error("a kernel with {} can't be pruned yet", refused.first().map_or("", |first| first.option))]
    Unsupported {
        /// All of them.
        refused: Vec<Unsupported>,
    },
    /// An architecture whose kernels pruning doesn't handle.
    #[error("kernels for {name} can't be pruned yet")]
    UnsupportedArch {
        /// Its name.
        name: &'static str,
    },
    /// An architecture for which nothing loads cold code.
    #[error(
        "kernels for {name} can't load what was pruned: there is no loader for it yet \
         (a handler of faults, and addresses that nothing backs)"
    )]
    NoLoader {
        /// Its name.
        name: &'static str,
    },
    /// An option with which cold code can't be loaded.
    #[error("a kernel with {option} can't load what was pruned: {why}")]
    NoColdCode {
        /// The option.
        option: &'static str,
        /// Why.
        why: &'static str,
    },
    /// The loader stands before a function that this kernel doesn't have.
    #[error("what was pruned can't be loaded: this kernel has no {name}")]
    NothingToHook {
        /// The function.
        name: String,
    },
    /// The store of cold code changes its size with each link.
    #[error("the room for cold code doesn't settle")]
    StoreUnsettled,
    /// The kernel that was linked has other cold code than its store.
    #[error("the kernel's cold code is not what is stored, which is a bug of tuxling's")]
    OtherColdCode,
    /// A kernel's objects are not as the engine knows them.
    #[error("this kernel can't be pruned: {0}")]
    NotPruned(#[from] PruneError),
    /// What the engine wrote is not what it should be.
    #[error("the pruned objects are wrong, which is a bug of tuxling's: {0}")]
    Wrong(#[from] VerifyError),
    /// The tree doesn't tell the sizes of its tables' entries.
    #[error(transparent)]
    Probe(#[from] ProbeError),

    /// A kernel's ELF file can't be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: ElfError,
    },
    /// The kernel that was just linked can't be read.
    #[error(transparent)]
    Linked(#[from] ElfError),
    /// A pruned kernel in which nothing can be trapped.
    #[error("the pruned kernel has no {TRAP_RECORD}")]
    NoTraps,
    /// A kernel that was linked for a trace, and in which nothing can be told
    /// apart.
    #[error("no function is marked in the kernel that was linked for the trace")]
    NothingMarked,
    /// QEMU logged blocks, and none of the kernel's.
    #[error("QEMU's log of translated blocks has nothing of the kernel")]
    NothingTranslated,
    /// The kernel that is traced does not pass.
    #[error(transparent)]
    Boot(#[from] FailedBoot),
    /// QEMU doesn't plug the network cable in or out.
    #[error("can't tell QEMU about the network cable: {0}")]
    Cable(QmpError),

    /// There is no boot that a pruned kernel would have to pass.
    #[error("nothing is to be booted")]
    NothingToBoot,
    /// There is nothing that boots cases of adversity.
    #[error("nothing is there to boot a case of adversity")]
    NoBench,
    /// A boot of the pruned kernel failed, and nothing can be put back for it.
    #[error("attempt {attempt} of the pruned kernel: {boot}")]
    Lost {
        /// Which boot it was, from 1.
        attempt: u32,
        /// How it failed.
        boot: FailedBoot,
    },
    /// The pruned kernel does not survive a case that the whole one survives.
    #[error("attempt {attempt} of the pruned kernel: {case} not survived: {detail}")]
    NotSurvived {
        /// Which boot it was, from 1.
        attempt: u32,
        /// The case.
        case: String,
        /// How it ended.
        detail: String,
        /// All that the console printed.
        console_log: PathBuf,
    },

    /// A file that a recipe names as a certificate is none.
    #[error("{name} is no certificate: {why}")]
    NoCertificate {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate of a level that this version doesn't know.
    #[error("the certificate names a level that is not known")]
    UnknownLevel {
        /// What the certificate is for: a build of a recipe, or a comparison.
        kind: Kind,
    },
    /// A certificate of functions that the kernel doesn't have.
    #[error("functions of the certificate are not in this kernel")]
    FunctionsLacking {
        /// Their names.
        lacking: Vec<String>,
    },
    /// A certificate of another tool chain than this machine's.
    #[error("the certificate is of another tool chain: its bytes can't be made here")]
    OtherTools {
        /// The tools that differ, one line each.
        differ: Vec<String>,
    },
    /// A certificate of another kernel.
    #[error(
        "the certificate is of another kernel: sources, patches, configuration or flags differ"
    )]
    OtherKernel,
    /// The kernel of a certificate was made again, and its bytes differ.
    #[error("the kernel that was made again has other bytes")]
    OtherBytes {
        /// What the certificate says.
        certified: Id,
        /// What came out.
        made: Id,
        /// The image that was made.
        image: PathBuf,
    },
}

/// The result of tracing, pruning and proving.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Builder(error) => error.kind(),
            Error::Vm(error) => error.kind(),
            Error::Record(error) => error.kind(),
            Error::Trial(error) => error.kind(),
            Error::Boot(boot) | Error::Lost { boot, .. } => boot.kind(),
            Error::UnknownLevel { kind } => *kind,
            Error::NoCertificate { .. }
            | Error::UnsupportedArch { .. }
            | Error::NoLoader { .. }
            | Error::NothingToBoot
            | Error::NoBench => Kind::Usage,
            Error::Unsupported { .. } | Error::NoColdCode { .. } => Kind::Config,
            Error::Identity(_)
            | Error::NotPruned(_)
            | Error::NothingToHook { .. }
            | Error::StoreUnsettled
            | Error::OtherColdCode
            | Error::Wrong(_)
            | Error::Probe(_)
            | Error::Unreadable { .. }
            | Error::Linked(_)
            | Error::NoTraps
            | Error::NothingMarked
            | Error::FunctionsLacking { .. }
            | Error::OtherKernel
            | Error::OtherBytes { .. } => Kind::Build,
            Error::NotSurvived { .. } => Kind::Check,
            Error::Json(_)
            | Error::NothingTranslated
            | Error::Cable(_)
            | Error::OtherTools { .. } => Kind::Machine,
        }
    }
}
