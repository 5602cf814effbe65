//! What boot media are made with: programs, and files of boot loaders that
//! distributions keep in different folders.

use host::process::Processes;
use recipe::medium::Form;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The time that all files on a medium have: 1980-01-01, where FAT's time begins.
pub(crate) const EPOCH: &str = "315532800";

/// A file of a boot loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderFile {
    /// Its name.
    pub name: &'static str,
    /// Where distributions keep it: Debian, Fedora and Alpine, Arch.
    pub folders: &'static [&'static str],
}

/// The MBR's program that boots the active partition.
pub(crate) const MBR: LoaderFile = LoaderFile {
    name: "mbr.bin",
    folders: &[
        "/usr/lib/SYSLINUX",
        "/usr/lib/syslinux/mbr",
        "/usr/share/syslinux",
        "/usr/lib/syslinux/bios",
    ],
};

/// What a CD boots.
pub(crate) const ISOLINUX: LoaderFile = LoaderFile {
    name: "isolinux.bin",
    folders: &[
        "/usr/lib/ISOLINUX",
        "/usr/share/syslinux",
        "/usr/lib/syslinux/bios",
    ],
};

/// The second part of isolinux.
pub(crate) const LDLINUX: LoaderFile = LoaderFile {
    name: "ldlinux.c32",
    folders: &[
        "/usr/lib/syslinux/modules/bios",
        "/usr/share/syslinux",
        "/usr/lib/syslinux/bios",
    ],
};

/// The modules of GRUB for UEFI, told by the one that loads kernels.
pub(crate) const GRUB_EFI: LoaderFile = LoaderFile {
    name: "linux.mod",
    folders: &["/usr/lib/grub/x86_64-efi"],
};

/// The programs that it is made with.
pub fn programs(form: Form) -> &'static [&'static str] {
    match form {
        Form::Floppy => &["mformat", "mcopy"],
        Form::Iso => &["xorriso"],
        Form::DiskBios => &["mformat", "mcopy", "syslinux"],
        Form::DiskEfi => &["mformat", "mcopy", "mmd", "grub-mkimage"],
        Form::Usb => &["mformat", "mcopy", "mmd", "syslinux", "grub-mkimage"],
        Form::DiskUboot => &["mformat", "mcopy", "mkimage", "dtc", "fdtput"],
        Form::Fit => &["mkimage", "dtc", "fdtput"],
        Form::Uimage => &["mkimage", "fdtput"],
    }
}

/// The files of boot loaders that it is made with.
pub fn loader_files(form: Form) -> &'static [LoaderFile] {
    match form {
        Form::Iso => &[ISOLINUX, LDLINUX],
        Form::DiskBios => &[MBR],
        Form::DiskEfi => &[GRUB_EFI],
        Form::Usb => &[MBR, GRUB_EFI],
        Form::Floppy | Form::DiskUboot | Form::Fit | Form::Uimage => &[],
    }
}

/// What this machine lacks to make a medium, by the names that
/// [`host::packages`] knows: programs, and files behind `file:`.
pub fn lacking(form: Form, processes: &Processes) -> Vec<String> {
    let programs = programs(form).iter();
    let programs = programs.filter(|program| processes.find(program).is_none());
    let files = loader_files(form).iter().filter(|f| f.find().is_none());
    programs
        .map(|program| (*program).to_owned())
        .chain(files.map(|file| format!("file:{}", file.name)))
        .collect()
}

impl LoaderFile {
    /// Where it is on this machine.
    pub fn find(&self) -> Option<PathBuf> {
        let all = self.folders.iter().map(|f| Path::new(f).join(self.name));
        let mut there = all.filter(|path| path.is_file());
        there.next()
    }

    /// Where it is, for a medium that needs it.
    pub(crate) fn found(&self, form: Form) -> Result<PathBuf> {
        self.find().ok_or_else(|| Error::NoFile {
            form,
            name: self.name,
            looked: self.folders.iter().map(|f| (*f).to_owned()).collect(),
        })
    }
}
