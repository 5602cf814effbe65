//! What a kernel's build will compile, before it begins, and how far it is.
//!
//! The Makefiles say which objects a configuration builds; those with a source
//! file are compiled, each once. Where the object tree has been built in, an
//! object stays unless it is missing, its files name an option that has changed
//! (`$(wildcard include/config/X)`, scripts/basic/fixdep.c), or an option has
//! changed that chooses the compiler's flags.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host::cache::write_whole;
use host::session::Session;
use host::units::{Bytes, about, grouped};
use recipe::Arch;
use recipe::config::Values;
use serde::{Deserialize, Serialize};

use super::{compile_line, makefiles};

/// What Kbuild says of an object that is compiled (`quiet_cmd_cc_o_c`,
/// `quiet_cmd_as_o_S`).
const COMPILES: [&str; 2] = ["CC", "AS"];

/// Where the values of the last build stand in an object tree.
const LAST_VALUES: &str = "include/config/auto.conf";

/// So many objects that nobody foresaw are compiled before all are expected to
/// be.
const SURPRISES: usize = 8;

/// From this share on, of nearly everything is spoken.
const NEARLY_ALL: f64 = 0.8;

/// What a build will compile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Every object that is compiled of its own source.
    all: BTreeSet<String>,
    /// Those of them that this build will compile.
    stale: BTreeSet<String>,
    /// Whether something was built in the tree before.
    again: bool,
    /// The options that have changed, each with the number of objects whose
    /// files name it; all objects for one that chooses flags.
    changed: BTreeMap<String, usize>,
}

impl Forecast {
    /// Of a build of this configuration in an object tree.
    pub fn of(source: &Path, arch: Arch, config_text: &str, tree: &Path) -> Forecast {
        let built = makefiles::objects(source, arch, config_text);
        let has_source = |object: &&String| {
            let stem = object.strip_suffix(".o").unwrap_or(object);
            let is_there = |ending: &str| source.join(format!("{stem}.{ending}")).is_file();
            is_there("c") || is_there("S")
        };
        let all: BTreeSet<String> = built.reasons.keys().filter(has_source).cloned().collect();
        let Some(last) = fs::read_to_string(tree.join(LAST_VALUES)).ok() else {
            return Forecast {
                stale: all.clone(),
                all,
                ..Forecast::default()
            };
        };
        let changed = changed(&Values::parse(&last), &Values::parse(config_text));
        let mut changed: BTreeMap<String, usize> = changed.into_iter().map(|c| (c, 0)).collect();
        let flags = flags(source, arch, &changed);
        let mut stale = BTreeSet::new();
        for object in &all {
            if is_stale(tree, object, &mut changed) {
                stale.insert(object.clone());
            }
        }
        if !flags.is_empty() {
            stale.clone_from(&all);
            changed.extend(flags.into_iter().map(|option| (option, all.len())));
        }
        Forecast {
            all,
            stale,
            again: true,
            changed,
        }
    }

    /// How many objects there are to compile.
    pub fn total(&self) -> u64 {
        self.stale.len() as u64
    }

    /// The forecast in a sentence; none where nothing is compiled.
    pub fn words(&self, jobs: usize, pace: Option<Pace>) -> Option<String> {
        let (stale, all) = (self.stale.len(), self.all.len());
        if stale == 0 {
            return None;
        }
        let mut text = if self.again && stale as f64 >= all as f64 * NEARLY_ALL {
            let mut most: Vec<_> = self.changed.iter().filter(|(_, n)| **n > 0).collect();
            most.sort_by_key(|(name, n)| (std::cmp::Reverse(**n), name.as_str()));
            let most: Vec<&str> = most.iter().take(3).map(|(name, _)| name.as_str()).collect();
            let since = match most[..] {
                [] => String::new(),
                _ => format!(", by {}", most.join(", ")),
            };
            format!("nearly everything is compiled anew{since}: {stale} of {all} objects")
        } else if self.again {
            format!("{stale} of {all} objects to compile")
        } else {
            format!("{} objects to compile", grouped(all as u64))
        };
        if let Some(pace) = pace {
            let jobs_words = if jobs == 1 { "job" } else { "jobs" };
            let time = about(pace.time(stale, jobs));
            text.push_str(&format!(", about {time} with {jobs} {jobs_words}"));
        }
        Some(text)
    }

    /// What the image will have, about, from the number of its objects alone.
    pub fn image_bytes(&self, config_text: &str) -> Bytes {
        let values = Values::parse(config_text);
        let packed = BYTES_AN_OBJECT
            .iter()
            .find(|(option, _)| values.get(option) == "y");
        let each = packed.map_or(UNPACKED_BYTES, |(_, bytes)| *bytes);
        Bytes(self.all.len() as u64 * each)
    }
}

/// How many bytes of an image an object brings, by what packs it: xz made
/// 1,069,568 bytes of a kernel of 632 objects for a PC; the others are estimated
/// from that.
const BYTES_AN_OBJECT: [(&str, u64); 5] = [
    ("KERNEL_XZ", 1700),
    ("KERNEL_LZMA", 1700),
    ("KERNEL_ZSTD", 1900),
    ("KERNEL_GZIP", 2000),
    ("KERNEL_LZ4", 2400),
];

/// The same where nothing packs it.
const UNPACKED_BYTES: u64 = 5300;

/// The options whose values differ. Kconfig writes `auto.conf` for make: texts
/// without quotes (scripts/kconfig/confdata.c, `print_symbol_for_autoconf`).
fn changed(last: &Values, now: &Values) -> BTreeSet<String> {
    fn bare<'v>(values: &'v Values, name: &str) -> &'v str {
        match values.get(name).trim_matches('"') {
            "n" => "",
            value => value,
        }
    }
    let differs = |name: &&str| bare(last, name) != bare(now, name);
    let names = last.names_with(now).filter(differs);
    names.map(str::to_owned).collect()
}

/// Whether an object is made anew; counts what has changed that its files name.
fn is_stale(tree: &Path, object: &str, changed: &mut BTreeMap<String, usize>) -> bool {
    let command = fs::read(tree.join(compile_line::file_of(object)));
    let (Ok(command), true) = (command, tree.join(object).is_file()) else {
        return true;
    };
    if changed.is_empty() {
        return false;
    }
    let named = compile_line::options(&String::from_utf8_lossy(&command));
    let mut stale = false;
    for name in named {
        if let Some(count) = changed.get_mut(&name) {
            *count += 1;
            stale = true;
        }
    }
    stale
}

/// Those of the changed options by which the tree's own Makefiles choose the
/// flags of every object.
fn flags(source: &Path, arch: Arch, changed: &BTreeMap<String, usize>) -> Vec<String> {
    if changed.is_empty() {
        return Vec::new();
    }
    let arch = source.join("arch").join(arch.facts().source_arch);
    let mut files = vec![source.join("Makefile")];
    for (folder, prefix) in [(source.join("scripts"), "Makefile."), (arch, "Makefile")] {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let named = entries.filter(|e| e.file_name().to_string_lossy().starts_with(prefix));
        files.extend(named.map(|entry| entry.path()));
    }
    let texts = files.iter().filter_map(|file| fs::read(file).ok());
    let chosen: BTreeSet<String> = texts
        .flat_map(|text| chosen_by(&String::from_utf8_lossy(&text)))
        .collect();
    let is_one = |option: &&String| chosen.contains(*option);
    changed.keys().filter(is_one).cloned().collect()
}

/// The options by which a Makefile chooses flags: named in the line that does,
/// or in the condition right before it.
fn chosen_by(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    // The linker's, Rust's and sparse's are of no object here.
    let flags = |line: &str| {
        let line = line.to_ascii_lowercase();
        let others = ["ldflags", "rustflags", "checkflags"];
        let line = others
            .iter()
            .fold(line, |line, other| line.replace(other, ""));
        line.contains("flags")
    };
    let conditions = ["ifdef", "ifndef", "ifeq", "ifneq"];
    let chooses = |at: usize, line: &str| {
        let condition = conditions.iter().any(|word| line.trim().starts_with(word));
        flags(line) || condition && lines.get(at + 1).is_some_and(|next| flags(next))
    };
    let mut found = Vec::new();
    for (_, line) in lines.iter().enumerate().filter(|(at, l)| chooses(*at, l)) {
        for rest in line.split("CONFIG_").skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            found.push(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    found
}

/// How far a build is, by the lines that it prints.
#[derive(Debug)]
pub struct Meter<'a> {
    forecast: &'a Forecast,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    done: BTreeSet<String>,
    /// Those of them that were not foreseen.
    surprises: usize,
}

impl<'a> Meter<'a> {
    /// Of a build that this was foreseen of.
    pub fn new(forecast: &'a Forecast) -> Meter<'a> {
        Meter {
            forecast,
            seen: Mutex::default(),
        }
    }

    /// How many objects are compiled and how many there are, where a line says
    /// that one more is.
    pub fn line(&self, line: &str) -> Option<(u64, u64)> {
        let mut words = line.split_whitespace();
        let compiles = words.next().is_some_and(|word| COMPILES.contains(&word));
        let object = words.next_back().filter(|_| compiles)?;
        if !self.forecast.all.contains(object) {
            return None; // of what unpacks the kernel, or of a tool
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.done.insert(object.to_owned()) {
            return None;
        }
        if !self.forecast.stale.contains(object) {
            seen.surprises += 1;
        }
        let total = if seen.surprises > SURPRISES {
            self.forecast.all.len()
        } else {
            self.forecast.stale.len() + seen.surprises
        };
        Some((seen.done.len() as u64, total as u64))
    }

    /// How many objects are compiled.
    pub fn done(&self) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.done.len()
    }
}

/// How long this machine takes for an object.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Seconds of one processor.
    seconds: f64,
}

/// Fewer objects than this say nothing of a machine's pace.
const TELLING: usize = 100;

/// The phase in which musl is compiled, which takes about as long as so many
/// objects of a kernel.
const MUSL: (&str, f64) = ("C library", 60.0);

impl Pace {
    /// What is known of this machine: by its last kernel, or by the C library
    /// that was compiled in this session.
    pub fn known(session: &Session) -> Option<Pace> {
        let kept = session.cache.root().join(KEPT);
        let kept = fs::read(kept).ok();
        let kept = kept.and_then(|json| serde_json::from_slice(&json).ok());
        kept.or_else(|| {
            let phases = session.phases();
            let musl = phases.iter().find(|p| p.name == MUSL.0 && !p.cached)?;
            Some(Pace {
                seconds: musl.seconds * session.jobs as f64 / MUSL.1,
            })
        })
    }

    /// Keeps what a build has shown. It is only good for foretelling: where it
    /// can't be kept, nothing is lost.
    pub fn keep(done: usize, took: Duration, session: &Session) {
        if done < TELLING {
            return;
        }
        let pace = Pace {
            seconds: took.as_secs_f64() * session.jobs as f64 / done as f64,
        };
        if let Ok(json) = serde_json::to_vec(&pace) {
            let _ = write_whole(&session.cache.root().join(KEPT), &json);
        }
    }

    fn time(self, objects: usize, jobs: usize) -> Duration {
        let seconds = self.seconds * objects as f64 / jobs.max(1) as f64;
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

/// Where the pace stands in the cache.
const KEPT: &str = "pace.json";

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    fn source(dir: &Path) {
        write(&dir.join("Kbuild"), "obj-y += kernel/ net/\n");
        write(
            &dir.join("kernel/Makefile"),
            "obj-y := fork.o exit.o whole.o\nwhole-y := part.o\nobj-$(CONFIG_SMP) += smp.o\n",
        );
        write(&dir.join("net/Makefile"), "obj-$(CONFIG_NET) += tcp.o\n");
        write(
            &dir.join("Makefile"),
            "ifdef CONFIG_SIZE\nKBUILD_CFLAGS += -Os\nendif\n\
             LDFLAGS_vmlinux += $(CONFIG_LINKED)\n",
        );
        for name in [
            "kernel/fork.c",
            "kernel/exit.c",
            "kernel/part.c",
            "kernel/smp.c",
        ] {
            write(&dir.join(name), "");
        }
        write(&dir.join("net/tcp.S"), "");
    }

    fn built(tree: &Path, config: &str, objects: &[(&str, &str)]) {
        write(&tree.join(LAST_VALUES), config);
        for (object, option) in objects {
            write(&tree.join(object), "");
            let text = format!("deps_x := \\\n    $(wildcard include/config/{option}) \\\n");
            write(&tree.join(compile_line::file_of(object)), &text);
        }
    }

    const CONFIG: &str = "CONFIG_NET=y\nCONFIG_HZ=100\nCONFIG_CC=\"gcc 12\"\nCONFIG_SALT=\"\"\n";

    /// The same as make reads it.
    const BUILT: &str = "CONFIG_NET=y\nCONFIG_HZ=100\nCONFIG_CC=gcc 12\nCONFIG_SALT=\n";

    #[test]
    fn a_fresh_tree_compiles_each_object_that_has_a_source() {
        let dir = tempfile::tempdir().expect("a folder");
        source(dir.path());
        let tree = dir.path().join("objects");
        let forecast = Forecast::of(dir.path(), Arch::I386, CONFIG, &tree);
        let all = [
            "kernel/exit.o",
            "kernel/fork.o",
            "kernel/part.o",
            "net/tcp.o",
        ];
        assert!(forecast.stale.iter().eq(all), "{forecast:?}");
        assert_eq!(
            forecast.words(2, None).as_deref(),
            Some("4 objects to compile")
        );
        let meter = Meter::new(&forecast);
        assert_eq!(meter.line("  CC      kernel/fork.o"), Some((1, 4)));
        for other in [
            "  CC      arch/x86/boot/tty.o",
            "  AR      net/built-in.a",
            "",
            "  CC      kernel/fork.o",
        ] {
            assert_eq!(meter.line(other), None, "{other}");
        }
        assert_eq!(meter.line("  AS      net/tcp.o"), Some((2, 4)));
    }

    #[test]
    fn what_no_change_touches_is_not_compiled_again() {
        let dir = tempfile::tempdir().expect("a folder");
        source(dir.path());
        let tree = dir.path().join("objects");
        let objects = [
            ("kernel/exit.o", "PM"),
            ("kernel/fork.o", "HZ"),
            ("net/tcp.o", "PM"),
        ];
        built(&tree, &BUILT.replace("HZ=100", "HZ=250"), &objects);
        let forecast = Forecast::of(dir.path(), Arch::I386, CONFIG, &tree);
        assert!(forecast.stale.iter().eq(["kernel/fork.o", "kernel/part.o"]));
        assert_eq!(
            forecast.words(1, Some(Pace { seconds: 2.0 })).as_deref(),
            Some("2 of 4 objects to compile, about 4 s with 1 job")
        );
        let meter = Meter::new(&forecast);
        assert_eq!(
            meter.line("  CC      kernel/exit.o"),
            Some((1, 3)),
            "a surprise"
        );
    }

    #[test]
    fn an_option_that_chooses_flags_makes_everything_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        source(dir.path());
        let tree = dir.path().join("objects");
        let all = [
            "kernel/exit.o",
            "kernel/fork.o",
            "kernel/part.o",
            "net/tcp.o",
        ];
        built(&tree, BUILT, &all.map(|object| (object, "PM")));
        let same = Forecast::of(dir.path(), Arch::I386, CONFIG, &tree);
        assert_eq!(same.words(2, None), None);
        let linked = format!("{CONFIG}CONFIG_LINKED=y\n");
        let linked = Forecast::of(dir.path(), Arch::I386, &linked, &tree);
        assert_eq!(linked.words(2, None), None);
        let config = format!("{CONFIG}CONFIG_SIZE=y\n");
        let forecast = Forecast::of(dir.path(), Arch::I386, &config, &tree);
        assert_eq!(
            forecast.words(2, None).as_deref(),
            Some("nearly everything is compiled anew, by SIZE: 4 of 4 objects")
        );
    }
}
