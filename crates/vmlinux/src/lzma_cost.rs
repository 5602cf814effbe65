//! What each byte of an xz stream costs in compressed bytes.
//!
//! LZMA codes every decision (literal bit, match, length, distance) by a range
//! coder with adaptive probabilities. A decision of probability p takes −log2 p
//! bits of the stream. Decoding with an eye on that gives the exact price of
//! each literal and of each match; a match's price is shared by the bytes it
//! gives. The prices add up to the stream but for its containers: headers of
//! blocks and chunks, the index, the check.
//!
//! The formats: Igor Pavlov's LZMA specification, and The .xz File Format 1.2.1.
//! BCJ filters keep every byte at its place, so the prices hold for what comes
//! out of them as well.

/// The prices of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// For each uncompressed byte, the bits it takes of the stream.
    pub bits: Vec<f32>,
}

/// Why a stream has no prices, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable xz stream: {what} at offset {at}")]
pub struct CostError {
    what: &'static str,
    at: usize,
}

/// No stream may unpack to more than `limit` bytes: that is all it may take of
/// memory.
pub fn costs(stream: &[u8], limit: usize) -> Result<Costs, CostError> {
    let err = |what, at| CostError { what, at };
    if stream.get(..6) != Some(b"\xfd7zXZ\0") {
        return Err(err("no magic", 0));
    }
    let head = *stream.get(12).ok_or(err("no block", 12))?;
    let mut at = 12 + (usize::from(head) + 1) * 4;
    let mut lzma = Lzma::new(limit);
    loop {
        let control = *stream.get(at).ok_or(err("it is cut off", at))?;
        let size = |from: usize| -> Result<usize, CostError> {
            let bytes = stream
                .get(from..from + 2)
                .ok_or(err("it is cut off", from))?;
            Ok(usize::from(bytes[0]) << 8 | usize::from(bytes[1]))
        };
        match control {
            0 => break,
            1 | 2 => {
                let bytes = size(at + 1)? + 1;
                let chunk = stream
                    .get(at + 3..at + 3 + bytes)
                    .ok_or(err("a chunk is cut off", at))?;
                lzma.stored(chunk).map_err(|what| err(what, at))?;
                at += 3 + bytes;
            }
            0x80.. => {
                let unpacked = (usize::from(control & 0x1f) << 16 | size(at + 1)?) + 1;
                let packed = size(at + 3)? + 1;
                let reset = control >> 5 & 3;
                let mut data = at + 5;
                if reset >= 2 {
                    let props = *stream.get(data).ok_or(err("it is cut off", data))?;
                    lzma.properties(props).map_err(|what| err(what, data))?;
                    data += 1;
                } else if reset == 1 {
                    lzma.reset_state();
                }
                let chunk = stream
                    .get(data..data + packed)
                    .ok_or(err("a chunk is cut off", at))?;
                lzma.chunk(chunk, unpacked).map_err(|what| err(what, at))?;
                at = data + packed;
            }
            _ => return Err(err("an unknown chunk", at)),
        }
    }
    Ok(Costs { bits: lzma.bits })
}

const ONE_HALF: u16 = 1 << 10;

struct RangeDecoder<'a> {
    bytes: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
    /// The price of what was decoded since it was last taken.
    bits: f32,
    prices: &'a [f32; 2048],
}

impl<'a> RangeDecoder<'a> {
    fn new(bytes: &'a [u8], prices: &'a [f32; 2048]) -> Result<Self, &'static str> {
        let first = bytes.get(1..5).ok_or("a chunk without a range coder")?;
        let code = first.iter().fold(0u32, |c, b| c << 8 | u32::from(*b));
        Ok(RangeDecoder {
            bytes,
            at: 5,
            range: u32::MAX,
            code,
            bits: 0.0,
            prices,
        })
    }

    fn normalize(&mut self) {
        if self.range < 1 << 24 {
            self.range <<= 8;
            // Past the end come zeros: the caller compares sizes.
            let byte = self.bytes.get(self.at).copied().unwrap_or(0);
            self.code = self.code << 8 | u32::from(byte);
            self.at += 1;
        }
    }

    fn bit(&mut self, prob: &mut u16) -> usize {
        self.normalize();
        let bound = (self.range >> 11) * u32::from(*prob);
        if self.code < bound {
            self.bits += self.prices[usize::from(*prob & 2047)];
            self.range = bound;
            *prob += (2048 - *prob) >> 5;
            0
        } else {
            self.bits += self.prices[usize::from((2048 - *prob) & 2047)];
            self.range -= bound;
            self.code -= bound;
            *prob -= *prob >> 5;
            1
        }
    }

    fn direct(&mut self, count: u32) -> u32 {
        let mut value = 0;
        for _ in 0..count {
            self.normalize();
            self.range >>= 1;
            let one = self.code >= self.range;
            if one {
                self.code -= self.range;
            }
            value = value << 1 | u32::from(one);
        }
        self.bits += count as f32;
        value
    }

    fn tree(&mut self, probs: &mut [u16], count: u32) -> usize {
        let mut m = 1;
        for _ in 0..count {
            m = m << 1 | self.bit(&mut probs[m]);
        }
        m - (1 << count)
    }

    fn reverse_tree(&mut self, probs: &mut [u16], offset: usize, count: u32) -> usize {
        let (mut m, mut value) = (1, 0);
        for i in 0..count {
            let bit = self.bit(&mut probs[offset + m]);
            m = m << 1 | bit;
            value |= bit << i;
        }
        value
    }
}

struct LengthDecoder {
    choice: [u16; 2],
    low: [[u16; 8]; 16],
    mid: [[u16; 8]; 16],
    high: [u16; 256],
}

impl LengthDecoder {
    fn new() -> Self {
        LengthDecoder {
            choice: [ONE_HALF; 2],
            low: [[ONE_HALF; 8]; 16],
            mid: [[ONE_HALF; 8]; 16],
            high: [ONE_HALF; 256],
        }
    }

    fn decode(&mut self, range: &mut RangeDecoder, pos: usize) -> usize {
        if range.bit(&mut self.choice[0]) == 0 {
            return 2 + range.tree(&mut self.low[pos], 3);
        }
        if range.bit(&mut self.choice[1]) == 0 {
            return 10 + range.tree(&mut self.mid[pos], 3);
        }
        18 + range.tree(&mut self.high, 8)
    }
}

/// The state of a decoder between two chunks.
struct Lzma {
    limit: usize,
    out: Vec<u8>,
    bits: Vec<f32>,
    prices: Box<[f32; 2048]>,
    lc: u32,
    lp: u32,
    pb: u32,
    state: usize,
    rep: [usize; 4],
    literal: Vec<[u16; 0x300]>,
    is_match: [[u16; 16]; 12],
    is_rep: [u16; 12],
    is_rep0: [u16; 12],
    is_rep1: [u16; 12],
    is_rep2: [u16; 12],
    is_rep0_long: [[u16; 16]; 12],
    slot: [[u16; 64]; 4],
    special: [u16; 128],
    align: [u16; 16],
    length: LengthDecoder,
    rep_length: LengthDecoder,
}

impl Lzma {
    fn new(limit: usize) -> Self {
        let mut prices = Box::new([11.0f32; 2048]);
        for (p, price) in prices.iter_mut().enumerate().skip(1) {
            *price = -(p as f32 / 2048.0).log2();
        }
        let mut lzma = Lzma {
            limit,
            out: Vec::new(),
            bits: Vec::new(),
            prices,
            lc: 3,
            lp: 0,
            pb: 2,
            state: 0,
            rep: [0; 4],
            literal: Vec::new(),
            is_match: [[0; 16]; 12],
            is_rep: [0; 12],
            is_rep0: [0; 12],
            is_rep1: [0; 12],
            is_rep2: [0; 12],
            is_rep0_long: [[0; 16]; 12],
            slot: [[0; 64]; 4],
            special: [0; 128],
            align: [0; 16],
            length: LengthDecoder::new(),
            rep_length: LengthDecoder::new(),
        };
        lzma.reset_state();
        lzma
    }

    fn properties(&mut self, props: u8) -> Result<(), &'static str> {
        let props = u32::from(props);
        (self.lc, self.lp, self.pb) = (props % 9, props / 9 % 5, props / 45);
        if self.pb > 4 || self.lc + self.lp > 4 {
            return Err("properties that LZMA2 doesn't have");
        }
        self.reset_state();
        Ok(())
    }

    fn reset_state(&mut self) {
        self.state = 0;
        self.rep = [0; 4];
        self.literal = vec![[ONE_HALF; 0x300]; 1 << (self.lc + self.lp)];
        self.is_match = [[ONE_HALF; 16]; 12];
        for flags in [
            &mut self.is_rep,
            &mut self.is_rep0,
            &mut self.is_rep1,
            &mut self.is_rep2,
        ] {
            *flags = [ONE_HALF; 12];
        }
        self.is_rep0_long = [[ONE_HALF; 16]; 12];
        self.slot = [[ONE_HALF; 64]; 4];
        self.special = [ONE_HALF; 128];
        self.align = [ONE_HALF; 16];
        self.length = LengthDecoder::new();
        self.rep_length = LengthDecoder::new();
    }

    fn room(&self, bytes: usize) -> Result<(), &'static str> {
        if self.out.len().saturating_add(bytes) > self.limit {
            return Err("more unpacked bytes than it may have");
        }
        Ok(())
    }

    fn stored(&mut self, chunk: &[u8]) -> Result<(), &'static str> {
        self.room(chunk.len())?;
        self.out.extend_from_slice(chunk);
        self.bits.resize(self.out.len(), 8.0);
        Ok(())
    }

    fn chunk(&mut self, chunk: &[u8], unpacked: usize) -> Result<(), &'static str> {
        self.room(unpacked)?;
        let prices = self.prices.clone();
        let mut range = RangeDecoder::new(chunk, &prices)?;
        let end = self.out.len() + unpacked;
        while self.out.len() < end {
            let pos = self.out.len() & ((1 << self.pb) - 1);
            range.bits = 0.0;
            if range.bit(&mut self.is_match[self.state][pos]) == 0 {
                self.literal(&mut range)?;
                continue;
            }
            let length = self.match_length(&mut range, pos)?;
            self.copy(length.min(end - self.out.len()), range.bits)?;
        }
        Ok(())
    }

    fn literal(&mut self, range: &mut RangeDecoder) -> Result<(), &'static str> {
        let before = usize::from(self.out.last().copied().unwrap_or(0));
        let low = self.out.len() & ((1 << self.lp) - 1);
        let index = (low << self.lc) + (before >> (8 - self.lc));
        let matched = if self.state >= 7 {
            Some(usize::from(self.byte_back(self.rep[0])?))
        } else {
            None
        };
        let probs = &mut self.literal[index];
        let mut symbol = 1;
        if let Some(mut matched) = matched {
            while symbol < 0x100 {
                let bit = matched >> 7 & 1;
                matched <<= 1;
                let got = range.bit(&mut probs[((1 + bit) << 8) + symbol]);
                symbol = symbol << 1 | got;
                if got != bit {
                    break;
                }
            }
        }
        while symbol < 0x100 {
            symbol = symbol << 1 | range.bit(&mut probs[symbol]);
        }
        self.out.push(symbol as u8);
        self.bits.push(range.bits);
        self.state = match self.state {
            0..=3 => 0,
            4..=9 => self.state - 3,
            _ => self.state - 6,
        };
        Ok(())
    }

    fn byte_back(&self, distance: usize) -> Result<u8, &'static str> {
        self.out
            .len()
            .checked_sub(distance + 1)
            .and_then(|at| self.out.get(at).copied())
            .ok_or("a match before the first byte")
    }

    fn match_length(
        &mut self,
        range: &mut RangeDecoder,
        pos: usize,
    ) -> Result<usize, &'static str> {
        let state = self.state;
        let literal_before = state < 7;
        if range.bit(&mut self.is_rep[state]) == 0 {
            self.rep = [0, self.rep[0], self.rep[1], self.rep[2]];
            let length = self.length.decode(range, pos);
            self.state = if literal_before { 7 } else { 10 };
            self.rep[0] = self.distance(range, length)?;
            return Ok(length);
        }
        if range.bit(&mut self.is_rep0[state]) == 0 {
            if range.bit(&mut self.is_rep0_long[state][pos]) == 0 {
                self.state = if literal_before { 9 } else { 11 };
                return Ok(1);
            }
        } else if range.bit(&mut self.is_rep1[state]) == 0 {
            self.rep.swap(0, 1);
        } else if range.bit(&mut self.is_rep2[state]) == 0 {
            self.rep[..3].rotate_right(1);
        } else {
            self.rep.rotate_right(1);
        }
        let length = self.rep_length.decode(range, pos);
        self.state = if literal_before { 8 } else { 11 };
        Ok(length)
    }

    fn distance(&mut self, range: &mut RangeDecoder, length: usize) -> Result<usize, &'static str> {
        let slot = range.tree(&mut self.slot[(length - 2).min(3)], 6);
        if slot < 4 {
            return Ok(slot);
        }
        let count = (slot >> 1) as u32 - 1;
        let base = (2 | slot & 1) << count;
        if slot < 14 {
            let more = range.reverse_tree(&mut self.special, base - slot, count);
            return Ok(base + more);
        }
        let high = range.direct(count - 4) as usize;
        let low = range.reverse_tree(&mut self.align, 0, 4);
        base.checked_add(high << 4)
            .and_then(|d| d.checked_add(low))
            .filter(|d| *d < u32::MAX as usize)
            .ok_or("an end marker, which LZMA2 doesn't have")
    }

    fn copy(&mut self, length: usize, bits: f32) -> Result<(), &'static str> {
        let each = bits / length as f32;
        for _ in 0..length {
            let byte = self.byte_back(self.rep[0])?;
            self.out.push(byte);
            self.bits.push(each);
        }
        Ok(())
    }
}
