//! The kernel's modules: compiled beside the kernel, those that a recipe names
//! taken out with what they depend on, and the tables that modprobe reads made
//! for these alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use host::error::Kind;
use host::id::Id;
use host::process::{Cmd, Processes};
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session, Step, Unit};
use initramfs::{ArchivePath, Content, Entry, EntryKind, Mode, Tree};
use kconfig::bytes::bytes_of;
use recipe::Arch;
use recipe::config::Values;
use recipe::plan::{KernelPlan, ModulesPlan};

use super::Tools;
use super::build::{self, BuildInput};
use super::{make, objects};
use crate::error::{Error, Result};
use crate::source::Source;

/// The program that makes modprobe's tables.
pub const DEPMOD: &str = "depmod";

/// Where modules stand in a root file system.
const FOLDER: &str = "lib/modules";

/// The tables that depmod makes and that are kept: the texts, which BusyBox's
/// modprobe reads, and what kmod's reads besides (depmod(8)).
const TEXTS: [&str; 4] = [
    "modules.alias",
    "modules.dep",
    "modules.softdep",
    "modules.symbols",
];
const KMODS: [&str; 3] = [
    "modules.alias.bin",
    "modules.dep.bin",
    "modules.symbols.bin",
];

/// The list of what is part of the kernel: modprobe is content when one of these
/// is asked for.
const BUILTIN: &str = "modules.builtin";

/// Modules that were built: files that stay as they are.
#[derive(Clone, Debug)]
pub struct Modules {
    dir: PathBuf,
}

/// What they are built from.
type Key<'a> = (&'a Id, &'a ModulesPlan, Option<String>);

/// Builds the kernel's modules, or gives back those that were built from the same.
///
/// # Errors
/// When none is asked for by the configuration, one that the recipe names isn't
/// among them, or the build fails.
pub fn build(
    input: &BuildInput<'_>,
    plan: &KernelPlan,
    session: &Session,
) -> Result<Cached<Modules>> {
    let values = Values::parse(&input.config.text);
    if !values.iter().any(|(_, value)| value == "m") {
        return Err(Error::NoModules);
    }
    let depmod = version(&session.processes);
    let key: Key<'_> = (&input.build_id()?, &plan.modules, depmod);
    let dir = session
        .cache
        .folder("modules")?
        .join(Id::of("modules/1", &key)?.short());
    let modules = Modules { dir };
    if modules.is_kept(session)? {
        return Ok(Cached::hit(modules));
    }
    let (tree, _lock) = build::tree(input, session)?;
    if modules.is_kept(session)? {
        return Ok(Cached::hit(modules));
    }
    objects::begin(&tree)?;
    let made = compile(input, &tree, session);
    if !matches!(&made, Err(error) if error.is_interrupted()) {
        objects::end(&tree)?;
    }
    made?;
    fill_sealed(&modules.dir, |fresh| {
        install(input, plan, (&tree, fresh), session)
    })?;
    Ok(Cached::fresh(modules))
}

/// The first line that depmod says of itself: what another one makes may have
/// other bytes.
fn version(processes: &Processes) -> Option<String> {
    let said = processes.run_any_status(&Cmd::new(DEPMOD).arg("--version"));
    let said = String::from_utf8_lossy(&said.ok()?.stdout).into_owned();
    said.lines().next().map(str::to_owned)
}

/// Compiles the modules, and what of the kernel isn't there any more.
fn compile(input: &BuildInput<'_>, tree: &Path, session: &Session) -> Result<()> {
    let config = bytes_of(&input.config.text);
    build::write_if_changed(&tree.join(".config"), &config)?;
    let log = tree.join("tuxling.log");
    let done = AtomicU64::new(0);
    let on_line = |line: &str| {
        session.progress.tool_line(line);
        if line.contains("[M]") {
            session.progress.step(&Step {
                what: "",
                done: done.fetch_add(1, Ordering::Relaxed) + 1,
                total: None,
                unit: Unit::Of("files"),
            });
        }
    };
    let cmd = build::whole_command(input, tree, session)?.arg("modules");
    let ran = session.processes.run_logged(&cmd, &log, &on_line);
    ran.map_err(|e| Error::Kernel {
        error: host::Error::command(Kind::Build, "build the kernel's modules", e).into(),
        log: log.clone(),
    })
}

/// The command that puts all compiled modules below a folder, without what only
/// debuggers read, and without tables.
pub fn install_command(
    source: &Source,
    objects: &Path,
    arch: Arch,
    tools: &Tools,
    below: &Path,
) -> Cmd {
    make::make(source, objects, arch, tools)
        .arg("modules_install")
        .arg(format!("INSTALL_MOD_PATH={}", below.display()))
        .arg("INSTALL_MOD_STRIP=1")
        .arg("DEPMOD=true")
}

/// The command that makes the tables for the modules of a release.
pub fn depmod_command(below: &Path, system_map: &Path, release: &str) -> Cmd {
    Cmd::new(DEPMOD)
        .arg("-b")
        .arg(below)
        .arg("-F")
        .arg(system_map)
        .arg(release)
}

/// Takes the modules that are wanted out of an object tree.
fn install(
    input: &BuildInput<'_>,
    plan: &KernelPlan,
    (tree, fresh): (&Path, &Path),
    session: &Session,
) -> Result<()> {
    let cmd = install_command(input.source, tree, input.arch, input.tools, fresh);
    session
        .processes
        .run(&cmd)
        .map_err(|e| host::Error::command(Kind::Build, "install the kernel's modules", e))?;
    let (release, folder) = release(fresh)?;
    let tables = || {
        let cmd = depmod_command(fresh, &tree.join("System.map"), &release);
        let ran = session.processes.run(&cmd);
        ran.map_err(|e| host::Error::command(Kind::Build, "make modprobe's tables", e))
    };
    tables()?;
    if let ModulesPlan::Named(names) = &plan.modules {
        let known = Known::read(&folder)?;
        let wanted = known.with_dependencies(names)?;
        for path in known.files.values().filter(|path| !wanted.contains(*path)) {
            remove(&folder.join(path))?;
        }
        tables()?;
    }
    for name in names_in(&folder)? {
        let table = name.starts_with("modules.");
        let kept = TEXTS.iter().chain(&KMODS).any(|kept| *kept == name) || name == BUILTIN;
        // `build` and `source` lead to trees of this machine.
        if name == "build" || name == "source" || table && !kept {
            remove(&folder.join(&name))?;
        }
    }
    Ok(())
}

/// The release whose modules stand below a folder, and where.
fn release(below: &Path) -> Result<(String, PathBuf)> {
    let all = below.join(FOLDER);
    match &names_in(&all)?[..] {
        [release] => Ok((release.clone(), all.join(release))),
        _ => {
            let error = io::Error::other("modules of one kernel are expected there");
            Err(host::Error::file("read", &all, error).into())
        }
    }
}

fn names_in(folder: &Path) -> Result<Vec<String>> {
    let failed = |e: io::Error| host::Error::file("read", folder, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|e| host::Error::file("remove", path, e).into())
}

/// What depmod found.
#[derive(Debug, Default)]
struct Known {
    /// Modules by name, and their paths below the release's folder.
    files: BTreeMap<String, String>,
    /// Paths of what each module depends on.
    needs: BTreeMap<String, Vec<String>>,
    /// What each module's author says that it goes with, by name.
    softly: BTreeMap<String, Vec<String>>,
    /// Names of what is part of the kernel.
    builtin: BTreeSet<String>,
}

impl Known {
    fn read(folder: &Path) -> Result<Known> {
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))
        };
        Ok(Known::of(
            &text("modules.dep")?,
            &text("modules.softdep")?,
            &text(BUILTIN)?,
        ))
    }

    /// From the lines of `modules.dep` (`PATH: PATH …`), `modules.softdep`
    /// (`softdep NAME pre: NAME … post: NAME …`) and `modules.builtin` (paths).
    fn of(dep: &str, softdep: &str, builtin: &str) -> Known {
        let mut known = Known::default();
        for line in dep.lines() {
            let Some((path, needs)) = line.split_once(':') else {
                continue;
            };
            known.files.insert(name_of(path), path.to_owned());
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            known.needs.insert(path.to_owned(), needs);
        }
        for line in softdep.lines() {
            let mut words = line.split_whitespace();
            let (Some("softdep"), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let others = words.filter(|word| !word.ends_with(':')).map(name_of);
            let entry = known.softly.entry(name_of(name)).or_default();
            entry.extend(others);
        }
        known.builtin = builtin.lines().map(name_of).collect();
        known
    }

    /// The paths of named modules, of what they depend on, and of what their
    /// authors say that they go with, as far as it is there.
    fn with_dependencies(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let mut lacking = Vec::new();
        let mut open = Vec::new();
        for name in names {
            match self.files.get(&name_of(name)) {
                Some(path) => open.push(path.clone()),
                None => lacking.push(self.lacks(name)),
            }
        }
        if !lacking.is_empty() {
            return Err(Error::ModulesLacking(lacking));
        }
        while let Some(path) = open.pop() {
            let name = name_of(&path);
            if !found.insert(path.clone()) {
                continue;
            }
            open.extend(self.needs.get(&path).into_iter().flatten().cloned());
            let softly = self.softly.get(&name).into_iter().flatten();
            open.extend(softly.filter_map(|name| self.files.get(name)).cloned());
        }
        Ok(found)
    }

    /// Why a module isn't there, in words.
    fn lacks(&self, name: &str) -> String {
        if self.builtin.contains(&name_of(name)) {
            return format!("{name}: is part of the kernel: it needs no module");
        }
        let distance = |known: &&String| strsim::damerau_levenshtein(known, &name_of(name));
        match self.files.keys().min_by_key(distance) {
            Some(near) if distance(&near) <= 3 => format!("{name}: did you mean {near}?"),
            _ => format!("{name}: no symbol that is m makes it"),
        }
    }
}

/// The name of a module, as modprobe compares it: without folders and endings,
/// and with `_` for `-`.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.split(".ko").next().unwrap_or(file);
    name.replace('-', "_")
}

impl Modules {
    /// Whether they are there and as they were put there.
    fn is_kept(&self, session: &Session) -> Result<bool> {
        Ok(self.dir.exists() && is_sound(&self.dir, "modules", session.progress)?)
    }

    /// Puts them into a root file system. kmod's own tables go where something else
    /// than BusyBox may read them.
    ///
    /// # Errors
    /// When they can't be read, or something stands in their place.
    pub fn place(&self, tree: &mut Tree, for_kmod: bool) -> Result<()> {
        let (_, folder) = release(&self.dir)?;
        let mut wrong = Vec::new();
        for file in files_below(&folder)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            if !for_kmod && KMODS.iter().any(|table| *table == name) {
                continue;
            }
            let below = file.strip_prefix(&self.dir).unwrap_or(&file);
            let placed = ArchivePath::new(below.as_os_str().as_encoded_bytes())
                .map_err(|e| e.to_string())
                .and_then(|path| {
                    let content = EntryKind::File(Content::Path(file.clone()));
                    let entry = Entry::new(path, content).with_mode(Mode::of_st_mode(0o644));
                    tree.place(entry).map_err(|e| e.to_string())
                });
            if let Err(why) = placed {
                wrong.push(format!("{}: {why}", below.display()));
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::NotPlaced(wrong))
        }
    }
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in names_in(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\n\
                       kernel/fs/fat/fat.ko.xz:\n\
                       kernel/drivers/usb/storage/usb-storage.ko: kernel/drivers/usb/core/usbcore.ko\n\
                       kernel/drivers/usb/core/usbcore.ko: kernel/drivers/usb/common/usb-common.ko\n\
                       kernel/drivers/usb/common/usb-common.ko:\n\
                       kernel/drivers/usb/host/xhci-pci.ko:\n";

    fn known() -> Known {
        let softdep = "# Soft dependencies\nsoftdep usbcore post: xhci_pci ehci_pci\n";
        Known::of(DEP, softdep, "kernel/fs/ext4/ext4.ko\n")
    }

    fn wanted(names: &[&str]) -> Result<Vec<String>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = known().with_dependencies(&names)?;
        Ok(found.iter().map(|path| name_of(path)).collect())
    }

    #[test]
    fn a_module_brings_what_it_depends_on_and_what_it_goes_with() {
        assert_eq!(wanted(&["vfat"]).expect("modules"), ["fat", "vfat"]);
        assert_eq!(
            wanted(&["usb_storage"]).expect("modules"),
            ["usb_common", "usbcore", "xhci_pci", "usb_storage"]
        );
        let both = wanted(&["usb-storage", "fat"]).expect("modules");
        assert_eq!(both.len(), 5);
    }

    #[test]
    fn a_module_that_is_not_made_is_told_with_its_reason() {
        let told = wanted(&["vfatt", "ext4", "snd-hda-intel", "fat"]).expect_err("three lack");
        let Error::ModulesLacking(lines) = told else {
            panic!("{told}");
        };
        assert_eq!(
            lines,
            [
                "vfatt: did you mean vfat?",
                "ext4: is part of the kernel: it needs no module",
                "snd-hda-intel: no symbol that is m makes it",
            ]
        );
    }
}
