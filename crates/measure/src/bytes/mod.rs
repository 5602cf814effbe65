//! Where every byte of a kernel is: in its sections, in the image file, in RAM.
//!
//! Each [`Leaf`] has three figures, and each figure adds up exactly: `size` to
//! vmlinux's loaded sections, `share` to the image file, `ram` to what the
//! loaded kernel takes, from its first byte to its last.

mod boot;
pub mod marginal;
pub mod ramdisk;
pub mod root;
mod share;
mod stream;

use std::collections::BTreeMap;

use kbuild::Objects;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmlinux::attribution::{Attribution, What};
use vmlinux::{Elf, LinkMap};

use crate::error::{Error, Result};

pub use stream::Stream;

/// What is read of one kernel.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The linked kernel, or any other ELF file.
    pub vmlinux: &'a [u8],
    /// The linker's map of it.
    pub map: Option<&'a [u8]>,
    /// The image that a boot loader loads.
    pub image: Option<&'a [u8]>,
    /// The map of the program that unpacks it.
    pub boot_map: Option<&'a [u8]>,
    /// The map of x86's setup code.
    pub setup_map: Option<&'a [u8]>,
    /// What the Makefiles say of its objects.
    pub objects: Option<&'a Objects>,
}

/// What a leaf is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LeafKind {
    /// A symbol.
    Symbol,
    /// Literal strings.
    Strings,
    /// Entries of a table that the linker collects.
    Table,
    /// Bytes of an object that no symbol names.
    Unnamed,
    /// Room between symbols, between objects, between sections.
    Padding,
    /// What the linker made.
    Linker,
    /// What stands in the image around the kernel: setup, decompressor, the
    /// compressed format's own bytes.
    Boot,
    /// Nothing is known of it.
    Unknown,
}

/// What brings a leaf in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BroughtBy {
    /// Options, the outermost first.
    Options(Vec<String>),
    /// No option: its object is always built.
    Always,
    /// No object's: padding, the linker, what surrounds the kernel.
    None,
    /// No Makefile was found that names its object.
    Unknown,
}

/// Bytes that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Leaf {
    /// The section of vmlinux; in parentheses what is none.
    pub section: String,
    /// The object's path from the tree's root.
    pub object: Option<String>,
    /// The symbol, or what else it is, in parentheses.
    pub name: String,
    /// What it is.
    pub kind: LeafKind,
    /// What brings it in.
    pub brought_by: BroughtBy,
    /// Bytes in vmlinux's sections.
    pub size: u64,
    /// Bytes of the image file; `null` without an image.
    pub share: Option<u64>,
    /// Bytes of RAM after loading.
    pub ram: u64,
    /// Whether the kernel frees its RAM after boot.
    pub freed: bool,
    /// Whether it is instructions.
    pub text: bool,
}

/// Where a kernel's bytes are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bytes {
    /// All leaves.
    pub leaves: Vec<Leaf>,
    /// The loaded sections together.
    pub sections_bytes: u64,
    /// The image file; `null` without one.
    pub image_bytes: Option<u64>,
    /// The compressed kernel in it.
    pub payload_bytes: Option<u64>,
    /// The loaded kernel, from its first byte to its last.
    pub ram_bytes: u64,
    /// How the shares were found: `xz` or `cm` by the price of each byte in the payload
    /// itself, `estimated` by compressing as xz what is packed otherwise.
    pub share_by: Option<String>,
}

impl Bytes {
    /// Whether the Makefiles were known: some leaf has an option.
    pub fn tells_options(&self) -> bool {
        let has = |leaf: &Leaf| matches!(leaf.brought_by, BroughtBy::Options(_));
        self.leaves.iter().any(has)
    }
}

/// A kernel that was read, ready to be asked.
#[derive(Debug)]
pub struct Kernel {
    /// Its sections and symbols.
    pub elf: Elf,
    /// Its pieces.
    pub attribution: Attribution,
    /// What is compressed: the loaded bytes in the order of their addresses.
    pub stream: Stream,
}

impl Kernel {
    /// Reads a kernel's files.
    pub fn read(given: &Given) -> Result<Kernel> {
        let elf = Elf::parse(given.vmlinux).map_err(Error::Vmlinux)?;
        let map = given.map.map(parse_map).transpose()?;
        let attribution = Attribution::new(&elf, map.as_ref());
        let payload = match given.image {
            Some(image) => share::unpacked(&image[boot::payload(image, given)?])?,
            None => None,
        };
        let stream = match payload {
            Some(payload) => Stream::of_payload(&elf, payload),
            None => Stream::of_file(&elf, given.vmlinux),
        };
        Ok(Kernel {
            elf,
            attribution,
            stream,
        })
    }

    /// Each piece's place in the stream, with its section, object and name.
    pub fn places(
        &self,
    ) -> impl Iterator<Item = (std::ops::Range<usize>, String, Option<String>, String)> {
        self.attribution.pieces.iter().filter_map(|piece| {
            let place = self
                .stream
                .place(&self.elf, piece.section, piece.address, piece.bytes)?;
            let object = piece.object.map(|o| self.attribution.objects[o].clone());
            let (name, _) = name_of(&self.elf, &self.attribution, piece.what, piece.input);
            Some((
                place,
                self.elf.sections[piece.section].name.clone(),
                object,
                name,
            ))
        })
    }

    /// What brings an object in.
    fn brought_by(&self, object: Option<usize>, objects: Option<&Objects>) -> BroughtBy {
        let (Some(object), Some(objects)) = (object, objects) else {
            return BroughtBy::None;
        };
        let path = &self.attribution.objects[object];
        if is_made_by_link(path) {
            return if path.contains("kallsyms") {
                BroughtBy::Options(vec!["KALLSYMS".to_owned()])
            } else {
                BroughtBy::Always
            };
        }
        match objects.reason(path) {
            None => BroughtBy::Unknown,
            Some(reason) if reason.options.is_empty() => BroughtBy::Always,
            Some(reason) => BroughtBy::Options(reason.options.clone()),
        }
    }
}

fn parse_map(map: &[u8]) -> Result<LinkMap> {
    LinkMap::parse(&String::from_utf8_lossy(map)).map_err(Error::Map)
}

/// Objects that scripts/link-vmlinux.sh makes: no Makefile lists them.
fn is_made_by_link(path: &str) -> bool {
    path.starts_with(".tmp_vmlinux")
        || path.starts_with(".vmlinux.export")
        || path == "init/version-timestamp.o"
}

/// Says where a kernel's bytes are.
pub fn bytes(given: &Given) -> Result<(Kernel, Bytes)> {
    let kernel = Kernel::read(given)?;
    let shares = given
        .image
        .map(|image| share::shares(&kernel, image, given))
        .transpose()?;
    let freed = freed_range(&kernel.elf);
    let mut reasons: BTreeMap<Option<usize>, BroughtBy> = BTreeMap::new();
    let mut leaves = Vec::new();
    for (index, piece) in kernel.attribution.pieces.iter().enumerate() {
        let section = &kernel.elf.sections[piece.section];
        let brought_by = reasons
            .entry(piece.object)
            .or_insert_with(|| kernel.brought_by(piece.object, given.objects))
            .clone();
        let (name, kind) = name_of(&kernel.elf, &kernel.attribution, piece.what, piece.input);
        leaves.push(Leaf {
            section: section.name.clone(),
            object: piece.object.map(|o| kernel.attribution.objects[o].clone()),
            name,
            brought_by: match kind {
                LeafKind::Unknown if given.objects.is_some() => BroughtBy::Unknown,
                _ => brought_by,
            },
            kind,
            size: piece.bytes,
            share: shares.as_ref().map(|s| s.pieces[index]),
            ram: piece.bytes,
            freed: freed.is_some_and(|(from, to)| (from..to).contains(&piece.address)),
            text: section.is_text(),
        });
    }
    let mut bytes = Bytes {
        sections_bytes: leaves.iter().map(|l| l.size).sum(),
        image_bytes: given.image.map(|image| image.len() as u64),
        payload_bytes: shares.as_ref().map(|s| s.payload),
        ram_bytes: 0,
        share_by: shares.as_ref().map(|s| s.by.to_owned()),
        leaves: merged(leaves),
    };
    bytes.leaves.extend(gaps(&kernel, freed));
    bytes.ram_bytes = bytes.leaves.iter().map(|l| l.ram).sum();
    if let Some(shares) = shares {
        bytes.leaves.extend(shares.around);
    }
    Ok((kernel, bytes))
}

/// The name of a piece, and what it is.
pub fn name_of(
    elf: &Elf,
    attribution: &Attribution,
    what: What,
    input: Option<usize>,
) -> (String, LeafKind) {
    let input = input.map_or("", |i| attribution.names[i].as_str());
    let told = |text: &str, kind| (text.to_owned(), kind);
    match what {
        What::Symbol(symbol) => told(&elf.symbols[symbol].name, LeafKind::Symbol),
        What::Strings => told("(strings)", LeafKind::Strings),
        What::Table => (format!("(table {input})"), LeafKind::Table),
        What::Unnamed => (format!("(unnamed in {input})"), LeafKind::Unnamed),
        What::Alignment => told("(alignment)", LeafKind::Padding),
        What::Padding => told("(padding)", LeafKind::Padding),
        What::Linker => told("(made by the linker)", LeafKind::Linker),
        What::Unknown => told("(unknown)", LeafKind::Unknown),
    }
}

/// Leaves that differ in nothing but their figures, as one.
fn merged(leaves: Vec<Leaf>) -> Vec<Leaf> {
    type Key = (String, Option<String>, String, bool);
    let mut by: BTreeMap<Key, Leaf> = BTreeMap::new();
    for leaf in leaves {
        let key = (
            leaf.section.clone(),
            leaf.object.clone(),
            leaf.name.clone(),
            leaf.freed,
        );
        match by.get_mut(&key) {
            None => {
                by.insert(key, leaf);
            }
            Some(there) => {
                there.size += leaf.size;
                there.ram += leaf.ram;
                there.share = there.share.zip(leaf.share).map(|(a, b)| a + b);
            }
        }
    }
    by.into_values().collect()
}

/// What the kernel frees after boot (include/asm-generic/sections.h).
fn freed_range(elf: &Elf) -> Option<(u64, u64)> {
    elf.address_of("__init_begin")
        .zip(elf.address_of("__init_end"))
}

/// Room in RAM between the loaded sections.
fn gaps(kernel: &Kernel, freed: Option<(u64, u64)>) -> Vec<Leaf> {
    let mut sections: Vec<_> = kernel.elf.loaded().map(|(_, s)| s).collect();
    sections.sort_by_key(|s| s.load_address);
    sections
        .windows(2)
        .filter_map(|pair| {
            let end = pair[0].load_address.checked_add(pair[0].bytes)?;
            let ram = pair[1]
                .load_address
                .checked_sub(end)
                .filter(|gap| *gap > 0)?;
            // Two programs' worth of addresses apart: not one image in RAM.
            if ram > 1 << 24 {
                return None;
            }
            let at = pair[0].address.saturating_add(pair[0].bytes);
            Some(Leaf {
                section: "(between sections)".to_owned(),
                object: None,
                name: format!("(padding after {})", pair[0].name),
                kind: LeafKind::Padding,
                brought_by: BroughtBy::None,
                size: 0,
                share: None,
                ram,
                freed: freed.is_some_and(|(from, to)| (from..to).contains(&at)),
                text: false,
            })
        })
        .collect()
}
