//! Why the ramdisk was not unpacked, or not all of it.

use host::units::grouped;
use initramfs::Compression;
use record::Diagnosis;

use super::{Known, diagnosis};

/// init/initramfs.c, `populate_rootfs()`.
const FAILED: &str = "Initramfs unpacking failed: ";

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    no_support(known)
        .or_else(|| not_configured(known))
        .or_else(|| unaligned(known))
        .or_else(|| lz4_without_end(known))
        .or_else(|| dictionary(known))
        .or_else(|| damaged(known))
        .into_iter()
        .collect()
}

fn symbol(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "BLK_DEV_INITRD",
        Compression::Gzip => "RD_GZIP",
        Compression::Xz => "RD_XZ",
        Compression::Lzma => "RD_LZMA",
        Compression::Zstd => "RD_ZSTD",
        Compression::Lz4 => "RD_LZ4",
        Compression::CmFast | Compression::Cm | Compression::CmBest => "RD_CM",
    }
}

/// How people call an archive of several: by its number.
fn which(number: usize, of: usize, offset: usize) -> String {
    match of {
        1 => "the ramdisk".to_owned(),
        _ => format!(
            "archive {number} of the ramdisk, at byte {},",
            grouped(offset as u64)
        ),
    }
}

/// The kernel doesn't even look at a ramdisk.
fn no_support(known: &Known<'_>) -> Option<Diagnosis> {
    if known.on("BLK_DEV_INITRD") {
        return None;
    }
    let line = known.first_line(&[
        "No working init found",
        "VFS: Cannot open root device",
        "VFS: Unable to mount root fs",
    ])?;
    Some(diagnosis(
        "no-ramdisk-support",
        "the kernel takes no ramdisk, and found no root device either",
        [line, known.setting("BLK_DEV_INITRD")],
        "ask for CONFIG_BLK_DEV_INITRD=y in [kernel]",
    ))
}

/// init/initramfs.c, unpack_to_rootfs(). A kernel may know the format by name
/// or not at all; the archives before it are unpacked.
fn not_configured(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line(FAILED)?;
    let archives = known.ramdisk?.archives();
    let (at, (offset, compression)) = archives
        .iter()
        .enumerate()
        .find(|(_, (_, kind))| !known.on(symbol(*kind)))?;
    let symbol = symbol(*compression);
    let cause = match at {
        0 => "the kernel can't unpack the ramdisk's compression".to_owned(),
        _ => format!(
            "the kernel can't unpack the compression of {}",
            which(at + 1, archives.len(), *offset).trim_end_matches(',')
        ),
    };
    Some(diagnosis(
        "compression-not-configured",
        cause,
        [line, known.setting(symbol)],
        format!(
            "ask for CONFIG_{symbol}=y in [kernel], or set ramdisk.compress to what it can unpack"
        ),
    ))
}

/// An archive must begin at a multiple of four bytes, or the kernel takes it for
/// a compressed one.
fn unaligned(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line(FAILED)?;
    let ramdisk = known.ramdisk?;
    let wrong = ramdisk.wrong.as_ref()?;
    if wrong.compression != Some(Compression::None) || wrong.offset.is_multiple_of(4) {
        return None;
    }
    let number = ramdisk.parts.len() + 1;
    Some(diagnosis(
        "archive-not-aligned",
        format!("archive {number} of the ramdisk doesn't begin at a multiple of four bytes"),
        [
            line,
            format!("it begins at byte {}", grouped(wrong.offset as u64)),
        ],
        "fill the archive before it up with zero bytes to a multiple of four; `cpio -o` pads to 512",
    ))
}

/// lib/decompress_unlz4.c takes what follows its last block for the size of
/// another one, unless that is four zero bytes.
fn lz4_without_end(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line(FAILED)?;
    let next = known.ramdisk?.wrong.as_ref()?.next?;
    Some(diagnosis(
        "lz4-without-end",
        "an archive stands right behind one that lz4 compressed: the kernel takes its first bytes \
         for a block of lz4",
        [
            line,
            format!(
                "the blocks of lz4 end at byte {}, and an archive begins there",
                grouped(next as u64)
            ),
        ],
        "put four zero bytes and more, up to a multiple of four, between the two",
    ))
}

/// lib/decompress_unxz.c and lib/decompress_unlzma.c allocate it in full.
fn dictionary(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line(FAILED)?;
    let dictionary = known.ramdisk?.dictionary?;
    // Less than half of what there is can fail too, for other reasons.
    if dictionary < known.memory / 2 {
        return None;
    }
    Some(diagnosis(
        "dictionary-too-large",
        "unpacking the ramdisk takes more memory than the machine has",
        [
            line,
            format!(
                "its dictionary takes {} KiB, the machine has {} KiB",
                grouped(dictionary / 1024),
                grouped(known.memory / 1024)
            ),
        ],
        "let tuxling pack it: it takes the dictionary from machine.memory; by hand, xz \
         --check=crc32 --lzma2=dict=1MiB",
    ))
}

/// Bytes that are no archive, or a damaged one: the same to the kernel and here.
fn damaged(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line(FAILED)?;
    let ramdisk = known.ramdisk?;
    let wrong = ramdisk.wrong.as_ref()?;
    let number = ramdisk.parts.len() + 1;
    let what = which(number, number, wrong.offset);
    let what = what.trim_end_matches(',');
    let (cause, shown) = if wrong.damaged {
        (
            format!("{what} is damaged"),
            "it can't be unpacked here either".to_owned(),
        )
    } else {
        (
            format!("{what} is no archive"),
            "its first bytes are those of no format that is known".to_owned(),
        )
    };
    let place = format!("at byte {} of it: {shown}", grouped(wrong.offset as u64));
    Some(diagnosis(
        "archive-damaged",
        cause,
        [line, place],
        "pack it anew: a cpio archive of the format newc (cpio -o -H newc), compressed or not",
    ))
}
