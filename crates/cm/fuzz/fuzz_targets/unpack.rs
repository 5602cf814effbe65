//! Any bytes are an error or what they say; what is packed comes back.

#![no_main]

use cm::{Filter, Settings, Strength};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 14;

fuzz_target!(|bytes: &[u8]| {
    // More memory is only slower.
    if bytes.get(5).is_none_or(|memory| *memory < 18)
        && let Ok((out, end)) = cm::decompress(bytes, LIMIT)
    {
        assert!(out.len() <= LIMIT && end <= bytes.len());
    }
    let pick = bytes.first().copied().unwrap_or(0);
    let settings = Settings {
        strength: Strength::ALL[usize::from(pick) % 3],
        memory: 16,
        filter: [Filter::None, Filter::X86, Filter::Arm][usize::from(pick / 3) % 3],
        block: 12,
    };
    let packed = cm::compress(bytes, &settings).unwrap_or_default();
    let unpacked = cm::decompress(&packed, bytes.len());
    assert!(unpacked.is_ok_and(|(out, end)| out == bytes && end == packed.len()));
});
