//! Which system calls programs can make at all, from their code: static needs.
//!
//! Every instruction that enters the kernel is found (`int $0x80`, `syscall`,
//! calls through the vDSO's pointer, `svc`), and the number that it enters with
//! is followed backwards: over instructions and jumps, and over calls of the
//! function when it is an argument. What is loaded from memory, given back by
//! a function or made in a function that pointers lead to isn't followed: then
//! any number is possible, and the place is told.
//!
//! Taken for granted: programs keep to their calling convention, nobody writes
//! to another function's slots on the stack, and code is where the file says
//! that code is. Pure: bytes in, numbers out.

mod aarch64;
mod arm;
mod dynamic;
mod flow;
mod image;
mod linked;
mod reach;
mod step;
#[cfg(test)]
mod tests;
mod unwind;
mod x86;

use std::collections::BTreeSet;

use flow::{Graph, NUMBERS_LIMIT, Values};
pub use image::{Image, Machine};
pub use linked::{is_linked, linked_calls};

/// The system calls of one program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// How many instructions enter the kernel.
    pub sites: usize,
    /// The numbers that they can have.
    pub numbers: BTreeSet<u32>,
    /// Where a number can't be determined: then there is no telling.
    pub undetermined: Vec<Undetermined>,
}

/// An instruction that enters the kernel with a number that isn't known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undetermined {
    /// Its address.
    pub at: u64,
    /// The function that it is in, where the program has symbols.
    pub function: Option<String>,
    /// Where the number is lost, and why.
    pub why: String,
}

/// Functions of C libraries that get the number from another function's first
/// argument by a structure in memory: musl's src/unistd/setxid.c.
const BY_MEMORY: &[(&str, &str)] = &[("do_setxid", "__setxid")];

/// The system calls of a program.
pub fn calls(image: &Image) -> Calls {
    let graph = Graph::of(image);
    let mut calls = Calls::default();
    if let Some(why) = &graph.unread {
        calls.undetermined.push(Undetermined {
            at: image.entry,
            function: None,
            why: why.clone(),
        });
    }
    for site in graph.sites() {
        calls.sites += 1;
        let mut values = graph.numbers(site);
        if !values.unknown.is_empty() {
            values = by_memory(image, &graph, site).unwrap_or(values);
        }
        let possible = values
            .known
            .iter()
            .filter(|number| **number < NUMBERS_LIMIT);
        calls.numbers.extend(possible.map(|number| *number as u32));
        let lost = values.unknown.iter().map(|(at, why)| {
            let function = image
                .function(*at)
                .map_or(String::new(), |f| format!(" ({f})"));
            format!("{why}: {at:#x}{function}")
        });
        let lost: Vec<String> = lost.take(3).collect();
        if !lost.is_empty() {
            calls.undetermined.push(Undetermined {
                at: site,
                function: image.function(site).map(str::to_owned),
                why: lost.join("; "),
            });
        }
    }
    calls
}

fn by_memory(image: &Image, graph: &Graph<'_>, site: u64) -> Option<Values> {
    let function = image.function(site)?;
    let (_, source) = BY_MEMORY.iter().find(|(name, _)| *name == function)?;
    Some(graph.first_arguments(image.address_of(source)?))
}
