//! Two records side by side: what grew, what shrank, what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use host::units::grouped;
use measure::memory::UNACCOUNTED;
use record::{MemEntry, Record};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the difference's format.
pub const SCHEMA: &str = "tuxling.diff/1";

/// What differs between two records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Always `tuxling.diff/1`.
    pub schema: String,
    /// The first record's recipe.
    pub a: String,
    /// The second record's recipe.
    pub b: String,
    /// Figures, those that don't differ included.
    pub figures: Vec<Figure>,
    /// Every use of RAM, as the two ledgers have it.
    pub memory: Vec<Figure>,
    /// Sections of the kernel whose sizes differ.
    pub sections: Vec<Figure>,
    /// Files of the ramdisk whose sizes differ.
    pub files: Vec<Figure>,
    /// Checks by name, with both outcomes.
    pub checks: Vec<CheckPair>,
    /// Inputs that differ.
    pub inputs: Vec<InputPair>,
}

/// One figure of two records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// Its unit: `B`, `KiB`, `instructions`.
    pub unit: String,
    /// In the first record; `null` when it was not measured or isn't there.
    pub a: Option<i64>,
    /// In the second record.
    pub b: Option<i64>,
}

/// One check of two records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckPair {
    /// Its name.
    pub name: String,
    /// Its outcome in the first record.
    pub a: Option<String>,
    /// Its outcome in the second record.
    pub b: Option<String>,
}

/// One input that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputPair {
    /// Which.
    pub name: String,
    /// In the first record.
    pub a: Option<String>,
    /// In the second record.
    pub b: Option<String>,
}

/// Compares two records.
pub fn diff(a: &Record, b: &Record) -> Diff {
    Diff {
        schema: SCHEMA.to_owned(),
        a: a.recipe.clone(),
        b: b.recipe.clone(),
        figures: figures(a, b),
        memory: memory(a, b),
        sections: changed(&a.vmlinux.sections, &b.vmlinux.sections),
        files: changed(&a.ramdisk.files, &b.ramdisk.files),
        checks: checks(a, b),
        inputs: inputs(a, b),
    }
}

fn figures(a: &Record, b: &Record) -> Vec<Figure> {
    type Read = fn(&Record) -> Option<i64>;
    let rows: [(&str, &str, Read); 18] = [
        ("kernel", "B", |r| known(r.image.kernel_bytes)),
        ("kernel payload", "B", |r| {
            r.image.payload_bytes.and_then(known)
        }),
        ("device tree", "B", |r| {
            r.image.device_tree_bytes.and_then(known)
        }),
        ("ramdisk", "B", |r| known(r.image.ramdisk_bytes)),
        ("root file system", "B", |r| {
            r.image.root_bytes.and_then(known)
        }),
        ("together", "B", |r| known(r.image.total_bytes)),
        ("text", "B", |r| known(r.vmlinux.text_bytes)),
        ("data", "B", |r| known(r.vmlinux.data_bytes)),
        ("bss", "B", |r| known(r.vmlinux.bss_bytes)),
        ("init", "B", |r| known(r.vmlinux.init_bytes)),
        ("RAM total", "KiB", |r| r.ram.total_kib.and_then(known)),
        ("RAM used", "KiB", |r| r.ram.used_kib.and_then(known)),
        ("RAM free", "KiB", |r| r.ram.free_kib.and_then(known)),
        ("page cache", "KiB", |r| r.ram.cache_kib.and_then(known)),
        ("smallest RAM", "KiB", |r| {
            r.ram.smallest_kib.and_then(known)
        }),
        ("one download", "KiB", |r| r.ram.download_kib),
        ("spread of one download", "KiB", |r| {
            r.ram.download_spread_kib.and_then(known)
        }),
        ("boot", "instructions", |r| {
            r.boot.instructions.and_then(known)
        }),
    ];
    rows.iter()
        .map(|(name, unit, read)| Figure {
            name: (*name).to_owned(),
            unit: (*unit).to_owned(),
            a: read(a),
            b: read(b),
        })
        .collect()
}

/// Both ledgers' entries, in the order of the first one that has them.
fn memory(a: &Record, b: &Record) -> Vec<Figure> {
    let entries = |record: &Record| -> Vec<(String, Option<i64>)> {
        let mem = record.mem.iter().flat_map(|mem| &mem.entries);
        let name = |e: &MemEntry| match e.name.as_str() {
            UNACCOUNTED => format!("{UNACCOUNTED} ({})", e.owner.words()),
            name => name.to_owned(),
        };
        mem.map(|e| (name(e), e.kib)).collect()
    };
    let (a, b) = (entries(a), entries(b));
    let of = |list: &[(String, Option<i64>)], name: &str| {
        list.iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, kib)| *kib)
    };
    let only_b = b
        .iter()
        .filter(|(name, _)| a.iter().all(|(n, _)| n != name));
    a.iter()
        .chain(only_b)
        .map(|(name, _)| Figure {
            name: name.clone(),
            unit: "KiB".to_owned(),
            a: of(&a, name),
            b: of(&b, name),
        })
        .collect()
}

/// A figure as the difference has it; none where it doesn't fit.
fn known(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// The entries whose sizes differ, the largest change first.
fn changed(a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>) -> Vec<Figure> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut figures: Vec<Figure> = names
        .into_iter()
        .map(|name| Figure {
            name: name.clone(),
            unit: "B".to_owned(),
            a: a.get(name).copied().and_then(known),
            b: b.get(name).copied().and_then(known),
        })
        .filter(|figure| figure.a != figure.b)
        .collect();
    let size = |f: &Figure| {
        f.b.unwrap_or(0)
            .saturating_sub(f.a.unwrap_or(0))
            .unsigned_abs()
    };
    figures.sort_by_key(|figure| (std::cmp::Reverse(size(figure)), figure.name.clone()));
    figures
}

fn checks(a: &Record, b: &Record) -> Vec<CheckPair> {
    let outcome = |record: &Record, name: &str| {
        record
            .checks
            .iter()
            .find(|c| c.name == name)
            .map(|c| c.outcome.words().to_owned())
    };
    let mut names: Vec<&str> = a.checks.iter().map(|c| &*c.name).collect();
    names.extend(
        b.checks
            .iter()
            .map(|c| &*c.name)
            .filter(|name| a.checks.iter().all(|c| c.name != *name)),
    );
    names
        .into_iter()
        .map(|name| CheckPair {
            name: name.to_owned(),
            a: outcome(a, name),
            b: outcome(b, name),
        })
        .collect()
}

fn inputs(a: &Record, b: &Record) -> Vec<InputPair> {
    let told = |record: &Record| {
        let mut told: BTreeMap<String, String> = BTreeMap::new();
        for (name, source) in &record.inputs.sources {
            told.insert(
                name.clone(),
                format!("{} {}", source.version, source.origin),
            );
        }
        for (name, id) in &record.inputs.patches {
            told.insert(format!("patch {name}"), id.short().to_owned());
        }
        told.extend(record.inputs.toolchain.clone());
        if let Some(id) = &record.inputs.config {
            told.insert("configuration".to_owned(), id.short().to_owned());
        }
        told
    };
    let (a, b) = (told(a), told(b));
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names
        .into_iter()
        .filter(|name| a.get(*name) != b.get(*name))
        .map(|name| InputPair {
            name: name.clone(),
            a: a.get(name).cloned(),
            b: b.get(name).cloned(),
        })
        .collect()
}

/// The difference as a table in plain text.
pub fn table(diff: &Diff) -> String {
    let mut out = String::new();
    let _ = write_table(&mut out, diff);
    out
}

fn write_table(out: &mut String, diff: &Diff) -> std::fmt::Result {
    writeln!(
        out,
        "{:<28}{:>16}{:>16}{:>16}",
        "",
        short(&diff.a),
        short(&diff.b),
        "change"
    )?;
    for figure in diff
        .figures
        .iter()
        .filter(|f| f.a.is_some() || f.b.is_some())
    {
        figure_row(out, figure)?;
    }
    let used = |figure: &&Figure| figure.a.unwrap_or(0) != 0 || figure.b.unwrap_or(0) != 0;
    if diff.memory.iter().any(|f| used(&f)) {
        writeln!(out, "\nAll of the RAM (KiB)")?;
        for figure in diff.memory.iter().filter(used) {
            let plain = Figure {
                unit: "B".to_owned(),
                ..figure.clone()
            };
            figure_row(out, &plain)?;
        }
    }
    for (title, figures) in [
        ("Kernel sections", &diff.sections),
        ("Ramdisk files", &diff.files),
    ] {
        if !figures.is_empty() {
            writeln!(out, "\n{title} that differ")?;
            for figure in figures {
                figure_row(out, figure)?;
            }
        }
    }
    write_texts(out, diff)
}

/// What is no figure: how the checks ended, and what went in.
fn write_texts(out: &mut String, diff: &Diff) -> std::fmt::Result {
    if !diff.checks.is_empty() {
        writeln!(out, "\nChecks")?;
        for check in &diff.checks {
            let told = |outcome: &Option<String>| outcome.clone().unwrap_or_else(|| "-".to_owned());
            writeln!(
                out,
                "{:<28}{:>16}{:>16}",
                short(&check.name),
                told(&check.a),
                told(&check.b)
            )?;
        }
    }
    if !diff.inputs.is_empty() {
        writeln!(out, "\nInputs that differ")?;
        for input in &diff.inputs {
            let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            writeln!(
                out,
                "  {}: {} -> {}",
                input.name,
                told(&input.a),
                told(&input.b)
            )?;
        }
    }
    Ok(())
}

fn short(name: &str) -> String {
    if name.chars().count() <= 27 {
        return name.to_owned();
    }
    let end: Vec<char> = name.chars().rev().take(24).collect();
    format!("...{}", end.into_iter().rev().collect::<String>())
}

fn figure_row(out: &mut String, figure: &Figure) -> std::fmt::Result {
    let told = |value: Option<i64>| value.map_or("-".to_owned(), |v| signed(v, false));
    let delta = match (figure.a, figure.b) {
        (Some(a), Some(b)) => signed(b.saturating_sub(a), true),
        (None, Some(b)) => signed(b, true),
        (Some(a), None) => signed(a.saturating_neg(), true),
        (None, None) => String::new(),
    };
    let unit = if figure.unit == "B" {
        String::new()
    } else {
        format!(" {}", figure.unit)
    };
    let name = format!("{}{unit}", figure.name);
    writeln!(
        out,
        "{:<28}{:>16}{:>16}{:>16}",
        short(&name),
        told(figure.a),
        told(figure.b),
        delta
    )
}

fn signed(value: i64, plus: bool) -> String {
    let sign = if value < 0 {
        "-"
    } else if plus && value > 0 {
        "+"
    } else {
        ""
    };
    format!("{sign}{}", grouped(value.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::fixture::record;
    use record::{MemOwner, MemRecord};

    #[test]
    fn figures_stand_side_by_side_with_their_change() {
        let (normal, mut diet) = (record(), record());
        diet.image.kernel_bytes = 600;
        diet.ramdisk.files.insert("/bin/busybox".to_owned(), 30);
        let diff = diff(&normal, &diet);
        let kernel = &diff.figures[0];
        assert_eq!(kernel.b.zip(kernel.a).map(|(b, a)| b - a), Some(-400));
        assert_eq!(diff.files.len(), 1);
        let table = table(&diff);
        let kernel = table.lines().nth(1).expect("a first row");
        assert_eq!(
            kernel.split_whitespace().collect::<Vec<_>>(),
            ["kernel", "1,000", "600", "-400"]
        );
        assert!(table.contains("/bin/busybox"));
    }

    #[test]
    fn ram_ledger_and_sizes_stand_side_by_side_with_their_changes() {
        let entry = |owner, name: &str, kib| MemEntry {
            owner,
            name: name.to_owned(),
            kib,
            source: String::new(),
        };
        let with = |slab, tables: Option<i64>| {
            let mut record = record();
            record.ram.smallest_kib = Some(20992);
            record.mem = Some(MemRecord {
                machine_kib: 32768,
                entries: vec![
                    entry(MemOwner::Managed, "slab", slab),
                    entry(MemOwner::Managed, "buffers", Some(0)),
                ],
                within: Vec::new(),
            });
            if tables.is_some() {
                let mem = record.mem.as_mut().expect("was set");
                mem.entries
                    .push(entry(MemOwner::Reserved, "page directory", tables));
            }
            record
        };
        let mut diet = with(Some(300), Some(16));
        diet.ram.smallest_kib = Some(4512);
        let diff = diff(&with(Some(428), None), &diet);
        let table = table(&diff);
        let row = |name: &str| -> Vec<String> {
            let line = table.lines().find(|line| line.starts_with(name));
            let line = line.unwrap_or_else(|| panic!("no {name} in\n{table}"));
            let figures = line[28..].split_whitespace();
            figures.map(str::to_owned).collect()
        };
        assert_eq!(row("smallest RAM"), ["20,992", "4,512", "-16,480"]);
        assert_eq!(row("slab"), ["428", "300", "-128"]);
        assert_eq!(row("page directory"), ["-", "16", "+16"]);
        assert!(
            !table.contains("buffers"),
            "nothing is nothing on both sides"
        );
    }

    #[test]
    fn a_figure_below_zero_stays_what_it_is() {
        let (mut a, b) = (record(), record());
        a.ram.download_kib = Some(-12);
        let diff = diff(&a, &b);
        let row = diff.figures.iter().find(|f| f.name == "one download");
        assert_eq!(row.map(|f| (f.a, f.b)), Some((Some(-12), None)));
    }

    #[test]
    fn what_neither_record_measured_has_no_row() {
        assert!(!table(&diff(&record(), &record())).contains("RAM used"));
    }
}
