//! The record of one trial: everything that was measured, as one JSON value
//! whose schema comes from these types (`tuxling schema`).
//!
//! Sizes are bytes, RAM is KiB (as the guest counts it), times are seconds. A
//! value that was not measured is `null`, never 0.

use std::collections::BTreeMap;

use host::Id;
use host::session::PhaseRecord;
use recipe::plan::Via;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CheckOutcome, Diagnosis, Outcome};

/// The version of the record's format.
pub const SCHEMA: &str = "tuxling.record/1";

/// Everything that is known of one trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Always `tuxling.record/1`.
    pub schema: String,
    /// The recipe's name.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// How the trial ended; `null` when it was built but not booted.
    pub outcome: Option<Outcome>,
    /// What the outcome rests on: the line that was found, the check that failed.
    pub reason: Option<String>,
    /// Sizes of what a boot loader loads.
    pub image: ImageSizes,
    /// Sizes inside the kernel.
    pub vmlinux: VmlinuxSizes,
    /// Every file of the ramdisk with its size before compression.
    pub ramdisk: RamdiskSizes,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// The exercises' exit statuses, in order.
    pub exercises: Vec<ExerciseRecord>,
    /// What explains a boot that went wrong, or a complaint in one that passed.
    #[serde(default)]
    pub diagnoses: Vec<Diagnosis>,
    /// RAM, as the booted system counts it.
    pub ram: RamRecord,
    /// Where all of the RAM was after the last check; `null` when the boot
    /// didn't get that far.
    #[serde(default)]
    pub mem: Option<MemRecord>,
    /// What booting costs.
    pub boot: BootRecord,
    /// What was done, in order, and how long it took.
    pub phases: Vec<PhaseRecord>,
    /// What went in.
    pub inputs: Inputs,
    /// The command that booted the system, as a list of words.
    pub qemu: Vec<String>,
    /// What runs the guest's instructions: `tcg` or `kvm`.
    pub accelerator: Option<String>,
    /// QEMU's version.
    pub qemu_version: Option<String>,
    /// The identities.
    pub ids: Ids,
}

/// Sizes of what a boot loader loads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ImageSizes {
    /// The kernel's image file.
    pub kernel_bytes: u64,
    /// The compressed kernel inside it: the image file itself is rounded up.
    /// `null` where the format has none.
    pub payload_bytes: Option<u64>,
    /// The board's device tree; `null` where the board needs none.
    #[serde(default)]
    pub device_tree_bytes: Option<u64>,
    /// The ramdisk's file, or the file system in flash memory; 0 when it is built
    /// into the kernel.
    pub ramdisk_bytes: u64,
    /// The image of flash memory that holds all of these, each in its place;
    /// `null` where there is none.
    #[serde(default)]
    pub flash_bytes: Option<u64>,
    /// The file system on a disk that is the root; `null` where the root is a
    /// ramdisk.
    #[serde(default)]
    pub root_bytes: Option<u64>,
    /// Kernel, device tree and ramdisk or root file system together.
    pub total_bytes: u64,
}

/// Sizes inside the kernel, from its ELF sections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VmlinuxSizes {
    /// Executable sections, without those that are freed after boot.
    pub text_bytes: u64,
    /// Initialised data, read-only data included, without what is freed.
    pub data_bytes: u64,
    /// Data that starts as zeros.
    pub bss_bytes: u64,
    /// What is freed after boot (from `__init_begin` to `__init_end`).
    pub init_bytes: u64,
    /// Every loaded section by name.
    pub sections: BTreeMap<String, u64>,
}

/// What the ramdisk holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RamdiskSizes {
    /// The archive before compression.
    pub archive_bytes: u64,
    /// How it is compressed.
    pub compression: String,
    /// Every entry's content by path, before compression; 0 for what has none:
    /// folders, links, devices.
    pub files: BTreeMap<String, u64>,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckRecord {
    /// Its name in the recipe.
    pub name: String,
    /// How it was run: by the checks' agent, or typed at the console.
    #[serde(default)]
    pub via: Via,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// How long it took by the guest's clock; `null` when it didn't run.
    pub seconds: Option<f64>,
    /// What was seen: the address, the rate, what was printed instead.
    pub detail: String,
}

/// One exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExerciseRecord {
    /// The command.
    pub command: String,
    /// Its exit status; `null` when a signal or its limit ended it, or it was not reached.
    pub status: Option<i32>,
}

/// RAM, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RamRecord {
    /// What the machine has.
    pub machine_kib: u64,
    /// What the kernel manages (`MemTotal`).
    pub total_kib: Option<u64>,
    /// In use when the last check had ended: total − free, caches included.
    pub used_kib: Option<u64>,
    /// Free at the same moment.
    pub free_kib: Option<u64>,
    /// Page cache at the same moment; the unpacked ramdisk is part of it.
    pub cache_kib: Option<u64>,
    /// The checks' own agent, part of the used: its file and its processes.
    pub agent_kib: Option<u64>,
    /// The smallest RAM that all checks pass with.
    pub smallest_kib: Option<u64>,
    /// What one download costs: the median of several boots with it, each less
    /// one without. `null` when the spread is larger than the value.
    pub download_kib: Option<i64>,
    /// The range that the middle half of those differences lies in.
    #[serde(default)]
    pub download_spread_kib: Option<u64>,
    /// Whether this boot was one of the many of `tuxling ram`, on a machine that
    /// is not the recipe's.
    #[serde(default)]
    pub probe: bool,
}

/// Where all of a machine's RAM is, in KiB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemRecord {
    /// What the machine has; the entries add up to it.
    pub machine_kib: u64,
    /// Every use once.
    pub entries: Vec<MemEntry>,
    /// Parts of entries that are worth a name, and what was freed at boot: these
    /// add up to nothing.
    pub within: Vec<MemEntry>,
}

/// One use of RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MemEntry {
    /// Who has it.
    pub owner: MemOwner,
    /// What for: `slab`, `page cache`, …; `unaccounted` is what of an owner's sum
    /// no other entry explains.
    pub name: String,
    /// How much; `null` where this kernel doesn't tell. Below zero only where
    /// the kernel's own figures contradict each other.
    pub kib: Option<i64>,
    /// Where the figure comes from.
    pub source: String,
}

impl MemOwner {
    /// The owner for people.
    pub fn words(self) -> &'static str {
        match self {
            MemOwner::Firmware => "firmware",
            MemOwner::Reserved => "reserved",
            MemOwner::Managed => "managed",
        }
    }
}

/// Who has a part of the RAM.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MemOwner {
    /// The kernel was never given it.
    Firmware,
    /// The kernel took it at boot and never gives it back.
    Reserved,
    /// The kernel's allocators.
    Managed,
}

/// What booting costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BootRecord {
    /// Instructions from reset until the first check passed, counted in a boot
    /// of its own with `-icount shift=0`, where one tick of the virtual clock is
    /// one instruction (idle time counts as the ticks that pass).
    pub instructions: Option<u64>,
    /// Wall-clock seconds from QEMU's start until the first check passed.
    pub seconds: Option<f64>,
}

/// What went in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// Each source: `linux`, `busybox`, `musl`.
    pub sources: BTreeMap<String, SourceRecord>,
    /// Each patch by name with its SHA-256.
    pub patches: BTreeMap<String, Id>,
    /// Version texts of the tools that produced bytes: `cc`, `ld`, …
    pub toolchain: BTreeMap<String, String>,
    /// The kernel's resolved configuration.
    pub config: Option<Id>,
    /// The lines of a `.config` given as the base that the configuration
    /// doesn't have, those that protect first; without those of symbols that
    /// nobody can ask for.
    #[serde(default)]
    pub lost: Vec<LostLine>,
    /// The symbols that are `m`; `null` when none is.
    #[serde(default)]
    pub modular: Option<Modular>,
    /// tuxling's version.
    pub tuxling: String,
}

/// A line of a `.config` that doesn't hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LostLine {
    /// The line, from 1.
    pub line: u32,
    /// What it asks for.
    pub asked: String,
    /// What the symbol is instead; `null` where the kernel has no such symbol.
    pub value: Option<String>,
    /// What it lacks.
    pub reason: String,
    /// Whether the symbol protects the system.
    pub security: bool,
}

/// Symbols that are `m`, although modules are not made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Modular {
    /// All of them, without `CONFIG_`, sorted.
    pub symbols: Vec<String>,
    /// Those that the board, the network or the ramdisk needs.
    pub needed: Vec<String>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SourceRecord {
    /// Where it came from: `debian:linux-source-6.12`, `path`.
    pub origin: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the archive, or of the tree where there is no archive.
    pub sha256: Id,
}

/// The identities of a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ids {
    /// Sources, patches, resolved configuration, flags, compiler, binutils.
    pub build_id: Option<Id>,
    /// The bytes that came out.
    pub image_id: Option<Id>,
    /// The image, the machine, checks, exercises, QEMU's version, accelerator.
    pub trial_id: Option<Id>,
}

#[cfg(test)]
mod tests {
    use super::super::fixture::record;

    #[test]
    fn what_was_not_measured_is_null_not_absent() {
        let json = serde_json::to_value(record()).expect("is JSON");
        for pointer in [
            "/ram/smallest_kib",
            "/ram/download_kib",
            "/boot/instructions",
            "/ids/build_id",
        ] {
            assert_eq!(
                json.pointer(pointer),
                Some(&serde_json::Value::Null),
                "{pointer}"
            );
        }
        assert_eq!(json["schema"], "tuxling.record/1");
        assert_eq!(json["outcome"], "passed");
    }
}
