//! Branches of machine code get the places that they lead to, so that two calls
//! of one function are the same bytes.
//!
//! Each number stands for one other, so that any bytes come back, code or not.

use crate::header::Filter;
use crate::x86::{Instructions, Phase};

/// Before packing.
pub(crate) fn apply(filter: Filter, block: &mut [u8]) {
    match filter {
        Filter::None => {}
        Filter::X86 => x86(block, |branch, end, bytes| {
            let v = u32::from_le_bytes(branch);
            let v = if v.wrapping_add(end) < bytes {
                v.wrapping_add(end)
            } else if v < bytes {
                v.wrapping_sub(bytes)
            } else {
                v
            };
            v.to_be_bytes()
        }),
        Filter::Arm => {
            arm(block, u32::wrapping_add);
            reverse(block);
        }
    }
}

/// After unpacking.
pub(crate) fn undo(filter: Filter, block: &mut [u8]) {
    match filter {
        Filter::None => {}
        Filter::X86 => x86(block, |branch, end, bytes| {
            let v = u32::from_be_bytes(branch);
            let v = if v < bytes {
                v.wrapping_sub(end)
            } else if v.wrapping_add(end) < end {
                v.wrapping_add(bytes)
            } else {
                v
            };
            v.to_le_bytes()
        }),
        Filter::Arm => {
            reverse(block);
            arm(block, u32::wrapping_sub);
        }
    }
}

/// CALL, JMP and the long conditional jumps: their last four bytes, where the
/// next instruction begins, and how long the block is.
fn x86(block: &mut [u8], change: impl Fn([u8; 4], u32, u32) -> [u8; 4]) {
    let bytes = block.len() as u32;
    let mut code = Instructions::default();
    let mut at = 0;
    while let Some(c) = block.get(at).copied() {
        let branch = match code.phase {
            Phase::Opcode => c & 0xfe == 0xe8,
            Phase::Second => c & 0xf0 == 0x80,
            _ => false,
        };
        code.byte(c);
        at += 1;
        let operand = block.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
        if let (true, Some(operand)) = (branch, operand) {
            *operand = change(*operand, at as u32 + 4, bytes);
            for c in *operand {
                code.byte(c);
            }
            at += 4;
        }
    }
}

/// The highest byte of an instruction says what the others are: it comes first.
fn reverse(block: &mut [u8]) {
    for word in block.chunks_exact_mut(4) {
        word.reverse();
    }
}

/// BL: a distance in instructions of four bytes, 24 bits.
fn arm(block: &mut [u8], change: impl Fn(u32, u32) -> u32) {
    for (index, instruction) in block.chunks_exact_mut(4).enumerate() {
        if let [a, b, c, 0xeb] = instruction {
            let v = change(u32::from_le_bytes([*a, *b, *c, 0]), index as u32);
            [*a, *b, *c, _] = v.to_le_bytes();
        }
    }
}
