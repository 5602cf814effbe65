//! What a whole `.config` asks for and a configuration made of it doesn't have.

use rustc_hash::FxHashMap;

use crate::dotconfig::{Assignment, parse_assignments};
use crate::eval::Configuration;
use crate::merge::DropReason;
use crate::model::Kconfig;
use crate::user::UserValue;

/// How many names are suggested in place of one that is gone.
const MAX_HEIRS: usize = 2;

/// A line of a `.config` that a configuration made of it doesn't have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The line, from one.
    pub line: u32,
    /// The option's name without `CONFIG_`.
    pub name: String,
    /// What the line asks for, as the file has it.
    pub asked: String,
    /// What it came to; `None` for an option that this tree doesn't have.
    pub got: Option<String>,
    /// Whether a user could ask for it here, by a prompt of whatever
    /// condition; `None` for an option that this tree doesn't have.
    pub prompt: Option<bool>,
    /// What it lacks.
    pub reason: DropReason,
}

impl Configuration<'_> {
    /// The lines of a `.config` that don't hold in this configuration, in their
    /// order; of several for an option the last one counts. A line holds when
    /// the option has its value and is written; that an option be off holds
    /// also when nothing is said of it.
    #[must_use]
    pub fn lost(&self, dotconfig: &str) -> Vec<Lost> {
        let (assignments, _) = parse_assignments(dotconfig, self.tree.dialect());
        let mut last: FxHashMap<String, Assignment> = FxHashMap::default();
        for assignment in assignments {
            last.insert(assignment.name.clone(), assignment);
        }
        let mut last: Vec<Assignment> = last.into_values().collect();
        last.sort_by_key(|assignment| assignment.line);
        let lost = last.into_iter().filter_map(|one| self.lost_line(one));
        lost.collect()
    }

    fn lost_line(&self, assignment: Assignment) -> Option<Lost> {
        let Assignment { name, value, line } = assignment;
        let symbol = self.tree.find_defined(&name);
        let Some(symbol) = symbol else {
            // That an option be off holds where there is none.
            let nearest = self.tree.heirs(&name);
            return (value != "n").then_some(Lost {
                line,
                name,
                asked: value,
                got: None,
                prompt: None,
                reason: DropReason::UnknownOption { nearest },
            });
        };
        let reason = self.reason_if_dropped(symbol, &value).or_else(|| {
            let off = value == "n" || self.is_written(symbol);
            let request = crate::Request {
                symbol,
                value: Some(UserValue::Text(value.as_str().into())),
            };
            (!off).then(|| self.why_not(&request))
        })?;
        Some(Lost {
            line,
            name,
            asked: value,
            got: Some(self.value(symbol).to_owned()),
            prompt: Some(self.tree.symbol(symbol).prompts().next().is_some()),
            reason,
        })
    }
}

impl Kconfig {
    /// The names of options that may be what another one was renamed to: they
    /// end like it, as `MITIGATION_RETPOLINE` does like `RETPOLINE`.
    fn heirs(&self, name: &str) -> Vec<String> {
        let mut heirs: Vec<String> = self
            .defined_options()
            .filter(|(_, option)| option.prompts().next().is_some())
            .filter_map(|(_, option)| {
                let start = option.name.strip_suffix(name)?;
                start.ends_with('_').then(|| option.name.to_string())
            })
            .collect();
        heirs.sort();
        match heirs.len() {
            0..=MAX_HEIRS => heirs,
            _ => Vec::new(),
        }
    }
}
