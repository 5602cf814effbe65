//! The code of a linked kernel by address: where it lies, and which symbol an
//! address belongs to.
//!
//! Names tell people where they are; they identify nothing: a kernel has
//! hundreds of static functions that share their names.

use std::collections::BTreeMap;
use std::ops::Range;

use object::elf;

use crate::elf::{ElfError, SymbolFacts, parse_with};

/// One function, or one labelled piece of assembler code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSymbol {
    /// Its name.
    pub name: String,
    /// Its virtual address.
    pub address: u64,
    /// Its size in bytes; up to the next symbol where the symbol table has no
    /// size.
    pub bytes: u64,
    /// The output section that it lies in.
    pub section: String,
}

/// All code of a linked kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// By address, then in the symbol table's order. Aliases share an address.
    pub symbols: Vec<CodeSymbol>,
    /// The sections with instructions, by address.
    pub sections: Vec<Range<u64>>,
    /// What is loaded from its first code on, virtual. What lies below that has no
    /// addresses of its own: the variables that each CPU has a copy of are linked
    /// to 0 on x86_64 (PERCPU_VADDR in arch/x86/kernel/vmlinux.lds.S).
    pub image: Range<u64>,
    /// Virtual minus physical address, by the program headers. 0 where the file
    /// says that both are equal, as ARM's does, whatever the board does.
    pub offset: u64,
    /// The entry point as the file has it: physical or virtual.
    pub entry: u64,
    /// The bytes of a word: 4 or 8.
    pub word: usize,
}

impl Code {
    /// Reads the symbols of a linked kernel.
    ///
    /// # Errors
    /// When the file's tables can't be read, with the place.
    pub fn parse(file: &[u8]) -> Result<Code, ElfError> {
        let mut named = Vec::new();
        let elf = parse_with(file, |name, facts| {
            if is_code(facts.kind) && !is_mapping_symbol(&name) {
                named.push((name.into_owned(), facts));
            }
        })?;
        let mut sections = CodeSections::new();
        let mut code = Vec::new();
        let mut last = 0;
        for (index, section) in elf.loaded() {
            let end = section.address.saturating_add(section.bytes);
            last = last.max(end);
            if section.is_text() {
                code.push(section.address..end);
                sections.insert(index, (section.name.clone(), end));
            }
        }
        code.sort_by_key(|range| range.start);
        let first = code.first().map_or(last, |range: &Range<u64>| range.start);
        Ok(Code {
            symbols: symbols(named, &sections),
            sections: code,
            image: first..last,
            offset: elf.offset,
            entry: elf.entry,
            word: if elf.is_64 { 8 } else { 4 },
        })
    }

    /// The symbol at an address: of several, the smallest that holds it.
    pub fn at(&self, address: u64) -> Option<&CodeSymbol> {
        let end = self.symbols.partition_point(|s| s.address <= address);
        let holds = |s: &&CodeSymbol| address - s.address < s.bytes.max(1);
        // Nested symbols are few and near: labels inside of a function.
        let near = self.symbols.get(end.saturating_sub(64)..end)?;
        near.iter().filter(holds).min_by_key(|s| s.bytes)
    }

    /// The address of a symbol in code; the first of several.
    pub fn address_of(&self, name: &str) -> Option<u64> {
        let found = self.symbols.iter().find(|symbol| symbol.name == name);
        found.map(|symbol| symbol.address)
    }

    /// Whether an address lies in a section with instructions.
    pub fn is_code(&self, address: u64) -> bool {
        let at = self.sections.partition_point(|range| range.end <= address);
        self.sections
            .get(at)
            .is_some_and(|range| range.start <= address)
    }
}

/// The address of a symbol of a linked kernel, wherever it lies; the first of
/// several.
pub fn address_of(file: &[u8], name: &str) -> Option<u64> {
    let defines = [elf::STT_FUNC, elf::STT_OBJECT, elf::STT_NOTYPE];
    let mut found = None;
    parse_with(file, |symbol, facts| {
        let defined = facts.section.is_some() && defines.contains(&facts.kind);
        if found.is_none() && defined && symbol == name {
            found = Some(facts.address);
        }
    })
    .ok()?;
    found
}

/// By index: the name, and where it ends.
type CodeSections = BTreeMap<usize, (String, u64)>;

fn symbols(named: Vec<(String, SymbolFacts)>, code: &CodeSections) -> Vec<CodeSymbol> {
    let mut all = Vec::new();
    for (name, facts) in named {
        if let Some((section, _)) = facts.section.and_then(|index| code.get(&index)) {
            all.push(CodeSymbol {
                name,
                address: facts.address,
                bytes: facts.bytes,
                section: section.clone(),
            });
        }
    }
    all.sort_by_key(|symbol| symbol.address);
    give_sizes(&mut all, code);
    all
}

/// A symbol without a size reaches up to the next symbol, at most to the end of
/// its section.
fn give_sizes(all: &mut [CodeSymbol], code: &CodeSections) {
    let ends: BTreeMap<&str, u64> = code
        .values()
        .map(|(name, end)| (name.as_str(), *end))
        .collect();
    let mut next: Option<u64> = None;
    let mut here = u64::MAX;
    for symbol in all.iter_mut().rev() {
        if symbol.address != here {
            (next, here) = (Some(here).filter(|at| *at != u64::MAX), symbol.address);
        }
        if symbol.bytes == 0 {
            let end = ends.get(symbol.section.as_str()).copied();
            let until = next.into_iter().chain(end).min().unwrap_or(here);
            symbol.bytes = until.saturating_sub(symbol.address);
        }
    }
}

/// Whether a symbol of this type can name code: assembler files often give
/// none.
fn is_code(kind: elf::SymbolType) -> bool {
    let others = [
        elf::STT_OBJECT,
        elf::STT_COMMON,
        elf::STT_SECTION,
        elf::STT_FILE,
        elf::STT_TLS,
    ];
    !others.contains(&kind)
}

/// The name of a symbol without what arm64's build puts before all of an object's,
/// also before marks (arch/arm64/kernel/pi/Makefile).
pub(crate) fn mark(name: &str) -> &str {
    name.strip_prefix("__pi_").unwrap_or(name)
}

/// ARM's marks of what follows: instructions or data (ELF for the Arm
/// Architecture, "Mapping symbols").
fn is_mapping_symbol(name: &str) -> bool {
    let mut bytes = mark(name).bytes();
    bytes.next() == Some(b'$')
        && matches!(bytes.next(), Some(b'a' | b'd' | b't' | b'x'))
        && matches!(bytes.next(), None | Some(b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn this_program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().expect("has a path")).expect("readable")
    }

    fn symbol(name: &str, address: u64, bytes: u64) -> CodeSymbol {
        CodeSymbol {
            name: name.to_owned(),
            address,
            bytes,
            section: ".text".to_owned(),
        }
    }

    #[test]
    fn an_address_names_the_innermost_function() {
        let code = Code {
            symbols: vec![
                symbol("outer", 0x100, 0x40),
                symbol("inner", 0x120, 0x10),
                symbol("next", 0x140, 0x20),
            ],
            ..Code::default()
        };
        let name = |at| code.at(at).map(|s| s.name.clone());
        assert_eq!(name(0x125).as_deref(), Some("inner"));
        assert_eq!(name(0x135).as_deref(), Some("outer"));
        assert_eq!(name(0x160), None);
        assert_eq!(name(0xff), None);
    }

    #[test]
    fn the_functions_of_this_very_program_lie_in_its_code() {
        let code = Code::parse(&this_program()).expect("an ELF file");
        assert!(code.symbols.len() > 100);
        for symbol in &code.symbols {
            assert!(code.is_code(symbol.address), "{}", symbol.name);
        }
        assert_eq!((code.offset, code.word), (0, size_of::<usize>()));
        assert_eq!(code.image.start, code.sections[0].start);
    }

    #[test]
    fn marks_of_the_arm_abi_are_no_functions() {
        for mark in ["$a", "$d.12", "$x", "__pi_$x", "__pi_$d.3"] {
            assert!(is_mapping_symbol(mark), "{mark}");
        }
        for name in ["$able", "a", "__pi_x", "__pi_"] {
            assert!(!is_mapping_symbol(name), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_damage_makes_it_panic(at in 0usize..4096, byte in any::<u8>(), end in any::<bool>()) {
            let mut file = this_program();
            let at = if end { file.len() - 1 - at } else { at };
            file[at] = byte;
            if let Ok(code) = Code::parse(&file) {
                let _ = code.at(u64::MAX);
                let _ = code.is_code(u64::MAX);
            }
        }
    }
}
