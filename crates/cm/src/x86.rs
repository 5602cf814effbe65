//! Which part of an instruction of x86 comes next, byte by byte.
//!
//! In what isn't code it follows something as well; both sides follow the same.
//! The encoding is that of the Intel manual, volume 2, chapter 2 and appendix A.

/// Opcodes from 0x40 on, four bits each: 1 a ModR/M byte follows, 2 an immediate
/// byte, 4 an immediate operand; 8 such an operand only for the first two of a
/// group.
const OPCODES: [u32; 24] = [
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_0000,
    0x0000_1100,
    0x0000_3254,
    0x2222_2222,
    0x2222_2222,
    0x1111_3353,
    0x1111_1111,
    0x0000_0000,
    0x0000_0000,
    0x0000_4444,
    0x0000_0042,
    0x2222_2222,
    0x4444_4444,
    0x5311_0033,
    0x0020_0000,
    0x1111_1111,
    0x1111_1111,
    0x2222_2222,
    0x0000_2044,
    0x9900_0000,
    0x1100_0000,
];

fn operands(c: u32) -> u32 {
    let row = match c {
        ..0x40 => 0x0042_1111,
        _ => OPCODES[(c >> 3) as usize - 8],
    };
    row >> (4 * (c & 7)) & 15
}

/// The same behind 0f.
fn operands_0f(c: u32) -> u32 {
    match c {
        0x80..=0x8f => 4,
        0xba | 0xa4 | 0xac => 3,
        0xc8..=0xcf | 0x30..=0x37 | 0xa2 | 0x0b => 0,
        _ => 1,
    }
}

/// Where in an instruction the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A prefix or an opcode comes.
    #[default]
    Opcode = 0,
    /// The opcode's second byte.
    Second = 1,
    /// ModR/M.
    Mod = 2,
    /// SIB.
    Sib = 3,
    /// Displacement and immediate.
    Operand = 4,
}

/// What was seen of the instruction, and of those before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instructions {
    /// The bytes of this one without operands, as a hash.
    pub opcode: u32,
    /// The instruction before.
    pub before: u32,
    /// The one before that.
    pub two_before: u32,
    /// What comes.
    pub phase: Phase,
    rest: u32,
    immediate: u32,
    short: bool,
}

impl Instructions {
    /// Which part comes: below 40.
    pub(crate) fn part(&self) -> u32 {
        let rest = match self.phase {
            Phase::Operand => self.rest.min(7),
            _ => 0,
        };
        self.phase as u32 * 8 + rest
    }

    /// The next byte is this one.
    pub(crate) fn byte(&mut self, c: u8) {
        let c = u32::from(c);
        if self.phase != Phase::Operand {
            self.opcode = (self.opcode.wrapping_mul(0x3d4d_51cb)).wrapping_add(c + 1);
        }
        match self.phase {
            Phase::Opcode => self.opcode_byte(c),
            Phase::Second => {
                let operands = operands_0f(c);
                self.immediate = match operands & 2 {
                    0 => operands & 4,
                    _ => 1,
                };
                self.behind_opcode(operands);
            }
            Phase::Mod => {
                if self.immediate & 16 != 0 {
                    self.immediate = match c & 0x30 {
                        0 => self.immediate & 15,
                        _ => 0,
                    };
                }
                self.rest = match (c >> 6, c & 7) {
                    (1, _) => 1,
                    (2, _) | (0, 5) => 4,
                    _ => 0,
                };
                if c >> 6 != 3 && c & 7 == 4 {
                    self.phase = Phase::Sib;
                } else {
                    self.operand();
                }
            }
            Phase::Sib => {
                if c & 7 == 5 && self.rest == 0 {
                    self.rest = 4;
                }
                self.operand();
            }
            Phase::Operand => {
                self.rest -= 1;
                if self.rest == 0 {
                    self.end();
                }
            }
        }
    }

    fn opcode_byte(&mut self, c: u32) {
        self.short |= c == 0x66;
        let prefix = c & 0xfc == 0x64 || c & 0xfc == 0xf0 || c & 0xe7 == 0x26;
        if prefix {
            return;
        }
        if c == 0x0f {
            self.phase = Phase::Second;
            return;
        }
        let full = if self.short && c & 0xfe != 0xe8 { 2 } else { 4 };
        let operands = operands(c);
        self.immediate = match operands {
            2 | 3 => 1,
            4 | 5 => full,
            8.. => 16 + if c & 1 == 1 { full } else { 1 },
            _ => 0,
        };
        self.behind_opcode(operands);
    }

    fn behind_opcode(&mut self, operands: u32) {
        self.phase = Phase::Mod;
        if operands & 1 == 0 {
            self.rest = 0;
            self.operand();
        }
    }

    fn operand(&mut self) {
        self.phase = Phase::Operand;
        self.rest += self.immediate;
        if self.rest == 0 {
            self.end();
        }
    }

    fn end(&mut self) {
        *self = Self {
            two_before: self.before,
            before: self.opcode,
            ..Self::default()
        };
    }
}
