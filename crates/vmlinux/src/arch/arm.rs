//! 32-bit ARM in ARM state: *ELF for the Arm Architecture* (IHI 0044).

use object::elf;

use super::facts::{Field, MachineFacts, TrapCode};
use crate::relocatable::Relocation;

/// 32-bit ARM, little-endian.
pub(super) const ARM: MachineFacts = MachineFacts {
    name: "arm",
    machine: elf::EM_ARM,
    is_64: false,
    field,
    is_branch,
    is_call,
    branch_addend: -8,
    resolved_branches,
    // arch/arm/kernel/unwind.c
    linked_bounds: &["__start_unwind_idx", "__stop_unwind_idx"],
    // mov ip, lr; bl handler
    trap: TrapCode {
        code: &[0x0e, 0xc0, 0xa0, 0xe1, 0xfe, 0xff, 0xff, 0xeb],
        call: 4,
        relocation: 4,
        kind: elf::R_ARM_CALL,
        // mov r0, r0
        nothing: &[0x00, 0x00, 0xa0, 0xe1],
        align: 4,
    },
};

/// `R_ARM_…`. Those of Thumb are missing on purpose.
fn field(kind: elf::RelocationType) -> Option<Field> {
    Some(match kind {
        elf::R_ARM_NONE | elf::R_ARM_V4BX => Field::Mark,
        elf::R_ARM_ABS32 | elf::R_ARM_TARGET1 => Field::Address(4),
        elf::R_ARM_REL32 => Field::Distance(4),
        elf::R_ARM_PC24 | elf::R_ARM_CALL | elf::R_ARM_JUMP24 => Field::ArmBranch,
        elf::R_ARM_PREL31 => Field::Distance31,
        elf::R_ARM_MOVW_ABS_NC | elf::R_ARM_MOVT_ABS => Field::ArmHalf,
        // The parts of `adr_l` and `ldr_l`; the first is called LDR_PC_G0 today.
        elf::R_ARM_PC13
        | elf::R_ARM_ALU_PC_G0_NC
        | elf::R_ARM_ALU_PC_G0
        | elf::R_ARM_ALU_PC_G1_NC
        | elf::R_ARM_ALU_PC_G1
        | elf::R_ARM_ALU_PC_G2
        | elf::R_ARM_LDR_PC_G1
        | elf::R_ARM_LDR_PC_G2 => Field::Opaque,
        _ => return None,
    })
}

fn is_branch(_code: &[u8], at: &Relocation) -> bool {
    field(at.kind) == Some(Field::ArmBranch)
}

/// `R_ARM_CALL` is an unconditional `bl`.
fn is_call(_code: &[u8], at: &Relocation) -> bool {
    at.kind == elf::R_ARM_CALL
}

/// `b` and `bl`: bits 27 to 25 are 101.
fn resolved_branches(code: &[u8]) -> Vec<(u64, u64)> {
    let mut branches = Vec::new();
    for (index, bytes) in code.chunks_exact(4).enumerate() {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if word & 0x0e00_0000 != 0x0a00_0000 {
            continue;
        }
        let at = 4 * index as i64;
        let to = at + 8 + i64::from(((word << 8) as i32) >> 6);
        if (0..code.len() as i64).contains(&to) {
            branches.push((at as u64, to as u64));
        }
    }
    branches
}
