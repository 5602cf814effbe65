//! What this machine lacks: tools, room, memory, and clashes between what is
//! there, each only where its cause is seen on this machine.

mod clash;
mod media;
mod needs;

use std::path::{Path, PathBuf};

use host::error::Kind;
use host::packages::Distribution;
use host::process::{Cmd, Processes};
use host::units::Bytes;
use recipe::{Arch, Plan};
use schemars::JsonSchema;
use serde::Serialize;
use vm::machine::qemu::{self, Accelerator};

use crate::failure::Failure;

/// What a fresh build of the built-in recipes took of the cache: 2.0 GiB,
/// nearly all of it the kernel's sources.
const ROOM: Bytes = Bytes::mib(3 * 1024);
/// What it takes when the sources are there.
const LEAST_ROOM: Bytes = Bytes::mib(512);
/// What linking a small kernel and QEMU take besides everything else.
const MEMORY: Bytes = Bytes::mib(1024);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Fine,
    /// Slower or tighter than it could be.
    Hint,
    /// Something needed is lacking.
    Lacking,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: `gcc`, `/dev/kvm`, `room in the cache`.
    pub what: String,
    /// What was found, and what it means.
    pub found: String,
    /// What to do about it, but for what is to be installed.
    pub help: Option<String>,
    /// What has to be installed, by the name of a program or a library.
    #[serde(skip)]
    pub install: Option<String>,
}

/// All that was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Examination {
    /// This machine's distribution.
    pub distribution: Distribution,
    /// What was looked at.
    pub findings: Vec<Finding>,
    /// The one command that installs all that is lacking.
    pub install: Option<String>,
}

impl Examination {
    /// Whether something needed is lacking.
    pub(crate) fn lacking(&self) -> bool {
        self.findings.iter().any(|f| f.level == Level::Lacking)
    }
}

/// What is examined.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The recipe, if any.
    pub plan: Option<&'a Plan>,
    /// Looks for tools and asks them.
    pub processes: &'a Processes,
    /// The cache folder.
    pub cache: &'a Path,
    /// The folder of the outputs.
    pub output: &'a Path,
    /// The kernel's source tree, when it is there already.
    pub linux: Option<&'a Path>,
    /// BusyBox's source tree, when it is there already.
    pub busybox: Option<&'a Path>,
}

impl Finding {
    fn new(level: Level, what: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding {
            level,
            what: what.into(),
            found: found.into(),
            help: None,
            install: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Finding {
        self.help = Some(help.into());
        self
    }

    fn install(mut self, name: &str) -> Finding {
        self.install = Some(name.to_owned());
        self
    }
}

/// Looks at everything.
pub(crate) fn examine(subject: &Subject, distribution: Distribution) -> Examination {
    let arch = subject.plan.map_or(Arch::I386, |plan| plan.board.arch);
    let mut findings = needs::tools(subject, arch);
    if subject.plan.is_some() {
        findings.extend(media::media(subject, arch));
    }
    findings.push(kvm(subject, arch));
    findings.extend(room(subject));
    findings.extend(memory());
    findings.extend(clash::all(subject, arch));
    let missing: Vec<&str> = findings
        .iter()
        .filter_map(|f| f.install.as_deref())
        .collect();
    let install = distribution.install_command(&missing);
    let install = install.map(|command| with_gcc_version(command, subject.processes));
    Examination {
        distribution,
        findings,
        install,
    }
}

/// What a build of a recipe lacks of tools and libraries, and a boot, before
/// either begins; all of it in one failure. Libraries are tried only when
/// something is to be looked at closely: that takes a moment.
pub(crate) fn lacking(subject: &Subject, boots: bool, closely: bool) -> Option<Failure> {
    let arch = subject.plan.map_or(Arch::I386, |plan| plan.board.arch);
    if !closely && !needs::lacks_program(subject, arch, boots) {
        return None;
    }
    let emulator = arch.facts().qemu;
    let mut findings = needs::tools(subject, arch);
    findings
        .retain(|finding| finding.level == Level::Lacking && (boots || finding.what != emulator));
    let names: Vec<&str> = findings.iter().map(|finding| &*finding.what).collect();
    let (last, others) = names.split_last()?;
    let message = if !others.is_empty() {
        format!("{} and {last} are missing", others.join(", "))
    } else if findings
        .iter()
        .all(|finding| finding.found == needs::NOT_INSTALLED)
    {
        format!("{last} is not installed")
    } else {
        format!("{last}: {}", findings.first()?.found)
    };
    let install: Vec<&str> = findings
        .iter()
        .filter_map(|f| f.install.as_deref())
        .collect();
    let command = Distribution::of_this_machine().install_command(&install);
    let all = "`tuxling doctor RECIPE` says all that is missing";
    let help = match command {
        Some(command) => format!("{}; {all}", with_gcc_version(command, subject.processes)),
        None => all.to_owned(),
    };
    Some(Failure::new(Kind::Machine, message).help(help))
}

/// Debian has a package of GCC's 32-bit part for each version of it.
fn with_gcc_version(command: String, processes: &Processes) -> String {
    let output = processes.run(&Cmd::new("gcc").arg("-dumpversion"));
    let text = output.map(|o| o.text()).unwrap_or_default();
    let major = text.split('.').next().filter(|m| !m.is_empty());
    command.replace(
        "lib32gcc-N-dev",
        &format!("lib32gcc-{}-dev", major.unwrap_or("N")),
    )
}

/// The first line that a program prints about its version.
fn version(processes: &Processes, program: &str) -> Option<String> {
    let output = processes.run(&Cmd::new(program).arg("--version")).ok()?;
    Some(output.text().lines().next()?.trim().to_owned())
}

fn kvm(subject: &Subject, arch: Arch) -> Finding {
    let device = Path::new("/dev/kvm");
    let what = "/dev/kvm";
    let slow = "boots go by QEMU's translator, some times slower";
    if !device.exists() {
        return Finding::new(Level::Hint, what, format!("is not there: {slow}"))
            .help("turn virtualisation on in the firmware, or nested virtualisation in the host");
    }
    if !arch.facts().kvm_hosts.contains(&std::env::consts::ARCH) {
        let name = arch.facts().name;
        let found = format!("is there, but this processor can't run {name}: {slow}");
        return Finding::new(Level::Fine, what, found);
    }
    if !qemu::kvm_opens(arch) {
        return Finding::new(Level::Hint, what, format!("can't be opened: {slow}"))
            .help("become a member of its group: usermod -aG kvm USER, and log in again");
    }
    let works = tempfile::tempdir().ok().and_then(|dir| {
        let probed = Accelerator::probe(subject.processes, arch, dir.path());
        probed.ok()
    });
    match works {
        Some(Accelerator::Kvm) => Finding::new(Level::Fine, what, "works"),
        Some(Accelerator::Tcg) => Finding::new(
            Level::Hint,
            what,
            format!("opens, but a machine doesn't run in it: {slow}"),
        )
        .help("this happens in virtual machines without nested virtualisation"),
        None => Finding::new(Level::Fine, what, "opens; without QEMU it can't be tried"),
    }
}

fn room(subject: &Subject) -> Vec<Finding> {
    let places = [
        ("room in the cache", subject.cache, ROOM, LEAST_ROOM),
        (
            "room for the outputs",
            subject.output,
            Bytes::mib(64),
            Bytes::mib(16),
        ),
    ];
    let look = |(what, path, wanted, least): (&str, &Path, Bytes, Bytes)| {
        let there = nearest(path);
        let about = rustix::fs::statvfs(&there).ok()?;
        let free = Bytes(about.f_bavail.saturating_mul(about.f_frsize));
        let found = format!("{} free in {}", mib(free), there.display());
        let finding = |level| Finding::new(level, what, found.clone());
        Some(match free {
            free if free < least => finding(Level::Lacking).help(format!(
                "at least {} are needed: `tuxling cache gc`",
                mib(least)
            )),
            free if free < wanted => finding(Level::Hint).help(format!(
                "a first build takes up to {}: `tuxling cache gc`, or set TUXLING_CACHE",
                mib(wanted)
            )),
            _ => finding(Level::Fine),
        })
    };
    places.into_iter().filter_map(look).collect()
}

/// A path, or what of it is there.
fn nearest(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|p| p.exists());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn memory() -> Option<Finding> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = Bytes::kib(meminfo(&text, "MemAvailable")?);
    let total = Bytes::kib(meminfo(&text, "MemTotal")?);
    let found = format!("{} of {} available", mib(available), mib(total));
    Some(if available < MEMORY {
        Finding::new(Level::Hint, "memory", found)
            .help("builds may run out of it: fewer jobs (-j1) take less")
    } else {
        Finding::new(Level::Fine, "memory", found)
    })
}

fn meminfo(text: &str, key: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn mib(bytes: Bytes) -> String {
    format!("{} MiB", host::units::grouped(bytes.0 >> 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kib() {
        let text = "MemTotal:       100 kB\nMemAvailable:    7 kB\n";
        assert_eq!(meminfo(text, "MemAvailable"), Some(7));
        assert_eq!(meminfo(text, "Mem"), None);
        assert_eq!(meminfo("MemTotal: x kB", "MemTotal"), None);
    }

    #[test]
    fn every_tool_of_every_architecture_is_in_the_table() {
        for arch in Arch::ALL {
            let facts = arch.facts();
            let compilers = facts.cross_prefixes.iter().map(|p| format!("{p}gcc"));
            for tool in compilers.chain([facts.qemu.to_owned()]) {
                assert!(Distribution::Debian.package(&tool).is_some(), "{tool}");
            }
        }
    }
}
