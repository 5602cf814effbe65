//! What a linked kernel says of its functions and traps: its symbol table read
//! for the names that pruning gives.

use object::{Object, ObjectSymbol};

use super::function::FunctionIndex;

/// A file that is no linked kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable ELF file: {0}")]
pub struct NotElf(String);

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

fn parse(vmlinux: &[u8]) -> Result<object::File<'_>, NotElf> {
    object::File::parse(vmlinux).map_err(|error| NotElf(error.to_string()))
}

/// Where the functions stand in a kernel that was linked with
/// [`super::Wish::marks`], sorted by address.
pub fn function_addresses(vmlinux: &[u8]) -> Result<Vec<FunctionAddress>, NotElf> {
    let file = parse(vmlinux)?;
    let mark = |symbol: object::Symbol| {
        let index = symbol
            .name()
            .ok()?
            .strip_prefix("tuxling_fn.")?
            .parse()
            .ok()?;
        Some(FunctionAddress {
            address: symbol.address(),
            bytes: symbol.size(),
            function: FunctionIndex(index),
        })
    };
    let mut found: Vec<FunctionAddress> = file.symbols().filter_map(mark).collect();
    found.sort_unstable();
    Ok(found)
}

/// The trap that an address lies in: that of [`super::TRAP_RECORD`], or that
/// of a program counter. An address from before paging has to be made a
/// virtual one first.
pub fn find_trap(vmlinux: &[u8], address: u64) -> Result<Option<NamedTrap>, NotElf> {
    let file = parse(vmlinux)?;
    let trap = |symbol: object::Symbol| {
        let end = symbol.address().checked_add(symbol.size())?;
        if !(symbol.address()..end).contains(&address) {
            return None;
        }
        let rest = symbol.name().ok()?.strip_prefix("tuxling_trap.")?;
        let (index, symbol) = rest.split_once('.')?;
        Some(NamedTrap {
            index: index.parse().ok()?,
            symbol: symbol.to_owned(),
        })
    };
    Ok(file.symbols().find_map(trap))
}
