//! A floppy disk: a FAT12 that begins with a loader of our own.
//!
//! The loaders that distributions have take 130 to 190 KB of the disk, this one
//! takes 4 KiB. It reads no file system: where the files stand is written into it
//! when the disk is made, so a file that is replaced on the disk needs the disk to
//! be made again. How a kernel is begun is in its Documentation/arch/x86/boot.rst.

use std::path::Path;

use host::process::Cmd;
use recipe::medium::Form;

use crate::error::{Error, Result};
use crate::fat::{Extent, Fat};
use crate::parts::{Bench, Parts, mtools, read, write};

/// The loader's source.
const SOURCE: &str = include_str!("boot_sector.s");

/// Where its parts stand, in bytes from the disk's start (boot_sector.s).
const PARAMETERS: usize = 3 * 512;
const COMMAND_LINE: usize = 4 * 512;
const SECTORS: usize = 8;

/// The fields of the FAT in the boot sector: they stay.
const BPB: std::ops::Range<usize> = 3..62;

/// Below which ramdisks have to end where the kernel doesn't say it (boot.rst,
/// `initrd_addr_max`).
const OLD_RAMDISK_LIMIT: u32 = 0x3800_0000;

/// A floppy disk's bytes.
pub(crate) const CAPACITY: u64 = 1_474_560;

/// The commands that make it.
pub(crate) fn commands(parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Vec<Cmd> {
    let prefix = std::env::var("CROSS_COMPILE").ok();
    let prefix = parts.arch.facts().tool_prefix(prefix.as_deref());
    let (source, object) = (bench.dir.join("boot.s"), bench.dir.join("boot.o"));
    let assemble = Cmd::new(format!("{prefix}as"))
        .args(["--32", "-o"])
        .arg(&object)
        .arg(&source);
    let link = Cmd::new(format!("{prefix}ld"))
        .args(["-m", "elf_i386", "-Ttext=0x7c00", "-estart"])
        .args(["--oformat", "binary", "-o"])
        .arg(bench.dir.join("boot"))
        .arg(&object);
    let format = mtools("mformat", to)
        .args(["-f", "1440", "-R", &SECTORS.to_string()])
        .args(["-N", "0", "-v", "TUXLING", "::"]);
    let copy = |(from, name): (&Path, &str)| mtools("mcopy", to).arg(from).arg(format!("::{name}"));
    let copies = parts.files().into_iter().map(copy);
    [assemble, link, format].into_iter().chain(copies).collect()
}

/// What has to be there before the commands run.
pub(crate) fn prepare(parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Result<()> {
    let needed = parts.bytes()?;
    if needed > CAPACITY {
        let room = CAPACITY;
        let form = Form::Floppy;
        return Err(Error::TooLarge { form, needed, room });
    }
    write(&bench.dir.join("boot.s"), SOURCE.as_bytes())?;
    write(to, &vec![0; CAPACITY as usize])
}

/// Puts the loader before the file system. Gives back what is free.
pub(crate) fn finish(parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Result<u64> {
    let wrong = |why| Error::Fat {
        path: to.to_owned(),
        why,
    };
    let mut disk = read(to)?;
    let loader = read(&bench.dir.join("boot"))?;
    if loader.len() != PARAMETERS || disk.len() < SECTORS * 512 {
        return Err(wrong("the loader has another size"));
    }
    let fat = Fat::read(&disk).map_err(wrong)?;
    let free = fat.free_bytes();
    let kernel = fat.find(b"KERNEL     ").map_err(wrong)?;
    let mut ramdisks = Vec::new();
    for (_, name) in parts.ramdisks() {
        let mut padded = [b' '; 11];
        for (to, from) in padded.iter_mut().zip(name.bytes()) {
            *to = from.to_ascii_uppercase();
        }
        ramdisks.push(fat.find(&padded).map_err(wrong)?);
    }
    // The sectors between one ramdisk's end and the next one are read as well.
    for extent in &ramdisks {
        let start = extent.sector as usize * 512;
        let (end, next) = (extent.bytes as usize, extent.sectors() as usize * 512);
        disk[start + end..start + next].fill(0);
    }
    let start = kernel.sector as usize * 512;
    let image = &disk[start..start + kernel.bytes as usize];
    let header = Header::read(image, parts)?;
    let parameters = parameters(&header, kernel, &ramdisks);
    let fields = disk[BPB].to_vec();
    disk[..PARAMETERS].copy_from_slice(&loader);
    disk[BPB].copy_from_slice(&fields);
    disk[PARAMETERS..PARAMETERS + parameters.len()].copy_from_slice(&parameters);
    let text = parts.cmdline.as_bytes();
    disk[COMMAND_LINE..COMMAND_LINE + text.len()].copy_from_slice(text);
    write(to, &disk)?;
    Ok(free)
}

/// What the loader reads in sector 3.
fn parameters(header: &Header, kernel: Extent, ramdisks: &[Extent]) -> Vec<u8> {
    let rest = kernel.sectors().saturating_sub(header.setup_sectors);
    // One behind another, each from a sector's start on.
    let bytes = match ramdisks.split_last() {
        Some((last, others)) => others.iter().map(|e| e.sectors() * 512).sum::<u32>() + last.bytes,
        None => 0,
    };
    let mut words = vec![
        u32::from_le_bytes(*b"TUXL"),
        kernel.sector,
        header.setup_sectors,
        rest,
        bytes,
        header.ramdisk_limit,
    ];
    for extent in ramdisks {
        words.extend([extent.sector, extent.sectors()]);
    }
    words.extend([0, 0]);
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// What a bzImage says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    setup_sectors: u32,
    ramdisk_limit: u32,
}

impl Header {
    /// Reads it, and holds that the loader can begin such a kernel.
    fn read(image: &[u8], parts: &Parts<'_>) -> Result<Header> {
        let wrong = |why| Error::Kernel {
            path: parts.kernel.to_owned(),
            why,
        };
        let field = |at: usize, length: usize| -> Option<u32> {
            let bytes = image.get(at..at + length)?;
            Some(bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b)))
        };
        let cut = || wrong("it is cut off");
        if image.get(0x202..0x206) != Some(b"HdrS") {
            return Err(wrong("it is no bzImage"));
        }
        let version = field(0x206, 2).ok_or_else(cut)?;
        if version < 0x0202 || field(0x211, 1).is_none_or(|flags| flags & 1 == 0) {
            return Err(wrong("its boot protocol is older than 2.02"));
        }
        let limit = match version {
            ..0x0206 => 255,
            _ => field(0x238, 4).ok_or_else(cut)?,
        };
        let limit = (limit as usize).min((SECTORS - 4) * 512 - 1);
        let bytes = parts.cmdline.len();
        if bytes > limit {
            let form = Form::Floppy;
            return Err(Error::CommandLine { form, bytes, limit });
        }
        let setup = match field(0x1f1, 1).ok_or_else(cut)? {
            0 => 4, // for the sake of very old loaders
            sectors => sectors,
        };
        let ramdisk_limit = match version {
            ..0x0203 => OLD_RAMDISK_LIMIT,
            _ => field(0x22c, 4).ok_or_else(cut)?.saturating_add(1),
        };
        if (image.len() as u64) < (u64::from(setup) + 1) * 512 || setup > 63 {
            return Err(wrong("its real-mode part is not right"));
        }
        Ok(Header {
            setup_sectors: setup + 1,
            ramdisk_limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use recipe::Arch;

    fn parts(cmdline: &str) -> Parts<'_> {
        Parts {
            arch: Arch::I386,
            kernel: Path::new("/k"),
            ramdisk: None,
            first: None,
            device_tree: None,
            cmdline,
            ram_base: 0,
        }
    }

    /// A header of protocol 2.15 with 5 setup sectors.
    fn image() -> Vec<u8> {
        let mut image = vec![0; 4096];
        image[0x1f1] = 5;
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x206..0x208].copy_from_slice(&[0x0f, 0x02]);
        image[0x211] = 1;
        image[0x22c..0x230].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
        image[0x238..0x23c].copy_from_slice(&2047_u32.to_le_bytes());
        image
    }

    #[test]
    fn a_kernel_says_how_it_is_begun() {
        let header = Header::read(&image(), &parts("quiet")).expect("is right");
        let expected = Header {
            setup_sectors: 6,
            ramdisk_limit: 0x8000_0000,
        };
        assert_eq!(header, expected);
        let long = "x".repeat(2048);
        let told = Header::read(&image(), &parts(&long)).expect_err("too long");
        let text = "the command line has 2048 bytes, the floppy takes 2047";
        assert_eq!(told.to_string(), text);
        let mut low = image();
        low[0x211] = 0;
        assert!(Header::read(&low, &parts("")).is_err());
    }

    #[test]
    fn ramdisks_stand_one_behind_another_by_sectors() {
        let header = Header {
            setup_sectors: 6,
            ramdisk_limit: 7,
        };
        let extent = |sector, bytes| Extent { sector, bytes };
        let ramdisks = [extent(100, 513), extent(200, 1000)];
        let bytes = parameters(&header, extent(41, 8 * 512), &ramdisks);
        let words: Vec<u32> = bytes
            .chunks(4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        assert_eq!(words[1..], [41, 6, 2, 2024, 7, 100, 2, 200, 2, 0, 0]);
        assert!(bytes.len() <= 512);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_kernel_or_an_error(
            noise in proptest::collection::vec((0usize..0x240, any::<u8>()), 0..32),
            length in 0usize..4096,
        ) {
            let mut image = image();
            for (at, byte) in noise {
                image[at] = byte;
            }
            image.truncate(length);
            let _ = Header::read(&image, &parts("quiet"));
        }
    }
}
