//! The bytes that stand where code stood.

use crate::arch::TrapCode;

/// Instructions that do nothing, and at the end a trap, as much of it as there
/// is room for.
pub(super) fn fill(length: usize, trap: &TrapCode) -> Vec<u8> {
    let code = if length >= trap.code.len() {
        trap.code
    } else {
        &trap.code[trap.call as usize..]
    };
    let nothing = trap.nothing.iter().copied().cycle();
    let mut bytes: Vec<u8> = nothing.take(length - code.len()).collect();
    bytes.extend(code);
    bytes
}
