//! Any object file, written and read back, whole and damaged.

use super::*;
use object::elf;
use proptest::prelude::*;

fn target() -> impl Strategy<Value = Target> {
    (any::<bool>(), any::<bool>(), any::<u8>()).prop_map(|(is_64, big_endian, os_abi)| Target {
        is_64,
        big_endian,
        os_abi,
        machine: elf::EM_386,
        flags: 5,
    })
}

fn section() -> impl Strategy<Value = ObjectSection> {
    let data = proptest::collection::vec(any::<u8>(), 8..40);
    ("[.a-z]{1,12}", 0u32..4, any::<bool>(), data).prop_map(|(name, align, explicit, data)| {
        ObjectSection {
            name,
            kind: elf::SHT_PROGBITS,
            flags: elf::SHF_ALLOC,
            align: 1 << align,
            entry_size: 0,
            linked: None,
            size: data.len() as u64,
            data,
            relocations: Vec::new(),
            explicit_addends: explicit,
        }
    })
}

fn object() -> impl Strategy<Value = Object> {
    let sections = proptest::collection::vec(section(), 1..8);
    let symbols =
        proptest::collection::vec(("[a-z]{1,6}", 0u8..2, any::<u32>(), any::<u8>()), 1..20);
    let relocations = proptest::collection::vec(
        (any::<usize>(), any::<usize>(), 0u64..8, any::<i32>()),
        0..20,
    );
    (target(), sections, symbols, relocations).prop_map(
        |(target, mut sections, symbols, relocations)| {
            let mut symbols: Vec<ObjectSymbol> = symbols
                .into_iter()
                .map(|(name, binding, value, at)| ObjectSymbol {
                    name,
                    value: u64::from(value),
                    size: 4,
                    binding: elf::SymbolBind(binding),
                    kind: elf::STT_FUNC,
                    other: 0,
                    place: match usize::from(at) % (sections.len() + 1) {
                        0 => Place::Undefined,
                        at => Place::Section(at - 1),
                    },
                })
                .collect();
            symbols.sort_by_key(ObjectSymbol::is_global);
            for (at, symbol, offset, addend) in relocations {
                let at = at % sections.len();
                let section = &mut sections[at];
                let addend = if section.explicit_addends {
                    i64::from(addend)
                } else {
                    0
                };
                let symbol = Some(symbol % symbols.len());
                section.relocations.push(Relocation {
                    offset,
                    kind: elf::R_386_32,
                    symbol,
                    addend,
                });
            }
            for section in &mut sections {
                section.relocations.sort_by_key(|r| r.offset);
                if section.relocations.is_empty() {
                    section.explicit_addends = target.is_64;
                }
            }
            Object {
                target,
                sections,
                symbols,
            }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_it_was(object in object()) {
        prop_assert_eq!(Object::read(&object.write()), Ok(object));
    }

    #[test]
    fn no_damage_makes_reading_panic(object in object(), at in any::<usize>(), byte in any::<u8>(), cut in any::<usize>()) {
        let mut file = object.write();
        let at = at % file.len();
        file[at] = byte;
        file.truncate(cut % (2 * file.len()));
        let _ = Object::read(&file);
    }
}

#[test]
fn seventy_thousand_sections_need_extended_indexes_and_get_them() {
    let section = ObjectSection {
        name: ".data.x".to_owned(),
        kind: elf::SHT_PROGBITS,
        flags: elf::SHF_ALLOC,
        align: 1,
        entry_size: 0,
        linked: None,
        data: vec![0],
        size: 1,
        relocations: Vec::new(),
        explicit_addends: false,
    };
    let symbol = |place| ObjectSymbol {
        name: format!("s{place}"),
        value: 0,
        size: 1,
        binding: elf::STB_GLOBAL,
        kind: elf::STT_OBJECT,
        other: 0,
        place: Place::Section(place),
    };
    let target = Target {
        is_64: false,
        big_endian: false,
        os_abi: 0,
        machine: elf::EM_386,
        flags: 0,
    };
    let object = Object {
        target,
        sections: vec![section; 70_000],
        symbols: [3, 65_278, 65_279, 65_535, 69_999].map(symbol).to_vec(),
    };
    let file = object.write();
    assert_eq!(Object::read(&file).as_ref(), Ok(&object));
    let theirs = object::File::parse(file.as_slice()).expect("another reader takes it");
    let named = object::Object::symbol_by_name(&theirs, "s69999").expect("there");
    assert_eq!(
        object::ObjectSymbol::section_index(&named),
        Some(object::SectionIndex(70_000))
    );
}
