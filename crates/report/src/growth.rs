//! What grew between two records: for who is over budget and was not before.

use host::units::grouped;

use super::diff::{Diff, Figure};
use super::kernel_diff::{Change, KernelDiff};

/// How many rows of each list are told.
const ROWS: usize = 8;

/// What grew, the largest first, a line each; options that were added first.
/// Nothing when nothing grew.
pub fn lines(diff: &Diff, kernels: Option<&KernelDiff>) -> Vec<String> {
    let mut lines = figures(&diff.figures, &["kernel", "ramdisk", "RAM used"]);
    if let Some(kernels) = kernels {
        for [option, old, new] in kernels.options.iter().take(ROWS) {
            lines.push(format!("CONFIG_{option}: {old}, now {new}"));
        }
        lines.extend(grown(&kernels.objects));
        lines.extend(grown(&kernels.symbols));
    } else {
        lines.extend(figures(&diff.sections, &[]));
    }
    lines.extend(figures(&diff.files, &[]));
    lines
}

/// Figures that grew; all of them where none is named.
fn figures(figures: &[Figure], named: &[&str]) -> Vec<String> {
    let wanted = |f: &&Figure| named.is_empty() || named.contains(&f.name.as_str());
    let mut grown: Vec<(i64, &Figure)> = figures
        .iter()
        .filter(wanted)
        .filter_map(|f| {
            let by = f.b?.saturating_sub(f.a.unwrap_or(0));
            (by > 0).then_some((by, f))
        })
        .collect();
    grown.sort_by_key(|(by, _)| std::cmp::Reverse(*by));
    let line = |(by, f): &(i64, &Figure)| {
        let by = grouped(by.unsigned_abs());
        let unit = &f.unit;
        match f.a {
            Some(a) => format!(
                "{}: +{by} {unit} (was {})",
                f.name,
                grouped(a.unsigned_abs())
            ),
            None => format!("{}: {by} {unit}, new", f.name),
        }
    };
    grown.iter().take(ROWS).map(line).collect()
}

fn grown(changes: &[Change]) -> Vec<String> {
    let line = |c: &Change| {
        let by = grouped(c.delta.unsigned_abs());
        match c.old {
            Some(old) => format!("{}: +{by} B (was {})", c.name, grouped(old)),
            None => format!("{}: {by} B, new", c.name),
        }
    };
    let grown = changes.iter().filter(|c| c.delta > 0);
    grown.take(ROWS).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff;
    use record::fixture::record;

    #[test]
    fn what_grew_is_told_the_largest_first() {
        let (a, mut b) = (record(), record());
        b.image.ramdisk_bytes = 3050;
        b.image.kernel_bytes = 1001;
        b.ramdisk.files.insert("/etc/big".to_owned(), 5000);
        b.vmlinux.sections.insert(".text".to_owned(), 1);
        assert_eq!(
            lines(&diff::diff(&a, &b), None),
            [
                "ramdisk: +3,000 B (was 50)",
                "kernel: +1 B (was 1,000)",
                ".text: 1 B, new",
                "/etc/big: 5,000 B, new",
            ]
        );
        assert!(
            lines(&diff::diff(&b, &a), None).is_empty(),
            "shrinking is fine"
        );
    }
}
