//! The memory of fixes: what boots of pruned kernels had to put back is kept by
//! series of kernels, and the next pruning begins with it.

use std::collections::BTreeSet;

use host::cache::Cache;
use recipe::plan::PruneLevel;
use record::Fix;
use vmlinux::prune::{FunctionIndex, Program};

use crate::error::Result;

/// What is known of a series of kernels, and where a pruning adds to it.
#[derive(Debug)]
pub struct Memory {
    series: String,
    /// Who adds: recipe and level.
    by: String,
    known: Vec<Fix>,
}

impl Memory {
    /// Of the series of this version (`6.12.117`), for a pruning of this recipe:
    /// what the store has, and what it is taught. With
    /// `forgotten` nothing is known before; what is found out is kept all the same.
    pub fn of(
        version: &str,
        (recipe, level): (&str, PruneLevel),
        taught: impl IntoIterator<Item = Fix>,
        forgotten: bool,
        cache: &Cache,
    ) -> Result<Memory> {
        let series = series(version).to_owned();
        let mut known = Vec::new();
        if !forgotten {
            known = record::known_fixes(&series, cache)?;
            known.extend(taught);
            known.sort();
            known.dedup_by(|a, b| (&a.object, &a.symbol) == (&b.object, &b.symbol));
        }
        let by = format!("{recipe} at {}", level.word());
        Ok(Memory { series, by, known })
    }

    /// What earlier prunings had to put back.
    pub fn known(&self) -> &[Fix] {
        &self.known
    }

    /// What was known of functions that a kernel has, and what was found out.
    pub(crate) fn with(&self, program: &Program, new: Vec<Fix>) -> Vec<Fix> {
        let ids = program.functions().iter().map(|f| &f.id);
        let here: BTreeSet<(&str, &str)> = ids
            .map(|id| (id.object.as_str(), id.symbol.as_str()))
            .collect();
        let here = |fix: &&Fix| here.contains(&(fix.object.as_str(), fix.symbol.as_str()));
        self.known.iter().filter(here).cloned().chain(new).collect()
    }

    /// Keeps what a boot had to put back, at once: whoever ends tuxling loses
    /// nothing of it. `boot` says what the boot was about.
    pub fn add(
        &self,
        functions: &[FunctionIndex],
        program: &Program,
        boot: &str,
        cache: &Cache,
    ) -> Result<Vec<Fix>> {
        let fix = |index: &FunctionIndex| {
            let id = &program.functions().get(index.0 as usize)?.id;
            Some(Fix {
                object: id.object.clone(),
                symbol: id.symbol.clone(),
                missed_in: format!("{}, {boot}", self.by),
            })
        };
        let fixes: Vec<Fix> = functions.iter().filter_map(fix).collect();
        record::remember_fixes(&self.series, &fixes, cache)?;
        Ok(fixes)
    }
}

/// The series of a version: `6.12` of `6.12.117` and of `6.12-rc3`.
fn series(version: &str) -> &str {
    let is_part = |c: char| !(c.is_ascii_digit() || c == '.');
    let numbers = version.split(is_part).next().unwrap_or(version);
    let mut dots = numbers.match_indices('.').map(|(at, _)| at);
    match dots.nth(1) {
        Some(second) => &numbers[..second],
        None => numbers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_what_two_numbers_say() {
        for (version, of) in [
            ("6.12.117", "6.12"),
            ("6.12", "6.12"),
            ("6.12-rc3", "6.12"),
            ("6.1.192-tiny", "6.1"),
            ("7", "7"),
            ("", ""),
        ] {
            assert_eq!(series(version), of, "{version}");
        }
    }
}
