//! ARM's 32-bit instructions (Arm Architecture Reference Manual, ARMv5 to 7,
//! A5). Whatever isn't understood counts as writing all that it could.

use std::collections::{HashMap, HashSet};

use super::image::{Image, Piece};
use super::step::{Code, Convention, Flow, Listing, Origin, Place, Step};

/// Procedure Call Standard for the Arm Architecture, and the EABI of the
/// kernel's entry-common.S.
pub(crate) static ARM: Convention = Convention {
    number: 7,
    spoiled: &[0],
    preserved: &[4, 5, 6, 7, 8, 9, 10, 11],
    first_argument: Place::Register(0),
    return_address: 0,
};

const SP: u8 = 13;
const PC: u8 = 15;

/// An entry of a table of branches is looked for up to so many.
const TABLE_LIMIT: u64 = 512;

/// Reads all code of a program. What instructions load relative to themselves
/// is data.
pub(crate) fn listing(image: &Image) -> Listing {
    let mut listing = Listing::default();
    let (mut data, mut tables) = (HashSet::new(), HashSet::new());
    let mut targets: Vec<(u64, Vec<u64>)> = Vec::new();
    for piece in image.pieces.iter().filter(|piece| piece.code) {
        for (at, code) in words(piece) {
            if let Some(literal) = literal(at, code) {
                data.insert(literal);
            }
            if let Some((table, entries)) = table(image, (at, code)) {
                tables.extend(table);
                targets.push((at, entries));
            }
        }
    }
    let targets: HashMap<u64, Vec<u64>> = targets.into_iter().collect();
    for piece in image.pieces.iter().filter(|piece| piece.code) {
        for (at, code) in words(piece) {
            if tables.contains(&at) {
                continue;
            }
            if data.contains(&at) {
                listing.literals.push(u64::from(code));
                continue;
            }
            let flow = match targets.get(&at) {
                Some(entries) => Flow::Table(entries.clone(), condition(code) != ALWAYS),
                None => flow(at, code),
            };
            if is_switch(code) {
                let why = format!("instructions of another set are called at {at:#x}");
                listing.unread.get_or_insert(why);
            }
            if let Some(addend) = added_to_pc(code) {
                listing.sums.push((at, addend, at + 8));
            }
            listing.steps.push(Step {
                at,
                next: at + 4,
                flow,
                code: Code::Arm(code),
            });
        }
    }
    listing
}

fn words(piece: &Piece) -> impl Iterator<Item = (u64, u32)> {
    let all = piece.bytes.chunks_exact(4).enumerate();
    all.map(|(index, bytes)| {
        let word = bytes
            .iter()
            .rev()
            .fold(0, |all, b| all << 8 | u32::from(*b));
        (piece.at + 4 * index as u64, word)
    })
}

const ALWAYS: u32 = 0xe;

fn condition(code: u32) -> u32 {
    code >> 28
}

fn field(code: u32, low: u32) -> u8 {
    (code >> low & 0xf) as u8
}

/// The address of the data that `ldr rX, [pc, #n]` loads.
fn literal(at: u64, code: u32) -> Option<u64> {
    let loads = code & 0x0f7f_0000 == 0x051f_0000 && condition(code) != 0xf;
    let offset = u64::from(code & 0xfff);
    loads.then(|| match code & 1 << 23 {
        0 => (at + 8).wrapping_sub(offset),
        _ => at + 8 + offset,
    })
}

/// Where a jump by a table goes: `ldrCC pc, [pc, rX, lsl #2]` with the
/// addresses behind it, or `addCC pc, pc, rX, lsl #2` with branches there. The
/// first list are the places of addresses.
fn table(image: &Image, (at, code): (u64, u32)) -> Option<(Vec<u64>, Vec<u64>)> {
    let begin = at + 8;
    let places = (0..TABLE_LIMIT).map(|n| begin + 4 * n);
    if code & 0x0fff_fff0 == 0x079f_f100 {
        let entry = |at: &u64| {
            image
                .word(*at, 4)
                .filter(|w| image.is_code(*w) && w % 4 == 0)
        };
        let places: Vec<u64> = places.take_while(|at| entry(at).is_some()).collect();
        let entries = places.iter().filter_map(entry).collect();
        return Some((places, entries));
    }
    if code & 0x0fff_fff0 == 0x008f_f100 {
        let branches = |at: &u64| {
            let word = image.word(*at, 4);
            word.is_some_and(|w| w & 0xff00_0000 == 0xea00_0000)
        };
        return Some((Vec::new(), places.take_while(branches).collect()));
    }
    None
}

/// Whether it calls Thumb code.
fn is_switch(code: u32) -> bool {
    code & 0xfe00_0000 == 0xfa00_0000
}

/// The register that an instruction adds to its own address.
fn added_to_pc(code: u32) -> Option<u8> {
    let adds = code & 0x0fe0_0ff0 == 0x0080_0000;
    match (field(code, 16), field(code, 0)) {
        (PC, other) | (other, PC) if adds => Some(other),
        _ => None,
    }
}

fn flow(at: u64, code: u32) -> Flow {
    let always = condition(code) == ALWAYS;
    if condition(code) == 0xf {
        return Flow::Next;
    }
    match code >> 24 & 0xf {
        0xa | 0xb => {
            let distance = i64::from((code << 8) as i32 >> 6);
            let target = (at + 8).wrapping_add_signed(distance) & 0xffff_ffff;
            match (code >> 24 & 1, always) {
                (1, _) => Flow::Call(target),
                (_, true) => Flow::Jump(target),
                _ => Flow::Branch(target),
            }
        }
        0xf => Flow::Site,
        _ if code & 0x0fff_fff0 == 0x012f_ff30 => Flow::CallAny,
        // Permanently undefined.
        _ if code & 0xfff0_00f0 == 0xe7f0_00f0 => Flow::End,
        _ if writes(code, PC) && always => Flow::End,
        _ => Flow::Next,
    }
}

/// What an instruction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Multiply,
    ExtraTransfer,
    Miscellaneous,
    Data,
    Transfer,
    Media,
    Block,
    Branch,
    Coprocessor,
    Call,
}

fn kind(code: u32) -> Kind {
    let immediate = code & 1 << 25 != 0;
    match code >> 26 & 3 {
        0 if !immediate && code & 0x90 == 0x90 => match code & 0x60 {
            0 => Kind::Multiply,
            _ => Kind::ExtraTransfer,
        },
        0 if code & 0x0190_0000 == 0x0100_0000 => Kind::Miscellaneous,
        0 => Kind::Data,
        1 if immediate && code & 0x10 != 0 => Kind::Media,
        1 => Kind::Transfer,
        2 if !immediate => Kind::Block,
        2 => Kind::Branch,
        _ if code >> 24 & 0xf == 0xf => Kind::Call,
        _ => Kind::Coprocessor,
    }
}

/// Whether an instruction may write a register.
fn writes(code: u32, register: u8) -> bool {
    if condition(code) == 0xf {
        return false;
    }
    let load = code & 1 << 20 != 0;
    let changes_base = code & 1 << 21 != 0 || code & 1 << 24 == 0;
    let (rn, rd) = (field(code, 16), field(code, 12));
    match kind(code) {
        Kind::Multiply => register == rn || register == rd,
        Kind::ExtraTransfer => {
            register == rd || register == rd + 1 || (changes_base && register == rn)
        }
        Kind::Miscellaneous => match code & 0x0fff_fff0 {
            0x012f_ff10 | 0x012f_ff20 => register == PC,
            _ => register == rd && rd != PC,
        },
        // Comparisons write no register.
        Kind::Data => register == rd && code >> 23 & 3 != 2,
        Kind::Media => register == rd || register == rn,
        Kind::Transfer => (load && register == rd) || (changes_base && register == rn),
        Kind::Block => {
            let listed = load && code & 1 << register != 0;
            listed || (code & 1 << 21 != 0 && register == rn)
        }
        Kind::Branch => register == 14,
        Kind::Coprocessor => rd != PC && (register == rd || register == rn),
        Kind::Call => register == 0,
    }
}

/// Whether an instruction sets the flags that conditions ask for.
pub(crate) fn sets_flags(code: u32) -> bool {
    match kind(code) {
        Kind::Data | Kind::Multiply => code & 1 << 20 != 0,
        Kind::Miscellaneous => true,
        Kind::Coprocessor => field(code, 12) == PC,
        _ => false,
    }
}

/// The condition of an instruction, if it has one.
pub(crate) fn conditional(code: u32) -> Option<u8> {
    let condition = condition(code);
    (condition < ALWAYS).then_some(condition as u8)
}

/// Whether control goes elsewhere if an instruction is executed: what comes
/// behind it is reached only when its condition doesn't hold.
pub(crate) fn leaves(code: u32) -> bool {
    writes(code, PC)
}

/// Where what is in a place behind an instruction was before it. An
/// instruction with a condition is taken to be executed.
pub(crate) fn origin(image: &Image, (at, code): (u64, u32), place: Place) -> Origin {
    match place {
        Place::Register(number) if writes(code, number) => assigned(image, (at, code), number),
        Place::Register(_) => Origin::Of(place, 0),
        Place::Stack(offset) => stack_origin(code, offset),
    }
}

/// The operand of data processing, where it is a number.
fn immediate(code: u32) -> Option<u32> {
    let turns = code >> 7 & 0x1e;
    (code & 1 << 25 != 0).then(|| (code & 0xff).rotate_right(turns))
}

fn assigned(image: &Image, (at, code): (u64, u32), wanted: u8) -> Origin {
    let load = code & 1 << 20 != 0;
    let rn = field(code, 16);
    match kind(code) {
        Kind::Data if field(code, 12) == wanted => computed(code),
        Kind::Miscellaneous if code & 0x0ff0_0000 == 0x0300_0000 => {
            Origin::Constant(u64::from(code & 0xfff | code >> 4 & 0xf000))
        }
        Kind::Transfer if load && field(code, 12) == wanted => {
            if let Some(from) = literal(at, code) {
                return image
                    .word(from, 4)
                    .map_or(Origin::Unknown, Origin::Constant);
            }
            match transfer(code) {
                Some((SP, offset)) => Origin::Of(Place::Stack(offset), 0),
                _ => Origin::Unknown,
            }
        }
        // Loaded from where the stack pointer is: what comes off the stack.
        Kind::Block if load && rn == SP && is_upward(code) => match code & 1 << wanted {
            0 => Origin::Unknown,
            listed => Origin::Of(
                Place::Stack(4 * i64::from((code & (listed - 1) & 0xffff).count_ones())),
                0,
            ),
        },
        _ => Origin::Unknown,
    }
}

fn computed(code: u32) -> Origin {
    let value = immediate(code);
    let rn = field(code, 16);
    let plain = code & 1 << 25 == 0 && code & 0xff0 == 0 && field(code, 0) != PC;
    match (code >> 21 & 0xf, value) {
        (13, Some(value)) => Origin::Constant(u64::from(value)),
        (13, None) if plain => Origin::Of(Place::Register(field(code, 0)), 0),
        (15, Some(value)) => Origin::Constant(u64::from(!value)),
        (4, Some(value)) if rn != PC => Origin::Of(Place::Register(rn), i64::from(value)),
        (2, Some(value)) if rn != PC => Origin::Of(Place::Register(rn), -i64::from(value)),
        _ => Origin::Unknown,
    }
}

/// Base and offset of a transfer of a word that leaves its base.
fn transfer(code: u32) -> Option<(u8, i64)> {
    let plain = code & 0x0720_0000 == 0x0500_0000 && code & 1 << 22 == 0;
    let offset = i64::from(code & 0xfff);
    let offset = if code & 1 << 23 == 0 { -offset } else { offset };
    plain.then(|| (field(code, 16), offset))
}

/// Whether a block goes up from its base, the base included.
fn is_upward(code: u32) -> bool {
    code & 0x0180_0000 == 0x0080_0000
}

fn stack_origin(code: u32, offset: i64) -> Origin {
    if offset < 0 {
        return Origin::Unknown;
    }
    let moved = |by: i64| Origin::Of(Place::Stack(offset.wrapping_add(by)), 0);
    let count = 4 * i64::from((code & 0xffff).count_ones());
    let (rn, store) = (field(code, 16), code & 1 << 20 == 0);
    let changes = writes(code, SP);
    match kind(code) {
        Kind::Data if changes => match computed(code) {
            Origin::Of(Place::Register(SP), by) => moved(by),
            _ => Origin::Unknown,
        },
        // push
        Kind::Block if changes && store && code & 0x0180_0000 == 0x0100_0000 => {
            in_list(code, offset, count).unwrap_or_else(|| moved(-count))
        }
        // pop
        Kind::Block if changes && !store && is_upward(code) && code & 1 << SP == 0 => moved(count),
        Kind::Block if rn == SP && store && !changes && is_upward(code) => {
            in_list(code, offset, count).unwrap_or_else(|| moved(0))
        }
        Kind::Transfer if changes => single(code, offset),
        _ if changes => Origin::Unknown,
        Kind::Transfer if rn == SP && store => match transfer(code) {
            Some((_, at)) if at == offset => Origin::Of(Place::Register(field(code, 12)), 0),
            Some((_, at)) if (at - offset).abs() >= 4 => moved(0),
            _ => Origin::Unknown,
        },
        Kind::ExtraTransfer | Kind::Block if rn == SP => Origin::Unknown,
        _ => moved(0),
    }
}

/// `str rX, [sp, #-n]!` and `ldr rX, [sp], #n`.
fn single(code: u32, offset: i64) -> Origin {
    let moved = |by: i64| Origin::Of(Place::Stack(offset.wrapping_add(by)), 0);
    let by = i64::from(code & 0xfff);
    match code & 0x0f7f_0000 {
        0x052d_0000 if offset == 0 => Origin::Of(Place::Register(field(code, 12)), 0),
        0x052d_0000 if offset >= by => moved(-by),
        0x041d_0000 if code & 1 << 23 != 0 && field(code, 12) != SP => moved(by),
        0x049d_0000 if field(code, 12) != SP => moved(by),
        _ => Origin::Unknown,
    }
}

/// The register that a block's list has at this offset; `None` behind the list,
/// which is `count` bytes long.
fn in_list(code: u32, offset: i64, count: i64) -> Option<Origin> {
    if offset >= count {
        None
    } else if offset % 4 == 0 {
        Some(listed(code, (offset / 4) as u32))
    } else {
        Some(Origin::Unknown)
    }
}

/// The register that comes at this place of a block's list.
fn listed(code: u32, place: u32) -> Origin {
    let registers = (0..16u8).filter(|register| code & 1 << register != 0);
    match registers.into_iter().nth(place as usize) {
        Some(register) => Origin::Of(Place::Register(register), 0),
        None => Origin::Unknown,
    }
}

/// The number that a call has in its own instruction, as the old ABI wants it.
pub(crate) fn old_number(code: u32) -> Option<u64> {
    let number = code & 0x00ff_ffff;
    (number != 0).then(|| u64::from(number & 0x000f_ffff))
}

/// Whether an instruction only fills room.
pub(crate) fn is_padding(code: u32) -> bool {
    matches!(code, 0xe1a0_0000 | 0xe320_f000 | 0)
}
