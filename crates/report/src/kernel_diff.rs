//! Two kernels side by side: sections, folders, objects, symbols, and the
//! options whose values differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use measure::bytes::{self, Bytes};
use recipe::config;
use schemars::JsonSchema;
use serde::Serialize;
use vmlinux::bloat::{self, Row};

use super::size::{self, Axis, Order};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.kernel-diff/1";

/// What is compared of one kernel.
#[derive(Debug)]
pub struct Side {
    /// As it was named.
    pub name: String,
    /// What was read of it.
    pub kernel: bytes::Kernel,
    /// Where its bytes are.
    pub bytes: Bytes,
    /// Its configuration, when it is known.
    pub config: Option<String>,
}

/// What differs between two kernels. Sizes are bytes of vmlinux; what doesn't
/// differ is left out; the largest growth comes first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KernelDiff {
    /// Always `tuxling.kernel-diff/1`.
    pub schema: &'static str,
    /// The first kernel.
    pub a: String,
    /// The second kernel.
    pub b: String,
    /// All loaded sections of the first and of the second.
    pub total: [u64; 2],
    /// By section.
    pub sections: Vec<Change>,
    /// By folder of the sources.
    pub directories: Vec<Change>,
    /// By object.
    pub objects: Vec<Change>,
    /// By the option that brings it in, the outermost one; empty unless the
    /// Makefiles of both are known.
    pub brought_by: Vec<Change>,
    /// By symbol, counted as scripts/bloat-o-meter does.
    pub symbols: Vec<Change>,
    /// What bloat-o-meter prints.
    #[serde(skip)]
    pub bloat: String,
    /// Options with other values: name, value in the first, in the second.
    pub options: Vec<[String; 3]>,
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// Its size in the first; `null` when it isn't there.
    pub old: Option<u64>,
    /// Its size in the second.
    pub new: Option<u64>,
    /// The difference.
    pub delta: i64,
}

impl KernelDiff {
    /// By how much the second is larger, in bytes of vmlinux.
    pub fn growth(&self) -> i64 {
        signed(self.total[1]) - signed(self.total[0])
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Compares two kernels.
pub fn diff(a: &Side, b: &Side) -> KernelDiff {
    let bloat = bloat::compare(&bloat::sizes(&a.kernel.elf), &bloat::sizes(&b.kernel.elf));
    let along = |axis| changes(&by(&a.bytes, axis), &by(&b.bytes, axis));
    KernelDiff {
        schema: SCHEMA,
        a: a.name.clone(),
        b: b.name.clone(),
        total: [a.bytes.sections_bytes, b.bytes.sections_bytes],
        sections: along(Axis::Section),
        directories: changes(&folders(&a.bytes), &folders(&b.bytes)),
        objects: along(Axis::Object),
        brought_by: if a.bytes.tells_options() && b.bytes.tells_options() {
            along(Axis::Option)
        } else {
            Vec::new()
        },
        bloat: bloat.to_string(),
        symbols: bloat.rows.into_iter().map(Change::from).collect(),
        options: options(a.config.as_deref(), b.config.as_deref()),
    }
}

impl From<Row> for Change {
    fn from(row: Row) -> Change {
        Change {
            name: row.name,
            old: row.old,
            new: row.new,
            delta: row.delta,
        }
    }
}

fn by(bytes: &Bytes, axis: Axis) -> BTreeMap<String, u64> {
    let tree = size::tree(bytes, "", axis, 1, Order::Name);
    let nodes = tree.children.into_iter().filter(|node| node.size > 0);
    nodes.map(|node| (node.name, node.size)).collect()
}

fn folders(bytes: &Bytes) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for leaf in &bytes.leaves {
        let Some(object) = &leaf.object else { continue };
        let folder = object.rsplit_once('/').map_or(".", |(folder, _)| folder);
        *sizes.entry(folder.to_owned()).or_insert(0) += leaf.size;
    }
    sizes
}

fn changes(a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>) -> Vec<Change> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let mut changes: Vec<Change> = names
        .into_iter()
        .map(|name| {
            let (old, new) = (a.get(name).copied(), b.get(name).copied());
            Change {
                name: name.clone(),
                old,
                new,
                delta: signed(new.unwrap_or(0)) - signed(old.unwrap_or(0)),
            }
        })
        .filter(|change| change.delta != 0)
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.delta));
    changes
}

fn options(a: Option<&str>, b: Option<&str>) -> Vec<[String; 3]> {
    let (Some(a), Some(b)) = (a, b) else {
        return Vec::new();
    };
    let (a, b) = (config::Values::parse(a), config::Values::parse(b));
    a.names_with(&b)
        .filter(|name| a.get(name) != b.get(name))
        .map(|name| [name, a.get(name), b.get(name)].map(str::to_owned))
        .collect()
}

/// How many rows of each list a text shows.
const ROWS: usize = 30;

/// The difference as text.
pub fn text(diff: &KernelDiff) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "{} → {}: {:+} B of vmlinux ({} → {})",
        diff.a,
        diff.b,
        diff.growth(),
        diff.total[0],
        diff.total[1]
    );
    for (title, list) in [
        ("Sections", &diff.sections),
        ("Folders", &diff.directories),
        ("Objects", &diff.objects),
        ("Brought in by", &diff.brought_by),
    ] {
        table(&mut out, title, list);
    }
    let _ = write!(out, "\nSymbols\n{}", diff.bloat);
    if !diff.options.is_empty() {
        out.push_str("\nOptions\n");
        for [name, old, new] in &diff.options {
            let _ = writeln!(out, "CONFIG_{name:<33} {old:>7} {new:>7}");
        }
    }
    out
}

/// The changes by their size, whichever way.
pub(super) fn largest(changes: &[Change]) -> Vec<&Change> {
    let mut largest: Vec<&Change> = changes.iter().collect();
    largest.sort_by_key(|c| std::cmp::Reverse(c.delta.unsigned_abs()));
    largest
}

fn table(out: &mut String, title: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let told = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), |b| b.to_string());
    let largest = largest(changes);
    let _ = writeln!(
        out,
        "\n{title:<40} {:>7} {:>7} {:>7}",
        "old", "new", "delta"
    );
    for c in largest.iter().take(ROWS) {
        let (old, new) = (told(c.old), told(c.new));
        let _ = writeln!(out, "{:<40} {old:>7} {new:>7} {:>+7}", c.name, c.delta);
    }
    if largest.len() > ROWS {
        let rest = &largest[ROWS..];
        let delta = rest.iter().map(|c| c.delta).fold(0, i64::saturating_add);
        let more = format!("({} more)", rest.len());
        let _ = writeln!(out, "{more:<40} {:>7} {:>7} {delta:>+7}", "", "");
    }
}
