//! Small programs, compiled for the host as the kernel is, pruned, linked and
//! run: what is left does what it did, and what is gone says that it is.
//!
//! i386 has its addends in the sections (ELF32, REL), x86_64 in the relocations
//! (ELF64, RELA). The programs need no C library, so that they run on any
//! x86_64 host.

#![allow(
    clippy::disallowed_methods,
    reason = "tests run the compiler and what it makes"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use vmlinux::prune::{
    EntrySizes, Fate, FunctionIndex, Input, Parts, Program, PruneError, Pruned, Role, TrapRecord,
    Verdict, Wish, find_trap, function_addresses, verify,
};

/// What every program stands on: a way in, a way out, and a handler of traps
/// that says the trap's address on the standard output.
const RUNTIME: &str = r#"
#ifdef __i386__
static long call(long n, long a, long b, long c)
{ long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory"); return r; }
#define WRITE 4
#define EXIT 1
#else
static long call(long n, long a, long b, long c)
{ long r; __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r; }
#define WRITE 1
#define EXIT 60
#endif
void say(const char *text) { long n = 0; while (text[n]) n++; call(WRITE, 1, (long)text, n); }
void say_number(unsigned long number)
{ char digits[24]; int at = 23; digits[at] = 0; do digits[--at] = '0' + number % 10; while (number /= 10); say(digits + at); say("\n"); }
void leave(int status) { call(EXIT, status, 0, 0); for (;;); }
extern int run(void);
__attribute__((force_align_arg_pointer)) void _start(void) { leave(run()); }
void trapped(unsigned long behind) { say("trap "); say_number(behind - 5); leave(99); }
"#;

/// The handler: the word on top of the stack is the address behind the call.
const HANDLER: &str = r#"
	.text
	.globl tuxling_trap
	.type tuxling_trap, @function
tuxling_trap:
#ifdef __i386__
	pop %eax
	and $-16, %esp
	sub $12, %esp
	push %eax
	call trapped
#else
	pop %rdi
	and $-16, %rsp
	call trapped
#endif
	.size tuxling_trap, . - tuxling_trap
	.section .note.GNU-stack, "", @progbits
"#;

/// Steps through a program and says every address that it comes to.
const TRACER: &str = r#"
#include <stdio.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	pid_t child = fork();
	int status;
	if (!child) { ptrace(PTRACE_TRACEME, 0, 0, 0); execv(argv[1], argv + 1); _exit(127); }
	for (waitpid(child, &status, 0); WIFSTOPPED(status); waitpid(child, &status, 0)) {
		long at = ptrace(PTRACE_PEEKUSER, child, offsetof(struct user_regs_struct, rip), 0);
		fprintf(stderr, "%lx\n", at);
		ptrace(PTRACE_SINGLESTEP, child, 0, 0);
	}
	return 0;
}
"#;

/// Takes many ways, by a byte that it hears.
const MANY_WAYS: &str = r#"
void say(const char *); void say_number(unsigned long);
#ifdef __i386__
static long hear(char *c)
{ long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(3), "b"(0), "c"(c), "d"(1) : "memory"); return r; }
#else
static long hear(char *c)
{ long r; __asm__ volatile("syscall" : "=a"(r) : "a"(0), "D"(0), "S"(c), "d"(1) : "rcx", "r11", "memory"); return r; }
#endif
volatile unsigned sink;
__attribute__((noinline)) unsigned only_odd(unsigned n) { say("this string is for odd ones\n"); sink += n; return n * 3 + 1; }
__attribute__((noinline)) unsigned walk(unsigned n)
{
	unsigned steps = 0;
	while (n != 1 && steps < 40) {
		if (n & 1) n = only_odd(n); else n /= 2;
		if (n == 10) say("ten\n");
		if (n == 5) { sink++; steps += 2; }
		steps++;
	}
	return steps;
}
__attribute__((noinline)) const char *word(unsigned c)
{
	switch (c % 16) {
	case 0: sink = 1; return "zero\n";
	case 1: say("one at once\n"); return "one\n";
	case 2: if (c > 100) return "a large two\n"; return "two\n";
	case 3: sink += c; return "three\n";
	case 4: return sink > 3 ? "four\n" : "fore\n";
	case 5: walk(3); return "five\n";
	case 9: for (unsigned i = 0; i < c; i++) sink ^= i; return "nine\n";
	case 12: return c & 64 ? "twelve\n" : "a dozen\n";
	default: return "another\n";
	}
}
int run(void)
{
	char c = 0; hear(&c);
	unsigned n = (unsigned char)c;
	say(word(n)); say_number(walk(n + 1)); say_number(sink);
	return n & 7;
}
"#;

struct Bench {
    folder: PathBuf,
    mode: &'static str,
}

impl Bench {
    fn new(name: &str, mode: &'static str) -> Bench {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = root.join(format!("prune-{name}{mode}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the programs");
        Bench { folder, mode }
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .output();
        output.unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    fn good(&self, program: &str, arguments: &[&str]) {
        let output = self.run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    /// Compiles a text as the kernel compiles its own.
    fn compile(&self, name: &str, text: &str) -> (String, Vec<u8>) {
        std::fs::write(self.folder.join(name), text).expect("written");
        let object = format!("{name}.o");
        let flags = "-O2 -ffreestanding -fno-pic -fno-pie -ffunction-sections -fdata-sections \
                     -fno-asynchronous-unwind-tables -fno-stack-protector -fcf-protection=none \
                     -fno-builtin -fno-ipa-icf -w -c -o";
        let mut arguments: Vec<&str> = flags.split_whitespace().collect();
        arguments.extend([object.as_str(), self.mode, name]);
        self.good("gcc", &arguments);
        let bytes = std::fs::read(self.folder.join(&object)).expect("compiled");
        (object, bytes)
    }

    fn load(&self, texts: &[(&str, &str)]) -> Program {
        let mut objects = vec![
            self.compile("runtime.c", RUNTIME),
            self.compile("handler.S", HANDLER),
        ];
        objects.extend(texts.iter().map(|(name, text)| self.compile(name, text)));
        let inputs: Vec<Input> = objects
            .iter()
            .map(|(name, bytes)| Input {
                name,
                bytes,
                role: Role::Always,
            })
            .collect();
        Program::load(&inputs, "ENTRY(_start)", &EntrySizes::default()).expect("they resolve")
    }

    /// Links what came out and runs it.
    fn execute(&self, pruned: &Pruned) -> (String, Option<i32>) {
        self.link(pruned);
        let output = self.run("./program", &[]);
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status.code(),
        )
    }

    /// Runs what was linked with a byte on its standard input.
    fn hears(&self, byte: u8) -> (String, Option<i32>) {
        std::fs::write(self.folder.join("input"), [byte]).expect("written");
        let output = self.run("sh", &["-c", "./program < input"]);
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status.code(),
        )
    }

    /// What runs of each function of the program that was linked, with marks,
    /// when it hears a byte: one step after the other.
    fn trace(&self, byte: u8) -> Parts {
        self.compile_for_host("tracer", TRACER);
        std::fs::write(self.folder.join("input"), [byte]).expect("written");
        let steps = self.run("sh", &["-c", "./tracer ./program < input"]);
        let steps = String::from_utf8_lossy(&steps.stderr).into_owned();
        let lengths = self.instruction_lengths();
        let bytes = std::fs::read(self.folder.join("program")).expect("linked");
        let marked = function_addresses(&bytes).expect("an ELF file");
        let mut ran = Parts::new();
        for line in steps.lines() {
            let at = u64::from_str_radix(line, 16).expect("an address");
            let Some(f) = marked
                .iter()
                .find(|f| (f.address..f.address + f.bytes).contains(&at))
            else {
                continue;
            };
            let start = at - f.address;
            let part = start..start + lengths[&at];
            let parts = ran.entry(f.function).or_default();
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        ran
    }

    fn compile_for_host(&self, name: &str, text: &str) {
        let source = format!("{name}.c");
        std::fs::write(self.folder.join(&source), text).expect("written");
        self.good("gcc", &["-O1", "-o", name, &source]);
    }

    /// The instructions of the program, as another disassembler reads them.
    fn instruction_lengths(&self) -> BTreeMap<u64, u64> {
        let listing = self.run("objdump", &["-d", "-w", "program"]);
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        let line = |line: &str| {
            let (address, rest) = line.trim_start().split_once(":\t")?;
            let bytes = rest.split('\t').next()?.split_ascii_whitespace().count();
            Some((u64::from_str_radix(address, 16).ok()?, bytes as u64))
        };
        listing.lines().filter_map(line).collect()
    }

    /// Links what came out.
    fn link(&self, pruned: &Pruned) {
        std::fs::write(self.folder.join("all.a"), pruned.archive()).expect("written");
        let emulation = if self.mode == "-m32" {
            "elf_i386"
        } else {
            "elf_x86_64"
        };
        let link = [
            "-m",
            emulation,
            "--fatal-warnings",
            "-z",
            "noexecstack",
            "-e",
            "_start",
            "-o",
            "program",
        ];
        let mut link = link.to_vec();
        link.extend(["--whole-archive", "all.a"]);
        self.good("ld", &link);
    }

    /// The symbol of the function whose trap was run into, from what the
    /// handler said.
    fn trap_of(&self, said: &str) -> Option<String> {
        let address = said.lines().find_map(|line| line.strip_prefix("trap "))?;
        let program = std::fs::read(self.folder.join("program")).expect("linked");
        let trap = find_trap(&program, address.parse().expect("a number")).expect("an ELF file");
        trap.map(|trap| trap.symbol)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn prune(program: &Program, wish: &Wish) -> Pruned {
    let pruned = program.prune(wish).expect("prunes");
    verify::check(program, &pruned).expect("another reader finds it right");
    pruned
}

/// All functions of this name trap; whatever else is reached stays.
fn without(program: &Program, names: &[&str]) -> Wish {
    let mut wish = Wish {
        verdicts: vec![Verdict::Allow; program.functions().len()],
        ..Wish::default()
    };
    for name in names {
        let found = program.named(name);
        assert!(!found.is_empty(), "{name} is there");
        found
            .iter()
            .for_each(|f| wish.verdicts[f.0 as usize] = Verdict::Trap);
    }
    wish
}

fn fate(program: &Program, pruned: &Pruned, name: &str) -> Vec<Fate> {
    program
        .named(name)
        .iter()
        .map(|FunctionIndex(f)| pruned.report.functions[*f as usize])
        .collect()
}

const MODES: [&str; 2] = ["-m32", "-m64"];

#[test]
fn a_pruned_program_says_what_it_said_and_a_pruned_function_says_its_name() {
    for mode in MODES {
        let bench = Bench::new("basic", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               static __attribute__((noinline)) void used(void) { say("used\n"); }
               __attribute__((noinline)) void unused(void) { say("this string is nobody's\n"); }
               int wanted;
               int run(void) { used(); if (wanted) unused(); return 7; }"#,
        )]);
        let whole = prune(
            &program,
            &Wish {
                whole: true,
                ..Wish::default()
            },
        );
        assert_eq!(
            bench.execute(&whole),
            ("used\n".into(), Some(7)),
            "{mode}: nothing is left out"
        );
        let pruned = prune(&program, &without(&program, &["unused"]));
        assert_eq!(
            bench.execute(&pruned),
            ("used\n".into(), Some(7)),
            "{mode}: unused is gone"
        );
        assert_eq!(fate(&program, &pruned, "unused"), [Fate::Trapped]);
        let file = std::fs::read(bench.folder.join("program")).expect("linked");
        let gone = b"this string is nobody's";
        assert!(
            !file.windows(gone.len()).any(|w| w == gone),
            "{mode}: its string went with it"
        );
        let pruned = prune(&program, &without(&program, &["used"]));
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(99), "{mode}: {said}");
        assert_eq!(
            bench.trap_of(&said).as_deref(),
            Some("used"),
            "{mode}: {said}"
        );
    }
}

/// What runs in 4 and 8 steps, for words 3 and 7: no number is odd on the way
/// to 1.
fn without_odd_numbers(bench: &Bench) -> Parts {
    let mut ran = bench.trace(3);
    for (function, parts) in bench.trace(7) {
        ran.entry(function).or_default().extend(parts);
    }
    ran
}

#[test]
fn what_never_ran_of_a_function_goes_and_whoever_comes_to_it_is_stopped() {
    for mode in MODES {
        let bench = Bench::new("gaps", mode);
        let program = bench.load(&[("ways.c", MANY_WAYS)]);
        let marked = Wish {
            whole: true,
            marks: true,
            ..Wish::default()
        };
        bench.link(&prune(&program, &marked));
        let before: Vec<_> = (0..=255).map(|byte| bench.hears(byte)).collect();
        let gaps = program.gaps(&without_odd_numbers(&bench));
        let wish = Wish {
            verdicts: vec![Verdict::Allow; program.functions().len()],
            gaps,
            marks: true,
            direct: true,
            ..Wish::default()
        };
        let pruned = prune(&program, &wish);
        bench.link(&pruned);
        assert_eq!(
            fate(&program, &pruned, "only_odd"),
            [Fate::Removed],
            "{mode}"
        );
        let file = std::fs::read(bench.folder.join("program")).expect("linked");
        let gone = b"for odd ones";
        assert!(!file.windows(gone.len()).any(|w| w == gone), "{mode}");
        let mut stopped = 0;
        for (byte, whole) in before.iter().enumerate() {
            let now = bench.hears(byte as u8);
            if now == *whole {
                continue;
            }
            assert!(byte != 3 && byte != 7, "{mode}: {byte} ran before: {now:?}");
            // It may be stopped, but says nothing else than before.
            assert_eq!(now.1, Some(99), "{mode}, {byte}: {now:?}");
            let (said, trap) = now.0.split_once("trap ").expect("it says where");
            assert!(whole.0.starts_with(said), "{mode}, {byte}: {now:?}");
            let trap = trap.trim().parse().expect("a number");
            let missed = program.missed(&pruned, &file, TrapRecord { trap, caller: 0 });
            let missed = missed.expect("an ELF file").expect("it is known");
            let (from, to) = missed.part.expect("a part of a function");
            assert!(pruned.gaps[&missed.function].contains(&(from..to)));
            stopped += 1;
        }
        assert!((100..256).contains(&stopped), "{mode}: {stopped}");
        // A function that was missed is given back as a whole.
        let mut mended = wish.clone();
        for name in ["walk", "word"] {
            mended.gaps.remove(&program.named(name)[0]);
        }
        bench.link(&prune(&program, &mended));
        for (byte, whole) in before.iter().enumerate() {
            assert_eq!(bench.hears(byte as u8), *whole, "{mode}, {byte}");
        }
    }
}

#[test]
fn parts_that_cant_go_are_refused() {
    let bench = Bench::new("refused", "-m32");
    let program = bench.load(&[("ways.c", MANY_WAYS)]);
    let refused = |name: &str, parts: &[(u64, u64)]| {
        let index = program.named(name)[0];
        let wish = Wish {
            gaps: Parts::from([(index, parts.iter().map(|(from, to)| *from..*to).collect())]),
            ..Wish::default()
        };
        let error = program.prune(&wish).expect_err("it can't be done");
        assert!(matches!(error, PruneError::Gap { .. }), "{error}");
        error.to_string()
    };
    assert!(refused("walk", &[(0, 4)]).contains("room for a trap"));
    assert!(refused("walk", &[(0, 10), (8, 20)]).contains("overlap"));
    assert!(refused("walk", &[(0, 100_000)]).contains("leave it"));
    assert!(refused("tuxling_trap", &[(0, 5)]).contains("as a whole"));
}

#[test]
fn calls_of_what_is_gone_need_no_trap_of_their_own() {
    for mode in MODES {
        let bench = Bench::new("direct", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               __attribute__((noinline)) void first(void) { say("first\n"); }
               __attribute__((noinline)) void second(void) { say("second\n"); }
               __attribute__((noinline)) void third(void) { say("third\n"); }
               static void (*volatile pointer)(void) = third;
               int wanted = 1;
               static __attribute__((noinline)) void caller(void)
               { say("caller\n"); if (!wanted) first(); second(); say("back\n"); }
               int run(void) { caller(); pointer(); return 0; }"#,
        )]);
        let direct = |names: &[&str]| Wish {
            direct: true,
            marks: true,
            ..without(&program, names)
        };
        let missed = |said: &str, pruned: &Pruned| {
            let address = said.lines().find_map(|l| l.strip_prefix("trap "));
            let address = address.expect("it trapped").parse().expect("a number");
            let file = std::fs::read(bench.folder.join("program")).expect("linked");
            let missed = program.missed(
                pruned,
                &file,
                TrapRecord {
                    trap: address,
                    caller: 0,
                },
            );
            let missed = missed.expect("an ELF file").expect("it is known");
            let name = |f: FunctionIndex| program.functions()[f.0 as usize].id.symbol.clone();
            (name(missed.function), missed.caller.map(name))
        };
        let pruned = prune(&program, &direct(&["first", "second"]));
        assert!(pruned.traps.is_empty(), "{mode}: {:?}", pruned.traps);
        assert_eq!(fate(&program, &pruned, "second"), [Fate::Trapped]);
        let (said, status) = bench.execute(&pruned);
        assert_eq!(status, Some(99), "{mode}: {said}");
        let by_caller = ("second".to_owned(), Some("caller".to_owned()));
        assert_eq!(missed(&said, &pruned), by_caller, "{mode}: {said}");
        // An address that is taken needs something that has it.
        let pruned = prune(&program, &direct(&["third"]));
        assert_eq!(pruned.traps.len(), 1, "{mode}");
        let (said, _) = bench.execute(&pruned);
        assert!(said.contains("back"), "{mode}: {said}");
        assert_eq!(missed(&said, &pruned).0, "third", "{mode}: {said}");
    }
}

#[test]
fn static_functions_of_one_name_are_told_apart() {
    let unit = |text: &str, name: &str| {
        format!(
            r#"void say(const char *);
               static __attribute__((noinline)) void same(void) {{ say("{text}\n"); }}
               void {name}(void) {{ same(); }}"#
        )
    };
    for mode in MODES {
        let bench = Bench::new("same", mode);
        let program = bench.load(&[
            ("one.c", &unit("one", "one")),
            ("two.c", &unit("two", "two")),
            (
                "main.c",
                "void one(void); void two(void); int run(void) { one(); two(); return 0; }",
            ),
        ]);
        let mut wish = without(&program, &[]);
        let second = program
            .named("same")
            .into_iter()
            .find(|f| program.functions()[f.0 as usize].id.object == "two.c.o");
        wish.verdicts[second.expect("there").0 as usize] = Verdict::Trap;
        let (said, status) = bench.execute(&prune(&program, &wish));
        assert!(
            said.starts_with("one\n"),
            "{mode}: the other one runs: {said}"
        );
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("same")),
            "{mode}"
        );
    }
}

#[test]
fn pointers_to_pruned_functions_differ_and_trap_when_called() {
    for mode in MODES {
        let bench = Bench::new("pointers", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *); void say_number(unsigned long);
               static void a(void) { say("a\n"); } static void b(void) { say("b\n"); }
               void c(void) { say("c\n"); }
               static void (*const table[])(void) = { a, b, c, a };
               int run(void) {
                   volatile int i = 0, j = 1, k = 2, l = 3;
                   say_number(table[i] == table[j]); say_number(table[j] == table[k]);
                   say_number(table[i] == table[l]); say_number(table[k] == c);
                   table[k](); table[j](); return 0; }"#,
        )]);
        let (said, status) = bench.execute(&prune(&program, &without(&program, &["a", "b"])));
        assert!(said.starts_with("0\n0\n1\n1\nc\ntrap "), "{mode}: {said}");
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("b")),
            "{mode}"
        );
    }
}

/// Has a cold part, jump tables, and pointers into the middle of data.
const COLD_AND_TABLES: &str = r#"void say(const char *); void say_number(unsigned long); void leave(int);
               __attribute__((cold, noinline)) void complain(int n) { say("cold "); say_number(n); }
               static int numbers[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };
               static struct { int first; const char *name; } pairs[3] = { { 1, "x\n" }, { 2, "y\n" }, { 3, "z\n" } };
               static int *volatile into = &numbers[5];
               static const char **volatile name = &pairs[2].name;
               __attribute__((noinline)) int work(int n) {
                   if (__builtin_expect(n > 90, 0)) { complain(n); return -1; }
                   switch (n) {
                   case 0: say("zero\n"); return 4; case 1: say("one\n"); return 8; case 2: say("two\n"); return 15;
                   case 3: say("three\n"); return 16; case 4: say("four\n"); return 23; case 5: say("five\n"); return 42;
                   default: say("many\n"); return 0; } }
               __attribute__((noinline)) int idle(int n) {
                   switch (n) {
                   case 0: complain(1); return 4; case 1: complain(3); return 8; case 2: complain(2); return 15;
                   case 3: say("3\n"); return 16; case 4: say("4\n"); return 23; case 5: say("5\n"); return 42;
                   default: return 0; } }
               volatile int never;
               int run(void) {
                   int i; for (i = 0; i < 7; i++) say_number(work(i));
                   say_number(*into); say(*name); if (never) idle(never); work(91); return 0; }"#;

#[test]
fn cold_parts_jump_tables_and_offsets_into_data_survive() {
    for mode in MODES {
        let bench = Bench::new("parts", mode);
        let program = bench.load(&[("main.c", COLD_AND_TABLES)]);
        let whole = bench.execute(&prune(
            &program,
            &Wish {
                whole: true,
                ..Wish::default()
            },
        ));
        let reached = bench.execute(&prune(&program, &without(&program, &[])));
        let pruned = prune(&program, &without(&program, &["idle"]));
        assert!(
            whole.0.ends_with("9\nz\ncold 91\n") && whole.1 == Some(0),
            "{mode}: {whole:?}"
        );
        assert_eq!(reached, whole, "{mode}");
        assert_eq!(
            bench.execute(&pruned),
            whole,
            "{mode}: without a function that had a jump table"
        );
        let cold: Vec<&str> = program
            .functions()
            .iter()
            .map(|f| f.id.symbol.as_str())
            .filter(|s| s.ends_with(".cold"))
            .collect();
        if !cold.is_empty() {
            let (said, status) = bench.execute(&prune(&program, &without(&program, &cold)));
            assert_eq!(status, Some(99), "{mode}: {said}");
            assert!(
                bench.trap_of(&said).is_some_and(|t| t.ends_with(".cold")),
                "{mode}: {said}"
            );
        }
    }
}

#[test]
fn what_only_pruned_functions_needed_goes_with_them() {
    for mode in MODES {
        let bench = Bench::new("needs", mode);
        let program = bench.load(&[(
            "main.c",
            r#"void say(const char *);
               static volatile char big[100000]; static const int primes[1000] = { 2, 3, 5 };
               volatile int at;
               void deepest(void) { big[at] = primes[at]; say("deepest\n"); }
               static void (*chain)(void) = deepest;
               void deeper(void) { chain(); }
               __attribute__((noinline)) void deep(void) { deeper(); }
               volatile int never;
               int run(void) { say("up\n"); if (never) deep(); return 0; }"#,
        )]);
        let before = prune(&program, &without(&program, &[]));
        assert_eq!(
            fate(&program, &before, "deepest"),
            [Fate::Reached],
            "{mode}: over data"
        );
        let after = prune(&program, &without(&program, &["deep"]));
        assert_eq!(fate(&program, &after, "deep"), [Fate::Trapped]);
        assert_eq!(fate(&program, &after, "deeper"), [Fate::Removed]);
        assert_eq!(fate(&program, &after, "deepest"), [Fate::Removed]);
        assert_eq!(after.report.kinds[".rodata"].after, 0, "{mode}");
        assert_eq!(before.report.kinds[".rodata"].after, 4000, "{mode}");
        assert!(before.report.kinds[".bss"].after - after.report.kinds[".bss"].after >= 100_000);
        assert_eq!(bench.execute(&after), ("up\n".into(), Some(0)), "{mode}");
    }
}

#[test]
fn functions_that_share_a_section_are_filled_in_place() {
    for mode in MODES {
        let bench = Bench::new("init", mode);
        let program = bench.load(&[(
            "main.c",
            r#"#define INIT __attribute__((section(".init.text"), noinline))
               void say(const char *);
               static const int needed_by_gone[500] = { 1 };
               static INIT void hidden(void) { say("hidden\n"); }
               static INIT void gone(void) { say("gone\n"); say((const char *)needed_by_gone); }
               INIT void outer(void) { say("outer\n"); hidden(); }
               volatile int never;
               INIT void other(void) { if (never) gone(); say("other\n"); }
               int run(void) { outer(); other(); if (never == 2) gone(); return 0; }"#,
        )]);
        let all = bench.execute(&prune(&program, &without(&program, &[])));
        assert_eq!(
            all,
            ("outer\nhidden\nother\n".into(), Some(0)),
            "{mode}: a call without a relocation counts"
        );
        let pruned = prune(&program, &without(&program, &["gone"]));
        assert_eq!(bench.execute(&pruned), all, "{mode}");
        assert!(pruned.traps.iter().any(|t| t.in_place), "{mode}");
        assert_eq!(
            pruned.report.kinds[".rodata"].after, 0,
            "{mode}: its data went"
        );
        let (said, status) = bench.execute(&prune(&program, &without(&program, &["hidden"])));
        assert!(said.starts_with("outer\ntrap "), "{mode}: {said}");
        assert_eq!(
            (status, bench.trap_of(&said).as_deref()),
            (Some(99), Some("hidden")),
            "{mode}"
        );
    }
}

#[test]
fn references_can_be_sent_elsewhere_and_weak_definitions_lose() {
    for mode in MODES {
        let bench = Bench::new("redirect", mode);
        let program = bench.load(&[
            ("weak.c", r#"void say(const char *); __attribute__((weak, noinline)) void choice(void) { say("weak\n"); }
                          void from_weak(void) { choice(); }"#),
            ("main.c", r#"void say(const char *); void from_weak(void); void choice(void) { say("strong\n"); }
                          __attribute__((noinline)) int call_one(void) { return 1; } __attribute__((noinline)) int none(void) { return 38; }
                          int (*const table[])(void) = { call_one, call_one };
                          volatile int at;
                          int run(void) { choice(); from_weak(); return table[at]() + call_one(); }"#),
        ]);
        let mut wish = without(&program, &["call_one"]);
        wish.redirects = vec![(program.named("call_one")[0], program.named("none")[0])];
        let pruned = prune(&program, &wish);
        assert_eq!(
            fate(&program, &pruned, "call_one"),
            [Fate::Removed],
            "{mode}"
        );
        let weak = program
            .named("choice")
            .into_iter()
            .map(|f| pruned.report.functions[f.0 as usize]);
        assert_eq!(
            weak.collect::<Vec<_>>(),
            [Fate::Removed, Fate::Reached],
            "{mode}"
        );
        let (said, status) = bench.execute(&pruned);
        assert_eq!(said, "strong\nstrong\n", "{mode}");
        assert!(matches!(status, Some(76 | 39)), "{mode}: {status:?}");
    }
}

#[test]
fn what_code_names_is_called_or_handed_over_and_data_is_neither() {
    for mode in MODES {
        let bench = Bench::new("graph", mode);
        let program = bench.load(&[(
            "main.c",
            r#"typedef void (*later_t)(void); later_t pending;
               __attribute__((noinline)) void callback(void) { pending = 0; }
               __attribute__((noinline)) void by_table(void) { pending = 0; }
               later_t const table[] = { by_table, by_table }; volatile int at;
               __attribute__((noinline)) void queue(later_t later) { pending = later; }
               __attribute__((noinline)) void old_call(void) { queue(callback); }
               __attribute__((noinline)) int new_call(void) { return 38; }
               int run(void) { table[at](); old_call(); return 0; }"#,
        )]);
        let graph = program.graph();
        let one = |name: &str| program.named(name)[0];
        assert_eq!(
            graph.handed_over(one("old_call")),
            [one("callback")],
            "{mode}"
        );
        let named = graph.named_closure([one("run")]);
        for (name, stays) in [("queue", true), ("callback", true), ("by_table", false)] {
            assert_eq!(named.contains(&one(name)), stays, "{mode}: {name}");
        }
        let closed = graph.redirected(&[one("old_call")].into(), one("new_call"));
        assert_eq!(
            closed.direct_callees(one("run")),
            [one("new_call")],
            "{mode}"
        );
        assert!(
            !closed
                .named_closure([one("run")])
                .contains(&one("callback"))
        );
    }
}

#[test]
fn a_loaded_section_of_an_unknown_kind_stops_and_is_named() {
    let bench = Bench::new("unknown", "-m64");
    let (name, bytes) = bench.compile(
        "odd.c",
        r#"int odd __attribute__((section("odd_table"))) = 3;"#,
    );
    let inputs = [Input {
        name: &name,
        bytes: &bytes,
        role: Role::Always,
    }];
    let stopped = Program::load(&inputs, "", &EntrySizes::default()).expect_err("unknown");
    assert_eq!(
        stopped,
        PruneError::Section {
            object: name.clone(),
            section: "odd_table".into()
        }
    );
    assert_eq!(
        stopped.to_string(),
        "odd.c.o: section odd_table is of no known kind"
    );
}

#[test]
fn a_table_whose_entries_have_no_known_size_stops_and_is_named() {
    let bench = Bench::new("table", "-m32");
    let (name, bytes) = bench.compile("ex.S", ".section __ex_table, \"a\"\n.long 1, 2, 3\n");
    let inputs = [Input {
        name: &name,
        bytes: &bytes,
        role: Role::Always,
    }];
    let stopped = Program::load(&inputs, "", &EntrySizes::default()).expect_err("unknown");
    let said = "ex.S.o: the size of struct exception_table_entry, the entry of section __ex_table, is not known";
    assert_eq!(stopped.to_string(), said);
}

/// A program of functions that call each other at random, by name, over
/// pointers and with strings, printing where they are.
fn random_program(calls: &[(u8, u8, u8)]) -> String {
    let count = calls.len();
    let mut text = String::from("void say(const char *);\n");
    let static_one = |i: usize| if i % 2 == 1 { "static " } else { "" };
    for i in 0..count {
        text += &format!("{}void f{i}(int depth);\n", static_one(i));
    }
    text += "static void (*const table[])(int) = {";
    (0..count).for_each(|i| text += &format!("f{i}, "));
    text += "};\nvolatile int zero;\n";
    for (i, (a, b, c)) in calls.iter().enumerate() {
        let (a, b) = (usize::from(*a) % count, usize::from(*b) % count);
        let last = match c % 3 {
            0 => format!("table[{b} + zero](depth - 1);"),
            1 => format!("f{b}(depth - 1);"),
            _ => String::new(),
        };
        text += &format!(
            "{}__attribute__((noinline)) void f{i}(int depth) {{ if (!depth) return; say(\"f{i}\\n\"); f{a}(depth - 1); {last} }}\n",
            static_one(i)
        );
    }
    text + "int run(void) { f0(4); say(\"end\\n\"); return 5; }"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_ran_is_enough_and_any_function_less_is_named(
        calls in proptest::collection::vec(any::<(u8, u8, u8)>(), 3..12),
        mode in prop::sample::select(&MODES[..]),
        victim in any::<usize>(),
    ) {
        let bench = Bench::new("random", mode);
        let program = bench.load(&[("main.c", &random_program(&calls))]);
        let whole = bench.execute(&prune(&program, &Wish { whole: true, ..Wish::default() }));
        prop_assert_eq!(whole.1, Some(5));
        let ran: Vec<String> = (0..calls.len()).map(|i| format!("f{i}")).filter(|f| whole.0.lines().any(|l| l == f)).collect();
        let idle: Vec<String> = (0..calls.len()).map(|i| format!("f{i}")).filter(|f| !ran.contains(f)).collect();
        let idle: Vec<&str> = idle.iter().map(String::as_str).filter(|f| !program.named(f).is_empty()).collect();
        let tight = bench.execute(&prune(&program, &without(&program, &idle)));
        // A function may return at once without a word.
        if tight.1 != Some(99) {
            prop_assert_eq!(&tight, &whole);
        }
        let victim = ran[victim % ran.len()].as_str();
        let (said, status) = bench.execute(&prune(&program, &without(&program, &[victim])));
        prop_assert_eq!(status, Some(99));
        let named = bench.trap_of(&said);
        prop_assert_eq!(named.as_deref(), Some(victim));
    }
}
