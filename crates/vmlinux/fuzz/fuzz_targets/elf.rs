//! Any bytes are an error or a file whose pieces lie one behind the other in
//! each section, whose symbols compare with themselves as equal, and whose
//! references can be followed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vmlinux::{Attribution, Elf, References, bloat};

fuzz_target!(|bytes: &[u8]| {
    let Ok(elf) = Elf::parse(bytes) else { return };
    let attribution = Attribution::new(&elf, None);
    for (index, section) in elf.loaded() {
        let pieces = attribution.pieces.iter().filter(|p| p.section == index);
        let end = pieces.fold(section.address, |at, piece| {
            assert_eq!(piece.address, at);
            at + piece.bytes
        });
        assert_eq!(end, section.address + section.bytes);
    }
    let sizes = bloat::sizes(&elf);
    assert!(bloat::compare(&sizes, &sizes).rows.is_empty());
    if let Ok(references) = References::read(bytes, &elf, &attribution) {
        let all: Vec<usize> = (0..attribution.pieces.len()).collect();
        references.way(&all);
        references.retained(&all);
        references.dominators();
    }
});
