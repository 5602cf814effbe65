//! What will go wrong when a user land starts, told before it is booted: an init
//! that is no program, an inittab that names what isn't there, a script that
//! calls an applet which BusyBox hasn't got.
//!
//! A finding is [`Finding::certain`] only where the kernel can start nothing at
//! all. Everything else is a warning: the system comes up, and something in it
//! doesn't.

mod inits;
mod scripts;

pub use scripts::builtin_option;

use std::collections::BTreeSet;

use crate::applets;
use crate::files::{Files, NodeKind};
use crate::kernel;
use crate::program::{Abilities, Program, Refusal, interpreter, refusal};

/// Where programs without a path are looked for (`bb_PATH_root_path` of
/// BusyBox, its init's and its shell's `PATH`).
const PATH: [&str; 4] = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/// Where something is mounted while the system starts: what stands there is not
/// in the ramdisk.
const MOUNTED: [&str; 4] = ["/proc", "/sys", "/dev", "/run"];

/// A user land that is to start.
#[derive(Debug)]
pub struct Userland<'a> {
    /// All that the ramdisk holds, BusyBox and its links included.
    pub files: &'a Files,
    /// The BusyBox that is built for it, if any.
    pub busybox: Option<Busybox<'a>>,
    /// The kernel.
    pub abilities: Abilities,
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// Whether the kernel may have an init of its configuration's
    /// (`CONFIG_DEFAULT_INIT`).
    pub default_init: bool,
}

/// A BusyBox as it is built.
#[derive(Debug)]
pub struct Busybox<'a> {
    /// Where it stands.
    pub path: &'a str,
    /// Its applets.
    pub applets: &'a [String],
    /// Whether it has its own defaults beneath, and so more applets and options
    /// than are known.
    pub defaults: bool,
    /// Whether its applets have the options that its defaults give them: more
    /// than are known.
    pub usual: bool,
    /// The symbols of its configuration that are on, without `CONFIG_`.
    pub options: BTreeSet<String>,
}

/// One thing that will go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether nothing comes up at all.
    pub certain: bool,
    /// The file, by its path in the ramdisk.
    pub file: String,
    /// The line in it, from 1.
    pub line: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub what: String,
    /// What mends it.
    pub mend: String,
}

impl Finding {
    /// Where it is: `/etc/inittab, line 2`.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}, line {line}", self.file),
            None => self.file.clone(),
        }
    }

    fn warning(file: &str, line: Option<usize>, what: String, mend: impl Into<String>) -> Finding {
        Finding {
            certain: false,
            file: file.to_owned(),
            line,
            what,
            mend: mend.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    /// The place and what is wrong there, without the mend.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.what.starts_with(&self.file) {
            f.write_str(&self.what)
        } else {
            write!(f, "{}: {}", self.place(), self.what)
        }
    }
}

/// All that will go wrong, in the order in which it does.
pub fn findings(userland: &Userland<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    let start = kernel::start(userland.files, &userland.abilities, userland.cmdline);
    if let Some(why) = &start.refused {
        all.push(userland.no_init(&start, why));
    }
    let Some(init) = &start.started else {
        return all;
    };
    let mut scripts = scripts::Scripts::new(userland);
    if userland.is_busybox_init(init) {
        inits::inittab(userland, &mut scripts, &mut all);
    } else {
        scripts.add(init);
    }
    all.extend(scripts.findings());
    all
}

/// The first script, of those that are started, that mounts something at a path:
/// by name, or by `mount -a` with a line of `/etc/fstab`.
pub fn mounts(userland: &Userland<'_>, path: &str) -> Option<String> {
    let start = kernel::start(userland.files, &userland.abilities, userland.cmdline);
    let init = start.started?;
    let mut scripts = scripts::Scripts::new(userland);
    if userland.is_busybox_init(&init) {
        inits::inittab(userland, &mut scripts, &mut Vec::new());
    } else {
        scripts.add(&init);
    }
    let fstab = userland.files.text("/etc/fstab").unwrap_or_default();
    let fstab = String::from_utf8_lossy(fstab);
    let mut lines = fstab.lines().map(str::split_whitespace);
    let listed = lines.any(|mut line| line.nth(1) == Some(path));
    scripts.who_mounts(path, listed)
}

impl Userland<'_> {
    fn no_init(&self, start: &kernel::Start, why: &Refusal) -> Finding {
        let certain = start.started.is_none() && !start.elsewhere && !self.default_init;
        let instead = match &start.started {
            Some(other) => format!("; the kernel starts {other} instead"),
            None if certain => "; the kernel can start nothing".to_owned(),
            None => String::new(),
        };
        Finding {
            certain,
            file: start.wanted.clone(),
            line: None,
            what: format!("{} {}{instead}", start.wanted, why.words()),
            mend: why.mend(),
        }
    }

    /// Whether a program is BusyBox, called by the name of its init.
    fn is_busybox_init(&self, path: &str) -> bool {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let target = self.files.resolve(path).unwrap_or_default();
        name(&target) == "busybox" && matches!(name(path).as_str(), "init" | "linuxrc")
    }

    /// Whether a path leads to the BusyBox that is built.
    fn is_own_busybox(&self, path: &str) -> bool {
        let own = self
            .busybox
            .as_ref()
            .and_then(|b| self.files.resolve(b.path));
        own.is_some() && self.files.resolve(path) == own
    }

    /// Whether the BusyBox that is built has an option; one with defaults may
    /// have any.
    fn option(&self, symbol: &str) -> bool {
        let has = |b: &Busybox<'_>| b.defaults || b.usual || b.options.contains(symbol);
        self.busybox.as_ref().is_some_and(has)
    }

    /// Whether an applet may come with BusyBox's defaults.
    fn may_have(&self, applet: &str) -> bool {
        let defaults = self.busybox.as_ref().is_some_and(|b| b.defaults);
        defaults && applets::folder(applet).is_some()
    }

    /// Why a program that is named by its path or by its name can't be started.
    fn lack(&self, program: &str) -> Option<Refusal> {
        let name = program.rsplit('/').next().unwrap_or_default();
        if self.may_have(name) {
            return None;
        }
        if program.starts_with('/') {
            let why = refusal(self.files, program, &self.abilities)?;
            let mounted = MOUNTED.iter().any(|folder| below(program, folder));
            return (!mounted).then_some(why);
        }
        if program.contains('/') {
            return None; // where it is depends on the folder
        }
        let mut found = PATH.iter().map(|folder| format!("{folder}/{program}"));
        if let Some(path) = found.find(|path| self.files.find(path).is_some()) {
            return refusal(self.files, &path, &self.abilities);
        }
        // A PATH of its own may lead there.
        let ends = format!("/{program}");
        let anywhere = self.files.iter().any(|(path, _)| path.ends_with(&ends));
        (!anywhere).then_some(Refusal::Missing)
    }

    /// What mends the lack of a program.
    fn mend(&self, program: &str, why: &Refusal) -> String {
        let missing = matches!(why, Refusal::Missing | Refusal::Dangling(_));
        let name = program.rsplit('/').next().unwrap_or_default();
        let (Some(busybox), Some(folder), true) = (&self.busybox, applets::folder(name), missing)
        else {
            return match why {
                Refusal::Missing => format!("put {program} into the ramdisk, or leave it out"),
                _ => why.mend(),
            };
        };
        if busybox.applets.iter().any(|applet| applet == name) {
            return format!("the applet's link is {folder}/{name}: write that");
        }
        format!("add \"{name}\" to busybox in [userland]")
    }

    /// Whether a file is a script that a shell reads: by its first line, or
    /// without one.
    fn is_shell_script(&self, path: &str, sourced: bool) -> bool {
        let node = self.files.find(path);
        match node.map(|node| &node.kind) {
            Some(NodeKind::File { program, .. }) => match program {
                Program::Script(line) => {
                    let shell = interpreter(line).unwrap_or_default();
                    let name = shell.rsplit('/').next().unwrap_or_default();
                    matches!(name, "sh" | "ash")
                }
                Program::Text(_) => sourced,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Whether a path is a folder or stands in it.
fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
