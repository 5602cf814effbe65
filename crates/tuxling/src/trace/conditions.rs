//! Under which conditions a system is booted, for what runs only under some of
//! them: a timer that comes early, a page that is missing, a processor that has
//! a feature less.

use std::process::Stdio;
use std::time::Duration;

use host::process::{Cmd, ProcessError, Processes, Running, SPIN};
use host::units::Bytes;
use recipe::Plan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::machine::qemu::Machine;

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
    /// Seconds that the system idles when all is done; a moment when `null`.
    pub idle_seconds: Option<u32>,
    /// The date that the machine's clock starts with; the host's when `null`.
    pub date: Option<String>,
}

impl Condition {
    /// The condition in a few words.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.shift.map(|shift| format!("icount {shift}")));
        words.extend(self.loaded.then(|| "loaded".to_owned()));
        words.extend(self.memory_kib.map(|kib| format!("{kib} KiB")));
        words.extend(self.cpu.clone());
        words.extend(self.idle_seconds.map(|s| format!("{s} s idle")));
        words.extend(self.date.clone());
        match words.is_empty() {
            true => "plain".to_owned(),
            false => words.join(", "),
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
        if let Some(shift) = self.shift {
            machine.extra.push("-icount".to_owned());
            machine.extra.push(format!("shift={shift}"));
        }
        if let Some(date) = &self.date {
            machine.extra.push("-rtc".to_owned());
            machine.extra.push(format!("base={date}"));
        }
    }

    /// How long what takes `limit` under plain conditions may take.
    pub fn stretched(&self, limit: Duration) -> Duration {
        match self.shift.is_some() || self.loaded {
            true => limit * COUNTED_FACTOR,
            false => limit,
        }
    }

    /// How long the system idles when all is done.
    pub fn idle(&self) -> Duration {
        let asked = self.idle_seconds.map(|s| Duration::from_secs(s.into()));
        asked.unwrap_or(crate::check::agent::IDLE)
    }

    /// The load beside it; it ends when this is dropped.
    pub fn load(&self, processes: &Processes) -> Result<Vec<Running>, ProcessError> {
        let spin = Cmd::new(processes.executable()).arg(SPIN);
        (0..if self.loaded { LOADS } else { 0 })
            .map(|_| processes.spawn(&spin, Stdio::null(), Stdio::null()))
            .collect()
    }
}

/// The network's neighbours are looked after every 15 to 30 s
/// (net/core/neighbour.c, `neigh_periodic_work()`); hardly anything has a
/// longer period.
const IDLE_SECONDS: u32 = 40;

/// Dates on which clocks have turned out to be wrong: the last second of a
/// century, a leap day, the end of 32-bit time.
const DATES: [&str; 3] = [
    "1999-12-31T23:59:55",
    "2024-02-29T12:00:00",
    "2038-01-19T03:14:00",
];

/// All conditions for a plan, the plain one first.
pub fn all(plan: &Plan) -> Vec<Condition> {
    let plain = Condition::default;
    let kib = plan.machine.memory.as_kib();
    let mut all = vec![
        plain(),
        Condition {
            idle_seconds: Some(IDLE_SECONDS),
            ..plain()
        },
        Condition {
            loaded: true,
            ..plain()
        },
    ];
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
    all
}

/// The conditions of `count` boots that a kernel must pass: half of them
/// loaded, half of them on another machine or date than the recipe's. Only
/// those under which the whole kernel passes are in `passed`.
pub fn schedule(passed: &[Condition], count: usize) -> Vec<Condition> {
    let others: Vec<&Condition> = passed
        .iter()
        .filter(|c| {
            c.shift.is_none()
                && c.idle_seconds.is_none()
                && !c.loaded
                && **c != Condition::default()
        })
        .collect();
    (0..count)
        .map(|at| {
            let mut condition = match others.is_empty() || at % 2 == 0 {
                true => Condition::default(),
                false => others[at / 2 % others.len()].clone(),
            };
            condition.loaded = at / 2 % 2 == 1;
            condition
        })
        .collect()
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
