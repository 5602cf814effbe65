//! What differs between machines in the ELF of their kernels: relocations,
//! where their addends stand, and the code of a trap.
//!
//! One row for each machine, in [`MACHINES`]; nothing elsewhere in the crate
//! asks which machine it is.

mod aarch64;
mod arm;
mod facts;
mod x86;

pub use facts::{Field, MachineFacts, TrapCode};

use crate::relocatable::{ObjectSection, Relocation, Target};

/// The rows.
pub const MACHINES: &[MachineFacts] = &[x86::I386, x86::X86_64, arm::ARM, aarch64::AARCH64];

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
        Field::Mark | Field::Opaque | Field::Instruction => 0,
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
        Field::Opaque | Field::Instruction => return None,
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
