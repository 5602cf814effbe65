//! What the identities of traces and of pruned kernels are made of.
//!
//! They are written as lists in lists, without the names: so those of traces were
//! from the first on, and what is in caches keeps its identity.

use host::Id;
use recipe::Board;
use recipe::plan::{CheckPlan, ExercisePlan, MachinePlan, NetworkPlan, OnTrap};
use serde::{Serialize, Serializer};

use crate::trace::Coverage;

/// A trace: the kernel, and all that makes it run.
pub(crate) struct CoverageKey<'a> {
    pub(crate) kernel: &'a Id,
    pub(crate) checks: &'a [CheckPlan],
    pub(crate) exercises: &'a [ExercisePlan],
    pub(crate) machine: &'a MachinePlan,
    pub(crate) network: &'a NetworkPlan,
    pub(crate) board: &'a Board,
    pub(crate) qemu_version: &'a str,
    /// The source of the checks' agent.
    pub(crate) agent: &'static str,
    /// How many boots it has at most.
    pub(crate) runs: usize,
}

impl Serialize for CoverageKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (
            self.kernel,
            (self.checks, self.exercises),
            (self.machine, self.network, self.board),
            (self.qemu_version, self.agent, self.runs),
        )
            .serialize(to)
    }
}

/// A trace under adversity.
pub(crate) struct AdverseCoverageKey<'a> {
    pub(crate) kernel: &'a Id,
    /// What is known to run without.
    pub(crate) coverage: &'a Coverage,
    /// The names of the cases.
    pub(crate) cases: Vec<&'a str>,
    pub(crate) flood: u64,
    pub(crate) seed: u64,
    /// The source of the program that provokes.
    pub(crate) adversary: &'static str,
}

impl Serialize for AdverseCoverageKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let how = (self.flood, self.seed);
        (
            self.kernel,
            (self.coverage, &self.cases, how, self.adversary),
        )
            .serialize(to)
    }
}

/// A pruned kernel; functions stand for themselves by their places in it.
pub(crate) struct PrunedKey<'a> {
    /// The kernel before.
    pub(crate) whole: &'a Id,
    /// Parts that go of functions that stay.
    pub(crate) gaps: Vec<(u32, String)>,
    pub(crate) level: &'static str,
    /// What stays.
    pub(crate) roots: Vec<u32>,
    /// What goes whatever says that it stays.
    pub(crate) dropped: Vec<u32>,
    /// What is closed to system calls.
    pub(crate) closed: Vec<u32>,
    /// Whether the console says what was missed.
    pub(crate) names: bool,
    /// What the machine does that was stopped.
    pub(crate) on_trap: OnTrap,
    /// The parameters that are read.
    pub(crate) command_line: String,
}

impl Serialize for PrunedKey<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let told = (self.names, self.on_trap.words(), &self.command_line);
        let base = (self.whole, &self.gaps, told);
        (base, self.level, &self.roots, &self.dropped, &self.closed).serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_lists() {
        let whole = Id::of_bytes(b"kernel");
        let key = PrunedKey {
            whole: &whole,
            gaps: vec![(7, "0-8".to_owned())],
            level: "tight",
            roots: vec![1, 2],
            dropped: Vec::new(),
            closed: vec![3],
            names: false,
            on_trap: OnTrap::Halt,
            command_line: "quiet".to_owned(),
        };
        let lists = (
            (&whole, vec![(7, "0-8")], (false, "halt", "quiet")),
            "tight",
            vec![1, 2],
            Vec::<u32>::new(),
            vec![3],
        );
        let id = |key: Result<Id, _>| key.map_err(|e: serde_json::Error| e.to_string());
        assert_eq!(id(Id::of("pruned/4", &key)), id(Id::of("pruned/4", &lists)));
    }
}
