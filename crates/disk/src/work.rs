//! An image on its way: what is asked for, and the tools' folder.

use std::fs;
use std::path::Path;

use host::error::Kind;
use host::process::{Cmd, ProcessError, Processes};
use initramfs::{Compression, Tree};

use crate::error::Error;
use crate::{Filesystem, archive};

/// An image that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The file system.
    pub filesystem: Filesystem,
    /// One of its [`Filesystem::compressions`].
    pub compression: Compression,
    /// What identifies it, where it has such a thing: of the tree that it is made
    /// from.
    pub uuid: [u8; 16],
    /// How large it is to be, in bytes, where it may have room left; as large as
    /// its files need when `None`.
    pub bytes: Option<u64>,
    /// Whether it will be written to: it then has a journal.
    pub writable: bool,
}

/// One image on its way.
pub(crate) struct Work<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) wanted: &'a Image,
    pub(crate) scratch: &'a Path,
    pub(crate) image: &'a Path,
    pub(crate) processes: &'a Processes,
}

impl Work<'_> {
    /// The folder that the tools read.
    pub(crate) fn folder(&self) -> std::path::PathBuf {
        self.scratch.join("root")
    }

    /// Unpacks the tree there; who owns what and which node is a device stands in
    /// a file of fakeroot's.
    pub(crate) fn stage(&self, tar: &Path) -> Result<(), Error> {
        archive::write(self.tree, false, tar)?;
        let folder = self.folder();
        fs::create_dir(&folder).map_err(|e| host::Error::file("make the folder", &folder, e))?;
        let cmd = Cmd::new("fakeroot")
            .arg("-s")
            .arg(self.state())
            .args(["--", "tar", "--numeric-owner", "--same-owner", "-p"])
            .arg("-C")
            .arg(&folder)
            .arg("-xf")
            .arg(tar);
        self.run_as_is(&cmd)
    }

    /// Where fakeroot(1) keeps who owns what.
    fn state(&self) -> std::path::PathBuf {
        self.scratch.join("owners")
    }

    pub(crate) fn squashfs(&self, tar: &Path) -> Result<(), Error> {
        let compression = match self.wanted.compression {
            Compression::Gzip => "gzip",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
            // What squashfs doesn't know is refused before.
            Compression::None
            | Compression::Xz
            | Compression::Lzma
            | Compression::CmFast
            | Compression::Cm
            | Compression::CmBest => "xz",
        };
        let cmd = Cmd::new("sqfstar")
            .args(["-comp", compression, "-reproducible"])
            .args(["-mkfs-time", "0", "-all-time", "0", "-root-time", "0"])
            .args(["-root-mode", "0755", "-root-uid", "0", "-root-gid", "0"])
            .args(["-quiet", "-no-progress"])
            .arg(self.image)
            .input(tar);
        self.run_as_is(&cmd)
    }

    pub(crate) fn erofs(&self) -> Result<(), Error> {
        let mut cmd = self
            .tool("mkfs.erofs")
            .args(["--quiet", "-T0", "-x-1", "-U", &self.uuid()]);
        if self.wanted.compression == Compression::Lz4 {
            cmd = cmd.arg("-zlz4hc");
        }
        self.run(cmd.arg(self.image).arg(self.folder()))
    }

    /// The identity in the form that the tools take.
    pub(crate) fn uuid(&self) -> String {
        let mut text = String::new();
        for (at, byte) in self.wanted.uuid.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    /// A tool, by its path: fakeroot(1) looks for it in PATH alone.
    pub(crate) fn tool(&self, name: &str) -> Cmd {
        match self.processes.find(name) {
            Some(path) => Cmd::new(path),
            None => Cmd::new(name),
        }
    }

    /// The same for a tool that sees owners and nodes as they are to be.
    pub(crate) fn faked(&self, cmd: &Cmd) -> Cmd {
        let faked = Cmd::new("fakeroot").arg("-i").arg(self.state()).arg("--");
        cmd.to_list().into_iter().fold(faked, Cmd::arg)
    }

    /// Runs a tool that sees owners and nodes as they are to be.
    pub(crate) fn run(&self, cmd: Cmd) -> Result<(), Error> {
        self.run_as_is(&self.faked(&cmd))
    }

    pub(crate) fn run_as_is(&self, cmd: &Cmd) -> Result<(), Error> {
        self.processes
            .run(cmd)
            .map_err(|error| self.failed(error))?;
        Ok(())
    }

    pub(crate) fn failed(&self, error: ProcessError) -> Error {
        let doing = format!("make the {} image", self.wanted.filesystem.name());
        host::Error::command(Kind::Build, doing, error).into()
    }
}
