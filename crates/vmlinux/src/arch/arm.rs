//! 32-bit ARM in ARM state: *ELF for the Arm Architecture* (IHI 0044).

use super::{Field, Machine, TrapCode};
use crate::relocatable::{Relocation, abi};

/// 32-bit ARM, little-endian.
pub const ARM: Machine = Machine {
    name: "arm",
    machine: abi::EM_ARM,
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
        kind: 28,
        // mov r0, r0
        nothing: &[0x00, 0x00, 0xa0, 0xe1],
        align: 4,
    },
};

/// `R_ARM_…`. Those of Thumb are missing on purpose.
fn field(kind: u32) -> Option<Field> {
    Some(match kind {
        // NONE, V4BX
        0 | 40 => Field::Mark,
        // ABS32, TARGET1
        2 | 38 => Field::Address(4),
        // REL32
        3 => Field::Distance(4),
        // PC24, CALL, JUMP24
        1 | 28 | 29 => Field::ArmBranch,
        // PREL31
        42 => Field::Distance31,
        // MOVW_ABS_NC, MOVT_ABS
        43 | 44 => Field::ArmHalf,
        // LDR_PC_G0 to G2 and ALU_PC_G0_NC to G2: the parts of `adr_l`, `ldr_l`
        4 | 57..=63 => Field::Opaque,
        _ => return None,
    })
}

fn is_branch(_code: &[u8], at: &Relocation) -> bool {
    field(at.kind) == Some(Field::ArmBranch)
}

/// `R_ARM_CALL` is an unconditional `bl`.
fn is_call(_code: &[u8], at: &Relocation) -> bool {
    at.kind == 28
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
