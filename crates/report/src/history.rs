//! One recipe on several versions of the kernel: what grew from each to the
//! next, as a table of the terminal and as a page with a plot.

use std::fmt::Write as _;

use host::units::grouped;
use record::matrix::{CellFigures, MatrixCell, PASSED};
use schemars::JsonSchema;
use serde::Serialize;

use super::kernel_diff::{Change, KernelDiff};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.history/1";

/// How many folders and options are told of each step.
const ROWS: usize = 8;

/// A recipe on several versions of the kernel.
#[derive(Debug, Serialize, JsonSchema)]
pub struct History {
    /// The format.
    pub schema: &'static str,
    /// The recipe.
    pub recipe: String,
    /// The versions, in the order in which they were named.
    pub versions: Vec<HistoryVersion>,
}

/// The recipe on one of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HistoryVersion {
    /// The version that was asked for.
    pub kernel: String,
    /// How its check ended, in a word or two.
    pub ended: String,
    /// What that rests on; `null` where it passed.
    pub reason: Option<String>,
    /// What was measured; `null` where it was not built.
    pub figures: Option<CellFigures>,
    /// Against the version before it that was built; `null` for the first.
    pub grew: Option<Growth>,
}

/// What grew from one version to the next; what shrank is below zero.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Growth {
    /// The version before.
    pub since: String,
    /// Bytes of the kernel's image.
    pub kernel_bytes: i64,
    /// Of its executable sections.
    pub text_bytes: i64,
    /// Bytes that a boot loader loads.
    pub total_bytes: i64,
    /// KiB of RAM in use when the last check has passed.
    pub used_kib: Option<i64>,
    /// Folders of the sources that grew, in bytes of vmlinux, the most first;
    /// empty where a kernel is no longer in the cache.
    pub directories: Vec<Change>,
    /// The same by the option that brings an object in.
    pub brought_by: Vec<Change>,
    /// Options with other values: name, value before, value now.
    pub options: Vec<[String; 3]>,
}

impl Growth {
    /// From the figures of one version to those of the next.
    pub fn between(
        since: &str,
        before: &CellFigures,
        now: &CellFigures,
        kernels: Option<KernelDiff>,
    ) -> Growth {
        let by = |before: u64, now: u64| now.cast_signed() - before.cast_signed();
        let grown = |changes: Vec<Change>| {
            let grown = changes.into_iter().filter(|change| change.delta > 0);
            grown.take(ROWS).collect()
        };
        let (directories, brought_by, options) = match kernels {
            Some(kernels) => (
                grown(kernels.directories),
                grown(kernels.brought_by),
                kernels.options,
            ),
            None => Default::default(),
        };
        Growth {
            since: since.to_owned(),
            kernel_bytes: by(before.kernel_bytes, now.kernel_bytes),
            text_bytes: by(before.text_bytes, now.text_bytes),
            total_bytes: by(before.total_bytes, now.total_bytes),
            used_kib: before.used_kib.zip(now.used_kib).map(|(b, n)| by(b, n)),
            directories,
            brought_by,
            options,
        }
    }
}

impl HistoryVersion {
    /// A version from its cell, and what grew since the one before.
    pub fn of(kernel: &str, cell: &MatrixCell, grew: Option<Growth>) -> HistoryVersion {
        HistoryVersion {
            kernel: kernel.to_owned(),
            ended: cell.ended.clone(),
            reason: cell.reason.clone(),
            figures: cell.figures,
            grew,
        }
    }
}

/// The table for a terminal, and what grew at each step.
pub fn text(history: &History) -> String {
    let mut text = format!(
        "{}\n{:<20}{:>12}{:>12}{:>12}{:>12}{:>10}  ended\n",
        history.recipe, "", "kernel", "", "text", "", "RAM, KiB"
    );
    for version in &history.versions {
        let cell = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), grouped);
        let figures = version.figures.as_ref();
        let grew = version.grew.as_ref();
        let _ = writeln!(
            text,
            "{:<20}{:>12}{:>12}{:>12}{:>12}{:>10}  {}",
            version.kernel,
            cell(figures.map(|f| f.kernel_bytes)),
            grew.map_or_else(String::new, |g| signed(g.kernel_bytes)),
            cell(figures.map(|f| f.text_bytes)),
            grew.map_or_else(String::new, |g| signed(g.text_bytes)),
            cell(figures.and_then(|f| f.used_kib)),
            version.ended,
        );
    }
    for version in &history.versions {
        if let Some(grew) = &version.grew {
            text.push_str(&steps(&version.kernel, grew));
        }
    }
    text
}

fn signed(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "+" };
    format!("{sign}{}", grouped(bytes.unsigned_abs()))
}

/// What grew from one version to the next, a line each.
fn steps(kernel: &str, grew: &Growth) -> String {
    let mut text = format!("\n{} to {kernel}, bytes of vmlinux\n", grew.since);
    let lists = [("folder", &grew.directories), ("option", &grew.brought_by)];
    for (what, changes) in lists {
        for change in changes {
            let _ = writeln!(
                text,
                "  {what}  {:<32}{:>10}",
                change.name,
                signed(change.delta)
            );
        }
    }
    for [name, before, now] in grew.options.iter().take(ROWS) {
        let _ = writeln!(text, "  CONFIG_{name}: {before}, now {now}");
    }
    if let Some(more) = grew.options.len().checked_sub(ROWS).filter(|n| *n > 0) {
        let _ = writeln!(text, "  and {more} options more with other values");
    }
    text
}

/// The plot's size, and what its frame leaves.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const EDGE: f64 = 60.0;

/// A line through the versions' kernels, in bytes, as SVG. The scale begins at
/// the least of them: what is looked for is growth, and both ends are told.
pub fn svg(history: &History) -> String {
    let built: Vec<(&str, u64)> = history
        .versions
        .iter()
        .filter_map(|v| Some((v.kernel.as_str(), v.figures?.kernel_bytes)))
        .collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<title>{}: bytes of the kernel</title>\n",
        escaped(&history.recipe)
    );
    let bytes = || built.iter().map(|(_, bytes)| *bytes);
    let (least, most) = (bytes().min().unwrap_or(0), bytes().max().unwrap_or(0));
    let step = (WIDTH - 2.0 * EDGE) / (built.len().max(2) - 1) as f64;
    let place = |at: usize, bytes: u64| {
        let range = most.saturating_sub(least).max(1) as f64;
        let height = (bytes - least) as f64 / range * (HEIGHT - 2.0 * EDGE);
        (EDGE + step * at as f64, HEIGHT - EDGE - height)
    };
    let points = built.iter().enumerate().map(|(at, (_, bytes))| {
        let (x, y) = place(at, *bytes);
        format!("{x:.1},{y:.1}")
    });
    let _ = writeln!(
        svg,
        "<polyline fill=\"none\" stroke=\"#2a6fb0\" stroke-width=\"2\" points=\"{}\"/>",
        points.collect::<Vec<_>>().join(" ")
    );
    for (at, (kernel, bytes)) in built.iter().enumerate() {
        let (x, y) = place(at, *bytes);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"#2a6fb0\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            y - 8.0,
            grouped(*bytes),
            HEIGHT - EDGE / 2.0,
            escaped(kernel)
        );
    }
    svg + "</svg>\n"
}

/// A page with the plot and the table.
pub fn html(history: &History) -> String {
    let title = escaped(&format!("{}: growth", history.recipe));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <h1>{title}</h1>\n<p>Bytes of the kernel; the line begins at the least.</p>\n{}\
         <pre>{}</pre>\n</html>\n",
        svg(history),
        escaped(&text(history))
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// By how much the last version that passed is larger than the one before it, in
/// bytes that a boot loader loads.
pub fn last_growth(history: &History) -> Option<(&HistoryVersion, &Growth)> {
    let passed = history.versions.iter().rev().find(|v| v.ended == PASSED)?;
    Some((passed, passed.grew.as_ref()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(kernel_bytes: u64) -> CellFigures {
        CellFigures {
            kernel_bytes,
            payload_bytes: None,
            text_bytes: kernel_bytes * 2,
            user_bytes: 10,
            total_bytes: kernel_bytes + 10,
            used_kib: Some(2000),
            instructions: None,
        }
    }

    fn version(kernel: &str, bytes: Option<u64>, grew: Option<Growth>) -> HistoryVersion {
        HistoryVersion {
            kernel: kernel.to_owned(),
            ended: bytes.map_or("no source", |_| PASSED).to_owned(),
            reason: None,
            figures: bytes.map(figures),
            grew,
        }
    }

    fn history() -> History {
        let change = |name: &str, delta: i64| Change {
            name: name.to_owned(),
            old: None,
            new: None,
            delta,
        };
        let mut grew = Growth::between("6.1", &figures(1000), &figures(1200), None);
        grew.directories = vec![change("net/ipv4", 150)];
        grew.options = (0..10)
            .map(|at| [format!("X{at}"), "n".to_owned(), "y".to_owned()])
            .collect();
        History {
            schema: SCHEMA,
            recipe: "pc<net>".to_owned(),
            versions: vec![
                version("6.1", Some(1000), None),
                version("6.5", None, None),
                version("6.12", Some(1200), Some(grew)),
            ],
        }
    }

    #[test]
    fn each_version_is_told_with_what_grew_since_the_one_before() {
        let told = text(&history());
        let expected = [
            "6.1                        1,000                   2,000                 2,000  passed",
            "6.5                            -                       -                     -  no source",
            "6.12                       1,200        +200       2,400        +400     2,000  passed",
            "6.1 to 6.12, bytes of vmlinux",
            "  folder  net/ipv4                              +150",
            "  CONFIG_X0: n, now y",
            "  and 2 options more with other values",
        ];
        for line in expected {
            assert!(told.lines().any(|told| told == line), "{line}\n{told}");
        }
    }

    #[test]
    fn the_plot_has_a_point_for_each_version_that_was_built() {
        let plot = svg(&history());
        assert_eq!(plot.matches("<circle").count(), 2);
        assert!(plot.contains("points=\"60.0,200.0 660.0,60.0\""), "{plot}");
        let page = html(&history());
        assert!(page.contains("pc&lt;net&gt;") && !page.contains("pc<net>"));
        let nothing = History {
            versions: Vec::new(),
            ..history()
        };
        assert!(svg(&nothing).ends_with("</svg>\n"));
    }

    #[test]
    fn only_growth_is_listed_and_the_last_version_that_passed_decides() {
        let found = history();
        let (last, grew) = last_growth(&found).expect("grew");
        assert_eq!((last.kernel.as_str(), grew.total_bytes), ("6.12", 200));
        let first = History {
            versions: vec![version("6.1", Some(1000), None)],
            ..history()
        };
        assert!(last_growth(&first).is_none());
    }
}
