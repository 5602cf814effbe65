//! A matrix: one recipe with some of its values varied, what each gave, and the
//! best of them.

use std::collections::BTreeMap;

use host::Id;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Record;

/// The format's word and version.
pub const SCHEMA: &str = "tuxling.matrix/1";

/// A recipe with some of its values varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// The format.
    pub schema: String,
    /// The recipe.
    pub recipe: String,
    /// What the best cell has least of.
    pub goal: MatrixGoal,
    /// What was varied.
    pub axes: Vec<MatrixAxis>,
    /// The recipe as it stands first, then the others in the order in which they
    /// were asked for.
    pub cells: Vec<MatrixCell>,
}

/// What is varied, and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixAxis {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// What the best cell has least of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatrixGoal {
    /// Bytes that a boot loader loads: kernel, ramdisk, root file system.
    Total,
    /// Bytes of the kernel's image.
    Kernel,
    /// KiB of RAM in use when the last check has passed.
    Ram,
    /// Instructions until the first check has passed.
    Instructions,
}

/// One of the systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixCell {
    /// The values that differ from the recipe, by axis.
    pub settings: BTreeMap<String, String>,
    /// What it depends on: the recipe's text with these values, the files that it
    /// names, the sources, the tools.
    pub id: Id,
    /// How it ended, in a word or two: `passed`, `does not compile`.
    pub ended: String,
    /// What that rests on; `null` where it passed.
    pub reason: Option<String>,
    /// Where its outputs and logs are, below the matrix's folder.
    pub folder: String,
    /// What was measured; `null` where it was not built.
    pub figures: Option<CellFigures>,
}

/// What was measured of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CellFigures {
    /// Bytes of the kernel's image.
    pub kernel_bytes: u64,
    /// Of the compressed kernel inside it; `null` where the format has none.
    pub payload_bytes: Option<u64>,
    /// Bytes of the kernel's executable sections.
    pub text_bytes: u64,
    /// Bytes of the ramdisk, or of the root file system.
    pub user_bytes: u64,
    /// Bytes that a boot loader loads.
    pub total_bytes: u64,
    /// RAM in use when the last check has passed.
    pub used_kib: Option<u64>,
    /// Instructions until the first check has passed.
    pub instructions: Option<u64>,
}

/// The word of a cell that did all that it should.
pub const PASSED: &str = "passed";

impl CellFigures {
    /// Those of a record.
    pub fn of(record: &Record) -> CellFigures {
        let image = &record.image;
        CellFigures {
            kernel_bytes: image.kernel_bytes,
            payload_bytes: image.payload_bytes,
            text_bytes: record.vmlinux.text_bytes,
            user_bytes: image.ramdisk_bytes + image.root_bytes.unwrap_or_default(),
            total_bytes: image.total_bytes,
            used_kib: record.ram.used_kib,
            instructions: record.boot.instructions,
        }
    }

    /// The figure of a goal, where it was measured.
    pub fn of_goal(&self, goal: MatrixGoal) -> Option<u64> {
        match goal {
            MatrixGoal::Total => Some(self.total_bytes),
            MatrixGoal::Kernel => Some(self.kernel_bytes),
            MatrixGoal::Ram => self.used_kib,
            MatrixGoal::Instructions => self.instructions,
        }
    }
}

impl MatrixCell {
    /// Whether it did all that it should.
    pub fn passed(&self) -> bool {
        self.ended == PASSED
    }

    /// Its values in one line: `toolchain=gcc-11 optimise=2`, in the order of the
    /// axes.
    pub fn name(&self, axes: &[MatrixAxis]) -> String {
        let value = |axis: &MatrixAxis| {
            let value = self.settings.get(&axis.name)?;
            Some(format!("{}={value}", axis.name))
        };
        let words: Vec<String> = axes.iter().filter_map(value).collect();
        if words.is_empty() {
            "as it stands".to_owned()
        } else {
            words.join(" ")
        }
    }

    /// Its figure of a goal, where it passed.
    pub fn score(&self, goal: MatrixGoal) -> Option<u64> {
        let figures = self.figures.as_ref().filter(|_| self.passed())?;
        figures.of_goal(goal)
    }
}

impl Matrix {
    /// The cell that passed and has the least of the goal; the first of equals.
    pub fn best(&self) -> Option<&MatrixCell> {
        let scored = self.cells.iter().filter_map(|cell| {
            let score = cell.score(self.goal)?;
            Some((score, cell))
        });
        scored.min_by_key(|(score, _)| *score).map(|(_, cell)| cell)
    }

    /// Pairs of values of different axes, the best first by what each gave alone
    /// beside the recipe as it stands. A value that changed nothing, or that did
    /// not pass, is in none.
    pub fn promising_pairs(&self) -> Vec<[(String, String); 2]> {
        let Some(base) = self.cells.first().and_then(|cell| cell.score(self.goal)) else {
            return Vec::new();
        };
        let single = |cell: &MatrixCell| {
            let mut settings = cell.settings.iter();
            let (axis, value) = settings.next().filter(|_| cell.settings.len() == 1)?;
            let gain = i128::from(cell.score(self.goal)?) - i128::from(base);
            (gain != 0).then(|| (axis.clone(), value.clone(), gain))
        };
        let singles: Vec<_> = self.cells.iter().filter_map(single).collect();
        let mut pairs = Vec::new();
        for (at, (axis, value, gain)) in singles.iter().enumerate() {
            for (other, with, more) in &singles[at + 1..] {
                if axis != other {
                    let one = (axis.clone(), value.clone());
                    pairs.push((gain + more, [one, (other.clone(), with.clone())]));
                }
            }
        }
        pairs.sort_by_key(|(gain, _)| *gain);
        pairs.into_iter().map(|(_, pair)| pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(settings: &[(&str, &str)], total: Option<u64>) -> MatrixCell {
        let pair = |(axis, value): &(&str, &str)| ((*axis).to_owned(), (*value).to_owned());
        MatrixCell {
            settings: settings.iter().map(pair).collect(),
            id: Id::of_bytes(b""),
            ended: total.map_or("does not compile", |_| PASSED).to_owned(),
            reason: None,
            folder: String::new(),
            figures: total.map(|total_bytes| CellFigures {
                kernel_bytes: 0,
                payload_bytes: None,
                text_bytes: 0,
                user_bytes: 0,
                total_bytes,
                used_kib: None,
                instructions: None,
            }),
        }
    }

    #[test]
    fn pairs_are_of_what_brought_something_alone() {
        let matrix = Matrix {
            schema: SCHEMA.to_owned(),
            recipe: "pc".to_owned(),
            goal: MatrixGoal::Total,
            axes: Vec::new(),
            cells: vec![
                cell(&[], Some(100)),
                cell(&[("toolchain", "gcc-11")], Some(98)),
                cell(&[("toolchain", "gcc-12")], Some(100)),
                cell(&[("toolchain", "llvm-14")], None),
                cell(&[("optimise", "2")], Some(120)),
                cell(&[("optimise", "z")], Some(95)),
                cell(&[("compress", "cm")], Some(80)),
            ],
        };
        let told: Vec<String> = matrix
            .promising_pairs()
            .iter()
            .map(|[(_, one), (_, other)]| format!("{one} {other}"))
            .collect();
        assert_eq!(told, ["z cm", "gcc-11 cm", "gcc-11 z", "2 cm", "gcc-11 2"]);
        let best = matrix.best().expect("one passed");
        assert_eq!(best.settings["compress"], "cm");
    }

    #[test]
    fn a_recipe_that_does_not_pass_as_it_stands_has_no_pairs() {
        let matrix = Matrix {
            schema: SCHEMA.to_owned(),
            recipe: "pc".to_owned(),
            goal: MatrixGoal::Total,
            axes: Vec::new(),
            cells: vec![cell(&[], None), cell(&[("optimise", "z")], Some(95))],
        };
        assert!(matrix.promising_pairs().is_empty());
        assert_eq!(matrix.best().map(|cell| cell.settings.len()), Some(1));
    }
}
