//! The cases.

use std::time::Duration;

use recipe::Plan;
use recipe::plan::{CheckKind, CheckPlan, NetworkMode};
use vm::check::agent::{self, ADVERSARY, Pause, Until};
use vm::check::console_session;
use vm::check::gateway::{Deeds, Faults};
use vm::machine::qemu::Machine;

use super::{command, provoke, scaled};

/// One thing that a system must survive.
#[derive(Debug)]
pub struct Case {
    /// Its name, on the command line and in a recipe.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// What differs from an ordinary boot.
    pub change: Change,
    /// Whether it needs no mistake of a program's or a user's, so that every
    /// pruned system must survive it, `tight` too.
    pub at_every_level: bool,
}

/// What differs from an ordinary boot.
#[derive(Debug)]
pub enum Change {
    /// The adversary provokes these topics, before the recipe's checks.
    Provoke(&'static [&'static str]),
    /// The same with the network's topics.
    ProvokeNetwork(&'static [&'static str]),
    /// RAM, as a part of the recipe's.
    Memory(u64, u64),
    /// The n-th further CPU model of the architecture's table.
    Cpu(usize),
    /// So many CPUs.
    Cpus(u32),
    /// The date of the machine's clock.
    Date(&'static str),
    /// A long time without anything to do, at the guest's clock.
    Idle(Duration),
    /// The network cable is drawn and plugged in again.
    Link,
    /// The gateway misbehaves.
    Faults(fn() -> Faults),
    /// Somebody at the console uses all that is there.
    Uses,
    /// A boot loader adds its words to the command line.
    Loader,
}

/// The case of what boot loaders add to the command line.
pub const LOADER: &str = "loader";

/// All cases, the cheapest first.
pub const ALL: &[Case] = &[
    Case {
        name: "local",
        about: "signals, faults, errors of files, pipes and processes, all of /proc, all memory, a full ramdisk",
        change: Change::Provoke(&[
            "signals",
            "faults",
            "processes",
            "files",
            "pipes",
            "proc",
            "full",
            "memory",
        ]),
        at_every_level: false,
    },
    Case {
        name: "sockets",
        about: "closed ports, dead hosts, errors of sockets",
        change: Change::ProvokeNetwork(&["network"]),
        at_every_level: false,
    },
    Case {
        name: "uses",
        about: "somebody at the console uses every applet as its manual says, rightly and wrongly",
        change: Change::Uses,
        at_every_level: false,
    },
    Case {
        name: "less-ram",
        about: "three quarters of the recipe's RAM",
        change: Change::Memory(3, 4),
        at_every_level: false,
    },
    Case {
        name: "four-times-ram",
        about: "four times the recipe's RAM",
        change: Change::Memory(4, 1),
        at_every_level: false,
    },
    Case {
        name: "another-cpu",
        about: "another CPU model",
        change: Change::Cpu(0),
        at_every_level: false,
    },
    Case {
        name: "a-third-cpu",
        about: "yet another CPU model",
        change: Change::Cpu(1),
        at_every_level: false,
    },
    Case {
        name: "one-cpu",
        about: "one CPU instead of several",
        change: Change::Cpus(1),
        at_every_level: false,
    },
    Case {
        name: "two-cpus",
        about: "two CPUs instead of another number above one",
        change: Change::Cpus(2),
        at_every_level: false,
    },
    Case {
        name: "four-cpus",
        about: "four CPUs instead of another number above one",
        change: Change::Cpus(4),
        at_every_level: false,
    },
    Case {
        name: "past",
        about: "the clock says 1999",
        change: Change::Date("1999-12-31T23:59:50"),
        at_every_level: false,
    },
    Case {
        name: "future",
        about: "the clock passes the last second of 32 bits (2038-01-19 03:14:07)",
        change: Change::Date("2038-01-19T03:14:00"),
        at_every_level: false,
    },
    Case {
        name: "idle",
        about: "ten minutes without anything to do",
        change: Change::Idle(Duration::from_secs(600)),
        at_every_level: false,
    },
    Case {
        name: "link",
        about: "the network cable is drawn and plugged in again",
        change: Change::Link,
        at_every_level: false,
    },
    Case {
        name: "storm",
        about: "frames are lost, doubled, delayed, reordered, corrupted and fragmented",
        change: Change::Faults(Faults::storm),
        at_every_level: false,
    },
    Case {
        name: "resets",
        about: "connections are reset once data flows",
        change: Change::Faults(|| Faults {
            resets: 2,
            ..Faults::default()
        }),
        at_every_level: false,
    },
    Case {
        name: "leases",
        about: "leases are refused, then short and not renewed",
        change: Change::Faults(|| Faults {
            naks: 2,
            lease: Duration::from_secs(12),
            renewals: Some(0),
            ..Faults::default()
        }),
        at_every_level: false,
    },
    Case {
        name: "flood",
        about: "a flood of packets that nobody asked for, malformed ones among them",
        change: Change::Faults(|| Faults {
            flood: u64::MAX,
            ..Faults::default()
        }),
        at_every_level: false,
    },
    Case {
        name: "fragments",
        about: "100,000 fragments that nobody asked for: overlapping, with gaps, too large together",
        change: Change::Faults(|| Faults {
            fragments: u64::MAX,
            ..Faults::default()
        }),
        at_every_level: true,
    },
    Case {
        name: "renewals",
        about: "a lease that is renewed again and again",
        change: Change::Faults(|| Faults {
            lease: RENEWED_LEASE,
            ..Faults::default()
        }),
        at_every_level: true,
    },
    Case {
        name: LOADER,
        about: "a boot loader adds its own words to the command line",
        change: Change::Loader,
        at_every_level: true,
    },
];

/// A client renews at half of it. BusyBox's takes anything under 32 s for 32 s
/// (networking/udhcp/dhcpc.c).
const RENEWED_LEASE: Duration = Duration::from_secs(32);

/// So many renewals are seen.
const RENEWALS: u32 = 2;

/// The guest's clock may take so long for what the gateway sends.
const CALM_LIMIT: Duration = Duration::from_secs(300);

/// The check that draws the cable.
const DRAWN: &str = "link-down";
/// The check that plugs it in.
const PLUGGED: &str = "link-up";

impl Case {
    /// Why a case doesn't concern a system.
    pub fn not_for(&self, plan: &Plan) -> Option<String> {
        let network = plan.network.nic.is_some();
        let cpus = plan.board.arch.facts().further_cpus;
        match self.change {
            Change::ProvokeNetwork(_) | Change::Link if !network => {
                Some("it has no network".to_owned())
            }
            Change::Faults(_) if plan.network.mode != NetworkMode::Dhcp => {
                Some("the misbehaving gateway gives addresses by DHCP alone".to_owned())
            }
            Change::Uses if console_session::uses(plan).is_none() => {
                Some("its init keeps no shell of BusyBox's on the console".to_owned())
            }
            Change::Loader if plan.board.loader_words().is_empty() => {
                Some("no boot loader of its board's adds anything".to_owned())
            }
            Change::Cpu(n) if n >= cpus.len() => {
                Some("its architecture lists no such CPU model".to_owned())
            }
            Change::Cpus(_) if plan.machine.cpus == 1 => Some("it has one CPU".to_owned()),
            Change::Cpus(cpus) if plan.machine.cpus == cpus => {
                Some("so many CPUs are its own".to_owned())
            }
            Change::Cpus(cpus) if plan.board.cpus_most < cpus => {
                Some("its board can't have so many CPUs".to_owned())
            }
            _ => None,
        }
    }

    /// The checks of the case's boot.
    pub fn checks(&self, plan: &Plan) -> Vec<CheckPlan> {
        let own = plan.checks.iter().cloned();
        let mut checks: Vec<CheckPlan> = match &self.change {
            Change::Provoke(topics) | Change::ProvokeNetwork(topics) => {
                // A network is up once the recipe's checks passed.
                let provoked = topics.iter().map(|topic| provoke(topic, 60));
                own.clone().chain(provoked).chain(after(plan)).collect()
            }
            Change::Idle(time) => {
                let wait = ["idle".to_owned(), time.as_secs().to_string()];
                let idle = command(
                    "idle",
                    &[ADVERSARY, &wait[0], &wait[1]],
                    time.as_secs() * 2,
                    &agent::survived("idle"),
                );
                let all = own.clone().chain([idle]).chain(after(plan));
                all.map(with_patience).collect()
            }
            Change::Link => {
                let wait = |name: &str| {
                    command(
                        name,
                        &[ADVERSARY, "idle", "4"],
                        20,
                        &agent::survived("idle"),
                    )
                };
                own.clone()
                    .chain([wait(DRAWN), wait(PLUGGED)])
                    .chain(after(plan))
                    .collect()
            }
            Change::Faults(faults) => with_faults(&faults(), plan),
            // What is left of the network behind it is whatever was typed.
            Change::Uses => own.chain(console_session::uses(plan)).collect(),
            Change::Memory(..)
            | Change::Cpu(_)
            | Change::Cpus(_)
            | Change::Date(_)
            | Change::Loader => own.collect(),
        };
        if matches!(self.change, Change::Faults(_)) {
            // What is lost is sent again, and that takes its time.
            checks
                .iter_mut()
                .for_each(|check| check.timeout = check.timeout * 3 + Duration::from_secs(10));
        }
        checks
    }

    /// What is waited for between the checks.
    pub fn pause(&self, plan: &Plan) -> Option<Pause> {
        let faults = self.faults()?;
        let until = if faults.fragments > 0 {
            Until::Calm(CALM_LIMIT)
        } else if faults.lease == RENEWED_LEASE {
            Until::Passed(RENEWED_LEASE / 2 * (RENEWALS + 1))
        } else {
            return None;
        };
        Some(Pause {
            before_check: plan.checks.len(),
            until,
        })
    }

    /// Changes the machine.
    pub fn change(&self, machine: &mut Machine) {
        match self.change {
            Change::Memory(numerator, denominator) => {
                machine.memory = scaled(machine.memory, numerator, denominator);
            }
            Change::Cpu(n) => {
                let models = machine.board.arch.facts().further_cpus;
                machine.cpu = models.get(n).map(|model| (*model).to_owned());
            }
            Change::Cpus(cpus) => machine.cpus = cpus,
            Change::Date(date) => {
                machine
                    .extra
                    .extend(["-rtc".to_owned(), format!("base={date}")]);
            }
            Change::Loader => {
                let words = machine.board.loader_words();
                machine.cmdline = before_inits(&machine.cmdline, words);
            }
            Change::Idle(_) => {
                machine
                    .extra
                    .extend(["-icount".to_owned(), "shift=6,sleep=off".to_owned()]);
            }
            _ => {}
        }
    }

    /// The faults behind the gateway, where it isn't QEMU's own gateway.
    pub fn faults(&self) -> Option<Faults> {
        match self.change {
            Change::Faults(faults) => Some(faults()),
            _ => None,
        }
    }

    /// How much longer than usual a boot may be silent.
    pub fn slowness(&self) -> u32 {
        if matches!(self.change, Change::Idle(_) | Change::Faults(_)) {
            6
        } else {
            2
        }
    }

    /// Whether QEMU is told something while it runs.
    pub fn needs_monitor(&self) -> bool {
        matches!(self.change, Change::Link)
    }

    /// What becomes of the cable when this check starts.
    pub fn link_at(&self, check: &str) -> Option<bool> {
        match (&self.change, check) {
            (Change::Link, DRAWN) => Some(false),
            (Change::Link, PLUGGED) => Some(true),
            _ => None,
        }
    }

    /// Whether the case itself makes this check fail.
    pub fn may_fail(&self, check: &str) -> bool {
        check.starts_with("reset-")
    }

    /// Why the case didn't do what it is for.
    pub fn undone(&self, deeds: Option<&Deeds>) -> Option<String> {
        let (wanted, deeds) = (self.faults()?, deeds?);
        if deeds.resets < wanted.resets {
            return Some(format!(
                "{} of {} connections were reset",
                deeds.resets, wanted.resets
            ));
        }
        if deeds.naks < wanted.naks {
            return Some(format!(
                "{} of {} leases were refused",
                deeds.naks, wanted.naks
            ));
        }
        if wanted.renewals == Some(0) && deeds.ignored_renewals == 0 {
            return Some("no renewal was asked for".to_owned());
        }
        if wanted.lease == RENEWED_LEASE && deeds.renewals < RENEWALS {
            return Some(format!("the lease was renewed {} times", deeds.renewals));
        }
        if wanted.fragment > 0 && deeds.to_guest.fragmented == 0 {
            return Some("nothing came to the guest in fragments".to_owned());
        }
        let reassembly = &deeds.reassembly;
        // Some may be lost where RAM is short.
        let few = reassembly.answered * 10 < reassembly.whole * 9;
        (wanted.fragments > 0 && (few || reassembly.fragments == 0)).then(|| {
            format!(
                "{} of {} pings in fragments were answered",
                reassembly.answered, reassembly.whole
            )
        })
    }
}

/// A command line with further words, before those that are init's.
fn before_inits(line: &str, words: &str) -> String {
    match line.split_once(" -- ") {
        Some((kernels, inits)) => format!("{kernels} {words} -- {inits}"),
        None => format!("{line} {words}"),
    }
}

/// The recipe's checks once more, under other names: is the kernel alive?
fn after(plan: &Plan) -> impl Iterator<Item = CheckPlan> + '_ {
    plan.checks.iter().map(|check| CheckPlan {
        name: format!("{}-after", check.name),
        ..check.clone()
    })
}

/// The same behind our gateway, through which nobody comes in from this host.
fn after_faults(plan: &Plan) -> impl Iterator<Item = CheckPlan> + '_ {
    after(plan).filter(|check| !matches!(check.kind, CheckKind::Ask(_)))
}

/// A check as it is where the guest's idle time is skipped: this host answers late.
fn with_patience(check: CheckPlan) -> CheckPlan {
    match check.kind {
        CheckKind::Ask(_) => CheckPlan {
            timeout: check.timeout * agent::SKIPPING,
            ..check
        },
        _ => check,
    }
}

/// The checks of a boot behind the misbehaving gateway.
fn with_faults(faults: &Faults, plan: &Plan) -> Vec<CheckPlan> {
    let lossy = faults.drop > 0;
    let bears = |check: &&CheckPlan| match check.kind {
        // A lost ping stays lost: that is no failure of the system's.
        CheckKind::Ping { .. } | CheckKind::Echo { .. } => !lossy,
        // Through our gateway nobody comes in from this host.
        CheckKind::Ask(_) => false,
        _ => true,
    };
    let mut checks: Vec<CheckPlan> = plan.checks.iter().filter(bears).cloned().collect();
    if faults.resets > 0
        && let Some(fetch) = plan
            .checks
            .iter()
            .find(|check| matches!(check.kind, CheckKind::Fetch { .. }))
    {
        let at = checks
            .iter()
            .position(|check| check.name == fetch.name)
            .unwrap_or(0);
        for n in 0..faults.resets {
            let reset = CheckPlan {
                name: format!("reset-{n}"),
                ..fetch.clone()
            };
            checks.insert(at, reset);
        }
    }
    if faults.renewals == Some(0) {
        let wait = (faults.lease * 2).as_secs().to_string();
        checks.push(command(
            "lease-runs-out",
            &[ADVERSARY, "idle", &wait],
            120,
            &agent::survived("idle"),
        ));
        checks.extend(after_faults(plan));
    }
    if faults.fragments > 0 || faults.lease == RENEWED_LEASE {
        checks.extend(after_faults(plan));
    }
    if faults.flood > 0 {
        checks.push(command(
            "flood-ends",
            &[ADVERSARY, "calm"],
            300,
            &agent::survived("calm"),
        ));
        checks.extend(after_faults(plan));
    }
    checks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use recipe::plan::{AskPlan, Question};

    use super::*;

    #[test]
    fn every_case_has_a_name_of_its_own_and_is_documented() {
        let names: BTreeSet<&str> = ALL.iter().map(|case| case.name).collect();
        assert_eq!(names.len(), ALL.len());
        assert!(
            ALL.iter()
                .map(|case| case.name)
                .eq(recipe::adversity::NAMES.iter().copied())
        );
        let docs = include_str!("../../../../docs/adversity.md");
        for name in names {
            assert!(docs.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn services_are_asked_with_patience_where_idle_time_is_skipped() {
        let of = |kind| {
            let check = CheckPlan {
                timeout: Duration::from_secs(10),
                ..CheckPlan::on_channel("it", kind)
            };
            with_patience(check).timeout.as_secs()
        };
        let ask = CheckKind::Ask(AskPlan {
            port: 80,
            question: Question::Tcp {
                send: String::new(),
            },
            at_once: 1,
            expect: None,
            call: None,
        });
        assert_eq!(of(ask), 3600);
        let lease = CheckKind::Dhcp {
            interface: "eth0".to_owned(),
        };
        assert_eq!(of(lease), 10);
    }
}
