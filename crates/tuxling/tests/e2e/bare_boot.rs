//! Boots a kernel of pc's with a ramdisk of the test's own, without agent and
//! checks: programs that tuxling has never seen.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use initramfs::cpio::{self, CpioOptions};
use initramfs::{FolderOptions, Tree};
use tempfile::TempDir;

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
    let mut machine = Machine::start(kernel, initrd, init, &["-no-reboot"]);
    machine.watch(limit, |text, ended| {
        assert!(!text.contains("tuxling: trap"), "{text}");
        ended
    })
}

/// A machine that runs.
struct Machine {
    qemu: Started,
    dir: TempDir,
}

impl Machine {
    /// Starts it; without bytes there is no ramdisk.
    fn start(kernel: &Path, initrd: &[u8], init: &str, more: &[&str]) -> Machine {
        let dir = folder();
        let image = dir.path().join("initrd");
        fs::write(&image, initrd).expect("writable");
        let mut qemu = command("qemu-system-i386");
        qemu.args(["-nodefaults", "-no-user-config"]).args(more);
        // The machine of the checks: what is pruned tight promises no other.
        qemu.args(["-machine", "pc", "-accel", "tcg", "-m", "32M"]);
        qemu.args(["-display", "none", "-kernel"]).arg(kernel);
        if !initrd.is_empty() {
            qemu.arg("-initrd").arg(&image);
        }
        qemu.arg("-append");
        qemu.arg(format!("console=ttyS0 panic=-1 rdinit={init}"));
        let console = dir.path().join("console");
        qemu.arg("-serial")
            .arg(format!("file:{}", console.display()))
            .args(["-serial", "null"]);
        let qemu = Started::new(&mut qemu);
        Machine { qemu, dir }
    }

    /// Waits until what the console has printed, and whether the machine ended,
    /// is `enough`.
    fn watch(&mut self, limit: Duration, enough: impl Fn(&str, bool) -> bool) -> String {
        let until = Instant::now() + limit;
        loop {
            let ended = self.qemu.0.try_wait().expect("ours").is_some();
            let console = fs::read(self.dir.path().join("console")).unwrap_or_default();
            let text = String::from_utf8_lossy(&console).into_owned();
            if enough(&text, ended) {
                return text;
            }
            assert!(!ended && Instant::now() < until, "after {limit:?}:\n{text}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}
