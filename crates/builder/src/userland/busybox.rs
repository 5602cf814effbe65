//! BusyBox with exactly the applets that a recipe names, linked statically.
//!
//! Which Kconfig symbol brings an applet in, and which folder its link stands
//! in, is told by the `//applet:` lines of BusyBox's sources
//! (docs/new-applet-HOWTO.txt). Everything that isn't asked for is off: other
//! applets, and options inside the named ones that no request turns on; unless
//! the recipe wants BusyBox's own defaults.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::process::Cmd;
use host::seal::{fill_sealed, is_sound};
use host::session::{Cached, Session};
use kconfig::dotconfig::line_of;
use recipe::Arch;
use recipe::config::{RequestKey, Values, spelled};
use recipe::plan::BusyboxPlan;
use serde::Serialize;

pub use super::declared::Applet;
use super::declared::{Declared, declared};
use super::headers::Headers;
use super::musl::UserCompiler;
use super::{usual, with_scratch};
use crate::error::{Error, Result};
use crate::kernel::toolchain::Tools;
use crate::source::Source;

/// The program with its symbols, in the folder of a BusyBox.
const UNSTRIPPED: &str = "unstripped";

/// The linker's map of it.
const MAP: &str = "map";

/// Which applets each of its objects declares.
const OBJECTS: &str = "objects";

/// From which its tools make the configuration, in the folder of objects.
const SEED: &str = "seed.config";

/// A BusyBox that was built.
#[derive(Clone, Debug)]
pub struct Busybox {
    /// The program.
    pub program: PathBuf,
    /// Its applets.
    pub applets: Vec<Applet>,
}

impl Busybox {
    /// The program with its symbols: the same bytes at the same addresses.
    pub fn unstripped(&self) -> PathBuf {
        self.program.with_file_name(UNSTRIPPED)
    }

    /// The linker's map of the program.
    pub fn map(&self) -> PathBuf {
        self.program.with_file_name(MAP)
    }

    /// Which applets an object declares, by its path: `coreutils/cat.o`. Objects
    /// that declare none are shared.
    pub fn objects(&self) -> Result<BTreeMap<String, String>> {
        let path = self.program.with_file_name(OBJECTS);
        let text = fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.map(|(o, a)| (o.to_owned(), a.to_owned())).collect())
    }
}

#[derive(Serialize)]
struct BusyboxKey<'a> {
    source: &'a Id,
    headers: &'a Id,
    compiler: &'a Id,
    applets: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    defconfig: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    usual: bool,
    requests: Vec<RequestKey<'a>>,
}

/// What BusyBox is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BusyboxInput<'a> {
    /// Its sources.
    pub source: &'a Source,
    /// What the recipe wants of it.
    pub plan: &'a BusyboxPlan,
    /// The kernel's headers.
    pub headers: &'a Headers,
    /// The compiler, with the C library.
    pub compiler: &'a UserCompiler,
    /// The architecture.
    pub arch: Arch,
    /// The helpers.
    pub tools: &'a Tools,
}

/// Builds BusyBox, or gives back the one that was built from the same.
pub(crate) fn build(input: &BusyboxInput, session: &Session) -> Result<Cached<Busybox>> {
    let key = BusyboxKey {
        source: &input.source.digest,
        headers: &input.headers.id,
        compiler: &input.compiler.id,
        applets: &input.plan.applets,
        defconfig: input.plan.defconfig,
        usual: input.plan.usual,
        requests: input.plan.requests.iter().map(RequestKey::from).collect(),
    };
    let id = Id::of("busybox/1", &key)?;
    let dir = session.cache.folder("busybox")?.join(id.short());
    if let Some(busybox) = kept(&dir, input.plan, session)? {
        return Ok(Cached::hit(busybox));
    }
    let _lock = session
        .cache
        .lock(&dir, &|text| session.progress.note(text))?;
    if let Some(busybox) = kept(&dir, input.plan, session)? {
        return Ok(Cached::hit(busybox));
    }
    let known = declared(&input.source.tree)?;
    let mut wanted = choose(&input.plan.applets, &known.applets)?;
    fill_sealed(&dir, |fresh| -> Result<()> {
        with_scratch(fresh, |objects| {
            compile(input, &wanted, &known, objects, session)?;
            if input.plan.defconfig {
                wanted = turned_on(&known, &objects.join(".config"))?;
            }
            let kept = [
                ("busybox", "busybox"),
                ("busybox_unstripped", UNSTRIPPED),
                ("busybox_unstripped.map", MAP),
                (".config", "config"),
                ("tuxling.log", "build.log"),
            ];
            for (from, to) in kept {
                let from = objects.join(from);
                fs::copy(&from, fresh.join(to)).map_err(|e| host::Error::file("copy", &from, e))?;
            }
            Ok(())
        })?;
        let objects = objects(&wanted, &known);
        write_whole(&fresh.join(OBJECTS), objects.as_bytes())?;
        write_whole(&fresh.join("applets"), list(&wanted).as_bytes())?;
        Ok(())
    })?;
    Ok(Cached::fresh(Busybox {
        program: dir.join("busybox"),
        applets: wanted,
    }))
}

fn kept(dir: &Path, plan: &BusyboxPlan, session: &Session) -> Result<Option<Busybox>> {
    // What older tuxlings kept has no map.
    if !dir.join(MAP).exists() || !is_sound(dir, "BusyBox", session.progress)? {
        return Ok(None);
    }
    let Ok(list) = fs::read_to_string(dir.join("applets")) else {
        return Ok(None);
    };
    let applets: Vec<Applet> = list
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(Applet {
                name: words.next()?,
                symbol: words.next()?,
                folder: words.next()?,
            })
        })
        .collect();
    let whole = if plan.defconfig {
        !applets.is_empty()
    } else {
        applets.len() == plan.applets.len()
    };
    Ok(whole.then(|| Busybox {
        program: dir.join("busybox"),
        applets,
    }))
}

fn list(applets: &[Applet]) -> String {
    applets
        .iter()
        .map(|a| format!("{} {} {}\n", a.name, a.symbol, a.folder))
        .collect()
}

/// A line for each object that declares applets that are wanted.
fn objects(wanted: &[Applet], known: &Declared) -> String {
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for applet in wanted {
        if let Some(object) = known.objects.get(&applet.name) {
            names.entry(object).or_default().push(&applet.name);
        }
    }
    names
        .iter()
        .map(|(object, names)| format!("{object} {}\n", names.join(", ")))
        .collect()
}

/// The applets of these names; a name that BusyBox doesn't know is an error.
fn choose(names: &[String], known: &BTreeMap<String, Applet>) -> Result<Vec<Applet>> {
    names
        .iter()
        .map(|name| {
            known.get(name).cloned().ok_or_else(|| {
                let nearest = known
                    .keys()
                    .min_by_key(|k| strsim::damerau_levenshtein(k, name));
                Error::NoApplet {
                    name: name.clone(),
                    nearest: nearest.cloned(),
                }
            })
        })
        .collect()
}

/// The applets of a configuration.
fn turned_on(known: &Declared, config: &Path) -> Result<Vec<Applet>> {
    let text = fs::read_to_string(config).map_err(|e| host::Error::file("read", config, e))?;
    let values = Values::parse(&text);
    let on = |applet: &&Applet| values.get(&applet.symbol) == "y";
    Ok(known.applets.values().filter(on).cloned().collect())
}

/// The configuration from which BusyBox's own tools make the whole one: every
/// option is off that isn't asked for, unless it has BusyBox's defaults.
fn seed(wanted: &[Applet], known: &Declared, plan: &BusyboxPlan) -> String {
    let usual = if plan.usual {
        usual::options(wanted, known)
    } else {
        BTreeSet::new()
    };
    let off = known.switches.iter().filter(|_| !plan.defconfig);
    let off = off.filter(|symbol| !usual.contains(&***symbol));
    let mut values: BTreeMap<&str, String> =
        off.map(|symbol| (&**symbol, "n".to_owned())).collect();
    for applet in wanted {
        values.insert(&applet.symbol, "y".to_owned());
        if applet.name == "sh" {
            values.insert("ASH", "y".to_owned());
        }
    }
    // BUSYBOX is the multi-call binary itself; without LFS BusyBox's headers
    // refuse musl's 64-bit off_t.
    for symbol in ["STATIC", "LFS", "BUSYBOX"] {
        values.insert(symbol, "y".to_owned());
    }
    for request in &plan.requests {
        values.insert(&request.symbol, spelled(request));
    }
    values
        .iter()
        .map(|(symbol, value)| line_of(symbol, value) + "\n")
        .collect()
}

fn compile(
    input: &BusyboxInput,
    wanted: &[Applet],
    known: &Declared,
    objects: &Path,
    session: &Session,
) -> Result<()> {
    let log = objects.join("tuxling.log");
    let [configure, make] = commands(
        input.source,
        input.compiler,
        input.tools,
        &input.headers.dir,
        input.arch,
        objects,
        session.jobs,
    );
    let run = |cmd: Cmd| {
        session
            .processes
            .run_logged(&cmd, &log, &|line| session.progress.tool_line(line))
            .map_err(|e| host::Error::command(Kind::Build, "build BusyBox", e))
    };
    write_whole(
        &objects.join(SEED),
        seed(wanted, known, input.plan).as_bytes(),
    )?;
    run(configure)?;
    verify(wanted, known, input.plan, &objects.join(".config"))?;
    Ok(run(make)?)
}

/// The commands that complete the configuration and build BusyBox in a folder
/// for its objects.
pub fn commands(
    source: &Source,
    compiler: &UserCompiler,
    tools: &Tools,
    headers: &Path,
    arch: Arch,
    objects: &Path,
    jobs: usize,
) -> [Cmd; 2] {
    let mut cc = if tools.ccache {
        vec!["ccache".to_owned()]
    } else {
        Vec::new()
    };
    cc.extend(compiler.cc.iter().cloned());
    cc.push(format!("-isystem {}", headers.display()));
    cc.push(format!(
        "-ffile-prefix-map={}=busybox",
        source.tree.display()
    ));
    let emulation = arch
        .facts()
        .ld_emulation
        .map_or(String::new(), |e| format!(" -m {e}"));
    let make = Cmd::new("make")
        .arg("-C")
        .arg(&source.tree)
        .arg(format!("O={}", objects.display()))
        .arg(format!("CROSS_COMPILE={}", compiler.cross))
        .arg(format!("CC={}", cc.join(" ")))
        .arg(format!("LD={}ld{emulation}", compiler.cross))
        .env("SOURCE_DATE_EPOCH", "0");
    let seed = objects.join(SEED);
    [
        make.clone()
            .arg(format!("KBUILD_DEFCONFIG={}", seed.display()))
            .arg("defconfig"),
        make.arg(format!("-j{jobs}")).arg("busybox"),
    ]
}

/// Every applet that was asked for must be on, every other one off (unless it is
/// one of BusyBox's defaults), and every option as the recipe says: BusyBox's
/// tools drop silently, as the kernel's do.
fn verify(wanted: &[Applet], known: &Declared, plan: &BusyboxPlan, config: &Path) -> Result<()> {
    let requests = &plan.requests;
    let text = fs::read_to_string(config).map_err(|e| host::Error::file("read", config, e))?;
    let values = Values::parse(&text);
    let mut wrong = Vec::new();
    for applet in wanted.iter().filter(|a| values.get(&a.symbol) != "y") {
        wrong.push(format!(
            "applet {}: CONFIG_{} is {}",
            applet.name,
            applet.symbol,
            values.get(&applet.symbol)
        ));
    }
    let asked = |symbol: &str| {
        plan.defconfig
            || wanted.iter().any(|a| a.symbol == symbol)
            || requests.iter().any(|r| r.symbol == symbol)
            || symbol == "ASH"
    };
    for applet in known
        .applets
        .values()
        .filter(|a| values.get(&a.symbol) == "y" && !asked(&a.symbol))
    {
        wrong.push(format!(
            "applet {} came in unasked: CONFIG_{}=y",
            applet.name, applet.symbol
        ));
    }
    // A later one wins: the recipe's own over what an applet needs.
    let overruled = |at: usize, symbol: &str| requests[at + 1..].iter().any(|r| r.symbol == symbol);
    let last = requests.iter().enumerate();
    let last = last.filter(|(at, request)| !overruled(*at, &request.symbol));
    for (_, request) in last {
        let value = values.get(&request.symbol);
        if value != spelled(request) {
            wrong.push(format!(
                "CONFIG_{}={} (asked for by {}) is {value} after all",
                request.symbol, request.value, request.by
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Error::BusyboxConfig(wrong))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::userland::declared::SOURCE;

    fn known() -> Declared {
        let mut known = Declared::default();
        known.take(Path::new("coreutils/cat.c"), SOURCE);
        known
    }

    #[test]
    fn an_unknown_applet_names_the_nearest() {
        let error = choose(&["cta".to_owned()], &known().applets).expect_err("there is no cta");
        let Error::NoApplet { nearest, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(nearest.as_deref(), Some("cat"));
    }

    #[test]
    fn applets_that_are_not_named_are_turned_off() {
        let known = known();
        let wanted_objects = choose(&["cat".to_owned()], &known.applets).expect("is known");
        assert_eq!(objects(&wanted_objects, &known), "coreutils/cat.o cat\n");
        let wanted = choose(&["cat".to_owned()], &known.applets).expect("cat is known");
        let plan = BusyboxPlan {
            source: recipe::plan::SourceWish::Series("1.35".to_owned()),
            applets: vec!["cat".to_owned()],
            defconfig: false,
            usual: false,
            requests: Vec::new(),
            implied: BTreeSet::new(),
        };
        let seed = seed(&wanted, &known, &plan);
        assert!(
            !seed.contains("FEATURE_SIZE"),
            "only switches are turned off"
        );
        assert!(seed.contains("CONFIG_CAT=y\n") && seed.contains("# CONFIG_IP is not set\n"));
    }
}
