//! The difference of two records as Markdown, for a comment of a review: what
//! changed, and nothing else.

use std::fmt::Write;

use host::units::grouped;

use super::diff::{Diff, Figure};

/// How many rows of a table are told.
const ROWS: usize = 30;

/// The difference as Markdown tables.
pub fn markdown(diff: &Diff) -> String {
    let mut out = format!("### {} → {}\n", diff.a, diff.b);
    let figures: Vec<&Figure> = diff
        .figures
        .iter()
        .filter(|f| f.a != f.b || f.name == "together")
        .collect();
    table(&mut out, "figure", &figures);
    for (title, figures) in [("section", &diff.sections), ("ramdisk file", &diff.files)] {
        table(&mut out, title, &figures.iter().collect::<Vec<_>>());
    }
    let told = |value: &Option<String>| cell(value.as_deref().unwrap_or("–"));
    // Writing to a String can't fail.
    let checks: Vec<_> = diff.checks.iter().filter(|c| c.a != c.b).collect();
    if !checks.is_empty() {
        let _ = writeln!(out, "\n| check | old | new |\n|---|---|---|");
        for c in checks {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                cell(&c.name),
                told(&c.a),
                told(&c.b)
            );
        }
    }
    if !diff.inputs.is_empty() {
        let _ = writeln!(out, "\n| input | old | new |\n|---|---|---|");
        for i in &diff.inputs {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                cell(&i.name),
                told(&i.a),
                told(&i.b)
            );
        }
    }
    out
}

fn table(out: &mut String, title: &str, figures: &[&Figure]) {
    if figures.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n| {title} | old | new | change |\n|---|--:|--:|--:|");
    let told = |value: Option<i64>| value.map_or_else(|| "–".to_owned(), |v| number(v, false));
    for f in figures.iter().take(ROWS) {
        let unit = if f.unit == "B" { "" } else { f.unit.as_str() };
        let name = format!("{} {unit}", f.name);
        let by = f.b.unwrap_or(0).saturating_sub(f.a.unwrap_or(0));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            cell(name.trim_end()),
            told(f.a),
            told(f.b),
            number(by, true)
        );
    }
    if figures.len() > ROWS {
        let _ = writeln!(out, "| {} more | | | |", figures.len() - ROWS);
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
        b.ramdisk.files.insert("/etc/a|b".to_owned(), 3000);
        assert_eq!(
            markdown(&diff(&a, &b)),
            "\
### tiny → other

| figure | old | new | change |
|---|--:|--:|--:|
| kernel | 1,000 | 600 | −400 |
| together | 1,050 | 1,050 | 0 |

| ramdisk file | old | new | change |
|---|--:|--:|--:|
| /etc/a\\|b | – | 3,000 | +3,000 |
"
        );
    }
}
