//! A disk with one partition, a FAT, that a PC's BIOS boots by Syslinux, UEFI
//! firmware by GRUB, or either; or U-Boot, by a script and an image tree.
//!
//! The partition table is the MBR's (UEFI specification 2.10, 5.2.1): UEFI
//! firmware takes a partition of the type 0xEF for its system partition, and a
//! BIOS begins what stands in the first sector. GRUB loads kernels that have no
//! EFI stub as well, and 32-bit ones.

use std::path::Path;

use host::process::Cmd;
use recipe::medium::Form;

use crate::error::{Error, Result};
use crate::parts::{Bench, Parts, dated, mtools, read, size, write};
use crate::tools::{GRUB_EFI, MBR};
use crate::uboot;

/// Where the partition begins: as today's tools align it.
const START_SECTORS: u64 = 2048;

/// What the file system has besides the parts: its tables, the boot loaders, and
/// room for a user's own files.
const ROOM: u64 = 2 << 20;

/// No disk is smaller: FAT16 has at least 4,085 clusters.
const LEAST_SECTORS: u64 = 8192;

/// The BIOS's program in the first sector ends before the table.
const MBR_PROGRAM: usize = 440;
const MBR_TABLE: usize = 446;

/// An EFI system partition (UEFI specification 2.10, 5.2.2), and a FAT.
const TYPE_EFI: u8 = 0xef;
const TYPE_FAT: u8 = 0x0e;

fn by_bios(form: Form) -> bool {
    matches!(form, Form::DiskBios | Form::Usb)
}

fn by_efi(form: Form) -> bool {
    matches!(form, Form::DiskEfi | Form::Usb)
}

/// The partition's sectors: whole MiB.
fn sectors(form: Form, parts: &Parts<'_>) -> u64 {
    // Before a system is built, nobody knows its size.
    let parts = parts.bytes().unwrap_or_default();
    let loaders = if by_efi(form) { 1 << 20 } else { 0 };
    let mib = (parts + loaders + ROOM).div_ceil(1 << 20);
    (mib * 2048).max(LEAST_SECTORS)
}

/// The commands that make it.
pub(crate) fn commands(
    form: Form,
    parts: &Parts<'_>,
    to: &Path,
    bench: &Bench<'_>,
) -> Result<Vec<Cmd>> {
    let offset = START_SECTORS * 512;
    let mut image = to.as_os_str().to_owned();
    image.push(format!("@@{offset}"));
    let copy = |from: &Path, name: &str| mtools("mcopy", &image).arg(from).arg(format!("::{name}"));
    let format = mtools("mformat", &image)
        .args(["-T", &sectors(form, parts).to_string()])
        .args(["-h", "255", "-s", "63", "-c", "1"])
        .args(["-H", &START_SECTORS.to_string()])
        .args(["-N", "0", "-v", "TUXLING", "::"]);
    if form == Form::DiskUboot {
        let mut commands = uboot::commands(form, parts, &bench.dir.join(uboot::TREE), bench);
        commands.push(format);
        commands.extend([uboot::TREE, uboot::SCRIPT].map(|n| copy(&bench.dir.join(n), n)));
        return Ok(commands);
    }
    let mut commands = vec![format];
    let files = parts.files();
    // What is only there for checks comes last.
    let (shipped, further): (Vec<_>, Vec<_>) = files.iter().partition(|(_, name)| *name != "first");
    commands.extend(shipped.iter().map(|(from, name)| copy(from, name)));
    if by_bios(form) {
        MBR.found(form)?;
        commands.push(copy(&bench.dir.join("syslinux.cfg"), "syslinux.cfg"));
        let install = dated(Cmd::new("syslinux")).env("MTOOLS_SKIP_CHECK", "1");
        commands.push(
            install
                .args(["--install", "--offset", &offset.to_string()])
                .arg(to),
        );
    }
    if by_efi(form) {
        let modules = GRUB_EFI.found(form)?;
        let folder = modules.parent().unwrap_or(Path::new("/")).to_owned();
        let grub = bench.dir.join("grub.efi");
        commands.push(grub_image(&folder, &grub));
        commands.push(mtools("mmd", &image).args(["::EFI", "::EFI/BOOT"]));
        commands.push(copy(&grub, "EFI/BOOT/BOOTX64.EFI"));
        commands.push(copy(&bench.dir.join("grub.cfg"), "EFI/BOOT/grub.cfg"));
    }
    commands.extend(further.iter().map(|(from, name)| copy(from, name)));
    Ok(commands)
}

/// GRUB with what it needs to load a kernel from a FAT, and nothing else.
fn grub_image(modules: &Path, to: &Path) -> Cmd {
    dated(Cmd::new("grub-mkimage"))
        .args(["-O", "x86_64-efi", "-d"])
        .arg(modules)
        .args(["-p", "/EFI/BOOT", "-o"])
        .arg(to)
        .args(["fat", "part_msdos", "normal", "linux"])
}

/// What has to be there before the commands run.
pub(crate) fn prepare(form: Form, parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Result<()> {
    if form == Form::DiskUboot {
        uboot::prepare(form, parts, bench)?;
    } else {
        let configuration = syslinux(parts, "");
        write(&bench.dir.join("syslinux.cfg"), configuration.as_bytes())?;
        write(&bench.dir.join("grub.cfg"), grub(parts).as_bytes())?;
    }
    let file = std::fs::File::create(to).map_err(|e| host::Error::file("create", to, e))?;
    let bytes = (START_SECTORS + sectors(form, parts)) * 512;
    let sized = file.set_len(bytes);
    Ok(sized.map_err(|e| host::Error::file("write", to, e))?)
}

/// Syslinux's configuration; `folder` stands before the names.
pub(crate) fn syslinux(parts: &Parts<'_>, folder: &str) -> String {
    let ramdisks = parts.ramdisks();
    let names: Vec<String> = ramdisks
        .iter()
        .map(|(_, n)| format!("{folder}{n}"))
        .collect();
    let initrd = if names.is_empty() {
        String::new()
    } else {
        format!("  INITRD {}\n", names.join(","))
    };
    format!(
        "DEFAULT linux\nPROMPT 0\nLABEL linux\n  LINUX {folder}kernel\n{initrd}  APPEND {}\n",
        parts.cmdline
    )
}

/// GRUB's configuration: its shell's quotes keep the command line's words.
fn grub(parts: &Parts<'_>) -> String {
    let ramdisks = parts.ramdisks();
    let names: Vec<String> = ramdisks
        .iter()
        .map(|(_, name)| format!("/{name}"))
        .collect();
    let initrd = if names.is_empty() {
        String::new()
    } else {
        format!("initrd {}\n", names.join(" "))
    };
    let words = parts.cmdline.split_whitespace();
    let quoted: Vec<String> = words
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    format!("linux /kernel {}\n{initrd}boot\n", quoted.join(" "))
}

/// Writes the first sector. Gives back what is free in the file system.
pub(crate) fn finish(form: Form, to: &Path) -> Result<u64> {
    let mut disk = read(to)?;
    let all = size(to)? / 512;
    let first = disk.get_mut(..512).ok_or(Error::Fat {
        path: to.to_owned(),
        why: "it is cut off",
    })?;
    if by_bios(form) {
        let program = read(&MBR.found(form)?)?;
        let length = program.len().min(MBR_PROGRAM);
        first[..length].copy_from_slice(&program[..length]);
    }
    let kind = if by_efi(form) { TYPE_EFI } else { TYPE_FAT };
    first[MBR_TABLE..MBR_TABLE + 16].copy_from_slice(&entry(
        kind,
        !by_efi(form) || by_bios(form),
        all,
    ));
    first[510..].copy_from_slice(&[0x55, 0xaa]);
    write(to, &disk)?;
    free_bytes(&disk[(START_SECTORS * 512) as usize..]).ok_or(Error::Fat {
        path: to.to_owned(),
        why: "it is no FAT16",
    })
}

/// The table's entry for a partition that goes to the end of the disk.
fn entry(kind: u8, active: bool, all: u64) -> [u8; 16] {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let mut entry = [0; 16];
    entry[0] = if active { 0x80 } else { 0 };
    entry[1..4].copy_from_slice(&chs(START_SECTORS));
    entry[4] = kind;
    entry[5..8].copy_from_slice(&chs(all - 1));
    entry[8..12].copy_from_slice(&number(START_SECTORS).to_le_bytes());
    entry[12..16].copy_from_slice(&number(all - START_SECTORS).to_le_bytes());
    entry
}

/// A sector's cylinder, head and sector, by 255 heads of 63 sectors.
fn chs(sector: u64) -> [u8; 3] {
    let (cylinder, rest) = (sector / (255 * 63), sector % (255 * 63));
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    let (head, sector) = (rest / 63, rest % 63 + 1);
    [
        head as u8,
        (sector | (cylinder >> 2 & 0xc0)) as u8,
        cylinder as u8,
    ]
}

/// What is free in a FAT12 or FAT16 of sectors of 512 bytes.
fn free_bytes(fat: &[u8]) -> Option<u64> {
    let number = |at: usize, length: usize| -> Option<u64> {
        let field = fat.get(at..at + length)?;
        Some(field.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    };
    let (cluster, reserved) = (number(13, 1)?, number(14, 2)?);
    let (tables, root, table) = (number(16, 1)?, number(17, 2)?, number(22, 2)?);
    let all = match number(19, 2)? {
        0 => number(32, 4)?,
        all => all,
    };
    let data = reserved + tables * table + (root * 32).div_ceil(512);
    let clusters = all.checked_sub(data)?.checked_div(cluster)?;
    if !(4085..65525).contains(&clusters) {
        return None;
    }
    let start = usize::try_from(reserved * 512).ok()?;
    let entries = fat.get(start + 4..)?.chunks_exact(2);
    let entries = entries.take(usize::try_from(clusters).ok()?);
    let free = entries.filter(|entry| *entry == [0, 0]).count();
    Some(free as u64 * cluster * 512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use recipe::Arch;

    fn parts<'a>(first: Option<&'a Path>, ramdisk: Option<&'a Path>) -> Parts<'a> {
        Parts {
            arch: Arch::X86_64,
            kernel: Path::new("/k"),
            ramdisk,
            first,
            device_tree: None,
            cmdline: "console=ttyS0 a=\"it's\"",
            ram_base: 0,
        }
    }

    #[test]
    fn boot_loaders_are_told_all_ramdisks_in_the_order_of_loading() {
        let (first, ramdisk) = (Path::new("/f"), Path::new("/r"));
        let both = parts(Some(first), Some(ramdisk));
        assert_eq!(
            syslinux(&both, ""),
            "DEFAULT linux\nPROMPT 0\nLABEL linux\n  LINUX kernel\n  INITRD first,ramdisk\n  \
             APPEND console=ttyS0 a=\"it's\"\n"
        );
        assert_eq!(
            grub(&both),
            "linux /kernel 'console=ttyS0' 'a=\"it'\\''s\"'\ninitrd /first /ramdisk\nboot\n"
        );
        assert!(!grub(&parts(None, None)).contains("initrd"));
        assert!(!syslinux(&parts(None, None), "/").contains("INITRD"));
    }

    #[test]
    fn the_partition_goes_to_the_end_of_the_disk() {
        let table = entry(TYPE_EFI, true, 2048 + 8192);
        assert_eq!(table[0], 0x80);
        assert_eq!(table[4], 0xef);
        assert_eq!(table[1..4], [32, 33, 0]);
        assert_eq!(table[8..12], 2048_u32.to_le_bytes());
        assert_eq!(table[12..16], 8192_u32.to_le_bytes());
        assert_eq!(chs(1 << 40), [0xfe, 0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn any_bytes_have_so_much_free_or_nothing_to_tell(
            bytes in proptest::collection::vec(any::<u8>(), 0..2048),
        ) {
            let _ = free_bytes(&bytes);
        }
    }
}
