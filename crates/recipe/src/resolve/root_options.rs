//! What a root file system on a disk asks the kernel for: the disk's driver, the
//! file system, what is laid over it.

use disk::Filesystem;
use initramfs::Compression;

use super::asked::ask;
use crate::asker::Asker;
use crate::config::Request;
use crate::fragment;
use crate::plan::{Access, RootPlan};

/// The decompressors of squashfs (fs/squashfs/Kconfig).
const SQUASHFS: &[(&str, Option<Compression>)] = &[
    ("SQUASHFS_ZLIB", Some(Compression::Gzip)),
    ("SQUASHFS_LZ4", Some(Compression::Lz4)),
    ("SQUASHFS_LZO", None),
    ("SQUASHFS_XZ", Some(Compression::Xz)),
    ("SQUASHFS_ZSTD", Some(Compression::Zstd)),
];

/// What systemd, sysvinit and udev ask every kernel for, besides what any program
/// does (the README of systemd): nodes in /dev that somebody filled, events of
/// devices, groups of processes, consoles.
const INIT: &[&str] = &[
    "DEVTMPFS",
    "DEVTMPFS_MOUNT",
    "NET",
    "UNIX",
    "CGROUPS",
    "FHANDLE",
    "TMPFS_POSIX_ACL",
    "TMPFS_XATTR",
    "PROC_SYSCTL",
    "UNIX98_PTYS",
    "PRINTK",
    "SYSVIPC",
    "POSIX_MQUEUE",
    "RTC_CLASS",
    "RTC_HCTOSYS",
    "SECCOMP",
    "AIO",
];

/// Adds them. Nothing is unpacked into RAM.
/// `foreign`: the user land was made elsewhere.
pub(super) fn requests(root: &RootPlan, foreign: bool, all: &mut Vec<Request>) {
    let by = "[root]: the root file system is on a disk";
    all.push(ask("BLK_DEV_INITRD", false, by));
    all.push(ask("BLOCK", true, by));
    let by = Asker::Implied(format!("root.on = \"{}\"", root.drive.model));
    all.extend(fragment::trusted(&root.drive.options, &by));
    filesystem(root.filesystem, root.compress, "root", all);
    if root.image.as_ref().is_some_and(|i| i.partition.is_some()) {
        let by = "root.partition";
        all.push(ask("PARTITION_ADVANCED", true, by));
        all.push(ask("MSDOS_PARTITION", true, by));
    }
    if root.image.is_some() {
        let by = "root.image: what a distribution's init takes for granted";
        for symbol in INIT {
            all.push(Request {
                optional: true,
                ..ask(symbol, true, by)
            });
        }
    }
    let attributes = match root.filesystem {
        Filesystem::Squashfs => Some("SQUASHFS_XATTR"),
        Filesystem::Ext4 => Some("EXT4_FS_SECURITY"),
        Filesystem::Erofs | Filesystem::Cramfs => None,
    };
    if let (Some(symbol), true) = (attributes, foreign) {
        let by = "capabilities of the programs in the root file system";
        all.push(Request {
            optional: true,
            ..ask(symbol, true, by)
        });
    }
    if root.access == Access::Overlay {
        all.push(ask("OVERLAY_FS", true, "root.access = \"overlay\""));
    }
    if root.access == Access::ReadOnly && root.image.is_none() {
        let by = "root.access = \"read-only\": /tmp is in RAM";
        for symbol in ["SHMEM", "TMPFS"] {
            all.push(Request {
                optional: true,
                ..ask(symbol, true, by)
            });
        }
    }
    if let Some(data) = &root.data {
        filesystem(data.filesystem, Compression::None, "root.data", all);
    }
}

fn filesystem(kind: Filesystem, compress: Compression, key: &str, all: &mut Vec<Request>) {
    let by = format!("{key}.filesystem = \"{}\"", kind.name());
    let mut on = |symbol| all.push(ask(symbol, true, &by));
    match kind {
        Filesystem::Squashfs => {
            on("MISC_FILESYSTEMS");
            on("SQUASHFS");
            for (symbol, one) in SQUASHFS {
                all.push(ask(symbol, *one == Some(compress), &by));
            }
        }
        Filesystem::Erofs => {
            on("MISC_FILESYSTEMS");
            on("EROFS_FS");
            let packed = compress != Compression::None;
            all.push(ask("EROFS_FS_ZIP", packed, &by));
        }
        Filesystem::Ext4 => on("EXT4_FS"),
        Filesystem::Cramfs => {
            on("MISC_FILESYSTEMS");
            on("CRAMFS");
            on("CRAMFS_BLOCKDEV");
        }
    }
}
