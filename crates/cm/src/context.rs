//! What a prediction may look at, as the header of a stream says it: a set of
//! the constants below, and in the lowest eight bits the bytes before, the last
//! one first.

/// The place within four bytes.
pub const POSITION: u32 = 0x100;
/// x86: the bytes of this instruction that were seen, without operands.
pub const INSTRUCTION: u32 = 0x200;
/// x86: the instruction before.
pub const BEFORE: u32 = 0x400;
/// x86: the instruction before that.
pub const TWO_BEFORE: u32 = 0x800;
/// The letters since the last other byte.
pub const WORD: u32 = 0x1000;
/// x86: which part of an instruction comes.
pub const PART: u32 = 0x2000;

/// The contexts of x86 in the order of their worth, found on kernels.
pub(crate) const X86: [u32; 16] = [
    0x01,
    INSTRUCTION | BEFORE,
    0x03,
    INSTRUCTION,
    0x07,
    PART | BEFORE | TWO_BEFORE,
    INSTRUCTION | 0x01,
    0x0f,
    PART | 0x01,
    INSTRUCTION | BEFORE | TWO_BEFORE,
    0x02,
    0x3f,
    0x06,
    POSITION | 0x88,
    WORD,
    0x0c,
];

/// The contexts of anything that has its structure in four bytes.
pub(crate) const FOUR: [u32; 16] = [
    0x01,
    POSITION | 0x08,
    0x03,
    POSITION | 0x88,
    0x07,
    0x0f,
    POSITION | 0x0c,
    0x3f,
    POSITION | 0x0e,
    POSITION | 0xcc,
    0x06,
    POSITION | 0x09,
    WORD,
    0x02,
    0x0c,
    0x1f,
];
