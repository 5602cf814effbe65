//! Boots a kernel of pc's with a ramdisk of the test's own, without agent and
//! checks: programs that tuxling has never seen.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use initramfs::cpio::{self, CpioOptions};
use initramfs::{FolderOptions, Tree};

use crate::fixture::{Started, command, folder};

/// A folder as an archive, to stand before a ramdisk.
pub(crate) fn archive(folder: &Path) -> Vec<u8> {
    let tree = Tree::from_folder(folder, FolderOptions::default()).expect("a tree");
    let mut archive = Vec::new();
    cpio::write(&tree, &CpioOptions { mtime: 0 }, &mut archive).expect("fits");
    archive
}

/// Boots until the machine restarts, and gives what the console printed. A trap
/// or a machine that goes on for longer than `limit` fails the test.
pub(crate) fn boot(kernel: &Path, initrd: &[u8], init: &str, limit: Duration) -> String {
    let dir = folder();
    let (image, console) = (dir.path().join("initrd"), dir.path().join("console"));
    fs::write(&image, initrd).expect("writable");
    let mut qemu = command("qemu-system-i386");
    qemu.args(["-nodefaults", "-no-user-config", "-no-reboot"]);
    // The machine of the checks: what is pruned tight promises no other.
    qemu.args(["-machine", "pc", "-accel", "tcg", "-m", "32M"]);
    qemu.args(["-display", "none", "-kernel"]).arg(kernel);
    qemu.arg("-initrd").arg(&image).arg("-append");
    qemu.arg(format!("console=ttyS0 panic=-1 rdinit={init}"));
    qemu.arg("-serial")
        .arg(format!("file:{}", console.display()))
        .args(["-serial", "null"]);
    let mut started = Started::new(&mut qemu);
    let until = Instant::now() + limit;
    let read = || String::from_utf8_lossy(&fs::read(&console).unwrap_or_default()).into_owned();
    while started.0.try_wait().expect("ours").is_none() {
        let text = read();
        assert!(Instant::now() < until, "no end after {limit:?}:\n{text}");
        assert!(!text.contains("tuxling: trap"), "{text}");
        std::thread::sleep(Duration::from_millis(500));
    }
    read()
}
