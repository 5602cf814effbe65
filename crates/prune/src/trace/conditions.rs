//! Under which conditions a system is booted, for what runs only under some of
//! them: a timer that comes early, a page that is missing, a processor that has
//! a feature less.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use host::process::{Cmd, ProcessError, Processes, Running, SPIN};
use host::units::Bytes;
use recipe::Plan;
use recipe::plan::{CheckPlan, Via};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vm::check::agent::{Pause, Until};
use vm::check::console_session;
use vm::machine::qemu::Machine;

/// Under `-icount` a guest is so much slower at most.
const COUNTED_FACTOR: u32 = 4;

/// How many busy loops stand beside a boot on a loaded host.
const LOADS: usize = 2;

/// One way to boot a system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// `-icount shift=N`: 2^N ns of guest time for each instruction; the host's
    /// clock when `null`.
    pub shift: Option<u8>,
    /// Whether two busy loops run beside it.
    pub loaded: bool,
    /// RAM in KiB; the recipe's when `null`.
    pub memory_kib: Option<u64>,
    /// The CPU model; the recipe's when `null`.
    pub cpu: Option<String>,
    /// The number of CPUs; the recipe's when `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Seconds of the guest's time that the system idles between its checks and
    /// the same checks once more; it idles for a moment behind them when `null`.
    /// QEMU skips the time in which the guest only waits
    /// (`-icount shift=6,sleep=off`).
    pub idle_seconds: Option<u32>,
    /// The date that the machine's clock starts with; the host's when `null`.
    pub date: Option<String>,
    /// Whether somebody works at the console when the checks are done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub console: bool,
}

/// The checks of a boot under a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionChecks {
    /// The recipe's, and what the condition adds.
    pub checks: Vec<CheckPlan>,
    /// The time in which the system idles.
    pub pause: Option<Pause>,
}

impl Condition {
    /// The condition in a few words.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.shift.map(|shift| format!("icount {shift}")));
        words.extend(self.loaded.then(|| "loaded".to_owned()));
        words.extend(self.memory_kib.map(|kib| format!("{kib} KiB")));
        words.extend(self.cpu.clone());
        words.extend(self.cpus.map(|cpus| match cpus {
            1 => "1 CPU".to_owned(),
            _ => format!("{cpus} CPUs"),
        }));
        words.extend(self.idle_seconds.map(|s| format!("{s} s idle")));
        words.extend(self.date.clone());
        words.extend(self.console.then(|| "console session".to_owned()));
        if words.is_empty() {
            "plain".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// The machine under this condition.
    pub fn apply(&self, machine: &mut Machine) {
        if let Some(kib) = self.memory_kib {
            machine.memory = Bytes::kib(kib);
        }
        if let Some(cpu) = &self.cpu {
            machine.cpu = Some(cpu.clone());
        }
        if let Some(cpus) = self.cpus {
            machine.cpus = cpus;
        }
        let counted = match (self.shift, self.idle_seconds) {
            (_, Some(_)) => Some(SKIPS_IDLE_TIME.to_owned()),
            (Some(shift), None) => Some(format!("shift={shift}")),
            (None, None) => None,
        };
        if let Some(counted) = counted {
            machine.extra.extend(["-icount".to_owned(), counted]);
        }
        if let Some(date) = &self.date {
            machine.extra.push("-rtc".to_owned());
            machine.extra.push(format!("base={date}"));
        }
    }

    /// What a system is asked under this condition.
    pub fn checks(&self, plan: &Plan) -> ConditionChecks {
        let mut checks = plan.checks.clone();
        let pause = self.idle_seconds.map(|seconds| Pause {
            before_check: checks.len(),
            until: Until::Passed(Duration::from_secs(seconds.into())),
        });
        if pause.is_some() {
            let again = plan.checks.iter().filter(|c| c.via == Via::Channel);
            checks.extend(again.map(|check| CheckPlan {
                name: format!("{}-again", check.name),
                ..check.clone()
            }));
        }
        if self.console {
            checks.extend(console_session::session(plan));
        }
        ConditionChecks { checks, pause }
    }

    /// How long the system idles when all is done, before it restarts; nothing
    /// restarts it while somebody works at its console.
    pub fn leave(&self) -> Option<Duration> {
        (!self.console).then_some(vm::check::agent::IDLE)
    }

    /// How long what takes `limit` under plain conditions may take.
    pub fn stretched(&self, limit: Duration) -> Duration {
        let counted = self.shift.is_some() || self.idle_seconds.is_some();
        if counted || self.loaded {
            limit * COUNTED_FACTOR
        } else {
            limit
        }
    }

    /// The load beside it; it ends when this is dropped.
    pub fn load(&self, processes: &Processes) -> Result<Vec<Running>, ProcessError> {
        let spin = Cmd::new(processes.executable()).arg(SPIN);
        (0..if self.loaded { LOADS } else { 0 })
            .map(|_| processes.spawn(&spin, Stdio::null(), Stdio::null()))
            .collect()
    }
}

/// Instructions take guest time, and time in which the guest only waits passes
/// at once (QEMU's manual, `-icount`).
pub const SKIPS_IDLE_TIME: &str = "shift=6,sleep=off";

/// Ten minutes: the random number generator is ready after some 85 s
/// (drivers/char/random.c, `crng_set_ready()`), `jiffies` wraps five minutes
/// after the boot (`INITIAL_JIFFIES`), neighbours are looked after every 15 to
/// 30 s, and routes and fragments expire.
const IDLE_SECONDS: u32 = 600;

/// What is slower still: an hour.
const LONG_IDLE_SECONDS: u32 = 3600;

/// Dates on which clocks have turned out to be wrong: the last second of a
/// century, a leap day, the end of 32-bit time.
const DATES: [&str; 3] = [
    "1999-12-31T23:59:55",
    "2024-02-29T12:00:00",
    "2038-01-19T03:14:00",
];

/// The numbers of CPUs that a kernel for several is booted with.
const CPUS: [u32; 3] = [1, 2, 4];

/// Those of them that the board can have and that aren't the recipe's own; none
/// for a machine with one CPU.
fn other_cpus(own: u32, most: u32) -> impl Iterator<Item = u32> {
    let fits = move |cpus: &u32| own > 1 && *cpus != own && *cpus <= most;
    CPUS.into_iter().filter(fits)
}

/// All conditions for a plan, the plain one first.
pub fn all(plan: &Plan) -> Vec<Condition> {
    let plain = Condition::default;
    let kib = plan.machine.memory.as_kib();
    let idle = |seconds| Condition {
        idle_seconds: Some(seconds),
        ..plain()
    };
    let session = console_session::session(plan).is_some();
    let console = |loaded| Condition {
        console: true,
        loaded,
        ..plain()
    };
    let mut all = vec![
        plain(),
        idle(IDLE_SECONDS),
        Condition {
            loaded: true,
            ..plain()
        },
    ];
    if session {
        all.insert(1, console(false));
    }
    let cpus = (plan.machine.cpus, plan.board.cpus_most);
    all.extend(other_cpus(cpus.0, cpus.1).map(|cpus| Condition {
        cpus: Some(cpus),
        ..plain()
    }));
    all.extend([7, 5, 3].map(|shift| Condition {
        shift: Some(shift),
        ..plain()
    }));
    all.extend([kib * 4, kib * 2, kib / 2].map(|kib| Condition {
        memory_kib: Some(kib),
        ..plain()
    }));
    let models = plan.board.arch.facts().further_cpus;
    all.extend(models.iter().map(|cpu| Condition {
        cpu: Some((*cpu).to_owned()),
        ..plain()
    }));
    all.extend(DATES.map(|date| Condition {
        date: Some(date.to_owned()),
        ..plain()
    }));
    all.push(idle(LONG_IDLE_SECONDS));
    if session {
        all.push(console(true));
    }
    all
}

/// The machines and dates other than the recipe's own, whatever the number of
/// CPUs, that a whole kernel passed on.
fn other_machines(passed: &[Condition]) -> Vec<Condition> {
    let mut others = Vec::new();
    for condition in passed {
        let machine = Condition {
            cpus: None,
            ..condition.clone()
        };
        let alone = machine.shift.is_none()
            && machine.idle_seconds.is_none()
            && !machine.loaded
            && !machine.console
            && machine != Condition::default();
        if alone && !others.contains(&machine) {
            others.push(machine);
        }
    }
    others
}

/// The boots that a kernel must pass: `count` of each kind for which the whole
/// kernel passed one, in turns.
///
/// - The recipe's checks: half of the boots loaded, half of them on another
///   machine or date than the recipe's.
/// - Ten minutes without anything to do, a fourth of them an hour; half of them
///   on another machine.
/// - Somebody at the console; half of them loaded.
///
/// Of each kind, as many with every number of CPUs.
///
/// `passed` are the conditions under which the whole kernel passed.
pub fn schedule(passed: &[Condition], count: usize) -> Vec<Condition> {
    let others = other_machines(passed);
    let counts: BTreeSet<Option<u32>> = passed.iter().map(|c| c.cpus).chain([None]).collect();
    let counts: Vec<Option<u32>> = counts.into_iter().collect();
    let machine = |at: usize| {
        if others.is_empty() || at.is_multiple_of(2) {
            Condition::default()
        } else {
            others[at / 2 % others.len()].clone()
        }
    };
    let cpus = |at: usize| counts[at % counts.len()];
    let has_idle = |seconds| passed.iter().any(|c| c.idle_seconds == Some(seconds));
    let is_loaded = |at: usize| at / 2 % 2 == 1;
    let mut all = Vec::new();
    for at in 0..count {
        all.push(Condition {
            loaded: is_loaded(at),
            cpus: cpus(at),
            ..machine(at)
        });
        let hour = at % 4 == 3 && has_idle(LONG_IDLE_SECONDS);
        let seconds = if hour {
            LONG_IDLE_SECONDS
        } else {
            IDLE_SECONDS
        };
        if has_idle(seconds) {
            all.push(Condition {
                idle_seconds: Some(seconds),
                cpus: cpus(at + 1),
                ..machine(at + usize::from(hour))
            });
        }
        if passed.iter().any(|c| c.console) {
            all.push(Condition {
                console: true,
                loaded: is_loaded(at),
                cpus: cpus(at + 2),
                ..Condition::default()
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_schedule_is_loaded_and_half_is_elsewhere() {
        let elsewhere = |kib| Condition {
            memory_kib: Some(kib),
            ..Condition::default()
        };
        let passed = [
            Condition::default(),
            elsewhere(1),
            elsewhere(2),
            elsewhere(3),
        ];
        let boots = schedule(&passed, 48);
        let count = |is: &dyn Fn(&Condition) -> bool| boots.iter().filter(|c| is(c)).count();
        assert_eq!(count(&|c| c.loaded), 24);
        assert_eq!(count(&|c| c.memory_kib.is_some()), 24);
        for kib in [1, 2, 3] {
            let with = |loaded| count(&|c| c.memory_kib == Some(kib) && c.loaded == loaded);
            assert!(with(true) > 0 && with(false) > 0, "{kib}");
        }
    }

    #[test]
    fn a_schedule_idles_for_long_and_has_somebody_at_the_console() {
        let console = Condition {
            console: true,
            ..Condition::default()
        };
        let idle = |seconds| Condition {
            idle_seconds: Some(seconds),
            ..Condition::default()
        };
        let passed = [Condition::default(), console, idle(600), idle(3600)];
        let boots = schedule(&passed, 20);
        let count = |is: &dyn Fn(&Condition) -> bool| boots.iter().filter(|c| is(c)).count();
        assert_eq!(boots.len(), 60);
        assert_eq!(count(&|c| c.idle_seconds == Some(600)), 15);
        assert_eq!(count(&|c| c.idle_seconds == Some(3600)), 5);
        assert_eq!(count(&|c| c.console), 20);
        assert_eq!(count(&|c| c.console && c.loaded), 10);
        assert_eq!(schedule(&passed[..1], 20).len(), 20, "only what passed");
    }

    #[test]
    fn a_third_of_each_kind_has_each_number_of_cpus() {
        let cpus = |cpus| Condition {
            cpus: Some(cpus),
            ..Condition::default()
        };
        let console = Condition {
            console: true,
            ..Condition::default()
        };
        let boots = schedule(&[Condition::default(), cpus(1), cpus(4), console], 24);
        for wanted in [None, Some(1), Some(4)] {
            for console in [false, true] {
                let count = |loaded| {
                    let like = |c: &&Condition| {
                        c.cpus == wanted && c.console == console && c.loaded == loaded
                    };
                    boots.iter().filter(like).count()
                };
                assert_eq!((count(false), count(true)), (4, 4), "{wanted:?}, {console}");
            }
        }
        assert_eq!(other_cpus(2, 8).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(other_cpus(3, 3).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(other_cpus(1, 8).count(), 0);
    }

    #[test]
    fn words_name_what_differs() {
        assert_eq!(Condition::default().words(), "plain");
        let condition = Condition {
            shift: Some(5),
            cpu: Some("pentium3".to_owned()),
            ..Condition::default()
        };
        assert_eq!(condition.words(), "icount 5, pentium3");
    }
}
