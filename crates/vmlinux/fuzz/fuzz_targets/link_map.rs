//! Any text is an error or a map.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vmlinux::LinkMap;

fuzz_target!(|text: &str| {
    for heading in ["", "\nLinker script and memory map\n", "VMA LMA Size Align Out In Symbol\n"] {
        let _ = LinkMap::parse(&format!("{heading}{text}"));
    }
});
