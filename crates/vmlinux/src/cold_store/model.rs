//! What is coded, and the probabilities that it is coded with.
//!
//! A page is a row of *literals* and *matches*, as in LZMA: a match repeats what
//! stands so many bytes earlier. Each decision is made of bits, and each bit has
//! a probability by its context. The decoder of the kernel
//! (`crates/recipe/trap/pager_i386.c`) has the same numbers.

/// Probabilities are of a 0, in so many bits.
pub(super) const PROBABILITY_BITS: u32 = 11;

/// By how much a bit moves the probability of its context.
pub(super) const SHIFT: u32 = 5;

/// Whether a match comes: after a literal, and after a match.
pub(super) const MATCH: usize = 0;
/// Whether a match has the distance of the last one.
pub(super) const AGAIN: usize = 2;
/// The length of a match, less [`SHORTEST`].
pub(super) const LENGTH: usize = 3;
/// The class of its distance, by its length.
pub(super) const SLOT: usize = LENGTH + (1 << LENGTH_BITS);
/// The last bits of its distance.
pub(super) const LOW: usize = SLOT + LENGTH_CLASSES * (1 << SLOT_BITS);
/// A literal, by the byte before it.
pub(super) const LITERAL: usize = LOW + (1 << LOW_BITS);
/// How many probabilities there are.
pub const PROBABILITIES: usize = LITERAL + (1 << CONTEXT_BITS) * 256;

pub(super) const LENGTH_BITS: u32 = 6;
pub(super) const SLOT_BITS: u32 = 6;
pub(super) const LOW_BITS: u32 = 4;
pub(super) const LENGTH_CLASSES: usize = 4;
/// How many bits of the byte before a literal count.
pub(super) const CONTEXT_BITS: u32 = 4;

/// The shortest match.
pub(super) const SHORTEST: usize = 2;
/// The longest match.
pub(super) const LONGEST: usize = SHORTEST + (1 << LENGTH_BITS) - 1;

/// One decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Literal,
    /// Repeats what stands so many bytes earlier.
    Match {
        length: usize,
        distance: usize,
    },
}

/// What codes bits: an encoder, a decoder, a counter.
pub(super) trait Bits {
    /// Codes a bit in a context.
    fn bit(&mut self, context: usize, bit: u32);
    /// Codes bits that are as likely 0 as 1.
    fn even(&mut self, value: u32, bits: u32);

    /// Codes a number, its highest bit first, each bit by those before it.
    fn tree(&mut self, base: usize, value: u32, bits: u32) {
        let mut node = 1usize;
        for at in (0..bits).rev() {
            let bit = (value >> at) & 1;
            self.bit(base + node, bit);
            node = node << 1 | bit as usize;
        }
    }
}

/// Where the tree of the literals behind a byte begins.
pub(super) fn literals_after(before: u8) -> usize {
    LITERAL + (usize::from(before) >> (8 - CONTEXT_BITS)) * 256
}

/// Where the tree of the slots of matches of a length begins.
pub(super) fn slots_of(length: usize) -> usize {
    SLOT + (length - SHORTEST).min(LENGTH_CLASSES - 1) * (1 << SLOT_BITS)
}

/// The slot of a distance less 1, and how many bits more say which of its
/// distances it is (LZMA's).
pub(super) fn slot(value: u32) -> (u32, u32) {
    if value < 4 {
        return (value, 0);
    }
    let highest = 31 - value.leading_zeros();
    let more = highest - 1;
    ((highest << 1) | ((value >> more) & 1), more)
}

/// Codes a token at a place of a page: `before` is the byte before it, `byte`
/// the literal, `last` the distance of the last match. `after_match` says what
/// the token before it was.
pub(super) fn code(bits: &mut impl Bits, token: Token, at: &Place) {
    let state = MATCH + usize::from(at.after_match);
    let Token::Match { length, distance } = token else {
        bits.bit(state, 0);
        return bits.tree(literals_after(at.before), u32::from(at.byte), 8);
    };
    bits.bit(state, 1);
    let again = distance == at.last;
    bits.bit(AGAIN, u32::from(again));
    bits.tree(LENGTH, (length - SHORTEST) as u32, LENGTH_BITS);
    if again {
        return;
    }
    let value = distance as u32 - 1;
    let (slot, more) = slot(value);
    bits.tree(slots_of(length), slot, SLOT_BITS);
    if more <= LOW_BITS {
        return bits.even(value & ((1 << more) - 1), more);
    }
    let middle = more - LOW_BITS;
    bits.even((value >> LOW_BITS) & ((1 << middle) - 1), middle);
    bits.tree(LOW, value & ((1 << LOW_BITS) - 1), LOW_BITS);
}

/// What a token's contexts depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub before: u8,
    pub byte: u8,
    pub last: usize,
    pub after_match: bool,
}

/// The probabilities that each page begins with, a byte each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Priors(pub Vec<u8>);

impl Priors {
    /// All bits are as likely 0 as 1.
    pub(super) fn even() -> Priors {
        Priors(vec![128; PROBABILITIES])
    }

    /// In [`PROBABILITY_BITS`] bits.
    pub(super) fn probabilities(&self) -> Vec<u16> {
        let full = |byte: &u8| u16::from(*byte) << (PROBABILITY_BITS - 8);
        self.0.iter().map(full).collect()
    }

    /// By how often each context had a 0 and a 1.
    pub(super) fn of_counts(counts: &[(u32, u32)]) -> Priors {
        let prior = |(zeros, ones): &(u32, u32)| {
            let (zeros, ones) = (u64::from(*zeros) * 2 + 1, u64::from(*ones) * 2 + 1);
            (zeros * 256 / (zeros + ones)).clamp(2, 253) as u8
        };
        Priors(counts.iter().map(prior).collect())
    }
}
