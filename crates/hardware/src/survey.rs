//! What a running machine shows of itself, packed so that another machine can
//! find its drivers. Only what is named here is kept, and nothing that tells
//! whose machine it is: no serial numbers, no addresses, no host name, no UUIDs,
//! no paths of people's files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inventory::{Device, Inventory, kind_of};
use crate::listing;
use crate::personal::{GONE, scrubbed};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.hw/1";

/// What a machine shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// The format.
    pub schema: String,
    /// The kernel that ran, as uname -r has it.
    pub kernel: String,
    /// The words of the firmware for the machine: maker, product, board.
    pub dmi: BTreeMap<String, String>,
    /// What /proc/cpuinfo says of the first processor.
    pub cpu: BTreeMap<String, String>,
    /// The kernel's command line; values that may be personal are left out.
    pub cmdline: String,
    /// Every device that has a modalias.
    pub devices: Vec<SurveyedDevice>,
    /// The modules that are loaded, and which of them use each.
    pub modules: BTreeMap<String, Vec<String>>,
    /// Who has interrupts.
    pub interrupts: Vec<String>,
    /// The file systems that are mounted, by where; places of people's own are
    /// left out.
    pub mounts: Vec<Mount>,
    /// The firmware files that the kernel's log names, where it can be read.
    pub firmware: BTreeSet<String>,
    /// The running kernel's configuration, without its texts.
    pub config: Vec<String>,
}

/// One device of a survey.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurveyedDevice {
    /// Its bus and its name there: `pci 0000:00:1f.2`.
    pub at: String,
    /// Its modalias.
    pub modalias: String,
    /// The driver that has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub driver: Option<String>,
    /// The module that the driver is in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub module: Option<String>,
}

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// What is mounted: a device, or the kind of it.
    pub from: String,
    /// Where.
    pub at: String,
    /// Its kind.
    pub kind: String,
}

/// Kinds of file systems whose data is on other machines.
const REMOTE: &[&str] = &["9p", "ceph", "cifs", "nfs", "nfs4", "smb3"];

impl Mount {
    /// Whether it is no file system of the kernel's own making.
    fn holds_data(&self) -> bool {
        self.from.starts_with("/dev/") || REMOTE.contains(&self.kind.as_str())
    }
}

/// What is kept of DMI; none of the others is looked at.
const DMI: &[&str] = &[
    "bios_vendor",
    "bios_version",
    "board_name",
    "board_vendor",
    "board_version",
    "chassis_type",
    "chassis_vendor",
    "product_family",
    "product_name",
    "product_version",
    "sys_vendor",
];

/// What is kept of /proc/cpuinfo.
const CPU: &[&str] = &[
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "microcode",
    "flags",
    "bugs",
    "Features",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "Hardware",
    "isa",
    "mmu",
];

/// Words of a command line whose values are about hardware alone.
const PLAIN_VALUES: &[&str] = &[
    "acpi",
    "acpi_osi",
    "amd_iommu",
    "apic",
    "clocksource",
    "console",
    "earlyprintk",
    "i8042",
    "intel_iommu",
    "intel_idle.max_cstate",
    "iommu",
    "libata.force",
    "loglevel",
    "maxcpus",
    "mem",
    "mitigations",
    "nmi_watchdog",
    "panic",
    "pci",
    "pcie_aspm",
    "reboot",
    "rootfstype",
    "rootwait",
    "tsc",
    "usbcore.autosuspend",
    "video",
    "vga",
];

/// Where file systems are mounted on every machine.
const COMMON_PLACES: &[&str] = &[
    "/",
    "/boot",
    "/boot/efi",
    "/dev",
    "/dev/shm",
    "/dev/pts",
    "/efi",
    "/home",
    "/opt",
    "/proc",
    "/run",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/local",
    "/var",
    "/var/log",
];

/// How deep folders of /sys are looked into: devices stand in each other.
const DEPTH: usize = 32;

impl Survey {
    /// What the machine shows whose files stand below `root`. What can't be read
    /// is left out. `log` is the kernel's log, where there is one to be had.
    pub fn of(root: &Path, log: &str) -> Survey {
        let read = |path: &str| lossy(&root.join(path));
        let names = names(root);
        let mut devices = BTreeSet::new();
        modaliases(&root.join("sys/devices"), 0, &mut devices);
        let clean = |text: &str| scrubbed(text.trim(), &names);
        Survey {
            schema: SCHEMA.to_owned(),
            kernel: clean(&read("proc/sys/kernel/osrelease")),
            dmi: dmi(root, &clean),
            cpu: cpu(&read("proc/cpuinfo")),
            cmdline: cmdline(&read("proc/cmdline"), &clean),
            devices: shown(devices, &names, &clean),
            modules: modules(&read("proc/modules")),
            interrupts: interrupts(&read("proc/interrupts"), &clean),
            mounts: mounts(&read("proc/mounts"), &clean),
            firmware: listing::read(log).firmware,
            config: config(root),
        }
    }

    /// The survey as the text of a file.
    ///
    /// # Errors
    /// Never in practice: all of it is text.
    pub fn to_text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Of PCs: whether the processor knows long mode (arch/x86, cpufeatures.h).
    fn bits(&self) -> Option<u32> {
        let flags = self.cpu.get("flags")?;
        let long = flags.split_whitespace().any(|flag| flag == "lm");
        Some(if long { 64 } else { 32 })
    }

    /// The devices, and the file systems that hold the machine's own data.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = Inventory {
            firmware: self.firmware.clone(),
            bits: self.bits(),
            ..Inventory::default()
        };
        for device in &self.devices {
            let names = device.driver.iter().chain(&device.module);
            inventory.add(Device {
                at: device.at.clone(),
                name: kind_of(&device.modalias),
                modalias: device.modalias.clone(),
                in_use: names.cloned().collect(),
            });
        }
        for mount in self.mounts.iter().filter(|mount| mount.holds_data()) {
            inventory.add(Device {
                at: format!("mounted at {}", mount.at),
                name: format!("file system {}", mount.kind),
                modalias: format!("fs-{}", mount.kind),
                in_use: Vec::new(),
            });
        }
        inventory
    }
}

/// The inventory of a file: of one that [`Survey::to_text`] or [`SCRIPT`] wrote,
/// or of what [`listing::read`] reads.
///
/// # Errors
/// When the file is a survey that can't be understood.
pub fn read(text: &str) -> Result<Inventory, serde_json::Error> {
    if let Some(lines) = text.trim_start().strip_prefix(text::HEAD) {
        return Ok(text::read(lines).inventory());
    }
    if text.trim_start().starts_with('{') {
        let survey: Survey = serde_json::from_str(text)?;
        return Ok(survey.inventory());
    }
    Ok(listing::read(text))
}

fn lossy(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The names of the machine: its own, and that of its domain.
fn names(root: &Path) -> Vec<String> {
    let files = [
        "proc/sys/kernel/hostname",
        "proc/sys/kernel/domainname",
        "etc/hostname",
    ];
    let mut names = BTreeSet::new();
    for file in files {
        let name = lossy(&root.join(file)).trim().to_owned();
        let short = name.split('.').next().unwrap_or_default().to_owned();
        names.extend([name, short]);
    }
    let nobodys = ["", "(none)", "localhost", "debian", "linux", "pc", "vm"];
    names.retain(|name| !nobodys.contains(&name.to_lowercase().as_str()));
    names.into_iter().rev().collect()
}

/// The devices without what is personal, in the order of what is then left.
fn shown(
    devices: BTreeSet<SurveyedDevice>,
    names: &[String],
    clean: &dyn Fn(&str) -> String,
) -> Vec<SurveyedDevice> {
    let one = |device: SurveyedDevice| SurveyedDevice {
        at: clean(&device.at),
        modalias: without_names(&device.modalias, names),
        ..device
    };
    let shown: BTreeSet<_> = devices.into_iter().map(one).collect();
    shown.into_iter().collect()
}

/// A text without the machine's names alone: numbers in a modalias stay.
fn without_names(text: &str, names: &[String]) -> String {
    if text.starts_with("dmi:") {
        return scrubbed(text, names);
    }
    text.to_owned()
}

/// All devices below a folder of /sys that have a modalias.
fn modaliases(folder: &Path, depth: usize, found: &mut BTreeSet<SurveyedDevice>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let alias = lossy(&folder.join("modalias"));
    if !alias.trim().is_empty() {
        let link = |name: &str| {
            let target = fs::read_link(folder.join(name)).ok()?;
            Some(target.file_name()?.to_string_lossy().into_owned())
        };
        let own = folder.file_name().unwrap_or_default().to_string_lossy();
        found.insert(SurveyedDevice {
            at: format!("{} {own}", link("subsystem").unwrap_or_default())
                .trim()
                .to_owned(),
            modalias: alias.trim().to_owned(),
            driver: link("driver"),
            module: link("driver/module"),
        });
    }
    for entry in entries.flatten().filter(|_| depth < DEPTH) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            modaliases(&entry.path(), depth + 1, found);
        }
    }
}

fn dmi(root: &Path, clean: &dyn Fn(&str) -> String) -> BTreeMap<String, String> {
    let one = |name: &&str| {
        let text = clean(&lossy(&root.join("sys/class/dmi/id").join(name)));
        (!text.is_empty()).then(|| ((*name).to_owned(), text))
    };
    DMI.iter().filter_map(one).collect()
}

/// The first processor; the others are alike.
fn cpu(text: &str) -> BTreeMap<String, String> {
    let first = text.split("\n\n").next().unwrap_or_default();
    let pair = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let key = CPU.iter().find(|known| **known == key.trim())?;
        Some(((*key).to_owned(), value.trim().to_owned()))
    };
    first.lines().filter_map(pair).collect()
}

fn cmdline(text: &str, clean: &dyn Fn(&str) -> String) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some((key, _)) if !PLAIN_VALUES.contains(&key) => format!("{}={GONE}", clean(key)),
        _ => clean(word),
    };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ")
}

/// `ahci 49152 2 - Live 0x…` and `libahci 53248 1 ahci, Live 0x…`
fn modules(text: &str) -> BTreeMap<String, Vec<String>> {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let users = words.nth(2).unwrap_or("-");
        let users = users.split(',').filter(|user| !matches!(*user, "" | "-"));
        Some((name.to_owned(), users.map(str::to_owned).collect()))
    };
    text.lines().filter_map(one).collect()
}

/// The controllers and the drivers of interrupts, without how many there were.
fn interrupts(text: &str, clean: &dyn Fn(&str) -> String) -> Vec<String> {
    let one = |line: &str| {
        let (_, rest) = line.split_once(':')?;
        let words = rest.split_whitespace();
        let words: Vec<&str> = words
            .skip_while(|word| word.bytes().all(|b| b.is_ascii_digit()))
            .collect();
        (!words.is_empty()).then(|| clean(&words.join(" ")))
    };
    text.lines().skip(1).filter_map(one).collect()
}

fn mounts(text: &str, clean: &dyn Fn(&str) -> String) -> Vec<Mount> {
    let one = |line: &str| {
        let mut words = line.split_whitespace();
        let (from, at, kind) = (words.next()?, words.next()?, words.next()?);
        let name = from.strip_prefix("/dev/");
        let device = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let mapped = from.starts_with("/dev/mapper/");
        let from = match device {
            Some(name) => format!("/dev/{}", clean(name)),
            None if mapped => format!("/dev/mapper/{GONE}"),
            None if from == kind || from == "none" => kind.to_owned(),
            None => GONE.to_owned(),
        };
        let common = COMMON_PLACES.contains(&at);
        Some(Mount {
            from,
            at: if common {
                at.to_owned()
            } else {
                GONE.to_owned()
            },
            kind: kind.to_owned(),
        })
    };
    text.lines().filter_map(one).collect()
}

/// The lines of the kernel's configuration but for texts, which may name the
/// machine or its keys: as the kernel itself has it, or the distribution beside
/// the kernel.
fn config(root: &Path) -> Vec<String> {
    const LARGEST: u64 = 16 << 20;
    let mut text = String::new();
    let packed = fs::File::open(root.join("proc/config.gz")).and_then(|packed| {
        let mut unpacked = flate2::read::GzDecoder::new(packed).take(LARGEST);
        unpacked.read_to_string(&mut text)
    });
    if packed.is_err() {
        let version = lossy(&root.join("proc/sys/kernel/osrelease"));
        text = lossy(&root.join(format!("boot/config-{}", version.trim())));
    }
    let kept = |line: &&str| line.starts_with("CONFIG_") && !line.contains('"');
    text.lines().filter(kept).map(str::to_owned).collect()
}

/// The script that writes the same as text on machines without tuxling.
pub const SCRIPT: &str = include_str!("save.sh");

mod text;

#[cfg(test)]
mod tests;
