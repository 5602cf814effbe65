//! The flags that a recipe adds to the compiler's: none may name an output, load
//! code into the compiler or be read by a shell.

use crate::diagnostic::Wrong;

/// What flags begin with that only say how code is translated. What isn't here
/// might name a file to be written (GCC's manual, *Overall Options*).
const KNOWN: &[&str] = &[
    "-O", "-f", "-m", "-W", "-D", "-U", "-I", "-g", "-std=", "--param=", "-isystem", "-iquote",
];

/// Flags without an argument.
const WHOLE: &[&str] = &["-w", "-pipe", "-ansi", "-pedantic", "-nostdinc"];

/// What begins like that and writes files or runs code all the same.
const WRITERS: &[&str] = &[
    "-fplugin",
    "-fpass-plugin",
    "-fprofile",
    "-fcs-profile",
    "-fdump",
    "-fstack-usage",
    "-fcallgraph-info",
    "-fsave-optimization",
    "-foptimization-record",
    "-ftime-trace",
    "-ftest-coverage",
    "-fcoverage-m",
    "-fopt-info",
    "-fdiagnostics-format",
    "-fdiagnostics-add",
    "-fdiagnostics-set",
    "-fmodule",
    "-fcrash-diagnostics",
    "-fproc-stat",
    "-fuse-ld",
    "-fada-dump",
    "-fdbg",
    "-fcompare-debug",
    "-gsplit-dwarf",
    "-mllvm",
    "-Wa,",
    "-Wl,",
    "-Wp,",
    "-fworking",
    "-fself-test",
    "-fauto-",
    "-flto",
];

/// What make or the shell between it and the compiler would read as its own.
const SHELL: &[char] = &[
    '$', '`', ';', '|', '&', '<', '>', '(', ')', '"', '\'', '\\', '#', '*', '?', '~', '!', '{', '}',
];

/// One flag, if it may stand in a recipe.
pub(super) fn flag(typed: &str) -> Result<String, Wrong> {
    let wrong = |message: &str| Wrong::new(format!("`{typed}` {message}"));
    if typed.contains(SHELL) || typed.contains(char::is_whitespace) {
        let help = "write plain flags, one text each, such as \"-O2\" or \"-DNAME=1\"";
        return Err(wrong("would be read by make and by a shell").help(help));
    }
    let known = WHOLE.contains(&typed) || KNOWN.iter().any(|start| typed.starts_with(start));
    let writes = WRITERS.iter().any(|start| typed.starts_with(start));
    if !known || writes {
        let help = "flags that name files to be written, load code or end a compilation early \
                    have no place here";
        return Err(wrong("is not a flag that a recipe may give the compiler").help(help));
    }
    Ok(typed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_say_how_code_is_translated_may_be_given() {
        for typed in [
            "-O2",
            "-fno-inline",
            "-ffunction-sections",
            "-march=i486",
            "-Wno-error",
            "-DX=1",
            "-g",
            "--param=max-inline-insns-auto=4",
            "-w",
            "-fno-stack-protector",
        ] {
            assert_eq!(flag(typed), Ok(typed.to_owned()));
        }
    }

    #[test]
    fn flags_that_name_outputs_or_run_something_are_refused() {
        for typed in [
            "-o",
            "-o/tmp/x",
            "--output=/tmp/x",
            "-MF",
            "-MD",
            "-MMD",
            "-MJ",
            "-MT",
            "-M",
            "-save-temps",
            "--save-temps=obj",
            "-fdump-tree-all=/tmp/x",
            "-Wl,-Map=/tmp/x",
            "-Wa,-al=/tmp/x",
            "-Wp,-MD,/tmp/x",
            "-fplugin=/tmp/x.so",
            "-specs=/tmp/x",
            "-B/tmp",
            "@/tmp/x",
            "-aux-info",
            "-dumpdir",
            "-fprofile-dir=/tmp",
            "-ftime-trace=/tmp/x",
            "-gsplit-dwarf",
            "--coverage",
            "-wrapper",
            "-Xclang",
            "-Xlinker",
            "-E",
            "-S",
            "-c",
            "-fuse-ld=/tmp/x",
            "x.c",
            "",
            "-foptimization-record-file=/tmp/x",
            "-fstack-usage",
        ] {
            assert!(flag(typed).is_err(), "{typed}");
        }
        for typed in [
            "-DX=$(shell touch /tmp/x)",
            "-DX=`id`",
            "-O2;id",
            "-DX=\"a\"",
            "-O2 -o x",
        ] {
            let wrong = flag(typed).expect_err(typed);
            assert!(wrong.message.contains("make and by a shell"), "{typed}");
        }
    }
}
