//! The tree that the ramdisk is packed from: the user's folder, BusyBox with
//! its links, and the recipe's files, each laid over those before it.

use host::error::{Failure, Kind, Result};
use initramfs::{
    ArchivePath, Content, Entry, EntryKind, FolderOptions, LinkTarget, Mode, PathError, Tree,
    TreeError,
};
use recipe::plan::{FileKind, FilePlan, UserlandPlan};

use super::busybox::Busybox;

/// Where BusyBox stands in the ramdisk.
pub const BUSYBOX: &str = "/bin/busybox";

/// The whole tree.
pub fn tree(plan: &UserlandPlan, busybox: Option<&Busybox>) -> Result<Tree> {
    let mut tree = match &plan.folder {
        Some(folder) => Tree::from_folder(folder, FolderOptions::default()).map_err(|e| {
            Failure::new(
                Kind::Usage,
                format!("can't pack the folder {}: {e}", folder.display()),
            )
        })?,
        None => Tree::new(),
    };
    if let Some(busybox) = busybox {
        add_busybox(&mut tree, busybox).map_err(|e| Failure::new(Kind::Usage, e))?;
    }
    for file in &plan.files {
        let failed = |e: String| {
            Failure::new(
                Kind::Usage,
                format!("can't put {} into the ramdisk: {e}", file.to),
            )
        };
        let entry = entry(file).map_err(&failed)?;
        tree.insert(entry).map_err(|e| failed(e.to_string()))?;
    }
    Ok(tree)
}

fn add_busybox(tree: &mut Tree, busybox: &Busybox) -> std::result::Result<(), String> {
    let insert = |tree: &mut Tree, to: &str, kind, mode| -> std::result::Result<(), String> {
        let path = path(to).map_err(|e| e.to_string())?;
        let mode = Mode::new(mode).map_err(|e| e.to_string())?;
        let put: std::result::Result<(), TreeError> =
            tree.insert(Entry::new(path, kind).with_mode(mode));
        put.map_err(|e| e.to_string())
    };
    insert(
        tree,
        BUSYBOX,
        EntryKind::File(Content::Path(busybox.program.clone())),
        0o755,
    )?;
    for applet in &busybox.applets {
        let to = format!("{}/{}", applet.folder, applet.name);
        let target = LinkTarget::new(BUSYBOX).map_err(|e| e.to_string())?;
        insert(tree, &to, EntryKind::Symlink(target), 0o777)?;
    }
    Ok(())
}

fn path(to: &str) -> std::result::Result<ArchivePath, PathError> {
    ArchivePath::new(to.trim_start_matches('/'))
}

fn entry(file: &FilePlan) -> std::result::Result<Entry, String> {
    let kind = match &file.kind {
        FileKind::Text(text) => EntryKind::File(Content::Bytes(text.as_bytes().into())),
        FileKind::From(path) => EntryKind::File(Content::Path(path.clone())),
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
    let path = path(&file.to).map_err(|e| e.to_string())?;
    let mode = Mode::new(file.mode).map_err(|e| e.to_string())?;
    Ok(Entry::new(path, kind)
        .with_mode(mode)
        .with_owner(file.uid, file.gid))
}
