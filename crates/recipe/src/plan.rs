//! What a recipe means: validated, complete, with every file it names read.
//!
//! [`super::raw`] is what was typed; [`super::load`] turns it into a [`Plan`].
//! Everything behind the plan can rely on it: no key is missing, every path is
//! absolute, every quantity has its unit.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use host::Id;
use host::units::Bytes;
use initramfs::Compression;
use serde::Serialize;

use crate::config::Request;
use crate::contract::Term;
use crate::hands::HandsPlan;
use crate::labgrid::LabgridPlace;
use crate::serial_port::SerialPort;
use crate::toolchain::Toolchain;
use crate::{Board, RecipeErrors};

pub use crate::check_plan::{
    AskPlan, CheckKind, CheckPlan, EchoProtocol, ExercisePlan, Expectation, GuestCommand, Question,
    Via,
};
pub use crate::prune_plan::{
    CertificateFile, LoadPlan, MissingCode, OnTrap, PruneLevel, PrunePlan,
};
pub use crate::root_plan::{Access, DataPlan, ImagePlan, MOUNTER, RootPlan};

/// A complete recipe.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system's name: names the lock file and the output folder.
    pub name: String,
    /// Where the recipe came from: a path, or `built-in`.
    pub origin: RecipeOrigin,
    /// The folder that `NAME.lock` and `build/NAME/` stand in: the recipe's,
    /// or the current one for a built-in recipe. Absolute.
    pub base: PathBuf,
    /// The machine.
    pub board: Board,
    /// The kernel.
    pub kernel: KernelPlan,
    /// What runs on it.
    pub userland: UserlandPlan,
    /// How it is packed.
    pub ramdisk: RamdiskPlan,
    /// The disk that its root file system is on; it is a ramdisk when `None`.
    pub root: Option<RootPlan>,
    /// How it is connected.
    pub network: NetworkPlan,
    /// The limits of the machine that boots it.
    pub machine: MachinePlan,
    /// What it must do, in order.
    pub checks: Vec<CheckPlan>,
    /// What is run besides, without being judged.
    pub exercises: Vec<ExercisePlan>,
    /// How large it may be.
    pub budget: BudgetPlan,
    /// The cases of adversity that it must survive; all that concern it when
    /// `None`.
    pub adversity: Option<Vec<String>>,
    /// How it is pruned.
    pub prune: PrunePlan,
    /// Whether a search may let go of what protects.
    pub security: Security,
    /// What is odd about the recipe and its files, and no error.
    pub warnings: RecipeErrors,
}

/// What protects the system: hardening, mitigations, users, seccomp, BUG.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Stays as the recipe has it.
    #[default]
    Keep,
    /// May go where no check needs it.
    Off,
}

/// Where a recipe came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipeOrigin {
    /// Compiled into tuxling.
    BuiltIn,
    /// This file.
    File(PathBuf),
}

/// Where the sources of a package come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceWish {
    /// The newest of this series that the origins offer (`6.12`, `1.35`), or
    /// any when empty.
    Series(String),
    /// A source tree of the user's. Absolute.
    Path(PathBuf),
    /// The first of these origins that it can be had from.
    Listed {
        /// The version or the beginning of one; any when empty.
        series: String,
        /// In the recipe's order.
        origins: Vec<OriginWish>,
    },
}

/// One of the origins that a recipe lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginWish {
    /// The distribution's package.
    Distribution,
    /// An archive at an address: of the recipe's, or where upstream publishes
    /// this version.
    Url {
        /// The address.
        url: String,
        /// What it must be.
        sha256: Option<Id>,
    },
    /// A commit of a git repository.
    Git {
        /// The repository's address.
        url: String,
        /// The commit: 40 digits.
        commit: String,
    },
    /// A source tree of the user's. Absolute; need not be there.
    Path(PathBuf),
}

/// The kernel as asked for.
#[derive(Clone, Debug)]
pub struct KernelPlan {
    /// Which sources.
    pub source: SourceWish,
    /// The configuration that everything else is laid over.
    pub base: BaseConfig,
    /// All symbols that are asked for, in order; a later one wins.
    pub requests: Vec<Request>,
    /// The symbols, of those, that other words of the recipe ask for: its
    /// board, its network, its ramdisk.
    pub implied: BTreeSet<String>,
    /// What the resolved configuration has to be.
    pub contract: Vec<Term>,
    /// Which modules the user land gets.
    pub modules: ModulesPlan,
    /// Applied to a copy of the sources, in order.
    pub patches: Vec<PatchFile>,
    /// The compiler.
    pub toolchain: Toolchain,
    /// A flattened device tree of the user's, in place of the board's.
    pub device_tree: Option<Vec<u8>>,
    /// Added to the compiler's flags (`KCFLAGS`).
    pub cflags: Vec<String>,
    /// The kernel's own compression (`CONFIG_KERNEL_XZ` and so on).
    pub compress: Compression,
    /// The command line, without what the checks add.
    pub cmdline: String,
}

/// Which of the kernel's modules the user land gets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModulesPlan {
    /// None: they are not made.
    #[default]
    None,
    /// All that the configuration makes.
    All,
    /// These, by the name that modprobe knows, and what they depend on.
    Named(Vec<String>),
}

/// What the configuration starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseConfig {
    /// A target of the kernel's Makefile: `tinyconfig`, `allnoconfig`,
    /// `defconfig`, `i386_defconfig`, …
    Target(String),
    /// The text of a `.config`.
    File {
        /// Its name, for messages.
        name: String,
        /// Its text.
        text: String,
    },
    /// That of the distribution's own kernel of the series.
    Distribution {
        /// Which of its kernels: `cloud-amd64`.
        flavour: String,
    },
}

/// A patch file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The user land as asked for.
#[derive(Clone, Debug)]
pub struct UserlandPlan {
    /// BusyBox, if any.
    pub busybox: Option<BusyboxPlan>,
    /// The C library that BusyBox is linked with.
    pub libc: LibcPlan,
    /// A folder of the user's that is packed as it is. Absolute.
    pub folder: Option<PathBuf>,
    /// A root file system that exists already and is packed as it is.
    pub rootfs: Option<rootfs::Source>,
    /// The program that is all of the system, with its arguments; without one it
    /// is what the root file system names, if it names one.
    pub command: Option<Vec<String>>,
    /// Single files, laid over all others, in order.
    pub files: Vec<FilePlan>,
}

/// BusyBox as asked for.
#[derive(Clone, Debug)]
pub struct BusyboxPlan {
    /// Which sources.
    pub source: SourceWish,
    /// The applets, in the recipe's order, without doubles; with what init
    /// needs.
    pub applets: Vec<String>,
    /// Whether BusyBox's own defaults stand beneath, with all applets that they
    /// bring in.
    pub defconfig: bool,
    /// Whether each applet has its usual options: those that BusyBox's own
    /// defaults turn on and that stand beside it in the sources.
    pub usual: bool,
    /// Further lines for BusyBox's configuration.
    pub requests: Vec<Request>,
    /// The symbols, of those, that the applets need to do what they are for.
    pub implied: BTreeSet<String>,
}

/// The C library as asked for.
#[derive(Clone, Debug)]
pub struct LibcPlan {
    /// What BusyBox is linked with.
    pub library: Libc,
    /// The sources of musl, which our own programs are linked with in any case.
    pub source: SourceWish,
}

/// A C library that BusyBox can be linked with, statically.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Libc {
    /// musl, built from source.
    Musl,
    /// The GNU C library of this machine's distribution.
    Glibc,
}

/// One entry of the ramdisk.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// Its path in the ramdisk, with a leading `/`.
    pub to: String,
    /// What it is.
    pub kind: FileKind,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What an entry of the ramdisk is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A text of the recipe's.
    Text(String),
    /// A file of the user's. Absolute.
    From(PathBuf),
    /// A program that is compiled for the system.
    Program {
        /// The name of its source, for messages.
        name: String,
        /// Its source, in C.
        source: String,
    },
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink(String),
    /// A character device.
    CharDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
}

/// How the ramdisk is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RamdiskPlan {
    /// How it is compressed.
    pub compress: Compression,
    /// Where it stands.
    pub placement: Placement,
}

/// Where the ramdisk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// A file of its own, loaded by the boot loader.
    Separate,
    /// Linked into the kernel (`CONFIG_INITRAMFS_SOURCE`).
    Builtin,
    /// A file system in flash memory, behind the kernel: what is in it is used
    /// where it is stored.
    Flash,
    /// No ramdisk: the root file system is on a disk ([`Plan::root`]).
    Disk,
}

impl RamdiskPlan {
    /// The name of the file that is linked into the kernel, below its object
    /// tree: by `.cpio` and an ending behind it the kernel's build knows that
    /// it is an archive, and compressed already (usr/Makefile).
    pub fn builtin_name(&self) -> String {
        let ending = match self.compress {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Xz => ".xz",
            Compression::Lzma => ".lzma",
            Compression::Zstd => ".zst",
            Compression::Lz4 => ".lz4",
            Compression::CmFast | Compression::Cm | Compression::CmBest => ".cm",
        };
        format!("tuxling-initramfs.cpio{ending}")
    }
}

/// How the system is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetworkPlan {
    /// How it gets its address.
    pub mode: NetworkMode,
    /// The network card's model, one that the board offers; `None` without a
    /// network.
    pub nic: Option<String>,
}

/// How the system gets its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// No network card at all.
    None,
    /// By DHCP: udhcpc is started by rcS.
    Dhcp,
    /// A fixed address, set by rcS.
    Static(StaticAddress),
}

/// A fixed address and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StaticAddress {
    /// The system's address.
    pub address: Ipv4Addr,
    /// How many bits of it are the network's: 1 to 30.
    pub prefix: u32,
    /// The gateway, in the same network. In QEMU the host stands behind it.
    pub gateway: Ipv4Addr,
    /// The name server.
    pub nameserver: Ipv4Addr,
}

/// The gateway of QEMU's user network, behind which the host's loopback stands
/// (QEMU's documentation, "Using the user mode network stack").
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

impl StaticAddress {
    /// What QEMU's user network expects where nothing else is said (QEMU's
    /// documentation, "Using the user mode network stack").
    pub const QEMU: StaticAddress = StaticAddress {
        address: Ipv4Addr::new(10, 0, 2, 15),
        prefix: 24,
        gateway: GATEWAY,
        nameserver: Ipv4Addr::new(10, 0, 2, 3),
    };

    /// The network's mask.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX << (32 - self.prefix.clamp(1, 32)))
    }

    /// The network's own address.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) & u32::from(self.mask()))
    }

    /// Whether an address belongs to the network.
    pub fn has(&self, address: Ipv4Addr) -> bool {
        u32::from(address) & u32::from(self.mask()) == u32::from(self.network())
    }
}

impl NetworkPlan {
    /// The address by which the guest reaches this host: QEMU's gateway.
    pub fn host(&self) -> Ipv4Addr {
        match &self.mode {
            NetworkMode::Static(fixed) => fixed.gateway,
            NetworkMode::None | NetworkMode::Dhcp => GATEWAY,
        }
    }
}

/// The limits of the machine that boots the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachinePlan {
    /// Its RAM.
    pub memory: Bytes,
    /// The wall-clock limit of one boot with its checks.
    #[serde(skip)]
    pub timeout: Duration,
    /// A boot that prints nothing and answers nothing for so long has hung.
    #[serde(skip)]
    pub silence: Duration,
    /// The CPU model, QEMU's default for the board when `None`.
    pub cpu: Option<String>,
    /// How many CPUs it has.
    #[serde(skip_serializing_if = "is_one")]
    pub cpus: u32,
    /// The console of a board of the user's, which takes QEMU's place.
    pub console: Option<ConsoleLine>,
    /// The serial line to that board's second port, which the checks' agent
    /// talks over.
    pub channel: Option<SerialPort>,
    /// What loads that board and switches it. Not part of what is booted.
    #[serde(skip)]
    pub hands: HandsPlan,
}

/// Where the console of a board of the user's is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ConsoleLine {
    /// At a serial line of this machine.
    Serial(SerialPort),
    /// At a place of a board farm, whose drivers switch the board, too.
    Labgrid(LabgridPlace),
}

/// One CPU is what machines had from the first on: their identities stay.
fn is_one(cpus: &u32) -> bool {
    *cpus == 1
}

/// How large the system may be; `None` where the recipe sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BudgetPlan {
    /// The kernel's image file.
    pub image: Option<Bytes>,
    /// The ramdisk's file.
    pub ramdisk: Option<Bytes>,
    /// Both together.
    pub total: Option<Bytes>,
    /// The RAM in use when the checks have passed, the agent's included.
    pub ram: Option<Bytes>,
}
