//! i386 and x86_64: the System V ABI's processor supplements.

use object::elf;

use super::facts::{Field, MachineFacts, TrapCode};
use crate::relocatable::Relocation;

/// i386.
pub(super) const I386: MachineFacts = MachineFacts {
    name: "i386",
    machine: elf::EM_386,
    is_64: false,
    field: i386_field,
    is_branch,
    is_call,
    branch_addend: -4,
    resolved_branches,
    linked_bounds: &[],
    trap: TrapCode {
        code: &[0xe8, 0xfc, 0xff, 0xff, 0xff],
        call: 0,
        relocation: 1,
        kind: elf::R_386_PC32,
        nothing: &[0x90],
        align: 1,
    },
};

/// x86_64.
pub(super) const X86_64: MachineFacts = MachineFacts {
    name: "x86_64",
    machine: elf::EM_X86_64,
    is_64: true,
    field: x86_64_field,
    is_branch,
    is_call,
    branch_addend: -4,
    resolved_branches,
    linked_bounds: &[],
    trap: TrapCode {
        code: &[0xe8, 0, 0, 0, 0],
        call: 0,
        relocation: 1,
        kind: elf::R_X86_64_PLT32,
        nothing: &[0x90],
        align: 1,
    },
};

/// `R_386_…`.
fn i386_field(kind: elf::RelocationType) -> Option<Field> {
    Some(match kind {
        elf::R_386_NONE => Field::Mark,
        elf::R_386_32 => Field::Address(4),
        elf::R_386_PC32 | elf::R_386_PLT32 => Field::Distance(4),
        elf::R_386_16 => Field::Address(2),
        elf::R_386_PC16 => Field::Distance(2),
        elf::R_386_8 => Field::Address(1),
        elf::R_386_PC8 => Field::Distance(1),
        _ => return None,
    })
}

/// `R_X86_64_…`.
fn x86_64_field(kind: elf::RelocationType) -> Option<Field> {
    Some(match kind {
        elf::R_X86_64_NONE => Field::Mark,
        elf::R_X86_64_64 => Field::Address(8),
        elf::R_X86_64_PC32 | elf::R_X86_64_PLT32 => Field::Distance(4),
        elf::R_X86_64_32 | elf::R_X86_64_32S => Field::Address(4),
        elf::R_X86_64_16 => Field::Address(2),
        elf::R_X86_64_PC64 => Field::Distance(8),
        _ => return None,
    })
}

/// `call`, `jmp`, and the long forms of `jcc`, with a distance of four bytes.
fn is_branch(code: &[u8], at: &Relocation) -> bool {
    let Ok(at) = usize::try_from(at.offset) else {
        return false;
    };
    let before = |n: usize| at.checked_sub(n).and_then(|i| code.get(i)).copied();
    matches!(
        (before(2), before(1)),
        (_, Some(0xe8 | 0xe9)) | (Some(0x0f), Some(0x80..=0x8f))
    )
}

/// Both processors number these alike.
fn is_distance(kind: elf::RelocationType) -> bool {
    matches!(kind, elf::R_386_PC32 | elf::R_386_PLT32)
}

/// `call` with a distance of four bytes.
fn is_call(code: &[u8], at: &Relocation) -> bool {
    let before = usize::try_from(at.offset)
        .ok()
        .and_then(|at| code.get(at.checked_sub(1)?));
    before == Some(&0xe8) && is_distance(at.kind)
}

/// Any four bytes may be the distance of a branch, or of an address taken
/// relative to the instruction, and any byte behind the code of a short jump
/// that of one: instructions can begin anywhere.
fn resolved_branches(code: &[u8]) -> Vec<(u64, u64)> {
    let mut branches = Vec::new();
    let mut branch = |at: usize, behind: usize, distance: i64| {
        let to = behind as i64 + distance;
        if (0..code.len() as i64).contains(&to) {
            branches.push((at as u64, to as u64));
        }
    };
    for (at, bytes) in code.windows(4).enumerate() {
        let distance = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        branch(at, at + 4, i64::from(distance));
    }
    for (at, bytes) in code.windows(2).enumerate() {
        // jmp, jcc, loop and jcxz
        if matches!(bytes[0], 0xeb | 0x70..=0x7f | 0xe0..=0xe3) {
            branch(at, at + 2, i64::from(bytes[1] as i8));
        }
    }
    branches
}
