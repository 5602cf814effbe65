//! How deep the kernel stacks of a system's tasks get: each boot's machine is
//! looked into after its last check, and whether half a stack would do.

use std::collections::BTreeMap;
use std::fs;

use builder::System;
use host::session::{Cached, Session};
use host::units::Bytes;
use measure::system_map::SystemMap;
use recipe::Plan;
use record::Outcome;
use schemars::JsonSchema;
use serde::Serialize;
use vm::boot::{self, Observation};
use vm::machine::inspect::InspectWish;
use vm::machine::stacks::{StackMark, StackWish};

use crate::check::{self, CheckOptions};
use crate::error::{Error, Result};

/// The format of what comes out.
pub const SCHEMA: &str = "tuxling.ram.stacks/1";

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stacks {
    /// The format.
    pub schema: String,
    /// The recipe.
    pub recipe: String,
    /// How many boots passed.
    pub boots: usize,
    /// Bytes of each stack.
    pub stack_bytes: u64,
    /// The most tasks that a boot ended with.
    pub tasks: usize,
    /// The deepest mark of all.
    pub deepest_bytes: u64,
    /// Whether half of a stack would do, with a quarter of that half to spare.
    pub half_does: bool,
    /// How deep each task's stack has been, the deepest first.
    pub marks: Vec<TaskMark>,
}

/// The deepest that the stack of a task of this name has been in any boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TaskMark {
    /// The name.
    pub task: String,
    /// Bytes.
    pub used_bytes: u64,
}

/// Boots the system so often, and looks at its stacks each time.
///
/// # Errors
/// When a boot doesn't pass, when the tasks can't be found, or this machine is
/// at fault.
pub fn measure(plan: &Plan, system: &System, boots: usize, session: &Session) -> Result<Stacks> {
    if plan.machine.console.is_some() {
        return Err(Error::NoStacks(NO_QEMU));
    }
    let options = CheckOptions::default();
    let path = system.output.join("System.map");
    let symbols = fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?;
    let word = plan.board.arch.facts().bits as usize / 8;
    let wish = wish(&SystemMap::parse(&symbols), word).ok_or(Error::NoStacks(NO_SYMBOLS))?;
    let bench = check::bench(plan, system, &options, session)?;
    let mut request = check::request(plan, system, &bench, &options);
    request.inspect = Some(InspectWish {
        stacks: Some(wish),
        ..InspectWish::default()
    });
    request.dir = system.output.join("stacks");
    let seen = session.phase("stacks", || {
        let mut seen = Vec::new();
        for done in 0..boots {
            crate::tell_boots(session, done, boots, "boots");
            let observation = Observation::default();
            let report = boot::observed(&session.processes, &request, &observation, &mut |_| {})?;
            if report.outcome != Outcome::Passed {
                return Err(Error::DoesNotPass(report.reason));
            }
            let looked = report.inspection.and_then(|looked| looked.stacks);
            seen.push(looked.ok_or(Error::NoStacks(NO_TASKS))?);
        }
        Ok::<_, Error>(Cached::fresh(seen))
    })?;
    Ok(summed(&plan.name, wish.size, &seen))
}

/// Why those of a board can't be looked at.
const NO_QEMU: &str =
    "nobody looks into a board's memory; without `console` in [machine] it is QEMU";

/// Why the stacks of a kernel can't be looked at.
const NO_SYMBOLS: &str = "System.map names no init_task, no init_stack or no end of it";

/// Why those of a machine that has stopped can't.
const NO_TASKS: &str = "its tasks were not found in the memory of the machine that had stopped";

/// Where the first task stands (`INIT_TASK_DATA` in
/// include/asm-generic/vmlinux.lds.h; the names of its ends changed in 6.10).
fn wish(symbols: &SystemMap, word: usize) -> Option<StackWish> {
    let ends = [
        ("__start_init_stack", "__end_init_stack"),
        ("__start_init_task", "__end_init_task"),
    ];
    Some(StackWish {
        init_task: symbols.address("init_task")?,
        init_stack: symbols.address("init_stack")?,
        size: Bytes(
            ends.into_iter()
                .find_map(|(start, end)| symbols.span(start, end))?,
        ),
        word,
    })
}

fn summed(recipe: &str, size: Bytes, seen: &[Vec<StackMark>]) -> Stacks {
    let mut deepest: BTreeMap<&str, u64> = BTreeMap::new();
    for mark in seen.iter().flatten() {
        let used = deepest.entry(&mark.task).or_default();
        *used = mark.used.0.max(*used);
    }
    let mut marks: Vec<TaskMark> = deepest
        .into_iter()
        .map(|(task, used_bytes)| TaskMark {
            task: task.to_owned(),
            used_bytes,
        })
        .collect();
    marks.sort_by_key(|mark| std::cmp::Reverse(mark.used_bytes));
    let deepest_bytes = marks.first().map_or(0, |mark| mark.used_bytes);
    Stacks {
        schema: SCHEMA.to_owned(),
        recipe: recipe.to_owned(),
        boots: seen.len(),
        stack_bytes: size.0,
        tasks: seen.iter().map(Vec::len).max().unwrap_or(0),
        deepest_bytes,
        half_does: !marks.is_empty() && deepest_bytes <= size.0 / 2 / 4 * 3,
        marks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(task: &str, used: u64) -> StackMark {
        StackMark {
            task: task.to_owned(),
            used: Bytes(used),
        }
    }

    #[test]
    fn the_deepest_of_all_boots_counts_and_half_needs_room_to_spare() {
        let boots = [
            vec![mark("swapper", 1000), mark("init", 3072)],
            vec![mark("swapper", 1200), mark("sh", 40), mark("init", 900)],
        ];
        let found = summed("x", Bytes(8192), &boots);
        assert_eq!(
            (found.boots, found.tasks, found.deepest_bytes),
            (2, 3, 3072)
        );
        assert!(found.half_does);
        let told: Vec<_> = found.marks.iter().map(|m| m.task.as_str()).collect();
        assert_eq!(told, ["init", "swapper", "sh"]);
        let deeper = [vec![mark("init", 3076)]];
        assert!(!summed("x", Bytes(8192), &deeper).half_does);
        assert!(!summed("x", Bytes(8192), &[]).half_does, "nothing was seen");
    }

    #[test]
    fn the_ends_of_the_first_stack_have_two_names() {
        let of = |start: &str, end: &str| {
            let map = format!(
                "c0001000 D {start}\nc0001000 D init_stack\nc0003000 D {end}\nc0004000 D init_task\n"
            );
            wish(&SystemMap::parse(&map), 4)
        };
        for (start, end) in [
            ("__start_init_stack", "__end_init_stack"),
            ("__start_init_task", "__end_init_task"),
        ] {
            let found = of(start, end).expect("a first task");
            assert_eq!(
                (found.size.0, found.init_stack, found.init_task),
                (8192, 0xc000_1000, 0xc000_4000)
            );
        }
        assert_eq!(of("start", "end"), None);
    }
}
