//! Programs that are linked with this machine's own C library when they are loaded:
//! compiled, and read together with it.

#![cfg(target_arch = "x86_64")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syscalls::{Calls, is_linked, linked_calls};

const GETPPID: u32 = 110;
const SETHOSTNAME: u32 = 170;
const REBOOT: u32 = 169;
const SETUID: u32 = 105;
const INIT_MODULE: u32 = 175;

/// Runs a program to its good end and gives what it printed.
#[allow(clippy::disallowed_methods)] // a test of what compilers make
fn run(program: &str, arguments: &[&str], dir: &Path) -> String {
    let mut command = std::process::Command::new(program);
    let output = command.args(arguments).current_dir(dir).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}\n{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The files that a program is loaded with, by their paths.
fn loaded(program: &str, dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let told = run("ldd", &[&format!("./{program}")], dir);
    let words = told.split_whitespace();
    let libraries = words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from);
    let own = std::iter::once(dir.join(program));
    let files = libraries.chain(own).map(|path| {
        let bytes = fs::read(&path).expect("readable");
        (path.display().to_string(), bytes)
    });
    files.filter(|(_, bytes)| is_linked(bytes)).collect()
}

/// The calls of a program in C, stripped.
fn of(code: &str, flags: &[&str]) -> BTreeMap<String, Calls> {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("it.c"), code).expect("writes");
    let compile = ["-O2", "-w", "-s", "-o", "it", "it.c"];
    run("cc", &[&compile, flags].concat(), dir.path());
    linked_calls(&loaded("it", dir.path()))
}

fn numbers(calls: &BTreeMap<String, Calls>) -> BTreeSet<u32> {
    calls
        .values()
        .flat_map(|calls| calls.numbers.clone())
        .collect()
}

fn lost(calls: &BTreeMap<String, Calls>) -> Vec<String> {
    let lost = calls.values().flat_map(|calls| &calls.undetermined);
    lost.map(|lost| lost.why.clone()).collect()
}

#[test]
fn a_program_makes_the_calls_of_the_functions_that_it_asks_for_and_no_others() {
    let all = of("int main() { return getppid() + setuid(7); }", &[]);
    let found = numbers(&all);
    assert_eq!(lost(&all), [""; 0]);
    assert!(
        found.contains(&GETPPID) && found.contains(&SETUID),
        "{found:?}"
    );
    for other in [SETHOSTNAME, REBOOT, INIT_MODULE] {
        assert!(!found.contains(&other), "{other}");
    }
}

#[test]
fn a_function_whose_address_is_in_data_or_asked_for_by_name_counts() {
    let table = "extern int sethostname(); int (*table[])() = { sethostname };\n\
        int main(int n) { return table[n](); }";
    assert!(numbers(&of(table, &[])).contains(&SETHOSTNAME));
    let by_name = "#include <dlfcn.h>\n\
        char name[] = \"sethostname\"; void *dlsym();\n\
        int main(int n, char **v) { return ((int (*)()) dlsym(0, n > 1 ? v[1] : name))(); }";
    let found = numbers(&of(by_name, &[]));
    assert!(
        found.contains(&SETHOSTNAME) && !found.contains(&REBOOT),
        "{found:?}"
    );
}

#[test]
fn the_number_that_syscall_is_called_with_is_followed() {
    let known = "long f(long n) { return syscall(n); }\n\
        int main(int n) { return n > 1 ? f(170) : syscall(110); }";
    let all = of(known, &["-fno-inline"]);
    assert_eq!(lost(&all), [""; 0]);
    let found = numbers(&all);
    assert!(found.contains(&GETPPID) && found.contains(&SETHOSTNAME));
    assert!(!found.contains(&INIT_MODULE));

    let all = of("int main(int n) { return syscall(n); }", &[]);
    assert_eq!(lost(&all).len(), 1, "{:?}", lost(&all));
    let taken = "extern long syscall(long, ...); long (*volatile p)(long, ...);\n\
        int main(int n) { p = syscall; return p(n); }";
    let why = lost(&of(taken, &[]));
    assert!(why[0].contains("address of syscall() is taken"), "{why:?}");
}

#[test]
fn a_library_that_nobody_needs_may_be_loaded_and_all_of_it_called() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("it.c"), "int main() { return 0; }").expect("writes");
    fs::write(
        dir.path().join("plug.c"),
        "int plug() { return sethostname(0, 0); }",
    )
    .expect("writes");
    run("cc", &["-w", "-s", "-o", "it", "it.c"], dir.path());
    let shared = ["-w", "-s", "-shared", "-fPIC", "-o", "plug.so", "plug.c"];
    run("cc", &shared, dir.path());
    let mut files = loaded("it", dir.path());
    assert!(!numbers(&linked_calls(&files)).contains(&SETHOSTNAME));
    let plug = fs::read(dir.path().join("plug.so")).expect("readable");
    files.insert("/lib/plug.so".to_owned(), plug);
    assert!(numbers(&linked_calls(&files)).contains(&SETHOSTNAME));
}

#[test]
fn damaged_files_give_an_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("it.c"), "int main() { return getppid(); }").expect("writes");
    run("cc", &["-w", "-o", "it", "it.c"], dir.path());
    let whole = fs::read(dir.path().join("it")).expect("readable");
    // Bytes of the headers, and some of everything behind them.
    let behind = (0x400..whole.len()).step_by(397);
    for at in (0..0x400).step_by(3).chain(behind) {
        for byte in [0, 0xff] {
            let mut file = whole.clone();
            file[at] = byte;
            let _ = is_linked(&file);
            let _ = linked_calls(&BTreeMap::from([("it".to_owned(), file)]));
        }
    }
}

#[test]
fn what_a_cleanup_does_on_the_way_of_an_exception_counts() {
    // Control comes behind the call by an exception alone: nothing jumps there.
    let code = "void end(int *it) { if (*it) sethostname(0, 0); }\n\
        void other(void (*)(void)) __attribute__((noreturn));\n\
        void other(void (*f)(void)) { for (;;) f(); }\n\
        int main(int n, char **v) {\n\
          int it __attribute__((cleanup(end))) = n;\n\
          other((void (*)(void)) v);\n\
        }";
    let found = numbers(&of(code, &["-fexceptions", "-fno-ipa-cp"]));
    assert!(found.contains(&SETHOSTNAME), "{found:?}");
}
