//! What a linked kernel says of its functions and traps: its symbol table read
//! for the names that pruning gives.

use super::function::FunctionIndex;
use crate::elf::{ElfError, parse_with};

/// Where a function stands in a linked kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FunctionAddress {
    /// Its first byte.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
    /// The function.
    pub function: FunctionIndex,
}

/// A trap in a linked kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTrap {
    /// Its index in [`super::Pruned::traps`].
    pub index: u32,
    /// The symbol of the function that it stands for.
    pub symbol: String,
}

/// Where the functions stand in a kernel that was linked with
/// [`super::Wish::marks`], sorted by address.
///
/// # Errors
/// When the file is no readable ELF file.
pub fn function_addresses(vmlinux: &[u8]) -> Result<Vec<FunctionAddress>, ElfError> {
    let mut found = Vec::new();
    parse_with(vmlinux, |name, facts| {
        let index = name.strip_prefix("tuxling_fn.");
        if let Some(index) = index.and_then(|index| index.parse().ok()) {
            found.push(FunctionAddress {
                address: facts.address,
                bytes: facts.bytes,
                function: FunctionIndex(index),
            });
        }
    })?;
    found.sort_unstable();
    Ok(found)
}

/// The trap that an address lies in: that of [`super::TRAP_RECORD`], or that
/// of a program counter. An address from before paging has to be made a
/// virtual one first.
///
/// # Errors
/// When the file is no readable ELF file.
pub fn find_trap(vmlinux: &[u8], address: u64) -> Result<Option<NamedTrap>, ElfError> {
    let mut found = None;
    parse_with(vmlinux, |name, facts| {
        let into = address.checked_sub(facts.address);
        if found.is_none() && into.is_some_and(|into| into < facts.bytes) {
            found = named_trap(&name);
        }
    })?;
    Ok(found)
}

/// What the symbol of a trap says.
fn named_trap(symbol: &str) -> Option<NamedTrap> {
    let (index, symbol) = symbol.strip_prefix("tuxling_trap.")?.split_once('.')?;
    Some(NamedTrap {
        index: index.parse().ok()?,
        symbol: symbol.to_owned(),
    })
}
