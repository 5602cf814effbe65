//! Any bytes are an error or entries; what a tree takes of these is written
//! and read back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use initramfs::{Tree, cpio};

fuzz_target!(|bytes: &[u8]| {
    let Ok(entries) = cpio::read(bytes) else { return };
    let mut tree = Tree::new();
    for entry in entries {
        let _ = tree.insert(entry);
    }
    let mut archive = Vec::new();
    cpio::write(&tree, &cpio::CpioOptions::default(), &mut archive).expect("writing to memory");
    let read = cpio::read(&archive).expect("our own archive");
    assert!(read.iter().eq(tree.entries()));
});
