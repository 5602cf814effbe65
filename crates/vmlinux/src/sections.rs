//! The loaded sections of a linked kernel, and what they add up to.

use std::collections::BTreeMap;

use crate::elf::{ElfError, parse_with};

/// The loaded sections of a linked kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Every section that takes room in memory, in the file's order.
    pub loaded: Vec<LoadedSection>,
}

/// One loaded section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedSection {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: u64,
    /// Its size in memory, in bytes.
    pub bytes: u64,
    /// What it holds.
    pub kind: SectionKind,
    /// Whether the kernel frees it after boot: it lies between the symbols
    /// `__init_begin` and `__init_end` (include/asm-generic/sections.h).
    pub init: bool,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Instructions (`SHF_EXECINSTR`).
    Text,
    /// Data with bytes in the file, read-only data included.
    Data,
    /// Data that starts as zeros (`SHT_NOBITS`).
    Bss,
}

/// What the loaded sections add up to, in bytes. Every section counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SectionSizes {
    /// Instructions that stay.
    pub text: u64,
    /// Data that stays.
    pub data: u64,
    /// Zeros.
    pub bss: u64,
    /// What is freed after boot, of whatever kind.
    pub init: u64,
}

impl Sections {
    /// Reads the section headers of an ELF file.
    ///
    /// # Errors
    /// When the file's tables can't be read, with the place.
    pub fn parse(file: &[u8]) -> Result<Sections, ElfError> {
        let (mut begin, mut end) = (None, None);
        let elf = parse_with(file, |name, facts| match &*name {
            "__init_begin" => begin = begin.or(Some(facts.address)),
            "__init_end" => end = end.or(Some(facts.address)),
            _ => {}
        })?;
        let init = begin.zip(end).map(|(begin, end)| begin..end);
        let loaded = elf.loaded().map(|(_, section)| LoadedSection {
            name: section.name.clone(),
            address: section.address,
            bytes: section.bytes,
            kind: if section.is_text() {
                SectionKind::Text
            } else if section.has_bytes() {
                SectionKind::Data
            } else {
                SectionKind::Bss
            },
            init: init
                .as_ref()
                .is_some_and(|init| init.contains(&section.address)),
        });
        Ok(Sections {
            loaded: loaded.collect(),
        })
    }

    /// What they add up to.
    pub fn sizes(&self) -> SectionSizes {
        let mut sizes = SectionSizes::default();
        for section in &self.loaded {
            let sum = match (section.init, section.kind) {
                (true, _) => &mut sizes.init,
                (false, SectionKind::Text) => &mut sizes.text,
                (false, SectionKind::Data) => &mut sizes.data,
                (false, SectionKind::Bss) => &mut sizes.bss,
            };
            *sum = sum.saturating_add(section.bytes);
        }
        sizes
    }

    /// Sizes by name; sections of one name are added.
    pub fn by_name(&self) -> BTreeMap<String, u64> {
        let mut sizes = BTreeMap::new();
        for section in &self.loaded {
            let sum: &mut u64 = sizes.entry(section.name.clone()).or_default();
            *sum = sum.saturating_add(section.bytes);
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_very_test_program_has_text_data_and_bss() {
        let file = std::fs::read(std::env::current_exe().expect("has a path")).expect("readable");
        let sections = Sections::parse(&file).expect("an ELF file");
        let sizes = sections.sizes();
        assert!(
            sizes.text > 10_000 && sizes.data > 1_000 && sizes.bss > 0,
            "{sizes:?}"
        );
        let total: u64 = sections.loaded.iter().map(|s| s.bytes).sum();
        assert_eq!(
            sizes.text + sizes.data + sizes.bss + sizes.init,
            total,
            "every section counts once"
        );
        assert_eq!(sections.by_name().values().sum::<u64>(), total);
    }

    #[test]
    fn what_is_no_elf_file_is_an_error() {
        assert!(Sections::parse(b"#!/bin/sh").is_err());
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(at in 0usize..200_000, byte in any::<u8>(), cut in 0usize..400_000) {
            let mut file = std::fs::read(std::env::current_exe().expect("has a path")).expect("readable");
            file.truncate(cut.max(64));
            let at = at % file.len();
            file[at] = byte;
            let _ = Sections::parse(&file).map(|s| s.sizes());
        }
    }
}
