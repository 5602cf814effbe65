//! Building the kernel, out of tree, in an object tree that is kept: the next
//! configuration compiles only what it changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{fs, io};

use host::cache::{Lock, write_whole};
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session, Step, Unit};
use kconfig::bytes::{bytes_of, text_of};
use recipe::Arch;
use recipe::config::Values;
use serde::Serialize;

use super::config::Resolved;
use super::device_tree::DeviceTree;
use super::forecast::{Forecast, Meter, Pace};
use super::toolchain::{Tools, Versions};
use super::{compiled, linker, make, objects};
use crate::error::{Error, Result};
use crate::source::Source;

/// The list of the files that a kernel was compiled from.
const SOURCES: &str = "sources";

/// Gives each function a section of its own: what is to be left out one by one
/// must lie apart.
pub const FUNCTION_SECTIONS: &str = "-ffunction-sections";

/// The same for variables.
pub const DATA_SECTIONS: &str = "-fdata-sections";

/// A kernel that was built: files that stay as they are.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The identity of what it was built from.
    pub build_id: Id,
    /// The folder that holds it.
    pub dir: PathBuf,
}

impl Kernel {
    /// The image that a boot loader loads.
    pub fn image(&self) -> PathBuf {
        self.dir.join("image")
    }

    /// The board's device tree; there is none where the board needs none.
    pub fn device_tree(&self) -> PathBuf {
        self.dir.join("device-tree")
    }

    /// The linked kernel before compression.
    pub fn vmlinux(&self) -> PathBuf {
        self.dir.join("vmlinux")
    }

    /// The addresses of its symbols.
    pub fn system_map(&self) -> PathBuf {
        self.dir.join("System.map")
    }

    /// What is known of its link.
    pub fn link(&self) -> linker::KeptLink {
        linker::KeptLink::of(&self.dir)
    }

    /// Whether all of it is there. Kernels of older tuxlings lack the link.
    pub fn is_whole(&self) -> bool {
        self.image().exists() && self.link().exists()
    }

    /// Whether it is there and as it was put there.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn is_kept(&self, session: &Session) -> Result<bool> {
        Ok(self.is_whole() && is_sound(&self.dir, "kernel", session.progress)?)
    }

    /// Its resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config")
    }
}

/// A ramdisk that is linked into the kernel: its bytes and the name that tells
/// the kernel's build how it is compressed (`initramfs.cpio.xz`).
#[derive(Clone, Copy, Debug)]
pub struct BuiltinRamdisk<'a> {
    /// The name that `CONFIG_INITRAMFS_SOURCE` has, relative to the object tree.
    pub name: &'a str,
    /// The packed ramdisk.
    pub bytes: &'a [u8],
}

/// What a kernel is built from.
#[derive(Serialize)]
struct BuildKey<'a> {
    source: &'a Id,
    config: Id,
    arch: Arch,
    cflags: &'a [String],
    versions: &'a Versions,
    ramdisk: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_tree: Option<&'a str>,
}

/// What goes into a kernel.
#[derive(Clone, Copy, Debug)]
pub struct BuildInput<'a> {
    /// The sources, patches applied.
    pub source: &'a Source,
    /// The configuration.
    pub config: &'a Resolved,
    /// The architecture.
    pub arch: Arch,
    /// The compiler and its helpers.
    pub tools: &'a Tools,
    /// Further flags for the compiler (`KCFLAGS`).
    pub cflags: &'a [String],
    /// A ramdisk to link in.
    pub ramdisk: Option<BuiltinRamdisk<'a>>,
    /// The name of the device tree to be made beside it.
    pub device_tree: Option<&'a str>,
}

impl BuildInput<'_> {
    /// The identity of the build.
    pub fn build_id(&self) -> Result<Id> {
        let key = BuildKey {
            source: &self.source.digest,
            config: self.config.id(),
            arch: self.arch,
            cflags: self.cflags,
            versions: &self.tools.versions,
            ramdisk: self.ramdisk.map(|r| Id::of_bytes(r.bytes)),
            device_tree: self.device_tree,
        };
        Ok(Id::of("build/1", &key)?)
    }

    /// Kernels of the same source and tools share one object tree; flags change
    /// every object, so each set has a tree of its own.
    fn objects_folder(&self) -> Result<String> {
        let flags = (self.cflags, &self.tools.cc, &self.tools.versions);
        let id = Id::of("objects/1", &flags)?;
        Ok(format!(
            "linux-{}-{}-{}",
            self.source.digest.short(),
            self.arch.facts().name,
            id.short()
        ))
    }
}

/// Builds the kernel, or gives back the one that was built from the same.
pub fn build(input: &BuildInput, session: &Session) -> Result<Cached<Kernel>> {
    let build_id = input.build_id()?;
    let dir = session.cache.folder("kernels")?.join(build_id.short());
    let kernel = Kernel { build_id, dir };
    if kernel.is_kept(session)? {
        return Ok(Cached::hit(kernel));
    }
    let (tree, _lock) = tree(input, session)?;
    if kernel.is_kept(session)? {
        return Ok(Cached::hit(kernel)); // built by the one we waited for
    }
    make(input, &tree, session)?;
    fill_sealed(&kernel.dir, |dir| {
        keep(input, &tree, dir)?;
        keep_sources(input, &tree, dir)?;
        linker::keep(&tree, dir, input.tools, session)
    })?;
    Ok(Cached::fresh(kernel))
}

/// The files of the source tree that a kernel was compiled from; `None` when it
/// isn't built.
pub fn sources(input: &BuildInput, session: &Session) -> Result<Option<BTreeSet<PathBuf>>> {
    let kernels = session.cache.folder("kernels")?;
    let dir = kernels.join(input.build_id()?.short());
    let list = dir.join(SOURCES);
    match fs::read_to_string(&list) {
        Ok(text) => return Ok(Some(text.lines().map(PathBuf::from).collect())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(host::Error::file("read", &list, e).into()),
    }
    // A kernel that an older tuxling kept has no list: its object tree tells, as
    // long as no other configuration was built there since.
    let objects = session
        .cache
        .folder("objects")?
        .join(input.objects_folder()?);
    let note = |text: &str| session.progress.note(text);
    let _lock = session.cache.lock(&objects, &note)?;
    let same = match (
        fs::read(dir.join("config")),
        fs::read(objects.join(".config")),
    ) {
        (Ok(kept), Ok(built)) => kept == built,
        _ => false,
    };
    if !same || objects::is_unfinished(&objects) {
        return Ok(None);
    }
    let found = compiled::sources(&objects, &input.source.tree);
    Ok(found
        .map(Some)
        .map_err(|e| host::Error::file("look into", &objects, e))?)
}

fn keep_sources(input: &BuildInput, objects: &Path, dir: &Path) -> Result<()> {
    let found = compiled::sources(objects, &input.source.tree)
        .map_err(|e| host::Error::file("look into", objects, e))?;
    let lines: Vec<String> = found.iter().map(|p| format!("{}\n", p.display())).collect();
    Ok(write_whole(&dir.join(SOURCES), lines.concat().as_bytes())?)
}

/// The object tree of a build, locked: of those that nobody builds in the one
/// whose last configuration is nearest.
pub fn tree(input: &BuildInput, session: &Session) -> Result<(PathBuf, Lock)> {
    let objects = session.cache.folder("objects")?;
    let name = input.objects_folder()?;
    let mut pool = vec![objects.join(&name)];
    pool.extend((1..session.trees).map(|number| objects.join(format!("{name}.{number}"))));
    if pool.len() > 1 {
        let wanted = Values::parse(&input.config.text);
        pool.sort_by_cached_key(|tree| distance(tree, &wanted));
        for tree in &pool {
            if let Some(lock) = session.cache.try_lock(tree)? {
                return Ok((tree.clone(), lock));
            }
        }
    }
    let tree = pool.swap_remove(0);
    let lock = session
        .cache
        .lock(&tree, &|text| session.progress.note(text))?;
    Ok((tree, lock))
}

/// How many symbols have another value than in the last build of a tree. One in
/// which nothing was built is farther than all others.
fn distance(tree: &Path, wanted: &Values) -> usize {
    let Ok(bytes) = fs::read(tree.join(".config")) else {
        return usize::MAX;
    };
    let built = Values::parse(&text_of(&bytes));
    let differs = |name: &&str| built.get(name) != wanted.get(name);
    built.names_with(wanted).filter(differs).count()
}

/// Builds in an object tree that the caller has locked.
pub fn make(input: &BuildInput, tree: &Path, session: &Session) -> Result<()> {
    objects::begin(tree)?;
    let compiled = compile(input, tree, session);
    // A build that failed by itself has left nothing half written.
    if !matches!(&compiled, Err(error) if error.is_interrupted()) {
        objects::end(tree)?;
    }
    compiled
}

fn compile(input: &BuildInput, objects: &Path, session: &Session) -> Result<()> {
    if let Some(ramdisk) = input.ramdisk {
        write_if_changed(&objects.join(ramdisk.name), ramdisk.bytes)?;
    }
    let forecast = foretell(input, objects, session);
    write_if_changed(&objects.join(".config"), &bytes_of(&input.config.text))?;
    let log = objects.join("tuxling.log");
    let _ = fs::remove_file(&log); // the last build's; a new one is begun
    let cmd = whole_command(input, objects, session)?;
    let meter = Meter::new(&forecast);
    let begun = Instant::now();
    let on_line = |line: &str| {
        session.progress.tool_line(line);
        if let Some((done, total)) = meter.line(line) {
            session.progress.step(&compiled_so_far(done, total));
        }
    };
    session
        .processes
        .run_logged(&cmd, &log, &on_line)
        .map_err(|e| Error::Kernel {
            error: host::Error::command(Kind::Build, "build the kernel", e).into(),
            log: log.clone(),
        })?;
    Pace::keep(meter.done(), begun.elapsed(), session);
    Ok(())
}

/// Tells what will be compiled, where somebody listens.
fn foretell(input: &BuildInput, objects: &Path, session: &Session) -> Forecast {
    if !session.progress.listens() {
        return Forecast::default();
    }
    let text = &input.config.text;
    let forecast = Forecast::of(&input.source.tree, input.arch, text, objects);
    if let Some(words) = forecast.words(session.jobs, Pace::known(session)) {
        let image = forecast.image_bytes(text);
        session.progress.note(&format!(
            "the kernel: {words}; its image will have roughly {:.1} MiB",
            image.0 as f64 / f64::from(1 << 20)
        ));
        session.progress.step(&compiled_so_far(0, forecast.total()));
    }
    forecast
}

fn compiled_so_far<'a>(done: u64, total: u64) -> Step<'a> {
    Step {
        what: "",
        done,
        total: Some(total),
        unit: Unit::Of("objects"),
    }
}

/// The command that builds the kernel, with tuxling put in the linker's place.
pub fn whole_command(input: &BuildInput, objects: &Path, session: &Session) -> Result<Cmd> {
    linker::install(objects, session)?;
    let device_tree = device_tree(input)?;
    Ok(command(
        input.source,
        objects,
        input.arch,
        input.tools,
        input.cflags,
        device_tree.as_ref().map(|found| found.target.as_str()),
        session.jobs,
    ))
}

fn device_tree(input: &BuildInput) -> Result<Option<DeviceTree>> {
    let find = |name| DeviceTree::find(input.source, input.arch, name);
    input.device_tree.map(find).transpose()
}

/// The command that builds the kernel in an object tree with its `.config`,
/// and the target of a device tree beside it. Neither need be there yet.
pub fn command(
    source: &Source,
    objects: &Path,
    arch: Arch,
    tools: &Tools,
    cflags: &[String],
    device_tree: Option<&str>,
    jobs: usize,
) -> Cmd {
    let cmd = make::make(source, objects, arch, tools)
        .arg(format!("-j{jobs}"))
        .arg(format!("KCFLAGS={}", cflags.join(" ")))
        .arg(arch.facts().image_target)
        .args(device_tree);
    let cmd = linker::through(cmd, objects, tools);
    if cflags.iter().any(|flag| flag == FUNCTION_SECTIONS) {
        linker::folding(cmd)
    } else {
        cmd
    }
}

/// `make` compares times: a file that doesn't change keeps its own.
pub(super) fn write_if_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    Ok(write_whole(path, content)?)
}

/// Copies what a kernel's folder holds out of an object tree.
pub fn keep(input: &BuildInput, objects: &Path, dir: &Path) -> Result<()> {
    let mut files = vec![
        (input.arch.facts().image_path, "image"),
        ("vmlinux", "vmlinux"),
        ("System.map", "System.map"),
        (".config", "config"),
        ("tuxling.log", "build.log"),
    ];
    let device_tree = device_tree(input)?.as_ref().map(DeviceTree::path);
    files.extend(device_tree.as_deref().map(|path| (path, "device-tree")));
    for (from, to) in files {
        let from = objects.join(from);
        fs::copy(&from, dir.join(to)).map_err(|e| host::Error::file("copy", &from, e))?;
    }
    Ok(())
}
