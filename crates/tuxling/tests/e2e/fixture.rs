//! Runs the `tuxling` program, on recipes that are variants of `pc-net`,
//! with one cache for all tests.

#![allow(dead_code)] // two test programs share this file; each uses its part

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing that is waited for takes longer, however busy the machine is.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// Every boot of a test says which accelerator it wants, but the one that is
/// about finding it.
pub(crate) const TCG: [&str; 2] = ["--accel", "tcg"];

/// A command of the tests' own.
#[allow(clippy::disallowed_methods)] // the tests stand outside: they start tuxling itself
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Where the tests work.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e")
}

/// The cache that the tests share.
pub(crate) fn cache() -> PathBuf {
    home().join("cache")
}

/// The program with the shared cache.
pub(crate) fn tuxling() -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_tuxling"));
    command.env("TUXLING_CACHE", cache()).stdin(Stdio::null());
    command
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Run {
    /// Of a command that has ended.
    pub(crate) fn of(output: Output) -> Run {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Fails the test, with all that was printed, unless the exit code is this.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Run {
        assert_eq!(
            self.code,
            Some(code),
            "\n--- standard output\n{}\n--- standard error\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Fails the test unless standard error has all these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Run {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "standard error has no {text:?}:\n{}",
                self.stderr
            );
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\n{}\n{}", self.stdout, self.stderr))
    }
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Run {
    Run::of(command.output().expect("the command starts"))
}

/// A child that is killed when the test ends before it does.
pub(crate) struct Started(pub Child);

impl Started {
    /// Starts a command whose output is kept.
    pub(crate) fn new(command: &mut Command) -> Started {
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Started(piped.spawn().expect("the command starts"))
    }

    /// Sends a signal to it alone.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal)
            .expect("the process is there");
    }

    /// Waits for its end and gives all that it printed.
    pub(crate) fn end(mut self) -> Run {
        let mut stderr = self.0.stderr.take().expect("is piped");
        let errors = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).map(|_| bytes)
        });
        let mut stdout = Vec::new();
        let mut out = self.0.stdout.take().expect("is piped");
        out.read_to_end(&mut stdout).expect("readable");
        Run::of(Output {
            status: self.0.wait().expect("ends"),
            stdout,
            stderr: errors.join().expect("no panic").expect("readable"),
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It has ended already in every test that passes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder of one test's own, not on a file system that may be small.
pub(crate) fn folder() -> TempDir {
    let parent = home().join("work");
    fs::create_dir_all(&parent).expect("a folder for the tests");
    tempfile::tempdir_in(parent).expect("a folder for the test")
}

/// Runs a program in a folder to its end, which must be a good one.
#[track_caller]
pub(crate) fn ends_well(program: &str, dir: &Path, arguments: &[&str]) {
    let status = command(program).current_dir(dir).args(arguments).status();
    assert!(
        status.expect("it starts").success(),
        "{program} {arguments:?}"
    );
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = is() {
            return value;
        }
        assert!(started.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The command lines of all processes that have a text in them, this one's
/// excepted.
pub(crate) fn processes_with(text: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    all.filter(|entry| entry.file_name() != *own)
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}

/// Waits until no process has the text in its command line.
#[track_caller]
pub(crate) fn until_gone(text: &str) {
    until(&format!("an end of all processes with {text}"), || {
        processes_with(text).is_empty().then_some(())
    });
}

/// Names below a folder that tuxling gives to what isn't whole yet.
pub(crate) fn half_written(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".tuxling-") {
                found.push(entry.path());
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    found
}

/// A variant of a built-in recipe.
pub(crate) struct Recipe(toml::Table);

impl Recipe {
    /// `pc-net` under another name.
    pub(crate) fn pc_net(name: &str) -> Recipe {
        Recipe::built_in("pc-net", name)
    }

    /// A built-in recipe under another name.
    pub(crate) fn built_in(of: &str, name: &str) -> Recipe {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipe/recipes");
        let text = fs::read_to_string(recipes.join(format!("{of}.toml")));
        let text = text.expect("a built-in recipe");
        let mut table: toml::Table = text.parse().expect("a built-in recipe is TOML");
        table.insert("name".to_owned(), name.into());
        let kernel = table["kernel"].as_table_mut().expect("a table");
        let lists = ["fragments", "patches"].map(|key| kernel.get(key).cloned());
        for (key, list) in ["fragments", "patches"].iter().zip(lists) {
            let names = list.as_ref().and_then(toml::Value::as_array);
            let names = names.into_iter().flatten().map(built_in_file);
            let names: Vec<toml::Value> = names.collect();
            if !names.is_empty() {
                kernel.insert((*key).to_owned(), names.into());
            }
        }
        let files = table.get_mut("userland").and_then(|u| u.get_mut("file"));
        let files = files.and_then(toml::Value::as_array_mut).into_iter();
        for file in files.flatten().filter_map(toml::Value::as_table_mut) {
            if let Some(name) = file.get_mut("compile") {
                *name = built_in_file(name);
            }
        }
        table.remove("exercise");
        Recipe(table)
    }

    /// `pc-shell` under another name, with the flags that pruning compiles it with:
    /// the tests of pruning need that kernel, so that it is no kernel of its own.
    pub(crate) fn pc_shell(name: &str) -> Recipe {
        let flags = "kernel.cflags = [\"-ffunction-sections\", \"-fdata-sections\"]";
        Recipe::built_in("pc-shell", name).with(flags)
    }

    /// Lays TOML over it: tables are merged, all else is replaced.
    pub(crate) fn with(mut self, over: &str) -> Recipe {
        let over: toml::Table = over.parse().expect("the test's own text is TOML");
        merge(&mut self.0, over);
        self
    }

    /// Leaves a key of the top out.
    pub(crate) fn without(mut self, key: &str) -> Recipe {
        self.0.remove(key);
        self
    }

    /// Writes it as `NAME.toml` with the lock file of `pc-net`, and gives the
    /// path.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        self.write_with(folder, &pc_net().dir.join("pc-net.lock"))
    }

    /// Writes it as `NAME.toml` with a lock file, and gives the path.
    pub(crate) fn write_with(&self, folder: &Path, lock: &Path) -> PathBuf {
        let name = self.0["name"].as_str().expect("it has a name");
        fs::copy(lock, folder.join(format!("{name}.lock"))).expect("a lock file");
        let path = folder.join(format!("{name}.toml"));
        fs::write(&path, self.0.to_string()).expect("writable");
        path
    }
}

/// How a file of tuxling's is named from outside.
fn built_in_file(name: &toml::Value) -> toml::Value {
    format!("builtin:{}", name.as_str().expect("a name")).into()
}

fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(over)) => merge(below, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// What one check of `pc-net` gave.
pub(crate) struct Checked {
    /// Its folder.
    pub(crate) dir: PathBuf,
    /// What it printed.
    pub(crate) run: Run,
    /// The kept record.
    pub(crate) record: Value,
}

impl Checked {
    /// The folder of the outputs.
    pub(crate) fn outputs(&self) -> PathBuf {
        self.dir.join("build/pc-net")
    }
}

/// `pc-net`, built, booted and checked once for all tests.
pub(crate) fn pc_net() -> &'static Checked {
    static CHECKED: OnceLock<Checked> = OnceLock::new();
    CHECKED.get_or_init(|| {
        let dir = home().join("pc-net");
        fs::create_dir_all(&dir).expect("a folder for pc-net");
        let mut check = tuxling();
        let run = run(check.current_dir(&dir).args(["check", "pc-net"]).args(TCG)).ends_with(0);
        let record = record(&dir.join("build/pc-net"));
        Checked { dir, run, record }
    })
}

/// Puts the lock file of `pc-net` beside a recipe: its sources are in the
/// cache, so that Debian's archive isn't asked for them again.
pub(crate) fn lock(folder: &Path, name: &str) {
    let lock = pc_net().dir.join("pc-net.lock");
    fs::copy(lock, folder.join(format!("{name}.lock"))).expect("a lock file");
}

/// The record in a folder of outputs.
#[track_caller]
pub(crate) fn record(outputs: &Path) -> Value {
    let json = fs::read(outputs.join("record.json")).expect("a record was kept");
    serde_json::from_slice(&json).expect("it is JSON")
}

/// Makes a cache of a test's own that has the shared one's topics (`sources`,
/// `kernels`), by links.
pub(crate) fn cache_with(folder: &Path, topics: &[&str]) -> PathBuf {
    let own = folder.join("cache");
    fs::create_dir_all(&own).expect("a cache");
    for topic in topics {
        let shared = cache().join(topic);
        fs::create_dir_all(&shared).expect("the shared cache has it");
        std::os::unix::fs::symlink(shared, own.join(topic)).expect("links");
    }
    own
}

/// A check of a recipe, by JSON, without counting instructions.
pub(crate) fn check(recipe: &Path) -> Command {
    let mut command = tuxling();
    command
        .current_dir(recipe.parent().expect("it stands in a folder"))
        .arg("check")
        .arg(recipe)
        .args(["--json", "--no-boot-cost"])
        .args(TCG);
    command
}

/// The path where a recipe's outputs go.
pub(crate) fn outputs(recipe: &Path) -> PathBuf {
    let name = recipe.file_stem().expect("it has a name");
    recipe.with_file_name("build").join(name)
}

/// The sources of pc-net's kernel; a test has built it before.
pub(crate) fn linux() -> PathBuf {
    let sources = fs::read_dir(cache().join("sources")).expect("a folder");
    let trees = sources.map(|entry| entry.expect("readable").path());
    let mut trees = trees.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("linux-6.12") && !name.contains("+patches") && path.is_dir()
    });
    trees.next().expect("the kernel's sources")
}
