//! Every compression there and back, its limits, and what the kernel refuses of it.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const SETTINGS: Settings = Settings {
    machine_ram: 32 << 20,
    bcj: None,
};

/// Text-like bytes from a small generator, the same on each run.
fn sample(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 24
    };
    (0..bytes)
        .map(|_| b"the kernel unpacks "[next() as usize % 19])
        .collect()
}

#[test]
fn every_kind_gives_back_what_it_took() {
    for kind in Compression::ALL {
        for size in [0, 1, 2, 3, 4, 511, 4096, 4097, 65_536, 300_001] {
            let data = sample(size);
            let packed = compress(kind, &data, &SETTINGS).unwrap();
            assert_eq!(
                decompress(kind, &packed, size).unwrap(),
                data,
                "{kind:?} {size}"
            );
            let padded = [&packed[..], &[0; 4]].concat();
            if kind != Compression::None {
                assert_eq!(
                    decompress(kind, &padded, size).unwrap(),
                    data,
                    "{kind:?} {size}"
                );
                assert_eq!(detect(&packed), Some(kind));
            }
        }
    }
}

#[test]
fn lz4_has_blocks_of_eight_mebibytes() {
    let data = sample((8 << 20) + 5);
    let packed = compress(Compression::Lz4, &data, &SETTINGS).unwrap();
    let first = u32::from_le_bytes(*packed[4..].first_chunk().unwrap()) as usize;
    let second = &packed[8 + first..];
    assert_eq!(
        second.len(),
        4 + u32::from_le_bytes(*second.first_chunk().unwrap()) as usize
    );
    assert_eq!(
        decompress(Compression::Lz4, &packed, data.len()).unwrap(),
        data
    );
}

#[test]
fn more_than_the_limit_is_refused() {
    let data = vec![7; 1_000_000];
    for kind in Compression::ALL {
        let packed = compress(kind, &data, &SETTINGS).unwrap();
        let error = decompress(kind, &packed, data.len() - 1).unwrap_err();
        assert!(
            matches!(error, DecompressError::TooLarge { .. }),
            "{kind:?}: {error}"
        );
    }
}

#[test]
fn a_broken_or_followed_stream_is_refused() {
    let data = sample(10_000);
    for kind in Compression::ALL
        .into_iter()
        .filter(|kind| *kind != Compression::None)
    {
        let packed = compress(kind, &data, &SETTINGS).unwrap();
        let cut = decompress(kind, &packed[..packed.len() / 2], data.len());
        assert!(
            matches!(cut, Err(DecompressError::Broken { .. })),
            "{kind:?}: {cut:?}"
        );
        let other = decompress(kind, b"nothing of the kind", data.len());
        assert!(
            matches!(other, Err(DecompressError::Broken { .. })),
            "{kind:?}: {other:?}"
        );
        let followed = decompress(kind, &[&packed[..], b"\0\0\0\0x"].concat(), data.len());
        assert!(
            matches!(followed, Err(DecompressError::Trailing { .. })),
            "{kind:?}"
        );
    }
}

#[test]
fn the_dictionary_holds_the_input_but_no_more_than_an_eighth_of_the_ram() {
    let mib = |count: u64| count << 20;
    for (input, ram, expected) in [
        (0, mib(32), 4096),
        (4097, mib(32), 6144),
        (642_832, mib(32), 786_432),
        (1_160_372, mib(32), 3 << 19),
        (mib(50), mib(32), 4 << 20),
        (mib(50), mib(512), 64 << 20),
        (mib(50), mib(511), 48 << 20),
        (mib(500), mib(1 << 20), 64 << 20),
        (mib(1), 6116 << 10, 512 << 10),
        (mib(1), 0, 4096),
    ] {
        assert_eq!(
            dictionary_bytes(input, ram),
            expected,
            "{input} bytes, {ram} RAM"
        );
    }
}

#[test]
fn the_window_holds_the_input_but_no_more_than_an_eighth_of_the_ram() {
    for (input, ram, expected) in [
        (0, 1 << 25, 10),
        (1025, 1 << 25, 11),
        (1 << 20, 1 << 25, 20),
        (1 << 30, 1 << 25, 22),
        (1 << 30, 1 << 40, 27),
        (1 << 30, 0, 10),
    ] {
        assert_eq!(window_log(input, ram), expected, "{input} bytes, {ram} RAM");
    }
}

#[test]
fn gzip_has_no_time_and_no_field_that_the_kernel_refuses() {
    let packed = compress(Compression::Gzip, b"x", &SETTINGS).unwrap();
    assert_eq!(packed[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
}

#[test]
fn lzma_starts_with_the_bytes_that_the_kernel_knows_it_by() {
    let packed = compress(Compression::Lzma, &sample(5000), &SETTINGS).unwrap();
    assert_eq!(packed[..5], [0x5d, 0x00, 0x18, 0x00, 0x00]);
    assert_eq!(packed[5..13], [0xff; 8]);
}

#[test]
fn zstd_takes_no_window_larger_than_the_content() {
    // A single segment: the descriptor's bit 5, and no window byte.
    let packed = compress(Compression::Zstd, &sample(5000), &SETTINGS).unwrap();
    assert_eq!(packed[4] & 0x20, 0x20);
}

#[test]
fn bcj_is_used_only_when_it_is_smaller() {
    let with =
        |bcj, data: &[u8]| compress(Compression::Xz, data, &Settings { bcj, ..SETTINGS }).unwrap();
    // Calls to one place from everywhere: relative to each caller they differ.
    let calls: Vec<u8> = (0..4000u32)
        .flat_map(|at| {
            let mut code = vec![0xe8];
            code.extend((0x10_0000 - at * 16).to_le_bytes());
            code.extend([
                0x89, 0xc3, 0x31, 0xc0, 0x40, 0x53, 0x5b, 0xc9, 0x90, 0x90, 0x90,
            ]);
            code
        })
        .collect();
    assert!(with(Some(Bcj::X86), &calls).len() < with(None, &calls).len());
    assert_eq!(
        decompress(Compression::Xz, &with(Some(Bcj::X86), &calls), 1 << 20).unwrap(),
        calls
    );
    assert_eq!(
        with(Some(Bcj::X86), &sample(5000)),
        with(None, &sample(5000))
    );
}

#[test]
fn the_names_in_a_recipe_are_lower_case() {
    let names = serde_json::to_string(&Compression::ALL).unwrap();
    assert_eq!(
        names,
        r#"["none","gzip","xz","lzma","zstd","lz4","cm-fast","cm","cm-best"]"#
    );
    assert_eq!(
        serde_json::from_str::<[Compression; 9]>(&names).unwrap(),
        Compression::ALL
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_survive(data in vec(any::<u8>(), 0..5000), ram in 0..1u64 << 34) {
        for kind in Compression::ALL {
            let packed = compress(kind, &data, &Settings { machine_ram: ram, bcj: None }).unwrap();
            prop_assert_eq!(&decompress(kind, &packed, data.len()).unwrap(), &data);
        }
    }

    #[test]
    fn a_changed_stream_never_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for kind in Compression::ALL {
            let mut packed = compress(kind, b"some bytes, some bytes, some bytes", &SETTINGS).unwrap();
            let at = at.index(packed.len());
            packed[at] = byte;
            let _ = decompress(kind, &packed, 1 << 16);
        }
    }
}
