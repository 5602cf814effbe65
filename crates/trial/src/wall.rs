//! Which wall stands at the smallest RAM: what failed one step below it, how
//! large it is, and what moves it. Pure.
//!
//! A wall is named only where something shows it: a line of the kernel's, or
//! addresses that can't both be right. Else it is `unknown`, with what was seen.

mod evidence;

use host::units::grouped;
use recipe::arch::RamdiskPlace;
use report::ram::{Wall, WallKind};
use vm::machine::console;

pub use evidence::WallEvidence;

/// How many of the console's last lines are told.
const SAID: usize = 6;

/// Lines that say that a program could not get memory (mm/oom_kill.c).
const OUT_OF_MEMORY: &[&str] = &[
    "invoked oom-killer",
    "Out of memory: Killed process",
    "System is deadlocked on memory",
];

/// Lines that say that the kernel itself could not (mm/page_alloc.c,
/// mm/slub.c, mm/memblock.c and its users' panics).
const NO_KERNEL_MEMORY: &[&str] = &[
    "page allocation failure",
    "SLUB: Unable to allocate memory",
    "Failed to allocate",
    "Cannot allocate",
    "Out of memory",
    "can't allocate",
];

/// What QEMU says when a file doesn't fit (hw/arm/boot.c, hw/i386/x86-common.c,
/// hw/core/loader.c).
const LOADER: &[&str] = &["Not enough space", "could not load", "too large", "too big"];

/// What a ramdisk says that was overwritten in part (init/initramfs.c).
const SPOILED: &[&str] = &[
    "Initramfs unpacking failed: invalid magic",
    "Initramfs unpacking failed: junk",
    "data is corrupt",
];

/// Whether QEMU refused because of the RAM's size.
pub fn loader_refuses(said: &str) -> bool {
    LOADER.iter().any(|text| said.contains(text))
}

/// Which wall it is.
pub fn explain(evidence: &WallEvidence<'_>) -> Wall {
    let rules: [fn(&WallEvidence<'_>) -> Option<Wall>; 7] = [
        refused,
        ramdisk_over_kernel,
        decompressor_over_ramdisk,
        unpacking,
        kernel_beyond_ram,
        kernel_memory,
        program_memory,
    ];
    let mut wall = rules
        .iter()
        .find_map(|rule| rule(evidence))
        .unwrap_or_else(|| unknown(evidence));
    wall.below_kib = evidence.kib;
    wall.outcome = evidence.outcome;
    wall.said = said(evidence);
    wall.stands_in = evidence.stands_in();
    wall
}

fn wall(kind: WallKind, explanation: String, size_kib: Option<u64>, mends: Vec<String>) -> Wall {
    Wall {
        kind,
        below_kib: 0,
        outcome: None,
        explanation,
        size_kib,
        mends,
        said: Vec::new(),
        stands_in: None,
    }
}

/// The last lines of the console, else of the log in the kernel's memory, and
/// in front of them those that mean trouble; what comes behind a panic's line is
/// its call trace.
fn said(evidence: &WallEvidence<'_>) -> Vec<String> {
    let mut lines: Vec<String> = evidence.lines().map(str::to_owned).collect();
    if let Some(at) = lines.iter().position(|l| l.contains("Kernel panic - ")) {
        lines.truncate(at + 1);
    }
    let last = lines.split_off(lines.len().saturating_sub(SAID));
    lines.retain(|line| console::classify(line).is_some());
    lines.truncate(SAID);
    lines.extend(last);
    lines
}

fn refused(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let line = evidence.reason.filter(|reason| loader_refuses(reason))?;
    let mends = vec!["a smaller kernel, ramdisk or device tree".to_owned()];
    let text = format!("QEMU's loader refuses: {line}");
    Some(wall(WallKind::LoaderRefuses, text, None, mends))
}

/// `RAMDISK: [mem 0x01425000-0x0144ffff]` (arch/x86/kernel/setup.c).
fn ramdisk_range(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.split_once("RAMDISK: [mem 0x")?;
    let (from, rest) = rest.split_once("-0x")?;
    let (to, _) = rest.split_once(']')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    Some((address(from)?, address(to)?.checked_add(1)?))
}

fn ramdisk_over_kernel(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let (from, to) = evidence.lines().find_map(ramdisk_range)?;
    let (start, end) = evidence.kernel_place()?;
    evidence.line_with(&["Initramfs unpacking failed"])?;
    if from >= end || to <= start {
        return None;
    }
    let text = format!(
        "the loader puts the ramdisk at the top of RAM (0x{from:x} to 0x{to:x}), into the memory of the kernel (0x{start:x} to 0x{end:x}), which overwrites it before it is unpacked"
    );
    let mut mends = vec![evidence.ramdisk_mend()];
    mends.extend(evidence.place_mend(start));
    mends.push("a smaller kernel: bss and .brk count here".to_owned());
    let mend = (to - from).div_ceil(1024);
    Some(wall(WallKind::RamdiskOverKernel, text, Some(mend), mends))
}

fn unpacking(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let lines = [
        "Initramfs unpacking failed",
        "Initrd extends beyond",
        "initrd overwritten",
        "INITRD: 0x",
    ];
    let line = evidence.line_with(&lines)?;
    let size = evidence.initrd_bytes + evidence.archive_bytes;
    let text = format!(
        "the ramdisk can't be unpacked: {line}. While it is, its file ({} B, the checks' agent with it) and its content ({} B) are in RAM at the same time, and the decompressor's dictionary besides",
        grouped(evidence.initrd_bytes),
        grouped(evidence.archive_bytes)
    );
    let mends = vec![
        evidence.ramdisk_mend(),
        "fewer or smaller files; a compression with a small dictionary (gzip, lz4)".to_owned(),
    ];
    Some(wall(
        WallKind::RamdiskUnpacking,
        text,
        Some(size.div_ceil(1024)),
        mends,
    ))
}

fn kernel_beyond_ram(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let (start, end) = evidence.kernel_place()?;
    let ram = evidence.kib * 1024;
    if end <= ram || evidence.printed() {
        return None;
    }
    let text = format!(
        "the kernel stands at 0x{start:x} to 0x{end:x}, and RAM ends at 0x{ram:x}: it dies before it can print"
    );
    let mends = evidence
        .place_mend(start)
        .into_iter()
        .chain(["a smaller kernel".to_owned()]);
    Some(wall(
        WallKind::LoadAddress,
        text,
        Some(end.div_ceil(1024)),
        mends.collect(),
    ))
}

fn decompressor_over_ramdisk(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let spoiled = evidence.line_with(SPOILED).is_some();
    let silent = !evidence.printed();
    if !(spoiled || silent) || evidence.ramdisk_place != RamdiskPlace::Half {
        return None;
    }
    let (start, _) = evidence.kernel_place()?;
    let unpacked = evidence.unpacked_kernel_bytes()?;
    let needed = start + unpacked + evidence.kernel_bytes + evidence.decompressor_bytes;
    let half = evidence.kib * 512;
    if needed <= half {
        return None;
    }
    let text = format!(
        "the loader puts ramdisk and device tree at half of RAM (0x{half:x}); there the kernel's decompressor is at work: it moves itself ({} B) behind the unpacked kernel ({} B) and needs RAM up to 0x{needed:x}, its heap included. {}",
        grouped(evidence.kernel_bytes),
        grouped(unpacked),
        if spoiled {
            "So the ramdisk was spoiled before the kernel ran"
        } else {
            "The kernel never came to print"
        }
    );
    let mends = vec![
        "a smaller kernel, unpacked and compressed: both count, and each KiB of them costs two of RAM".to_owned(),
        evidence.log_mend(),
    ];
    let size = (needed * 2).div_ceil(1024);
    Some(wall(WallKind::Decompressor, text, Some(size), mends))
}

fn kernel_memory(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let line = evidence.line_with(NO_KERNEL_MEMORY)?;
    if evidence.line_with(OUT_OF_MEMORY).is_some() {
        return None;
    }
    let text = format!("the kernel could not get memory for itself: {line}");
    let mends = vec![
        evidence.log_mend(),
        "fewer drivers and smaller hash tables (BASE_SMALL)".to_owned(),
    ];
    Some(wall(WallKind::KernelMemory, text, None, mends))
}

fn program_memory(evidence: &WallEvidence<'_>) -> Option<Wall> {
    let line = evidence.line_with(OUT_OF_MEMORY)?;
    let text = format!(
        "a program could not get memory: {line}. The unpacked ramdisk ({} B) stays in RAM",
        grouped(evidence.archive_bytes)
    );
    let mends = vec![
        "fewer files in the ramdisk, fewer and smaller programs at once".to_owned(),
        evidence.log_mend(),
    ];
    Some(wall(WallKind::ProgramMemory, text, None, mends))
}

fn unknown(evidence: &WallEvidence<'_>) -> Wall {
    let text = match evidence.reason {
        Some(reason) => format!("nothing names the wall; {reason}"),
        None => "nothing names the wall".to_owned(),
    };
    wall(WallKind::Unknown, text, None, Vec::new())
}

#[cfg(test)]
mod tests;
