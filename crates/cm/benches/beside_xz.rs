//! Context mixing beside xz: bytes and seconds, on the same input in one run.
//!
//! The input is what the kernel's build compresses: `CM_BENCH=…/vmlinux.bin
//! cargo bench -p cm`. Without it, this program.

use std::time::Instant;

use cm::{Filter, Settings, Strength};

fn main() {
    let own = || std::env::current_exe().ok();
    let path = std::env::var_os("CM_BENCH").map(Into::into).or_else(own);
    let Some(input) = path.and_then(|path| std::fs::read(path).ok()) else {
        eprintln!("no input: CM_BENCH names a file");
        std::process::exit(1);
    };
    let megabytes = input.len() as f64 / 1e6;
    println!("{} bytes", input.len());
    println!(
        "{:<12} {:>9} {:>7} {:>9} {:>9}",
        "", "bytes", "of xz", "packs", "unpacks"
    );
    let mut all = vec![("xz".to_owned(), xz(&input))];
    for strength in Strength::ALL {
        let settings = Settings {
            strength,
            filter: Filter::X86,
            ..Settings::default()
        };
        let start = Instant::now();
        let packed = cm::compress(&input, &settings).unwrap_or_default();
        let packs = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let unpacked = cm::decompress(&packed, input.len());
        assert!(unpacked.is_ok_and(|(out, _)| out == input));
        let name = format!("cm {strength:?}").to_lowercase();
        all.push((name, (packed.len(), packs, start.elapsed().as_secs_f64())));
    }
    let least = all[0].1.0 as f64;
    for (name, (bytes, packs, unpacks)) in all {
        let (share, packs, unpacks) = (
            100.0 * bytes as f64 / least,
            megabytes / packs,
            megabytes / unpacks,
        );
        println!("{name:<12} {bytes:>9} {share:>6.1}% {packs:>4.2} MB/s {unpacks:>4.2} MB/s");
    }
}

/// As scripts/xz_wrap.sh does for x86.
fn xz(input: &[u8]) -> (usize, f64, f64) {
    use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
    use std::io::{Read, Write};

    let packed = || -> std::io::Result<Vec<u8>> {
        let mut options = LzmaOptions::new_preset(6)?;
        options.dict_size(128 << 20);
        let mut filters = Filters::new();
        filters.x86().lzma2(&options);
        let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
        let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
        encoder.write_all(input)?;
        encoder.finish()
    };
    let start = Instant::now();
    let packed = packed().unwrap_or_default();
    let packs = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut out = Vec::new();
    let read = liblzma::read::XzDecoder::new(packed.as_slice()).read_to_end(&mut out);
    assert!(read.is_ok() && out == input);
    (packed.len(), packs, start.elapsed().as_secs_f64())
}
