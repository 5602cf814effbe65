//! 64-bit ARM: *ELF for the Arm 64-bit Architecture* (IHI 0056).

use object::elf;

use super::facts::{Field, MachineFacts, TrapCode};
use crate::relocatable::Relocation;

/// 64-bit ARM, little-endian.
pub(super) const AARCH64: MachineFacts = MachineFacts {
    name: "aarch64",
    machine: elf::EM_AARCH64,
    is_64: true,
    field,
    is_branch,
    is_call,
    branch_addend: 0,
    resolved_branches,
    linked_bounds: &[],
    // mov x16, x30; bl handler
    trap: TrapCode {
        code: &[0xf0, 0x03, 0x1e, 0xaa, 0x00, 0x00, 0x00, 0x94],
        call: 4,
        relocation: 4,
        kind: elf::R_AARCH64_CALL26,
        // nop
        nothing: &[0x1f, 0x20, 0x03, 0xd5],
        align: 4,
    },
};

/// `R_AARCH64_…`. Those of thread-local data are missing on purpose. Each half of a
/// pair says by itself what it refers to: its addend is the whole distance from the
/// symbol.
fn field(kind: elf::RelocationType) -> Option<Field> {
    Some(match kind {
        elf::R_AARCH64_NONE => Field::Mark,
        elf::R_AARCH64_ABS64 => Field::Address(8),
        elf::R_AARCH64_ABS32 => Field::Address(4),
        elf::R_AARCH64_ABS16 => Field::Address(2),
        elf::R_AARCH64_PREL64 => Field::Distance(8),
        elf::R_AARCH64_PREL32 => Field::Distance(4),
        elf::R_AARCH64_PREL16 => Field::Distance(2),
        elf::R_AARCH64_CALL26
        | elf::R_AARCH64_JUMP26
        | elf::R_AARCH64_CONDBR19
        | elf::R_AARCH64_TSTBR14
        // adr, adrp, and what goes with it
        | elf::R_AARCH64_ADR_PREL_LO21
        | elf::R_AARCH64_ADR_PREL_PG_HI21
        | elf::R_AARCH64_ADR_PREL_PG_HI21_NC
        | elf::R_AARCH64_ADD_ABS_LO12_NC
        | elf::R_AARCH64_LDST8_ABS_LO12_NC
        | elf::R_AARCH64_LDST16_ABS_LO12_NC
        | elf::R_AARCH64_LDST32_ABS_LO12_NC
        | elf::R_AARCH64_LDST64_ABS_LO12_NC
        | elf::R_AARCH64_LDST128_ABS_LO12_NC
        | elf::R_AARCH64_LD_PREL_LO19
        // movz, movk, movn
        | elf::R_AARCH64_MOVW_UABS_G0
        | elf::R_AARCH64_MOVW_UABS_G0_NC
        | elf::R_AARCH64_MOVW_UABS_G1
        | elf::R_AARCH64_MOVW_UABS_G1_NC
        | elf::R_AARCH64_MOVW_UABS_G2
        | elf::R_AARCH64_MOVW_UABS_G2_NC
        | elf::R_AARCH64_MOVW_UABS_G3
        | elf::R_AARCH64_MOVW_SABS_G0
        | elf::R_AARCH64_MOVW_SABS_G1
        | elf::R_AARCH64_MOVW_SABS_G2 => Field::Instruction,
        // Symbols that may not be there: the linker makes an entry for the very one.
        elf::R_AARCH64_ADR_GOT_PAGE | elf::R_AARCH64_LD64_GOT_LO12_NC => Field::Opaque,
        _ => return None,
    })
}

fn is_branch(_code: &[u8], at: &Relocation) -> bool {
    matches!(
        at.kind,
        elf::R_AARCH64_CALL26
            | elf::R_AARCH64_JUMP26
            | elf::R_AARCH64_CONDBR19
            | elf::R_AARCH64_TSTBR14
    )
}

/// `bl`, which has no condition. Some assemblers mark `b` alike.
fn is_call(code: &[u8], at: &Relocation) -> bool {
    let from = usize::try_from(at.offset).ok();
    let last = from.and_then(|from| code.get(from.checked_add(3)?));
    at.kind == elf::R_AARCH64_CALL26 && last.is_some_and(|byte| byte & 0xfc == 0x94)
}

/// `b`, `bl`, `b.cond`, `cbz`, `cbnz`, `tbz`, `tbnz`, and the addresses that `adr`
/// makes and `ldr` loads from.
fn resolved_branches(code: &[u8]) -> Vec<(u64, u64)> {
    let mut branches = Vec::new();
    for (index, bytes) in code.chunks_exact(4).enumerate() {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let Some(distance) = distance(word) else {
            continue;
        };
        let at = 4 * index as i64;
        let to = at + distance;
        if (0..code.len() as i64).contains(&to) {
            branches.push((at as u64, to as u64));
        }
    }
    branches
}

/// How far from itself an instruction leads.
fn distance(word: u32) -> Option<i64> {
    let signed =
        |low: u32, bits: u32| i64::from((word >> low << (32 - bits)) as i32 >> (32 - bits));
    if word & 0x7c00_0000 == 0x1400_0000 {
        return Some(signed(0, 26) * 4);
    }
    match word & 0x7e00_0000 {
        0x3400_0000 => return Some(signed(5, 19) * 4),
        0x3600_0000 => return Some(signed(5, 14) * 4),
        _ => {}
    }
    if word & 0x9f00_0000 == 0x1000_0000 {
        return Some(signed(5, 19) << 2 | i64::from(word >> 29 & 3));
    }
    // b.cond; ldr of what stands beside the code
    let near = word & 0xff00_0000 == 0x5400_0000 || word & 0x3b00_0000 == 0x1800_0000;
    near.then(|| signed(5, 19) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branches(words: &[u32]) -> Vec<(u64, u64)> {
        let code: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        resolved_branches(&code)
    }

    #[test]
    fn each_kind_of_branch_leads_where_it_says() {
        let found = branches(&[
            0x1400_0002, // b +8
            0x97ff_ffff, // bl -4
            0x5400_0040, // b.eq +8
            0xb4ff_ffe0, // cbz x0, -4
            0x3700_0040, // tbnz w0, #0, +8
            0x1000_0020, // adr x0, +4
            0xd503_201f, // nop
            0x7fff_ffff, // nothing
        ]);
        assert_eq!(
            found,
            [(0, 8), (4, 0), (8, 16), (12, 8), (16, 24), (20, 24)]
        );
    }

    #[test]
    fn only_bl_comes_back() {
        let at = |kind| Relocation {
            offset: 0,
            kind,
            symbol: None,
            addend: 0,
        };
        let (bl, b) = (0x9400_0000u32.to_le_bytes(), 0x1400_0000u32.to_le_bytes());
        assert!(is_call(&bl, &at(elf::R_AARCH64_CALL26)));
        assert!(!is_call(&b, &at(elf::R_AARCH64_CALL26)));
        assert!(!is_call(&b, &at(elf::R_AARCH64_JUMP26)));
        assert!(is_branch(&b, &at(elf::R_AARCH64_JUMP26)));
        assert!(!is_branch(&b, &at(elf::R_AARCH64_ADR_PREL_PG_HI21)));
    }
}
