//! What the payload loses without some of its bytes, found by compressing
//! again, as the kernel's scripts/xz_wrap.sh does.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use initramfs::compress::Bcj;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream as Lzma};
use liblzma::write::XzEncoder;
use object::elf::{EM_386, EM_ARM, EM_X86_64};
use vmlinux::Elf;

use crate::error::{Error, Result};

/// What xz_wrap.sh chooses by the architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    bcj: Option<Bcj>,
    /// `lp` and `lc` for instructions of four bytes.
    four: bool,
}

/// The filter for a kernel's machine.
pub fn filter_of(elf: &Elf) -> Filter {
    match elf.machine {
        EM_386 | EM_X86_64 => Filter {
            bcj: Some(Bcj::X86),
            four: false,
        },
        EM_ARM => Filter {
            bcj: Some(Bcj::Arm),
            four: true,
        },
        _ => Filter::default(),
    }
}

/// The kernel's dictionary: 128 MiB.
const DICTIONARY: u32 = 128 << 20;

/// Compresses a kernel as its own build does.
pub fn compress(bytes: &[u8], filter: Filter) -> Result<Vec<u8>> {
    pack(bytes, filter).map_err(Error::Compress)
}

fn pack(bytes: &[u8], filter: Filter) -> io::Result<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(6)?;
    options.dict_size(DICTIONARY);
    if filter.four {
        options.literal_position_bits(2).literal_context_bits(2);
    }
    let mut filters = Filters::new();
    match filter.bcj {
        Some(Bcj::X86) => {
            filters.x86();
        }
        Some(Bcj::Arm) => {
            filters.arm();
        }
        None => {}
    }
    filters.lzma2(&options);
    let stream = Lzma::new_stream_encoder(&filters, Check::Crc32)?;
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The size of a stream without these places, which may overlap.
///
/// They are made zeros, not cut out: a linker that leaves an object out moves
/// all that stands behind it and mends every call across the gap. Cut out
/// here, those calls would name wrong addresses, and the stream would be the
/// dearer for it. A run of zeros costs next to nothing.
pub fn size_without(bytes: &[u8], places: &[Range<usize>], filter: Filter) -> Result<u64> {
    let mut kept = bytes.to_vec();
    for place in places {
        if let Some(place) = kept.get_mut(place.clone()) {
            place.fill(0);
        }
    }
    Ok(compress(&kept, filter)?.len() as u64)
}

/// What the compressed stream loses without each of these sets of places.
/// `jobs` are compressed at once.
pub fn marginals(
    bytes: &[u8],
    sets: &[Vec<Range<usize>>],
    filter: Filter,
    jobs: usize,
) -> Result<Vec<i64>> {
    let whole = compress(bytes, filter)?.len() as i64;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, i64)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(places) = sets.get(index) else {
                return Ok(done);
            };
            if places.is_empty() {
                done.push((index, 0));
                continue;
            }
            let without = size_without(bytes, places, filter)?;
            done.push((index, whole - i64::try_from(without).unwrap_or(i64::MAX)));
        }
    };
    let parts: Vec<Result<Vec<(usize, i64)>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                let ended = worker.join();
                ended.unwrap_or(Err(Error::ThreadEnded))
            })
            .collect()
    });
    let mut out = vec![0; sets.len()];
    for part in parts {
        for (index, bytes) in part? {
            out[index] = bytes;
        }
    }
    Ok(out)
}
