//! What a recipe asks the kernel for without naming the symbols: the board's
//! needs, the network's, the ramdisk's, the user land's. Each request says
//! why. The recipe's own come later and win.

use super::{asked::ask, kernel};
use initramfs::{Compression, compress};

use crate::Board;
use crate::also::{Class, MadeAs};
use crate::asker::Asker;
use crate::config::Request;
use crate::plan::{NetworkMode, NetworkPlan, Placement, RamdiskPlan, RootPlan};
use crate::{fragment, raw};

/// What the user land needs of the kernel.
#[derive(Debug, Default)]
pub(super) struct UserlandNeeds {
    /// Something in it begins with `#!`: this file.
    pub script: Option<String>,
    /// It is linked with musl.
    pub musl: bool,
    /// The written `/etc/fstab` mounts `/proc`.
    pub mounts_proc: bool,
    /// It comes as a whole from elsewhere.
    pub foreign: bool,
}

/// What the requests follow from.
#[derive(Debug)]
pub(super) struct Wishes<'a> {
    /// What was typed.
    pub raw: &'a raw::Recipe,
    /// The board, when it could be read.
    pub board: Option<&'a Board>,
    /// The network.
    pub network: &'a NetworkPlan,
    /// The ramdisk.
    pub ramdisk: &'a RamdiskPlan,
    /// The root file system, where it is on a disk.
    pub root: Option<&'a RootPlan>,
    /// What devices may be plugged in later.
    pub also: &'a [&'static Class],
    /// How their drivers are made.
    pub made: MadeAs,
    /// RAM of the machine, in bytes.
    pub memory: u64,
    /// The user land.
    pub userland: &'a UserlandNeeds,
}

/// The decompressors that a kernel may have for its ramdisk (usr/Kconfig).
const RAMDISK_SYMBOLS: &[(&str, Option<Compression>)] = &[
    ("RD_GZIP", Some(Compression::Gzip)),
    ("RD_BZIP2", None),
    ("RD_LZMA", Some(Compression::Lzma)),
    ("RD_XZ", Some(Compression::Xz)),
    ("RD_LZO", None),
    ("RD_LZ4", Some(Compression::Lz4)),
    ("RD_ZSTD", Some(Compression::Zstd)),
];

/// What programs of distributions and the languages' run times ask every kernel
/// for: locks, events, clocks, users, pipes of their own, `/proc`, `/dev` and
/// `/tmp`. A search finds out which of it one of them needs.
const TAKEN_FOR_GRANTED: &[&str] = &[
    "BINFMT_SCRIPT",
    "PROC_FS",
    "SYSFS",
    "TMPFS",
    "SHMEM",
    "DEVTMPFS",
    "MULTIUSER",
    "FUTEX",
    "EPOLL",
    "EVENTFD",
    "SIGNALFD",
    "TIMERFD",
    "POSIX_TIMERS",
    "ADVISE_SYSCALLS",
    "MEMBARRIER",
    "FILE_LOCKING",
    "INOTIFY_USER",
];

/// All that is implied, in order.
pub(super) fn requests(wishes: &Wishes<'_>) -> Vec<Request> {
    let mut all = Vec::new();
    if let Some(board) = wishes.board {
        all.extend(fragment::trusted(
            &board.options,
            &Asker::Board(board.name.clone()),
        ));
    }
    kernel_compression(wishes, &mut all);
    ramdisk(wishes, &mut all);
    userland(wishes, &mut all);
    network(wishes, &mut all);
    cmdline(wishes, &mut all);
    cpus(wishes, &mut all);
    if wishes.raw.kernel.modules.is_some() {
        all.push(ask("MODULES", true, "kernel.modules"));
    }
    let later = crate::also::requests(wishes.also, wishes.made);
    // What is needed to boot is no module.
    let needed = |one: &Request| all.iter().any(|r| r.symbol == one.symbol && r.value == "y");
    let later: Vec<Request> = later.into_iter().filter(|one| !needed(one)).collect();
    all.extend(later);
    all
}

/// More than one CPU. Where the recipe says nothing, it may still ask for SMP
/// itself: such kernels run on one.
fn cpus(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    if let Some(cpus) = wishes.raw.machine.cpus.as_ref().filter(|c| c.value > 1) {
        all.push(ask("SMP", true, &format!("machine.cpus = {}", cpus.value)));
    }
}

fn reason(key: &str, compression: Compression, given: bool) -> String {
    let default = if given { "" } else { " (the default)" };
    format!("{key} = \"{}\"{default}", kernel::words_of(compression))
}

fn kernel_compression(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    let given = wishes.raw.kernel.compress.as_ref();
    let compression = kernel::compression(given, wishes.board);
    let by_loader = |board: &Board| board.arch.facts().unpacked_by_loader.is_some();
    if wishes.board.is_some_and(by_loader) {
        return; // No option says how: it is another file that is made.
    }
    let symbol = match compression {
        Compression::None => "KERNEL_UNCOMPRESSED",
        Compression::Gzip => "KERNEL_GZIP",
        Compression::Xz => "KERNEL_XZ",
        Compression::Lzma => "KERNEL_LZMA",
        Compression::Zstd => "KERNEL_ZSTD",
        Compression::Lz4 => "KERNEL_LZ4",
        Compression::CmFast | Compression::Cm | Compression::CmBest => "KERNEL_CM",
    };
    let by = reason("kernel.compress", compression, given.is_some());
    all.push(ask(symbol, true, &by));
    if let Some(strength) = compression.strength() {
        let memory = compress::cm_memory(u64::MAX, wishes.memory);
        for (symbol, value) in [("CM_STRENGTH", strength.number()), ("CM_MEMORY", memory)] {
            all.push(Request {
                value: value.to_string(),
                ..ask(symbol, true, &by)
            });
        }
    }
}

fn ramdisk(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    let compression = wishes.ramdisk.compress;
    let by = reason(
        "ramdisk.compress",
        compression,
        wishes.raw.ramdisk_compress.is_some(),
    );
    if let (Placement::Flash, Some(board)) = (wishes.ramdisk.placement, wishes.board) {
        return flash(board, all);
    }
    if let Some(root) = wishes.root {
        let foreign = wishes.userland.foreign;
        return super::root_options::requests(root, foreign, all);
    }
    all.push(ask("BLK_DEV_INITRD", true, "the ramdisk"));
    for (symbol, one) in RAMDISK_SYMBOLS {
        all.push(ask(symbol, *one == Some(compression), &by));
    }
    if compression.strength().is_some() {
        all.push(ask("RD_CM", true, &by));
    }
    if wishes.ramdisk.placement == Placement::Builtin {
        let by = "ramdisk.placement = \"builtin\"";
        all.push(Request {
            symbol: "INITRAMFS_SOURCE".to_owned(),
            value: wishes.ramdisk.builtin_name(),
            quoted: true,
            by: Asker::Implied(by.to_owned()),
            lenient: true,
            optional: false,
        });
        // It is compressed already, or shall not be.
        all.push(ask("INITRAMFS_COMPRESSION_NONE", true, by));
    }
}

/// A kernel that is executed in flash memory, and the file system behind it that
/// it mounts where it is stored.
fn flash(board: &Board, all: &mut Vec<Request>) {
    let by = "ramdisk.placement = \"flash\"";
    all.push(ask("BLK_DEV_INITRD", false, by));
    for symbol in [
        "XIP_KERNEL",
        "MTD",
        "MTD_ROM",
        "MTD_PHYSMAP",
        "MTD_PHYSMAP_OF",
        "MISC_FILESYSTEMS",
        "ROMFS_FS",
        "ROMFS_BACKED_BY_MTD",
    ] {
        all.push(ask(symbol, true, by));
    }
    if let Some(flash) = &board.flash {
        let kernel = u64::from(flash.address) + flash.kernel_at.0;
        all.push(Request {
            value: format!("0x{kernel:x}"),
            ..ask("XIP_PHYS_ADDR", true, "kernel-at of the board")
        });
    }
}

fn userland(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    let needs = wishes.userland;
    let format = wishes
        .board
        .map_or("BINFMT_ELF", |b| b.arch.facts().program_format);
    all.push(ask(format, true, "programs in the ramdisk"));
    if let Some(script) = &needs.script {
        all.push(ask("BINFMT_SCRIPT", true, &format!("the script {script}")));
    }
    let bits_32 = wishes.board.is_some_and(|b| b.arch.facts().bits == 32);
    if needs.musl && bits_32 {
        let by = "userland.libc = \"musl\" on 32 bits: its sleep returns at once otherwise";
        all.push(ask("COMPAT_32BIT_TIME", true, by));
    }
    if needs.mounts_proc {
        all.push(ask("PROC_FS", true, "/etc/fstab mounts /proc"));
    }
    if needs.foreign {
        let by = "userland.from: what programs that were made elsewhere take for granted";
        // What one of them needs may be off by the recipe's own wish.
        all.extend(TAKEN_FOR_GRANTED.iter().map(|symbol| Request {
            optional: true,
            ..ask(symbol, true, by)
        }));
    }
}

fn network(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    let mode = match wishes.network.mode {
        NetworkMode::None => return,
        NetworkMode::Dhcp => "dhcp",
        NetworkMode::Static(_) => "static",
    };
    let by = format!("network.mode = \"{mode}\"");
    if wishes.userland.foreign {
        all.push(ask(
            "UNIX",
            true,
            "userland.from: sockets between its programs",
        ));
    }
    for symbol in ["NET", "INET", "NETDEVICES"] {
        all.push(ask(symbol, true, &by));
    }
    let is_image = wishes.root.is_some_and(|root| root.image.is_some());
    let has_client = wishes.raw.userland.busybox.is_some() || is_image;
    if wishes.network.mode == NetworkMode::Dhcp && has_client {
        // Without an address yet, DHCP's clients speak through a packet socket.
        all.push(ask("PACKET", true, &by));
    }
    let nics = wishes.board.map_or(&[][..], |b| &b.nics);
    let nic = nics
        .iter()
        .find(|n| Some(&n.model) == wishes.network.nic.as_ref());
    if let Some(nic) = nic {
        let by = Asker::Implied(format!("network.nic = \"{}\"", nic.model));
        all.extend(fragment::trusted(&nic.options, &by));
    }
}

/// What has the kernel itself configure the card: where the user land comes from
/// elsewhere nothing in it would, and where the recipe writes the command line
/// it says what it wants.
pub(super) fn ip_parameter(raw: &raw::Recipe, mode: &NetworkMode) -> Option<String> {
    let userland = &raw.userland;
    if userland.from.is_none() || userland.busybox.is_some() || raw.kernel.cmdline.is_some() {
        return None;
    }
    match mode {
        NetworkMode::None => None,
        NetworkMode::Dhcp => Some("ip=dhcp".to_owned()),
        // client::gateway:mask::device:off
        NetworkMode::Static(fixed) => Some(format!(
            "ip={}::{}:{}::eth0:off",
            fixed.address,
            fixed.gateway,
            fixed.mask()
        )),
    }
}

/// `ip=` on the command line has the kernel configure a card itself
/// (Documentation/admin-guide/nfs/nfsroot.rst): for DHCP where it says so, or
/// nothing but `ip=`.
fn cmdline(wishes: &Wishes<'_>, all: &mut Vec<Request>) {
    let written = ip_parameter(wishes.raw, &wishes.network.mode);
    let (line, key) = match (&wishes.raw.kernel.cmdline, &written) {
        (Some(line), _) => (line.value.as_str(), "kernel.cmdline"),
        (None, Some(line)) => (line.as_str(), "the written command line"),
        (None, None) => return,
    };
    let words = line.split_whitespace().take_while(|word| *word != "--");
    let Some(value) = words.filter_map(|word| word.strip_prefix("ip=")).last() else {
        return;
    };
    // The seventh field, or the only one.
    let way = value.split(':').nth(6).unwrap_or(value);
    if matches!(way, "off" | "none") && !value.contains(':') {
        return;
    }
    let by = format!("ip={value} in {key}");
    all.push(ask("IP_PNP", true, &by));
    if matches!(way, "dhcp" | "on" | "any" | "both") {
        all.push(ask("IP_PNP_DHCP", true, &by));
    }
}
