//! Any bytes are an error or prices, no more of them than is allowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vmlinux::lzma_cost;

const LIMIT: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(costs) = lzma_cost::costs(bytes, LIMIT) {
        assert!(costs.bits.len() <= LIMIT);
    }
});
