//! The range coder (LZMA's), with probabilities that follow what is coded.

use super::model::{Bits, PROBABILITY_BITS, SHIFT};

const TOP: u32 = 1 << 24;

/// Moves a probability after a bit.
fn follow(probability: &mut u16, bit: u32) {
    if bit == 0 {
        *probability += ((1 << PROBABILITY_BITS) - *probability) >> SHIFT;
    } else {
        *probability -= *probability >> SHIFT;
    }
}

/// Writes bits.
pub(super) struct Encoder {
    probabilities: Vec<u16>,
    low: u64,
    range: u32,
    cache: u8,
    pending: u64,
    out: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(probabilities: Vec<u16>) -> Encoder {
        Encoder {
            probabilities,
            low: 0,
            range: u32::MAX,
            cache: 0,
            pending: 1,
            out: Vec::new(),
        }
    }

    fn shift(&mut self) {
        if self.low < 0xff00_0000 || self.low > 0xffff_ffff {
            let carry = (self.low >> 32) as u8;
            let mut byte = self.cache;
            for _ in 0..self.pending {
                self.out.push(byte.wrapping_add(carry));
                byte = 0xff;
            }
            self.pending = 0;
            self.cache = (self.low >> 24) as u8;
        }
        self.pending += 1;
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    fn renew(&mut self) {
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
    }

    /// What was written. The first byte is always 0 and is left out.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for _ in 0..5 {
            self.shift();
        }
        self.out.split_off(1.min(self.out.len()))
    }
}

impl Bits for Encoder {
    fn bit(&mut self, context: usize, bit: u32) {
        let probability = &mut self.probabilities[context];
        let bound = (self.range >> PROBABILITY_BITS) * u32::from(*probability);
        if bit == 0 {
            self.range = bound;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
        }
        follow(probability, bit);
        self.renew();
    }

    fn even(&mut self, value: u32, bits: u32) {
        for at in (0..bits).rev() {
            self.range >>= 1;
            if (value >> at) & 1 == 1 {
                self.low += u64::from(self.range);
            }
            self.renew();
        }
    }
}

/// Reads bits. What is missing at the end counts as 0.
pub(super) struct Decoder<'a> {
    probabilities: Vec<u16>,
    input: &'a [u8],
    range: u32,
    code: u32,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(probabilities: Vec<u16>, input: &'a [u8]) -> Decoder<'a> {
        let mut decoder = Decoder {
            probabilities,
            input,
            range: u32::MAX,
            code: 0,
        };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.next();
        }
        decoder
    }

    fn next(&mut self) -> u32 {
        let Some((first, rest)) = self.input.split_first() else {
            return 0;
        };
        self.input = rest;
        u32::from(*first)
    }

    fn renew(&mut self) {
        if self.range < TOP {
            self.range <<= 8;
            self.code = self.code << 8 | self.next();
        }
    }

    pub(super) fn bit(&mut self, context: usize) -> u32 {
        let probability = self.probabilities[context];
        let bound = (self.range >> PROBABILITY_BITS) * u32::from(probability);
        let bit = u32::from(self.code >= bound);
        if bit == 0 {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        follow(&mut self.probabilities[context], bit);
        self.renew();
        bit
    }

    pub(super) fn even(&mut self, bits: u32) -> u32 {
        let mut value = 0;
        for _ in 0..bits {
            self.range >>= 1;
            let bit = u32::from(self.code >= self.range);
            if bit == 1 {
                self.code -= self.range;
            }
            value = value << 1 | bit;
            self.renew();
        }
        value
    }

    pub(super) fn tree(&mut self, base: usize, bits: u32) -> u32 {
        let mut node = 1;
        for _ in 0..bits {
            node = node << 1 | self.bit(base + node as usize);
        }
        node - (1 << bits)
    }
}
