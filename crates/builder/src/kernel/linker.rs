//! The linker of kernel builds: what stands between Kbuild and the real `ld`.
//!
//! `make` is given `LD=OBJECTS/tuxling-link/tuxling-ld`, a link to tuxling's own
//! executable, which knows by that name what to do and becomes the real
//! linker, named in the environment variable [`REAL_LINKER`]. For the links
//! whose output ends up in the image (`scripts/link-vmlinux.sh`,
//! `arch/*/boot/compressed/Makefile`, `arch/x86/boot/Makefile`) it asks for a
//! map besides: which object each byte comes from is known to the linker and to
//! nobody after it. Of `vmlinux` it also writes down the arguments, so that the
//! same link can be done again with its relocations kept. The bytes that are
//! linked don't depend on any of that.
//!
//! [`arguments`] is the one place where a link is changed.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use host::error::Kind;
use host::process::{Cmd, become_program};
use host::session::Session;

use super::fold;
use super::toolchain::Tools;
use crate::error::{Error, Result};

/// The name under which tuxling is the linker.
pub const NAME: &str = "tuxling-ld";

/// The variable that names the real linker.
const REAL_LINKER: &str = "TUXLING_REAL_LD";

/// The option that names the linker's script.
const SCRIPT: &[u8] = b"--script=";

/// Names the objects of a relinked kernel, one a line.
pub const LIST: &str = "list";

/// Lines for the linker's script of a relinked kernel, where it needs some: they
/// put cold code where it belongs.
pub const LINES: &str = "lines";

/// Set when functions and variables have sections of their own.
const FOLD: &str = "TUXLING_FOLD_SECTIONS";

/// Names the folder of the objects that are linked in place of the kernel's.
pub const RELINKED: &str = "TUXLING_RELINKED";

/// The folder of an object tree for what the linker writes down.
const FOLDER: &str = "tuxling-link";

/// The arguments of vmlinux's link, each ended by a NUL.
const ARGUMENTS: &str = "vmlinux.arguments";

/// vmlinux linked once more, with its relocations kept (`--emit-relocs`).
const RELOCATIONS: &str = "vmlinux.relocations";

/// What is kept of a kernel's link, compressed.
const KEPT: [&str; 4] = ["vmlinux.map", "boot.map", "setup.map", RELOCATIONS];

/// What a kernel's folder keeps of its link.
#[derive(Clone, Debug)]
pub struct KeptLink {
    folder: PathBuf,
}

impl KeptLink {
    /// What the kernel in this folder keeps.
    pub fn of(kernel: &Path) -> KeptLink {
        KeptLink {
            folder: kernel.join("link"),
        }
    }

    /// Whether it is there. Kernels that older tuxlings built lack it.
    pub fn exists(&self) -> bool {
        self.file("vmlinux.map").exists() && self.file(RELOCATIONS).exists()
    }

    /// The linker's map of `vmlinux`.
    pub fn vmlinux_map(&self) -> Result<Vec<u8>> {
        self.read("vmlinux.map")
    }

    /// The linker's map of the program that unpacks the kernel, when the
    /// image has one.
    pub fn boot_map(&self) -> Result<Option<Vec<u8>>> {
        self.read_optional("boot.map")
    }

    /// The linker's map of x86's setup code, which the boot loader calls.
    pub fn setup_map(&self) -> Result<Option<Vec<u8>>> {
        self.read_optional("setup.map")
    }

    /// The ELF file of `vmlinux` with all relocations.
    pub fn relocations(&self) -> Result<Vec<u8>> {
        self.read(RELOCATIONS)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.zst"))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.file(name);
        let failed = |e: io::Error| host::Error::file("read", &path, e);
        let file = fs::File::open(&path).map_err(failed)?;
        Ok(zstd::decode_all(file).map_err(failed)?)
    }

    fn read_optional(&self, name: &str) -> Result<Option<Vec<u8>>> {
        if self.file(name).exists() {
            self.read(name).map(Some)
        } else {
            Ok(None)
        }
    }
}

/// Puts tuxling where [`through`] lets `make` look for the linker.
pub(super) fn install(objects: &Path, session: &Session) -> Result<()> {
    let folder = objects.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|e| host::Error::file("make the folder", &folder, e))?;
    let linker = folder.join(NAME);
    let executable = session.processes.executable();
    if fs::read_link(&linker).ok().as_deref() != Some(executable) {
        let failed = |e: io::Error| host::Error::file("link", &linker, e);
        match fs::remove_file(&linker) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e).into()),
            _ => std::os::unix::fs::symlink(executable, &linker).map_err(failed)?,
        }
    }
    Ok(())
}

/// Makes `make` call tuxling where it would call the linker.
pub(super) fn through(make: Cmd, objects: &Path, tools: &Tools) -> Cmd {
    let linker = objects.join(FOLDER).join(NAME);
    make.arg(format!("LD={}", linker.display()))
        .env(REAL_LINKER, &tools.ld)
}

/// Tells the linker that functions and variables have sections of their own.
pub fn folding(make: Cmd) -> Cmd {
    make.env(FOLD, "1")
}

/// The arguments of the last link of vmlinux in an object tree.
pub fn written_arguments(objects: &Path) -> Result<Vec<OsString>> {
    let list = objects.join(FOLDER).join(ARGUMENTS);
    let text = fs::read(&list).map_err(|e| host::Error::file("read", &list, e))?;
    Ok(text
        .split_inclusive(|byte| *byte == 0)
        .map(|arg| OsString::from_vec(arg.strip_suffix(&[0]).unwrap_or(arg).to_vec()))
        .collect())
}

/// Whether tuxling was called by the name [`NAME`].
pub fn is_called_for(args: &[OsString]) -> bool {
    args.first()
        .is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(NAME)))
}

/// What tuxling does under its name [`NAME`]: becomes the linker. Comes back
/// only when it can't, with the exit code for `main`.
pub fn link(args: &[OsString]) -> u8 {
    let error = match std::env::var_os(REAL_LINKER) {
        None => io::Error::other(format!("{REAL_LINKER} doesn't name the linker")),
        Some(real) => match prepare(args) {
            Err(error) => error,
            Ok(args) => become_program(&real, &args),
        },
    };
    // It stands in the linker's place: its standard error is the build's log.
    let _ = writeln!(io::stderr(), "{NAME}: {error}");
    127
}

/// The arguments for the real linker; what is to be known of the link later is
/// written down. `argv[0]` tells the folder for it.
fn prepare(args: &[OsString]) -> io::Result<Vec<OsString>> {
    let [program, args @ ..] = args else {
        return Ok(Vec::new());
    };
    let folder = Path::new(program).parent().unwrap_or(Path::new("."));
    if output(args) == Some(OsStr::new("vmlinux")) {
        let mut list = Vec::new();
        for arg in args {
            list.extend_from_slice(arg.as_bytes());
            list.push(0);
        }
        fs::write(folder.join(ARGUMENTS), list)?;
    }
    let args = arguments(args, folder);
    if !is_vmlinux(&args) {
        return Ok(args);
    }
    let args = match std::env::var_os(FOLD) {
        Some(_) => folded(args, folder)?,
        None => args,
    };
    match std::env::var_os(RELINKED) {
        Some(objects) => relinked(&args, Path::new(&objects), Path::new("")),
        None => Ok(args),
    }
}

/// Whether this is the kernel's last link, or one of those before it that find
/// out how much room the symbols take (scripts/link-vmlinux.sh).
fn is_vmlinux(args: &[OsString]) -> bool {
    output(args)
        .is_some_and(|output| output == "vmlinux" || output.as_bytes().starts_with(b".tmp_vmlinux"))
}

/// Gives the linker a script that gathers the sections of functions.
fn folded(mut args: Vec<OsString>, folder: &Path) -> io::Result<Vec<OsString>> {
    let script = args
        .iter_mut()
        .find(|arg| arg.as_bytes().starts_with(SCRIPT));
    if let Some(script) = script {
        let path = OsStr::from_bytes(&script.as_bytes()[SCRIPT.len()..]);
        let text = fs::read_to_string(path)?;
        let ours = folder.join("vmlinux.lds");
        fs::write(&ours, fold::fold(&text))?;
        *script = OsString::from("--script=");
        script.push(ours);
    }
    Ok(args)
}

/// What `link-vmlinux.sh` links, by the arguments in which it does.
pub fn inputs(args: &[OsString]) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
    let between = |begin: &str, end: &str| {
        let at = |word: &str| args.iter().position(|arg| arg == word);
        match (at(begin), at(end)) {
            (Some(begin), Some(end)) if begin < end => begin + 1..end,
            _ => 0..0,
        }
    };
    (
        between("--whole-archive", "--no-whole-archive"),
        between("--start-group", "--end-group"),
    )
}

/// The linker script that an argument names.
pub fn script(argument: &OsStr) -> Option<PathBuf> {
    let path = argument.as_bytes().strip_prefix(SCRIPT)?;
    Some(PathBuf::from(OsStr::from_bytes(path)))
}

/// The arguments of vmlinux's link with other inputs and another output.
pub fn linking(
    args: Vec<OsString>,
    always: Vec<OsString>,
    libraries: Vec<OsString>,
    to: &Path,
    other_script: Option<&Path>,
) -> Result<Vec<OsString>> {
    let (old_always, old_libraries) = inputs(&args);
    if old_always.is_empty() || old_libraries.start < old_always.end {
        return Err(Error::NoObjects);
    }
    let mut ours = args;
    ours.splice(old_libraries, libraries);
    ours.splice(old_always, always);
    ours.retain(|arg| !arg.as_bytes().starts_with(b"-Map="));
    if let Some(at) = ours.iter().rposition(|arg| arg == "-o")
        && let Some(output) = ours.get_mut(at + 1)
    {
        *output = to.into();
    }
    if let Some(path) = other_script
        && let Some(there) = ours.iter_mut().find(|arg| script(arg).is_some())
    {
        *there = OsString::from("--script=");
        there.push(path);
    }
    Ok(ours)
}

/// Puts other objects in the place of all that the kernel's script links; the
/// file [`LIST`] in their folder names them in order. `tree` is where paths begin.
fn relinked(args: &[OsString], objects: &Path, tree: &Path) -> io::Result<Vec<OsString>> {
    let (always, libraries) = inputs(args);
    if always.is_empty() {
        return Err(io::Error::other("the link of vmlinux names no objects"));
    }
    let mut ours = args[..always.start].to_vec();
    let list = objects.join(LIST);
    for name in fs::read_to_string(&list)?.lines() {
        ours.push(objects.join(name).into());
    }
    ours.extend_from_slice(&args[always.end..libraries.start.max(always.end)]);
    ours.extend_from_slice(&args[libraries.end.max(always.end)..]);
    match fs::read_to_string(objects.join(LINES)) {
        Ok(lines) => with_lines(&mut ours, &lines, objects, tree)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    Ok(ours)
}

/// Gives the linker its script with more lines.
fn with_lines(args: &mut [OsString], lines: &str, folder: &Path, tree: &Path) -> io::Result<()> {
    let no_script = || io::Error::other("the linker's script has no end of its sections");
    let argument = args.iter_mut().find(|arg| script(arg).is_some());
    let argument = argument.ok_or_else(no_script)?;
    let path = script(argument).ok_or_else(no_script)?;
    let text = fs::read_to_string(tree.join(path))?;
    let ours = folder.join("vmlinux.lds");
    let text = vmlinux::prune::with_output(&text, lines).ok_or_else(no_script)?;
    fs::write(&ours, text)?;
    *argument = OsString::from("--script=");
    argument.push(ours);
    Ok(())
}

/// The arguments of a link as the real linker gets them: with a map beside
/// those of the outputs that end up in the image.
fn arguments(args: &[OsString], folder: &Path) -> Vec<OsString> {
    let mut args = args.to_vec();
    let map = output(&args)
        .and_then(|o| map_name(Path::new(o)))
        .map(|name| folder.join(name));
    if let Some(map) = map {
        // CONFIG_VMLINUX_MAP asks for one of its own: the last one counts.
        args.retain(|arg| !arg.as_bytes().starts_with(b"-Map="));
        let mut arg = OsString::from("-Map=");
        arg.push(map);
        args.push(arg);
    }
    args
}

/// The value of `-o`.
fn output(args: &[OsString]) -> Option<&OsStr> {
    let at = args.iter().rposition(|arg| arg == "-o")?;
    args.get(at + 1).map(OsString::as_os_str)
}

/// Which map is wanted of a link with this output.
fn map_name(output: &Path) -> Option<&'static str> {
    if output == Path::new("vmlinux") {
        return Some("vmlinux.map");
    }
    if output.ends_with("boot/compressed/vmlinux") {
        return Some("boot.map");
    }
    output.ends_with("boot/setup.elf").then_some("setup.map")
}

/// After a build: links `vmlinux` once more with its relocations kept, and
/// puts that and the maps into the kernel's folder.
pub fn keep(objects: &Path, kernel: &Path, tools: &Tools, session: &Session) -> Result<()> {
    keep_link(objects, None, kernel, tools, session)
}

/// As [`keep`], of a kernel that was linked from other objects: those of a folder
/// as [`RELINKED`] names it.
pub(super) fn keep_link(
    objects: &Path,
    other: Option<&Path>,
    kernel: &Path,
    tools: &Tools,
    session: &Session,
) -> Result<()> {
    let folder = objects.join(FOLDER);
    link_with_relocations(objects, other, &folder, tools, session)?;
    let kept = KeptLink::of(kernel);
    fs::create_dir_all(&kept.folder)
        .map_err(|e| host::Error::file("make the folder", &kept.folder, e))?;
    for name in KEPT {
        let from = folder.join(name);
        let bytes = match fs::read(&from) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(host::Error::file("read", &from, e).into()),
        };
        let to = kept.file(name);
        zstd::encode_all(&*bytes, zstd::DEFAULT_COMPRESSION_LEVEL)
            .and_then(|packed| fs::write(&to, packed))
            .map_err(|e| host::Error::file("write", &to, e))?;
    }
    Ok(())
}

fn link_with_relocations(
    objects: &Path,
    other: Option<&Path>,
    folder: &Path,
    tools: &Tools,
    session: &Session,
) -> Result<()> {
    let args = arguments_again(objects, other, &folder.join(RELOCATIONS))?;
    let cmd = Cmd::new(&tools.ld)
        .args(args)
        .arg("--emit-relocs")
        .arg("--strip-debug")
        .dir(objects);
    Ok(session.processes.run(&cmd).map(|_| ()).map_err(|e| {
        host::Error::command(Kind::Build, "link the kernel with its relocations", e)
    })?)
}

/// The arguments of the last link of vmlinux for another output, and of other
/// objects where a folder as [`RELINKED`] names it is given.
fn arguments_again(tree: &Path, other: Option<&Path>, to: &Path) -> Result<Vec<OsString>> {
    let mut args = written_arguments(tree)?;
    args.retain(|arg| !arg.as_bytes().starts_with(b"-Map="));
    // Sections of functions were gathered by a script of ours.
    let ours = tree.join(FOLDER).join("vmlinux.lds");
    if ours.exists()
        && let Some(script) = args.iter_mut().find(|a| a.as_bytes().starts_with(SCRIPT))
    {
        *script = OsString::from("--script=");
        script.push(ours);
    }
    if let Some(other) = other {
        args = relinked(&args, other, tree).map_err(|e| host::Error::file("read", other, e))?;
    }
    if let Some(at) = args.iter().rposition(|arg| arg == "-o")
        && let Some(output) = args.get_mut(at + 1)
    {
        *output = to.into();
    }
    Ok(args)
}

/// Links vmlinux from the objects of a folder as [`RELINKED`] names it, and
/// nothing behind that: where everything stands is known then.
pub(super) fn link_alone(
    tree: &Path,
    other: &Path,
    tools: &Tools,
    session: &Session,
) -> Result<Vec<u8>> {
    let to = other.join("vmlinux");
    let args = arguments_again(tree, Some(other), &to)?;
    let cmd = Cmd::new(&tools.ld).args(args).dir(tree);
    session
        .processes
        .run(&cmd)
        .map_err(|e| host::Error::command(Kind::Build, "link the kernel with cold code", e))?;
    Ok(fs::read(&to).map_err(|e| host::Error::file("read", &to, e))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    fn linked(text: &str) -> String {
        arguments(&args(text), Path::new("/o/tuxling-link"))
            .join(OsStr::new(" "))
            .to_string_lossy()
            .into_owned()
    }

    #[test]
    fn only_links_that_end_up_in_the_image_get_a_map() {
        for (output, map) in [
            ("vmlinux", "vmlinux.map"),
            ("arch/x86/boot/compressed/vmlinux", "boot.map"),
            ("arch/arm/boot/compressed/vmlinux", "boot.map"),
            ("arch/x86/boot/setup.elf", "setup.map"),
        ] {
            let line = format!("-T x.lds -o {output} vmlinux.a");
            assert_eq!(linked(&line), format!("{line} -Map=/o/tuxling-link/{map}"));
        }
        for output in [
            ".tmp_vmlinux1",
            "vmlinux.o",
            "arch/x86/realmode/rm/realmode.elf",
        ] {
            let line = format!("-T x.lds -o {output} vmlinux.a");
            assert_eq!(linked(&line), line);
        }
        assert_eq!(linked("--version"), "--version");
        assert_eq!(linked("-r -o"), "-r -o");
    }

    #[test]
    fn a_map_that_the_configuration_asks_for_gives_way() {
        assert_eq!(
            linked("-Map=vmlinux.map -o vmlinux a.o"),
            "-o vmlinux a.o -Map=/o/tuxling-link/vmlinux.map"
        );
    }

    #[test]
    fn a_link_is_done_again_with_other_objects() {
        let args = args(
            "-m i --script=./x.lds -o vmlinux --whole-archive vmlinux.a v.o --no-whole-archive --start-group lib/lib.a --end-group",
        );
        let ours = linking(
            args,
            vec!["a.o".into(), "b.o".into()],
            vec!["l.a".into()],
            Path::new("/t/vmlinux"),
            Some(Path::new("/t/y.lds")),
        );
        assert_eq!(
            ours.expect("a link").join(OsStr::new(" ")),
            "-m i --script=/t/y.lds -o /t/vmlinux --whole-archive a.o b.o --no-whole-archive --start-group l.a --end-group"
        );
        assert!(linking(Vec::new(), vec![], vec![], Path::new("v"), None).is_err());
    }

    #[test]
    fn the_arguments_of_vmlinux_are_written_down() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut list = vec![dir.path().join(NAME).into_os_string()];
        list.extend(args("-o vmlinux a.o"));
        let given = prepare(&list).expect("prepares");
        assert_eq!(given.len(), 4);
        let text = fs::read(dir.path().join(ARGUMENTS)).expect("written");
        assert_eq!(text, b"-o\0vmlinux\0a.o\0");
    }
}
