//! What `tuxling ram` found, and how it is shown.

use std::fmt::Write;

use host::units::grouped;
use record::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.ram/1";

/// What was found of a system's RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RamReport {
    /// Always `tuxling.ram/1`.
    pub schema: String,
    /// The recipe's name.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// What the recipe's machine has.
    pub recipe_kib: u64,
    /// The distance between two sizes.
    pub step_kib: u64,
    /// The smallest RAM that all checks pass with; `null` where the range that
    /// was searched has none.
    pub smallest_kib: Option<u64>,
    /// Whether it passed every time, and the two sizes below failed every time.
    pub confirmed: bool,
    /// Every size that was tried, the largest first.
    pub tried: Vec<Tried>,
    /// What the system uses at the smallest RAM once it runs.
    pub steady: Option<Steady>,
    /// What stands at the edge; `null` where nothing below it was tried.
    pub wall: Option<Wall>,
    /// What the checks' own agent adds.
    pub agent: AgentCost,
    /// What a download costs; `null` when it was not asked for.
    pub download: Option<Download>,
}

/// One size of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// So much RAM.
    pub kib: u64,
    /// How many boots passed with it.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
}

/// The running system at the smallest RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Steady {
    /// All RAM that is not free, after the checks: the firmware's and what the
    /// kernel reserved, too.
    pub used_kib: u64,
    /// What is free.
    pub free_kib: u64,
}

/// What the checks' agent adds to a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentCost {
    /// Its archive, in front of the ramdisk.
    pub archive_bytes: u64,
    /// Its files and its own memory while it runs.
    pub running_kib: Option<u64>,
}

/// Which wall stands one step below the smallest RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Wall {
    /// Which.
    pub kind: WallKind,
    /// The size of RAM that was looked at.
    pub below_kib: u64,
    /// How the boot ended there.
    pub outcome: Option<Outcome>,
    /// What happens there, in words.
    pub explanation: String,
    /// How large it is: of the ramdisk's walls what must fit beside the kernel,
    /// of the others the RAM up to which something reaches.
    pub size_kib: Option<u64>,
    /// What moves it.
    pub mends: Vec<String>,
    /// The last lines of the console; of a silent one, those in the kernel's log.
    pub said: Vec<String>,
    /// The function that the processor stood in, where it could be asked.
    pub stands_in: Option<String>,
}

/// A kind of wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WallKind {
    /// QEMU's loader finds no room.
    LoaderRefuses,
    /// The kernel's address lies beyond RAM.
    LoadAddress,
    /// The loader puts the ramdisk where the kernel is.
    RamdiskOverKernel,
    /// The kernel's decompressor works where ramdisk or device tree lie.
    Decompressor,
    /// No room to unpack the ramdisk.
    RamdiskUnpacking,
    /// The kernel could not get memory for itself.
    KernelMemory,
    /// A program could not.
    ProgramMemory,
    /// Nothing shows which.
    Unknown,
}

impl WallKind {
    /// The kind for people.
    pub fn words(self) -> &'static str {
        match self {
            WallKind::LoaderRefuses => "the loader finds no room",
            WallKind::LoadAddress => "the kernel's load address",
            WallKind::RamdiskOverKernel => "the place of the ramdisk",
            WallKind::Decompressor => "the kernel's decompressor",
            WallKind::RamdiskUnpacking => "unpacking the ramdisk",
            WallKind::KernelMemory => "memory for the kernel itself",
            WallKind::ProgramMemory => "memory for programs",
            WallKind::Unknown => "not recognised",
        }
    }
}

/// What one download costs in RAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Download {
    /// The check that downloads.
    pub check: String,
    /// Used RAM in boots with it, in the order of the boots; free pages that the
    /// processor keeps at hand don't count.
    pub with_kib: Vec<u64>,
    /// Used RAM in boots without it.
    pub without_kib: Vec<u64>,
    /// The median of the differences, pair by pair.
    pub median_kib: i64,
    /// The interquartile range of the differences.
    pub spread_kib: u64,
    /// The median again; `null` when the spread is larger than it.
    pub download_kib: Option<i64>,
}

/// The report in plain text.
pub fn text(report: &RamReport) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write_text(&mut out, report);
    out
}

fn row(out: &mut String, name: &str, kib: u64, remark: &str) -> std::fmt::Result {
    let line = format!("  {name:<26}{:>13}    {remark}", grouped(kib));
    writeln!(out, "{}", line.trim_end())
}

fn write_text(out: &mut String, report: &RamReport) -> std::fmt::Result {
    writeln!(
        out,
        "{} on {}: smallest RAM (KiB)",
        report.recipe, report.board
    )?;
    match report.smallest_kib {
        Some(kib) => row(out, "smallest", kib, &how_sure(report))?,
        None => writeln!(out, "  none of the sizes that were tried passes")?,
    }
    row(out, "the recipe's machine", report.recipe_kib, "")?;
    if let (Some(steady), Some(kib)) = (&report.steady, report.smallest_kib) {
        row(
            out,
            "used once it runs",
            steady.used_kib,
            "all that isn't free after the checks",
        )?;
        row(
            out,
            "needed only to get there",
            kib.saturating_sub(steady.used_kib),
            "free again after the checks",
        )?;
    }
    agent(out, &report.agent)?;
    if let Some(wall) = &report.wall {
        write_wall(out, wall)?;
    }
    writeln!(out, "\nTried (KiB)")?;
    for tried in &report.tried {
        let told = match (tried.passed, tried.failed) {
            (n, 0) => format!("passed {n} of {n}"),
            (0, n) => format!("failed {n} of {n}"),
            (passed, failed) => format!("passed {passed} of {}", passed + failed),
        };
        row(out, "", tried.kib, &told)?;
    }
    match &report.download {
        Some(download) => write_download(out, download),
        None => Ok(()),
    }
}

fn how_sure(report: &RamReport) -> String {
    if report.confirmed {
        format!(
            "passed every time; one and two steps of {} KiB below it failed every time",
            report.step_kib
        )
    } else {
        "not confirmed: near it the system passes and fails by chance, or the range ends there"
            .to_owned()
    }
}

fn agent(out: &mut String, agent: &AgentCost) -> std::fmt::Result {
    writeln!(out, "\nThe checks' own agent, part of these figures")?;
    writeln!(
        out,
        "  {:<26}{:>13} B  in front of the ramdisk while it is unpacked",
        "archive",
        grouped(agent.archive_bytes)
    )?;
    match agent.running_kib {
        Some(kib) => row(out, "running", kib, "KiB, its files included"),
        None => Ok(()),
    }
}

fn write_wall(out: &mut String, wall: &Wall) -> std::fmt::Result {
    writeln!(out, "\nThe wall below it: {}", wall.kind.words())?;
    writeln!(
        out,
        "  With {} KiB {}.",
        grouped(wall.below_kib),
        wall.explanation
    )?;
    if let Some(kib) = wall.size_kib {
        writeln!(out, "  Its size: {} KiB.", grouped(kib))?;
    }
    for mend in &wall.mends {
        writeln!(out, "  help: {mend}")?;
    }
    if let Some(place) = &wall.stands_in {
        writeln!(out, "  The processor stood in {place}.")?;
    }
    if wall.said.is_empty() {
        return writeln!(
            out,
            "  Nothing was said, on the console or in the kernel's log."
        );
    }
    writeln!(out, "  The last that was said:")?;
    wall.said
        .iter()
        .try_for_each(|line| writeln!(out, "    {line}"))
}

fn write_download(out: &mut String, download: &Download) -> std::fmt::Result {
    writeln!(
        out,
        "\nOne download (check {}), used RAM in KiB",
        download.check
    )?;
    let list = |kib: &[u64]| {
        kib.iter()
            .map(|k| grouped(*k))
            .collect::<Vec<_>>()
            .join(" ")
    };
    writeln!(out, "  with it     {}", list(&download.with_kib))?;
    writeln!(out, "  without it  {}", list(&download.without_kib))?;
    writeln!(
        out,
        "  median difference {} KiB, interquartile range {} KiB",
        download.median_kib,
        grouped(download.spread_kib)
    )?;
    match download.download_kib {
        Some(kib) => writeln!(out, "  one download costs {kib} KiB"),
        None => writeln!(out, "  the spread is larger than the value: no figure"),
    }
}
