//! Why the ramdisk was not unpacked.

use host::units::grouped;
use initramfs::Compression;
use record::Diagnosis;

use super::{Known, diagnosis};

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    no_support(known)
        .or_else(|| not_configured(known))
        .or_else(|| dictionary(known))
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
/// or not at all.
fn not_configured(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("Initramfs unpacking failed: ")?;
    let compression = known.ramdisk?.compression?;
    let symbol = symbol(compression);
    if known.on(symbol) {
        return None;
    }
    Some(diagnosis(
        "compression-not-configured",
        "the kernel can't unpack the ramdisk's compression",
        [line, known.setting(symbol)],
        format!(
            "ask for CONFIG_{symbol}=y in [kernel], or set ramdisk.compress to what it can unpack"
        ),
    ))
}

/// lib/decompress_unxz.c and lib/decompress_unlzma.c allocate it in full.
fn dictionary(known: &Known<'_>) -> Option<Diagnosis> {
    let line = known.line("Initramfs unpacking failed: ")?;
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
