//! The user land of a plan, packed: a ramdisk, or the root file system of a disk.

use std::path::{Path, PathBuf};

use host::session::Session;
use initramfs::{Compression, Content, Tree};
use recipe::plan::{FileKind, FilePlan, Placement, Plan, RootPlan};

use super::busybox::Busybox;
use super::musl::UserCompiler;
use super::ramdisk::{self, DiskFormat, Format, Ramdisk};
use super::start::{self, Starter};
use super::{program, rootfs, tree};
use crate::error::Result;
use crate::kernel::modules::Modules;

/// What was compiled for a user land.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made<'a> {
    pub(crate) busybox: Option<&'a Busybox>,
    pub(crate) modules: Option<&'a Modules>,
}

/// The tree of a plan's user land, and what it is packed in.
pub(crate) fn pack(
    plan: &Plan,
    made: Made<'_>,
    compiler: &UserCompiler,
    session: &Session,
) -> Result<(Tree, Ramdisk)> {
    if let Some(path) = image_of(plan) {
        return Ok((Tree::new(), ramdisk::existing(path)?));
    }
    let tree = complete_tree(plan, made, compiler, session)?;
    let what = match plan.root {
        Some(_) => "root file system",
        None => "ramdisk",
    };
    let ramdisk = session.phase(what, || ramdisk::build(&tree, format(plan), session))?;
    Ok((tree, ramdisk))
}

/// The image that is the root file system and exists already.
pub(crate) fn image_of(plan: &Plan) -> Option<&Path> {
    let image = plan.root.as_ref()?.image.as_ref()?;
    Some(&image.path)
}

/// What the user land is packed as.
fn format(plan: &Plan) -> Format {
    match (plan.ramdisk.placement, &plan.root) {
        (_, Some(root)) => Format::Disk(DiskFormat {
            filesystem: root.filesystem,
            compress: root.compress,
            size: root.size,
            writable: root.is_mounted_writable(),
        }),
        (Placement::Flash, None) => Format::FileSystem,
        (Placement::Separate | Placement::Builtin | Placement::Disk, None) => {
            Format::Archive(plan.ramdisk.compress, plan.machine.memory)
        }
    }
}

/// The empty file system of the second disk.
pub(crate) fn data_disk(plan: &Plan, session: &Session) -> Result<Option<PathBuf>> {
    let data = plan.root.as_ref().and_then(|root| root.data.as_ref());
    let Some(data) = data else { return Ok(None) };
    let format = Format::Disk(DiskFormat {
        filesystem: data.filesystem,
        compress: Compression::None,
        size: Some(data.size),
        writable: true,
    });
    let made = session.phase("disk for data", || {
        ramdisk::build(&Tree::new(), format, session)
    })?;
    Ok(Some(made.image))
}

/// The tree that is packed, with what is compiled for it and what starts it.
fn complete_tree(
    plan: &Plan,
    made: Made<'_>,
    compiler: &UserCompiler,
    session: &Session,
) -> Result<Tree> {
    let compiled = |file: &FilePlan| matches!(file.kind, FileKind::Program { .. });
    let programs = if plan.userland.files.iter().any(compiled) {
        session.phase("programs", || {
            program::build(&plan.userland, plan.board.arch, compiler, session)
        })?
    } else {
        program::Programs::new()
    };
    let below = rootfs::below(&plan.userland, plan.board.arch)?;
    let mut tree = tree::tree(&plan.userland, below.tree, made.busybox, &programs)?;
    if let Some(modules) = made.modules {
        // What was made elsewhere may have kmod, or a program that uses its library.
        let for_kmod = plan.userland.rootfs.is_some() || plan.userland.folder.is_some();
        modules.place(&mut tree, for_kmod)?;
    }
    let starter = start::starter(&plan.userland, &tree, below.start.as_ref());
    let program = match &starter {
        Starter::Ours(_) => {
            let built = session.phase("init", || start::build(compiler, session))?;
            Content::Path(built)
        }
        Starter::Own | Starter::At(_) | Starter::Nothing => Content::Bytes([].into()),
    };
    start::place(&mut tree, &starter, program)?;
    if let Some(root) = &plan.root {
        let mounter = if root.has_mounter() {
            Some(session.phase("mounts", || start::build_mounter(compiler, session))?)
        } else {
            None
        };
        let foreign = plan.userland.rootfs.is_some() || matches!(starter, Starter::Ours(_));
        start::place_on_disk(&mut tree, root, foreign, mounter)?;
    }
    if let Some(lost) = lost(plan.root.as_ref(), &tree) {
        session.progress.note(&lost);
    }
    Ok(tree)
}

/// What the ramdisk or the file system can't hold, in a sentence.
fn lost(root: Option<&RootPlan>, tree: &Tree) -> Option<String> {
    let (what, keeps) = match root {
        Some(root) => (root.filesystem.name(), root.filesystem.keeps_attributes()),
        None => ("a ramdisk", false),
    };
    let lost = disk::lost(tree, keeps);
    let one = |(path, attribute): &(String, String)| format!("{attribute} of /{path}");
    let first: Vec<String> = lost.iter().take(5).map(one).collect();
    let more = match lost.len().saturating_sub(first.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = first.join(", ");
    (!lost.is_empty())
        .then(|| format!("{what} gets no extended attributes: {first}{more} are left out"))
}
