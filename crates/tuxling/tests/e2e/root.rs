//! Root file systems on disks: what is written to where it can be, a disk for data, and
//! the same over what can't be written to. One kernel of all file systems boots all.

use std::fmt::Write as _;

use crate::fixture::{Recipe, check, folder, run};

/// The kernel of `pc-shell` with disks and every file system.
const KERNEL: &str = r##"
[kernel]
options = """
CONFIG_MISC_FILESYSTEMS=y
CONFIG_SQUASHFS=y
CONFIG_SQUASHFS_XZ=y
CONFIG_EROFS_FS=y
CONFIG_EROFS_FS_ZIP=y
CONFIG_EXT4_FS=y
CONFIG_OVERLAY_FS=y
CONFIG_SHMEM=y
CONFIG_TMPFS=y
"""
"##;

/// A check: its name, a line for the shell, and what its output has.
type Check = (&'static str, &'static str, &'static str);

const WRITTEN: Check = ("written", "echo kept > /file && cat /file", "kept");

const DATA: Check = (
    "data",
    "echo kept > /data/file && grep -q ' /data ext4 rw' /proc/mounts && cat /data/file",
    "kept",
);

/// Boots a system whose root file system is such a one, and checks it.
fn holds(name: &str, root: &str, checks: &[Check]) {
    let mut text = format!("{KERNEL}\n[root]\n{root}\n");
    for (name, run, expect) in checks {
        let check = format!("[[check]]\nname = {name:?}\nrun = {run:?}\nexpect = {expect:?}\n");
        text.write_str(&check).expect("a string takes all");
    }
    let dir = folder();
    let recipe = Recipe::pc_shell(name)
        .without("check")
        .without("budget")
        .without("ramdisk")
        .with(&text)
        .with("userland.busybox = [\"sh\", \"init\", \"mount\", \"reboot\", \"cat\", \"grep\", \"touch\"]");
    run(&mut check(&recipe.write(dir.path()))).ends_with(0);
}

#[test]
fn an_ext4_root_and_a_disk_for_data_are_written_to() {
    let mounted = (
        "mounted",
        "grep ' / ext4 rw' /proc/mounts",
        "/dev/root / ext4 rw",
    );
    holds(
        "ext4",
        "filesystem = \"ext4\"\n[root.data]\nmount = \"/data\"",
        &[mounted, WRITTEN, DATA],
    );
}

#[test]
fn an_overlay_over_squashfs_is_written_to_beside_a_disk_for_data() {
    let mounted = (
        "mounted",
        "grep ' / overlay rw' /proc/mounts",
        " / overlay rw",
    );
    holds(
        "overlay",
        "filesystem = \"squashfs\"\naccess = \"overlay\"\n[root.data]\nmount = \"/data\"",
        &[mounted, WRITTEN, DATA],
    );
}

#[test]
fn an_erofs_root_is_read_only() {
    let mounted = ("mounted", "grep ' / erofs ro' /proc/mounts", " / erofs ro");
    let refused = (
        "refused",
        "touch /file 2>&1 || echo refused",
        "Read-only file system\nrefused",
    );
    let temporary = (
        "temporary",
        "echo kept > /tmp/file && cat /tmp/file",
        "kept",
    );
    holds(
        "erofs",
        "filesystem = \"erofs\"",
        &[mounted, refused, temporary],
    );
}
