//! Where every byte of a ramdisk is: per file, and inside BusyBox per object and
//! applet.
//!
//! As with the kernel's payload, a byte's share of the packed ramdisk is the
//! price that its decoder pays for it ([`vmlinux::lzma_cost`]); shares add up to
//! the file.

use std::collections::BTreeMap;
use std::ops::Range;

use initramfs::compress::{self, Compression};
use initramfs::cpio;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vmlinux::attribution::{AttributedPiece, Attribution};
use vmlinux::{Elf, lzma_cost};

use super::{marginal, parse_map, share};
use crate::error::{Error, Result};

/// A program in the ramdisk that is divided at its objects.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its path in the archive: `bin/busybox`.
    pub path: String,
    /// The program with its symbols.
    pub unstripped: Vec<u8>,
    /// The linker's map of it.
    pub map: Vec<u8>,
    /// Which applet an object is, by the object's path: `coreutils/cat.o`.
    pub applets: BTreeMap<String, String>,
}

/// Bytes of a ramdisk that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The file, with a slash in front; in parentheses what is none.
    pub file: String,
    /// The object inside a program.
    pub object: Option<String>,
    /// The applet that the object is; objects that several applets use have
    /// none.
    pub applet: Option<String>,
    /// Bytes of the archive.
    pub size: u64,
    /// Bytes of the packed ramdisk.
    pub share: u64,
    /// Bytes of RAM: a file in the root file system takes whole pages; no
    /// object has any by itself.
    pub ram: u64,
}

/// How large an unpacked ramdisk may be.
const LIMIT: usize = 1 << 30;

/// A page of the root file system.
const PAGE: u64 = 4096;

/// Says where the bytes of a packed ramdisk are. Sizes add up to the archive,
/// shares to the packed ramdisk.
pub fn parts(image: &[u8], programs: &[Program]) -> Result<Vec<Part>> {
    let kind = compress::detect(image).ok_or(Error::RamdiskFormat)?;
    let unpacked = compress::decompress_part(kind, image, LIMIT);
    let (archive, _) = unpacked.map_err(Error::RamdiskPacked)?;
    let extents = cpio::extents(&archive).map_err(Error::RamdiskArchive)?;
    let prices = prices(kind, image, &archive)?;
    let placed = place(&archive, &extents, programs)?;
    let covered: usize = extents.iter().map(|extent| extent.whole.len()).sum();
    let mut exact: Vec<f64> = placed
        .iter()
        .map(|Placed { places, .. }| {
            let prices = places.iter().filter_map(|place| prices.get(place.clone()));
            prices.flatten().map(|bits| f64::from(*bits)).sum::<f64>() / 8.0
        })
        .collect();
    let all = prices.iter().map(|bits| f64::from(*bits)).sum::<f64>() / 8.0;
    let container = match kind {
        Compression::Xz | Compression::CmFast | Compression::Cm | Compression::CmBest => {
            (image.len() as f64 - all).max(0.0)
        }
        _ => 0.0,
    };
    exact.push(container + (all - exact.iter().sum::<f64>()).max(0.0));
    let mut shares = share::apportion(&exact, image.len() as u64);
    let mut own = part("(the compressed format's own)", None, None, 0);
    own.share = shares.pop().unwrap_or_default();
    own.size = archive.len().saturating_sub(covered) as u64;
    let parts = placed.into_iter().zip(shares);
    let parts = parts.map(|(Placed { mut part, places }, share)| {
        part.size = places.iter().map(|p| p.len() as u64).sum();
        part.share = share;
        part
    });
    let mut parts: Vec<Part> = parts.chain([own]).collect();
    parts.retain(|part| part.size > 0 || part.share > 0);
    Ok(parts)
}

/// A part, and where in the archive its bytes are.
struct Placed {
    part: Part,
    places: Vec<Range<usize>>,
}

/// Divides an archive into its files, and programs into their objects.
fn place(archive: &[u8], extents: &[cpio::Extent], programs: &[Program]) -> Result<Vec<Placed>> {
    let mut placed = Vec::new();
    for extent in extents {
        let name = match extent.name.as_str() {
            "TRAILER!!!" => "(end of the archive)".to_owned(),
            name => format!("/{}", name.trim_start_matches('/')),
        };
        let ram = (extent.data.len() as u64).next_multiple_of(PAGE);
        let program = programs
            .iter()
            .find(|p| p.path.trim_start_matches('/') == name.trim_start_matches('/'));
        match program.filter(|_| !extent.data.is_empty()) {
            Some(program) => {
                let data = &archive[extent.data.clone()];
                placed.extend(inside(program, &name, data, extent, ram)?);
            }
            None => placed.push(Placed {
                part: part(&name, None, None, ram),
                places: vec![extent.whole.clone()],
            }),
        }
    }
    Ok(placed)
}

fn part(file: &str, object: Option<String>, applet: Option<String>, ram: u64) -> Part {
    Part {
        file: file.to_owned(),
        object,
        applet,
        size: 0,
        share: 0,
        ram,
    }
}

/// What each byte of the archive costs, in bits.
fn prices(kind: Compression, image: &[u8], archive: &[u8]) -> Result<Vec<f32>> {
    let failed = Error::RamdiskStream;
    match kind {
        Compression::None => Ok(vec![8.0; archive.len()]),
        Compression::Xz => Ok(lzma_cost::costs(image, LIMIT).map_err(failed)?.bits),
        Compression::CmFast | Compression::Cm | Compression::CmBest => {
            cm::costs(image, LIMIT).map_err(Error::Mixed)
        }
        _ => {
            let packed = marginal::compress(archive, marginal::Filter::default())?;
            Ok(lzma_cost::costs(&packed, LIMIT).map_err(failed)?.bits)
        }
    }
}

/// A program's file, divided at the objects that it was linked from.
fn inside(
    program: &Program,
    file: &str,
    data: &[u8],
    extent: &cpio::Extent,
    ram: u64,
) -> Result<Vec<Placed>> {
    let unreadable = |error| Error::RamdiskProgram {
        file: file.to_owned(),
        error,
    };
    let linked = Elf::parse(&program.unstripped).map_err(unreadable)?;
    let stripped = Elf::parse(data).map_err(unreadable)?;
    let map = parse_map(&program.map)?;
    let attribution = Attribution::new(&linked, Some(&map));
    let mut by: BTreeMap<Option<usize>, Vec<Range<usize>>> = BTreeMap::new();
    let mut taken = vec![false; extent.whole.len()];
    for piece in &attribution.pieces {
        let place = place_in_file(piece, &linked, &stripped);
        let Some(Range {
            start: from,
            end: to,
        }) = place.filter(|p| p.end <= data.len())
        else {
            continue;
        };
        let at = extent.data.start - extent.whole.start;
        let marks = &mut taken[at + from..at + to];
        if marks.iter().any(|taken| *taken) {
            continue; // two sections share these bytes: the first has them
        }
        marks.fill(true);
        let start = extent.data.start;
        by.entry(piece.object)
            .or_default()
            .push(start + from..start + to);
    }
    let rest = runs_of_false(&taken, extent.whole.start);
    by.entry(None).or_default().extend(rest);
    // The file's pages stand with what is no object's, so that they add up.
    Ok(by
        .into_iter()
        .map(|(object, places)| {
            let path = object.map(|o| short(&attribution.objects[o]));
            let applet = path.as_ref().and_then(|p| program.applets.get(p)).cloned();
            let ram = if object.is_none() { ram } else { 0 };
            Placed {
                part: part(file, path, applet, ram),
                places,
            }
        })
        .collect())
}

/// Where no mark is set, by places that begin at `start`.
fn runs_of_false(marks: &[bool], start: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = start;
    for run in marks.chunk_by(|a, b| a == b) {
        let place = at..at + run.len();
        at = place.end;
        if !run[0] {
            runs.push(place);
        }
    }
    runs
}

/// Where a piece of the linked program stands in the file without symbols.
fn place_in_file(piece: &AttributedPiece, linked: &Elf, stripped: &Elf) -> Option<Range<usize>> {
    let section = &linked.sections[piece.section];
    let there = stripped
        .sections
        .iter()
        .find(|s| s.name == section.name && s.address == section.address && s.has_bytes())?;
    let into = piece.address - section.address;
    let from = usize::try_from(there.offset.saturating_add(into)).ok()?;
    let bytes = usize::try_from(piece.bytes).ok()?;
    Some(from..from.checked_add(bytes)?)
}

/// An object's path as a reader knows it: a member of an archive stands in the
/// archive's folder (`networking/lib.a(wget.o)` is `networking/wget.o`); the C
/// library's members stand under its name.
fn short(object: &str) -> String {
    let Some((archive, member)) = object.strip_suffix(')').and_then(|o| o.split_once('(')) else {
        return object.to_owned();
    };
    let (folder, name) = archive.rsplit_once('/').unwrap_or(("", archive));
    match name {
        "lib.a" => format!("{folder}/{member}"),
        library => format!("{library}/{member}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use initramfs::cpio::CpioOptions;
    use initramfs::{ArchivePath, Entry, Settings, Tree, pack};

    fn image(kind: Compression) -> (Vec<u8>, u64) {
        let mut tree = Tree::new();
        for (path, byte) in [("bin/one", 1u8), ("two", 2)] {
            let path = ArchivePath::new(path).expect("a path");
            let text: Vec<u8> = (0..9000u32).map(|i| ((i * i) >> 3) as u8 ^ byte).collect();
            tree.insert(Entry::file(path, text)).expect("goes in");
        }
        let mut image = Vec::new();
        let settings = Settings {
            machine_ram: 64 << 20,
            bcj: None,
        };
        let packed = pack(
            &tree,
            kind,
            &settings,
            &CpioOptions { mtime: 0 },
            &mut image,
        )
        .expect("is packed");
        (image, packed.archive.bytes)
    }

    #[test]
    fn sizes_and_shares_add_up_in_every_format() {
        for kind in [Compression::None, Compression::Xz, Compression::Gzip] {
            let (image, archive) = image(kind);
            let parts = parts(&image, &[]).expect("is read");
            assert_eq!(
                parts.iter().map(|p| p.share).sum::<u64>(),
                image.len() as u64
            );
            assert_eq!(
                parts.iter().map(|p| p.size).sum::<u64>(),
                archive,
                "{kind:?}"
            );
            let two = parts.iter().find(|p| p.file == "/two").expect("is there");
            assert_eq!(two.ram, 12288, "three pages");
        }
    }

    #[test]
    fn what_is_no_ramdisk_is_refused() {
        assert!(parts(b"neither", &[]).is_err());
        assert!(parts(&[], &[]).is_err());
    }

    #[test]
    fn members_of_archives_have_their_folders_name() {
        assert_eq!(short("networking/lib.a(wget.o)"), "networking/wget.o");
        assert_eq!(short("/x/lib/libc.a(memcpy.lo)"), "libc.a/memcpy.lo");
        assert_eq!(short("applets/applets.o"), "applets/applets.o");
    }
}
