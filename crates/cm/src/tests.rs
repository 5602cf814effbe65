//! Packing and unpacking, beside the kernel's decoder compiled for this machine.

use proptest::prelude::*;

use crate::{Error, Filter, Header, Settings, Strength, compress, costs, decompress, filter};

fn settings(strength: Strength, memory: u8, filter: Filter, block: u8) -> Settings {
    Settings {
        strength,
        memory,
        filter,
        block,
    }
}

/// Code, text and tables: this program, as far as it is short.
fn code() -> Vec<u8> {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    own[4096..4096 + 50_000].to_vec()
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let strength = proptest::sample::select(Strength::ALL.to_vec());
    let filter = proptest::sample::select(vec![Filter::None, Filter::X86, Filter::Arm]);
    (strength, 16u8..=18, filter, 12u8..=14).prop_map(|(s, m, f, b)| settings(s, m, f, b))
}

/// Bytes that branch, repeat, and mean nothing.
fn any_bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let branchy = proptest::sample::select(vec![0xe8, 0xe9, 0x0f, 0x84, 0x66, 0xeb, 0, 0xff, 4]);
    let byte = prop_oneof![branchy, any::<u8>()];
    (proptest::collection::vec(byte, 0..most), 1usize..4).prop_map(|(v, n)| v.repeat(n))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_was_packed_comes_back(bytes in any_bytes(3000), settings in any_settings()) {
        let mut packed = compress(&bytes, &settings).unwrap();
        let end = packed.len();
        packed.extend(b"what follows");
        prop_assert_eq!(decompress(&packed, bytes.len()), Ok((bytes.clone(), end)));
        let bits = costs(&packed, bytes.len()).unwrap();
        prop_assert_eq!(bits.len(), bytes.len());
        let sum = bits.iter().map(|b| f64::from(*b)).sum::<f64>() / 8.0;
        let coded = (end - Header::read(&packed).unwrap().len()) as f64;
        prop_assert!(coded - 5.0 < sum && sum < coded + 1.0, "{sum} of {coded}");
    }

    #[test]
    fn a_filter_gives_any_bytes_back(bytes in any_bytes(3000)) {
        for kind in [Filter::None, Filter::X86, Filter::Arm] {
            let mut changed = bytes.clone();
            filter::apply(kind, &mut changed);
            filter::undo(kind, &mut changed);
            prop_assert_eq!(&changed, &bytes);
        }
    }

    #[test]
    fn any_stream_is_bytes_or_an_error(bytes in any_bytes(300), cut in 0usize..60) {
        let settings = settings(Strength::Fast, 16, Filter::X86, 12);
        let header = &compress(&[7; 1000], &settings).unwrap()[..40];
        let stream = [&header[..cut.min(40)], &bytes].concat();
        if let Ok((out, end)) = decompress(&stream, 1 << 16) {
            prop_assert!(out.len() <= 1 << 16 && end <= stream.len());
        }
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_said(at in 40usize..9000, to in 1u8..) {
        let bytes = code();
        let packed = compress(&bytes[..20_000], &settings(Strength::Fast, 16, Filter::X86, 30));
        let mut packed = packed.unwrap();
        let at = at.min(packed.len() - 1);
        prop_assert_eq!(decompress(&packed[..at], 1 << 20), Err(Error::CutOff(at)));
        packed[at] ^= to;
        // The coder's last bytes only end it: any of a range will do.
        if at + 4 < packed.len() {
            let unpacked = decompress(&packed, 1 << 20);
            let said = matches!(unpacked, Err(Error::Damaged { .. } | Error::CutOff(_)));
            prop_assert!(said, "{:?}", unpacked.map(|(out, _)| out.len()));
        }
    }
}

#[test]
fn wrong_headers_say_where() {
    let packed = compress(b"abc", &Settings::default()).unwrap();
    for (at, value, message) in [
        (
            4,
            9,
            "the header of the cm stream is wrong: strength at offset 4",
        ),
        (
            5,
            25,
            "the header of the cm stream is wrong: memory at offset 5",
        ),
        (
            6,
            3,
            "the header of the cm stream is wrong: filter at offset 6",
        ),
        (
            7,
            0,
            "the header of the cm stream is wrong: mixers at offset 7",
        ),
        (
            8,
            25,
            "the header of the cm stream is wrong: contexts at offset 8",
        ),
        (
            9,
            31,
            "the header of the cm stream is wrong: block at offset 9",
        ),
        (0, 0, "not a cm stream: no c3 43 4d 01 at its start"),
    ] {
        let mut wrong = packed.clone();
        wrong[at] = value;
        assert_eq!(decompress(&wrong, 9).unwrap_err().to_string(), message);
    }
    assert_eq!(
        decompress(&packed, 2).unwrap_err().to_string(),
        "the cm stream holds 3 bytes, more than the 2 allowed"
    );
}

#[test]
fn nothing_packs_to_a_header() {
    let packed = compress(&[], &Settings::default()).unwrap();
    assert_eq!(decompress(&packed, 0), Ok((Vec::new(), packed.len())));
}
