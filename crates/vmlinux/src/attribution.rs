//! Every byte of a linked kernel as a piece of exactly one thing: section →
//! object → symbol.
//!
//! The linker's map says which object a stretch comes from, the symbol table
//! which symbol. What neither names is a piece of its own kind: strings, tables,
//! alignment, padding, and what is not known. The pieces of a section lie one
//! behind the other from its first byte to its last, so their sum is its size.

use crate::elf::{Elf, Section, Symbol};
use crate::link_map::{InputOrigin, InputSection, LinkMap};

/// One stretch of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributedPiece {
    /// Index of its section.
    pub section: usize,
    /// Its address.
    pub address: u64,
    /// Its size, in bytes; never 0.
    pub bytes: u64,
    /// The object that it comes from, when the map knows.
    pub object: Option<usize>,
    /// The input section's name; index into [`Attribution::names`].
    pub input: Option<usize>,
    /// What it is.
    pub what: What,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A symbol; index into [`Elf::symbols`].
    Symbol(usize),
    /// Literal strings of an object, after merging.
    Strings,
    /// Entries of a table that the linker collects from all objects
    /// (`__ex_table`, `.initcall6.init`).
    Table,
    /// Bytes of an object that no symbol names.
    Unnamed,
    /// Room between two symbols of an object, smaller than a cache line.
    Alignment,
    /// Room that the linker left.
    Padding,
    /// What the linker made or its script placed.
    Linker,
    /// Nothing is known of it.
    Unknown,
}

/// The pieces of a kernel, in the order of their addresses.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    /// All pieces.
    pub pieces: Vec<AttributedPiece>,
    /// The paths of the objects.
    pub objects: Vec<String>,
    /// The names of the input sections.
    pub names: Vec<String>,
}

/// Room up to this between two symbols is taken for alignment.
const CACHE_LINE: u64 = 64;

impl Attribution {
    /// Divides the loaded sections of a kernel. Without a map symbols alone
    /// divide them.
    pub fn new(elf: &Elf, map: Option<&LinkMap>) -> Attribution {
        let mut divider = Divider::new(elf, map);
        for (index, section) in elf.loaded() {
            divider.section(index, section);
        }
        Attribution {
            pieces: divider.pieces,
            objects: divider.objects.list,
            names: divider.names.list,
        }
    }

    /// The piece that an address lies in.
    pub fn at(&self, address: u64) -> Option<usize> {
        let after = self.pieces.partition_point(|p| p.address <= address);
        let index = after.checked_sub(1)?;
        let piece = self.pieces.get(index)?;
        (address - piece.address < piece.bytes).then_some(index)
    }
}

/// Texts by their first occurrence.
#[derive(Default)]
struct Texts<'a> {
    list: Vec<String>,
    index: std::collections::HashMap<&'a str, usize>,
}

impl<'a> Texts<'a> {
    fn add(&mut self, text: &'a str) -> usize {
        *self.index.entry(text).or_insert_with(|| {
            self.list.push(text.to_owned());
            self.list.len() - 1
        })
    }
}

struct Divider<'a> {
    elf: &'a Elf,
    /// By address, sizes above 0.
    inputs: Vec<&'a InputSection>,
    /// Symbols by section and address; of those at one address the one that
    /// stands for it comes first.
    symbols: Vec<(usize, u64, usize)>,
    pieces: Vec<AttributedPiece>,
    objects: Texts<'a>,
    names: Texts<'a>,
}

impl<'a> Divider<'a> {
    fn new(elf: &'a Elf, map: Option<&'a LinkMap>) -> Self {
        let mut inputs: Vec<&InputSection> = map.iter().flat_map(|m| &m.inputs).collect();
        inputs.sort_by_key(|input| input.address);
        let mut symbols: Vec<(usize, u64, usize)> = elf
            .symbols
            .iter()
            .enumerate()
            .filter(|(_, s)| !is_mapping(&s.name))
            .filter_map(|(i, s)| Some((s.section?, start_of(elf, s), i)))
            .collect();
        symbols.sort_by(|a, b| {
            let rank = |i: usize| {
                let s = &elf.symbols[i];
                (std::cmp::Reverse(s.bytes), s.letter.is_lowercase(), &s.name)
            };
            (a.0, a.1)
                .cmp(&(b.0, b.1))
                .then_with(|| rank(a.2).cmp(&rank(b.2)))
        });
        Divider {
            elf,
            inputs,
            symbols,
            pieces: Vec::new(),
            objects: Texts::default(),
            names: Texts::default(),
        }
    }

    fn push(&mut self, piece: AttributedPiece) {
        if piece.bytes > 0 {
            self.pieces.push(piece);
        }
    }

    /// Divides a section at its inputs.
    fn section(&mut self, index: usize, section: &Section) {
        let end = section.address + section.bytes;
        let from = self
            .inputs
            .partition_point(|input| input.address < section.address);
        let to = self.inputs.partition_point(|input| input.address < end);
        let inputs: Vec<&'a InputSection> = self.inputs[from..to]
            .iter()
            .filter(|input| input.output == section.name)
            .copied()
            .collect();
        let known = !inputs.is_empty();
        let mut at = section.address;
        for input in inputs {
            let start = input.address.max(at);
            let stop = input.address.saturating_add(input.bytes).min(end);
            if stop <= start {
                continue;
            }
            self.gap(index, at, start - at, known);
            self.input(index, input, start, stop - start);
            at = stop;
        }
        self.gap(index, at, end - at, known);
    }

    /// What no input covers: without a map the symbols may.
    fn gap(&mut self, section: usize, address: u64, bytes: u64, known: bool) {
        let piece = AttributedPiece {
            section,
            address,
            bytes,
            object: None,
            input: None,
            what: What::Unknown,
        };
        // `. = ALIGN(…)` is not in every map: a page is the most it skips.
        if known && bytes < 4096 && !self.is_named(section, address, bytes) {
            self.push(AttributedPiece {
                what: What::Padding,
                ..piece
            });
        } else {
            self.symbols_of(piece, What::Unknown);
        }
    }

    fn is_named(&self, section: usize, address: u64, bytes: u64) -> bool {
        let from = self
            .symbols
            .partition_point(|s| (s.0, s.1) < (section, address));
        self.symbols[from..]
            .iter()
            .take_while(|s| s.0 == section && s.1 < address + bytes)
            .any(|s| self.elf.symbols[s.2].bytes > 0)
    }

    fn input(&mut self, section: usize, input: &'a InputSection, address: u64, bytes: u64) {
        let mut piece = AttributedPiece {
            section,
            address,
            bytes,
            object: None,
            input: None,
            what: What::Padding,
        };
        match &input.from {
            InputOrigin::Fill => self.push(piece),
            InputOrigin::Linker => {
                piece.input = Some(self.names.add(&input.name));
                piece.what = What::Linker;
                self.push(piece);
            }
            InputOrigin::Object(path) => {
                piece.object = Some(self.objects.add(path));
                piece.input = Some(self.names.add(&input.name));
                let rest = what_without_symbol(&input.name);
                self.symbols_of(piece, rest);
            }
        }
    }

    /// Divides a stretch at its symbols. A symbol without a size, as assembly
    /// has them, reaches to the next one where instructions are.
    fn symbols_of(&mut self, whole: AttributedPiece, rest: What) {
        let end = whole.address + whole.bytes;
        let text = self
            .elf
            .sections
            .get(whole.section)
            .is_some_and(Section::is_text);
        // A symbol that started before may reach into this stretch: its object's
        // bytes were moved; it is found again by its own stretch only.
        let from = self
            .symbols
            .partition_point(|s| (s.0, s.1) < (whole.section, whole.address));
        let mut at = whole.address;
        let mut index = from;
        while let Some(&(section, start, symbol)) = self.symbols.get(index)
            && section == whole.section
            && start < end
        {
            index += 1;
            let size = match self.elf.symbols[symbol].bytes {
                0 if text && rest != What::Unknown => self.until_next(index, section, start, end),
                size => size,
            };
            let (start, stop) = (start.max(at), start.saturating_add(size).min(end));
            if stop <= start {
                continue;
            }
            self.rest(&whole, at, start - at, rest);
            self.push(AttributedPiece {
                address: start,
                bytes: stop - start,
                what: What::Symbol(symbol),
                ..whole
            });
            at = stop;
        }
        self.rest(&whole, at, end - at, rest);
    }

    /// How far it is to the next symbol at another address.
    fn until_next(&self, index: usize, section: usize, start: u64, end: u64) -> u64 {
        self.symbols[index..]
            .iter()
            .find(|s| s.0 != section || s.1 > start)
            .filter(|s| s.0 == section)
            .map_or(end, |s| s.1.min(end))
            - start
    }

    fn rest(&mut self, whole: &AttributedPiece, address: u64, bytes: u64, rest: What) {
        let inside = bytes < whole.bytes;
        let what = match rest {
            What::Unnamed if inside && bytes < CACHE_LINE => What::Alignment,
            other => other,
        };
        self.push(AttributedPiece {
            address,
            bytes,
            what,
            ..*whole
        });
    }
}

/// Where a symbol's bytes begin: the lowest bit of a function in Thumb state says
/// that it is one (*ELF for the Arm Architecture*, IHI 0044, 5.5.3).
fn start_of(elf: &Elf, symbol: &Symbol) -> u64 {
    let section = symbol.section.and_then(|of| elf.sections.get(of));
    let code = section.is_some_and(Section::is_text);
    if code && elf.machine == object::elf::EM_ARM {
        symbol.address & !1
    } else {
        symbol.address
    }
}

/// ARM's marks of code and data (`$a`, `$d`, `$t`) and assemblers' own labels.
fn is_mapping(name: &str) -> bool {
    name.starts_with('$') || name.starts_with(".L")
}

/// What the bytes of an input section are that no symbol names.
fn what_without_symbol(name: &str) -> What {
    let usual = [
        ".text",
        ".data",
        ".rodata",
        ".bss",
        ".init.text",
        ".init.data",
        ".init.rodata",
        ".exit.text",
        ".head.text",
        ".noinstr.text",
        ".entry.text",
        ".sched.text",
        ".ref.text",
        ".meminit",
        ".cpuidle.text",
        ".irqentry.text",
        ".softirqentry.text",
        ".kprobes.text",
        ".brk",
        ".altinstr_aux",
        ".fixup",
        "COMMON",
    ];
    if name.contains(".str1.") || name.contains(".str2.") || name.contains(".str4.") {
        What::Strings
    } else if usual.iter().any(|prefix| name.starts_with(prefix)) {
        What::Unnamed
    } else {
        What::Table
    }
}
