//! What media are made of, and with.

use std::fs;
use std::path::{Path, PathBuf};

use host::process::{Cmd, Processes};
use recipe::Arch;

use crate::error::Result;
use crate::tools::EPOCH;

/// What a medium holds.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The architecture.
    pub arch: Arch,
    /// The kernel's image.
    pub kernel: &'a Path,
    /// The ramdisk, where it isn't in the kernel.
    pub ramdisk: Option<&'a Path>,
    /// A further ramdisk that is loaded before it: an archive that isn't
    /// compressed.
    pub first: Option<&'a Path>,
    /// The device tree that the kernel is given, if the board needs one.
    pub device_tree: Option<&'a Path>,
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// Where RAM begins in the board's addresses.
    pub ram_base: u64,
}

/// What media are made with.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// Starts the tools.
    pub processes: &'a Processes,
    /// A folder for what is only needed meanwhile; need not be there.
    pub dir: &'a Path,
}

impl<'a> Parts<'a> {
    /// The ramdisks with their names on the medium, in the order of loading.
    pub(crate) fn ramdisks(&self) -> Vec<(&'a Path, &'static str)> {
        let first = self.first.map(|path| (path, "first"));
        let ramdisk = self.ramdisk.map(|path| (path, "ramdisk"));
        first.into_iter().chain(ramdisk).collect()
    }

    /// All files with their names, in the order of copying. What is only there for
    /// checks comes last: nothing of what is shipped stands elsewhere because
    /// of it.
    pub(crate) fn files(&self) -> Vec<(&'a Path, &'static str)> {
        let kernel = (self.kernel, "kernel");
        let ramdisks = self.ramdisks().into_iter().rev();
        std::iter::once(kernel).chain(ramdisks).collect()
    }

    /// The size of all files.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let files = self.files();
        let sizes = files.iter().map(|(path, _)| size(path));
        sizes.sum()
    }
}

/// One of mtools' programs on an image; `place` may have an offset behind it.
pub(crate) fn mtools(program: &str, image: impl AsRef<std::ffi::OsStr>) -> Cmd {
    dated(Cmd::new(program))
        .env("MTOOLSRC", "/dev/null")
        .env("MTOOLS_SKIP_CHECK", "1")
        .arg("-i")
        .arg(image)
}

/// A command to which it is always the same time.
pub(crate) fn dated(cmd: Cmd) -> Cmd {
    cmd.env("SOURCE_DATE_EPOCH", EPOCH).env("TZ", "UTC")
}

/// A file's size.
pub(crate) fn size(path: &Path) -> Result<u64> {
    let about = fs::metadata(path).map_err(|e| host::Error::file("read", path, e))?;
    Ok(about.len())
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|e| host::Error::file("read", path, e))?)
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e))?)
}

/// Copies a file into a folder.
pub(crate) fn copy(from: &Path, dir: &Path, name: &str) -> Result<PathBuf> {
    let to = dir.join(name);
    write(&to, &read(from)?)?;
    Ok(to)
}
