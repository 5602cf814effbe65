//! Which functions stay at which level, and why.

use std::collections::{BTreeMap, BTreeSet};

use recipe::Plan;
use recipe::pci::PciDevice;
use recipe::plan::PruneLevel;
use record::Fix;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm::check::agent;
use vmlinux::prune::{FunctionId, FunctionIndex, Graph, Missed, Parts, Program, Verdict, Wish};

use super::calls::Entries;
use super::rules::{self, Pattern, Rule};
use super::subject::{CallGraph, Subject};
use super::timing::{KernelCalls, may_come};
use crate::trace::Coverage;
use crate::trace::adverse_coverage::{AdverseCoverage, NeededBy};

/// Why a function is a root of what stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It ran in a trace.
    Ran,
    /// It ran in no ordinary boot, but in this case of adversity.
    Survives(String),
    /// A list of functions from outside names it.
    RanElsewhere,
    /// A rule of the level, by its name.
    Rule(String),
    /// It is called by name from something that a rule keeps, or a callback that
    /// is handed over there.
    Called(String),
    /// A pattern of the user's.
    Asked,
    /// This attempt ran into its trap.
    Trapped(u32),
    /// An earlier pruning of this series of kernels had to put it back; where it
    /// was missed.
    Remembered(String),
}

impl Reason {
    /// What kind of reason it is, for sums.
    pub fn words(&self) -> String {
        match self {
            Reason::Ran => "it ran".to_owned(),
            Reason::Survives(case) => format!("case {case}"),
            Reason::RanElsewhere => "it ran elsewhere".to_owned(),
            Reason::Rule(rule) | Reason::Called(rule) => format!("rule {rule}"),
            Reason::Asked => "it was asked for".to_owned(),
            Reason::Trapped(_) => "a boot missed it".to_owned(),
            Reason::Remembered(_) => "an earlier pruning missed it".to_owned(),
        }
    }
}

/// Functions by object, name and ordinal.
type ById<'a> = BTreeMap<(&'a str, &'a str, u32), FunctionIndex>;

/// What a level decides from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The kernel.
    pub program: &'a Program,
    /// Who calls whom.
    pub graph: &'a Graph,
    /// Whether there may be several CPUs.
    pub several_cpus: bool,
    /// Which functions system calls come in by.
    pub entries: &'a Entries,
    /// What ran.
    pub coverage: &'a Coverage,
    /// What ran under adversity, at the levels that have to survive it.
    pub adverse: Option<&'a AdverseCoverage>,
    /// The objects that drive the recipe's network card.
    pub card: &'a BTreeSet<String>,
    /// Names of functions that ran elsewhere.
    pub outside: &'a BTreeSet<String>,
    /// What earlier prunings had to put back.
    pub fixes: &'a [Fix],
    /// Whether functions stay or go as a whole at every level.
    pub whole_functions: bool,
    /// Whether the console says what was missed.
    pub names: bool,
    /// The user's patterns of what stays.
    pub keep: &'a [Pattern],
    /// The user's patterns of what goes, whatever else says that it stays.
    pub drop: &'a [Pattern],
}

impl Facts<'_> {
    /// What timing chooses from: the names of the rules, and what they name. A
    /// card asks for a busy host's attention whenever it likes.
    fn chosen_by_timing(&self) -> Vec<(&'static str, BTreeSet<FunctionIndex>)> {
        let mut rules = vec![&rules::TIMING];
        if self.several_cpus {
            rules.extend([&rules::CPUS, &rules::RACES]);
        }
        let mut chosen: Vec<_> = rules
            .into_iter()
            .map(|rule| {
                let patterns = rule.patterns();
                (
                    rule.name,
                    self.named(|id| patterns.fits(&id.object, &id.symbol)),
                )
            })
            .collect();
        chosen.push((
            rules::LINKS,
            self.named(|id| self.card.contains(&id.object)),
        ));
        chosen
    }

    /// The functions that something names.
    fn named(&self, fits: impl Fn(&FunctionId) -> bool) -> BTreeSet<FunctionIndex> {
        let functions = self.program.functions().iter().enumerate();
        let named = functions.filter(|(_, function)| fits(&function.id));
        named
            .map(|(index, _)| FunctionIndex(index as u32))
            .collect()
    }
}

/// What stays, and why: the first reason that was found.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The roots.
    pub roots: BTreeMap<FunctionIndex, Reason>,
    /// What the user's patterns take away.
    pub dropped: BTreeSet<FunctionIndex>,
    /// Entries of system calls that nobody can make.
    pub closed: BTreeSet<FunctionIndex>,
    /// What answers in their place.
    pub not_there: Option<FunctionIndex>,
    /// Parts that go of functions that stay.
    pub gaps: Parts,
    /// Whether the console says what was missed.
    pub names: bool,
    /// The PCI devices of the machine, where quirks of others go.
    pub pci: Option<Vec<PciDevice>>,
}

/// The PCI devices of a plan's machine, where its board says all of them.
pub(crate) fn pci_devices(plan: &Plan) -> Option<Vec<PciDevice>> {
    let root = plan.root.as_ref();
    // A controller that is plugged in with the disk is none of the board's.
    if root.is_some_and(|root| root.drive.device.contains("-pci")) {
        return None;
    }
    plan.board.pci_devices(plan.network.nic.as_deref())
}

/// The devices as the engine compares quirks with them.
fn quirky(devices: &[PciDevice]) -> Vec<vmlinux::prune::PciDevice> {
    let one = |device: &PciDevice| vmlinux::prune::PciDevice {
        vendor: device.vendor,
        device: device.device,
        class: device.class,
    };
    devices.iter().map(one).collect()
}

/// A program's functions by their names.
fn by_id(program: &Program) -> ById<'_> {
    let mut by_id = ById::new();
    for (index, function) in program.functions().iter().enumerate() {
        let FunctionId {
            object,
            symbol,
            ordinal,
        } = &function.id;
        by_id.insert((object, symbol, *ordinal), FunctionIndex(index as u32));
    }
    by_id
}

impl Kept {
    /// What a level keeps before anything was tried.
    pub fn of(level: PruneLevel, facts: &Facts<'_>) -> Kept {
        let mut kept = Kept {
            names: facts.names,
            ..Kept::default()
        };
        if level == PruneLevel::Safe {
            // What is left refers to all that it may need: nothing stays
            // because it ran.
            kept.add_named(facts);
            kept.close(facts.entries);
            return kept;
        }
        let by_id = by_id(facts.program);
        let mut ran = kept.add_what_ran(facts, &by_id);
        kept.add_named(facts);
        kept.add_remembered(facts.fixes, &by_id, &mut ran);
        if level == PruneLevel::Tight && !facts.whole_functions {
            kept.add_gaps(ran, facts);
        }
        kept.close(facts.entries);
        if level == PruneLevel::Tight {
            for (rule, chosen) in facts.chosen_by_timing() {
                kept.add_timing(rule, &chosen, facts);
            }
            kept.add_locks(facts);
        }
        if level != PruneLevel::Tight {
            let callable = facts.entries.callable.iter().copied().collect();
            kept.add_rule(rules::SYSTEM_CALLS, callable, facts);
            let cpus = facts.several_cpus.then_some(&rules::CPUS);
            for rule in rules::RULES.iter().chain(cpus) {
                let named = kept.named_by(rule, facts);
                kept.add_rule(rule.name, named, facts);
            }
            kept.add_tables(facts);
        }
        kept
    }

    /// Tables that are in use stay whole: whoever has come to one of a table's
    /// functions can come to the others.
    fn add_tables(&mut self, facts: &Facts<'_>) {
        let ran = self.roots.iter().filter(|(_, reason)| {
            matches!(
                reason,
                Reason::Ran | Reason::RanElsewhere | Reason::Survives(_)
            )
        });
        let beside = ran.flat_map(|(index, _)| facts.graph.beside_in_tables(*index));
        let beside = beside
            .filter(|index| !self.closed.contains(index))
            .collect();
        self.add_rule(rules::TABLES, beside, facts);
    }

    /// What ran stays. Gives the parts of functions of which no boot and no case
    /// ran more.
    fn add_what_ran(&mut self, facts: &Facts<'_>, by_id: &ById<'_>) -> Parts {
        let mut ran = Parts::new();
        let boots = facts.coverage.passed_boots();
        for covered in &facts.coverage.functions {
            let (object, symbol) = (covered.object.as_str(), covered.symbol.as_str());
            if let Some(index) = by_id.get(&(object, symbol, covered.ordinal)) {
                self.add(*index, Reason::Ran);
                // Where boots differ, the next one may as well.
                if covered.alike == boots {
                    ran.insert(*index, covered.ran.to_vec());
                }
            }
        }
        let index_of = |needed: &NeededBy| {
            let (object, symbol) = (needed.object.as_str(), needed.symbol.as_str());
            by_id.get(&(object, symbol, needed.ordinal)).copied()
        };
        for needed in facts.adverse.iter().flat_map(|h| &h.functions) {
            if let Some(index) = index_of(needed) {
                self.add(index, Reason::Survives(needed.case.clone()));
            }
        }
        for index in facts
            .adverse
            .iter()
            .flat_map(|h| &h.more)
            .filter_map(index_of)
        {
            ran.remove(&index);
        }
        ran
    }

    /// What earlier prunings had to put back stays, whole.
    fn add_remembered(&mut self, fixes: &[Fix], by_id: &ById<'_>, ran: &mut Parts) {
        for fix in fixes {
            let name = (fix.object.as_str(), fix.symbol.as_str());
            // An object may have several functions of a name: any of them may
            // have been it.
            let same = by_id
                .range((name.0, name.1, 0)..)
                .take_while(|((object, symbol, _), _)| (*object, *symbol) == name);
            for (_, index) in same {
                ran.remove(index);
                self.add(*index, Reason::Remembered(fix.missed_in.clone()));
            }
        }
    }

    /// Nobody makes these calls; but what is known to be needed all the same
    /// stays.
    fn close(&mut self, entries: &Entries) {
        let Some(not_there) = entries.not_there else {
            return;
        };
        let needed = |f: &&FunctionIndex| !self.roots.contains_key(f);
        self.closed = entries.closed.iter().filter(needed).copied().collect();
        if self.closed.is_empty() {
            return;
        }
        self.not_there = Some(not_there);
        self.add(not_there, Reason::Rule(rules::SYSTEM_CALLS.to_owned()));
    }

    fn add(&mut self, index: FunctionIndex, reason: Reason) {
        self.roots.entry(index).or_insert(reason);
    }

    /// What lists and patterns name.
    fn add_named(&mut self, facts: &Facts<'_>) {
        for (index, function) in facts.program.functions().iter().enumerate() {
            let index = FunctionIndex(index as u32);
            let names = || std::iter::once(&function.id.symbol).chain(&function.aliases);
            if names().any(|name| facts.outside.contains(name)) {
                self.add(index, Reason::RanElsewhere);
            }
            let fits = |patterns: &[Pattern]| {
                let object = &function.id.object;
                patterns
                    .iter()
                    .any(|p| names().any(|name| p.fits(object, name)))
            };
            if fits(facts.keep) {
                self.add(index, Reason::Asked);
            }
            if fits(facts.drop) {
                self.dropped.insert(index);
            }
        }
    }

    /// What never ran of functions that did. A function that somebody names, that
    /// ran elsewhere, or whose parts timing chooses from, stays whole.
    fn add_gaps(&mut self, mut ran: Parts, facts: &Facts<'_>) {
        let chosen = facts.chosen_by_timing();
        let locks = rules::LOCKS.patterns();
        ran.retain(|index, _| {
            let Some(function) = facts.program.functions().get(index.0 as usize) else {
                return false;
            };
            let names = || std::iter::once(&function.id.symbol).chain(&function.aliases);
            let object = &function.id.object;
            let by_chance = chosen.iter().any(|(_, chosen)| chosen.contains(index))
                || locks.fits(object, &function.id.symbol);
            !by_chance
                && !names().any(|name| {
                    facts.outside.contains(name) || facts.keep.iter().any(|p| p.fits(object, name))
                })
        });
        self.gaps = facts.program.gaps(&ran);
    }

    /// What chance alone decides about, among those that timing chooses from.
    fn add_timing(&mut self, rule: &str, chosen: &BTreeSet<FunctionIndex>, facts: &Facts<'_>) {
        let chosen: BTreeSet<_> = chosen.difference(&self.closed).copied().collect();
        let stays = self.roots.keys().filter(|f| chosen.contains(f));
        let stays = stays.copied().collect();
        let calls = KernelCalls {
            program: facts.program,
            graph: facts.graph,
        };
        for index in may_come(&stays, &chosen, &calls) {
            self.add(index, Reason::Called(rule.to_owned()));
        }
    }

    /// What tasks run when they find a lock taken, wherever something that stays
    /// takes one.
    fn add_locks(&mut self, facts: &Facts<'_>) {
        let locks = rules::LOCKS.patterns();
        let fits = |index: &FunctionIndex| {
            let function = facts.program.functions().get(index.0 as usize);
            function.is_some_and(|f| locks.fits(&f.id.object, &f.id.symbol))
        };
        let mut open: Vec<FunctionIndex> = self.roots.keys().copied().collect();
        while let Some(function) = open.pop() {
            let called = facts.graph.direct_callees(function).iter();
            let found: Vec<FunctionIndex> = called
                .filter(|f| fits(f) && !self.roots.contains_key(f) && !self.closed.contains(f))
                .copied()
                .collect();
            for index in found {
                self.add(index, Reason::Called(rules::LOCKS.name.to_owned()));
                open.push(index);
            }
        }
    }

    /// What a rule names.
    fn named_by(&self, rule: &Rule, facts: &Facts<'_>) -> BTreeSet<FunctionIndex> {
        let patterns = rule.patterns();
        let drives = |object: &String| rule.name == rules::LINKS && facts.card.contains(object);
        let mut named =
            facts.named(|id| drives(&id.object) || patterns.fits(&id.object, &id.symbol));
        named.retain(|f| !self.closed.contains(f));
        named
    }

    /// Keeps what a rule names, with all that is called from there by name, and
    /// the callbacks that are handed over there.
    fn add_rule(&mut self, rule: &str, named: BTreeSet<FunctionIndex>, facts: &Facts<'_>) {
        let called = facts.graph.named_closure(named.iter().copied());
        for index in named {
            self.add(index, Reason::Rule(rule.to_owned()));
        }
        for index in called {
            self.add(index, Reason::Called(rule.to_owned()));
        }
    }

    /// Adds what a boot has missed, and what that calls by name: at `tight`
    /// only in the same object, where the rest of a slow path stands; at the
    /// levels that promise more than what ran, wherever it is. A function of
    /// which a part was missed stays whole from then on. Gives what is new.
    pub fn put_back(
        &mut self,
        level: PruneLevel,
        missed: Missed,
        attempt: u32,
        kernel: CallGraph<'_>,
    ) -> Vec<FunctionIndex> {
        let Missed { function, part, .. } = missed;
        let near = match part {
            // The path goes on in what it calls.
            Some((from, to)) => {
                let called = kernel.program.called_from(function, &(from..to));
                called.into_iter().collect()
            }
            None => near_callees(level, function, kernel),
        };
        if self.gaps.remove(&function).is_some() {
            self.roots.remove(&function);
        }
        let mut wanted: Vec<FunctionIndex> = std::iter::once(function).chain(near).collect();
        wanted.retain(|index| !self.roots.contains_key(index));
        for index in &wanted {
            self.add(*index, Reason::Trapped(attempt));
        }
        wanted
    }

    /// The wish that keeps this of a kernel that stops or loads, as its plan says.
    pub fn wish_of(&self, subject: &Subject<'_>, level: PruneLevel, plan: &Plan) -> Wish {
        let mut wish = self.wish(level, &subject.program, &command_line(plan));
        subject.put_aside(&mut wish, &self.closed);
        wish
    }

    /// The wish that keeps this and loads nothing.
    pub fn wish(&self, level: PruneLevel, program: &Program, command_line: &str) -> Wish {
        let other = match level {
            PruneLevel::Safe => Verdict::Allow,
            PruneLevel::Balanced | PruneLevel::Tight => Verdict::Trap,
        };
        let verdict = |index| {
            if self.dropped.contains(&index) || self.closed.contains(&index) {
                Verdict::Trap
            } else if self.roots.contains_key(&index) {
                Verdict::Keep
            } else {
                other
            }
        };
        let all = (0..program.functions().len() as u32).map(FunctionIndex);
        let closed = self
            .closed
            .iter()
            .filter_map(|f| Some((*f, self.not_there?)));
        Wish {
            verdicts: all.map(verdict).collect(),
            redirects: closed.collect(),
            gaps: self.gaps.clone(),
            // A call that misses its function says so by its own place.
            marks: true,
            direct: true,
            names: self.names,
            command_line: Some(command_line.to_owned()),
            pci_devices: self.pci.as_deref().map(quirky),
            ..Wish::default()
        }
    }
}

/// The parameters that a pruned kernel reads: the recipe's, the one that starts the
/// checks' agent, those that the machine adds, and those of its boot loaders: a
/// parameter that the traced kernel knew must not be an unknown one afterwards.
pub fn command_line(plan: &Plan) -> String {
    let own = agent::cmdline_with_agent(&plan.kernel.cmdline);
    let board = &plan.board;
    format!("{own} {} {}", board.machine_cmdline, board.loader_words())
}

/// What a function calls by name: at `tight` what stands in the same object,
/// the rest of a slow path.
fn near_callees(
    level: PruneLevel,
    function: FunctionIndex,
    kernel: CallGraph<'_>,
) -> Vec<FunctionIndex> {
    let object = |index: &FunctionIndex| {
        let function = kernel.program.functions().get(index.0 as usize);
        function.map(|f| f.id.object.as_str())
    };
    let callees = kernel.graph.direct_callees(function).iter().copied();
    let near =
        |callee: &FunctionIndex| level != PruneLevel::Tight || object(callee) == object(&function);
    callees.filter(near).collect()
}
