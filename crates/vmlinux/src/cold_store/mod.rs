//! The store of cold code: pages that are kept compressed in a kernel's image
//! until something first needs them.
//!
//! Each page is packed by itself, since any of them may be needed first. What
//! pages have in common is stored once: how likely each bit of each context is.
//! A page may also repeat what stands in a *dictionary*, which is in memory
//! anyway: the code that stays.
//!
//! # The format
//!
//! | bytes | |
//! |---|---|
//! | 4 | how many pages there are |
//! | 4 | how many bytes of the dictionary, counted from its end, are used |
//! | [`PROBABILITIES`] | the probabilities that each page begins with |
//! | 2 for each page | how many bytes it takes |
//! | | the pages |
//!
//! Numbers are little-endian. In a packed page the distances of calls and jumps
//! (`e8` and `e9` with four bytes) are addresses.

mod model;
mod parse;
mod range;

use model::{Bits, Priors, Token};
use parse::Parser;
use range::{Decoder, Encoder};

pub use model::PROBABILITIES;

/// The size of a page.
pub const PAGE: usize = 4096;

/// Bytes before the probabilities.
const HEADER: usize = 8;

/// So often the probabilities are made from what they lead to.
const ROUNDS: usize = 3;

/// What is in memory when a page is unpacked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dictionary<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Of each of them, whether it is the same whenever a page is unpacked.
    pub steady: &'a [bool],
}

/// Packs pages. The last one is filled up with zeros.
///
/// `address` is that of the first page.
pub fn pack(code: &[u8], address: u32, dictionary: Dictionary<'_>) -> Vec<u8> {
    let pages: Vec<Vec<u8>> = code
        .chunks(PAGE)
        .enumerate()
        .map(|(index, bytes)| {
            let mut page = bytes.to_vec();
            page.resize(PAGE, 0);
            turn(&mut page, address.wrapping_add((index * PAGE) as u32), true);
            page
        })
        .collect();
    let parser = Parser::new(dictionary.bytes, dictionary.steady);
    let mut priors = Priors::even();
    let mut parsed = Vec::new();
    for _ in 0..ROUNDS {
        let probabilities = priors.probabilities();
        let parse = |page: &Vec<u8>| parser.parse(page, &probabilities);
        parsed = pages.iter().map(parse).collect();
        let mut counter = Counter(vec![(0, 0); PROBABILITIES]);
        for (page, tokens) in pages.iter().zip(&parsed) {
            code_page(&mut counter, page, tokens);
        }
        priors = Priors::of_counts(&counter.0);
    }
    let packed: Vec<Vec<u8>> = pages
        .iter()
        .zip(&parsed)
        .map(|(page, tokens)| {
            let mut encoder = Encoder::new(priors.probabilities());
            code_page(&mut encoder, page, tokens);
            encoder.finish()
        })
        .collect();
    let mut store = Vec::new();
    store.extend((pages.len() as u32).to_le_bytes());
    store.extend((dictionary.bytes.len() as u32).to_le_bytes());
    store.extend(&priors.0);
    store.extend(packed.iter().flat_map(|p| (p.len() as u16).to_le_bytes()));
    store.extend(packed.iter().flatten());
    store
}

/// Unpacks a page as the kernel does; `None` when there is none, or what is
/// packed is no page.
pub fn unpack(store: &[u8], index: usize, address: u32, dictionary: &[u8]) -> Option<Vec<u8>> {
    let number = |at: usize| {
        let bytes = store.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes) as usize)
    };
    let (pages, used) = (number(0)?, number(4)?);
    if index >= pages {
        return None;
    }
    let priors = Priors(store.get(HEADER..HEADER + PROBABILITIES)?.to_vec());
    let mut at = HEADER + PROBABILITIES + 2 * pages;
    let length = |index: usize| {
        let at = HEADER + PROBABILITIES + 2 * index;
        let bytes = store.get(at..at + 2)?.try_into().ok()?;
        Some(usize::from(u16::from_le_bytes(bytes)))
    };
    for before in 0..index {
        at += length(before)?;
    }
    let dictionary = dictionary.get(dictionary.len().checked_sub(used)?..)?;
    let input = store.get(at..)?;
    let mut page = read_page(Decoder::new(priors.probabilities(), input), dictionary)?;
    turn(
        &mut page,
        address.wrapping_add((index * PAGE) as u32),
        false,
    );
    Some(page)
}

/// Makes addresses of distances behind calls and jumps, or distances of
/// addresses.
fn turn(page: &mut [u8], address: u32, to_addresses: bool) {
    let mut at = 0;
    while at + 5 <= page.len() {
        if page[at] & 0xfe != 0xe8 {
            at += 1;
            continue;
        }
        let field = &page[at + 1..at + 5];
        let value = u32::from_le_bytes([field[0], field[1], field[2], field[3]]);
        let behind = address.wrapping_add(at as u32 + 5);
        let turned = if to_addresses {
            value.wrapping_add(behind)
        } else {
            value.wrapping_sub(behind)
        };
        page[at + 1..at + 5].copy_from_slice(&turned.to_le_bytes());
        at += 5;
    }
}

/// Counts the bits of each context.
struct Counter(Vec<(u32, u32)>);

impl Bits for Counter {
    fn bit(&mut self, context: usize, bit: u32) {
        let (zeros, ones) = &mut self.0[context];
        *if bit == 0 { zeros } else { ones } += 1;
    }

    fn even(&mut self, _value: u32, _bits: u32) {}
}

fn code_page(bits: &mut impl Bits, page: &[u8], tokens: &[Token]) {
    let (mut at, mut last, mut after_match) = (0, 0, false);
    for token in tokens {
        let place = parse::place(page, at, last, after_match);
        model::code(bits, *token, &place);
        after_match = *token != Token::Literal;
        at += match token {
            Token::Literal => 1,
            Token::Match { length, distance } => {
                last = *distance;
                *length
            }
        };
    }
}

fn read_page(mut bits: Decoder<'_>, dictionary: &[u8]) -> Option<Vec<u8>> {
    let mut page: Vec<u8> = Vec::with_capacity(PAGE);
    let (mut last, mut after_match) = (0usize, false);
    while page.len() < PAGE {
        if bits.bit(model::MATCH + usize::from(after_match)) == 0 {
            let before = page.last().copied().unwrap_or(0);
            page.push(bits.tree(model::literals_after(before), 8) as u8);
            after_match = false;
            continue;
        }
        let again = bits.bit(model::AGAIN) == 1;
        let length = bits.tree(model::LENGTH, model::LENGTH_BITS) as usize + model::SHORTEST;
        if !again {
            last = read_distance(&mut bits, length);
        }
        if page.len() + length > PAGE {
            return None;
        }
        for _ in 0..length {
            let from = (dictionary.len() + page.len()).checked_sub(last)?;
            let byte = match from.checked_sub(dictionary.len()) {
                Some(in_page) => *page.get(in_page)?,
                None => dictionary[from],
            };
            page.push(byte);
        }
        after_match = true;
    }
    Some(page)
}

fn read_distance(bits: &mut Decoder<'_>, length: usize) -> usize {
    let slot = bits.tree(model::slots_of(length), model::SLOT_BITS);
    if slot < 4 {
        return slot as usize + 1;
    }
    let more = (slot >> 1) - 1;
    let mut value = 2 | (slot & 1);
    if more <= model::LOW_BITS {
        value = value << more | bits.even(more);
    } else {
        let middle = more - model::LOW_BITS;
        value = value.wrapping_shl(middle) | bits.even(middle);
        value = value << model::LOW_BITS | bits.tree(model::LOW, model::LOW_BITS);
    }
    value as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look a little like code: few values, some repeated, calls.
    fn code(length: usize, mut seed: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            match seed >> 29 {
                0 => bytes.extend([0xe8, (seed >> 8) as u8, (seed >> 16) as u8, 0, 0]),
                1 if bytes.len() > 40 => {
                    let from = bytes.len() - 40 + (seed as usize >> 8) % 20;
                    bytes.extend_from_within(from..from + 12);
                }
                _ => bytes.push((seed >> 20) as u8 & 0x1f),
            }
        }
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn every_page_comes_back_as_it_was() {
        let code = code(3 * PAGE + 100, 7);
        let store = pack(&code, 0xfe00_0000, Dictionary::default());
        assert!(store.len() < code.len());
        for (index, bytes) in code.chunks(PAGE).enumerate() {
            let page = unpack(&store, index, 0xfe00_0000, &[]).expect("a page");
            assert_eq!(&page[..bytes.len()], bytes);
            assert!(page[bytes.len()..].iter().all(|b| *b == 0));
        }
        assert_eq!(unpack(&store, 4, 0xfe00_0000, &[]), None);
    }

    #[test]
    fn what_changes_in_the_dictionary_is_never_repeated() {
        let dictionary = code(9000, 3);
        let mut bytes = dictionary[1000..1000 + PAGE].to_vec();
        bytes[17] ^= 0x55;
        let all = vec![true; dictionary.len()];
        let mut some = all.clone();
        some[2000..3000].fill(false);
        let mut sizes = Vec::new();
        for steady in [&all, &some] {
            let given = Dictionary {
                bytes: &dictionary,
                steady,
            };
            let store = pack(&bytes, 0, given);
            // Whatever stands there when it is unpacked.
            let mut later = dictionary.clone();
            for (byte, steady) in later.iter_mut().zip(steady.iter()) {
                if !steady {
                    *byte = !*byte;
                }
            }
            assert_eq!(unpack(&store, 0, 0, &later), Some(bytes.clone()));
            sizes.push(store.len());
        }
        assert!(sizes[0] < sizes[1], "{sizes:?}");
    }

    #[test]
    fn bytes_that_are_no_store_give_no_page_and_no_panic() {
        let store = pack(&code(PAGE, 1), 0, Dictionary::default());
        for end in 0..store.len().min(9000) {
            let _ = unpack(&store[..end], 0, 0, &[]);
        }
        for at in 0..HEADER + 8 {
            let mut other = store.clone();
            other[at] ^= 0xff;
            let _ = unpack(&other, 0, 0, &[]);
        }
    }

    #[test]
    fn distances_are_turned_back() {
        let mut page = code(PAGE, 5);
        let before = page.clone();
        turn(&mut page, 0xfe00_1000, true);
        assert_ne!(page, before);
        turn(&mut page, 0xfe00_1000, false);
        assert_eq!(page, before);
    }
}
