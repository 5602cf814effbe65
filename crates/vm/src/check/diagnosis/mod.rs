//! Diagnoses: why a boot went wrong, and what mends it.
//!
//! A diagnosis is given only when its cause is shown: by what the console or a
//! check printed, *and* by what is known otherwise: the resolved configuration,
//! the ramdisk's content, the machine, the wire. What would contradict it is
//! looked at, too. docs/diagnoses.md has each of them, with its evidence for and
//! against. Pure: [`Known`] comes in, the list goes out.

mod calls;
mod cmdline;
mod devices;
mod features;
mod host;
mod init;
pub mod listing;
mod mounts;
mod network;
mod signals;
mod startup_files;
mod unpacking;
mod userland;

use recipe::config::Values;
use recipe::plan::{NetworkMode, NetworkPlan};
use record::{CheckOutcome, CheckRecord, Diagnosis, Outcome};

use crate::check::wire::DhcpTraffic;
use listing::Listing;

/// All that is known of a boot that has ended.
#[derive(Debug)]
pub struct Known<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// What the console printed.
    pub console: &'a str,
    /// The kernel's command line, as the recipe has it.
    pub cmdline: &'a str,
    /// The init that the kernel or the agent was to start.
    pub init: &'a str,
    /// The errno with which the agent could not execute it.
    pub no_init: Option<i32>,
    /// Every check.
    pub checks: &'a [CheckRecord],
    /// What was seen of DHCP on the wire.
    pub dhcp: DhcpTraffic,
    /// How the system is connected.
    pub network: &'a NetworkPlan,
    /// The kernel's resolved configuration.
    pub config: &'a Values,
    /// What the ramdisk holds; `None` when it can't be read.
    pub ramdisk: Option<&'a Listing>,
    /// What an ELF file of this kernel's own kind says of its machine.
    pub kernel: Option<startup::Elf>,
    /// Where the linked kernel ends in physical memory, in bytes.
    pub kernel_end: Option<u64>,
    /// The machine's RAM, in bytes.
    pub memory: u64,
    /// The board's console: `ttyS0`; `None` where it has none.
    pub board_console: Option<&'a str>,
    /// The model of the machine's processor, where one was named.
    pub cpu: Option<&'a str>,
    /// QEMU's name of the network card's device: `virtio-net-device`.
    pub nic_device: Option<&'a str>,
    /// Symbols that the board can't do without.
    pub board_symbols: &'a [String],
    /// What QEMU said when it failed.
    pub qemu_said: Option<&'a str>,
    /// QEMU's version.
    pub qemu_version: Option<&'a str>,
    /// Whether KVM ran the machine.
    pub kvm: bool,
}

impl Known<'_> {
    fn on(&self, symbol: &str) -> bool {
        self.config.get(symbol) == "y"
    }

    /// A line of the configuration, as evidence.
    fn setting(&self, symbol: &str) -> String {
        match self.config.get(symbol) {
            "n" => format!("the kernel's configuration: # CONFIG_{symbol} is not set"),
            value => format!("the kernel's configuration: CONFIG_{symbol}={value}"),
        }
    }

    /// The first line that was printed with this text, on the console or by a
    /// check that did not pass.
    fn line(&self, text: &str) -> Option<String> {
        let failed = |check: &&CheckRecord| {
            matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::TimedOut)
        };
        let console = self.console.lines().find(|line| line.contains(text));
        let console = console.map(|line| format!("the console: {}", line.trim()));
        console.or_else(|| {
            let mut checks = self.checks.iter().filter(failed);
            let check = checks.find(|check| check.detail.contains(text))?;
            Some(format!("the check {}: {}", check.name, check.detail))
        })
    }

    fn first_line(&self, texts: &[&str]) -> Option<String> {
        texts.iter().find_map(|text| self.line(text))
    }

    /// Every line that was printed, with who printed it: on the console, or by a
    /// check that did not pass.
    fn printed(&self) -> Vec<(String, &str)> {
        let failed = |check: &&CheckRecord| {
            matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::TimedOut)
        };
        let console = self
            .console
            .lines()
            .map(|line| ("the console".to_owned(), line.trim()));
        let checks = self.checks.iter().filter(failed).flat_map(|check| {
            let detail = check.detail.split(" (attempt ").next().unwrap_or_default();
            let output = detail
                .split_once("it printed: ")
                .map_or(detail, |(_, output)| output);
            let lines = output.split(" | ").map(str::trim);
            lines.map(|line| (format!("the check {}", check.name), line))
        });
        console
            .chain(checks)
            .filter(|(_, line)| !line.is_empty())
            .collect()
    }

    fn has_network(&self) -> bool {
        self.network.mode != NetworkMode::None
    }
}

/// A diagnosis from its parts.
fn diagnosis(
    id: &str,
    cause: impl Into<String>,
    evidence: impl IntoIterator<Item = String>,
    mend: impl Into<String>,
) -> Diagnosis {
    Diagnosis {
        id: id.to_owned(),
        cause: cause.into(),
        evidence: evidence.into_iter().collect(),
        mend: mend.into(),
    }
}

/// All causes that are shown, the nearest to the root first.
pub fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all = host::diagnose(known);
    let unpacking = unpacking::diagnose(known);
    // What wasn't unpacked has no init either: that one is no cause.
    if unpacking.is_empty() {
        all.extend(init::diagnose(known))
    } else {
        all.extend(unpacking)
    }
    all.extend(cmdline::diagnose(known));
    let startup = startup_files::diagnose(known);
    let explained = !startup.is_empty();
    all.extend(startup);
    all.extend(userland::diagnose(known, explained));
    all.extend(mounts::diagnose(known));
    all.extend(features::diagnose(known));
    all.extend(signals::diagnose(known));
    all.extend(devices::diagnose(known));
    let network = network::diagnose(known);
    let lease = network.iter().any(|one| one.id == "dhcp-without-packet");
    all.extend(network);
    let calls = calls::diagnose(known);
    // The lease's own is nearer to the root.
    all.extend(
        calls
            .into_iter()
            .filter(|one| !(lease && one.mend.contains("CONFIG_PACKET="))),
    );
    all
}

#[cfg(test)]
mod tests;
