//! The kinds of boot media, and which machines boot them.

use std::fmt;

use crate::Arch;
use serde::Serialize;

/// A kind of boot medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A 3.5" floppy disk of 1,474,560 bytes, booted by a PC's BIOS.
    Floppy,
    /// A CD (ISO 9660, El Torito), booted by a PC's BIOS.
    Iso,
    /// A disk with an MBR and a FAT, booted by a PC's BIOS.
    DiskBios,
    /// A disk with an EFI system partition, booted by 64-bit UEFI firmware.
    DiskEfi,
    /// Both in one: a stick that either firmware boots.
    Usb,
    /// A disk with a FAT that U-Boot's usual boot commands find a script on, with
    /// the image tree.
    DiskUboot,
    /// U-Boot's Flattened Image Tree.
    Fit,
    /// U-Boot's legacy image.
    Uimage,
}

impl Form {
    /// All of them.
    pub const ALL: [Form; 8] = [
        Form::Floppy,
        Form::Iso,
        Form::DiskBios,
        Form::DiskEfi,
        Form::Usb,
        Form::DiskUboot,
        Form::Fit,
        Form::Uimage,
    ];

    /// Its word on the command line and in board files.
    pub fn word(self) -> &'static str {
        match self {
            Form::Floppy => "floppy",
            Form::Iso => "iso",
            Form::DiskBios => "disk-bios",
            Form::DiskEfi => "disk-efi",
            Form::Usb => "usb",
            Form::DiskUboot => "disk-uboot",
            Form::Fit => "fit",
            Form::Uimage => "uimage",
        }
    }

    /// The form of a word.
    pub fn of_word(word: &str) -> Option<Form> {
        Form::ALL.into_iter().find(|form| form.word() == word)
    }

    /// The file that it is written to, in the folder of the outputs.
    pub fn file_name(self) -> &'static str {
        match self {
            Form::Floppy => "floppy.img",
            Form::Iso => "cd.iso",
            Form::DiskBios => "disk-bios.img",
            Form::DiskEfi => "disk-efi.img",
            Form::Usb => "usb.img",
            Form::DiskUboot => "disk-uboot.img",
            Form::Fit => "image.itb",
            Form::Uimage => "uImage",
        }
    }

    /// What it is, for people.
    pub fn what(self) -> &'static str {
        match self {
            Form::Floppy => "A 1.44 MB floppy disk for a PC's BIOS",
            Form::Iso => "A CD for a PC's BIOS",
            Form::DiskBios => "A disk for a PC's BIOS",
            Form::DiskEfi => "A disk for 64-bit UEFI firmware",
            Form::Usb => "A stick for a PC's BIOS and for 64-bit UEFI firmware",
            Form::DiskUboot => "A disk or a card for U-Boot",
            Form::Fit => "U-Boot's image tree, with checksums",
            Form::Uimage => "U-Boot's older image",
        }
    }

    /// Whose machines boot it.
    pub fn of(self) -> &'static str {
        match self {
            Form::Floppy | Form::Iso | Form::DiskBios | Form::DiskEfi | Form::Usb => {
                "PCs boot from it (i386, x86_64)"
            }
            Form::DiskUboot | Form::Fit => "U-Boot boots it (arm, aarch64)",
            Form::Uimage => "U-Boot boots it (arm)",
        }
    }

    /// What its boot loader adds to the kernel's command line by itself: Syslinux what
    /// it has loaded (com32/elflink/ldlinux/kernel.c), GRUB the kernel
    /// (grub-core/loader/i386/linux.c).
    pub fn loader_words(self) -> &'static str {
        match self {
            Form::Iso | Form::DiskBios | Form::Usb => "BOOT_IMAGE=/kernel initrd=ramdisk",
            Form::DiskEfi => "BOOT_IMAGE=/kernel",
            Form::Floppy | Form::DiskUboot | Form::Fit | Form::Uimage => "",
        }
    }

    /// Whether machines of this architecture boot it.
    pub fn fits(self, arch: Arch) -> bool {
        match self {
            Form::Floppy | Form::Iso | Form::DiskBios | Form::DiskEfi | Form::Usb => {
                matches!(arch, Arch::I386 | Arch::X86_64)
            }
            Form::DiskUboot | Form::Fit => matches!(arch, Arch::Arm | Arch::Aarch64),
            Form::Uimage => arch == Arch::Arm,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_word_and_fits_a_machine() {
        for form in Form::ALL {
            assert_eq!(Form::of_word(form.word()), Some(form));
            let json = serde_json::to_value(form).expect("is JSON");
            assert_eq!(json, form.word());
            assert!(Arch::ALL.iter().any(|arch| form.fits(*arch)), "{form}");
        }
        assert_eq!(Form::of_word("tape"), None);
    }
}
