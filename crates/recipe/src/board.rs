//! Boards: one TOML file each, built in or the user's own.
//!
//! docs/recipe.md describes the file's keys.

mod flash_memory;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use host::units::Bytes;
use kconfig::dotconfig::is_option_name;
use serde::Serialize;

use self::flash_memory::FLASH;
use super::arch::{Arch, TrapDevices};
use crate::asker::Asker;
use crate::diagnostic::{Place, Placed, Problem, Problems, Wrong};
use crate::drive::Drive;
use crate::files::Files;
use crate::firmware::{self, FIRMWARE, Firmware};
use crate::medium::Form;
use crate::pci::{self, PciDevice};
use crate::stop::{self, STOP, Stop};
use crate::table::{self, Family, Schema, Table};
use crate::{fragment, words};

pub use self::flash_memory::{BoardFile, Flash};

/// The boards that come with tuxling.
const BUILT_IN: &[(&str, &str)] = &[
    ("pc", include_str!("../boards/pc.toml")),
    (
        "pc-no-console",
        include_str!("../boards/pc-no-console.toml"),
    ),
    ("pc64", include_str!("../boards/pc64.toml")),
    ("microvm", include_str!("../boards/microvm.toml")),
    ("virt-aarch64", include_str!("../boards/virt-aarch64.toml")),
    ("virt-armv7", include_str!("../boards/virt-armv7.toml")),
    ("versatilepb", include_str!("../boards/versatilepb.toml")),
    ("mps2-an385", include_str!("../boards/mps2-an385.toml")),
    ("mps2-an386", include_str!("../boards/mps2-an386.toml")),
    ("mps2-an500", include_str!("../boards/mps2-an500.toml")),
];

/// The files that they name.
const BUILT_IN_FILES: &[(&str, &str)] = &[
    ("mps2.S", include_str!("../boards/mps2.S")),
    ("mps2.dts", include_str!("../boards/mps2.dts")),
];

/// QEMU rounds the size of RAM up to this (softmmu/vl.c,
/// set_memory_options()).
const QEMU_STEP: Bytes = Bytes::kib(8);

/// What a board's `console` says where there is none.
const NO_CONSOLE: &str = "none";

/// The step where the board says nothing.
const MEMORY_STEP: Bytes = Bytes::kib(16);

/// With less RAM no kernel that is loaded into it gets as far as saying so.
const LEAST_LOADED: Bytes = Bytes::mib(1);

/// The same for one that is executed in flash memory: its pages are of 4 KiB.
const LEAST_IN_PLACE: Bytes = Bytes::kib(16);

/// No kernel can be configured for more CPUs (`NR_CPUS` in arch/x86/Kconfig).
pub(crate) const MOST_CPUS: u32 = 8192;

static BOARD: Schema = Schema {
    header: "",
    keys: &[
        "description",
        "arch",
        "machine",
        "cpu",
        "device-tree",
        "qemu-args",
        "console",
        "cmdline",
        "machine-cmdline",
        "memory",
        "memory-step",
        "memory-most",
        "cpus-most",
        "options",
        "drivers",
        "pci",
        "channel",
        "nic",
        "disk",
        "flash",
        "stop",
        "firmware",
    ],
};
static CHANNEL: Schema = Schema {
    header: "[channel]",
    keys: &["serial", "devices", "major", "minor"],
};
static NIC: Schema = Schema {
    header: "[[nic]]",
    keys: &["model", "device", "options", "pci"],
};

static DISK: Schema = Schema {
    header: "[[disk]]",
    keys: &["model", "device", "name", "minors", "cmdline", "options"],
};

/// All kinds of tables of a board's file.
pub static SCHEMAS: Family = &[&BOARD, &CHANNEL, &NIC, &DISK, &FLASH, &STOP, &FIRMWARE];

/// One machine that QEMU boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Board {
    /// Its name: `pc`.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// Its architecture.
    pub arch: Arch,
    /// QEMU's `-machine`.
    pub machine: String,
    /// Its CPU model where a recipe says none; QEMU's own default when `None`.
    /// What is booted has it from the plan.
    #[serde(skip)]
    pub cpu: Option<String>,
    /// The kernel's name of its device tree, without `.dts`; `None` where the
    /// machine describes itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_tree: Option<String>,
    /// Further arguments for QEMU.
    pub qemu_args: Vec<String>,
    /// The console that the kernel is told: `ttyS0`. `None` where it has none, and
    /// says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// Further words of the command line where the recipe has none of its own.
    /// What is booted has them from the plan.
    #[serde(skip)]
    pub cmdline: String,
    /// Parameters that the machine adds to the command line by itself: a pruned
    /// kernel keeps what reads them. Not part of what is booted.
    #[serde(skip)]
    pub machine_cmdline: String,
    /// The device through which the checks talk to the host. `None` where there
    /// is no room for an agent: what boots is what is shipped, and its checks
    /// are typed at the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The memory in which kernel and files are used where they are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<Flash>,
    /// What a trap of a pruned kernel may use. Not part of what is booted, but of
    /// what is linked.
    #[serde(skip)]
    pub stop: Stop,
    /// Models of network cards that a recipe may name; the first is the default.
    pub nics: Vec<Nic>,
    /// Kinds of disks that a recipe may name; the first is the default. What is
    /// booted has them from the plan.
    #[serde(skip)]
    pub drives: Vec<Drive>,
    /// RAM when the recipe says nothing.
    pub memory: Bytes,
    /// The distance between two sizes of RAM that differ for the machine and
    /// are told apart by `tuxling ram`. Not part of what is booted.
    #[serde(skip)]
    pub memory_step: Bytes,
    /// The largest RAM that the machine can have. Not part of what is booted.
    #[serde(skip)]
    pub memory_most: Bytes,
    /// The largest number of CPUs that the machine can have. Not part of what is
    /// booted.
    #[serde(skip)]
    pub cpus_most: u32,
    /// Kconfig symbols that the board can't do without, as fragment lines.
    pub options: String,
    /// The devices of its PCI bus but for network cards; empty where it doesn't
    /// say. Not part of what is booted.
    #[serde(skip)]
    pub pci: Vec<PciDevice>,
    /// The drivers of what is on the board or can be plugged into it, without
    /// `CONFIG_`. Not part of what is booted.
    #[serde(skip)]
    pub drivers: Vec<String>,
    /// What boots it from a medium. Not part of what is booted without one.
    #[serde(skip)]
    pub firmware: Vec<Firmware>,
}

/// A character device of the guest's that belongs to the checks alone: nothing
/// that a system prints can be taken for a result, and no result shows up on
/// the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Channel {
    /// What QEMU is told.
    #[serde(flatten)]
    pub port: Port,
    /// Its device number in the guest.
    pub major: u32,
    /// Its device number in the guest.
    pub minor: u32,
}

/// How QEMU gets a channel's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// One that the machine has: which of QEMU's `-serial` arguments it is, from
    /// 0; the console is 0.
    Serial(u32),
    /// One that is plugged in: QEMU's `-device` arguments, one of them with
    /// `chardev=channel`.
    Devices(Vec<String>),
}

/// A model of network card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nic {
    /// Its name in recipes, and QEMU's where it sits on the board or on a bus
    /// that `-nic` knows: `e1000`.
    pub model: String,
    /// What is plugged in by `-device`, where `-nic` can't: `virtio-net-device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Kconfig symbols that drive it, as fragment lines.
    pub options: String,
    /// What it is on a PCI bus. Not part of what is booted.
    #[serde(skip)]
    pub pci: Option<PciDevice>,
}

/// The names of the built-in boards.
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(name, _)| *name).collect()
}

/// A built-in board.
pub fn built_in(name: &str) -> Option<Board> {
    let (name, text) = BUILT_IN.iter().find(|(board, _)| *board == name)?;
    let problems = Problems::default();
    read(
        &problems,
        name,
        &format!("{name}.toml"),
        text,
        &built_in_file,
    )
}

/// The board that a recipe names: a built-in one, or the path of a file.
/// `None` when it can't be used; why is among the problems.
pub fn load(problems: &Problems, files: &Files, wanted: &Placed<String>) -> Option<Board> {
    let name = wanted.value.as_str();
    let built_in = BUILT_IN.iter().find(|(board, _)| *board == name);
    if let Some((name, text)) = built_in {
        return read(
            problems,
            name,
            &format!("{name}.toml"),
            text,
            &built_in_file,
        );
    }
    if !name.contains('/') && !name.ends_with(".toml") {
        let help = match words::nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "known are {}; a path ends in .toml or has a `/`",
                words::list(&names())
            ),
        };
        let message = format!("there is no board `{name}`");
        problems.push(Problem::at(&wanted.place, message).help(help));
        return None;
    }
    let text = problems.take(&wanted.place, files.text(name))?;
    let stem = std::path::Path::new(name).file_stem().unwrap_or_default();
    // Its own files stand beside it.
    let beside = |file: &str| {
        let folder = std::path::Path::new(name).parent();
        let file: std::path::PathBuf = folder.map_or_else(|| file.into(), |f| f.join(file));
        files.text(&file.to_string_lossy())
    };
    read(problems, &stem.to_string_lossy(), name, &text, &beside)
}

/// Gives the text of a file that a board names.
type FileReader<'a> = &'a dyn Fn(&str) -> Result<String, Wrong>;

fn built_in_file(name: &str) -> Result<String, Wrong> {
    let found = BUILT_IN_FILES.iter().find(|(file, _)| *file == name);
    let text = found.map(|(_, text)| (*text).to_owned());
    text.ok_or_else(|| Wrong::new(format!("there is no built-in file `{name}`")))
}

/// A board from its text. `name` is the board's, `shown` the file's.
fn read(
    problems: &Problems,
    name: &str,
    shown: &str,
    text: &str,
    files: FileReader<'_>,
) -> Option<Board> {
    let source = problems.add_source(shown, text);
    let board = table::parse(problems, source, text, |problems, entries| {
        let place = Place::start_of(source);
        let top = Table::new(problems, &BOARD, SCHEMAS, place, entries);
        read_top(problems, &top, name, files)
    });
    board.flatten()
}

fn read_top(
    problems: &Problems,
    top: &Table<'_>,
    name: &str,
    files: FileReader<'_>,
) -> Option<Board> {
    let architectures: Vec<(&str, Arch)> = Arch::ALL
        .iter()
        .map(|&arch| (arch.facts().name, arch))
        .collect();
    require(problems, top, &["arch", "machine", "console", "memory"]);
    let silent = top.text("console").is_some_and(|t| t.value == NO_CONSOLE);
    if silent || !top.has("flash") {
        require(problems, top, &["channel"]);
    }
    let nics = each(top.tables("nic", &NIC), |t| read_nic(problems, t));
    let drives = each(top.tables("disk", &DISK), |t| read_drive(problems, t));
    let firmware = top.tables("firmware", &FIRMWARE);
    let firmware = each(firmware, |t| firmware::read(problems, t));
    let text = |key| top.text(key).map(|t| t.value);
    let arguments = top.texts("qemu-args").map(|list| list.value);
    let (arch, machine, console) = (
        top.word("arch", &architectures),
        text("machine"),
        text("console"),
    );
    let memory = top.parsed("memory", words::bytes);
    let flash = top.table("flash", &FLASH);
    let flash = flash.map(|t| flash_memory::read(problems, &t, files));
    let memory_most = top.parsed("memory-most", words::bytes);
    let stop = top.table("stop", &STOP).map(|t| stop::read(problems, &t));
    let channel = top
        .table("channel", &CHANNEL)
        .map(|t| read_channel(problems, &t));
    Some(Board {
        name: name.to_owned(),
        description: text("description").unwrap_or_default(),
        options: options(problems, top),
        cpus_most: cpus_most(top),
        memory_most: memory_most.map_or_else(|| arch_most(arch.as_ref()), |most| most.value),
        arch: arch?.value,
        machine: machine?,
        cpu: text("cpu"),
        device_tree: top.parsed("device-tree", words::file_name).map(|t| t.value),
        qemu_args: arguments.into_iter().flatten().map(|a| a.value).collect(),
        console: Some(console?).filter(|name| name != NO_CONSOLE),
        cmdline: text("cmdline").unwrap_or_default(),
        machine_cmdline: text("machine-cmdline").unwrap_or_default(),
        channel: whole(channel)?,
        flash: whole(flash)?,
        stop: stop.unwrap_or_default(),
        nics: nics?,
        drives: drives?,
        memory: memory?.value,
        memory_step: memory_step(top),
        pci: pci::list(problems, top),
        drivers: drivers(problems, top),
        firmware: firmware?,
    })
}

/// All tables of a kind; `None` when one of them is wrong. All are read, so that
/// all of their errors are told.
fn each<T>(tables: Vec<Table<'_>>, read: impl Fn(&Table<'_>) -> Option<T>) -> Option<Vec<T>> {
    let all: Vec<Option<T>> = tables.iter().map(read).collect();
    all.into_iter().collect()
}

/// The largest number of CPUs.
fn cpus_most(top: &Table<'_>) -> u32 {
    let most = top.integer("cpus-most", 1..MOST_CPUS + 1);
    most.map_or(1, |most| most.value)
}

/// The distance between two sizes of RAM.
fn memory_step(top: &Table<'_>) -> Bytes {
    let least = if top.has("flash") {
        Bytes(1)
    } else {
        QEMU_STEP
    };
    let step = top.parsed("memory-step", words::bytes);
    step.map_or(MEMORY_STEP, |step| step.value.max(least))
}

/// A part of a board that may be left out, but not be wrong.
fn whole<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}

fn require(problems: &Problems, table: &Table<'_>, keys: &[&str]) {
    for key in keys {
        if !table.has(key) {
            let message = format!("`{key}` is missing");
            let help = "docs/recipe.md has a whole board to begin with";
            problems.push(Problem::at(&table.place(), message).help(help));
        }
    }
}

/// The largest RAM where the board says nothing: what addresses of the
/// architecture's words reach, or a terabyte.
fn arch_most(arch: Option<&Placed<Arch>>) -> Bytes {
    match arch.map(|arch| arch.value.facts().bits) {
        Some(32) => Bytes(4 << 30),
        _ => Bytes(1 << 40),
    }
}

/// The drivers of a board; what is no symbol's name is a problem.
fn drivers(problems: &Problems, table: &Table<'_>) -> Vec<String> {
    let list = table
        .texts("drivers")
        .map_or_else(Vec::new, |list| list.value);
    for one in &list {
        if !is_option_name(&one.value) || one.value.starts_with("CONFIG_") {
            let message = format!("`{}` is not the name of a symbol", one.value);
            let help = "write it without CONFIG_: VIRTIO_PCI";
            problems.push(Problem::at(&one.place, message).help(help));
        }
    }
    list.into_iter().map(|one| one.value).collect()
}

impl Board {
    /// The least RAM that a recipe may give it.
    pub fn memory_least(&self) -> Bytes {
        match self.flash {
            Some(_) => LEAST_IN_PLACE,
            None => LEAST_LOADED,
        }
    }

    /// All devices of its PCI bus, with that card; `None` where it isn't known.
    pub fn pci_devices(&self, nic: Option<&str>) -> Option<Vec<PciDevice>> {
        let mut all = self.pci.clone();
        if all.is_empty() {
            return None;
        }
        if let Some(model) = nic {
            let nic = self.nics.iter().find(|nic| nic.model == model)?;
            all.push(nic.pci?);
        }
        Some(all)
    }

    /// Whether a trap of a pruned kernel is told on its console.
    pub fn tells_traps(&self) -> bool {
        match self.arch.facts().trap_console {
            TrapDevices::Alike => true,
            TrapDevices::Board => self.stop.uart.is_some(),
            TrapDevices::Unknown => false,
        }
    }

    /// Whether a trap of a pruned kernel can reset it.
    pub fn resets(&self) -> bool {
        match self.arch.facts().trap_reset {
            TrapDevices::Alike => true,
            TrapDevices::Board => !self.stop.reset.is_empty(),
            TrapDevices::Unknown => false,
        }
    }

    /// What boot loaders add to the command line of its kernels by themselves, as far
    /// as its firmware boots media that have one.
    pub fn loader_words(&self) -> &'static str {
        let forms = self.firmware.iter().flat_map(|one| &one.boots);
        let words = forms.map(|form| form.loader_words());
        words.max_by_key(|words| words.len()).unwrap_or_default()
    }

    /// What boots a medium on it.
    pub fn firmware_of(&self, form: Form) -> Option<&Firmware> {
        self.firmware.iter().find(|one| one.boots.contains(&form))
    }

    /// The symbols of what the board has: its drivers, and what it and its
    /// network cards ask for.
    pub fn hardware(&self) -> BTreeSet<String> {
        let nics = self.nics.iter().map(|nic| &nic.options);
        let drives = self.drives.iter().map(|drive| &drive.options);
        let lines = nics
            .chain(drives)
            .chain([&self.options])
            .flat_map(|options| {
                let by = Asker::Board(self.name.clone());
                fragment::trusted(options, &by)
            });
        let asked = lines
            .filter(|line| line.value == "y")
            .map(|line| line.symbol);
        asked.chain(self.drivers.iter().cloned()).collect()
    }
}

/// The Kconfig lines of a table; those that are none are problems.
fn options(problems: &Problems, table: &Table<'_>) -> String {
    let Some(options) = table.text("options") else {
        return String::new();
    };
    fragment::typed(problems, &options, "options");
    options.value
}

fn read_channel(problems: &Problems, table: &Table<'_>) -> Option<Channel> {
    require(problems, table, &["major", "minor"]);
    let port = read_port(problems, table);
    let major = table.integer("major", 1..4096);
    let minor = table.integer("minor", 0..1_048_576);
    Some(Channel {
        port: port?,
        major: major?.value,
        minor: minor?.value,
    })
}

fn read_port(problems: &Problems, table: &Table<'_>) -> Option<Port> {
    let serial = table.integer("serial", 1..16).map(|n| n.value);
    let devices = table.texts("devices");
    match (serial, devices) {
        (Some(serial), None) => Some(Port::Serial(serial)),
        (None, Some(list)) => {
            let devices: Vec<String> = list.value.into_iter().map(|d| d.value).collect();
            if devices.iter().any(|d| names_the_channel(d)) {
                return Some(Port::Devices(devices));
            }
            let message = "none of the devices is the channel's";
            let help =
                "write `chardev=channel` into the port's, such as \"virtconsole,chardev=channel\"";
            problems.push(Problem::at(&list.place, message).help(help));
            None
        }
        (None, None) if table.has("serial") || table.has("devices") => None, // told already
        _ => {
            let message = "a channel has either `serial` or `devices`";
            let help = "`serial` is one of the machine's own ports, `devices` plugs one in";
            problems.push(Problem::at(&table.place(), message).help(help));
            None
        }
    }
}

/// Whether one of QEMU's `-device` arguments is given the channel's back end.
fn names_the_channel(device: &str) -> bool {
    device.split(',').skip(1).any(|o| o == "chardev=channel")
}

fn read_nic(problems: &Problems, table: &Table<'_>) -> Option<Nic> {
    require(problems, table, &["model"]);
    let options = options(problems, table);
    Some(Nic {
        model: table.text("model")?.value,
        device: table.text("device").map(|d| d.value),
        options,
        pci: table.parsed("pci", pci::device).map(|d| d.value),
    })
}

fn read_drive(problems: &Problems, table: &Table<'_>) -> Option<Drive> {
    require(problems, table, &["model", "device", "name", "minors"]);
    let options = options(problems, table);
    let device = table.text("device")?;
    if !device.value.contains("drive={drive}") {
        let message = "`device` doesn't say which drive it is";
        let help = "it has drive={drive} in it: device = \"virtio-blk-device,drive={drive}\"";
        problems.push(Problem::at(&device.place, message).help(help));
    }
    Some(Drive {
        model: table.text("model")?.value,
        device: device.value,
        name: table.text("name")?.value,
        minors: table.integer("minors", 1..257)?.value,
        cmdline: table
            .text("cmdline")
            .map_or_else(String::new, |word| word.value),
        options,
    })
}
