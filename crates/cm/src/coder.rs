//! The arithmetic coder, and what stands around it.

use crate::error::Error;
use crate::filter;
use crate::header::{Header, Settings};
use crate::model::Model;

/// The most that a stream holds.
const MOST: usize = 1 << 30;

/// Packs `bytes`.
///
/// # Errors
/// When they are more than 1 GiB.
pub fn compress(bytes: &[u8], settings: &Settings) -> Result<Vec<u8>, Error> {
    if bytes.len() > MOST {
        return Err(Error::TooLong(bytes.len()));
    }
    let header = Header::new(settings, bytes.len() as u32, !crc32(!0, bytes));
    let mut out = header.write();
    let mut model = Model::new(&header);
    let (mut low, mut high) = (0u32, u32::MAX);
    for block in bytes.chunks(1 << header.block) {
        let mut block = block.to_vec();
        filter::apply(header.filter, &mut block);
        model.begin();
        for at in 0..block.len() {
            for bit in (0..8).rev() {
                let y = u32::from(block[at]) >> bit & 1;
                let middle = part(low, high, model.predict(&block));
                match y {
                    0 => low = middle + 1,
                    _ => high = middle,
                }
                while (low ^ high) >> 24 == 0 {
                    out.push((low >> 24) as u8);
                    low <<= 8;
                    high = high << 8 | 255;
                }
                model.learn(y, &block);
            }
        }
    }
    out.extend(low.to_be_bytes());
    Ok(out)
}

/// Unpacks the stream at the start of `stream`, to at most `limit` bytes. With
/// them comes where it ends: what follows is not looked at.
///
/// # Errors
/// When it is no stream, holds more, is cut off, or damaged.
pub fn decompress(stream: &[u8], limit: usize) -> Result<(Vec<u8>, usize), Error> {
    let mut decoder = Decoder::new(stream, limit)?;
    let out = decoder.unpack(|_, _| ())?;
    Ok((out, decoder.at))
}

/// What each byte takes of its stream, in bits. They add up to the stream but
/// for its header and at most four bytes.
///
/// # Errors
/// As [`decompress`].
pub fn costs(stream: &[u8], limit: usize) -> Result<Vec<f32>, Error> {
    let mut decoder = Decoder::new(stream, limit)?;
    let mut bits: Vec<f32> = Vec::new();
    decoder.unpack(|first, chance| {
        let price = -(f64::from(chance) / 65536.0).log2() as f32;
        match (first, bits.last_mut()) {
            (false, Some(last)) => *last += price,
            _ => bits.push(price),
        }
    })?;
    Ok(bits)
}

struct Decoder<'a> {
    header: Header,
    stream: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    fn new(stream: &'a [u8], limit: usize) -> Result<Self, Error> {
        let header = Header::read(stream)?;
        if header.bytes as usize > limit.min(MOST) {
            let bytes = header.bytes;
            return Err(Error::TooLarge { bytes, limit });
        }
        let at = header.len();
        Ok(Self { header, stream, at })
    }

    fn next(&mut self) -> Result<u32, Error> {
        let byte = self.stream.get(self.at);
        self.at += 1;
        let byte = byte.copied().map(u32::from);
        byte.ok_or(Error::CutOff(self.stream.len()))
    }

    /// `priced` hears of each bit: whether it is the first of its byte, and its
    /// chance of 65536.
    fn unpack(&mut self, mut priced: impl FnMut(bool, u32)) -> Result<Vec<u8>, Error> {
        let mut code = 0;
        for _ in 0..4 {
            code = code << 8 | self.next()?;
        }
        let mut model = Model::new(&self.header);
        let (mut low, mut high) = (0u32, u32::MAX);
        let mut out = Vec::new();
        let mut left = self.header.bytes as usize;
        while left > 0 {
            let bytes = left.min(1 << self.header.block);
            left -= bytes;
            // Grown as it is filled: a header may promise what never comes.
            let mut block = Vec::new();
            model.begin();
            while block.len() < bytes {
                let at = block.len();
                block.push(0);
                for bit in 0..8 {
                    let chance = model.predict(&block);
                    let middle = part(low, high, chance);
                    let y = u32::from(code <= middle);
                    match y {
                        0 => low = middle + 1,
                        _ => high = middle,
                    }
                    priced(bit == 0, if y == 1 { chance } else { 65536 - chance });
                    while (low ^ high) >> 24 == 0 {
                        low <<= 8;
                        high = high << 8 | 255;
                        code = code << 8 | self.next()?;
                    }
                    block[at] = block[at] << 1 | y as u8;
                    model.learn(y, &block);
                }
            }
            filter::undo(self.header.filter, &mut block);
            out.extend(block);
        }
        let (found, wanted) = (!crc32(!0, &out), self.header.crc32);
        if found != wanted {
            return Err(Error::Damaged { found, wanted });
        }
        Ok(out)
    }
}

/// Where between `low` and `high` a chance of 65536 parts them.
fn part(low: u32, high: u32, chance: u32) -> u32 {
    let range = high.wrapping_sub(low);
    low.wrapping_add((range >> 16) * chance)
        .wrapping_add(((range & 65535) * chance) >> 16)
}

/// The CRC32 of gzip and xz, without its last inversion.
fn crc32(crc: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
