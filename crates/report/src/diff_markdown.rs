//! Differences as Markdown, for a comment of a review: what changed, and
//! nothing else. What is long stands folded below.

use std::fmt::Write;

use host::units::grouped;

use super::diff::{Diff, Figure};
use super::kernel_diff::{self, Change, KernelDiff};

/// How many rows of a table are told.
const ROWS: usize = 30;
/// How many of the largest objects stand above the fold.
const OBJECTS: usize = 10;

/// The difference of two records as Markdown tables, and that of their kernels
/// where it is known.
pub fn markdown(diff: &Diff, kernels: Option<&KernelDiff>) -> String {
    let mut out = format!("### {}{}\n", names(&diff.a, &diff.b), together(diff));
    let figures: Vec<&Figure> = diff
        .figures
        .iter()
        .filter(|f| f.a != f.b || f.name == "together")
        .collect();
    measured(&mut out, &figures);
    for (title, figures) in [("section", &diff.sections), ("ramdisk file", &diff.files)] {
        table(&mut out, title, &figures.iter().collect::<Vec<_>>());
    }
    if let Some(kernels) = kernels {
        options(&mut out, kernels);
        changes(&mut out, "object", &kernels.objects, OBJECTS);
    }
    let checks = diff.checks.iter().filter(|c| c.a != c.b);
    let checks = checks.map(|c| (c.name.clone(), c.a.clone(), c.b.clone()));
    pairs(&mut out, "check", checks.collect());
    let inputs = diff.inputs.iter();
    let inputs = inputs.map(|i| (i.name.clone(), i.a.clone(), i.b.clone()));
    pairs(&mut out, "input", inputs.collect());
    if let Some(kernels) = kernels {
        folded(&mut out, kernels);
    }
    out
}

/// The difference of two kernels alone.
pub fn of_kernels(diff: &KernelDiff) -> String {
    let [old, new] = diff.total;
    let mut out = format!(
        "### {}: {} → {} B of vmlinux, {}\n",
        names(&diff.a, &diff.b),
        grouped(old),
        grouped(new),
        number(diff.growth(), true)
    );
    changes(&mut out, "section", &diff.sections, ROWS);
    options(&mut out, diff);
    changes(&mut out, "object", &diff.objects, OBJECTS);
    folded(&mut out, diff);
    out
}

fn names(a: &str, b: &str) -> String {
    if a == b {
        a.to_owned()
    } else {
        format!("{a} → {b}")
    }
}

/// What kernel and ramdisk take, in the heading.
fn together(diff: &Diff) -> String {
    let figure = diff.figures.iter().find(|f| f.name == "together");
    match figure.and_then(|f| f.a.zip(f.b)) {
        None => String::new(),
        Some((a, b)) if a == b => format!(": {} B, as before", number(b, false)),
        Some((a, b)) => format!(
            ": {} → {} B, {}",
            number(a, false),
            number(b, false),
            number(b.saturating_sub(a), true)
        ),
    }
}

/// Which options have other values.
fn options(out: &mut String, kernels: &KernelDiff) {
    let told = |value: &String| Some(value.clone());
    let rows = kernels
        .options
        .iter()
        .map(|[name, old, new]| (format!("`CONFIG_{name}`"), told(old), told(new)));
    pairs(out, "option", rows.collect());
}

/// What only a closer look asks for.
fn folded(out: &mut String, kernels: &KernelDiff) {
    let mut inside = String::new();
    if kernels.objects.len() > OBJECTS {
        changes(&mut inside, "object", &kernels.objects, ROWS);
    }
    changes(&mut inside, "brought in by", &kernels.brought_by, ROWS);
    changes(&mut inside, "folder", &kernels.directories, ROWS);
    changes(&mut inside, "symbol", &kernels.symbols, ROWS);
    if inside.is_empty() {
        return;
    }
    let summary = format!(
        "The kernel in full: {} B of vmlinux",
        number(kernels.growth(), true)
    );
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "\n<details><summary>{summary}</summary>\n{inside}\n</details>\n"
    );
}

/// A table of texts before and after.
fn pairs(out: &mut String, title: &str, rows: Vec<(String, Option<String>, Option<String>)>) {
    if rows.is_empty() {
        return;
    }
    let told = |value: &Option<String>| cell(value.as_deref().unwrap_or("–"));
    let _ = writeln!(out, "\n| {title} | old | new |\n|---|---|---|");
    for (name, old, new) in rows.iter().take(ROWS) {
        let _ = writeln!(out, "| {} | {} | {} |", cell(name), told(old), told(new));
    }
    if rows.len() > ROWS {
        let _ = writeln!(out, "| {} more | | |", rows.len() - ROWS);
    }
}

/// What changed in a kernel, the largest first.
fn changes(out: &mut String, title: &str, changes: &[Change], rows: usize) {
    let figures: Vec<Figure> = kernel_diff::largest(changes)
        .into_iter()
        .map(|change| Figure {
            name: format!("`{}`", change.name),
            unit: "B".to_owned(),
            a: change.old.and_then(|bytes| i64::try_from(bytes).ok()),
            b: change.new.and_then(|bytes| i64::try_from(bytes).ok()),
        })
        .collect();
    let all: Vec<&Figure> = figures.iter().collect();
    limited(out, title, &all, rows);
}

/// What was measured. A figure that one side lacks didn't change: it isn't known.
fn measured(out: &mut String, figures: &[&Figure]) {
    let by = |f: &Figure| Some(f.b?.saturating_sub(f.a?));
    rows(out, "figure", figures, ROWS, by);
}

fn table(out: &mut String, title: &str, figures: &[&Figure]) {
    limited(out, title, figures, ROWS);
}

/// What is there or isn't: what one side lacks takes nothing there.
fn limited(out: &mut String, title: &str, figures: &[&Figure], most: usize) {
    let by = |f: &Figure| Some(f.b.unwrap_or(0).saturating_sub(f.a.unwrap_or(0)));
    rows(out, title, figures, most, by);
}

fn rows(
    out: &mut String,
    title: &str,
    figures: &[&Figure],
    most: usize,
    by: impl Fn(&Figure) -> Option<i64>,
) {
    if figures.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| {title} | old | new | change |\n|---|--:|--:|--:|");
    let told = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), |v| number(v, false));
    let by_how_much = |f: &Figure| by(f).map_or_else(|| "–".to_owned(), |v| number(v, true));
    for f in figures.iter().take(most) {
        let unit = if f.unit == "B" { "" } else { f.unit.as_str() };
        let name = format!("{} {unit}", f.name);
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            cell(name.trim_end()),
            told(f.a),
            told(f.b),
            by_how_much(f)
        );
    }
    if let Some(rest) = figures.get(most..).filter(|rest| !rest.is_empty()) {
        let sum = rest
            .iter()
            .filter_map(|f| by(f))
            .fold(0, i64::saturating_add);
        let _ = writeln!(out, "| {} more | | | {} |", rest.len(), number(sum, true));
    }
}

fn number(value: i64, plus: bool) -> String {
    let sign = match value.signum() {
        -1 => "−",
        1 if plus => "+",
        _ => "",
    };
    format!("{sign}{}", grouped(value.unsigned_abs()))
}

/// Text of a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::diff;
    use record::fixture::record;

    #[test]
    fn a_review_is_told_what_changed() {
        let (a, mut b) = (record(), record());
        b.recipe = "other".to_owned();
        b.image.kernel_bytes = 600;
        b.image.total_bytes = 650;
        b.ramdisk.files.insert("/etc/a|b".to_owned(), 3000);
        b.ram.smallest_kib = Some(4512);
        assert_eq!(
            markdown(&diff(&a, &b), None),
            "\
### tiny → other: 1,050 → 650 B, −400

| figure | old | new | change |
|---|--:|--:|--:|
| kernel | 1,000 | 600 | −400 |
| together | 1,050 | 650 | −400 |
| smallest RAM KiB | – | 4,512 | – |

| ramdisk file | old | new | change |
|---|--:|--:|--:|
| /etc/a\\|b | – | 3,000 | +3,000 |
"
        );
    }

    fn change(name: &str, old: Option<u64>, new: u64) -> Change {
        Change {
            name: name.to_owned(),
            old,
            new: Some(new),
            delta: i64::try_from(new).expect("small") - old.map_or(0, |_| 100),
        }
    }

    #[test]
    fn the_largest_objects_stand_first_and_the_rest_is_folded_with_its_sum() {
        let mut objects: Vec<Change> = (0..11)
            .map(|n| change(&format!("lib/{n}.o"), Some(100), 101))
            .collect();
        objects.push(change("net/ipv4/tcp.o", None, 70_000));
        let kernels = KernelDiff {
            schema: "",
            a: "tiny".to_owned(),
            b: "tiny".to_owned(),
            total: [1000, 71_011],
            sections: Vec::new(),
            directories: Vec::new(),
            objects,
            brought_by: Vec::new(),
            symbols: Vec::new(),
            bloat: String::new(),
            options: vec![["INET", "n", "y"].map(str::to_owned)],
        };
        let text = markdown(&diff(&record(), &record()), Some(&kernels));
        assert!(text.starts_with("### tiny: 1,050 B, as before\n"), "{text}");
        assert!(text.contains("| `CONFIG_INET` | n | y |\n"), "{text}");
        let (above, below) = text.split_once("<details>").expect("a fold");
        let objects = "|---|--:|--:|--:|\n| `net/ipv4/tcp.o` | – | 70,000 | +70,000 |\n";
        assert!(above.contains(objects) && below.contains(objects), "{text}");
        assert!(above.contains("| 2 more | | | +2 |\n"), "{text}");
        assert!(
            below.contains("| `lib/10.o` | 100 | 101 | +1 |\n"),
            "{text}"
        );
    }
}
