//! Which literals and matches a page is made of: the cheapest row of them, by
//! the probabilities that pages begin with.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::model::{self, Bits, LONGEST, PROBABILITIES, PROBABILITY_BITS, Place, SHORTEST, Token};

/// What a bit costs, in sixteenths of a bit, by the upper bits of its
/// probability (LZMA's table).
fn prices() -> Vec<u32> {
    let price = |index: u32| {
        let mut weight = (index << 4 | 8) as u64;
        let mut bits = 0;
        for _ in 0..4 {
            weight *= weight;
            bits <<= 1;
            while weight >= 1 << 16 {
                weight >>= 1;
                bits += 1;
            }
        }
        (PROBABILITY_BITS << 4) - 15 - bits
    };
    (0..1 << (PROBABILITY_BITS - 4)).map(price).collect()
}

/// Adds up what bits cost.
struct Cost<'a> {
    bits: &'a [[u32; 2]],
    sum: u32,
}

impl Bits for Cost<'_> {
    fn bit(&mut self, context: usize, bit: u32) {
        self.sum += self.bits[context][bit as usize];
    }

    fn even(&mut self, _value: u32, bits: u32) {
        self.sum += bits << 4;
    }
}

/// Finds what a page repeats of what stands before it.
pub(super) struct Parser<'a> {
    dictionary: &'a [u8],
    /// For four bytes, where they begin in the dictionary.
    starts: HashMap<[u8; 4], Vec<u32>>,
    /// For each byte of the dictionary, how many behind it don't change.
    steady: Vec<u8>,
}

/// So many places in the dictionary are looked at for one of a page.
const PLACES: usize = 48;

/// The cheapest way to a place of a page.
#[derive(Clone, Copy)]
struct Way {
    cost: u32,
    /// The distance of its last match.
    last: usize,
    /// The token that ends here, and whether the one before it was a match.
    token: Token,
    from_match: bool,
}

const NO_WAY: Way = Way {
    cost: u32::MAX,
    last: 0,
    token: Token::Literal,
    from_match: false,
};

impl<'a> Parser<'a> {
    /// `steady` says of each byte of the dictionary whether it never changes.
    pub(super) fn new(dictionary: &'a [u8], steady: &[bool]) -> Parser<'a> {
        let mut run = vec![0u8; dictionary.len()];
        let mut behind = 0u8;
        for (at, run) in run.iter_mut().enumerate().rev() {
            behind = if steady[at] {
                behind.saturating_add(1)
            } else {
                0
            };
            *run = behind;
        }
        let mut starts: HashMap<[u8; 4], Vec<u32>> = HashMap::new();
        for (at, bytes) in dictionary.windows(4).enumerate() {
            if run[at] >= 4 {
                let key = [bytes[0], bytes[1], bytes[2], bytes[3]];
                starts.entry(key).or_default().push(at as u32);
            }
        }
        Parser {
            dictionary,
            starts,
            steady: run,
        }
    }

    /// How many bytes at a place of a page are those of a place that is so much
    /// earlier.
    fn alike(&self, page: &[u8], at: usize, distance: usize) -> usize {
        let most = LONGEST.min(page.len() - at);
        let from = (self.dictionary.len() + at).checked_sub(distance);
        let Some(from) = from else { return 0 };
        let same = |n: &usize| {
            let place = from + n;
            match place.checked_sub(self.dictionary.len()) {
                Some(in_page) => page[in_page] == page[at + n],
                None => self.steady[place] > 0 && self.dictionary[place] == page[at + n],
            }
        };
        (0..most).take_while(same).count()
    }

    /// Matches at a place, each longer than those before it.
    fn matches(&self, page: &[u8], at: usize, chains: &Chains) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        let mut longest = SHORTEST - 1;
        let mut add = |distance: usize| {
            let length = self.alike(page, at, distance);
            if length > longest {
                longest = length;
                found.push((length, distance));
            }
        };
        chains.before(page, at).for_each(|from| add(at - from));
        if let Some(bytes) = page.get(at..at + 4) {
            let key = [bytes[0], bytes[1], bytes[2], bytes[3]];
            let places = self.starts.get(&key).into_iter().flatten().rev();
            for from in places.take(PLACES) {
                add(self.dictionary.len() - *from as usize + at);
            }
        }
        found
    }

    /// The cheapest tokens of a page.
    pub(super) fn parse(&self, page: &[u8], probabilities: &[u16]) -> Vec<Token> {
        let table = prices();
        let price = |p: u32| table[(p >> 4) as usize];
        let bits: Vec<[u32; 2]> = probabilities
            .iter()
            .map(|p| {
                [
                    price(u32::from(*p)),
                    price((1 << PROBABILITY_BITS) - u32::from(*p)),
                ]
            })
            .collect();
        debug_assert_eq!(bits.len(), PROBABILITIES);
        let chains = Chains::of(page);
        // By whether the token that ends there is a match.
        let mut ways = vec![[NO_WAY; 2]; page.len() + 1];
        ways[0][0].cost = 0;
        for at in 0..page.len() {
            let found = self.matches(page, at, &chains);
            for state in 0..2 {
                let way = ways[at][state];
                if way.cost == u32::MAX {
                    continue;
                }
                let place = place(page, at, way.last, state == 1);
                let mut step = Step {
                    bits: &bits,
                    from: way,
                    place,
                    ways: &mut ways[at + 1..],
                };
                step.go(Token::Literal, 1);
                if way.last > 0 {
                    step.go_all(SHORTEST..=self.alike(page, at, way.last), way.last);
                }
                let mut shortest = SHORTEST;
                for (longest, distance) in &found {
                    step.go_all(shortest..=*longest, *distance);
                    shortest = longest + 1;
                }
            }
        }
        back(&ways)
    }
}

/// The ways on from a place.
struct Step<'a> {
    bits: &'a [[u32; 2]],
    from: Way,
    place: Place,
    /// From the next place on.
    ways: &'a mut [[Way; 2]],
}

impl Step<'_> {
    /// Goes on by a token, where no other way there is cheaper.
    fn go(&mut self, token: Token, length: usize) {
        let mut cost = Cost {
            bits: self.bits,
            sum: self.from.cost,
        };
        model::code(&mut cost, token, &self.place);
        let (is_match, last) = match token {
            Token::Literal => (false, self.from.last),
            Token::Match { distance, .. } => (true, distance),
        };
        let to = &mut self.ways[length - 1][usize::from(is_match)];
        if cost.sum < to.cost {
            *to = Way {
                cost: cost.sum,
                last,
                token,
                from_match: self.place.after_match,
            };
        }
    }

    /// Goes on by matches of these lengths.
    fn go_all(&mut self, lengths: RangeInclusive<usize>, distance: usize) {
        for length in lengths {
            self.go(Token::Match { length, distance }, length);
        }
    }
}

/// What the contexts at a place of a page depend on.
pub(super) fn place(page: &[u8], at: usize, last: usize, after_match: bool) -> Place {
    Place {
        before: at.checked_sub(1).map_or(0, |before| page[before]),
        byte: page[at],
        last,
        after_match,
    }
}

/// The tokens of the cheapest way to the end.
fn back(ways: &[[Way; 2]]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut at = ways.len() - 1;
    let mut state = usize::from(ways[at][1].cost < ways[at][0].cost);
    while at > 0 {
        let way = ways[at][state];
        tokens.push(way.token);
        at -= match way.token {
            Token::Literal => 1,
            Token::Match { length, .. } => length,
        };
        state = usize::from(way.from_match);
    }
    tokens.reverse();
    tokens
}

/// For each place of a page the last one before it with the same two bytes.
struct Chains(Vec<Option<u16>>);

impl Chains {
    fn of(page: &[u8]) -> Chains {
        let mut heads: HashMap<[u8; 2], u16> = HashMap::new();
        let mut chains = vec![None; page.len()];
        for (at, bytes) in page.windows(2).enumerate() {
            chains[at] = heads.insert([bytes[0], bytes[1]], at as u16);
        }
        Chains(chains)
    }

    fn before<'a>(&'a self, page: &[u8], at: usize) -> impl Iterator<Item = usize> + 'a {
        debug_assert!(at < page.len());
        let next = |at: &u16| self.0[usize::from(*at)];
        std::iter::successors(self.0[at], next).map(usize::from)
    }
}
