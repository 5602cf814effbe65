//! The user land: applets that nothing names, options of BusyBox that the
//! recipe asks for, and how the ramdisk is packed.

use std::collections::BTreeSet;
use std::time::Duration;

use initramfs::Compression;
use recipe::Plan;
use recipe::plan::{CheckKind, CheckPlan, FileKind, GuestCommand};

use super::{Edit, USER_LAND, Way, request};

/// A trial compiles BusyBox again, packs and boots; the kernel stays.
const TRIAL: Duration = Duration::from_secs(30);

/// The compressions of a ramdisk, and what unpacks them (usr/Kconfig).
const RAMDISKS: &[(Compression, &str)] = &[
    (Compression::Lzma, "RD_LZMA"),
    (Compression::Xz, "RD_XZ"),
    (Compression::Zstd, "RD_ZSTD"),
    (Compression::Lz4, "RD_LZ4"),
    (Compression::Gzip, "RD_GZIP"),
];

/// The changes of a plan's user land; `built` are the applets that it has.
pub fn ways(plan: &Plan, built: &[&str]) -> Vec<Way> {
    let mut ways = Vec::new();
    let Some(busybox) = &plan.userland.busybox else {
        return ways;
    };
    let named = named(plan, built);
    if busybox.defconfig {
        ways.push(Way {
            key: "busybox".to_owned(),
            label: "BusyBox with the applets alone that the recipe names".to_owned(),
            group: USER_LAND,
            edits: vec![Edit::OnlyApplets(
                named.iter().map(|&n| n.to_owned()).collect(),
            )],
            gain_bytes: 400_000,
            trial_time: TRIAL,
            risk: Some(0.1),
        });
    }
    if busybox.usual {
        ways.push(Way {
            key: "busybox usual".to_owned(),
            label: "the usual options of BusyBox's applets".to_owned(),
            group: USER_LAND,
            edits: vec![Edit::BareApplets],
            gain_bytes: 20_000,
            trial_time: TRIAL,
            risk: Some(0.3),
        });
    }
    for applet in busybox.applets.iter().filter(|a| !named.contains(&***a)) {
        ways.push(Way {
            key: format!("applet {applet}"),
            label: format!("the applet {applet}"),
            group: USER_LAND,
            edits: vec![Edit::WithoutApplets(vec![applet.clone()])],
            gain_bytes: 2048,
            trial_time: TRIAL,
            risk: Some(0.05),
        });
    }
    let switches = busybox.requests.iter().filter(|r| r.value == "y");
    for asked in switches.filter(|r| !busybox.implied.contains(&r.symbol)) {
        ways.push(Way {
            key: format!("busybox {}", asked.symbol),
            label: format!("BusyBox's option {}", asked.symbol),
            group: USER_LAND,
            edits: vec![Edit::Busybox(request(&asked.symbol, "n"))],
            gain_bytes: 1024,
            trial_time: TRIAL,
            risk: Some(0.05),
        });
    }
    if plan.root.is_none() {
        ways.push(unpacked(plan));
    }
    ways
}

/// A ramdisk that isn't compressed: the kernel needs nothing that unpacks it.
fn unpacked(plan: &Plan) -> Way {
    let off = RAMDISKS.iter().map(|(_, symbol)| request(symbol, "n"));
    Way {
        key: "ramdisk".to_owned(),
        label: format!("the ramdisk not as {:?}", plan.ramdisk.compress),
        group: USER_LAND,
        edits: vec![Edit::Ramdisk(Compression::None, off.collect())],
        gain_bytes: 64,
        trial_time: TRIAL * 2,
        risk: Some(0.8),
    }
}

/// Applets that checks, exercises or init's files name, and those without
/// which nothing starts. A word is enough: it costs a little and breaks
/// nothing.
fn named<'b>(plan: &Plan, built: &[&'b str]) -> BTreeSet<&'b str> {
    let mut words: BTreeSet<&str> = ["sh", "init"].into();
    let texts = plan.checks.iter().flat_map(texts_of);
    let exercises = plan.exercises.iter().flat_map(|e| command(&e.command));
    let files = plan
        .userland
        .files
        .iter()
        .filter_map(|file| match &file.kind {
            FileKind::Text(text) => Some(text.as_str()),
            _ => None,
        });
    for text in texts.chain(exercises).chain(files) {
        words.extend(text.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))));
    }
    built
        .iter()
        .copied()
        .filter(|name| words.contains(name))
        .collect()
}

fn texts_of(check: &CheckPlan) -> Vec<&str> {
    match &check.kind {
        CheckKind::Run { command: c, .. } | CheckKind::Sleep { command: c, .. } => command(c),
        CheckKind::Fetch { command, .. } | CheckKind::Ping { command, .. } => vec![command],
        CheckKind::Dhcp { .. } => vec!["udhcpc ifconfig"],
        CheckKind::Echo { .. } | CheckKind::Ask(_) | CheckKind::Session { .. } => Vec::new(),
    }
}

fn command(command: &GuestCommand) -> Vec<&str> {
    match command {
        GuestCommand::Shell(line) => vec![line],
        GuestCommand::Argv(words) => words.iter().map(String::as_str).collect(),
    }
}
