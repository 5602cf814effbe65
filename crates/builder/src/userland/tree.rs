//! The tree that the ramdisk is packed from: the user's folder or root file
//! system, BusyBox with its links, and the recipe's files, each laid over those
//! before it.

use initramfs::{ArchivePath, Content, Entry, EntryKind, LinkTarget, Mode, Tree};
use recipe::plan::{FileKind, FilePlan, UserlandPlan};
use startup::applets;

use super::busybox::Busybox;
use super::program::Programs;
use crate::error::{Error, Result};

/// Where BusyBox stands in the ramdisk, unless a link of the user's folder leads
/// elsewhere: [`busybox_place`].
pub const BUSYBOX: &str = "/bin/busybox";

/// A program with links to it.
struct MultiCall {
    content: Content,
    /// Folder and name.
    links: Vec<(String, String)>,
}

/// The whole tree but what starts it, over what is below.
///
/// # Errors
/// With everything that can't be placed.
pub(crate) fn tree(
    plan: &UserlandPlan,
    below: Tree,
    busybox: Option<&Busybox>,
    programs: &Programs,
) -> Result<Tree> {
    let built = busybox.map(|busybox| MultiCall {
        content: Content::Path(busybox.program.clone()),
        links: busybox
            .applets
            .iter()
            .map(|applet| (applet.folder.clone(), applet.name.clone()))
            .collect(),
    });
    assembled(plan, below, built, programs)
}

/// The tree as far as the plan knows it: BusyBox and what is compiled are empty,
/// and its applets are those that the plan names, their links where BusyBox 1.35
/// has them.
///
/// # Errors
/// With everything that can't be placed.
pub(crate) fn planned(plan: &UserlandPlan, below: Tree) -> Result<Tree> {
    let planned = plan.busybox.as_ref().map(|busybox| MultiCall {
        content: Content::Bytes([].into()),
        links: busybox
            .applets
            .iter()
            .map(|name| {
                let folder = applets::folder(name).unwrap_or("/bin");
                (folder.to_owned(), name.clone())
            })
            .collect(),
    });
    assembled(plan, below, planned, &Programs::new())
}

/// The path at which a tree's BusyBox stands: through links of the folder's.
pub fn busybox_place(tree: &Tree) -> String {
    let place = path(BUSYBOX).ok().and_then(|path| tree.leads_to(&path));
    place.map_or_else(|| BUSYBOX.to_owned(), |path| format!("/{path}"))
}

fn assembled(
    plan: &UserlandPlan,
    below: Tree,
    busybox: Option<MultiCall>,
    programs: &Programs,
) -> Result<Tree> {
    let mut tree = below;
    let mut wrong = Vec::new();
    if let Some(busybox) = busybox {
        add_busybox(&mut tree, busybox, &mut wrong);
    }
    for file in &plan.files {
        let placed = entry(file, programs).and_then(|e| tree.place(e).map_err(|e| e.to_string()));
        if let Err(why) = placed {
            wrong.push(format!("{}: {why}", file.to));
        }
    }
    if wrong.is_empty() {
        Ok(tree)
    } else {
        Err(Error::NotPlaced(wrong))
    }
}

fn add_busybox(tree: &mut Tree, busybox: MultiCall, wrong: &mut Vec<String>) {
    let mut place = |to: &str, kind, mode| {
        let placed = path(to).and_then(|path| {
            let mode = Mode::new(mode).map_err(|e| e.to_string())?;
            let entry = Entry::new(path, kind).with_mode(mode);
            tree.place(entry).map_err(|e| e.to_string())
        });
        if let Err(why) = placed {
            wrong.push(format!("{to}: {why}"));
        }
    };
    place(BUSYBOX, EntryKind::File(busybox.content), 0o755);
    for (folder, name) in busybox.links {
        if let Ok(target) = LinkTarget::new(BUSYBOX) {
            place(
                &format!("{folder}/{name}"),
                EntryKind::Symlink(target),
                0o777,
            );
        }
    }
}

fn path(to: &str) -> std::result::Result<ArchivePath, String> {
    ArchivePath::new(to.trim_start_matches('/')).map_err(|e| e.to_string())
}

fn entry(file: &FilePlan, programs: &Programs) -> std::result::Result<Entry, String> {
    let kind = match &file.kind {
        FileKind::Text(text) => EntryKind::File(Content::Bytes(text.as_bytes().into())),
        FileKind::From(path) => EntryKind::File(Content::Path(path.clone())),
        FileKind::Program { .. } => EntryKind::File(match programs.get(&file.to) {
            Some(program) => Content::Path(program.clone()),
            None => Content::Bytes([].into()),
        }),
        FileKind::Directory => EntryKind::Directory,
        FileKind::Symlink(target) => {
            EntryKind::Symlink(LinkTarget::new(target).map_err(|e| e.to_string())?)
        }
        FileKind::CharDevice { major, minor } => EntryKind::CharDevice {
            major: *major,
            minor: *minor,
        },
        FileKind::BlockDevice { major, minor } => EntryKind::BlockDevice {
            major: *major,
            minor: *minor,
        },
    };
    let path = path(&file.to)?;
    let mode = Mode::new(file.mode).map_err(|e| e.to_string())?;
    Ok(Entry::new(path, kind)
        .with_mode(mode)
        .with_owner(file.uid, file.gid))
}
