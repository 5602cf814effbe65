//! What a recipe means: validated, complete, with every file it names read.
//!
//! [`super::raw`] is what was typed; [`super::load`] turns it into a [`Plan`].
//! Everything behind the plan can rely on it: no key is missing, every path is
//! absolute, every quantity has its unit.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::initramfs::Compression;
use crate::machine::Board;
use crate::units::Bytes;

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
    /// How it is pruned.
    pub prune: PrunePlan,
}

/// How a system is pruned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PrunePlan {
    /// What pruning may rely on; `None` where the recipe says nothing.
    pub level: Option<PruneLevel>,
    /// Patterns of functions that stay.
    pub keep: Vec<String>,
    /// Patterns of functions that go, whatever needs them.
    pub drop: Vec<String>,
}

/// What pruning may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PruneLevel {
    /// Keeps whatever anything may need.
    Safe,
    /// Keeps what ran and what its features may need.
    Balanced,
    /// Keeps what ran.
    Tight,
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
    /// Applied to a copy of the sources, in order.
    pub patches: Vec<PatchFile>,
    /// The compiler.
    pub toolchain: Toolchain,
    /// Added to the compiler's flags (`KCFLAGS`).
    pub cflags: Vec<String>,
    /// The kernel's own compression (`CONFIG_KERNEL_XZ` and so on).
    pub compress: Compression,
    /// The command line, without what the checks add.
    pub cmdline: String,
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
}

/// One symbol that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// `y`, `m`, `n`, a number, or a text without its quotes and escapes.
    pub value: String,
    /// Whether `value` is a text (and quoted in `.config`).
    pub quoted: bool,
    /// Who asks: `pc-net.config:12`, `kernel.options`, `ramdisk.compress = "xz"`.
    pub by: String,
    /// Whether `n` also stands for "there is no such symbol": what tuxling asks
    /// for by itself is for kernels of many versions.
    pub lenient: bool,
}

/// A patch file, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchFile {
    /// Its name, for messages.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The compiler and its helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Toolchain {
    /// GCC and GNU binutils; `CROSS_COMPILE` is honoured.
    Gcc,
    /// Clang and LLVM's tools (`LLVM=1`).
    Llvm,
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
    /// Further lines for BusyBox's configuration.
    pub requests: Vec<Request>,
}

/// The C library as asked for.
#[derive(Clone, Debug)]
pub struct LibcPlan {
    /// Which sources (musl).
    pub source: SourceWish,
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
    /// The address that QEMU's user network expects (10.0.2.15/24), set by rcS.
    Static,
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
}

/// Something that the booted system must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckPlan {
    /// Unique in the recipe.
    pub name: String,
    /// What.
    pub kind: CheckKind,
    /// How long it may take, in the guest's time.
    pub timeout: Duration,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A command ends with status 0 and prints what is expected.
    Run {
        /// The command.
        command: GuestCommand,
        /// What its output must hold.
        expect: Option<Expectation>,
    },
    /// A file is downloaded over HTTP and arrives whole.
    Fetch {
        /// The file's size.
        size: Bytes,
        /// The command that downloads; `{url}` and `{file}` are replaced.
        command: String,
    },
    /// An interface has the address that a DHCP server gave out on the wire.
    Dhcp {
        /// Its name: `eth0`.
        interface: String,
    },
    /// A host answers on the wire.
    Ping {
        /// Its IPv4 address.
        to: std::net::Ipv4Addr,
        /// How many answers are needed.
        count: u32,
        /// The command; `{to}` and `{count}` are replaced.
        command: String,
    },
    /// Sleeping takes as long as it should.
    Sleep {
        /// The command.
        command: GuestCommand,
        /// At least this long.
        at_least: Duration,
        /// At most this long.
        at_most: Duration,
    },
}

/// A command in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestCommand {
    /// A line for the guest's `/bin/sh`.
    Shell(String),
    /// A program and its arguments, started without a shell.
    Argv(Vec<String>),
}

/// What a command must print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// This text somewhere.
    Contains(String),
    /// A text that this regular expression finds (checked when the recipe is
    /// read).
    Matches(String),
}

/// A command that only widens coverage; nothing it prints is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExercisePlan {
    /// The command.
    pub command: GuestCommand,
    /// How long it may take, in the guest's time.
    pub timeout: Duration,
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
