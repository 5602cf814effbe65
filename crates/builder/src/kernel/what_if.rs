//! What a kernel would be with other options, without its whole build: objects
//! whose files name an option that changes are compiled again, aside, the
//! others are taken as they are, and all are linked as the kernel's last link
//! was. Nothing of the object tree changes.
//!
//! Kbuild keeps beside each object which options its files name
//! (`$(wildcard include/config/X)`, scripts/basic/fixdep.c). What is not made
//! again is what no object's own command makes: headers and sources that the
//! build generates, programs inside of objects (the vdso), and flags that
//! Makefiles choose by options.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use host::error::Kind;
use host::process::Cmd;
use host::session::Session;
use recipe::config::Values;

use super::relink::{Bench, LinkedObject, MODEL};
use super::toolchain::Tools;
use super::{compile_line, fold, linker};
use crate::error::{Error, Result};

/// Where it is compiled and linked, below the object tree: commands name
/// headers relative to that.
const FOLDER: &str = "tuxling-link/what-if";

/// What would be different.
#[derive(Clone, Copy)]
pub struct Change<'c> {
    /// The options whose values differ, without `CONFIG_`.
    pub options: &'c BTreeSet<String>,
    /// All values as they would be.
    pub values: &'c Values,
    /// Whether this object would not be built.
    pub gone: &'c dyn Fn(&str) -> bool,
    /// The objects that would be built besides, and whether they would be in a
    /// library.
    pub added: &'c [(String, bool)],
}

/// What is compressed of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An ELF file without symbols, as on x86.
    Elf,
    /// The loaded bytes alone.
    Flat,
}

/// A kernel as it would be.
#[derive(Clone, Debug)]
pub struct Linked {
    /// Its ELF file.
    pub vmlinux: Vec<u8>,
    /// What of it is compressed.
    pub payload: Vec<u8>,
    /// How many objects were compiled for it.
    pub compiled: usize,
}

/// The kernel that all changes start from.
#[derive(Debug)]
pub struct WhatIf<'b> {
    bench: &'b Bench<'b>,
    objects: Vec<(String, bool)>,
    /// Which options the files of each object name.
    named: BTreeMap<String, BTreeSet<String>>,
}

/// One file to be compiled.
struct Work {
    source: PathBuf,
    object: PathBuf,
    /// What Kbuild keeps of the command.
    kept: String,
}

impl<'b> WhatIf<'b> {
    /// Reads what Kbuild keeps of the objects.
    pub fn new(bench: &'b Bench<'b>) -> Result<WhatIf<'b>> {
        let objects: Vec<(String, bool)> = bench
            .objects()?
            .into_iter()
            .map(|LinkedObject { name, library, .. }| (name, library))
            .collect();
        let mut named = BTreeMap::new();
        for (name, _) in &objects {
            // What scripts/link-vmlinux.sh makes has no command of its own.
            if let Ok(kept) = fs::read_to_string(bench.tree().join(compile_line::file_of(name))) {
                named.insert(name.clone(), compile_line::options(&kept));
            }
        }
        Ok(WhatIf {
            bench,
            objects,
            named,
        })
    }

    /// How many objects would stay and be compiled differently.
    pub fn affected(&self, change: &Change) -> usize {
        let stay = self.objects.iter().filter(|(name, _)| !(change.gone)(name));
        stay.filter(|(name, _)| self.names_one(name, change))
            .count()
    }

    /// How many objects name each option: so many are compiled again when it
    /// changes.
    pub fn reach(&self) -> BTreeMap<String, usize> {
        let mut reach = BTreeMap::new();
        for option in self.named.values().flatten() {
            *reach.entry(option.clone()).or_default() += 1;
        }
        reach
    }

    fn names_one(&self, object: &str, change: &Change) -> bool {
        self.named
            .get(object)
            .is_some_and(|options| !options.is_disjoint(change.options))
    }

    /// Compiles what changes, and links. `form` is the payload's.
    pub fn link(
        &self,
        change: &Change,
        form: Form,
        tools: &Tools,
        session: &Session,
    ) -> Result<Linked> {
        let folder = self.bench.tree().join(FOLDER);
        let aside = Aside::new(&folder)?;
        let tree = folder.join("tree");
        let now = self.bench.tree().join(AUTOCONF);
        let now = fs::read_to_string(&now).map_err(|e| host::Error::file("read", &now, e))?;
        mirror(self.bench.tree(), &tree, &autoconf(&now, change.values))?;
        let (mut works, mut always, mut libraries) = (Vec::new(), Vec::new(), Vec::new());
        for (name, library) in &self.objects {
            if (change.gone)(name) {
                continue;
            }
            let list = if *library {
                &mut libraries
            } else {
                &mut always
            };
            if self.names_one(name, change) {
                let work = self.again(name, &folder)?;
                list.push(work.object.clone());
                works.push(work);
            } else {
                list.push(PathBuf::from(name));
            }
        }
        for (name, library) in change.added {
            if let Some(work) = self.besides(name, &folder) {
                let list = if *library {
                    &mut libraries
                } else {
                    &mut always
                };
                list.push(work.object.clone());
                works.push(work);
            }
        }
        self.compile(&works, &tree, session)?;
        let script = self.script(change, &folder, session)?;
        let inputs = (always.as_slice(), libraries.as_slice());
        let vmlinux = folder.join("vmlinux");
        self.link_vmlinux(inputs, script, &vmlinux, tools, session)?;
        let payload = folder.join("payload");
        self.finish(change.values, form, (&vmlinux, &payload), tools, session)?;
        let linked = Linked {
            vmlinux: read(&vmlinux)?,
            payload: read(&payload)?,
            compiled: works.len(),
        };
        drop(aside);
        Ok(linked)
    }

    /// An object of the kernel's, once more.
    fn again(&self, name: &str, folder: &Path) -> Result<Work> {
        let path = self.bench.tree().join(compile_line::file_of(name));
        let kept = fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?;
        let source =
            compile_line::source(&kept).ok_or_else(|| Error::NoCompileLine(path.clone()))?;
        Ok(Work {
            source: PathBuf::from(source),
            object: folder.join("objects").join(name),
            kept,
        })
    }

    /// An object that this kernel lacks: compiled as its neighbours are. None
    /// when it has no source of its own.
    fn besides(&self, name: &str, folder: &Path) -> Option<Work> {
        let stem = name.strip_suffix(".o")?;
        let source = ["c", "S"].iter().find_map(|ending| {
            let path = self.bench.source().join(format!("{stem}.{ending}"));
            path.is_file().then_some(path)
        })?;
        let beside = |other: &&String| Path::new(other).parent() == Path::new(name).parent();
        let neighbour = self.named.keys().find(beside).map_or(MODEL, String::as_str);
        let read =
            |object| fs::read_to_string(self.bench.tree().join(compile_line::file_of(object)));
        Some(Work {
            source,
            object: folder.join("objects").join(name),
            kept: read(name).or_else(|_| read(neighbour)).ok()?,
        })
    }

    /// Compiles, as many at once as there are jobs.
    fn compile(&self, works: &[Work], tree: &Path, session: &Session) -> Result<()> {
        let next = AtomicUsize::new(0);
        let one = || -> Result<()> {
            while let Some(work) = works.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(failure) = self.compile_one(work, tree, session) {
                    next.store(works.len(), Ordering::Relaxed); // the others stop, too
                    return Err(failure);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..session.jobs.max(1)).map(|_| scope.spawn(one)).collect();
            let join = |worker: std::thread::ScopedJoinHandle<Result<()>>| {
                worker.join().unwrap_or(Err(Error::ThreadEnded))
            };
            workers.into_iter().try_for_each(join)
        })
    }

    fn compile_one(&self, work: &Work, tree: &Path, session: &Session) -> Result<()> {
        make_folder_of(&work.object)?;
        let cmd = compile_line::command(&work.kept, &work.source, &work.object)
            .ok_or_else(|| Error::NoCompileLine(work.object.clone()))?;
        let what = format!("compile {}", work.source.display());
        let ran = session.processes.run(&cmd.dir(tree));
        Ok(ran
            .map(drop)
            .map_err(|e| host::Error::command(Kind::Build, &what, e))?)
    }

    /// The linker script, made again when it names an option that changes.
    fn script(&self, change: &Change, folder: &Path, session: &Session) -> Result<Option<PathBuf>> {
        let arguments = linker::written_arguments(self.bench.tree())?;
        // Where functions have sections of their own, a script of ours gathers them.
        let gathered = self.bench.tree().join("tuxling-link/vmlinux.lds");
        let as_it_is = gathered.is_file().then(|| gathered.clone());
        let Some(script) = arguments.iter().find_map(|a| linker::script(a)) else {
            return Ok(as_it_is);
        };
        let name = script.strip_prefix(".").unwrap_or(&script);
        let kept = self
            .bench
            .tree()
            .join(compile_line::file_of(&name.to_string_lossy()));
        let Ok(kept) = fs::read_to_string(kept) else {
            return Ok(as_it_is);
        };
        let source = compile_line::source(&kept).map(PathBuf::from);
        let Some(source) =
            source.filter(|_| !compile_line::options(&kept).is_disjoint(change.options))
        else {
            return Ok(as_it_is);
        };
        let made = folder.join("vmlinux.lds");
        let work = Work {
            source,
            object: made.clone(),
            kept,
        };
        self.compile_one(&work, &folder.join("tree"), session)?;
        if gathered.is_file() {
            let text =
                fs::read_to_string(&made).map_err(|e| host::Error::file("read", &made, e))?;
            write(&made, fold::fold(&text).as_bytes())?;
        }
        Ok(Some(made))
    }

    /// The kernel's last link with other objects.
    fn link_vmlinux(
        &self,
        (always, libraries): (&[PathBuf], &[PathBuf]),
        script: Option<PathBuf>,
        output: &Path,
        tools: &Tools,
        session: &Session,
    ) -> Result<()> {
        let archive = output.with_file_name("libraries.a");
        // `q`: libraries have several members of one name.
        let ar = Cmd::new(tools.ar())
            .arg("qcs")
            .arg(&archive)
            .args(libraries);
        self.run(ar, session)?;
        let args = linker::linking(
            linker::written_arguments(self.bench.tree())?,
            always.iter().map(OsString::from).collect(),
            vec![archive.into()],
            output,
            script.as_deref(),
        )?;
        self.run(Cmd::new(&tools.ld).args(args), session)
    }

    /// What a build does to a linked kernel before it compresses it
    /// (scripts/link-vmlinux.sh, `sorttable`; `OBJCOPYFLAGS` in arch/*/boot).
    fn finish(
        &self,
        values: &Values,
        form: Form,
        (vmlinux, payload): (&Path, &Path),
        tools: &Tools,
        session: &Session,
    ) -> Result<()> {
        let sort = self.bench.tree().join("scripts/sorttable");
        if values.get("BUILDTIME_TABLE_SORT") == "y" && sort.is_file() {
            self.run(Cmd::new(sort).arg(vmlinux), session)?;
        }
        let objcopy = Cmd::new(tools.objcopy()).args(match form {
            Form::Elf => &["-R", ".comment", "-S"][..],
            Form::Flat => &["-O", "binary", "-R", ".comment", "-S"],
        });
        self.run(objcopy.arg(vmlinux).arg(payload), session)
    }

    fn run(&self, cmd: Cmd, session: &Session) -> Result<()> {
        let ran = session.processes.run(&cmd.dir(self.bench.tree()));
        let what = "link the kernel as it would be";
        Ok(ran
            .map(drop)
            .map_err(|e| host::Error::command(Kind::Build, what, e))?)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|e| host::Error::file("read", path, e))?)
}

/// `include/generated/autoconf.h` with other values. The lines keep their order,
/// which is that of conf's table: what `conf` would write is the same file then,
/// and the same compilation for `ccache`.
fn autoconf(now: &str, values: &Values) -> String {
    let mut left: BTreeMap<&str, &str> = values.iter().collect();
    let mut text = String::new();
    for line in now.lines() {
        let Some(name) = defined(line) else {
            text.push_str(line);
            text.push('\n');
            continue;
        };
        // `CONFIG_X_MODULE` says that X is `m`, or is an option of that name.
        let of_module = name.strip_suffix("_MODULE");
        let bare = if left.contains_key(name) {
            name
        } else {
            of_module.unwrap_or(name)
        };
        if let Some(value) = left.remove(bare) {
            text.push_str(&definition(bare, value));
        }
    }
    for (name, value) in &left {
        text.push_str(&definition(name, value));
    }
    text
}

/// The option that a line of the header defines, without `CONFIG_`.
fn defined(line: &str) -> Option<&str> {
    line.strip_prefix("#define CONFIG_")?
        .split_ascii_whitespace()
        .next()
}

/// How scripts/kconfig/confdata.c writes a value for C.
fn definition(name: &str, value: &str) -> String {
    match value {
        "n" => String::new(),
        "y" => format!("#define CONFIG_{name} 1\n"),
        "m" => format!("#define CONFIG_{name}_MODULE 1\n"),
        other => format!("#define CONFIG_{name} {other}\n"),
    }
}

fn make_folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    Ok(fs::create_dir_all(folder).map_err(|e| host::Error::file("make the folder", folder, e))?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    make_folder_of(path)?;
    Ok(fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e))?)
}

/// What the configuration is to the compiler.
const AUTOCONF: &str = "include/generated/autoconf.h";

/// A folder that is the object tree but for that one header. Compilers run in
/// there, so that each file has the name that it has in a build: for `ccache`
/// it is then the same compilation.
fn mirror(tree: &Path, folder: &Path, header: &str) -> Result<()> {
    let (mut from, mut to) = (tree.to_owned(), folder.to_owned());
    for name in Path::new(AUTOCONF) {
        fs::create_dir_all(&to).map_err(|e| host::Error::file("make the folder", &to, e))?;
        let entries = fs::read_dir(&from).map_err(|e| host::Error::file("read", &from, e))?;
        for entry in entries.flatten().filter(|entry| entry.file_name() != name) {
            let link = to.join(entry.file_name());
            std::os::unix::fs::symlink(entry.path(), &link)
                .map_err(|e| host::Error::file("link", &link, e))?;
        }
        (from, to) = (from.join(name), to.join(name));
    }
    write(&to, header.as_bytes())
}

/// A folder that is empty at first and gone at last.
struct Aside<'a>(&'a Path);

impl<'a> Aside<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder); // one that was killed may have left it
        fs::create_dir_all(folder).map_err(|e| host::Error::file("make the folder", folder, e))?;
        Ok(Aside(folder))
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        // The next one removes what can't be removed now.
        let _ = fs::remove_dir_all(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::config;

    #[test]
    fn the_header_is_what_conf_would_write() {
        let now = "/* made */\n#define CONFIG_E \"e \\\" x\"\n#define CONFIG_C 1\n\
                   #define CONFIG_B_MODULE 1\n#define CONFIG_OLD_MODULE 1\n#define CONFIG_D 0x10\n";
        let values = config::Values::parse(
            "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=0x20\n\
             CONFIG_E=\"e \\\" x\"\nCONFIG_OLD_MODULE=y\n",
        );
        assert_eq!(
            autoconf(now, &values),
            "/* made */\n#define CONFIG_E \"e \\\" x\"\n#define CONFIG_B_MODULE 1\n\
             #define CONFIG_OLD_MODULE 1\n#define CONFIG_D 0x20\n#define CONFIG_A 1\n"
        );
    }

    #[test]
    fn the_mirror_is_the_tree_but_for_the_configuration() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (tree, mirrored) = (dir.path().join("a"), dir.path().join("b"));
        write(&tree.join(AUTOCONF), b"old").expect("written");
        write(&tree.join("include/generated/bounds.h"), b"bounds").expect("written");
        write(&tree.join("init/main.o"), b"object").expect("written");
        mirror(&tree, &mirrored, "new").expect("mirrored");
        let read = |path: &str| fs::read_to_string(mirrored.join(path)).expect("there");
        assert_eq!(read(AUTOCONF), "new");
        assert_eq!(read("include/generated/bounds.h"), "bounds");
        assert_eq!(read("init/main.o"), "object");
        let old = fs::read(tree.join(AUTOCONF)).expect("there");
        assert_eq!(old, b"old");
    }

    #[test]
    fn what_a_killed_tuxling_has_left_is_not_linked() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = dir.path().join("what-if");
        write(&folder.join("objects/a.o"), b"old").expect("written");
        let aside = Aside::new(&folder).expect("made");
        assert_eq!(fs::read_dir(&folder).expect("there").count(), 0);
        drop(aside);
        assert!(!folder.exists());
    }
}
