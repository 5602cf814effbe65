//! What a plan's user land will do wrong, told before anything is compiled:
//! `startup::foresee` over the tree that the plan gives.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;

use initramfs::{Content, EntryKind, Tree};
use recipe::plan::{BaseConfig, BusyboxPlan, FileKind, KernelPlan, Plan};
use startup::foresee::{self, Finding, Userland};
use startup::program::Abilities;
use startup::{Elf, Files, Node, NodeKind};

use super::rootfs;
use super::start::{self, Starter};
use super::tree::{self, busybox_place};
use crate::error::{Error, Result};

/// So much is read of a file at most, in bytes: no script is larger, and of a
/// program its head is enough.
const READ_LIMIT: u64 = 1 << 20;

/// All that will go wrong and leaves a system that comes up.
///
/// # Errors
/// When the tree can't be made, or when the kernel could start nothing of it.
pub fn foreseen(plan: &Plan) -> Result<Vec<Finding>> {
    if plan.root.as_ref().is_some_and(|root| root.image.is_some()) {
        return Ok(Vec::new()); // what is in it isn't looked at
    }
    let below = rootfs::below(&plan.userland, plan.board.arch)?;
    let mut tree = tree::planned(&plan.userland, below.tree)?;
    let starter = start::starter(&plan.userland, &tree, below.start.as_ref());
    start::place(&mut tree, &starter, Content::Bytes([].into()))?;
    let place = busybox_place(&tree);
    let busybox = plan.userland.busybox.as_ref();
    let mut files = files(&tree);
    if busybox.is_some() {
        let kind = NodeKind::unknown_file();
        files.insert(&place, Node { kind, mode: 0o755 });
    }
    if matches!(starter, Starter::Ours(_)) {
        let kind = NodeKind::unknown_file();
        files.insert("/init", Node { kind, mode: 0o755 });
    }
    for file in &plan.userland.files {
        if matches!(file.kind, FileKind::Program { .. }) {
            let (kind, mode) = (NodeKind::unknown_file(), file.mode);
            files.insert(&file.to, Node { kind, mode });
        }
    }
    let found = foresee::findings(&Userland {
        files: &files,
        busybox: busybox.map(|busybox| planned_busybox(busybox, &place)),
        abilities: Abilities {
            machine: Some(machine(plan)),
            ..Abilities::default()
        },
        cmdline: &plan.kernel.cmdline,
        default_init: may_have_init(&plan.kernel),
    });
    let (certain, warnings): (Vec<Finding>, Vec<Finding>) =
        found.into_iter().partition(|finding| finding.certain);
    match certain.into_iter().next() {
        Some(one) => Err(Error::Foreseen(Box::new(one))),
        None => Ok(warnings),
    }
}

/// What the kernel's own programs are.
fn machine(plan: &Plan) -> Elf {
    let facts = plan.board.arch.facts();
    Elf {
        machine: facts.elf_machine,
        bits: facts.bits,
        loader: None,
        end: 0,
    }
}

fn planned_busybox<'a>(plan: &'a BusyboxPlan, place: &'a str) -> foresee::Busybox<'a> {
    let mut options = BTreeSet::new();
    for request in &plan.requests {
        match request.value.as_str() {
            "n" => options.remove(&request.symbol),
            _ => options.insert(request.symbol.clone()),
        };
    }
    foresee::Busybox {
        path: place,
        applets: &plan.applets,
        defaults: plan.defconfig,
        usual: plan.usual,
        options,
    }
}

/// Whether the kernel may have an init of its own configuration's
/// (`CONFIG_DEFAULT_INIT`): somebody's whole configuration may name one.
fn may_have_init(kernel: &KernelPlan) -> bool {
    const NAMELESS: [&str; 3] = ["tinyconfig", "allnoconfig", "defconfig"];
    let mut requests = kernel.requests.iter();
    let asked = requests.any(|request| request.symbol == "DEFAULT_INIT");
    let based = match &kernel.base {
        BaseConfig::Target(target) => !NAMELESS.contains(&target.as_str()),
        BaseConfig::File { .. } | BaseConfig::Distribution { .. } => true,
    };
    asked || based
}

/// What a tree holds, read as far as starting programs needs it.
fn files(tree: &Tree) -> Files {
    let mut files = Files::default();
    for entry in tree.entries() {
        let path = format!("/{}", entry.path);
        let kind = match &entry.kind {
            EntryKind::Directory => NodeKind::Directory,
            EntryKind::Symlink(to) => {
                NodeKind::Link(String::from_utf8_lossy(to.as_bytes()).into_owned())
            }
            EntryKind::File(content) => of_content(content),
            EntryKind::HardLink(first) => match files.node(&format!("/{first}")) {
                Some(node) => node.kind.clone(),
                None => NodeKind::unknown_file(),
            },
            EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } => NodeKind::Device,
            _ => NodeKind::Other,
        };
        let mode = entry.mode.bits();
        files.insert(&path, Node { kind, mode });
    }
    files
}

/// A file by its content; nothing is held against one that can't be read here.
fn of_content(content: &Content) -> NodeKind {
    match content {
        Content::Bytes(bytes) => NodeKind::of_bytes(bytes),
        Content::Path(path) => {
            let mut bytes = Vec::new();
            let read = File::open(path).and_then(|f| f.take(READ_LIMIT).read_to_end(&mut bytes));
            match read {
                Ok(_) => NodeKind::of_bytes(&bytes),
                Err(_) => NodeKind::unknown_file(),
            }
        }
    }
}
