//! Linking a kernel again, by its own `make`, from other objects than those
//! that were compiled: only the steps from the link of `vmlinux` on run.
//!
//! The object tree stays locked as long as a [`Bench`] is held, and holds what
//! one configuration compiles to. What was relinked is copied out and its
//! `vmlinux` removed from the tree, so that no later build takes it for its own.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use host::cache::Lock;
use host::error::Kind;
use host::session::Session;

use super::build::{self, BuildInput};
use super::{compile_line, linker};
use crate::error::{Error, Result};

/// The object whose compilation others are modelled on: plain C of the core.
pub(super) const MODEL: &str = "init/main.o";

/// The folder that the kernel's top Makefile descends into, to see in each folder
/// below whether anything is to be compiled: the longest part of a `make` that
/// compiles nothing. The tree was made when it was opened, so there is nothing
/// in this one.
const NO_DESCENT: &str = "build-dir=tuxling-link/nothing";

/// Tools that are built by Makefiles with a variable of that name.
const DESCENDING_TOOLS: [&str; 2] = ["\nCONFIG_OBJTOOL=y", "\nCONFIG_DEBUG_INFO_BTF=y"];

/// The name of the archive that is linked in the place of the kernel's objects.
const ARCHIVE: &str = "relinked.a";

/// The folder of an object tree for the objects that are linked in place of the
/// compiled ones.
const OBJECTS: &str = "tuxling-link/objects";

/// An object tree in which one configuration is compiled.
#[derive(Debug)]
pub struct Bench<'a> {
    input: BuildInput<'a>,
    tree: PathBuf,
    _lock: Lock,
}

/// One object of the kernel's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedObject {
    /// Its path below the object tree: `kernel/fork.o`.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it comes from a library, of which the linker takes only what is
    /// asked for.
    pub library: bool,
}

impl<'a> Bench<'a> {
    /// Compiles what is missing and keeps the tree.
    pub fn open(input: BuildInput<'a>, session: &Session) -> Result<Bench<'a>> {
        let (tree, lock) = build::tree(&input, session)?;
        build::make(&input, &tree, session)?;
        Ok(Bench {
            input,
            tree,
            _lock: lock,
        })
    }

    /// The object tree.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// The sources that it is built from.
    pub fn source(&self) -> &Path {
        &self.input.source.tree
    }

    /// The objects of the last link, in the linker's order.
    pub fn objects(&self) -> Result<Vec<LinkedObject>> {
        let arguments = linker::written_arguments(&self.tree)?;
        let (always, libraries) = linker::inputs(&arguments);
        let mut objects = Vec::new();
        for (range, library) in [(always, false), (libraries, true)] {
            for argument in &arguments[range] {
                self.read_input(argument, library, &mut objects)?;
            }
        }
        if objects.is_empty() {
            return Err(Error::NoObjects);
        }
        Ok(objects)
    }

    /// The text of the kernel's linker script.
    pub fn script(&self) -> Result<String> {
        let arguments = linker::written_arguments(&self.tree)?;
        let script = arguments.iter().find_map(|argument| {
            let path = argument.as_bytes().strip_prefix(b"--script=")?;
            Some(self.tree.join(std::ffi::OsStr::from_bytes(path)))
        });
        let path = script.ok_or(Error::NoLinkerScript)?;
        Ok(fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?)
    }

    /// Compiles one more file as the kernel's core is compiled. `source` is C,
    /// or assembler when the name ends in `.S`.
    pub fn compile(&self, name: &str, source: &str, session: &Session) -> Result<Vec<u8>> {
        let folder = self.tree.join("tuxling-link");
        let (file, object) = (folder.join(name), folder.join(format!("{name}.o")));
        fs::create_dir_all(&folder)
            .map_err(|e| host::Error::file("make the folder", &folder, e))?;
        fs::write(&file, source).map_err(|e| host::Error::file("write", &file, e))?;
        let saved = self.tree.join(compile_line::file_of(MODEL));
        let text = fs::read_to_string(&saved).map_err(|e| host::Error::file("read", &saved, e))?;
        let cmd =
            compile_line::command(&text, &file, &object).ok_or(Error::NoCompileLine(saved))?;
        session
            .processes
            .run(&cmd.dir(&self.tree))
            .map_err(|e| host::Error::command(Kind::Build, format!("compile {name}"), e))?;
        Ok(fs::read(&object).map_err(|e| host::Error::file("read", &object, e))?)
    }

    /// Puts what is to be linked where the linker looks for it.
    fn put(&self, archive: &[u8], lines: Option<&str>) -> Result<PathBuf> {
        let objects = self.tree.join(OBJECTS);
        fs::create_dir_all(&objects)
            .map_err(|e| host::Error::file("make the folder", &objects, e))?;
        let always = [(ARCHIVE, archive), (linker::LIST, ARCHIVE.as_bytes())];
        let lines_file = lines.map(|lines| (linker::LINES, lines.as_bytes()));
        if lines.is_none() {
            // Where there is none it can't be removed.
            let _ = fs::remove_file(objects.join(linker::LINES));
        }
        for (name, bytes) in always.into_iter().chain(lines_file) {
            let path = objects.join(name);
            fs::write(&path, bytes).map_err(|e| host::Error::file("write", &path, e))?;
        }
        Ok(objects)
    }

    /// Links `vmlinux` from an archive, with more lines in the linker's script,
    /// and makes no image of it: what it says of addresses holds for every
    /// archive whose sections have the same sizes.
    pub fn link_alone(&self, archive: &[u8], lines: &str, session: &Session) -> Result<Vec<u8>> {
        let objects = self.put(archive, Some(lines))?;
        linker::link_alone(&self.tree, &objects, self.input.tools, session)
    }

    /// Links the kernel from an archive and makes its boot image; fills `dir`
    /// with what a kernel's folder holds. `lines` are more lines for the
    /// linker's script.
    pub fn link(
        &self,
        archive: &[u8],
        lines: Option<&str>,
        dir: &Path,
        session: &Session,
    ) -> Result<()> {
        let objects = self.put(archive, lines)?;
        let _guard = Unlinked::new(&self.tree)?;
        let log = self.tree.join("tuxling.log");
        let _ = fs::remove_file(&log); // the last build's; a new one is begun
        let mut make = build::whole_command(&self.input, &self.tree, session)?;
        let config = &self.input.config.text;
        if !DESCENDING_TOOLS.iter().any(|tool| config.contains(tool)) {
            make = make.arg(NO_DESCENT);
        }
        session
            .processes
            .run_logged(&make.env(linker::RELINKED, &objects), &log, &|line| {
                session.progress.tool_line(line);
            })
            .map_err(|e| host::Error::command(Kind::Build, "link the kernel again", e))?;
        build::keep(&self.input, &self.tree, dir)
    }

    /// Keeps the map and the relocations of the last [`link`](Bench::link) beside
    /// what it has put into `dir`, as those of a compiled kernel are kept.
    pub fn keep_link(&self, dir: &Path, session: &Session) -> Result<()> {
        let objects = self.tree.join(OBJECTS);
        linker::keep_link(&self.tree, Some(&objects), dir, self.input.tools, session)
    }

    fn read_input(
        &self,
        argument: &OsString,
        library: bool,
        objects: &mut Vec<LinkedObject>,
    ) -> Result<()> {
        let path = self.tree.join(argument);
        let bytes = read(&path)?;
        if !argument.as_bytes().ends_with(b".a") {
            objects.push(LinkedObject {
                name: argument.to_string_lossy().into_owned(),
                bytes,
                library,
            });
            return Ok(());
        }
        let unreadable = |error| Error::Archive {
            path: path.clone(),
            error,
        };
        let folder = Path::new(argument).parent().unwrap_or(Path::new(""));
        for member in vmlinux::archive::members(&bytes).map_err(unreadable)? {
            let name = folder.join(&member.name);
            let bytes = match member.bytes {
                Some(bytes) => bytes.to_vec(),
                None => read(&self.tree.join(&name))?,
            };
            objects.push(LinkedObject {
                name: name.to_string_lossy().into_owned(),
                bytes,
                library,
            });
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(fs::read(path).map_err(|e| host::Error::file("read", path, e))?)
}

/// Makes sure that `vmlinux` is linked anew: now, and by whoever comes next.
struct Unlinked<'a>(&'a Path);

impl<'a> Unlinked<'a> {
    fn new(tree: &'a Path) -> Result<Self> {
        super::objects::begin(tree)?;
        let unlinked = Unlinked(tree);
        unlinked.remove();
        Ok(unlinked)
    }

    fn remove(&self) {
        // Where it can't be removed it isn't there.
        let _ = fs::remove_file(self.0.join("vmlinux"));
    }
}

impl Drop for Unlinked<'_> {
    fn drop(&mut self) {
        self.remove();
        // A mark that stays costs the next build a few objects.
        let _ = super::objects::end(self.0);
    }
}
