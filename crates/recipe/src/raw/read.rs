//! Reads the tables of a recipe.

use disk::Filesystem;
use initramfs::Compression;

use super::cflags;
use super::read_check::{read_check, read_exercise};
use super::read_source::read_sources;
use super::schema::{
    ADVERSITY, BUDGET, CHECK, EXERCISE, FILE, HARDWARE, INIT, INIT_FILE, KERNEL, MACHINE, NETWORK,
    PRUNE, RAMDISK, ROOT, ROOT_DATA, SCHEMAS, TOP, USERLAND,
};
use super::{
    Budget, File, Given, Init, Kernel, Machine, Mode, Network, Prune, Recipe, Root, RootData, Text,
    Userland,
};
use crate::also::MadeAs;
use crate::board::MOST_CPUS;
use crate::diagnostic::{Place, Placed, Problem, Problems, SourceId, Wrong};
use crate::plan::{
    Access, Libc, MissingCode, ModulesPlan, OnTrap, Placement, PruneLevel, Security,
};
use crate::serial_port::SerialPort;
use crate::table::{self, Table};
use crate::toolchain::Toolchain;
use crate::words::{self, one_line};

/// The words for `libc`.
const LIBRARIES: &[(&str, Libc)] = &[("musl", Libc::Musl), ("glibc", Libc::Glibc)];

/// The words for `compress`.
pub const COMPRESSIONS: &[(&str, Compression)] = &[
    ("none", Compression::None),
    ("gzip", Compression::Gzip),
    ("xz", Compression::Xz),
    ("lzma", Compression::Lzma),
    ("zstd", Compression::Zstd),
    ("lz4", Compression::Lz4),
    ("cm-fast", Compression::CmFast),
    ("cm", Compression::Cm),
    ("cm-best", Compression::CmBest),
];

/// Reads a recipe's text; `None` when it is not TOML.
pub fn read(problems: &Problems, source: SourceId, text: &str) -> Option<Recipe> {
    table::parse(problems, source, text, |problems, entries| {
        let place = Place::start_of(source);
        let top = Table::new(problems, &TOP, SCHEMAS, place, entries);
        read_top(problems, &top)
    })
}

fn read_top(problems: &Problems, top: &Table<'_>) -> Recipe {
    let ramdisk = top.table("ramdisk", &RAMDISK);
    let placements = [
        ("separate", Placement::Separate),
        ("builtin", Placement::Builtin),
        ("flash", Placement::Flash),
    ];
    let security = [("keep", Security::Keep), ("off", Security::Off)];
    let section = |key, schema| top.table(key, schema);
    let hardware = section("hardware", &HARDWARE);
    let made = [("built-in", MadeAs::BuiltIn), ("module", MadeAs::Module)];
    Recipe {
        place: top.place(),
        name: top.parsed("name", words::file_name),
        board: top.text("board"),
        security: top.word("security", &security),
        kernel: section("kernel", &KERNEL)
            .map_or_else(Kernel::default, |t| read_kernel(problems, &t)),
        also_as: hardware.as_ref().and_then(|t| t.word("as", &made)),
        also: hardware.map_or_else(Vec::new, |t| values(t.texts("also"))),
        userland: section("userland", &USERLAND)
            .map_or_else(Userland::default, |t| read_userland(problems, &t)),
        ramdisk_compress: ramdisk
            .as_ref()
            .and_then(|t| t.word("compress", COMPRESSIONS)),
        placement: ramdisk
            .as_ref()
            .and_then(|t| t.word("placement", &placements)),
        root: section("root", &ROOT).map(|t| read_root(&t)),
        network: section("network", &NETWORK).map_or_else(Network::default, |t| read_network(&t)),
        machine: section("machine", &MACHINE).map_or_else(Machine::default, |t| read_machine(&t)),
        checks: read_each(top.tables("check", &CHECK), |t| read_check(problems, t)),
        exercises: top
            .tables("exercise", &EXERCISE)
            .iter()
            .filter_map(|t| read_exercise(problems, t))
            .collect(),
        budget: section("budget", &BUDGET).map_or_else(Budget::default, |t| read_budget(&t)),
        survive: section("adversity", &ADVERSITY).and_then(|t| t.texts("survive")),
        prune: read_prune(top),
    }
}

fn read_prune(top: &Table<'_>) -> Prune {
    let levels = PruneLevel::ALL.map(|level| (level.word(), level));
    let prune = top.table("prune", &PRUNE);
    let patterns = |key| {
        let texts = prune
            .as_ref()
            .map_or_else(Vec::new, |t| values(t.texts(key)));
        texts.into_iter().map(|text| text.value).collect()
    };
    Prune {
        level: prune.as_ref().and_then(|t| t.word("level", &levels)),
        keep: patterns("keep"),
        drop: patterns("drop"),
        whole_functions: prune.as_ref().and_then(|t| t.boolean("whole-functions")),
        names: prune.as_ref().and_then(|t| t.boolean("names")),
        on_trap: prune.as_ref().and_then(|t| t.parsed("on-trap", on_trap)),
        missing: prune
            .as_ref()
            .and_then(|t| t.word("missing", &MissingCode::WORDS)),
        reserve: prune
            .as_ref()
            .and_then(|t| t.parsed("reserve", words::bytes)),
        certificate: prune.as_ref().and_then(|t| t.text("certificate")),
    }
}

fn on_trap(typed: &str) -> Result<OnTrap, Wrong> {
    OnTrap::of_words(typed).ok_or_else(|| {
        Wrong::new(format!(
            "`{typed}` is nothing that a machine does at a trap"
        ))
        .help("\"halt\", \"reset\", or \"reset-after 10s\", of whole seconds up to an hour")
    })
}

fn read_each<T>(tables: Vec<Table<'_>>, read: impl Fn(&Table<'_>) -> T) -> Vec<T> {
    tables.iter().map(read).collect()
}

fn read_kernel(problems: &Problems, t: &Table<'_>) -> Kernel {
    let flag = |place: &Place, typed: &str| problems.take(place, cflags::flag(typed));
    let cflags = if t.is_list("cflags") {
        values(t.texts("cflags"))
            .iter()
            .filter_map(|typed| flag(&typed.place, &typed.value))
            .collect()
    } else {
        t.text("cflags").map_or_else(Vec::new, |text| {
            let flags = text.value.split_whitespace();
            flags.filter_map(|typed| flag(&text.place, typed)).collect()
        })
    };
    Kernel {
        version: t.parsed("version", words::version),
        path: t.text("path"),
        sources: read_sources(problems, t, "sources"),
        config: t.text("config"),
        fragments: values(t.texts("fragments")),
        options: t.text("options"),
        must: values(t.texts("must")),
        must_not: values(t.texts("must-not")),
        modules: read_modules(problems, t),
        patches: values(t.texts("patches")),
        device_tree: t.text("device-tree"),
        toolchain: t.parsed("toolchain", Toolchain::parse),
        cflags,
        compress: t.word("compress", COMPRESSIONS),
        cmdline: t.parsed("cmdline", one_line),
    }
}

/// `modules = "all"`, or a list of names.
fn read_modules(problems: &Problems, t: &Table<'_>) -> Given<ModulesPlan> {
    if let Some(place) = t.says("modules", "all") {
        let value = ModulesPlan::All;
        return Some(Placed { value, place });
    }
    let typed = t.texts("modules")?;
    let names = typed.value.iter();
    let names = names.filter_map(|name| problems.take(&name.place, words::module(&name.value)));
    let value = match names.collect::<Vec<_>>() {
        names if names.is_empty() => ModulesPlan::None,
        names => ModulesPlan::Named(names),
    };
    let place = typed.place;
    Some(Placed { value, place })
}

fn values(list: Given<Vec<Placed<String>>>) -> Vec<Placed<String>> {
    list.map_or_else(Vec::new, |list| list.value)
}

fn read_userland(problems: &Problems, t: &Table<'_>) -> Userland {
    let defconfig = t.says("busybox", "defconfig");
    Userland {
        place: Some(t.place()),
        busybox_defconfig: defconfig.is_some(),
        busybox: match defconfig {
            Some(place) => Some(Placed {
                value: Vec::new(),
                place,
            }),
            None => t.texts("busybox"),
        },
        busybox_version: t.parsed("busybox-version", words::version),
        busybox_path: t.text("busybox-path"),
        busybox_sources: read_sources(problems, t, "busybox-sources"),
        busybox_options: t.text("busybox-options"),
        busybox_usual: t.boolean("busybox-usual"),
        folder: t.text("folder"),
        from: t.text("from"),
        command: t.texts("command"),
        libc: t.word("libc", LIBRARIES),
        libc_version: t.parsed("libc-version", words::version),
        libc_path: t.text("libc-path"),
        libc_sources: read_sources(problems, t, "libc-sources"),
        init: t.table("init", &INIT).map(|t| Init {
            place: t.place(),
            inittab: read_text(problems, &t, "inittab"),
            rc_s: read_text(problems, &t, "rcS"),
            fstab: read_text(problems, &t, "fstab"),
            path: t.text("path"),
        }),
        files: read_each(t.tables("file", &FILE), read_file),
    }
}

/// A file's path, or `{ text = "…" }`.
fn read_text(problems: &Problems, t: &Table<'_>, key: &str) -> Option<Text> {
    if !t.is_table(key) {
        return t.text(key).map(Text::File);
    }
    let inner = t.table(key, &INIT_FILE)?;
    if !inner.has("text") {
        let help = format!("write {key} = {{ text = \"…\" }} or {key} = \"FILE\"");
        problems.push(Problem::at(&inner.place(), "`text` is missing").help(help));
    }
    inner.text("text").map(Text::Inline)
}

fn read_file(t: &Table<'_>) -> File {
    File {
        place: t.place(),
        to: t.text("to"),
        text: t.text("text"),
        from: t.text("from"),
        symlink: t.text("symlink"),
        directory: t.boolean("directory"),
        compile: t.text("compile"),
        char: t.parsed("char", words::device),
        block: t.parsed("block", words::device),
        mode: t.parsed("mode", words::mode),
        owner: t.parsed("owner", words::owner),
    }
}

fn read_root(t: &Table<'_>) -> Root {
    let filesystems = Filesystem::ALL.map(|one| (one.name(), one));
    let access = [
        ("read-only", Access::ReadOnly),
        ("overlay", Access::Overlay),
        ("writable", Access::Writable),
    ];
    Root {
        place: t.place(),
        filesystem: t.word("filesystem", &filesystems),
        on: t.text("on"),
        access: t.word("access", &access),
        compress: t.word("compress", COMPRESSIONS),
        size: t.parsed("size", words::bytes),
        image: t.text("image"),
        partition: t.integer("partition", 1..5),
        data: t.table("data", &ROOT_DATA).map(|t| RootData {
            filesystem: t.word("filesystem", &filesystems),
            size: t.parsed("size", words::bytes),
            mount: t.text("mount"),
        }),
    }
}

fn read_network(t: &Table<'_>) -> Network {
    let modes = [
        ("none", Mode::None),
        ("dhcp", Mode::Dhcp),
        ("static", Mode::Static),
    ];
    Network {
        mode: t.word("mode", &modes),
        nic: t.text("nic"),
        address: t.parsed("address", words::network_address),
        gateway: t.parsed("gateway", words::address),
        nameserver: t.parsed("nameserver", words::address),
    }
}

fn read_machine(t: &Table<'_>) -> Machine {
    Machine {
        memory: t.parsed("memory", words::bytes),
        timeout: t.parsed("timeout", words::duration),
        silence: t.parsed("silence", words::duration),
        cpu: t.text("cpu"),
        cpus: t.integer("cpus", 1..MOST_CPUS + 1),
        console: t.parsed("console", SerialPort::parse),
        channel: t.parsed("channel", SerialPort::parse),
        load: t.parsed("load", crate::hands::load),
        load_timeout: t.parsed("load-timeout", words::duration),
        power: t.parsed("power", crate::hands::power),
        labgrid: t.parsed("labgrid", crate::labgrid::name),
        labgrid_environment: t.text("labgrid-environment"),
    }
}

fn read_budget(t: &Table<'_>) -> Budget {
    Budget {
        image: t.parsed("image", words::bytes),
        ramdisk: t.parsed("ramdisk", words::bytes),
        total: t.parsed("total", words::bytes),
        ram: t.parsed("ram", words::bytes),
    }
}
