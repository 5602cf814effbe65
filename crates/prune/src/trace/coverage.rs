//! Coverage: which functions ran, in which boots, and what is probably missing.

use std::collections::BTreeSet;

use record::Outcome;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::Condition;
use super::estimate::Missing;
use super::ranges::Ranges;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.coverage/2";

/// What ran of a kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Always `tuxling.coverage/2`.
    pub schema: String,
    /// The recipe's name.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// QEMU's version.
    pub qemu_version: String,
    /// All functions of the kernel.
    pub all_functions: u64,
    /// Their bytes.
    pub all_bytes: u64,
    /// The bytes of those that ran.
    pub covered_bytes: u64,
    /// The bytes of the instructions that ran.
    pub executed_bytes: u64,
    /// What is expected to be missing still.
    pub missing: Missing,
    /// The boots, in order.
    pub runs: Vec<Run>,
    /// The functions that ran.
    pub functions: Vec<Covered>,
}

/// One boot of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Under which condition.
    pub condition: Condition,
    /// How it ended. Only what passed counts.
    pub outcome: Outcome,
    /// How many functions ran.
    pub functions: u64,
    /// How many of them had not run before.
    pub added: u64,
    /// Bytes of instructions that had not run before.
    pub added_bytes: u64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// One function that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Covered {
    /// Its object: `kernel/fork.o`.
    pub object: String,
    /// Its symbol.
    pub symbol: String,
    /// Which of the object's functions of that name it is, from 0.
    pub ordinal: u32,
    /// Its size.
    pub bytes: u64,
    /// How many boots have seen it.
    pub runs: u32,
    /// The instructions of it that ran, as offsets.
    pub ran: Ranges,
    /// How many boots have seen exactly these run. Fewer than passed: what runs
    /// of it differs from boot to boot.
    pub alike: u32,
}

impl Coverage {
    /// How many boots passed, and so counted.
    pub fn passed_boots(&self) -> u32 {
        let passed = self.runs.iter().filter(|r| r.outcome == Outcome::Passed);
        passed.count() as u32
    }

    /// The conditions under which the whole kernel passed.
    pub fn passed(&self) -> Vec<Condition> {
        let mut passed = Vec::new();
        for run in self.runs.iter().filter(|r| r.outcome == Outcome::Passed) {
            if !passed.contains(&run.condition) {
                passed.push(run.condition.clone());
            }
        }
        passed
    }
}

/// Names of functions from outside: one a line, as in a running kernel's
/// `available_filter_functions` or the function tracer's output
/// (Documentation/trace/ftrace.rst). The first word of a line that can be a
/// function's name counts; a module's name in brackets, a task, a processor and
/// times before it don't.
pub fn outside_names(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| {
            // "task-12 [000] .... 1.23: function <-caller", or the name alone.
            let line = match line.split_once(": ") {
                Some((_, rest)) => rest,
                None => line,
            };
            let word = line.split([' ', '\t', '(', '<']).find(|w| !w.is_empty())?;
            is_name(word).then(|| word.to_owned())
        })
        .collect()
}

fn is_name(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_function_list_and_a_function_trace_are_read() {
        let text = "# tracer: function\n#\nschedule\nnf_hook [nf]\n\
                    sh-71  [000] d...1 12.345678: __do_softirq <-irq_exit\n   7)  x\n\n";
        let names: Vec<String> = outside_names(text).into_iter().collect();
        assert_eq!(names, ["__do_softirq", "nf_hook", "schedule"]);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_a_name(text in "\\PC{0,200}(\n\\PC{0,40}){0,5}") {
            for name in outside_names(&text) {
                prop_assert!(is_name(&name));
            }
        }
    }
}
