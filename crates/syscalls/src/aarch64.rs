//! The instructions of 64-bit ARM (Arm Architecture Reference Manual for A-profile,
//! C4: A64 instruction set encoding). Whatever isn't understood counts as writing
//! all that it could.

use std::collections::{HashMap, HashSet};

use super::image::{Image, Piece};
use super::step::{Code, Convention, Flow, Listing, Origin, Place, Step};

/// Procedure Call Standard for the Arm 64-bit Architecture, and the kernel's
/// el0_svc() in arch/arm64/kernel/syscall.c.
pub(crate) static AARCH64: Convention = Convention {
    number: 8,
    spoiled: &[0],
    preserved: &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    first_argument: Place::Register(0),
    return_address: 0,
};

/// The stack pointer or zero, as the instruction has it.
const R31: u8 = 31;

/// The register that points to a function's frame.
const FRAME: u8 = 29;

/// What a jump needs is made so many instructions before it, at most.
const NEAR: usize = 24;

/// An entry of a table of branches is looked for up to so many.
const TABLE_LIMIT: u64 = 512;

/// Reads all code of a program.
pub(crate) fn listing(image: &Image) -> Listing {
    let mut listing = Listing::default();
    for piece in image.pieces.iter().filter(|piece| piece.code) {
        let words: Vec<(u64, u32)> = words(piece).collect();
        for (index, (at, code)) in words.iter().enumerate() {
            let flow = if is_jump_by_register(*code) {
                jump(image, &words[..=index]).unwrap_or_else(|| {
                    let why = format!("a jump by a table isn't understood at {at:#x}");
                    listing.unread.get_or_insert(why);
                    Flow::End
                })
            } else {
                flow(*at, *code)
            };
            listing.steps.push(Step {
                at: *at,
                next: at + 4,
                flow,
                code: Code::A64(*code),
            });
        }
    }
    let jumps = jumps(&listing);
    for piece in image.pieces.iter().filter(|piece| piece.code) {
        let words: Vec<(u64, u32)> = words(piece).collect();
        note_addresses(image, &words, &jumps, &mut listing);
    }
    listing
}

/// From the places that are jumped to: from where.
fn jumps(listing: &Listing) -> HashMap<u64, Vec<u64>> {
    let mut all: HashMap<u64, Vec<u64>> = HashMap::new();
    for step in &listing.steps {
        let to = match &step.flow {
            Flow::Jump(to) | Flow::Branch(to) => std::slice::from_ref(to),
            Flow::Table(entries, _) => entries,
            _ => &[],
        };
        for to in to {
            all.entry(*to).or_default().push(step.at);
        }
    }
    all
}

fn words(piece: &Piece) -> impl Iterator<Item = (u64, u32)> {
    let all = piece.bytes.chunks_exact(4).enumerate();
    all.map(|(index, bytes)| {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        (piece.at + 4 * index as u64, word)
    })
}

/// Notes the addresses that instructions make: of `adr`, and of `adrp` with each `add`
/// that its page can come to. Functions don't hand each other halves of an address.
fn note_addresses(
    image: &Image,
    words: &[(u64, u32)],
    jumps: &HashMap<u64, Vec<u64>>,
    listing: &mut Listing,
) {
    let places = words.iter().enumerate();
    let places: HashMap<u64, usize> = places.map(|(place, (at, _))| (*at, place)).collect();
    for (place, (at, code)) in words.iter().enumerate() {
        match address(*at, *code) {
            Some(made) if !is_page(*code) => listing.taken.push(made),
            _ => {}
        }
        let Some(added) = added(*code).filter(|added| *added >= 0) else {
            continue;
        };
        let register = rn(*code);
        let mut queue = vec![place];
        let mut seen = HashSet::new();
        while let Some(place) = queue.pop() {
            let behind = place.checked_sub(1);
            let behind = behind.filter(|before| goes_on(words[*before].0, words[*before].1));
            let sources = jumps.get(&words[place].0).into_iter().flatten();
            let sources = sources.filter_map(|at| places.get(at).copied());
            for before in behind.into_iter().chain(sources) {
                let (at, code) = words[before];
                if !seen.insert(before) {
                    continue;
                }
                if is_page(code) && rd(code) == register {
                    let page = address(at, code);
                    let sum = page.map(|page| page.wrapping_add_signed(added));
                    listing.taken.extend(sum.filter(|sum| image.is_code(*sum)));
                } else if !loses(at, code, register) {
                    queue.push(before);
                }
            }
        }
    }
}

/// Whether what comes next can be what stands next.
fn goes_on(at: u64, code: u32) -> bool {
    !is_jump_by_register(code) && !matches!(flow(at, code), Flow::Jump(_) | Flow::End)
}

/// Whether an instruction surely leaves something else in a register: it makes it
/// there, loads it, or is a call, which preserves only some.
fn loses(at: u64, code: u32, register: u8) -> bool {
    match code >> 25 & 0xf {
        5 | 8 | 9 | 13 => writes(code, register),
        4 | 6 | 12 | 14 => is_load(code) && code >> 27 & 7 == 7 && rd(code) == register,
        _ => {
            let calls = matches!(flow(at, code), Flow::Call(_) | Flow::CallAny);
            calls && !AARCH64.preserved.contains(&register) && register != R31
        }
    }
}

fn field(code: u32, low: u32) -> u8 {
    (code >> low & 0x1f) as u8
}

fn rd(code: u32) -> u8 {
    field(code, 0)
}

fn rn(code: u32) -> u8 {
    field(code, 5)
}

fn rm(code: u32) -> u8 {
    field(code, 16)
}

/// `bits` of an instruction from `low` on, as a signed number.
fn signed(code: u32, low: u32, bits: u32) -> i64 {
    i64::from(((code >> low) << (32 - bits)) as i32 >> (32 - bits))
}

fn is_page(code: u32) -> bool {
    code & 0x9f00_0000 == 0x9000_0000
}

/// What `adr` or `adrp` make.
fn address(at: u64, code: u32) -> Option<u64> {
    let distance = signed(code, 5, 19) << 2 | i64::from(code >> 29 & 3);
    match code & 0x9f00_0000 {
        0x1000_0000 => Some(at.wrapping_add_signed(distance)),
        0x9000_0000 => Some((at & !0xfff).wrapping_add_signed(distance << 12)),
        _ => None,
    }
}

/// The number that `add` or `sub` add to a register.
fn added(code: u32) -> Option<i64> {
    let number = i64::from(code >> 10 & 0xfff) << (if code & 1 << 22 == 0 { 0 } else { 12 });
    match code & 0x7f80_0000 {
        0x1100_0000 => Some(number),
        0x5100_0000 => Some(-number),
        _ => None,
    }
}

fn is_jump_by_register(code: u32) -> bool {
    code & 0xffff_fc1f == 0xd61f_0000
}

fn flow(at: u64, code: u32) -> Flow {
    let to = |low, bits| at.wrapping_add_signed(signed(code, low, bits) * 4);
    if code & 0x7c00_0000 == 0x1400_0000 {
        return match code >> 31 {
            0 => Flow::Jump(to(0, 26)),
            _ => Flow::Call(to(0, 26)),
        };
    }
    match code & 0x7e00_0000 {
        0x3400_0000 => return Flow::Branch(to(5, 19)),
        0x3600_0000 => return Flow::Branch(to(5, 14)),
        _ => {}
    }
    match code {
        _ if code & 0xff00_0000 == 0x5400_0000 => Flow::Branch(to(5, 19)),
        _ if code & 0xffff_fc1f == 0xd63f_0000 => Flow::CallAny,
        // ret
        _ if code & 0xff9f_fc1f == 0xd61f_0000 && code & 0x0060_0000 != 0 => Flow::End,
        _ if code & 0xffe0_001f == 0xd400_0001 => Flow::Site,
        // hvc, smc, brk, hlt
        _ if code & 0xff00_0000 == 0xd400_0000 => Flow::End,
        // Permanently undefined.
        _ if code & 0xffff_0000 == 0 => Flow::End,
        _ => Flow::Next,
    }
}

/// Where the last of some instructions goes, which jumps to what is in a register:
/// an address that was loaded or passed is one that is taken elsewhere; to the
/// entries of a table of distances in words from `adr`'s address; `None` where that
/// isn't seen.
fn jump(image: &Image, words: &[(u64, u32)]) -> Option<Flow> {
    let (last, before) = words.split_last()?;
    let Some((place, _, code)) = writer(before, rn(last.1)) else {
        return Some(Flow::End);
    };
    // add xD, xN, wM, sxtb|sxth|sxtw #2; unsigned too.
    if code & 0xffe0_1c00 != 0x8b20_0800 {
        let moved = is_move(code) || is_select(code) || is_load(code) || added(code).is_some();
        return moved.then_some(Flow::End);
    }
    let is_signed = code & 0x8000 != 0;
    let base = constant(&before[..place], rn(code))?;
    let (load, _, loaded) = writer(&before[..place], rm(code))?;
    let bytes: usize = match loaded & 0xffe0_0c00 {
        0x3860_0800 => 1,
        0x7860_0800 => 2,
        0xb860_0800 | 0xb8a0_0800 => 4,
        _ => return None,
    };
    let most = bound(&before[..load], rm(loaded)).unwrap_or(TABLE_LIMIT);
    let entry = |table: u64, index: u64| {
        let word = image.word(table + index * bytes as u64, bytes)?;
        let unused = 64 - 8 * bytes as u32;
        let distance = if is_signed {
            (word << unused) as i64 >> unused
        } else {
            word as i64
        };
        let to = base.wrapping_add_signed(distance * 4);
        image.is_code(to).then_some(to)
    };
    let mut entries = Vec::new();
    for table in tables(&before[..load], rn(loaded))? {
        let its: Vec<u64> = (0..most).map_while(|index| entry(table, index)).collect();
        if its.is_empty() {
            return None;
        }
        entries.extend(its);
    }
    Some(Flow::Table(entries, false))
}

/// What tables a register can point to: one whose address was made in it nearby, or
/// those that the function makes in it, or puts where it is loaded from, in its frame.
fn tables(words: &[(u64, u32)], register: u8) -> Option<Vec<u64>> {
    if let Some(table) = constant(words, register) {
        return Some(vec![table]);
    }
    let found = match writer(words, register) {
        // ldr xT, [x29, #place]
        Some((load, _, code)) if code & 0xffc0_0000 == 0xf940_0000 && rn(code) == FRAME => {
            let place = i64::from(code >> 10 & 0xfff) * 8;
            // stp x29, x30, [sp, #-size]!
            let begins = |(_, code): &(u64, u32)| code & 0xffc0_7fff == 0xa980_7bfd;
            let first = words[..load].iter().rposition(begins)?;
            kept_in_frame(&words[first..load], place)?
        }
        None => {
            let saves = |(_, code): &(u64, u32)| saves(*code, register);
            let first = words.iter().rposition(saves)?;
            kept_in_register(&words[first..], register)?
        }
        _ => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// Whether an instruction saves a register and another that calls leave alone, as a
/// function does before it writes to them: `stp` to the stack.
fn saves(code: u32, register: u8) -> bool {
    let pair = [rd(code), field(code, 10)];
    let preserved = |one: &u8| *one == 30 || AARCH64.preserved.contains(one);
    matches!(code & 0xffc0_0000, 0xa900_0000 | 0xa980_0000)
        && rn(code) == R31
        && pair.contains(&register)
        && pair.iter().all(preserved)
}

/// The addresses that a function makes in a register that calls leave alone.
fn kept_in_register(words: &[(u64, u32)], register: u8) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    for (index, (_, code)) in words.iter().enumerate() {
        // A page alone is none, and what was the caller's is loaded at the end.
        let restores = is_load(*code) && [FRAME, R31].contains(&rn(*code));
        if writes(*code, register) && !is_page(*code) && !restores {
            found.push(constant(&words[..=index], register)?);
        }
    }
    Some(found)
}

/// The addresses that a function puts at a place of its frame.
fn kept_in_frame(words: &[(u64, u32)], place: i64) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    for (index, (_, code)) in words.iter().enumerate().skip(1) {
        let stores = code >> 25 & 5 == 4 && !is_load(*code) && rn(*code) == FRAME;
        let at = i64::from(code >> 10 & 0xfff) << (code >> 30);
        let pair = signed(*code, 15, 7) * 8;
        let stored = match code & 0x3fc0_0000 {
            _ if !stores => continue,
            0x3900_0000 if at & !7 != place => continue,
            0x3900_0000 if code >> 30 == 3 => rd(*code),
            0x2900_0000 if code >> 30 == 2 && pair == place => rd(*code),
            0x2900_0000 if code >> 30 == 2 && pair + 8 == place => field(*code, 10),
            0x2900_0000 if code >> 30 == 2 => continue,
            _ => return None,
        };
        found.push(constant(&words[..index], stored)?);
    }
    Some(found)
}

/// The nearest instruction before the end that writes a register, by its place
/// among them, its address and its code.
fn writer(words: &[(u64, u32)], register: u8) -> Option<(usize, u64, u32)> {
    let near = words.iter().enumerate().rev().take(NEAR);
    let mut found = near.filter(|(_, (_, code))| writes(*code, register));
    found.next().map(|(place, (at, code))| (place, *at, *code))
}

/// The address that was made in a register.
fn constant(words: &[(u64, u32)], register: u8) -> Option<u64> {
    let (place, at, code) = writer(words, register)?;
    if let Some(address) = address(at, code) {
        return Some(address);
    }
    let before = constant(&words[..place], rn(code))?;
    Some(before.wrapping_add_signed(added(code)?))
}

/// How many entries a table has whose index is in a register: what it was compared
/// with (`cmp wN, #most`, then `b.hi` or `b.ls`).
fn bound(words: &[(u64, u32)], index: u8) -> Option<u64> {
    let mut behind = 0;
    for (_, code) in words.iter().rev().take(NEAR) {
        let compares = code & 0x7fc0_001f == 0x7100_001f && rn(*code) == index;
        let condition = if behind & 0xff00_0010 == 0x5400_0000 {
            behind & 0xf
        } else {
            0xf
        };
        if compares {
            let most = u64::from(code >> 10 & 0xfff);
            return matches!(condition, 8 | 9).then_some(most + 1);
        }
        if writes(*code, index) {
            return None;
        }
        behind = *code;
    }
    None
}

/// `mov` between registers.
fn is_move(code: u32) -> bool {
    code & 0x7fe0_ffe0 == 0x2a00_03e0
}

/// `csel` and `csinc`.
fn is_select(code: u32) -> bool {
    code & 0x7fe0_0800 == 0x1a80_0000
}

/// A load of general registers.
fn is_load(code: u32) -> bool {
    let vector = code & 1 << 26 != 0;
    code >> 25 & 5 == 4 && !vector && (code & 1 << 22 != 0 || code & 0x3b00_0000 == 0x1800_0000)
}

/// Whether an instruction may write a register. 31 stands for the stack pointer.
fn writes(code: u32, register: u8) -> bool {
    match code >> 25 & 0xf {
        // Data processing with a number: only some have the stack pointer there.
        8 | 9 => rd(code) == register && (register != R31 || can_write_sp(code)),
        10 | 11 => match code >> 24 {
            0xd5 => register != R31 && rd(code) == register,
            0xd4 => register == 0,
            // bl, blr
            _ => register == 30 && (code >> 26 == 0x25 || code & 0xffff_fc1f == 0xd63f_0000),
        },
        4 | 6 | 12 | 14 => transfer_writes(code, register),
        // Data processing with registers; a comparison under a condition writes none.
        5 | 13 => {
            let compares = code & 0x1fe0_0000 == 0x1a40_0000;
            let extended = code & 0x7fe0_0000 == 0x0b20_0000 || code & 0x7fe0_0000 == 0x4b20_0000;
            !compares && rd(code) == register && (register != R31 || extended)
        }
        // From a vector's register.
        7 | 15 => {
            let converts = code & 0x5f20_fc00 == 0x1e20_0000 || code & 0x5f20_0000 == 0x1e00_0000;
            let copies = code & 0x9fe0_8400 == 0x0e00_0400;
            (converts || copies) && register != R31 && rd(code) == register
        }
        _ => true,
    }
}

/// `add`, `sub`, `and`, `orr` and `eor` with a number.
fn can_write_sp(code: u32) -> bool {
    let adds = code & 0x1f80_0000 == 0x1100_0000 && code & 1 << 29 == 0;
    let logical = code & 0x1f80_0000 == 0x1200_0000 && code >> 29 & 3 != 3;
    adds || logical
}

/// Loads and stores.
fn transfer_writes(code: u32, register: u8) -> bool {
    let vector = code & 1 << 26 != 0;
    let load = code & 1 << 22 != 0;
    let (first, second, base) = (rd(code), field(code, 10), rn(code));
    let loads = |one: u8| !vector && register != R31 && register == one;
    match code >> 27 & 7 {
        // Pairs.
        5 => {
            let changes = code & 1 << 23 != 0;
            (load && (loads(first) || loads(second))) || (changes && register == base)
        }
        // One register.
        7 => {
            let unsigned = code & 1 << 24 != 0;
            let by_register = code & 1 << 21 != 0;
            let changes = !unsigned && !by_register && code & 1 << 10 != 0;
            let atomic = !unsigned && by_register && code & 0xc00 == 0;
            let is_load = code >> 22 & 3 != 0 || atomic;
            (is_load && loads(first)) || (changes && register == base)
        }
        // From beside the code.
        3 if code & 1 << 24 == 0 => loads(first),
        // Exclusive ones, which give their outcome to a third, and vectors'.
        1 => {
            let status = loads(first) || loads(second) || loads(rm(code));
            status || (vector && register == base)
        }
        _ => register == first || register == second || register == base,
    }
}

/// Where what is in a place behind an instruction was before it.
pub(crate) fn origin(image: &Image, (at, code): (u64, u32), place: Place) -> Origin {
    match place {
        Place::Register(number) if writes(code, number) => assigned(image, (at, code), number),
        Place::Register(_) => Origin::Of(place, 0),
        Place::Stack(offset) => stack_origin(code, offset),
    }
}

/// What a register has that reads as zero where its number is 31.
fn of(register: u8) -> Origin {
    match register {
        R31 => Origin::Constant(0),
        _ => Origin::Of(Place::Register(register), 0),
    }
}

fn assigned(image: &Image, (at, code): (u64, u32), wanted: u8) -> Origin {
    let wide = code >> 31 != 0;
    if let Some(address) = address(at, code) {
        return Origin::Constant(address);
    }
    if let Some(added) = added(code) {
        return match rn(code) {
            R31 => Origin::Unknown,
            from => Origin::Of(Place::Register(from), added),
        };
    }
    if is_move(code) {
        return of(rm(code));
    }
    let number = u64::from(code >> 5 & 0xffff) << (16 * (code >> 21 & 3));
    match code & 0x7f80_0000 {
        0x5280_0000 => return Origin::Constant(number),
        0x1280_0000 if wide => return Origin::Constant(!number),
        0x1280_0000 => return Origin::Constant(!number & 0xffff_ffff),
        _ => {}
    }
    if is_select(code) {
        let one_more = i64::from(code >> 10 & 1);
        return match (rn(code), rm(code)) {
            (R31, R31) => Origin::Unknown,
            (R31, other) if one_more == 0 => {
                Origin::If(Box::new(Origin::Constant(0)), Place::Register(other))
            }
            (R31, _) => Origin::Unknown,
            (first, R31) => {
                let other = Origin::Constant(one_more as u64);
                Origin::If(Box::new(other), Place::Register(first))
            }
            (first, other) => {
                let other = Origin::Of(Place::Register(other), one_more);
                Origin::If(Box::new(other), Place::Register(first))
            }
        };
    }
    if code & 0xbf00_0000 == 0x1800_0000 {
        let from = at.wrapping_add_signed(signed(code, 5, 19) * 4);
        let word = image.word(from, if code & 1 << 30 == 0 { 4 } else { 8 });
        return word.map_or(Origin::Unknown, Origin::Constant);
    }
    if rn(code) != R31 {
        return Origin::Unknown;
    }
    let second = if field(code, 10) == wanted { 8 } else { 0 };
    let from = match code {
        _ if code & 0xffc0_0000 == 0xf940_0000 => i64::from(code >> 10 & 0xfff) * 8,
        _ if code & 0xffc0_0000 == 0xb940_0000 => i64::from(code >> 10 & 0xfff) * 4,
        _ if code & 0xffc0_0000 == 0xa940_0000 => signed(code, 15, 7) * 8 + second,
        _ if code & 0xffc0_0000 == 0xa8c0_0000 => second,
        _ if code & 0xffe0_0c00 == 0xf840_0400 => 0,
        _ => return Origin::Unknown,
    };
    Origin::Of(Place::Stack(from), 0)
}

fn stack_origin(code: u32, offset: i64) -> Origin {
    // Behind the instruction, seen from where the stack pointer was before it.
    let moved = |by: i64| match offset.checked_add(by) {
        Some(at) if at >= 0 => Origin::Of(Place::Stack(at), 0),
        _ => Origin::Unknown,
    };
    if offset < 0 {
        return Origin::Unknown;
    }
    let stored = |at: i64, registers: &[u8]| {
        let end = at + 8 * registers.len() as i64;
        match offset {
            _ if offset + 8 <= at || offset >= end => None,
            _ if (offset - at) % 8 == 0 => Some(of(registers[((offset - at) / 8) as usize])),
            _ => Some(Origin::Unknown),
        }
    };
    let on_stack = rn(code) == R31;
    if !writes(code, R31) {
        let pair = [rd(code), field(code, 10)];
        let at = i64::from(code >> 10 & 0xfff);
        return match code {
            _ if !on_stack || code >> 25 & 5 != 4 || is_load(code) => moved(0),
            _ if code & 0xffc0_0000 == 0xf900_0000 => {
                stored(at * 8, &pair[..1]).unwrap_or(moved(0))
            }
            _ if code & 0xffc0_0000 == 0xa900_0000 => {
                stored(signed(code, 15, 7) * 8, &pair).unwrap_or(moved(0))
            }
            // A half of a word is read as such.
            _ if code & 0xffc0_0000 == 0xb900_0000 && at * 4 == offset => of(rd(code)),
            _ if code & 0xffc0_0000 == 0xb900_0000 && (at * 4 - offset).abs() >= 8 => moved(0),
            _ => Origin::Unknown,
        };
    }
    let pair = [rd(code), field(code, 10)];
    match code {
        _ if !on_stack => Origin::Unknown,
        _ if code & 0xff00_001f == 0x9100_001f || code & 0xff00_001f == 0xd100_001f => {
            added(code).map_or(Origin::Unknown, moved)
        }
        // Pushed: a pair, one.
        _ if code & 0xffc0_0000 == 0xa980_0000 => {
            stored(0, &pair).unwrap_or_else(|| moved(signed(code, 15, 7) * 8))
        }
        _ if code & 0xffe0_0c00 == 0xf800_0c00 => {
            stored(0, &pair[..1]).unwrap_or_else(|| moved(signed(code, 12, 9)))
        }
        // Popped: a pair, one.
        _ if code & 0xffc0_0000 == 0xa8c0_0000 => moved(signed(code, 15, 7) * 8),
        _ if code & 0xffe0_0c00 == 0xf840_0400 => moved(signed(code, 12, 9)),
        _ => Origin::Unknown,
    }
}

/// Whether an instruction only fills room.
pub(crate) fn is_padding(code: u32) -> bool {
    matches!(code, 0xd503_201f | 0)
}
