//! The command that compiled an object of the kernel's, as Kbuild keeps it
//! beside the object, and the same command for another file.
//!
//! Kbuild writes `.NAME.o.cmd` for make to read: `savedcmd_PATH := COMMAND`
//! (scripts/Kbuild.include, `make-cmd`), where `$` is doubled and `#` escaped.
//! Only the first command of the line compiles; behind a `;` follow checks.

use std::path::Path;

use crate::process::Cmd;

/// Where the command of an object is kept: `.main.o.cmd` in its folder.
pub fn file_of(object: &str) -> String {
    match object.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/.{name}.cmd"),
        None => format!(".{object}.cmd"),
    }
}

/// The kept command with another source and another object. `None` when the
/// text is none of Kbuild's.
pub fn command(text: &str, source: &Path, object: &Path) -> Option<Cmd> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("savedcmd_")?.split_once(" := "))?
        .1;
    let words = words(line)?;
    let (program, arguments) = words.split_first()?;
    let mut kept = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "-o" {
            arguments.next()?;
        } else if argument.starts_with("-Wp,-MMD,") || argument == "-c" {
            // The file of dependencies is the model's own.
        } else {
            kept.push(argument);
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
        let cmd = command(text, Path::new("/t/x.c"), Path::new("/t/x.o")).expect("a command");
        assert_eq!(
            cmd.to_list(),
            [
                "ccache",
                "gcc",
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
