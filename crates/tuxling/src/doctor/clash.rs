//! Known clashes between things that are there. Each is told only when its
//! cause is seen: in the source trees, in a tool's version, in a path.

use std::path::Path;

use builder::kernel::Tools;
use host::process::Cmd;
use recipe::Arch;
use recipe::toolchain::{Family, Toolchain};

use super::{Finding, Level, Subject};

/// All clashes that are seen.
pub(super) fn all(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(traffic_control(subject));
    findings.extend(compiler_too_old(subject, arch));
    findings.extend(compiler_too_new(subject, arch));
    findings.extend(multilib(subject, arch));
    findings.extend(paths(subject));
    findings
}

fn read(tree: Option<&Path>, name: &str) -> Option<String> {
    std::fs::read_to_string(tree?.join(name)).ok()
}

/// Linux 6.8 took CBQ out of its headers; BusyBox's `tc` (up to 1.37) is
/// written against it.
fn traffic_control(subject: &Subject) -> Option<Finding> {
    let busybox = subject.plan?.userland.busybox.as_ref()?;
    busybox.applets.iter().find(|applet| *applet == "tc")?;
    let header = read(subject.linux, "include/uapi/linux/pkt_sched.h")?;
    let applet = read(subject.busybox, "networking/tc.c")?;
    clashing_tc(&header, &applet).then(|| {
        let found =
            "BusyBox's `tc` names TCA_CBQ_*, which this kernel's headers don't have (since 6.8)";
        Finding::new(Level::Lacking, "tc", found)
            .help("leave the applet `tc` out, or take a kernel before 6.8")
    })
}

fn clashing_tc(header: &str, applet: &str) -> bool {
    !header.contains("TCA_CBQ_MAX") && applet.contains("TCA_CBQ_MAX")
}

/// The kernel says itself what it needs (scripts/min-tool-version.sh).
fn compiler_too_old(subject: &Subject, arch: Arch) -> Vec<Finding> {
    let mut findings = Vec::new();
    let wished = subject
        .plan
        .map_or(&Toolchain::GCC, |p| &p.kernel.toolchain);
    let (Some(tree), Ok(tools)) = (subject.linux, Tools::find(wished, arch, subject.processes))
    else {
        return findings;
    };
    let script = tree.join("scripts/min-tool-version.sh");
    if !script.is_file() {
        return findings;
    }
    let (compiler, linker) = match tools.chain.family {
        Family::Llvm => ("llvm", "llvm"),
        Family::Gcc => ("gcc", "binutils"),
    };
    for (tool, key, program) in [(compiler, "cc", tools.cc.as_str()), (linker, "ld", "ld")] {
        let cmd = Cmd::new("sh").arg(&script).arg(tool);
        let cmd = cmd.env("SRCARCH", arch.facts().source_arch);
        let least = subject.processes.run(&cmd).map(|o| o.text());
        let here = tools.versions.0.get(key).and_then(|text| version_in(text));
        if let (Ok(least), Some(here)) = (least, here)
            && numbers(&here) < numbers(&least)
        {
            let found = format!("is {here}, and this kernel needs {least}");
            findings.push(
                Finding::new(Level::Lacking, program, found)
                    .help("install a newer one, or take an older kernel"),
            );
        }
    }
    findings
}

/// GCC 15 takes C23 where nothing else is said, in which `bool`, `true` and
/// `false` are words of the language; kernels that don't say -std= for their
/// boot code don't compile with it.
fn compiler_too_new(subject: &Subject, arch: Arch) -> Option<Finding> {
    let tools = Tools::find(&Toolchain::GCC, arch, subject.processes).ok()?;
    let here = version_in(tools.versions.0.get("cc")?)?;
    let source_arch = arch.facts().source_arch;
    let makefile = read(subject.linux, &format!("arch/{source_arch}/Makefile"))?;
    c23_breaks(&here, &makefile).then(|| {
        let found = format!(
            "is {here}, which takes C23; this kernel's boot code is older C and doesn't say so"
        );
        Finding::new(Level::Lacking, tools.cc, found)
            .help("take a newer point release of this kernel, or GCC 14")
    })
}

fn c23_breaks(gcc: &str, makefile: &str) -> bool {
    let flags = makefile
        .lines()
        .find(|l| l.trim_start().starts_with("REALMODE_CFLAGS"));
    numbers(gcc).first().is_some_and(|major| *major >= 15)
        && flags.is_some_and(|_| {
            let mut realmode = makefile.lines().filter(|l| l.contains("REALMODE_CFLAGS"));
            !realmode.any(|l| l.contains("-std="))
        })
}

/// Debian's gcc-multilib and its cross compilers exclude each other.
fn multilib(subject: &Subject, arch: Arch) -> Option<Finding> {
    let facts = arch.facts();
    let native = facts.native_hosts.contains(&std::env::consts::ARCH);
    let processes = subject.processes;
    let cross = facts.cross_prefixes.iter().filter(|p| !p.is_empty());
    let there = cross
        .clone()
        .any(|p| processes.find(format!("{p}gcc")).is_some());
    if native || there || cross.count() == 0 {
        return None;
    }
    let cmd = Cmd::new("dpkg-query").args(["-W", "-f", "${Status}", "gcc-multilib"]);
    let status = processes.run(&cmd).ok()?.text();
    (status == "install ok installed").then(|| {
        let found = "is installed, and excludes the cross compiler that this board needs";
        Finding::new(Level::Hint, "gcc-multilib", found).help(
            "installing the cross compiler removes it; i386 boards need only lib32gcc-N-dev of it",
        )
    })
}

/// make can't have blanks or colons in the folders that it works in (the
/// kernel's Makefile refuses them), and words of variables are split at blanks.
fn paths(subject: &Subject) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (what, path) in [
        ("the cache folder", Some(subject.cache)),
        ("the sources", subject.linux),
    ] {
        let Some(path) = path else { continue };
        let text = path.to_string_lossy();
        if text.contains([' ', '\t', ':']) {
            let found = format!("{text} has a blank or a colon, which the kernel's build refuses");
            findings.push(
                Finding::new(Level::Lacking, what, found)
                    .help("set TUXLING_CACHE to a folder without; a path of your own: move it"),
            );
        }
        let noexec = rustix::fs::statvfs(super::nearest(path))
            .is_ok_and(|about| about.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
        if noexec {
            let found = format!("{text} is on a file system mounted with noexec");
            findings.push(
                Finding::new(Level::Lacking, what, found)
                    .help("the build runs programs that it compiles there: set TUXLING_CACHE"),
            );
        }
    }
    if let Ok(prefix) = std::env::var("CROSS_COMPILE")
        && prefix.contains(char::is_whitespace)
    {
        let found = format!("is \"{prefix}\": a compiler's name can't have a blank");
        findings.push(
            Finding::new(Level::Lacking, "CROSS_COMPILE", found)
                .help("give the prefix alone; ccache is used by itself"),
        );
    }
    findings
}

/// The version in what a tool prints: the last word of dotted numbers, outside
/// of brackets.
fn version_in(text: &str) -> Option<String> {
    let mut depth = 0;
    let outside: String = text
        .chars()
        .filter(|c| {
            depth += i32::from(*c == '(');
            depth -= i32::from(*c == ')');
            depth == 0 && *c != ')'
        })
        .collect();
    let mut words = outside.split_whitespace();
    let dotted = |word: &&str| {
        let number = word.split('-').next().unwrap_or_default();
        number.contains('.') && number.split('.').all(|n| n.parse::<u32>().is_ok())
    };
    let found = words.find(dotted)?;
    found.split('-').next().map(str::to_owned)
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_print() {
        for (text, expected) in [
            ("gcc (Debian 12.2.0-14+deb12u1) 12.2.0", Some("12.2.0")),
            ("GNU ld (GNU Binutils for Debian) 2.40", Some("2.40")),
            ("Debian clang version 14.0.6", Some("14.0.6")),
            ("clang version 19.1.7-3", Some("19.1.7")),
            ("gcc", None),
            (")(", None),
        ] {
            assert_eq!(version_in(text).as_deref(), expected, "{text}");
        }
        assert!(numbers("12.2.0") > numbers("5.1.0"));
        assert!(numbers("2.40") > numbers("2.25.0"));
    }

    #[test]
    fn each_clash_needs_its_cause() {
        let (old, new) = ("enum { TCA_CBQ_MAX };", "enum { };");
        let applet = "if (x > TCA_CBQ_MAX)";
        assert!(clashing_tc(new, applet));
        assert!(!clashing_tc(old, applet));
        assert!(!clashing_tc(new, ""));
        let (bare, told) = (
            "REALMODE_CFLAGS\t:= -m16 -g\n",
            "REALMODE_CFLAGS\t:= -std=gnu11 -m16 -g\n",
        );
        assert!(c23_breaks("15.1.0", bare));
        assert!(!c23_breaks("15.1.0", told));
        assert!(!c23_breaks("14.2.0", bare));
        assert!(!c23_breaks("15.1.0", ""));
    }
}
