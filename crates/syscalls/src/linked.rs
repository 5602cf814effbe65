//! Programs and the libraries that they are linked with when they are loaded, taken
//! together: which system calls all of them can make.

use std::collections::{BTreeMap, HashSet};

use super::dynamic::Dynamic;
use super::flow::{Graph, NUMBERS_LIMIT, Values};
use super::reach::{Reach, Reached};
use super::step::{Code, Flow, Place};
use super::{Calls, Undetermined, x86};

/// Libraries whose functions pass a number on through a pointer to a function, and the
/// numbers that they pass: libcap's `struct syscaller_s`, of which users may only
/// change the functions (libcap/cap_proc.c).
const BY_POINTER: &[(&str, &[u32])] = &[("libcap.so.2", &[105, 106, 116, 126, 157, 161])];

/// The numbers with which all threads are told to become another user, by a structure in
/// memory (glibc's nptl/nptl_setxid.c and its callers in sysdeps/unix/sysv/linux; musl's
/// src/unistd/setxid.c and its callers).
const BY_ALL_THREADS: &[u32] = &[105, 106, 113, 114, 116, 117, 119];

/// Where in that structure the number and three arguments stand: glibc's `struct
/// xid_command`, musl's `struct ctx`.
const ALL_THREADS: [[u64; 4]; 2] = [[0, 8, 16, 24], [12, 0, 4, 8]];

/// What musl's calls that can be cancelled begin with (src/thread/x86_64/syscall_cp.s):
/// `mov (%rdi),%eax; test %eax,%eax`. Its address is taken to be compared alone.
const CANCELLED: [u8; 4] = [0x8b, 0x07, 0x85, 0xc0];

/// The register of a function's first argument, `rdi`.
const FIRST: Place = Place::Register(7);

/// Whether a file is a program or a library that is linked when it is loaded, and can
/// be read by [`linked_calls`].
pub fn is_linked(file: &[u8]) -> bool {
    super::dynamic::is_dynamic(file)
}

/// The system calls of programs and libraries, by their paths: all that can be executed
/// when any of the programs is. A library that none of them needs may be loaded by its
/// name, and then each of its functions called.
///
/// Taken for granted, besides what [`calls`](super::calls) takes: names that functions are
/// looked up by stand as texts in some of the files.
pub fn linked_calls(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Calls> {
    let mut all = BTreeMap::new();
    let (mut paths, mut read) = (Vec::new(), Vec::new());
    for (path, bytes) in files {
        match Dynamic::parse(bytes) {
            Ok(file) => {
                paths.push(path.as_str());
                read.push(file);
            }
            Err(why) => {
                let lost = Undetermined {
                    at: 0,
                    function: None,
                    why,
                };
                let calls = Calls {
                    undetermined: vec![lost],
                    ..Calls::default()
                };
                all.insert(path.clone(), calls);
            }
        }
    }
    let needed: HashSet<&str> = read
        .iter()
        .flat_map(|file| file.needed.iter().map(String::as_str))
        .collect();
    let unasked = paths.iter().zip(&read).enumerate().filter(|(_, it)| {
        let (path, file) = it;
        let names = [path.rsplit('/').next(), file.soname.as_deref()];
        let mut names = names.into_iter().flatten();
        !file.program && !names.any(|name| needed.contains(name))
    });
    let unasked: HashSet<usize> = unasked.map(|(number, _)| number).collect();
    let reach = Reach::of(&read, &unasked);
    let found = reach.reached.into_iter().zip(&read);
    for (path, (reached, file)) in paths.iter().zip(found) {
        all.insert((*path).to_owned(), of_file(file, reached));
    }
    all
}

fn of_file(file: &Dynamic, reached: Reached) -> Calls {
    let mut calls = Calls::default();
    let mut lose = |at: u64, why: String| {
        let function = name(file, at);
        calls.undetermined.push(Undetermined { at, function, why });
    };
    if let Some(at) = file.unwinding.unread {
        lose(at, "its table of exceptions isn't understood".to_owned());
    }
    for at in &reached.any_taken {
        lose(*at, "the address of syscall() is taken".to_owned());
    }
    let places = reached.any_call;
    let mut taken = reached.taken;
    if is_c_library(file) {
        let word = u64::from(u32::from_le_bytes(CANCELLED));
        taken.retain(|at| file.image.word(*at, 4) != Some(word));
    }
    let steps: Vec<_> = reached.steps.into_values().collect();
    let graph = Graph::of_steps(&file.image, steps, taken);
    let sites: Vec<u64> = graph.sites().collect();
    let sites = sites.into_iter().map(|at| (at, graph.numbers(at)));
    let places = places
        .into_iter()
        .map(|at| (at, graph.values_at(at, FIRST)));
    for (at, mut values) in sites.chain(places) {
        calls.sites += 1;
        if !values.unknown.is_empty() {
            values = known_of(file, &graph, at).unwrap_or(values);
        }
        let known = values.known.iter().filter(|n| **n < NUMBERS_LIMIT);
        calls.numbers.extend(known.map(|number| *number as u32));
        if values.unknown.is_empty() {
            continue;
        }
        let lost = values.unknown.iter().take(3);
        let lost = lost.map(|(at, why)| format!("{why}: {at:#x}"));
        calls.undetermined.push(Undetermined {
            at,
            function: name(file, at),
            why: lost.collect::<Vec<_>>().join("; "),
        });
    }
    calls
}

/// What is known of libraries that pass numbers through memory.
fn known_of(file: &Dynamic, graph: &Graph<'_>, at: u64) -> Option<Values> {
    let by_pointer = BY_POINTER
        .iter()
        .find(|(name, _)| file.soname.as_deref() == Some(name));
    let numbers = match by_pointer {
        Some((_, numbers)) => *numbers,
        None if is_c_library(file) && tells_all_threads(graph, at) => BY_ALL_THREADS,
        None => return None,
    };
    Some(Values {
        known: numbers.iter().map(|number| u64::from(*number)).collect(),
        ..Values::default()
    })
}

/// Whether a C library is in a file: it is one, or a program that is linked with one
/// before it is loaded.
fn is_c_library(file: &Dynamic) -> bool {
    let has = |wanted: &str| file.exports.iter().any(|(name, _)| name == wanted);
    let alone = !file.program && file.needed.is_empty() && file.soname.is_none();
    alone || (has("setresuid") && has("__libc_start_main"))
}

/// Whether a system call has its number and its three arguments from one structure.
fn tells_all_threads(graph: &Graph<'_>, site: u64) -> bool {
    let before = graph.before_site(site, 8);
    let loaded = |register: u8| {
        before
            .iter()
            .find_map(|step| match (&step.flow, &step.code) {
                (Flow::Next, Code::X86(code)) => x86::loaded_from(code, register),
                _ => None,
            })
    };
    // The registers of the number and of the arguments: rax, rdi, rsi, rdx.
    let from = [0, 7, 6, 2].map(loaded);
    ALL_THREADS
        .iter()
        .any(|places| *places == from.map(|at| at.unwrap_or(u64::MAX)))
}

/// The function that an address belongs to: by its symbols, or the last before it that
/// others can call.
fn name(file: &Dynamic, at: u64) -> Option<String> {
    if let Some(name) = file.image.function(at) {
        return Some(name.to_owned());
    }
    let before = file.exports.iter().filter(|(_, begin)| *begin <= at);
    let (name, _) = before.max_by_key(|(_, begin)| *begin)?;
    Some(format!("{name} or behind it"))
}
