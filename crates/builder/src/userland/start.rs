//! How a user land that was made elsewhere is started: by its own init, or by one
//! of ours that runs the program which an image names.

use std::path::{Path, PathBuf};

use ::rootfs::Start;
use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use initramfs::{ArchivePath, Content, Entry, EntryKind, LinkTarget, Mode, PathError, Tree};
use recipe::plan::{Access, MOUNTER, Plan, RootPlan, UserlandPlan};

use super::musl::UserCompiler;
use super::{rootfs, tree};
use crate::error::{Error, Result};
use crate::start_error::StartError;

/// Our init's source.
const SOURCE: &str = include_str!("../../guest/start.c");

/// The source of what mounts something before the system's init.
const MOUNTER_SOURCE: &str = include_str!("../../guest/mounts.c");

/// Where it finds what it is to do (guest/mounts.c).
const MOUNTER_WORDS: &str = "/.root/words";

/// What programs expect to be folders, and what is mounted there: nobody can make
/// them in a root file system that can't be written to.
const MOUNT_POINTS: [(&str, u32); 5] = [
    ("/dev", 0o755),
    ("/proc", 0o555),
    ("/run", 0o755),
    ("/sys", 0o555),
    ("/tmp", 0o1777),
];

/// Where the kernel looks for an init.
const INIT: &str = "/init";

/// Where ours finds what it is to start (guest/start.c).
const WORDS: &str = "/.start";

/// Where root file systems have an init of their own (init/main.c,
/// kernel_init()).
const INITS: [&str; 4] = [
    "/sbin/init",
    "/etc/init",
    "/bin/init",
    "/usr/lib/systemd/systemd",
];

/// What starts a system.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Starter {
    /// `/init`, which is there.
    Own,
    /// An init at another place, which a link leads to.
    At(&'static str),
    /// Ours, with this.
    Ours(Start),
    /// Nothing was found.
    Nothing,
}

/// What starts the system of a plan and its tree, whose image says this.
pub(crate) fn starter(plan: &UserlandPlan, tree: &Tree, start: Option<&Start>) -> Starter {
    let commanded = plan.command.is_some();
    if plan.rootfs.is_none() && !commanded {
        return Starter::Own;
    }
    found(tree, start, commanded)
}

/// Whether the system of a plan is started by our init.
///
/// # Errors
/// When its root file system can't be read.
pub fn is_ours(plan: &Plan) -> Result<bool> {
    if plan.userland.rootfs.is_none() {
        return Ok(plan.userland.command.is_some());
    }
    let below = rootfs::below(&plan.userland, plan.board.arch)?;
    let tree = tree::planned(&plan.userland, below.tree)?;
    let starter = starter(&plan.userland, &tree, below.start.as_ref());
    Ok(matches!(starter, Starter::Ours(_)))
}

fn found(tree: &Tree, start: Option<&Start>, commanded: bool) -> Starter {
    let named = start.filter(|start| !start.arguments.is_empty());
    match named {
        Some(start) if commanded || !has(tree, INIT) => Starter::Ours(start.clone()),
        _ if has(tree, INIT) => Starter::Own,
        _ => match INITS.into_iter().find(|init| has(tree, init)) {
            Some(init) => Starter::At(init),
            None => Starter::Nothing,
        },
    }
}

/// Puts what starts it into a tree; `program` is our init.
///
/// # Errors
/// When there is nothing to start, or the image's user can't be told.
pub(crate) fn place(tree: &mut Tree, starter: &Starter, program: Content) -> Result<()> {
    match starter {
        Starter::Own => Ok(()),
        Starter::Nothing => Err(StartError::NoInit {
            looked: INITS.join(", "),
        }
        .into()),
        Starter::At(init) => {
            let link = LinkTarget::new(init).map_err(not_placed)?;
            put(tree, INIT, EntryKind::Symlink(link), Mode::SYMLINK)
        }
        Starter::Ours(start) => {
            let words = words(start, tree)?;
            put(tree, INIT, EntryKind::File(program), Mode::EXECUTABLE)?;
            let mode = Mode::of_st_mode(0o600);
            put(
                tree,
                WORDS,
                EntryKind::File(Content::Bytes(words.into())),
                mode,
            )
        }
    }
}

fn put(tree: &mut Tree, path: &str, kind: EntryKind, mode: Mode) -> Result<()> {
    let path = ArchivePath::new(path).map_err(not_placed)?;
    tree.remove(&path);
    let placed = tree.insert(Entry::new(path, kind).with_mode(mode));
    placed.map_err(|e| Error::NotPlaced(vec![e.to_string()]))
}

fn not_placed(error: PathError) -> Error {
    Error::NotPlaced(vec![error.to_string()])
}

/// Whether something stands there, be it a link that leads nowhere: that is told
/// with more than its absence.
fn has(tree: &Tree, path: &str) -> bool {
    let path = ArchivePath::new(path).ok();
    let stands = path.and_then(|path| tree.stands_at(&path).ok().flatten());
    stands.is_some_and(|path| tree.get(&path).is_some())
}

/// The records that our init reads.
fn words(start: &Start, tree: &Tree) -> Result<Vec<u8>> {
    let user = start.user(tree).map_err(StartError::User)?;
    let mut numbers = format!("{} {}", user.uid, user.gid);
    for group in &user.groups {
        numbers.push_str(&format!(" {group}"));
    }
    let directory = match start.directory.as_str() {
        "" => "/",
        directory => directory,
    };
    let mut environment = start.environment.clone();
    if !environment
        .iter()
        .any(|variable| variable.starts_with("PATH="))
    {
        environment
            .push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    }
    if !environment
        .iter()
        .any(|variable| variable.starts_with("HOME="))
    {
        environment.push("HOME=/".to_owned());
    }
    let arguments = start.arguments.iter().map(|word| ('a', word.as_str()));
    let variables = environment.iter().map(|word| ('e', word.as_str()));
    let rest = [('d', directory), ('u', numbers.as_str())];
    let mut words = Vec::new();
    for (letter, text) in arguments.chain(variables).chain(rest) {
        words.push(letter as u8);
        words.extend_from_slice(text.as_bytes());
        words.push(0);
    }
    Ok(words)
}

/// What is there before anything runs, in a root file system on a disk: folders to
/// mount on, and where an overlay or a disk for data is mounted, the program that
/// does it.
///
/// # Errors
/// When it doesn't fit what is there.
pub(crate) fn place_on_disk(
    tree: &mut Tree,
    root: &RootPlan,
    foreign: bool,
    mounter: Option<PathBuf>,
) -> Result<()> {
    for (folder, mode) in MOUNT_POINTS.into_iter().filter(|_| foreign) {
        if !has(tree, folder) {
            put(tree, folder, EntryKind::Directory, Mode::of_st_mode(mode))?;
        }
    }
    if foreign && root.access == Access::ReadOnly && !has(tree, "/etc/resolv.conf") {
        let link = LinkTarget::new("/run/resolv.conf").map_err(not_placed)?;
        put(
            tree,
            "/etc/resolv.conf",
            EntryKind::Symlink(link),
            Mode::SYMLINK,
        )?;
    }
    let Some(program) = mounter else {
        return Ok(());
    };
    let program = EntryKind::File(Content::Path(program));
    put(tree, MOUNTER, program, Mode::EXECUTABLE)?;
    let words = EntryKind::File(Content::Bytes(mounter_words(root).into_bytes().into()));
    put(tree, MOUNTER_WORDS, words, Mode::PLAIN)
}

/// The lines that it reads.
fn mounter_words(root: &RootPlan) -> String {
    let mut words = String::new();
    if root.access == Access::Overlay {
        words.push_str("overlay\n");
    }
    if let Some(data) = &root.data
        && let Some(folder) = &data.mount
    {
        let (minors, kind) = (root.drive.minors, data.filesystem.name());
        words.push_str(&format!("disk {minors} {kind} {folder}\n"));
    }
    words
}

/// Builds our init, or gives back the one that was built from the same.
pub(crate) fn build(compiler: &UserCompiler, session: &Session) -> Result<Cached<PathBuf>> {
    built("start", SOURCE, compiler, session)
}

/// Builds what mounts something before the system's init, or gives back the one
/// that was built from the same.
pub(crate) fn build_mounter(compiler: &UserCompiler, session: &Session) -> Result<Cached<PathBuf>> {
    built("mounts", MOUNTER_SOURCE, compiler, session)
}

fn built(
    name: &str,
    source: &str,
    compiler: &UserCompiler,
    session: &Session,
) -> Result<Cached<PathBuf>> {
    let id = Id::of("start/1", &(Id::of_bytes(source.as_bytes()), &compiler.id))?;
    let dir = session.cache.folder("start")?.join(id.short());
    let program = dir.join(name);
    let is_kept =
        || -> Result<bool> { Ok(program.exists() && is_sound(&dir, "init", session.progress)?) };
    if is_kept()? {
        return Ok(Cached::hit(program));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    if is_kept()? {
        return Ok(Cached::hit(program));
    }
    fill_sealed(&dir, |fresh| -> Result<()> {
        let program = fresh.join(name);
        write_whole(&program.with_extension("c"), source.as_bytes())?;
        let cmd = command(compiler, &program);
        let ran = session.processes.run(&cmd);
        ran.map_err(|e| host::Error::command(Kind::Build, "compile the init", e))?;
        Ok(())
    })?;
    Ok(Cached::fresh(program))
}

/// The command that makes our init from the source beside it.
pub fn command(compiler: &UserCompiler, program: &Path) -> Cmd {
    let mut words = compiler.cc.iter();
    Cmd::new(words.next().map_or("cc", String::as_str))
        .args(words)
        .args(["-std=gnu11", "-Os", "-Wall", "-s", "-static"])
        .args(["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"])
        .args([
            "-ffunction-sections",
            "-fdata-sections",
            "-Wl,--gc-sections",
        ])
        .arg("-o")
        .arg(program)
        .arg(program.with_extension("c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::new();
        for path in paths {
            let path = ArchivePath::new(path).expect("a path");
            tree.insert(Entry::file(path, &b""[..])).expect("fits");
        }
        tree
    }

    fn start(program: &str) -> Start {
        Start {
            arguments: vec![program.to_owned()],
            ..Start::default()
        }
    }

    #[test]
    fn an_image_is_started_by_what_it_has() {
        let of = |paths: &[&str], start: Option<&Start>| found(&tree(paths), start, false);
        let redis = start("redis-server");
        assert_eq!(of(&["init"], Some(&redis)), Starter::Own);
        assert_eq!(
            of(&["sbin/init"], Some(&redis)),
            Starter::Ours(redis.clone())
        );
        assert_eq!(of(&["sbin/init"], None), Starter::At("/sbin/init"));
        assert_eq!(
            of(&["sbin/init"], Some(&Start::default())),
            Starter::At("/sbin/init")
        );
        assert_eq!(of(&["bin/sh"], None), Starter::Nothing);
        let commanded = found(&tree(&["init"]), Some(&redis), true);
        assert_eq!(commanded, Starter::Ours(redis));
    }

    #[test]
    fn what_is_to_be_started_is_written_as_records() {
        let start = Start {
            arguments: vec!["/a".to_owned(), String::new()],
            environment: vec!["PATH=/p".to_owned(), "HOME=/h".to_owned()],
            user: "5:6".to_owned(),
            directory: String::new(),
        };
        let mut tree = tree(&["a"]);
        let starter = Starter::Ours(start);
        place(&mut tree, &starter, Content::Bytes([1].as_slice().into())).expect("fits");
        let words = tree
            .get(&ArchivePath::new(WORDS).expect("a path"))
            .expect("is there");
        let expected = b"a/a\0a\0ePATH=/p\0eHOME=/h\0d/\0u5 6\0";
        let bytes = EntryKind::File(Content::Bytes(expected.as_slice().into()));
        assert_eq!((&words.kind, words.mode.bits()), (&bytes, 0o600));
    }
}
