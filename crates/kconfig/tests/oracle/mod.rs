//! The kernel's own `conf`, built from a source tree and run in a scratch
//! folder, and the loaded tree that is to agree with it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kconfig::{
    Dialect, DiskTree, Environment, Kconfig, LoadOptions, MemoShell, ProbeError, ProbeMemo,
    ProbeOutput, Shell,
};

/// The one place of these tests that starts processes: the oracle is a
/// program, and this crate is not to know how tuxling runs programs.
#[allow(clippy::disallowed_methods)]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// FNV-1a: the same in every toolchain.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A kernel and an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Target {
    pub(crate) version: &'static str,
    pub(crate) arch: &'static str,
    pub(crate) srcarch: &'static str,
    pub(crate) cross: &'static str,
    pub(crate) defconfig: &'static str,
    /// Its place among all targets, which random cases it gets.
    pub(crate) number: usize,
}

/// How many targets there are.
pub(crate) const TARGETS: usize = 2 * ARCHES.len();

const ARCHES: [(&str, &str, &str, &str); 5] = [
    ("i386", "x86", "", "i386_defconfig"),
    ("x86_64", "x86", "", "x86_64_defconfig"),
    ("arm", "arm", "arm-linux-gnueabi-", "multi_v7_defconfig"),
    ("arm64", "arm64", "aarch64-linux-gnu-", "defconfig"),
    ("riscv", "riscv", "riscv64-linux-gnu-", "defconfig"),
];

/// Every kernel and architecture that is compared; `KCONFIG_TEST_TARGETS`
/// (`6.12-i386,6.1-arm`) names fewer while working on one.
pub(crate) fn targets() -> Vec<Target> {
    let only = std::env::var("KCONFIG_TEST_TARGETS").ok();
    let mut targets = Vec::new();
    let mut number = 0;
    for version in ["6.12", "6.1"] {
        for (arch, srcarch, cross, defconfig) in ARCHES {
            let name = format!("{version}-{arch}");
            if only
                .as_ref()
                .is_none_or(|only| only.split(',').any(|one| one == name))
            {
                targets.push(Target {
                    version,
                    arch,
                    srcarch,
                    cross,
                    defconfig,
                    number,
                });
            }
            number += 1;
        }
    }
    targets
}

/// The source tree of a kernel version.
///
/// # Panics
/// If it isn't there: these tests don't pass without having compared.
pub(crate) fn source_tree(version: &str) -> PathBuf {
    let trees = std::env::var_os("KCONFIG_TEST_TREES")
        .expect("KCONFIG_TEST_TREES must name the folder with linux-6.12 and linux-6.1");
    let tree = Path::new(&trees).join(format!("linux-{version}"));
    assert!(
        tree.join("Kconfig").is_file(),
        "no kernel source in {}",
        tree.display()
    );
    tree.canonicalize().expect("canonical path")
}

fn work_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("kconfig-oracle")
        .join(name);
    std::fs::create_dir_all(&folder).expect("work folder");
    folder
}

/// `conf` with the environment that the kernel's Makefile gives it.
pub(crate) struct Oracle {
    pub(crate) target: Target,
    pub(crate) source: PathBuf,
    pub(crate) env: Environment,
    folder: PathBuf,
    conf: PathBuf,
    shim: PathBuf,
}

/// Has the kernel's Makefile build `conf` and say the environment that it gives
/// it.
fn build_conf(target: &Target, source: &Path, folder: &Path, env_file: &Path) {
    let probe = folder.join("Kconfig.env");
    let dump = folder.join("conf.env.new");
    std::fs::write(
        &probe,
        format!("X := $(shell,env -0 > {})\n", dump.display()),
    )
    .expect("write probe");
    run(command("make")
        .arg("-C")
        .arg(source)
        .arg(format!("O={}", folder.join("build").display()))
        .arg(format!("ARCH={}", target.arch))
        .arg(format!("CROSS_COMPILE={}", target.cross))
        .arg(format!("KBUILD_KCONFIG={}", probe.display()))
        .arg("alldefconfig"));
    std::fs::rename(&dump, env_file).expect("the environment of conf");
}

/// The environment of `conf`, without what is about the call.
fn environment(env_file: &Path) -> Environment {
    let bytes = std::fs::read(env_file).expect("read environment");
    let mut env: Environment = String::from_utf8_lossy(&bytes)
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for name in [
        "KBUILD_KCONFIG",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "MAKEFILES",
        "KCONFIG_DEFCONFIG_LIST",
    ] {
        env.remove(name);
    }
    env
}

impl Oracle {
    /// Builds `conf` for a target, or finds it built.
    pub(crate) fn new(target: Target) -> Self {
        let source = source_tree(target.version);
        // What was built and probed is another's for another tree or compiler.
        let compiler = run(command(format!("{}gcc", target.cross)).arg("--version"));
        let mut identity = Fnv::default();
        identity.write(source.as_os_str().as_encoded_bytes());
        identity.write(&compiler);
        let folder = work_folder(&format!(
            "{}-{}-{:08x}",
            target.version,
            target.arch,
            identity.finish() as u32
        ));
        // Tests of one program run side by side.
        let building = std::fs::File::create(folder.join("lock")).expect("a lock");
        building.lock().expect("the lock");
        let env_file = folder.join("conf.env");
        let build = folder.join("build");
        if !env_file.is_file() {
            build_conf(&target, &source, &folder, &env_file);
        }
        let shim = folder.join("popen_memo.so");
        if !shim.is_file() {
            run(command("cc")
                .args(["-shared", "-fPIC", "-O1", "-o"])
                .arg(&shim)
                .arg(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/tests/oracle/popen_memo.c"
                ))
                .arg("-ldl"));
        }
        drop(building);
        std::fs::create_dir_all(folder.join("memo")).expect("memo folder");
        let env = environment(&env_file);
        let conf = build.join("scripts/kconfig/conf");
        Self {
            target,
            source,
            env,
            folder,
            conf,
            shim,
        }
    }

    /// A scratch folder, as the build folder that `conf` runs in.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        let scratch = self.folder.join("scratch").join(name);
        let _ = std::fs::remove_dir_all(&scratch);
        // With this file in place conf leaves the build's own files alone.
        std::fs::create_dir_all(scratch.join("include/config")).expect("scratch folder");
        std::fs::write(scratch.join("include/config/auto.conf"), "").expect("auto.conf");
        scratch
    }

    /// Runs `conf` in `scratch`.
    pub(crate) fn conf(&self, scratch: &Path, arguments: &[&str], extra_env: &[(&str, &str)]) {
        run(command(&self.conf)
            .current_dir(scratch)
            .args(arguments)
            .arg("Kconfig")
            .env_clear()
            .envs(&self.env)
            .envs(extra_env.iter().copied())
            .env("LD_PRELOAD", &self.shim)
            .env("POPEN_MEMO", self.folder.join("memo")));
    }

    /// Runs `conf` on a tree that isn't the kernel's. False if it refuses it.
    pub(crate) fn conf_on(&self, folder: &Path, arguments: &[&str]) -> bool {
        let _ = std::fs::create_dir_all(folder.join("include/config"));
        let output = command(&self.conf)
            .current_dir(folder)
            .args(arguments)
            .arg("Kconfig")
            .env_clear()
            .stdin(Stdio::null())
            .output();
        output.expect("conf").status.success()
    }

    /// Runs `conf` as the kernel's Makefile would, every probe anew.
    pub(crate) fn conf_without_memo(&self, scratch: &Path, arguments: &[&str]) {
        run(command(&self.conf)
            .current_dir(scratch)
            .args(arguments)
            .arg("Kconfig")
            .env_clear()
            .envs(&self.env));
    }

    /// Runs the kernel's merge_config.sh in `scratch`.
    pub(crate) fn merge(&self, scratch: &Path, fragments: &[PathBuf]) {
        run(command("sh")
            .current_dir(scratch)
            .arg(self.source.join("scripts/kconfig/merge_config.sh"))
            .args(["-m", ".config"])
            .args(fragments)
            .env("KCONFIG_CONFIG", ".config"));
    }

    /// Loads the tree with this crate; commands are run once and kept.
    pub(crate) fn load(&self) -> Kconfig {
        let memo_file = self.folder.join("probes");
        let memo = read_memo(&memo_file);
        let folder = self.folder.join("probe-folder");
        std::fs::create_dir_all(&folder).expect("probe folder");
        let real = RealShell { folder };
        let shell = MemoShell::new(memo, &real);
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &DiskTree::new(&self.source),
            env: &self.env,
            shell: &shell,
            dialect: Dialect::for_version(self.target.version),
        })
        .expect("load Kconfig");
        if shell.asked() > 0 {
            write_memo(&memo_file, &shell.into_memo());
        }
        let errors: Vec<_> = tree
            .diagnostics()
            .iter()
            .filter(|d| d.severity == kconfig::Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        tree
    }

    /// The probes' answers so far.
    pub(crate) fn memo(&self) -> ProbeMemo {
        read_memo(&self.folder.join("probes"))
    }

    /// The text of a file of the source tree.
    pub(crate) fn source_text(&self, path: &str) -> String {
        std::fs::read_to_string(self.source.join(path)).expect("source file")
    }

    /// The configuration files of the architecture whose name ends so.
    pub(crate) fn configs(&self, suffix: &str) -> Vec<String> {
        let folder = format!("arch/{}/configs", self.target.srcarch);
        let mut names: Vec<String> = std::fs::read_dir(self.source.join(&folder))
            .expect("configs")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(suffix))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        names.sort();
        names
    }

    /// The fragments that `make NAME` merges.
    pub(crate) fn fragments(&self, name: &str) -> Vec<PathBuf> {
        let folders = ["kernel".to_owned(), format!("arch/{}", self.target.srcarch)];
        folders
            .iter()
            .map(|folder| self.source.join(folder).join("configs").join(name))
            .filter(|path| path.is_file())
            .collect()
    }
}

/// Runs probes as `conf` does.
pub(crate) struct RealShell {
    pub(crate) folder: PathBuf,
}

impl Shell for RealShell {
    fn shell(&self, text: &str, env: &Environment) -> Result<ProbeOutput, ProbeError> {
        let output = command("sh")
            .arg("-c")
            .arg(text)
            .current_dir(&self.folder)
            .env_clear()
            .envs(env)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|error| ProbeError {
                command: text.to_owned(),
                reason: error.to_string(),
            })?;
        Ok(ProbeOutput {
            stdout: output.stdout,
        })
    }
}

fn read_memo(path: &Path) -> ProbeMemo {
    let text = std::fs::read(path).unwrap_or_default();
    let mut parts = text.split(|&b| b == 0);
    let mut answers = BTreeMap::new();
    while let (Some(command), Some(answer)) = (parts.next(), parts.next()) {
        answers.insert(
            String::from_utf8_lossy(command).into_owned(),
            answer.to_vec(),
        );
    }
    ProbeMemo {
        context: String::new(),
        answers,
    }
}

fn write_memo(path: &Path, memo: &ProbeMemo) {
    let mut bytes = Vec::new();
    for (command, answer) in &memo.answers {
        bytes.extend_from_slice(command.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(answer);
        bytes.push(0);
    }
    std::fs::write(path, bytes).expect("write memo");
}
