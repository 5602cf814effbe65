//! Where functions begin, and where exceptions and cancellations come back into them:
//! from a file's tables of unwinding (Linux Standard Base, Core, 10.6: `.eh_frame` and
//! `.eh_frame_hdr`; the Itanium C++ ABI's exception tables, as GCC and LLVM write them).
//! Nothing jumps to a landing pad, so what it does is seen here alone.

use std::collections::BTreeSet;

use super::image::Image;

/// What stands before the table of functions: the version, and how its numbers are
/// written, as linkers do it.
const HEADER: u64 = 0x3b03_1b01;

/// A pointer that isn't there (`DW_EH_PE_omit`).
const OMITTED: u64 = 0xff;

/// What the tables say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unwinding {
    /// Where functions begin.
    pub functions: BTreeSet<u64>,
    /// Where exceptions come back into functions.
    pub landings: BTreeSet<u64>,
    /// A function whose table isn't understood.
    pub unread: Option<u64>,
}

impl Unwinding {
    /// Reads the tables from where `.eh_frame_hdr` is.
    pub(crate) fn read(image: &Image, header: u64) -> Unwinding {
        let mut all = Unwinding::default();
        let word = |at: u64| image.word(header.checked_add(at)?, 4);
        if word(0) != Some(HEADER) {
            all.unread = Some(header);
            return all;
        }
        let far = |word: u64| header.wrapping_add_signed(i64::from(word as u32 as i32));
        for number in 0..word(8).unwrap_or_default() {
            let (Some(begin), Some(entry)) = (word(12 + 8 * number), word(16 + 8 * number)) else {
                all.unread = Some(header);
                break;
            };
            let (begin, entry) = (far(begin), far(entry));
            all.functions.insert(begin);
            if landings(image, begin, entry, &mut all.landings).is_none() {
                all.unread.get_or_insert(begin);
            }
        }
        all
    }
}

/// Adds the landing pads of one function, by its entry in `.eh_frame`.
fn landings(image: &Image, begin: u64, entry: u64, all: &mut BTreeSet<u64>) -> Option<()> {
    let mut at = Reader {
        image,
        at: entry.checked_add(4)?,
    };
    let common = at.at.checked_sub(at.fixed(4)?)?;
    let Some((of_code, of_table)) = encodings(image, common)? else {
        return Some(());
    };
    at.pointer(of_code)?;
    at.fixed(width(of_code)?)?;
    at.variable()?;
    let Some(table) = at.pointer(of_table)?.filter(|table| *table != 0) else {
        return Some(());
    };
    let mut at = Reader { image, at: table };
    let base = match at.fixed(1)? {
        OMITTED => begin,
        encoding => at.pointer(encoding)?.unwrap_or(begin),
    };
    if at.fixed(1)? != OMITTED {
        at.variable()?;
    }
    let encoding = at.fixed(1)?;
    let size = at.variable()?;
    let end = at.at.checked_add(size)?;
    while at.at < end {
        at.number(encoding)?;
        at.number(encoding)?;
        let landing = at.number(encoding)?;
        at.variable()?;
        if landing != 0 {
            all.insert(base.wrapping_add(landing));
        }
    }
    Some(())
}

/// How pointers to code and to the exception table are written, by what several
/// functions have in common; nothing where there is no exception table.
fn encodings(image: &Image, common: u64) -> Option<Option<(u64, u64)>> {
    let mut at = Reader {
        image,
        at: common.checked_add(8)?,
    };
    let version = at.fixed(1)?;
    let mut letters = Vec::new();
    loop {
        match at.fixed(1)? {
            0 => break,
            letter => letters.push(letter as u8),
        }
    }
    at.variable()?;
    at.variable()?;
    if version == 1 {
        at.fixed(1)?;
    } else {
        at.variable()?;
    }
    if letters.first() != Some(&b'z') {
        return letters.is_empty().then_some(None);
    }
    at.variable()?;
    let (mut code, mut table) = (0, None);
    for letter in &letters[1..] {
        match letter {
            b'R' => code = at.fixed(1)?,
            b'L' => table = Some(at.fixed(1)?).filter(|encoding| *encoding != OMITTED),
            b'P' => {
                let encoding = at.fixed(1)?;
                at.pointer(encoding)?;
            }
            b'S' | b'B' => {}
            _ => return None,
        }
    }
    Some(table.map(|table| (code, table)))
}

/// How many bytes a number has that is written so (`DW_EH_PE_…`).
fn width(encoding: u64) -> Option<usize> {
    match encoding & 0xf {
        0x0 | 0x4 | 0xc => Some(8),
        0x3 | 0xb => Some(4),
        _ => None,
    }
}

/// Reads on from an address.
struct Reader<'a> {
    image: &'a Image,
    at: u64,
}

impl Reader<'_> {
    fn fixed(&mut self, bytes: usize) -> Option<u64> {
        let word = self.image.word(self.at, bytes)?;
        self.at = self.at.checked_add(bytes as u64)?;
        Some(word)
    }

    /// A number in pieces of seven bits (LEB128).
    fn variable(&mut self) -> Option<u64> {
        let (mut all, mut shift) = (0, 0);
        loop {
            let byte = self.fixed(1)?;
            all |= (byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(all);
            }
            shift += 7;
        }
    }

    fn number(&mut self, encoding: u64) -> Option<u64> {
        match encoding {
            0x1 => self.variable(),
            _ => self.fixed(width(encoding)?),
        }
    }

    /// An address; nothing where it is zero or omitted.
    fn pointer(&mut self, encoding: u64) -> Option<Option<u64>> {
        if encoding == OMITTED {
            return Some(None);
        }
        let from = self.at;
        let word = self.fixed(width(encoding)?)?;
        let word = match encoding & 0xf {
            0xb => i64::from(word as u32 as i32) as u64,
            _ => word,
        };
        match encoding & 0x70 {
            _ if word == 0 => Some(None),
            0x00 => Some(Some(word)),
            0x10 => Some(Some(from.wrapping_add(word))),
            _ => None,
        }
    }
}
