//! What differs between machines in the ELF of their kernels: relocations,
//! where their addends stand, and the code of a trap.
//!
//! One row for each machine, in [`MACHINES`]; nothing elsewhere in the crate
//! asks which machine it is.

mod arm;
mod x86;

use object::elf;

use crate::relocatable::{ObjectSection, Relocation, Target};

/// The row of one machine.
#[derive(Debug)]
pub struct MachineFacts {
    /// Its name, as QEMU calls it.
    pub name: &'static str,
    /// `e_machine`.
    pub machine: elf::Machine,
    /// Whether its files are ELF64.
    pub is_64: bool,
    /// What a relocation of this number does; `None` when pruning doesn't
    /// know it.
    pub field: fn(elf::RelocationType) -> Option<Field>,
    /// Whether the relocation at this place of code is a branch: a call or a
    /// jump, rather than an address that is taken.
    pub is_branch: fn(&[u8], &Relocation) -> bool,
    /// Whether such a branch is a call that comes back behind itself, whatever
    /// the processor's flags are: the address it comes back to says which call
    /// it was.
    pub is_call: fn(&[u8], &Relocation) -> bool,
    /// What a branch counts from, seen from the place of its relocation: the
    /// addend of a branch to the beginning of a function.
    pub branch_addend: i64,
    /// Branches that the assembler has resolved, as pairs of offsets: from
    /// and to. All there are and perhaps some that are none.
    pub resolved_branches: fn(&[u8]) -> Vec<(u64, u64)>,
    /// The names by which code reads what is ordered with it (unwind tables):
    /// the linker script's bounds of them. Nobody else refers to the entries.
    pub linked_bounds: &'static [&'static str],
    /// A trap.
    pub trap: TrapCode,
}

/// The code of a trap.
#[derive(Debug)]
pub struct TrapCode {
    /// What keeps the caller's address and calls the handler.
    pub code: &'static [u8],
    /// Where the call begins: what comes before can be left out where room
    /// is short.
    pub call: u64,
    /// Where the call's relocation stands.
    pub relocation: u64,
    /// The relocation's number.
    pub kind: elf::RelocationType,
    /// One instruction that does nothing, whatever byte of a run of them
    /// is jumped to.
    pub nothing: &'static [u8],
    /// What the beginning of a function is a multiple of.
    pub align: u64,
}

/// What a relocation does with the bytes at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Nothing: it says that the symbol is needed, or marks an instruction.
    Mark,
    /// The address, in so many bytes.
    Address(usize),
    /// The distance from the place, in so many bytes.
    Distance(usize),
    /// The distance of an ARM branch: 24 bits, in words.
    ArmBranch,
    /// The distance in the low 31 bits of a word.
    Distance31,
    /// 16 bits of the address in an ARM `movw` or `movt`.
    ArmHalf,
    /// A part of the distance, in a form that isn't read: the reference counts
    /// as one to the very symbol, and its addend can't be changed.
    Opaque,
}

/// The rows.
pub const MACHINES: &[MachineFacts] = &[x86::I386, x86::X86_64, arm::ARM];

/// The row of a file's machine.
pub fn machine(target: &Target) -> Option<&'static MachineFacts> {
    let little = |m: &&MachineFacts| {
        m.machine == target.machine && m.is_64 == target.is_64 && !target.big_endian
    };
    MACHINES.iter().find(little)
}

/// The addend of a relocation, wherever it stands. `None` when its place lies
/// outside of the section's bytes.
pub fn addend(
    target: &Target,
    field: Field,
    section: &ObjectSection,
    at: &Relocation,
) -> Option<i64> {
    if section.explicit_addends || field == Field::Mark {
        return Some(at.addend);
    }
    let from = usize::try_from(at.offset).ok()?;
    let number = |width: usize| {
        let bytes = section.data.get(from..from.checked_add(width)?)?;
        Some(target.number(bytes))
    };
    let signed = |number: u64, bits: u32| ((number << (64 - bits)) as i64) >> (64 - bits);
    Some(match field {
        Field::Mark | Field::Opaque => 0,
        Field::Address(width) | Field::Distance(width) => signed(number(width)?, 8 * width as u32),
        Field::ArmBranch => signed(number(4)? & 0x00ff_ffff, 24) * 4,
        Field::Distance31 => signed(number(4)?, 31),
        Field::ArmHalf => {
            let word = number(4)?;
            signed(((word >> 4) & 0xf000) | (word & 0xfff), 16)
        }
    })
}

/// Writes another addend. `None` when it doesn't fit, or when the place lies
/// outside of the section's bytes.
pub fn set_addend(
    target: &Target,
    field: Field,
    section: &mut ObjectSection,
    at: &mut Relocation,
    addend: i64,
) -> Option<()> {
    if section.explicit_addends {
        at.addend = addend;
        return Some(());
    }
    let width = match field {
        Field::Mark => return Some(()),
        Field::Opaque => return None,
        Field::Address(width) | Field::Distance(width) => width,
        Field::ArmBranch | Field::Distance31 | Field::ArmHalf => 4,
    };
    let from = usize::try_from(at.offset).ok()?;
    let place = section.data.get_mut(from..from.checked_add(width)?)?;
    let old = target.number(place);
    let fits = |bits: u32| (addend << (64 - bits)) >> (64 - bits) == addend;
    let new = match field {
        Field::ArmBranch => {
            (fits(26) && addend % 4 == 0).then_some(())?;
            (old & 0xff00_0000) | ((addend >> 2) as u64 & 0x00ff_ffff)
        }
        Field::Distance31 => {
            fits(31).then_some(())?;
            (old & 0x8000_0000) | (addend as u64 & 0x7fff_ffff)
        }
        Field::ArmHalf => {
            fits(16).then_some(())?;
            let half = addend as u64 & 0xffff;
            (old & 0xfff0_f000) | ((half & 0xf000) << 4) | (half & 0xfff)
        }
        _ => addend as u64,
    };
    let mut bytes = Vec::with_capacity(width);
    target.put(&mut bytes, new, width);
    place.copy_from_slice(&bytes);
    Some(())
}
