//! The evidence that comes with a pruned system.
//!
//! It holds whatever is needed to make the same bytes again from the lock file
//! alone, and under which conditions the system was seen to work. It is
//! evidence, no proof: it says nothing of other hardware.

use std::collections::{BTreeMap, BTreeSet};

use host::Id;
use host::units::Bytes;
use recipe::pci::PciDevice;
use recipe::plan::{LoadPlan, OnTrap, PruneLevel};
use record::{Fix, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmlinux::prune::{Fate, FunctionIndex, Program, Pruned};

use super::calls::SystemCalls;
use super::loading::Loaded;
use super::policy::{Kept, Reason};
use super::repair::Attempt;
use crate::adversity::CaseRecord;
use crate::error::{Error, Result};
use crate::trace::conditions::Condition;
use crate::trace::estimate::Missing;
use crate::trace::ranges::Ranges;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.certificate/1";

/// What every certificate says of itself.
const MEANING: &str = "Evidence, not a proof: this system passed these checks in these boots \
under these conditions. On other hardware, or when something happens that no check and no \
boot has seen, code may be missing; then the machine stops and says which function.";

/// What those say whose kernels load what was pruned.
const MEANING_WHERE_LOADED: &str = "Evidence, not a proof: this system passed these checks in \
these boots under these conditions. When something happens that no check and no boot has seen, \
the code for it is loaded; when there is no room left for it, the machine stops and says for \
which function.";

/// The evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Certificate {
    /// Always `tuxling.certificate/1`.
    pub schema: String,
    /// What it is, and is not.
    pub meaning: String,
    /// The recipe's name.
    pub recipe: String,
    /// The board's name.
    pub board: String,
    /// The level: `safe`, `balanced`, `tight`.
    pub level: String,
    /// How long and how wide the proof is, in words: how many boots, how long the
    /// longest was, what was done in it.
    #[serde(default)]
    pub proof: String,
    /// Whether the console says the name of a function that was missed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub names: bool,
    /// The PCI devices of the machine, as [`PciDevice`] is written: the kernel has
    /// no quirks of others. Empty where it has all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pci: Vec<String>,
    /// What the machine does that was stopped, as a recipe says it; empty where it
    /// stands still.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_trap: String,
    /// What the evidence is bound to.
    pub bound: Bound,
    /// The functions that were kept on purpose, by object, with the reason.
    pub kept: BTreeMap<String, Vec<KeptFunction>>,
    /// Bytes of code of those functions, by the reason they are kept for: the
    /// price of each rule, of each case of adversity, of what ran. A function
    /// that several reasons ask for counts for the first.
    #[serde(default)]
    pub price: BTreeMap<String, u64>,
    /// Bytes of code that the rules of each level keep, by what was traced here,
    /// before boots put anything back: what another level would weigh, about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, u64>,
    /// What is loaded when something needs it, in place of a stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<Loaded>,
    /// Which system calls the programs can make, and which answer ENOSYS since
    /// none can.
    #[serde(default)]
    pub system_calls: SystemCalls,
    /// How many functions were taken away, and what that saved.
    pub removed: Removed,
    /// Every boot of the repair, in order. The last ones all passed.
    pub attempts: Vec<Attempt>,
    /// The boots that count: all that passed since the last link.
    pub passed: Passed,
    /// Every case of adversity, at the levels that have to survive it: how the
    /// very bytes took it, or why it was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adversity: Vec<CaseRecord>,
    /// What boots had to put back, of this pruning and of earlier ones that it
    /// began with: a pruning that is given this certificate begins with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
    /// What the trace is expected to have missed.
    pub missing: Missing,
}

/// What a certificate holds for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bound {
    /// The kernel before pruning: sources, patches, configuration, flags.
    pub build_id: Id,
    /// The bytes of the pruned kernel's image.
    pub kernel: Id,
    /// The bytes of the ramdisk.
    pub ramdisk: Option<Id>,
    /// The checks and exercises.
    pub checks: Id,
    /// QEMU's version.
    pub qemu_version: String,
    /// Version texts of the tools that produced bytes.
    pub toolchain: BTreeMap<String, String>,
    /// CPU models on which it passed; the board's own is `default`.
    pub cpu_models: Vec<String>,
    /// RAM sizes with which it passed, in KiB.
    pub memory_kib: Vec<u64>,
    /// Numbers of CPUs with which it passed; left out where the machine has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u32>,
    /// tuxling's version.
    pub tuxling: String,
}

/// A function that was kept on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptFunction {
    /// Its symbol.
    pub symbol: String,
    /// Which of the object's functions of that name it is, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ordinal: u32,
    /// Why.
    pub reason: Reason,
    /// Parts of it that never ran and went, as offsets.
    #[serde(default, skip_serializing_if = "Ranges::is_empty")]
    pub gaps: Ranges,
}

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// Functions that are gone, and nothing refers to them.
    pub gone: u64,
    /// Functions in whose place a trap stands.
    pub trapped: u64,
    /// Functions that stay because something that stays needs them.
    pub reached: u64,
    /// Functions that stay without the parts of them that never ran.
    #[serde(default)]
    pub in_part: u64,
    /// Those parts.
    #[serde(default)]
    pub gaps: u64,
    /// Their bytes: they are filled, and take their room in RAM still.
    #[serde(default)]
    pub gap_bytes: u64,
    /// Why functions were removed.
    pub reason: String,
    /// Bytes before and after, by kind.
    pub kinds: BTreeMap<String, (u64, u64)>,
    /// What user patterns took away.
    pub asked: Vec<String>,
}

/// The boots that count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Passed {
    /// How many passed, in a row, of the very bytes.
    pub boots: u64,
    /// How many of them with busy loops beside them.
    pub loaded: u64,
    /// How many of them on another RAM size, CPU model or date.
    pub elsewhere: u64,
    /// How many of them idled between their checks and the same checks again.
    #[serde(default)]
    pub idle: u64,
    /// How long the longest of those idled, in seconds of the guest's time.
    #[serde(default)]
    pub longest_idle_seconds: u32,
    /// How many of them had somebody at the console.
    #[serde(default)]
    pub console: u64,
}

impl Passed {
    /// What boots under these conditions show.
    fn in_a_row(boots: &[&Condition]) -> Passed {
        let count = |is: &dyn Fn(&Condition) -> bool| boots.iter().filter(|c| is(c)).count() as u64;
        Passed {
            boots: boots.len() as u64,
            loaded: count(&|c| c.loaded),
            elsewhere: count(&|c| {
                c.memory_kib.is_some() || c.cpu.is_some() || c.cpus.is_some() || c.date.is_some()
            }),
            idle: count(&|c| c.idle_seconds.is_some()),
            longest_idle_seconds: boots
                .iter()
                .filter_map(|c| c.idle_seconds)
                .max()
                .unwrap_or(0),
            console: count(&|c| c.console),
        }
    }

    /// How long and how wide the proof is, in words.
    pub fn words(&self) -> String {
        let mut words = vec![format!("{} boots in a row of these very bytes", self.boots)];
        if self.idle > 0 {
            words.push(format!(
                "in {} the system idled between its checks and the same checks once more, \
                 for {} s of its time in the longest",
                self.idle, self.longest_idle_seconds
            ));
        } else {
            words.push("none idled for longer than its checks took".to_owned());
        }
        words.push(match self.console {
            0 => "nobody worked at the console".to_owned(),
            console => format!("in {console} somebody worked at the console"),
        });
        words.join("; ")
    }
}

/// Fails when a kernel is not the one, or the tools not those, that a
/// certificate is bound to.
pub fn certified(
    certificate: &Certificate,
    build_id: &Id,
    here: &BTreeMap<String, String>,
) -> Result<()> {
    let bound = &certificate.bound;
    if *here != bound.toolchain {
        let all: BTreeSet<&String> = here.keys().chain(bound.toolchain.keys()).collect();
        let line = |tool: &String| {
            let of = |set: &BTreeMap<String, String>| {
                set.get(tool).map_or("(none)".to_owned(), Clone::clone)
            };
            let (was, is) = (of(&bound.toolchain), of(here));
            (was != is).then(|| format!("{tool}: certified with {was}, here is {is}"))
        };
        return Err(Error::OtherTools {
            differ: all.into_iter().filter_map(line).collect(),
        });
    }
    if *build_id != bound.build_id {
        return Err(Error::OtherKernel);
    }
    Ok(())
}

/// Adds the conditions of the boots that count.
fn widen(bound: &mut Bound, counted: &[&Condition]) {
    for condition in counted {
        let cpu = condition.cpu.as_deref().unwrap_or("default");
        bound.cpu_models.push(cpu.to_owned());
        bound.memory_kib.extend(condition.memory_kib);
        bound.cpus.extend(condition.cpus);
    }
    sort(&mut bound.cpu_models);
    sort(&mut bound.memory_kib);
    sort(&mut bound.cpus);
}

fn written_devices(devices: Option<&[PciDevice]>) -> Vec<String> {
    let devices = devices.unwrap_or_default();
    devices.iter().map(PciDevice::to_string).collect()
}

/// What a certificate is made of.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The recipe's and the board's name.
    pub names: (&'a str, &'a str),
    /// What the machine does that was stopped.
    pub on_trap: OnTrap,
    /// The level.
    pub level: PruneLevel,
    /// What it is bound to.
    pub bound: Bound,
    /// The kernel.
    pub program: &'a Program,
    /// What stays on purpose.
    pub kept: &'a Kept,
    /// What the engine says.
    pub pruned: &'a Pruned,
    /// Bytes of code that the rules of each level keep.
    pub levels: BTreeMap<String, u64>,
    /// What is loaded.
    pub loaded: Option<Loaded>,
    /// What the programs can call.
    pub calls: SystemCalls,
    /// All boots.
    pub attempts: Vec<Attempt>,
    /// The cases of adversity.
    pub cases: Vec<CaseRecord>,
    /// What boots had to put back.
    pub fixes: Vec<Fix>,
    /// What the trace is expected to have missed.
    pub missing: Missing,
}

impl Certificate {
    /// From all the evidence.
    pub fn new(evidence: Evidence<'_>) -> Certificate {
        let Evidence {
            names,
            on_trap,
            level,
            mut bound,
            program,
            kept,
            pruned,
            levels,
            loaded,
            mut calls,
            attempts,
            cases,
            fixes,
            missing,
        } = evidence;
        let closed = kept.closed.iter().filter_map(|f| written(program, *f));
        calls.closed = closed.collect();
        calls.not_there = kept.not_there.and_then(|f| written(program, f));
        let counted = counted(&attempts);
        widen(&mut bound, &counted);
        let passed = Passed::in_a_row(&counted);
        Certificate {
            schema: SCHEMA.to_owned(),
            meaning: loaded
                .as_ref()
                .map_or(MEANING, |_| MEANING_WHERE_LOADED)
                .to_owned(),
            recipe: names.0.to_owned(),
            board: names.1.to_owned(),
            level: level.word().to_owned(),
            proof: passed.words(),
            names: kept.names,
            pci: written_devices(kept.pci.as_deref()),
            on_trap: match on_trap {
                OnTrap::Halt => String::new(),
                other => other.words(),
            },
            bound,
            kept: kept_functions(program, kept),
            price: price(program, kept),
            levels,
            loaded,
            system_calls: calls,
            removed: removed(level, program, kept, pruned),
            attempts,
            passed,
            adversity: cases,
            fixes,
            missing,
        }
    }

    /// The PCI devices whose quirks the kernel has; `None` where it has all.
    fn pci_devices(&self) -> Option<Vec<PciDevice>> {
        let known = !self.pci.is_empty();
        known.then(|| {
            self.pci
                .iter()
                .filter_map(|d| PciDevice::parse(d))
                .collect()
        })
    }

    /// The wish that the certificate writes down: the same functions in a
    /// kernel that was compiled again. The names of those that it lacks are the
    /// error.
    pub fn kept_in(&self, program: &Program) -> Result<Kept, Vec<String>> {
        let mut all = BTreeMap::new();
        for (index, function) in program.functions().iter().enumerate() {
            let id = &function.id;
            all.insert(
                (id.object.as_str(), id.symbol.as_str(), id.ordinal),
                FunctionIndex(index as u32),
            );
        }
        let mut kept = Kept {
            names: self.names,
            pci: self.pci_devices(),
            ..Kept::default()
        };
        let mut lacking = Vec::new();
        for (object, functions) in &self.kept {
            for function in functions {
                let key = (object.as_str(), function.symbol.as_str(), function.ordinal);
                match all.get(&key) {
                    Some(index) => {
                        kept.roots.insert(*index, function.reason.clone());
                        if !function.gaps.is_empty() {
                            kept.gaps.insert(*index, function.gaps.to_vec());
                        }
                    }
                    None => lacking.push(format!("{} ({object})", function.symbol)),
                }
            }
        }
        let mut read = |names: &[String]| {
            let mut found = BTreeSet::new();
            for name in names {
                let index = name.rsplit_once(' ').and_then(|(symbol, object)| {
                    let object = object.trim_matches(['(', ')']);
                    let (symbol, ordinal) = symbol.split_once('#').unwrap_or((symbol, "0"));
                    all.get(&(object, symbol, ordinal.parse().ok()?))
                });
                match index {
                    Some(index) => drop(found.insert(*index)),
                    None => lacking.push(name.clone()),
                }
            }
            found
        };
        kept.dropped = read(&self.removed.asked);
        kept.closed = read(&self.system_calls.closed);
        kept.not_there = read(self.system_calls.not_there.as_slice())
            .first()
            .copied();
        if lacking.is_empty() {
            Ok(kept)
        } else {
            Err(lacking)
        }
    }

    /// How its kernel loads what was pruned.
    pub fn load_plan(&self) -> Option<LoadPlan> {
        self.loaded.as_ref().map(|loaded| LoadPlan {
            reserve: Bytes::kib(loaded.reserve_kib),
        })
    }

    /// The level.
    pub fn level(&self) -> Option<PruneLevel> {
        PruneLevel::of_word(&self.level)
    }
}

/// The conditions of the ordinary boots that count: those since the last link
/// and since the last that failed.
fn counted(attempts: &[Attempt]) -> Vec<&Condition> {
    let failed = attempts.iter().rposition(|a| a.outcome != Outcome::Passed);
    let from = failed.map_or(0, |at| at + 1);
    let linked = attempts.iter().rposition(|a| a.link_seconds.is_some());
    let counted = &attempts[from.max(linked.unwrap_or(0)).min(attempts.len())..];
    let ordinary = counted.iter().filter(|a| a.case.is_none());
    ordinary.map(|a| &a.condition).collect()
}

fn kept_functions(program: &Program, kept: &Kept) -> BTreeMap<String, Vec<KeptFunction>> {
    let mut by_object: BTreeMap<String, Vec<KeptFunction>> = BTreeMap::new();
    for (index, reason) in &kept.roots {
        let Some(function) = program.functions().get(index.0 as usize) else {
            continue;
        };
        let of_object = by_object.entry(function.id.object.clone()).or_default();
        of_object.push(KeptFunction {
            symbol: function.id.symbol.clone(),
            ordinal: function.id.ordinal,
            reason: reason.clone(),
            gaps: gaps_of(kept, *index),
        });
    }
    by_object
}

/// What goes of a function.
fn gaps_of(kept: &Kept, index: FunctionIndex) -> Ranges {
    let gaps = kept.gaps.get(&index).into_iter().flatten();
    gaps.cloned().collect()
}

/// The parts that go, for identities.
pub fn gaps_text(kept: &Kept) -> Vec<(u32, String)> {
    let text = |index: &FunctionIndex| (index.0, gaps_of(kept, *index).into());
    kept.gaps.keys().map(text).collect()
}

/// A function as certificates write it where they name no reason.
fn written(program: &Program, index: FunctionIndex) -> Option<String> {
    let id = &program.functions().get(index.0 as usize)?.id;
    Some(format!("{}#{} ({})", id.symbol, id.ordinal, id.object))
}

fn price(program: &Program, kept: &Kept) -> BTreeMap<String, u64> {
    let mut price = BTreeMap::new();
    for (index, reason) in &kept.roots {
        let function = program.functions().get(index.0 as usize);
        *price.entry(reason.words()).or_default() += function.map_or(0, |f| f.bytes);
    }
    price
}

/// Bytes of the functions that are kept on purpose, without the parts that go.
pub(crate) fn code_bytes(program: &Program, kept: &Kept) -> u64 {
    let whole: u64 = price(program, kept).values().sum();
    let gaps = kept.gaps.values().flatten();
    whole.saturating_sub(gaps.map(|gap| gap.end.saturating_sub(gap.start)).sum())
}

fn removed(level: PruneLevel, program: &Program, kept: &Kept, pruned: &Pruned) -> Removed {
    let count = |fates: &[Fate]| {
        let all = pruned.report.functions.iter();
        all.filter(|fate| fates.contains(fate)).count() as u64
    };
    let reason = match level {
        PruneLevel::Safe => "nothing that stays refers to it",
        PruneLevel::Balanced => "it never ran, and no rule of the level needs it",
        PruneLevel::Tight => "it never ran",
    };
    let asked = kept.dropped.iter().filter_map(|f| written(program, *f));
    let kinds = pruned.report.kinds.iter();
    let gaps = || pruned.gaps.values().flatten();
    Removed {
        gone: count(&[Fate::Removed]),
        trapped: count(&[Fate::Trapped]),
        reached: count(&[Fate::Reached, Fate::Forced]),
        in_part: pruned.gaps.len() as u64,
        gaps: gaps().count() as u64,
        gap_bytes: gaps().map(|gap| gap.end - gap.start).sum(),
        reason: reason.to_owned(),
        kinds: kinds
            .map(|(kind, bytes)| (kind.clone(), (bytes.before, bytes.after)))
            .collect(),
        asked: asked.collect(),
    }
}

fn sort<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u32, outcome: Outcome, linked: bool, case: Option<&str>) -> Attempt {
        Attempt {
            number,
            condition: Condition {
                loaded: number.is_multiple_of(2),
                ..Condition::default()
            },
            case: case.map(str::to_owned),
            outcome,
            missed: None,
            reason: None,
            added: Vec::new(),
            link_seconds: linked.then_some(1.0),
            rewrite_seconds: None,
            boot_seconds: 1.0,
            loaded_pages: None,
        }
    }

    #[test]
    fn only_boots_since_the_last_link_and_the_last_failure_count() {
        let passed = |number, linked| attempt(number, Outcome::Passed, linked, None);
        let mut attempts = vec![
            attempt(1, Outcome::Trapped, true, None),
            passed(2, true),
            passed(3, false),
        ];
        assert_eq!(counted(&attempts).len(), 2);
        attempts.push(attempt(4, Outcome::BootHung, false, None));
        assert_eq!(counted(&attempts).len(), 0);
        attempts.push(passed(5, false));
        attempts.push(attempt(6, Outcome::Passed, false, Some("storm")));
        attempts.push(passed(7, false));
        assert_eq!(counted(&attempts).len(), 2);
        attempts.push(attempt(8, Outcome::Trapped, false, Some("flood")));
        attempts.push(passed(9, true));
        assert_eq!(counted(&attempts).len(), 1);
        assert_eq!(counted(&[]).len(), 0);
    }
}
