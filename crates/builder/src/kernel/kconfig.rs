//! The kernel's Kconfig tree in the engine of the `kconfig` crate: loaded with
//! the environment that the kernel's own Makefile makes, its probes of the
//! tool chain answered from the cache.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::{Cmd, PASSED_ON, ProcessError, Processes};
use host::session::Session;
use kconfig::{
    Answer, Configuration, Dialect, DiskTree, Elsewhere, Environment, Kconfig, LoadOptions,
    MemoShell, ProbeError, ProbeMemo, ProbeOutput, Severity, Shell, SourceTree,
};
use recipe::Arch;
use recipe::config::lines;
use recipe::plan::{BaseConfig, KernelPlan};
use serde::{Deserialize, Serialize};

use super::objects;
use super::toolchain::{Tools, Versions};
use crate::configuration_error::ConfigurationError;
use crate::error::{Error, Result};
use crate::kernel::make::{kconfig_tree, make};
use crate::source::{self, Source};

/// A kernel's Kconfig tree for one architecture and tool chain.
#[derive(Debug)]
pub struct Tree {
    /// What its files say.
    pub kconfig: Kconfig,
    files: DiskTree,
    environment: Environment,
    source_arch: &'static str,
    elsewhere: OnceCell<BTreeMap<String, Elsewhere>>,
    /// The distribution's configuration, where it came with the source.
    distribution: Option<Arc<BaseConfig>>,
}

/// What is kept of the probes between two calls.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// What the kernel's Makefile gives to `conf`.
    environment: Environment,
    /// What the commands of `$(shell,…)` printed.
    answers: BTreeMap<String, String>,
}

/// What the answers depend on.
#[derive(Serialize)]
struct ProbesKey<'a> {
    source: &'a Id,
    tree: &'a Path,
    arch: Arch,
    versions: &'a Versions,
    make_cc: String,
    cross: &'a str,
    path: Option<String>,
    /// Where each program stands, its size and its time: a helper that is
    /// installed, upgraded or removed is seen without starting it.
    programs: BTreeMap<String, Option<(PathBuf, u64, u128)>>,
}

/// Programs that the kernel's Kconfig files ask about, besides the compiler.
const HELPERS: &[&str] = &["sh", "python3", "pahole", "rustc", "bindgen", "make"];

/// Binutils that they ask about, behind the cross prefix.
const BINUTILS: &[&str] = &["gcc", "as", "ld", "ar", "nm", "objcopy", "strip"];

/// The same of LLVM.
const LLVM: &[&str] = &[
    "clang",
    "ld.lld",
    "llvm-ar",
    "llvm-nm",
    "llvm-objcopy",
    "llvm-strip",
];

/// What `make` adds for its own children, and what says where a command stands
/// rather than what is built.
const NOT_KEPT: &[&str] = &[
    "KBUILD_KCONFIG",
    "KCONFIG_DEFCONFIG_LIST",
    "LC_ALL",
    "MAKEFILES",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "MFLAGS",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "_",
];

/// A Kconfig file whose reading writes `conf`'s environment down.
const ENVIRONMENT_PROBE: &str = "X := $(shell,env -0 > tuxling.environment)\n";

/// Loads the tree of a source. When the same was loaded before, no process is
/// started.
pub fn load(source: &Source, arch: Arch, tools: &Tools, session: &Session) -> Result<Tree> {
    let path = kept_path(source, arch, tools, session)?;
    let kept = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let known = kept.is_some();
    let kept = match kept {
        Some(kept) => kept,
        None => Kept {
            environment: environment(source, arch, tools, session)?,
            answers: BTreeMap::new(),
        },
    };
    let folder = probe_folder(source, arch, session)?;
    let runner = Runner::new(&session.processes, &folder);
    let shell = MemoShell::new(memo(kept.answers), &runner);
    let files = DiskTree::new(&source.tree);
    let version = kept.environment.get("KERNELVERSION");
    let kconfig = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &files,
        env: &kept.environment,
        shell: &shell,
        dialect: Dialect::for_version(version.map_or("", String::as_str)),
    });
    let asked = shell.asked();
    let memo = shell.into_memo();
    runner.outcome()?;
    let root = source.tree.join("Kconfig");
    let kconfig = kconfig.map_err(|e| host::Error::file("read", &root, e))?;
    if asked > 0 || !known {
        keep(&path, &kept.environment, memo)?;
    }
    Ok(Tree {
        kconfig,
        files,
        environment: kept.environment,
        source_arch: arch.facts().source_arch,
        elsewhere: OnceCell::new(),
        distribution: source.distribution.clone(),
    })
}

impl Tree {
    /// Fails when the tree has errors at which the kernel's `conf` would stop.
    pub fn refuse_errors(&self) -> Result<()> {
        let errors: Vec<String> = self
            .kconfig
            .diagnostics()
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        Err(Error::Kconfig(errors))
    }

    /// The configuration that a recipe asks for, resolved as the kernel's
    /// tools resolve it.
    pub fn evaluate(&self, plan: &KernelPlan) -> Result<Configuration<'_>> {
        let base = self.base(plan)?;
        let asked = format!("{base}\n{}", lines(&plan.requests));
        Ok(self.resolve(&asked))
    }

    /// The symbols that only other architectures of this kernel have.
    pub fn elsewhere(&self) -> &BTreeMap<String, Elsewhere> {
        let read = || self.kconfig.elsewhere(&self.files);
        self.elsewhere.get_or_init(read)
    }

    /// A `.config`'s text, completed.
    pub fn resolve(&self, text: &str) -> Configuration<'_> {
        Configuration::olddefconfig(&self.kconfig, text).0
    }

    /// What the configuration begins with.
    pub(super) fn base_of<'a>(&'a self, plan: &'a KernelPlan) -> &'a BaseConfig {
        source::base_of(plan, self.distribution.as_deref())
    }

    /// What the base configuration comes to by itself, as a `.config`.
    pub(super) fn base(&self, plan: &KernelPlan) -> Result<String> {
        let target = match self.base_of(plan) {
            BaseConfig::File { text, .. } => return Ok(text.clone()),
            BaseConfig::Target(target) => target.as_str(),
            BaseConfig::Distribution { .. } => {
                return Err(ConfigurationError::NotObtained.into());
            }
        };
        let missing = |what: &str, error| Error::NoTarget {
            target: target.to_owned(),
            what: what.to_owned(),
            error,
        };
        let configuration = match target {
            "allnoconfig" => Configuration::all(&self.kconfig, Answer::No, None),
            "tinyconfig" => {
                Configuration::kernel_tinyconfig(&self.kconfig, &self.files, self.source_arch)
                    .map_err(|e| missing("its files in kernel/configs", e))?
            }
            _ => {
                let by_makefile = self.environment.get("KBUILD_DEFCONFIG");
                let name = match (target, by_makefile) {
                    ("defconfig", Some(name)) => name,
                    _ => target,
                };
                let path = format!("arch/{}/configs/{name}", self.source_arch);
                let text = self.files.read(&path).map_err(|e| missing(&path, e))?;
                Configuration::defconfig(&self.kconfig, &text).0
            }
        };
        Ok(configuration.to_dotconfig())
    }
}

/// Where the answers for this source and these tools are kept.
fn kept_path(source: &Source, arch: Arch, tools: &Tools, session: &Session) -> Result<PathBuf> {
    let find = |program: String| {
        let facts = session.processes.find(&program).and_then(|path| {
            let about = path.metadata().ok()?;
            let time = about.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
            Some((path, about.len(), time.as_nanos()))
        });
        (program, facts)
    };
    let own = HELPERS.iter().map(|name| (*name).to_owned());
    let own = own.chain(LLVM.iter().map(|name| tools.chain.llvm_tool(name)));
    let prefixed = BINUTILS.iter().map(|name| format!("{}{name}", tools.cross));
    let key = ProbesKey {
        source: &source.digest,
        tree: &source.tree,
        arch,
        versions: &tools.versions,
        make_cc: tools.make_cc(),
        cross: &tools.cross,
        path: std::env::var("PATH").ok(),
        programs: own.chain(prefixed).map(find).collect(),
    };
    let id = Id::of("probes/1", &key)?;
    let folder = session.cache.folder("probes")?;
    Ok(folder.join(format!("{}.json", id.short())))
}

fn memo(answers: BTreeMap<String, String>) -> ProbeMemo {
    ProbeMemo {
        context: String::new(),
        answers: answers
            .into_iter()
            .map(|(command, text)| (command, text.into_bytes()))
            .collect(),
    }
}

/// Keeps what was learnt. An answer that is no text is asked for again.
fn keep(path: &Path, environment: &Environment, memo: ProbeMemo) -> Result<()> {
    let answers = memo
        .answers
        .into_iter()
        .filter_map(|(command, bytes)| Some((command, String::from_utf8(bytes).ok()?)))
        .collect();
    let kept = Kept {
        environment: environment.clone(),
        answers,
    };
    let json = serde_json::to_vec_pretty(&kept).map_err(Error::Json)?;
    Ok(write_whole(path, &json)?)
}

/// The folder that probes run in, as `conf` would run them in its object tree.
fn probe_folder(source: &Source, arch: Arch, session: &Session) -> Result<PathBuf> {
    let name = format!("probes-{}-{}", source.digest.short(), arch.facts().name);
    let folder = session.cache.folder("objects")?.join(name);
    fs::create_dir_all(&folder).map_err(|e| host::Error::file("make the folder", &folder, e))?;
    Ok(folder)
}

/// The environment that the kernel's Makefile gives to `conf`: the Makefile
/// itself is asked, by a Kconfig file that writes it down.
fn environment(
    source: &Source,
    arch: Arch,
    tools: &Tools,
    session: &Session,
) -> Result<Environment> {
    let tree = kconfig_tree(source, arch, session)?;
    let _lock = session
        .cache
        .lock(&tree, &|text| session.progress.note(text))?;
    objects::begin(&tree)?;
    write_whole(&tree.join("tuxling.Kconfig"), ENVIRONMENT_PROBE.as_bytes())?;
    let cmd = environment_command(source, &tree, arch, tools);
    let log = tree.join("tuxling.log");
    session
        .processes
        .run_logged(&cmd, &log, &|line| session.progress.tool_line(line))
        .map_err(|e| host::Error::command(Kind::Config, "read the kernel's Kconfig files", e))?;
    objects::end(&tree)?;
    let path = tree.join("tuxling.environment");
    let bytes = fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
    Ok(of_dump(&bytes))
}

/// The command that asks the Makefile, in an object tree.
pub fn environment_command(source: &Source, tree: &Path, arch: Arch, tools: &Tools) -> Cmd {
    make(source, tree, arch, tools)
        .arg("KBUILD_KCONFIG=tuxling.Kconfig")
        .arg("alldefconfig")
}

/// What `env -0` printed, without what every command sees anyway.
fn of_dump(bytes: &[u8]) -> Environment {
    String::from_utf8_lossy(bytes)
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| !PASSED_ON.contains(name) && !NOT_KEPT.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Runs the commands of `$(shell,…)`.
struct Runner<'a> {
    processes: &'a Processes,
    folder: &'a Path,
    broken: RefCell<Option<ProcessError>>,
}

impl<'a> Runner<'a> {
    fn new(processes: &'a Processes, folder: &'a Path) -> Self {
        Runner {
            processes,
            folder,
            broken: RefCell::default(),
        }
    }

    /// Fails when a command could not be run at all: what was loaded without
    /// its answer is not the kernel's tree.
    fn outcome(self) -> Result<()> {
        match self.broken.into_inner() {
            None => Ok(()),
            Some(error) => {
                Err(
                    host::Error::command(Kind::Machine, "ask the tool chain what it can do", error)
                        .into(),
                )
            }
        }
    }
}

impl Shell for Runner<'_> {
    fn shell(
        &self,
        command: &str,
        env: &Environment,
    ) -> std::result::Result<ProbeOutput, ProbeError> {
        let broken = |reason: String| ProbeError {
            command: command.to_owned(),
            reason,
        };
        if self.broken.borrow().is_some() {
            return Err(broken("an earlier command could not be run".to_owned()));
        }
        // The one place where tuxling runs a shell's text: it is the kernel's
        // own, and the language of its Kconfig files demands it
        // (Documentation/kbuild/kconfig-macro-language.rst).
        let mut cmd = Cmd::new("/bin/sh").arg("-c").arg(command).dir(self.folder);
        for (name, value) in env {
            cmd = cmd.env(name, value);
        }
        match self.processes.run_any_status(&cmd) {
            Ok(output) => Ok(ProbeOutput {
                stdout: output.stdout,
            }),
            Err(error) => {
                let told = broken(error.to_string());
                *self.broken.borrow_mut() = Some(error);
                Err(told)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_command_sees_is_no_part_of_the_environment() {
        let dump = b"PATH=/bin\0ARCH=i386\0MAKEFLAGS= -- O=x\0CC=ccache gcc\0";
        let environment = of_dump(dump);
        let names: Vec<_> = environment
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(names, ["ARCH=i386", "CC=ccache gcc"]);
    }

    #[test]
    fn an_answer_that_is_no_text_is_not_kept() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("probes.json");
        let mut learnt = memo(BTreeMap::from([("echo a".to_owned(), "a\n".to_owned())]));
        learnt.answers.insert("head -c1 x".to_owned(), vec![0xff]);
        let environment = Environment::from([("ARCH".to_owned(), "i386".to_owned())]);
        keep(&path, &environment, learnt).expect("keeps");
        let bytes = fs::read(&path).expect("readable");
        let kept: Kept = serde_json::from_slice(&bytes).expect("what was kept");
        assert_eq!(kept.environment, environment);
        assert_eq!(kept.answers.len(), 1);
        assert_eq!(kept.answers["echo a"], "a\n");
    }
}
