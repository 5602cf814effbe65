//! File systems that were to be mounted, and that the kernel has not got.

use std::sync::LazyLock;

use record::Diagnosis;
use regex::Regex;
use startup::NodeKind;
use startup::program::Program;
use startup::script::Script;

use super::listing::Listing;
use super::{Known, diagnosis};

/// File systems by the name that mount(2) takes, and the options that bring them
/// in (their `register_filesystem()`).
const FILE_SYSTEMS: &[(&str, &str)] = &[
    ("9p", "9P_FS"),
    ("autofs", "AUTOFS_FS"),
    ("binfmt_misc", "BINFMT_MISC"),
    ("bpf", "BPF_SYSCALL"),
    ("btrfs", "BTRFS_FS"),
    ("cgroup", "CGROUPS"),
    ("cgroup2", "CGROUPS"),
    ("cifs", "CIFS"),
    ("configfs", "CONFIGFS_FS"),
    ("cpuset", "CPUSETS"),
    ("cramfs", "CRAMFS"),
    ("debugfs", "DEBUG_FS"),
    ("devpts", "UNIX98_PTYS"),
    ("devtmpfs", "DEVTMPFS"),
    ("efivarfs", "EFIVAR_FS"),
    ("erofs", "EROFS_FS"),
    ("exfat", "EXFAT_FS"),
    ("ext2", "EXT2_FS"),
    ("ext3", "EXT4_FS"),
    ("ext4", "EXT4_FS"),
    ("f2fs", "F2FS_FS"),
    ("fuse", "FUSE_FS"),
    ("hfsplus", "HFSPLUS_FS"),
    ("hugetlbfs", "HUGETLBFS"),
    ("iso9660", "ISO9660_FS"),
    ("jffs2", "JFFS2_FS"),
    ("minix", "MINIX_FS"),
    ("mqueue", "POSIX_MQUEUE"),
    ("msdos", "MSDOS_FS"),
    ("nfs", "NFS_FS"),
    ("nfs4", "NFS_V4"),
    ("nfsd", "NFSD"),
    ("ntfs3", "NTFS3_FS"),
    ("overlay", "OVERLAY_FS"),
    ("proc", "PROC_FS"),
    ("pstore", "PSTORE"),
    ("romfs", "ROMFS_FS"),
    ("securityfs", "SECURITYFS"),
    ("selinuxfs", "SECURITY_SELINUX"),
    ("squashfs", "SQUASHFS"),
    ("sysfs", "SYSFS"),
    ("tmpfs", "TMPFS"),
    ("tracefs", "TRACING"),
    ("ubifs", "UBIFS_FS"),
    ("udf", "UDF_FS"),
    ("usbfs", "USB"),
    ("vfat", "VFAT_FS"),
    ("virtiofs", "VIRTIO_FS"),
    ("xfs", "XFS_FS"),
    ("zonefs", "ZONEFS_FS"),
];

/// BusyBox' mount: util-linux/mount.c, `singlemount()`.
static BUSYBOX: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"mounting (\S+) on (\S+) failed: No such device\b").ok());

/// util-linux' mount, and the kernel's own names of them.
static UNKNOWN: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[Uu]nknown file ?system(?: type)?:? '?([A-Za-z0-9_]+)'?").ok());

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all: Vec<Diagnosis> = Vec::new();
    for (who, line) in known.printed() {
        let told = type_in(known, line)
            .and_then(|kind| missing(known, &kind, &format!("{who}: {}", line.trim())));
        if let Some(told) = told
            && all.iter().all(|one| one.cause != told.cause)
        {
            all.push(told);
        }
    }
    all
}

/// The type of a file system that could not be mounted for want of it.
fn type_in(known: &Known<'_>, line: &str) -> Option<String> {
    if let Some(found) = UNKNOWN.as_ref()?.captures(line) {
        return Some(found[1].to_owned());
    }
    let found = BUSYBOX.as_ref()?.captures(line)?;
    let (source, target) = (&found[1], &found[2]);
    let ramdisk = known.ramdisk?;
    let kind = wanted(ramdisk, source, target);
    // What has no device is called by its type, most often.
    kind.or_else(|| symbol(source).map(|_| source.to_owned()))
}

/// The type that a script or `/etc/fstab` of the ramdisk mounts there.
fn wanted(ramdisk: &Listing, source: &str, target: &str) -> Option<String> {
    let fstab = ramdisk.files.text("/etc/fstab").unwrap_or_default();
    let fstab = String::from_utf8_lossy(fstab);
    let by_line = fstab.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let fits = fields.first() == Some(&source) && fields.get(1) == Some(&target);
        fields
            .get(2)
            .filter(|_| fits)
            .map(|kind| (*kind).to_owned())
    });
    by_line.or_else(|| {
        scripts(ramdisk)
            .iter()
            .find_map(|s| by_script(s, source, target))
    })
}

/// All scripts of a ramdisk.
fn scripts(ramdisk: &Listing) -> Vec<Script> {
    let text = |kind: &NodeKind| match kind {
        NodeKind::File {
            program: Program::Script(_),
            text: Some(text),
        } => Some(Script::read(text)),
        _ => None,
    };
    let all = ramdisk
        .files
        .iter()
        .filter_map(|(_, node)| text(&node.kind));
    all.collect()
}

fn by_script(script: &Script, source: &str, target: &str) -> Option<String> {
    script.calls.iter().find_map(|call| {
        if !call.name.ends_with("mount") {
            return None;
        }
        let words: Vec<&str> = call
            .arguments
            .iter()
            .flatten()
            .map(String::as_str)
            .collect();
        if !words.contains(&source) || !words.contains(&target) {
            return None;
        }
        let at = words.iter().position(|word| word.starts_with("-t"))?;
        let kind = match words[at].strip_prefix("-t") {
            Some("") | None => words.get(at + 1)?,
            Some(joined) => joined,
        };
        Some(kind.to_owned())
    })
}

fn symbol(kind: &str) -> Option<&'static str> {
    let found = FILE_SYSTEMS.iter().find(|(name, _)| *name == kind);
    found.map(|(_, symbol)| *symbol)
}

fn missing(known: &Known<'_>, kind: &str, line: &str) -> Option<Diagnosis> {
    let symbol = symbol(kind)?;
    if known.on(symbol) {
        return None;
    }
    Some(diagnosis(
        "file-system-not-configured",
        format!("the kernel doesn't have the file system {kind}"),
        [line.to_owned(), known.setting(symbol)],
        format!("ask for CONFIG_{symbol}=y in [kernel]"),
    ))
}
