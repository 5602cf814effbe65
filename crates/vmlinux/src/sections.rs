//! The loaded sections of a linked kernel, and what they add up to.

use std::collections::BTreeMap;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, elf};

/// The loaded sections of a linked kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sections {
    /// Every section that takes room in memory, in the file's order.
    pub loaded: Vec<Section>,
}

/// One loaded section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
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

/// Why a file can't be read as a linked kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a readable ELF file: {0}")]
pub struct SectionsError(String);

impl Sections {
    /// Reads the section headers of an ELF file.
    pub fn parse(file: &[u8]) -> Result<Sections, SectionsError> {
        let wrong = |error: object::Error| SectionsError(error.to_string());
        let elf = object::File::parse(file).map_err(wrong)?;
        let init = init_range(&elf);
        let mut loaded = Vec::new();
        for section in elf.sections() {
            let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else {
                continue;
            };
            if sh_flags.0 & elf::SHF_ALLOC.0 == 0 || section.size() == 0 {
                continue;
            }
            let kind = if sh_flags.0 & elf::SHF_EXECINSTR.0 != 0 {
                SectionKind::Text
            } else if sh_type == elf::SHT_NOBITS {
                SectionKind::Bss
            } else {
                SectionKind::Data
            };
            loaded.push(Section {
                name: section.name().map_err(wrong)?.to_owned(),
                address: section.address(),
                bytes: section.size(),
                kind,
                init: init
                    .is_some_and(|(from, to)| from <= section.address() && section.address() < to),
            });
        }
        Ok(Sections { loaded })
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

/// The sizes of the symbols of an object whose names begin so, by the rest of
/// their names.
pub fn symbol_sizes(file: &[u8], prefix: &str) -> Result<BTreeMap<String, u64>, SectionsError> {
    let elf = object::File::parse(file).map_err(|e| SectionsError(e.to_string()))?;
    let named = elf.symbols().filter_map(|symbol| {
        let rest = symbol.name().ok()?.strip_prefix(prefix)?;
        Some((rest.to_owned(), symbol.size()))
    });
    Ok(named.collect())
}

fn init_range(elf: &object::File) -> Option<(u64, u64)> {
    let address = |name: &str| {
        elf.symbols()
            .find(|s| s.name() == Ok(name))
            .map(|s| s.address())
    };
    Some((address("__init_begin")?, address("__init_end")?))
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
