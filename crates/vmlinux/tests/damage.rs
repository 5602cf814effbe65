//! Broken and hostile files: an error that says where, or figures that add up.

use proptest::prelude::*;
use vmlinux::attribution::Attribution;
use vmlinux::{Elf, LinkMap, References, bloat, lzma_cost};

/// A small object of 32 bits with two sections and a symbol, made by hand.
fn object() -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0");
    let half = |v: u16| v.to_le_bytes();
    let word = |v: u32| v.to_le_bytes();
    file.extend([half(2), half(3)].concat());
    file.extend([word(1), word(0x1000), word(0), word(0x80), word(0)].concat());
    file.extend([half(52), half(32), half(0), half(40), half(5), half(4)].concat());
    let names = b"\0.text\0.bss\0.symtab\0.strtab\0\0work\0";
    file.resize(0x40, 0);
    file.extend(names);
    file.resize(0x70, 0x90);
    file.extend(
        [[0u8; 16], {
            let mut symbol = [0u8; 16];
            symbol[..4].copy_from_slice(&word(29));
            symbol[4..8].copy_from_slice(&word(0x1004));
            symbol[8..12].copy_from_slice(&word(8));
            symbol[12] = 0x12;
            symbol[14..].copy_from_slice(&half(1));
            symbol
        }]
        .concat(),
    );
    file.resize(0x80 + 40, 0);
    let start = file.len() - 40;
    file.truncate(start);
    let mut header = |fields: [u32; 10]| file.extend(fields.iter().flat_map(|f| word(*f)));
    header([0; 10]);
    header([1, 1, 6, 0x1000, 0x60, 16, 0, 0, 4, 0]);
    header([7, 8, 3, 0x2000, 0x70, 64, 0, 0, 4, 0]);
    header([12, 2, 0, 0, 0x70, 32, 4, 1, 4, 16]);
    header([20, 3, 0, 0, 0x40, 35, 0, 0, 1, 0]);
    file
}

fn sums_are_exact(elf: &Elf, map: Option<&LinkMap>) {
    let pieces = Attribution::new(elf, map).pieces;
    for (index, section) in elf.loaded() {
        let mut at = section.address;
        for piece in pieces.iter().filter(|p| p.section == index) {
            assert_eq!(piece.address, at, "one behind the other");
            at += piece.bytes;
        }
        assert_eq!(at, section.address + section.bytes, "{}", section.name);
    }
}

#[test]
fn the_test_programs_own_bytes_add_up() {
    let file = std::fs::read(std::env::current_exe().expect("a path")).expect("reads");
    sums_are_exact(&Elf::parse(&file).expect("an ELF file"), None);
}

#[test]
fn a_section_beyond_the_file_is_told_with_its_place() {
    let good = object();
    assert!(Elf::parse(&good).is_ok(), "{:?}", Elf::parse(&good).err());
    let mut file = good.clone();
    let at = file.len() - 4 * 40 + 20;
    file[at..at + 4].copy_from_slice(&0x7000_0000u32.to_le_bytes());
    let error = Elf::parse(&file).expect_err("too long").to_string();
    assert!(
        error.contains("section 1 (.text) at offset 0x60, 1879048192 bytes"),
        "{error}"
    );
}

#[test]
fn sections_that_share_bytes_are_told_by_name() {
    let mut file = object();
    // .bss becomes a section with bytes of its own, in the middle of .text's.
    let at = file.len() - 3 * 40;
    for (field, value) in [(1, 1u32), (4, 0x68), (5, 4)] {
        file[at + 4 * field..at + 4 * field + 4].copy_from_slice(&value.to_le_bytes());
    }
    let error = Elf::parse(&file).expect_err("they overlap").to_string();
    assert_eq!(
        error,
        "not a readable ELF file: sections 1 (.text) and 2 (.bss) overlap at offset 0x68"
    );
}

#[test]
fn counts_that_no_file_can_hold_are_errors() {
    let good = object();
    // e_shnum, e_shstrndx, e_shoff; the symbol table's entry size and link.
    let table = good.len() - 2 * 40;
    for (at, value) in [
        (48, 0xffffu32),
        (32, 0xffff_fff0),
        (table + 20, 0xffff_fff0),
        (table + 24, 0xffff),
    ] {
        let mut file = good.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(Elf::parse(&file).is_err(), "{at}");
    }
    for length in 0..good.len() {
        assert!(Elf::parse(&good[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_damage_makes_it_panic_or_the_sums_wrong(
        damage in proptest::collection::vec((0usize..400, any::<u8>()), 0..12),
        cut in 0usize..500,
        inputs in proptest::collection::vec((0xf00u64..0x2100, 0u64..0x80, 0usize..3), 0..8),
    ) {
        let mut file = object();
        for (at, byte) in damage {
            if let Some(there) = file.get_mut(at) {
                *there = byte;
            }
        }
        if cut < 100 {
            file.truncate(file.len() - cut);
        }
        let mut text = String::from("\nLinker script and memory map\n");
        for (at, size, kind) in inputs {
            text.push_str(["\n.text 0x1000 0x10\n", "\n.bss 0x2000 0x40\n", "\n"][kind]);
            text.push_str(&format!(" .text 0x{at:x} 0x{size:x} a.o\n"));
        }
        let map = LinkMap::parse(&text).expect("a map");
        if let Ok(elf) = Elf::parse(&file) {
            // What claims to be as large as memory is not divided byte by byte.
            sums_are_exact(&elf, None);
            sums_are_exact(&elf, Some(&map));
            for map in [None, Some(&map)] {
                let attribution = Attribution::new(&elf, map);
                if let Ok(references) = References::read(&file, &elf, &attribution) {
                    let all: Vec<usize> = (0..attribution.pieces.len()).collect();
                    prop_assert!(references.retained(&all).len() <= all.len());
                    prop_assert_eq!(references.dominators().len(), all.len());
                    references.way(&all);
                }
            }
            let sizes = bloat::sizes(&elf);
            prop_assert_eq!(bloat::compare(&sizes, &sizes).rows, vec![]);
        }
    }

    #[test]
    fn no_stream_makes_prices_panic_or_run_away(
        body in proptest::collection::vec(any::<u8>(), 0..600),
        control in prop_oneof![Just(1u8), Just(2), Just(0x80), Just(0xa0), Just(0xc0), Just(0xe0), any::<u8>()],
        props in 0u8..250,
    ) {
        let mut stream = b"\xfd7zXZ\0\0\x01\0\0\0\0\x02\x00\x21\x01\x16\0\0\0\0\0\0\0".to_vec();
        stream.extend([control, 0x02, 0x00, 0x01, 0x00, props]);
        stream.extend(body);
        if let Ok(costs) = lzma_cost::costs(&stream, 1 << 16) {
            prop_assert!(costs.bits.len() <= 1 << 16);
        }
    }
}
