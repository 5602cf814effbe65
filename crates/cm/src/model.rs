//! The prediction of the next bit, and what is learnt from it.

use crate::context::{BEFORE, INSTRUCTION, PART, POSITION, TWO_BEFORE, WORD};
use crate::header::{Filter, Header, MAX_MIXERS};
use crate::history::Histories;
use crate::logistic::{MOST, squash, stretch_table};
use crate::x86::Instructions;

/// Bins of a correction.
const BINS: usize = 33;
/// Sets of weights: by the part of an instruction, and by three bytes.
const SETS: usize = 40 * 8 * 4 + 3 * 256;
const MULTIPLIER: u32 = 0x9e37_79b1;

fn hash(h: u32, v: u32) -> u32 {
    let h = h.wrapping_add(v).wrapping_add(1).wrapping_mul(MULTIPLIER);
    h ^ h >> 15
}

/// What is known before a bit.
#[derive(Debug)]
pub(crate) struct Model {
    memory: u32,
    filter: Filter,
    contexts: Vec<u32>,
    instructions: Instructions,

    /// Bytes of the block so far.
    at: usize,
    last4: u32,
    last8: u32,
    word: u32,
    /// The bits of this byte behind a one, and their number.
    partial: u32,
    bit: u32,

    /// Where the longest repetition goes on, and how long it is.
    repeated: usize,
    repeated_bytes: usize,
    repetition: usize,

    hashes: Vec<u32>,
    slots: Vec<usize>,
    /// By context, the repetition's, and a constant.
    inputs: Vec<i32>,
    sets: [usize; MAX_MIXERS],
    mixed: Vec<i32>,
    stretched: i32,
    corrected: usize,

    chances: Vec<[u32; 256]>,
    repetition_chances: [u32; 64],
    weights: Vec<i32>,
    final_weights: Vec<i32>,
    corrections: Vec<u16>,
    places: Vec<u32>,
    table: Vec<u8>,

    histories: Histories,
    stretch: Vec<i32>,
    shares: [i32; 256],
}

impl Model {
    /// Nothing is learnt yet.
    pub(crate) fn new(header: &Header) -> Self {
        let memory = u32::from(header.memory);
        let contexts = header.contexts.len();
        let mixers = usize::from(header.mixers);
        let histories = Histories::new();
        let chances = histories.counts.map(|(zeros, ones)| {
            let (a, b) = (u32::from(zeros), u32::from(ones));
            ((b * 4 + 1) * 4096 / ((a + b) * 4 + 2)) << 20
        });
        let corrections = (0..BINS << (memory - 10)).map(|index| {
            let bin = (index % BINS) as i32;
            (squash((bin - 16) * 128) - u32::from(bin > 16)) as u16
        });
        Self {
            memory,
            filter: header.filter,
            contexts: header.contexts.clone(),
            instructions: Instructions::default(),
            at: 0,
            last4: 0,
            last8: 0,
            word: 0,
            partial: 1,
            bit: 0,
            repeated: 0,
            repeated_bytes: 0,
            repetition: 0,
            hashes: vec![0; contexts],
            slots: vec![0; contexts],
            inputs: vec![0; contexts + 2],
            sets: [0; MAX_MIXERS],
            mixed: vec![0; mixers],
            stretched: 0,
            corrected: 0,
            chances: vec![chances; contexts],
            repetition_chances: [3 << 30; 64],
            weights: vec![3000; SETS * (contexts + 2)],
            final_weights: vec![16384 / mixers as i32; 256 * mixers],
            corrections: corrections.collect(),
            places: vec![0; 1 << (memory - 6)],
            table: vec![0; 1 << memory],
            histories,
            stretch: stretch_table(),
            shares: std::array::from_fn(|seen| 65536 / (2 * seen as i32 + 3)),
        }
    }

    /// Begins a block.
    pub(crate) fn begin(&mut self) {
        self.at = 0;
        self.repeated = 0;
        self.repeated_bytes = 0;
        self.instructions = Instructions::default();
        self.places.fill(0);
        self.look_at_contexts();
        self.find_slots();
    }

    /// The contexts of the next byte.
    fn look_at_contexts(&mut self) {
        let code = &self.instructions;
        for (index, context) in self.contexts.iter().enumerate() {
            let mut h = (index as u32 + 1).wrapping_mul(0x2f0b_4c47);
            for byte in 0..8 {
                if context >> byte & 1 == 1 {
                    let four = if byte < 4 { self.last4 } else { self.last8 };
                    h = hash(h, four >> (8 * (byte & 3)) & 255);
                }
            }
            for (flag, value) in [
                (POSITION, self.at as u32 & 3),
                (INSTRUCTION, code.opcode.wrapping_add(code.part())),
                (BEFORE, code.before),
                (TWO_BEFORE, code.two_before),
                (WORD, self.word),
                (PART, code.part()),
            ] {
                if context & flag != 0 {
                    h = hash(h, value);
                }
            }
            self.hashes[index] = h;
        }
    }

    /// Finds the histories of the next four bits: 16 bytes for each context, of
    /// which the first is a check and the others a tree of histories.
    fn find_slots(&mut self) {
        let mask = (1 << (self.memory - 4)) - 1;
        for (slot, context) in self.slots.iter_mut().zip(&self.hashes) {
            let bits = if self.bit > 0 { self.partial + 16 } else { 0 };
            let h = hash(*context, bits);
            let check = h as u8;
            let one = (h >> 8 & mask) as usize * 16;
            let two = one ^ 16;
            *slot = one;
            if self.table[one] == check {
                continue;
            }
            if self.table[two] == check {
                *slot = two;
                continue;
            }
            let weight = |at: usize| self.histories.weight(self.table[at + 1]);
            if weight(two) < weight(one) {
                *slot = two;
            }
            self.table[*slot..*slot + 16].fill(0);
            self.table[*slot] = check;
        }
    }

    /// Where in these 16 bytes the history of the next bit stands.
    fn node(&self) -> usize {
        let half = 1 << (self.bit & 3);
        (half | self.partial & (half - 1)) as usize
    }

    /// How likely the next bit is a one, of 65536: between 16 and 65520. `bytes`
    /// is the block, of which the bytes so far are looked at.
    pub(crate) fn predict(&mut self, bytes: &[u8]) -> u32 {
        let node = self.node();
        let contexts = self.contexts.len();
        let found = self.slots.iter().zip(&self.chances);
        for (input, (slot, chances)) in self.inputs.iter_mut().zip(found) {
            *input = match self.table[slot + node] {
                0 => 0,
                history => self.stretch[(chances[usize::from(history)] >> 20) as usize],
            };
        }
        let (input, sure) = self.repetition(bytes);
        self.inputs[contexts] = input;
        self.inputs[contexts + 1] = 256;
        self.mix(sure);
        self.correct()
    }

    /// What follows from the longest repetition, and how sure that is.
    fn repetition(&mut self, bytes: &[u8]) -> (i32, usize) {
        if self.repeated_bytes == 0 {
            return (0, 0);
        }
        let next = u32::from(bytes[self.repeated]) | 256;
        if next >> (8 - self.bit) != self.partial {
            self.repeated_bytes = 0;
            return (0, 0);
        }
        let length = self.repeated_bytes;
        self.repetition = match length {
            ..32 => length,
            32..64 => 32,
            64..512 => 33,
            _ => 34,
        };
        let sure = match length {
            ..16 => 1,
            16..32 => 2,
            _ => 3,
        };
        let x = self.stretch[(self.repetition_chances[self.repetition] >> 20) as usize];
        let one = next >> (7 - self.bit) & 1 == 1;
        (if one { x } else { -x }, sure)
    }

    fn mix(&mut self, sure: usize) {
        let inputs = self.inputs.len();
        let part = match self.filter {
            Filter::Arm => self.at as u32 & 3,
            Filter::None | Filter::X86 => self.instructions.part(),
        };
        self.sets = [
            768 + (part * 8 + self.bit) as usize * 4 + sure,
            self.partial as usize,
            256 + (self.last4 & 255) as usize,
            512 + (self.last4 >> 8 & 255) as usize,
        ];
        let mixers = self.mixed.len();
        let mut sum = 0i32;
        for (index, mixed) in self.mixed.iter_mut().enumerate() {
            let weights = &self.weights[self.sets[index] * inputs..][..inputs];
            let products = self.inputs.iter().zip(weights);
            let dot = products.fold(0i32, |dot, (input, weight)| {
                dot.wrapping_add(input.wrapping_mul(*weight))
            });
            *mixed = (dot >> 14).clamp(-MOST, MOST);
            let weight = self.final_weights[self.partial as usize * mixers + index];
            sum = sum.wrapping_add(mixed.wrapping_mul(weight));
        }
        self.stretched = (sum >> 14).clamp(-MOST, MOST);
    }

    /// Half of what the mixers say, half of what came of it behind this byte.
    fn correct(&mut self) -> u32 {
        let mixed = squash(self.stretched);
        let x = (self.stretched.clamp(-2047, 2047) + 2048) as u32;
        let context = (self.partial | (self.last4 & 255) << 8).wrapping_mul(MULTIPLIER);
        let at = (context >> (42 - self.memory)) as usize * BINS + (x >> 7) as usize;
        let part = x & 127;
        self.corrected = at + (part >> 6) as usize;
        let low = u32::from(self.corrections[at]) * (128 - part);
        let high = u32::from(self.corrections[at + 1]) * part;
        ((mixed + ((low + high) >> 7)) >> 1).clamp(16, 65520)
    }

    /// Learns which bit it was. At the last one of a byte, this stands in `bytes`
    /// already.
    pub(crate) fn learn(&mut self, y: u32, bytes: &[u8]) {
        let corrected = &mut self.corrections[self.corrected];
        match y {
            0 => *corrected -= *corrected >> 6,
            _ => *corrected += (65535 - *corrected) >> 6,
        }
        self.learn_weights(y);
        self.learn_histories(y);
        if self.repeated_bytes > 0 {
            let next = u32::from(bytes[self.repeated]);
            let chance = &mut self.repetition_chances[self.repetition];
            if next >> (7 - self.bit) & 1 == y {
                *chance += (u32::MAX - *chance) >> 7;
            } else {
                *chance -= *chance >> 7;
                self.repeated_bytes = 0;
            }
        }
        self.partial = self.partial * 2 + y;
        self.bit += 1;
        match self.bit {
            8 => self.byte(bytes),
            4 => self.find_slots(),
            _ => {}
        }
    }

    fn learn_weights(&mut self, y: u32) {
        let wanted = (y << 16) as i32;
        let error = wanted - squash(self.stretched) as i32;
        let inputs = self.inputs.len();
        let mixers = self.mixed.len();
        for (index, mixed) in self.mixed.iter().enumerate() {
            let weight = &mut self.final_weights[self.partial as usize * mixers + index];
            *weight = weight.wrapping_add((mixed * (error >> 2)) >> 15);
            let own = ((wanted - squash(*mixed) as i32) * 9) >> 4;
            let weights = &mut self.weights[self.sets[index] * inputs..][..inputs];
            for (weight, input) in weights.iter_mut().zip(&self.inputs) {
                *weight = weight.wrapping_add((input * own + 0x8000) >> 16);
            }
        }
    }

    fn learn_histories(&mut self, y: u32) {
        let node = self.node();
        for (slot, chances) in self.slots.iter().zip(&mut self.chances) {
            let history = &mut self.table[slot + node];
            let chance = &mut chances[usize::from(*history)];
            let seen = *chance & 1023;
            let p = (*chance >> 10) as i32;
            let off = (y << 22) as i32 - p;
            let p = p + (((off >> 7) * self.shares[seen as usize]) >> 8);
            *chance = (p as u32) << 10 | (seen + 1).min(255);
            *history = self.histories.next[y as usize][usize::from(*history)];
        }
    }

    /// A whole byte is known.
    fn byte(&mut self, bytes: &[u8]) {
        let c = self.partial as u8;
        self.at += 1;
        self.last8 = self.last8 << 8 | self.last4 >> 24;
        self.last4 = self.last4 << 8 | u32::from(c);
        self.partial = 1;
        self.bit = 0;
        if self.filter == Filter::X86 {
            self.instructions.byte(c);
        }
        self.word = match c {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                (self.word.wrapping_add(u32::from(c))).wrapping_mul(0x2f0b_4c47)
            }
            _ => 0,
        };
        if self.repeated_bytes > 0 {
            self.repeated += 1;
            self.repeated_bytes = (self.repeated_bytes + 1).min(65535);
        }
        let mask = (1 << (self.memory - 6)) - 1;
        let place = hash(hash(0, self.last4), self.last8 & 0xffff) & mask;
        let place = &mut self.places[place as usize];
        if self.repeated_bytes == 0 && self.at >= 6 {
            self.repeated = *place as usize;
            let before = bytes[..self.repeated].iter().rev();
            let here = bytes[..self.at].iter().rev();
            let same = before.zip(here).take(40).take_while(|(a, b)| a == b);
            self.repeated_bytes = Some(same.count()).filter(|n| *n >= 5).unwrap_or(0);
        }
        *place = self.at as u32;
        self.look_at_contexts();
        self.find_slots();
    }
}
