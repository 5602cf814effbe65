//! Programs that are compiled, pruned, linked and run.

#![allow(
    clippy::disallowed_methods,
    reason = "tests run the compiler and what it makes"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use vmlinux::prune::{
    EntrySizes, Fate, FunctionIndex, Input, Parts, Program, Pruned, Role, Verdict, Wish, find_trap,
    function_addresses, verify,
};

/// What every program stands on: a way in, and a way out.
const RUNTIME: &str = r#"
#ifdef __i386__
static long call(long n, long a, long b, long c)
{ long r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(n), "b"(a), "c"(b), "d"(c) : "memory"); return r; }
#define WRITE 4
#define EXIT 1
#elif defined(__aarch64__)
static long call(long n, long a, long b, long c)
{ register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory"); return x0; }
#define WRITE 64
#define EXIT 93
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
#ifndef __aarch64__
__attribute__((force_align_arg_pointer))
#endif
void _start(void) { leave(run()); }
#ifdef __aarch64__
#define TRAP_BYTES 8
#else
#define TRAP_BYTES 5
#endif
"#;

/// What the handler calls: it says the trap's address on the standard output.
const TRAPPED: &str = r#"
void trapped(unsigned long behind) { say("trap "); say_number(behind - TRAP_BYTES); leave(99); }
"#;

/// The handler: the word on top of the stack is the address behind the call, or x30
/// has it.
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
#elif defined(__aarch64__)
	mov x0, x30
	b trapped
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

/// A folder in which programs are compiled, pruned and run.
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    mode: &'static str,
}

/// What a mode is made with, and runs by.
struct Tools {
    prefix: &'static str,
    cflags: &'static [&'static str],
    emulation: &'static str,
    /// What comes before the program.
    runs: &'static str,
}

const I386: Tools = Tools {
    prefix: "",
    cflags: &["-m32", "-fcf-protection=none"],
    emulation: "elf_i386",
    runs: "",
};

const X86_64: Tools = Tools {
    prefix: "",
    cflags: &["-m64", "-fcf-protection=none"],
    emulation: "elf_x86_64",
    runs: "",
};

const AARCH64: Tools = Tools {
    prefix: "aarch64-linux-gnu-",
    cflags: &["-mno-outline-atomics", "-fno-unwind-tables"],
    emulation: "aarch64linux",
    runs: "qemu-aarch64 ",
};

impl Bench {
    pub(crate) fn new(name: &str, mode: &'static str) -> Bench {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let folder = root.join(format!("prune-{name}{mode}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the programs");
        Bench { folder, mode }
    }

    fn tools(&self) -> &'static Tools {
        match self.mode {
            "-m32" => &I386,
            "-m64" => &X86_64,
            _ => &AARCH64,
        }
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
    pub(crate) fn compile(&self, name: &str, text: &str) -> (String, Vec<u8>) {
        std::fs::write(self.folder.join(name), text).expect("written");
        let object = format!("{name}.o");
        let flags = "-O2 -ffreestanding -fno-pic -fno-pie -ffunction-sections -fdata-sections \
                     -fno-asynchronous-unwind-tables -fno-stack-protector \
                     -fno-builtin -fno-ipa-icf -w -c -o";
        let mut arguments: Vec<&str> = flags.split_whitespace().collect();
        arguments.extend([object.as_str(), name]);
        arguments.extend(self.tools().cflags);
        self.good(&format!("{}gcc", self.tools().prefix), &arguments);
        let bytes = std::fs::read(self.folder.join(&object)).expect("compiled");
        (object, bytes)
    }

    pub(crate) fn load(&self, texts: &[(&str, &str)]) -> Program {
        self.load_with(TRAPPED, texts)
    }

    /// With a text of its own for what the handler calls.
    pub(crate) fn load_with(&self, trapped: &str, texts: &[(&str, &str)]) -> Program {
        self.load_all(trapped, ("ENTRY(_start)", &EntrySizes::default()), texts)
    }

    /// With a linker script's text and the sizes of tables' entries.
    pub(crate) fn load_as(
        &self,
        script: &str,
        sizes: &EntrySizes,
        texts: &[(&str, &str)],
    ) -> Program {
        self.load_all(TRAPPED, (script, sizes), texts)
    }

    fn load_all(
        &self,
        trapped: &str,
        (script, sizes): (&str, &EntrySizes),
        texts: &[(&str, &str)],
    ) -> Program {
        let runtime = format!("{RUNTIME}{trapped}");
        let mut objects = vec![
            self.compile("runtime.c", &runtime),
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
        Program::load(&inputs, script, sizes).expect("they resolve")
    }

    /// Links what came out and runs it.
    pub(crate) fn execute(&self, pruned: &Pruned) -> (String, Option<i32>) {
        self.link(pruned);
        let command = format!("exec {}./program", self.tools().runs);
        let output = self.run("sh", &["-c", &command]);
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status.code(),
        )
    }

    /// Runs what was linked with a byte on its standard input.
    pub(crate) fn hears(&self, byte: u8) -> (String, Option<i32>) {
        std::fs::write(self.folder.join("input"), [byte]).expect("written");
        let command = format!("{}./program < input", self.tools().runs);
        let output = self.run("sh", &["-c", &command]);
        (
            String::from_utf8_lossy(&output.stdout).into_owned(),
            output.status.code(),
        )
    }

    /// What runs of each function of the program that was linked, with marks,
    /// when it hears a byte: one step after the other.
    pub(crate) fn trace(&self, byte: u8) -> Parts {
        std::fs::write(self.folder.join("input"), [byte]).expect("written");
        let steps = match self.mode {
            "aarch64" => self.translated(),
            _ => self.stepped(),
        };
        let lengths = self.instruction_lengths();
        let bytes = std::fs::read(self.folder.join("program")).expect("linked");
        let marked = function_addresses(&bytes).expect("an ELF file");
        let mut ran = Parts::new();
        for at in steps {
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

    /// The addresses that a program of this host's comes to.
    fn stepped(&self) -> Vec<u64> {
        self.compile_for_host("tracer", TRACER);
        let steps = self.run("sh", &["-c", "./tracer ./program < input"]);
        let steps = String::from_utf8_lossy(&steps.stderr).into_owned();
        let address = |line: &str| u64::from_str_radix(line, 16).expect("an address");
        steps.lines().map(address).collect()
    }

    /// The same of a program that QEMU translates, one instruction at a time.
    fn translated(&self) -> Vec<u64> {
        let command = format!(
            "{}-singlestep -d in_asm -D steps ./program < input",
            self.tools().runs
        );
        self.run("sh", &["-c", &command]);
        let steps = std::fs::read_to_string(self.folder.join("steps")).expect("a log");
        let address = |line: &str| {
            let (address, _) = line.strip_prefix("0x")?.split_once(':')?;
            u64::from_str_radix(address, 16).ok()
        };
        steps.lines().filter_map(address).collect()
    }

    fn compile_for_host(&self, name: &str, text: &str) {
        let source = format!("{name}.c");
        std::fs::write(self.folder.join(&source), text).expect("written");
        self.good("gcc", &["-O1", "-o", name, &source]);
    }

    /// The instructions of the program, as another disassembler reads them.
    fn instruction_lengths(&self) -> BTreeMap<u64, u64> {
        let objdump = format!("{}objdump", self.tools().prefix);
        let listing = self.run(&objdump, &["-d", "-w", "program"]);
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        let line = |line: &str| {
            let (address, rest) = line.trim_start().split_once(":\t")?;
            // By bytes, or as one word.
            let digits = rest.split('\t').next()?.split_ascii_whitespace();
            let bytes: usize = digits.map(|digits| digits.len() / 2).sum();
            Some((u64::from_str_radix(address, 16).ok()?, bytes as u64))
        };
        listing.lines().filter_map(line).collect()
    }

    /// Links what came out.
    pub(crate) fn link(&self, pruned: &Pruned) {
        std::fs::write(self.folder.join("all.a"), pruned.archive()).expect("written");
        let link = [
            "-m",
            self.tools().emulation,
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
        self.good(&format!("{}ld", self.tools().prefix), &link);
    }

    /// The symbol of the function whose trap was run into, from what the
    /// handler said.
    pub(crate) fn trap_of(&self, said: &str) -> Option<String> {
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

pub(crate) fn prune(program: &Program, wish: &Wish) -> Pruned {
    let pruned = program.prune(wish).expect("prunes");
    verify::check(program, &pruned).expect("another reader finds it right");
    pruned
}

/// All functions of this name trap; whatever else is reached stays.
pub(crate) fn without(program: &Program, names: &[&str]) -> Wish {
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

pub(crate) fn fate(program: &Program, pruned: &Pruned, name: &str) -> Vec<Fate> {
    program
        .named(name)
        .iter()
        .map(|FunctionIndex(f)| pruned.report.functions[*f as usize])
        .collect()
}

/// What the programs of this file are for: this host, and what QEMU runs on it.
pub(crate) const MODES: [&str; 3] = ["-m32", "-m64", "aarch64"];

/// Those that x86's assembler is for.
pub(crate) const X86: [&str; 2] = ["-m32", "-m64"];
