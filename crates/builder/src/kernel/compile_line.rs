//! The command that compiled an object of the kernel's, as Kbuild keeps it
//! beside the object, and the same command for another file.
//!
//! Kbuild writes `.NAME.o.cmd` for make to read: `savedcmd_PATH := COMMAND`,
//! before Linux 6.3 `cmd_PATH := COMMAND` (scripts/Kbuild.include, `make-cmd`),
//! where `$` is doubled and `#` escaped.
//! Only the first command of the line compiles; behind a `;` follow checks.

use std::collections::BTreeSet;
use std::path::Path;

use host::process::Cmd;

/// Where the command of an object is kept: `.main.o.cmd` in its folder.
pub(crate) fn file_of(object: &str) -> String {
    match object.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/.{name}.cmd"),
        None => format!(".{object}.cmd"),
    }
}

/// The source that an object was compiled from: `source_PATH := SOURCE`.
pub(crate) fn source(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.strip_prefix("source_")?.split_once(" := ")?.1.trim()))
}

/// The options that the files of an object name, without `CONFIG_`:
/// `$(wildcard include/config/X)` (scripts/basic/fixdep.c).
pub(crate) fn options(text: &str) -> BTreeSet<String> {
    let named = text.lines().filter_map(|line| {
        let (name, _) = line
            .trim()
            .strip_prefix("$(wildcard include/config/")?
            .split_once(')')?;
        Some(name.to_owned())
    });
    named.collect()
}

/// Where the compiler writes which files it read.
const DEPENDENCIES: &str = "-Wp,-MMD,";

/// The kept command with another source and another object. `None` when the
/// text is none of Kbuild's.
pub(crate) fn command(text: &str, source: &Path, object: &Path) -> Option<Cmd> {
    let line = text.lines().find_map(|line| {
        let named = line.strip_prefix("saved").unwrap_or(line);
        Some(named.strip_prefix("cmd_")?.split_once(" := ")?.1)
    })?;
    let words = words(line)?;
    let (program, arguments) = words.split_first()?;
    let mut kept = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "-o" {
            arguments.next()?;
        } else if argument.starts_with(DEPENDENCIES) {
            // Its own place, and not left out: for `ccache` it would be another
            // compilation.
            kept.push(format!("{DEPENDENCIES}{}.d", object.to_str()?));
        } else if argument != "-c" {
            kept.push(argument.clone());
        }
    }
    // The source stands last.
    kept.pop()?;
    let assembler = source.extension().is_some_and(|e| e == "S");
    let define = assembler.then_some("-D__ASSEMBLY__");
    let cmd = Cmd::new(program).args(kept).args(define);
    Some(cmd.arg("-c").arg("-o").arg(object).arg(source))
}

/// The words of a line's first command, as a POSIX shell splits them. `None`
/// when a quote has no end or the line needs more than that of a shell.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => words.extend(word.take()),
            ';' => break,
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '"' => break,
                        '\\' => word.push(letters.next()?),
                        inside => word.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            '|' | '&' | '<' | '>' | '`' | '$' | '(' | ')' => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_flags_compile_another_file() {
        let text = "savedcmd_init/main.o := ccache gcc -Wp,-MMD,init/.main.o.d -O2 \
                    -DKBUILD_MODNAME='\"main\"' -D\"X(a)=b\" -c -o init/main.o /s/init/main.c  ; \
                    ./tools/objtool/objtool init/main.o\n\nsource_init/main.o := /s/init/main.c\n";
        let read = |text: &str| {
            let cmd = command(text, Path::new("/t/x.c"), Path::new("/t/x.o"));
            cmd.expect("a command").to_list()
        };
        let older = text.strip_prefix("saved").expect("it begins so");
        assert_eq!(read(older), read(text));
        assert_eq!(
            read(text),
            [
                "ccache",
                "gcc",
                "-Wp,-MMD,/t/x.o.d",
                "-O2",
                "-DKBUILD_MODNAME=\"main\"",
                "-DX(a)=b",
                "-c",
                "-o",
                "/t/x.o",
                "/t/x.c"
            ]
        );
    }

    #[test]
    fn the_source_and_the_options_are_known() {
        let text = "savedcmd_a.o := ccache gcc -I./include -c -o a.o /s/a.c\n\n\
                    source_a.o := /s/a.c\n\ndeps_a.o := \\\n  \
                    $(wildcard include/config/SMP) \\\n  /s/include/linux/x.h \\\n  \
                    $(wildcard include/config/PRINTK) \\\n";
        assert_eq!(source(text), Some("/s/a.c"));
        assert_eq!(
            options(text).into_iter().collect::<Vec<_>>(),
            ["PRINTK", "SMP"]
        );
    }

    #[test]
    fn what_needs_a_shell_is_no_command() {
        for line in ["a | b", "a `b`", "a 'b", "a $(b)"] {
            assert_eq!(words(line), None, "{line}");
        }
        assert!(command("deps_x := y\n", Path::new("a.c"), Path::new("a.o")).is_none());
    }

    #[test]
    fn the_file_stands_beside_the_object() {
        assert_eq!(file_of("init/main.o"), "init/.main.o.cmd");
    }
}
