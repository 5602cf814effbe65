//! The system calls that a user land can make, and what follows for the kernel:
//! the functions of all others are never called, and their places in the
//! kernel's table go to the function that answers ENOSYS.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use initramfs::{Content, EntryKind, Tree};
use recipe::Arch;
use recipe::arch::SystemCallTable;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use syscalls::{Image, Machine};
use vmlinux::prune::{FunctionIndex, Program};

use super::subject::CallGraph;
use crate::error::Result;

/// The function that answers calls that the kernel doesn't have, without its
/// prefix.
const NOT_THERE: &str = "sys_ni_syscall";

/// Which system calls a user land can make, as a certificate says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemCalls {
    /// Every program, by its path in the guest.
    pub programs: BTreeMap<String, ProgramCalls>,
    /// The calls that some program can make, or the kernel has it make.
    pub callable: Vec<String>,
    /// The functions that no program can call: their places in the kernel's
    /// table go to the one that answers ENOSYS.
    pub closed: Vec<String>,
    /// That one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_there: Option<String>,
    /// Why all calls are kept, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_kept: Option<String>,
}

/// The system calls of one program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramCalls {
    /// How many instructions enter the kernel.
    pub sites: u64,
    /// The numbers that they can have.
    pub numbers: BTreeSet<u32>,
    /// Instructions whose number can't be determined, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undetermined: Vec<String>,
}

/// A program of the guest's.
#[derive(Clone, Debug)]
pub(crate) struct GuestProgram {
    /// Its path in the guest.
    pub path: String,
    /// Its file.
    pub bytes: Vec<u8>,
    /// The same with its symbols, where there is one.
    pub unstripped: Option<Vec<u8>>,
}

/// All programs of a ramdisk's tree. Scripts make the calls of what runs them.
pub(crate) fn programs(tree: &Tree) -> Result<Vec<GuestProgram>> {
    let mut programs = Vec::new();
    for entry in tree.entries() {
        let EntryKind::File(content) = &entry.kind else {
            continue;
        };
        let bytes = match content {
            Content::Bytes(bytes) => bytes.to_vec(),
            Content::Path(path) => {
                std::fs::read(path).map_err(|e| host::Error::file("read", path, e))?
            }
        };
        if bytes.starts_with(b"\x7fELF") {
            programs.push(GuestProgram {
                path: format!("/{}", entry.path),
                bytes,
                unstripped: None,
            });
        }
    }
    Ok(programs)
}

/// What stands for the programs of a root file system that nobody has looked into.
const FOREIGN: &str = "/";

/// What the programs of a guest can call. Those of an image that exists already
/// (`foreign`) aren't read: then all calls are kept.
pub(crate) fn of_programs(
    arch: Arch,
    programs: &[GuestProgram],
    foreign: bool,
) -> BTreeMap<String, ProgramCalls> {
    let foreign = foreign.then(|| {
        let why = "an image that exists is not looked into".to_owned();
        let unknown = ProgramCalls {
            undetermined: vec![why],
            ..ProgramCalls::default()
        };
        (FOREIGN.to_owned(), unknown)
    });
    let linked = |program: &&GuestProgram| {
        arch.facts().programs == Machine::X86_64 && syscalls::is_linked(&program.bytes)
    };
    let (linked, alone): (Vec<_>, Vec<_>) = programs.iter().partition(linked);
    let calls = alone.into_iter().map(|program| {
        let calls = of_program(arch, program).unwrap_or_else(|why| ProgramCalls {
            undetermined: vec![why],
            ..ProgramCalls::default()
        });
        (program.path.clone(), calls)
    });
    let linked = linked.into_iter();
    let linked = linked.map(|program| (program.path.clone(), program.bytes.clone()));
    let linked = syscalls::linked_calls(&linked.collect());
    let linked = linked.into_iter().map(|(path, calls)| (path, told(calls)));
    calls.chain(linked).chain(foreign).collect()
}

fn of_program(arch: Arch, program: &GuestProgram) -> std::result::Result<ProgramCalls, String> {
    let mut image = Image::parse(&program.bytes)?;
    if image.machine != arch.facts().programs {
        return Err("it is a program for another machine".to_owned());
    }
    if let Some(unstripped) = &program.unstripped {
        image.name_from(&Image::parse(unstripped)?)?;
    }
    Ok(told(syscalls::calls(&image)))
}

/// As a certificate says it.
fn told(calls: syscalls::Calls) -> ProgramCalls {
    let undetermined = calls.undetermined.iter().map(|lost| {
        let function = lost
            .function
            .as_deref()
            .unwrap_or("a function without a name");
        format!("{:#x} in {function}: {}", lost.at, lost.why)
    });
    ProgramCalls {
        sites: calls.sites as u64,
        undetermined: undetermined.collect(),
        numbers: calls.numbers,
    }
}

/// One line of the kernel's list: a number, and the function behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: u32,
    name: String,
    function: String,
}

/// The kernel's list: number, ABI, name, function, and more that is of no
/// concern here (scripts/syscalltbl.sh).
fn lines(list: &str, table: &SystemCallTable) -> Vec<Line> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let number = words.next()?.parse().ok()?;
        let abi = words.next()?;
        let (name, function) = (words.next()?, words.next()?);
        table.abis.contains(&abi).then(|| Line {
            number,
            name: name.to_owned(),
            function: format!("{}{function}", table.prefix),
        })
    };
    list.lines().filter_map(parse).collect()
}

/// What a kernel makes of it.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The functions that programs can call.
    pub callable: BTreeSet<FunctionIndex>,
    /// The functions that none can.
    pub closed: BTreeSet<FunctionIndex>,
    /// What answers in their place.
    pub not_there: Option<FunctionIndex>,
}

impl Entries {
    /// Reads the kernel's list from its sources, and finds the functions. What
    /// is certain goes into the certificate: which calls there are, and why all
    /// are kept where they are.
    pub fn find(
        arch: Arch,
        linux: &Path,
        kernel: CallGraph<'_>,
        calls: &mut SystemCalls,
    ) -> Result<Entries> {
        let Some(table) = arch.facts().system_calls else {
            calls.all_kept = Some("this architecture's calls aren't known".to_owned());
            return Ok(Entries::default());
        };
        let path = linux.join(table.list);
        let list =
            std::fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?;
        let functions = by_name(kernel.program);
        let mut entries = Entries {
            not_there: functions
                .get(format!("{}{NOT_THERE}", table.prefix).as_str())
                .copied(),
            ..Entries::default()
        };
        let lost = calls
            .programs
            .iter()
            .find(|(_, calls)| !calls.undetermined.is_empty());
        calls.all_kept = lost.map(|(path, calls)| format!("{path}: {}", calls.undetermined[0]));
        let numbers: BTreeSet<u32> = calls
            .programs
            .values()
            .flat_map(|c| &c.numbers)
            .copied()
            .collect();
        let all = calls.all_kept.is_some() || entries.not_there.is_none();
        for line in lines(&list, &table) {
            let called = numbers.contains(&line.number) || table.by_kernel.contains(&line.number);
            let Some(function) = functions.get(line.function.as_str()) else {
                continue;
            };
            if all || called {
                entries.callable.insert(*function);
                calls.callable.push(line.name);
            } else {
                entries.closed.insert(*function);
            }
        }
        let (callable, not_there) = (&entries.callable, entries.not_there);
        let open = |f: &FunctionIndex| callable.contains(f) || Some(*f) == not_there;
        entries.closed.retain(|f| !open(f));
        let dispatcher = table
            .dispatcher
            .and_then(|name| functions.get(name).copied());
        entries.keep_what_others_call(kernel, dispatcher);
        Ok(entries)
    }

    /// Believes nothing when a call was seen that no program is said to make.
    pub fn compare(
        &mut self,
        ran: &BTreeSet<(&str, &str)>,
        program: &Program,
        calls: &mut SystemCalls,
    ) {
        let seen = self.closed.iter().find_map(|f| {
            let id = &program.functions().get(f.0 as usize)?.id;
            ran.contains(&(id.object.as_str(), id.symbol.as_str()))
                .then_some(&id.symbol)
        });
        if let Some(symbol) = seen {
            let why = format!("{symbol} ran, which no program is seen to call");
            calls.all_kept = Some(why);
            self.callable.append(&mut self.closed);
        }
    }

    /// A function that the kernel's own code calls stays open.
    fn keep_what_others_call(&mut self, kernel: CallGraph<'_>, dispatcher: Option<FunctionIndex>) {
        loop {
            let callers = (0..kernel.program.functions().len() as u32).map(FunctionIndex);
            let others = callers.filter(|f| Some(*f) != dispatcher && !self.closed.contains(f));
            let called: BTreeSet<FunctionIndex> = others
                .flat_map(|caller| kernel.graph.direct_callees(caller).iter().copied())
                .filter(|callee| self.closed.contains(callee))
                .collect();
            if called.is_empty() {
                return;
            }
            self.closed.retain(|f| !called.contains(f));
        }
    }
}

fn by_name(program: &Program) -> BTreeMap<&str, FunctionIndex> {
    let mut functions = BTreeMap::new();
    for (index, function) in program.functions().iter().enumerate() {
        let names = std::iter::once(&function.id.symbol).chain(&function.aliases);
        for name in names {
            functions
                .entry(name.as_str())
                .or_insert(FunctionIndex(index as u32));
        }
    }
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read_for_the_abis_that_programs_use() {
        let table = Arch::Arm.facts().system_calls.expect("it can be pruned");
        let list = "# <num>\t<abi>\n13\toabi\ttime\tsys_time32\n3 common read sys_read\n\
                    5\teabi\topen\tsys_open compat\n7 common gone\n";
        let lines = lines(list, &table);
        let found: Vec<(u32, &str)> = lines.iter().map(|l| (l.number, &*l.function)).collect();
        assert_eq!(found, [(3, "sys_read"), (5, "sys_open")]);
    }

    #[test]
    fn a_program_that_cant_be_read_leaves_every_number_possible() {
        let program = |bytes: &[u8]| GuestProgram {
            path: "/bin/odd".to_owned(),
            bytes: bytes.to_vec(),
            unstripped: None,
        };
        let own = std::fs::read(std::env::current_exe().expect("has a path")).expect("readable");
        for bytes in [&b"\x7fELF"[..], &own] {
            let calls = of_programs(Arch::Arm, &[program(bytes)], false);
            assert!(!calls["/bin/odd"].undetermined.is_empty());
        }
        let image = of_programs(Arch::Arm, &[], true);
        assert!(!image[FOREIGN].undetermined.is_empty());
    }
}
