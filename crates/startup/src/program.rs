//! What execve(2) makes of a file, and why it would refuse it: the kernel's
//! fs/exec.c, fs/binfmt_script.c and fs/binfmt_elf.c, by the file's first bytes
//! and by what else is in the ramdisk.

use crate::content::is_text;
use crate::elf::Elf;
use crate::files::{Files, Node, NodeKind};

pub use crate::content::Program;

/// A script's interpreter may be a script so many times (fs/exec.c).
const DEPTH: usize = 5;

const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const EACCES: i32 = 13;

/// What is known of the kernel that is to start programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// An ELF file of its own kind.
    pub machine: Option<Elf>,
    /// Whether it runs scripts (`CONFIG_BINFMT_SCRIPT`); `None` when unknown.
    pub scripts: Option<bool>,
    /// Whether it runs ELF programs (`CONFIG_BINFMT_ELF`); `None` when unknown.
    pub elf: Option<bool>,
}

/// Why the kernel does not start a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It isn't there.
    Missing,
    /// It is a link to something that isn't there, or to itself.
    Dangling(String),
    /// It is a folder.
    Folder,
    /// It is a device or a pipe.
    NoFile,
    /// It has no permission to be executed; the mode that it has.
    Mode(u32),
    /// It is empty.
    Empty,
    /// It is neither a program nor a script; its first bytes.
    NoProgram(Box<[u8]>),
    /// It begins with `#!` and names no interpreter.
    NoInterpreter,
    /// It is a script, and the interpreter that it names isn't there.
    Interpreter(String),
    /// The same, because its first line ends with a carriage return.
    DosLine(String),
    /// It is a script, and the interpreter that it names is refused itself.
    InterpreterRefused(String, Box<Refusal>),
    /// It is a script, and the kernel runs none.
    NoScripts,
    /// It is linked dynamically, and the loader that it names isn't there.
    Loader(String),
    /// It is a program for another machine.
    Machine(Elf),
    /// It is a program, and the kernel runs none.
    NoElf,
}

impl Refusal {
    /// The errno that execve(2) gives.
    pub fn errno(&self) -> i32 {
        match self {
            Refusal::Missing
            | Refusal::Dangling(_)
            | Refusal::Interpreter(_)
            | Refusal::DosLine(_)
            | Refusal::Loader(_) => ENOENT,
            Refusal::Folder | Refusal::NoFile | Refusal::Mode(_) => EACCES,
            Refusal::Empty
            | Refusal::NoProgram(_)
            | Refusal::NoInterpreter
            | Refusal::NoScripts
            | Refusal::Machine(_)
            | Refusal::NoElf => ENOEXEC,
            Refusal::InterpreterRefused(_, why) => why.errno(),
        }
    }

    /// What is wrong with the file, as the rest of a sentence that begins with
    /// its path.
    pub fn words(&self) -> String {
        match self {
            Refusal::Missing => "isn't in the ramdisk".to_owned(),
            Refusal::Dangling(to) => format!("is a link to {to}, which isn't there"),
            Refusal::Folder => "is a folder".to_owned(),
            Refusal::NoFile => "is no file".to_owned(),
            Refusal::Mode(mode) => format!("has the mode {mode:04o}: it may not be executed"),
            Refusal::Empty => "is no program: it is empty".to_owned(),
            Refusal::NoProgram(head) => {
                format!("is no program: its first bytes are {}", first_bytes(head))
            }
            Refusal::NoInterpreter => "begins with #! and names no interpreter".to_owned(),
            Refusal::Interpreter(name) => {
                format!("is a script for {name}, which isn't in the ramdisk")
            }
            Refusal::DosLine(_) => "has the line ends of DOS".to_owned(),
            Refusal::InterpreterRefused(name, why) => {
                format!("is a script for {name}, and {name} {}", why.words())
            }
            Refusal::NoScripts => "is a script, and the kernel can't run scripts".to_owned(),
            Refusal::Loader(name) => {
                format!("is linked dynamically, and its loader {name} isn't in the ramdisk")
            }
            Refusal::Machine(elf) => format!("is a program for {}", elf.machine_name()),
            Refusal::NoElf => "is a program, and the kernel can't run programs".to_owned(),
        }
    }

    /// What mends it.
    pub fn mend(&self) -> String {
        match self {
            Refusal::Missing | Refusal::Dangling(_) => "put it into the ramdisk".to_owned(),
            Refusal::Folder | Refusal::NoFile => "put a program or a script there".to_owned(),
            Refusal::Mode(_) => {
                "give it mode = \"0755\", or chmod +x the file in your folder".into()
            }
            Refusal::Empty | Refusal::NoInterpreter => {
                "let it begin with #!/bin/sh, or put a program there".to_owned()
            }
            Refusal::NoProgram(head) if misplaced_hash_bang(head) => {
                "let it begin with #!/bin/sh: nothing may stand before #!".to_owned()
            }
            Refusal::NoProgram(head) if is_text(head) => "let it begin with #!/bin/sh".to_owned(),
            Refusal::NoProgram(_) => "put a program or a script there".to_owned(),
            Refusal::Interpreter(name) => {
                format!("put {name} into the ramdisk, or name one that is there, such as #!/bin/sh")
            }
            Refusal::DosLine(_) => "convert it, for instance by sed -i 's/\\r$//'".to_owned(),
            Refusal::InterpreterRefused(_, why) => why.mend(),
            Refusal::NoScripts => "ask for CONFIG_BINFMT_SCRIPT=y in [kernel]".to_owned(),
            Refusal::Loader(_) => "link it statically (-static), or put the loader and the \
                                   libraries into the ramdisk"
                .to_owned(),
            Refusal::Machine(_) => "compile it for the board's architecture".to_owned(),
            Refusal::NoElf => "ask for CONFIG_BINFMT_ELF=y in [kernel]".to_owned(),
        }
    }
}

/// The interpreter that the line behind `#!` names, a carriage return included
/// (`load_script()`: blanks are spaces and tabs, nothing else).
pub fn interpreter(line: &str) -> Option<&str> {
    let line = line.trim_matches([' ', '\t']);
    line.split([' ', '\t', '\0'])
        .next()
        .filter(|word| !word.is_empty())
}

/// Why the kernel would not start the program at a path; `None` when nothing
/// speaks against it.
pub fn refusal(files: &Files, path: &str, abilities: &Abilities) -> Option<Refusal> {
    refusal_within(files, path, abilities, DEPTH)
}

fn refusal_within(
    files: &Files,
    path: &str,
    abilities: &Abilities,
    depth: usize,
) -> Option<Refusal> {
    let Some(node) = files.find(path) else {
        return Some(match files.node(path).map(|node| &node.kind) {
            Some(NodeKind::Link(to)) => Refusal::Dangling(to.clone()),
            _ => Refusal::Missing,
        });
    };
    match &node.kind {
        NodeKind::Directory => Some(Refusal::Folder),
        NodeKind::Device | NodeKind::Other | NodeKind::Link(_) => Some(Refusal::NoFile),
        NodeKind::File { .. } if node.mode & 0o111 == 0 => Some(Refusal::Mode(node.mode)),
        NodeKind::File { program, .. } => match program {
            Program::Empty => Some(Refusal::Empty),
            Program::Text(head) => Some(Refusal::NoProgram(head.clone())),
            Program::Script(line) => script(files, line, abilities, depth),
            Program::Elf(elf) => elf_refusal(files, elf, abilities),
            Program::Other(_) | Program::Unknown => None,
        },
    }
}

fn script(files: &Files, line: &str, abilities: &Abilities, depth: usize) -> Option<Refusal> {
    if abilities.scripts == Some(false) {
        return Some(Refusal::NoScripts);
    }
    let Some(name) = interpreter(line) else {
        return Some(Refusal::NoInterpreter);
    };
    if files.find(name).is_none() {
        let dos = name.ends_with('\r') && files.find(name.trim_end_matches('\r')).is_some();
        return Some(if dos {
            Refusal::DosLine(line.to_owned())
        } else {
            Refusal::Interpreter(name.to_owned())
        });
    }
    if depth == 0 {
        return None; // ELOOP or not: kernels differ in the number
    }
    let why = refusal_within(files, name, abilities, depth - 1)?;
    Some(Refusal::InterpreterRefused(name.to_owned(), Box::new(why)))
}

fn elf_refusal(files: &Files, elf: &Elf, abilities: &Abilities) -> Option<Refusal> {
    if abilities.elf == Some(false) {
        return Some(Refusal::NoElf);
    }
    if let Some(machine) = &abilities.machine
        && !elf.may_run_on(machine)
    {
        return Some(Refusal::Machine(elf.clone()));
    }
    let loader = elf.loader.as_ref()?;
    files
        .find(loader)
        .is_none()
        .then(|| Refusal::Loader(loader.clone()))
}

/// The first bytes of a file that is no program, as evidence.
pub fn first_bytes(head: &[u8]) -> String {
    let hex = |bytes: &[u8]| {
        let all: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
        all.join(" ")
    };
    if head.starts_with(b"\xef\xbb\xbf") {
        return "EF BB BF, a byte order mark".to_owned();
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return format!("{}, a byte order mark of UTF-16", hex(&head[..2]));
    }
    let blank = head.iter().take_while(|b| b.is_ascii_whitespace()).count();
    if blank > 0 {
        let what = if head[blank..].starts_with(b"#!") {
            "blanks before #!"
        } else {
            "blanks"
        };
        return format!("{}, {what}", hex(&head[..blank.min(4)]));
    }
    let word = head.split(u8::is_ascii_whitespace).next().unwrap_or(head);
    let printable = !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
    if printable {
        let word = &word[..word.len().min(16)];
        return format!("`{}`", String::from_utf8_lossy(word));
    }
    hex(&head[..head.len().min(4)])
}

/// Whether `#!` is there, and something stands before it.
fn misplaced_hash_bang(head: &[u8]) -> bool {
    let line = head.iter().position(|b| !b.is_ascii_whitespace());
    let rest = &head[line.unwrap_or(0)..];
    let rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
    rest.starts_with(b"#!")
}

impl Node {
    /// A file's content as a program.
    pub fn program(&self) -> Option<&Program> {
        match &self.kind {
            NodeKind::File { program, .. } => Some(program),
            _ => None,
        }
    }
}
