//! A matrix as a table of the terminal, as Markdown, and as a page with a heat
//! map. All are functions of the [`Matrix`].

use std::fmt::Write as _;

use host::units::grouped;
use record::matrix::{Matrix, MatrixAxis, MatrixCell, MatrixGoal};

const STYLE: &str = include_str!("matrix/page.css");

/// The columns behind a cell's name.
const HEAD: [&str; 7] = [
    "kernel",
    "user land",
    "together",
    "",
    "RAM, KiB",
    "10^6 instr.",
    "ended",
];

/// The table for a terminal.
pub fn text(matrix: &Matrix) -> String {
    let rows: Vec<(String, [String; 7])> = rows(matrix);
    let width = |at: usize| {
        let column = rows.iter().map(|(_, row)| row[at].chars().count());
        column.chain([HEAD[at].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let names = rows.iter().map(|(name, _)| name.chars().count());
    let first = names.max().unwrap_or(0);
    let line = |name: &str, row: &[String]| {
        let mut line = format!("{name:<first$}");
        for (at, (value, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match at {
                6 => write!(line, "  {value}"),
                _ => write!(line, "  {value:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line + "\n"
    };
    let mut text = line("", &HEAD.map(str::to_owned));
    for (name, row) in &rows {
        text.push_str(&line(name, row));
    }
    text + &closing(matrix)
}

/// The table in Markdown.
pub fn markdown(matrix: &Matrix) -> String {
    let mut text = format!(
        "| {} | {} |\n|---|{}---|\n",
        matrix.recipe,
        HEAD.join(" | "),
        "---:|".repeat(HEAD.len() - 1)
    );
    for (name, row) in rows(matrix) {
        let _ = writeln!(text, "| {name} | {} |", row.join(" | "));
    }
    text
}

/// What is said below the table.
fn closing(matrix: &Matrix) -> String {
    let passed = matrix.cells.iter().filter(|cell| cell.passed()).count();
    let mut text = format!("\n{passed} of {} passed", matrix.cells.len());
    if let Some(best) = matrix.best() {
        let _ = write!(
            text,
            "; least {}: {}",
            of_what(matrix.goal),
            best.name(&matrix.axes)
        );
    }
    text.push('\n');
    text
}

fn of_what(goal: MatrixGoal) -> &'static str {
    match goal {
        MatrixGoal::Total => "bytes together",
        MatrixGoal::Kernel => "bytes of the kernel",
        MatrixGoal::Ram => "RAM",
        MatrixGoal::Instructions => "instructions",
    }
}

fn rows(matrix: &Matrix) -> Vec<(String, [String; 7])> {
    let base = matrix
        .cells
        .first()
        .and_then(|cell| cell.score(matrix.goal));
    let row = |cell: &MatrixCell| {
        let figures = cell.figures.as_ref();
        let bytes = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), grouped);
        let row = [
            bytes(figures.map(|f| f.kernel_bytes)),
            bytes(figures.map(|f| f.user_bytes)),
            bytes(figures.map(|f| f.total_bytes)),
            change(base, cell.score(matrix.goal)),
            bytes(figures.and_then(|f| f.used_kib)),
            bytes(figures.and_then(|f| f.instructions).map(|n| n / 1_000_000)),
            cell.ended.clone(),
        ];
        (cell.name(&matrix.axes), row)
    };
    matrix.cells.iter().map(row).collect()
}

/// The difference of a goal's figure in per cent.
fn change(base: Option<u64>, now: Option<u64>) -> String {
    match (base, now) {
        (Some(base), Some(now)) if base > 0 && base != now => {
            format!("{:+.2} %", (now as f64 / base as f64 - 1.0) * 100.0)
        }
        _ => String::new(),
    }
}

/// A page of its own: a heat map of each two axes that have cells together, of
/// each axis alone, and the table.
pub fn html(matrix: &Matrix) -> String {
    let title = escaped(&format!("{}: a matrix", matrix.recipe));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n<h1>{title}</h1>\n<p>Of the goal, {}: the darker, the less. \
         Hover for the figures.</p>\n",
        of_what(matrix.goal)
    );
    let scale = Scale::of(matrix);
    page.push_str("<h2>One value changed</h2>\n");
    for axis in &matrix.axes {
        let cells = axis.values.iter().map(|value| {
            let found = find(matrix, &[(axis, value)]);
            heat(matrix, &scale, value, found)
        });
        let _ = writeln!(
            page,
            "<table class=\"heat\"><tr><th>{}</th>{}</tr></table>",
            escaped(&axis.name),
            cells.collect::<String>()
        );
    }
    for (at, down) in matrix.axes.iter().enumerate() {
        for across in &matrix.axes[at + 1..] {
            page.push_str(&grid(matrix, &scale, down, across));
        }
    }
    page.push_str("<h2>All</h2>\n<table class=\"all\">\n<tr><th></th>");
    for head in HEAD {
        let _ = write!(page, "<th>{head}</th>");
    }
    page.push_str("</tr>\n");
    for (name, row) in rows(matrix) {
        let _ = write!(page, "<tr><td>{}</td>", escaped(&name));
        for value in row {
            let _ = write!(page, "<td>{}</td>", escaped(&value));
        }
        page.push_str("</tr>\n");
    }
    page + "</table>\n</html>\n"
}

/// Two axes against each other; empty where no cell has both.
fn grid(matrix: &Matrix, scale: &Scale, down: &MatrixAxis, across: &MatrixAxis) -> String {
    let both = |cell: &&MatrixCell| {
        cell.settings.contains_key(&down.name) && cell.settings.contains_key(&across.name)
    };
    if !matrix.cells.iter().any(|cell| both(&cell)) {
        return String::new();
    }
    let mut text = format!(
        "<h2>{} and {}</h2>\n<table class=\"heat\"><tr><th></th>",
        escaped(&down.name),
        escaped(&across.name)
    );
    for value in &across.values {
        let _ = write!(text, "<th>{}</th>", escaped(value));
    }
    text.push_str("</tr>\n");
    for value in &down.values {
        let _ = write!(text, "<tr><th>{}</th>", escaped(value));
        for other in &across.values {
            let found = find(matrix, &[(down, value), (across, other)]);
            text.push_str(&heat(matrix, scale, "", found));
        }
        text.push_str("</tr>\n");
    }
    text + "</table>\n"
}

/// The first cell that has these values; of two with more axes the better.
fn find<'m>(matrix: &'m Matrix, wanted: &[(&MatrixAxis, &String)]) -> Option<&'m MatrixCell> {
    let has = |cell: &&MatrixCell| {
        let set =
            |(axis, value): &(&MatrixAxis, &String)| cell.settings.get(&axis.name) == Some(value);
        wanted.iter().all(set)
    };
    let fits = || matrix.cells.iter().filter(has);
    let exact = fits().find(|cell| cell.settings.len() == wanted.len());
    exact.or_else(|| fits().min_by_key(|cell| cell.score(matrix.goal).unwrap_or(u64::MAX)))
}

/// The least and the most of the goal.
struct Scale {
    least: u64,
    most: u64,
}

impl Scale {
    fn of(matrix: &Matrix) -> Scale {
        let scores = || {
            matrix
                .cells
                .iter()
                .filter_map(|cell| cell.score(matrix.goal))
        };
        Scale {
            least: scores().min().unwrap_or(0),
            most: scores().max().unwrap_or(0),
        }
    }

    /// 0 for the least, 100 for the most.
    fn at(&self, score: u64) -> u64 {
        let range = self.most - self.least;
        (score.saturating_sub(self.least) * 100)
            .checked_div(range)
            .unwrap_or(0)
    }
}

fn heat(matrix: &Matrix, scale: &Scale, label: &str, cell: Option<&MatrixCell>) -> String {
    let Some(cell) = cell else {
        return "<td class=\"none\"></td>".to_owned();
    };
    let label = match label {
        "" => String::new(),
        label => format!("{}<br>", escaped(label)),
    };
    let Some(score) = cell.score(matrix.goal) else {
        let why = escaped(cell.reason.as_deref().unwrap_or_default());
        return format!(
            "<td class=\"failed\" title=\"{why}\">{label}{}</td>",
            escaped(&cell.ended)
        );
    };
    let at = scale.at(score);
    format!(
        "<td style=\"background:hsl(210 60% {}%);color:{}\" title=\"{}\">{label}{}</td>",
        40 + at / 2,
        if at < 30 { "#fff" } else { "#000" },
        escaped(&cell.name(&matrix.axes)),
        grouped(score)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use host::Id;
    use record::matrix::{CellFigures, PASSED, SCHEMA};

    use super::*;

    fn matrix() -> Matrix {
        let cell = |settings: &[(&str, &str)], kernel: Option<u64>| MatrixCell {
            settings: settings
                .iter()
                .map(|(axis, value)| ((*axis).to_owned(), (*value).to_owned()))
                .collect::<BTreeMap<_, _>>(),
            id: Id::of_bytes(b""),
            ended: kernel.map_or("does not compile", |_| PASSED).to_owned(),
            reason: kernel.is_none().then(|| "ld: <eh>".to_owned()),
            folder: String::new(),
            figures: kernel.map(|kernel_bytes| CellFigures {
                kernel_bytes,
                payload_bytes: None,
                text_bytes: 0,
                user_bytes: 1000,
                total_bytes: kernel_bytes + 1000,
                used_kib: Some(2112),
                instructions: None,
            }),
        };
        Matrix {
            schema: SCHEMA.to_owned(),
            recipe: "pc".to_owned(),
            goal: MatrixGoal::Total,
            axes: vec![
                MatrixAxis {
                    name: "toolchain".to_owned(),
                    values: vec!["gcc-11".to_owned(), "llvm-14".to_owned()],
                },
                MatrixAxis {
                    name: "optimise".to_owned(),
                    values: vec!["z".to_owned()],
                },
            ],
            cells: vec![
                cell(&[], Some(99_000)),
                cell(&[("toolchain", "gcc-11")], Some(101_000)),
                cell(&[("toolchain", "llvm-14")], None),
                cell(&[("optimise", "z"), ("toolchain", "gcc-11")], Some(89_000)),
            ],
        }
    }

    #[test]
    fn the_table_says_what_each_cell_gave_and_why_some_gave_nothing() {
        assert_eq!(
            text(&matrix()),
            "                              kernel  user land  together            RAM, KiB  10^6 instr.  ended\n\
             as it stands                  99,000      1,000   100,000               2,112            -  passed\n\
             toolchain=gcc-11             101,000      1,000   102,000   +2.00 %     2,112            -  passed\n\
             toolchain=llvm-14                  -          -         -                   -            -  does not compile\n\
             toolchain=gcc-11 optimise=z   89,000      1,000    90,000  -10.00 %     2,112            -  passed\n\
             \n3 of 4 passed; least bytes together: toolchain=gcc-11 optimise=z\n"
        );
    }

    #[test]
    fn the_page_has_each_pair_of_axes_and_nothing_unescaped() {
        let page = html(&matrix());
        assert!(page.contains("<h2>toolchain and optimise</h2>"), "{page}");
        assert!(page.contains("title=\"ld: &lt;eh&gt;\""), "{page}");
        assert!(page.contains("class=\"none\""), "{page}");
        let table = markdown(&matrix());
        assert!(table.starts_with("| pc | kernel | user land"), "{table}");
        assert_eq!(table.lines().count(), 6);
    }
}
