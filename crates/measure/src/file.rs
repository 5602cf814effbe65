//! Where the bytes of a file are, whatever file it is: a program or a module, an
//! archive of objects, a kernel image, compressed or not. What can't be divided
//! is said in one sentence.

use std::io;

use initramfs::compress::{self, Compression};

use crate::bytes::{self, BroughtBy, Bytes, Given, Leaf, LeafKind};
use crate::error::{FileError, Result};

/// By what a file's bytes are told best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BestAxis {
    /// By section: nothing else is known.
    Section,
    /// By object: an archive, or a map says which.
    Object,
    /// By symbol.
    Symbol,
}

/// How much a compressed file may unpack to.
const LIMIT: usize = 1 << 30;

/// What comes with a file.
pub struct Beside<'a> {
    /// The linker's map of it.
    pub map: Option<&'a [u8]>,
    /// Reads a member of a thin archive, by its path from the archive's folder.
    pub member: &'a dyn Fn(&str) -> io::Result<Vec<u8>>,
}

/// Whether a file is one of those that [`of`] divides, by its first bytes:
/// 0x240 tell.
pub fn is_known(start: &[u8]) -> bool {
    form(start).is_some()
}

/// What a file begins like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Elf,
    Archive,
    /// bzImage and zImage.
    BootImage,
    /// An image for EFI that unpacks itself (drivers/firmware/efi/libstub/zboot-header.S).
    EfiZboot,
    /// An image for U-Boot's `bootm`.
    Uimage,
    /// arm64's and RISC-V's (Documentation/arch/arm64/booting.rst).
    Image,
    Packed(Compression),
}

fn form(file: &[u8]) -> Option<Form> {
    let has = |at: usize, magic: &[u8]| file.get(at..at + magic.len()) == Some(magic);
    if has(0, b"\x7fELF") {
        Some(Form::Elf)
    } else if has(0, b"!<arch>\n") || has(0, b"!<thin>\n") {
        Some(Form::Archive)
    } else if has(0x202, b"HdrS") || has(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        Some(Form::BootImage)
    } else if has(0, b"MZ") && has(4, b"zimg") {
        Some(Form::EfiZboot)
    } else if has(0x38, b"ARM\x64") || has(0x38, b"RSC\x05") {
        Some(Form::Image)
    } else if has(0, &[0x27, 0x05, 0x19, 0x56]) {
        Some(Form::Uimage)
    } else {
        let kind = compress::detect(file).filter(|kind| *kind != Compression::None);
        kind.map(Form::Packed)
    }
}

/// Says where a file's bytes are; `name` is the file's, for messages.
pub fn of(name: &str, file: &[u8], beside: &Beside<'_>) -> Result<(Bytes, BestAxis)> {
    let Some(form) = form(file) else {
        let name = name.to_owned();
        return Err(FileError::Unknown { name }.into());
    };
    match form {
        Form::Elf => elf(name, file, beside.map),
        Form::Archive => archive(name, file, beside),
        Form::BootImage => boot_image(name, file),
        Form::EfiZboot => {
            let word = |at: usize| le32(file, at);
            let payload = word(8).zip(word(12));
            image_of(name, file, payload)
        }
        Form::Uimage => {
            let bytes = file.get(12..16).and_then(|word| word.try_into().ok());
            let bytes = bytes.map(|word| u32::from_be_bytes(word) as usize);
            image_of(name, file, bytes.map(|bytes| (64, bytes)))
        }
        Form::Image => {
            let ram = le32(file, 16).unwrap_or(0).max(file.len()) as u64;
            let leaves = vec![leaf("(kernel image)", "(not divided)", file.len(), ram)];
            Ok((told(leaves), BestAxis::Section))
        }
        Form::Packed(kind) => packed(name, file, kind),
    }
}

fn le32(file: &[u8], at: usize) -> Option<usize> {
    let word = file.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(word)).ok()
}

fn elf(name: &str, file: &[u8], map: Option<&[u8]>) -> Result<(Bytes, BestAxis)> {
    let (kernel, bytes) = bytes::bytes(&Given {
        vmlinux: file,
        map,
        ..Given::default()
    })?;
    if bytes.sections_bytes == 0 {
        let name = name.to_owned();
        return Err(FileError::NothingLoaded { name }.into());
    }
    let named = |leaf: &Leaf| leaf.kind == LeafKind::Symbol;
    let axis = if !kernel.attribution.objects.is_empty() {
        BestAxis::Object
    } else if bytes.leaves.iter().any(named) {
        BestAxis::Symbol
    } else {
        BestAxis::Section
    };
    Ok((bytes, axis))
}

/// The objects of an archive, each with its own sections and symbols.
fn archive(name: &str, file: &[u8], beside: &Beside<'_>) -> Result<(Bytes, BestAxis)> {
    let name = || name.to_owned();
    let members = vmlinux::archive::members(file);
    let members = members.map_err(|error| FileError::Archive {
        name: name(),
        error,
    })?;
    let mut leaves = Vec::new();
    for member in members {
        let read;
        let content = match member.bytes {
            Some(bytes) => bytes,
            None => {
                read = (beside.member)(&member.name).map_err(|error| FileError::Member {
                    name: name(),
                    member: member.name.clone(),
                    error,
                })?;
                &read
            }
        };
        if form(content) != Some(Form::Elf) {
            continue; // a text, LLVM's bitcode
        }
        let given = Given {
            vmlinux: content,
            ..Given::default()
        };
        let (_, bytes) = bytes::bytes(&given).map_err(|error| FileError::Object {
            name: name(),
            member: member.name.clone(),
            error: Box::new(error),
        })?;
        leaves.extend(bytes.leaves.into_iter().map(|leaf| Leaf {
            object: Some(member.name.clone()),
            ..leaf
        }));
    }
    if leaves.iter().all(|leaf| leaf.size == 0) {
        return Err(FileError::NoObject { name: name() }.into());
    }
    Ok((told(leaves), BestAxis::Object))
}

/// A bzImage or a zImage: the kernel inside by its sections where it is an ELF
/// file, as x86's is.
fn boot_image(name: &str, file: &[u8]) -> Result<(Bytes, BestAxis)> {
    let header = vmlinux::BootImage::parse(file).map_err(|error| FileError::BootImage {
        name: name.to_owned(),
        error,
    })?;
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let (from, bytes) = (at(header.payload_offset), at(header.payload_bytes));
    let inside = file
        .get(from..from.saturating_add(bytes))
        .and_then(unpacked);
    if let Some(inside) = inside.filter(|inside| form(inside) == Some(Form::Elf)) {
        let given = Given {
            vmlinux: &inside,
            image: Some(file),
            ..Given::default()
        };
        if let Ok((_, bytes)) = bytes::bytes(&given) {
            return Ok((bytes, BestAxis::Section));
        }
    }
    image_of(name, file, Some((from, bytes)))
}

fn unpacked(payload: &[u8]) -> Option<Vec<u8>> {
    let kind = compress::detect(payload).filter(|kind| *kind != Compression::None)?;
    let (bytes, _) = compress::decompress_part(kind, payload, LIMIT).ok()?;
    Some(bytes)
}

/// An image that is told by what stands around its kernel.
fn image_of(name: &str, file: &[u8], payload: Option<(usize, usize)>) -> Result<(Bytes, BestAxis)> {
    let payload =
        payload.filter(|(at, bytes)| at.checked_add(*bytes).is_some_and(|end| end <= file.len()));
    let Some((at, bytes)) = payload else {
        let name = name.to_owned();
        return Err(FileError::NoKernel { name }.into());
    };
    let inside = unpacked(&file[at..at + bytes]);
    let what = match inside {
        Some(_) => "(kernel, compressed)",
        None => "(kernel)",
    };
    let ram = inside.map_or(bytes, |inside| inside.len()) as u64;
    let behind = file.len() - at - bytes;
    let mut leaves = vec![
        leaf("(in front of the kernel)", "(not divided)", at, 0),
        leaf(what, "(not divided)", bytes, ram),
        leaf("(behind the kernel)", "(not divided)", behind, 0),
    ];
    leaves.retain(|leaf| leaf.size > 0);
    Ok((told(leaves), BestAxis::Section))
}

/// A compressed file: what it unpacks to.
fn packed(name: &str, file: &[u8], kind: Compression) -> Result<(Bytes, BestAxis)> {
    let inside = compress::decompress_part(kind, file, LIMIT);
    let (inside, _) = inside.map_err(|error| FileError::Packed {
        name: name.to_owned(),
        error,
    })?;
    match form(&inside) {
        None | Some(Form::Packed(_)) => Err(FileError::UnknownInside {
            name: name.to_owned(),
            bytes: inside.len(),
        }
        .into()),
        Some(_) => of(
            name,
            &inside,
            &Beside {
                map: None,
                member: &|_| Err(io::ErrorKind::NotFound.into()),
            },
        ),
    }
}

fn leaf(section: &str, name: &str, bytes: usize, ram: u64) -> Leaf {
    Leaf {
        section: section.to_owned(),
        object: None,
        name: name.to_owned(),
        kind: LeafKind::Unknown,
        brought_by: BroughtBy::None,
        size: bytes as u64,
        share: None,
        ram,
        freed: false,
        text: false,
    }
}

fn told(leaves: Vec<Leaf>) -> Bytes {
    Bytes {
        sections_bytes: leaves.iter().map(|leaf| leaf.size).sum(),
        ram_bytes: leaves.iter().map(|leaf| leaf.ram).sum(),
        image_bytes: None,
        payload_bytes: None,
        share_by: None,
        leaves,
    }
}

#[cfg(test)]
mod tests {
    use initramfs::compress::Settings;
    use proptest::prelude::*;

    use super::*;

    fn alone(file: &[u8]) -> Result<(Bytes, BestAxis)> {
        of(
            "FILE",
            file,
            &Beside {
                map: None,
                member: &|_| Err(io::ErrorKind::NotFound.into()),
            },
        )
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let settings = Settings {
            machine_ram: 1 << 25,
            bcj: None,
        };
        compress::compress(Compression::Gzip, bytes, &settings).expect("packs")
    }

    /// Sections and sizes, which must add up to `whole`.
    fn rows(file: &[u8], whole: usize) -> Vec<(String, u64)> {
        let (bytes, axis) = alone(file).expect("is divided");
        assert_eq!(axis, BestAxis::Section);
        assert_eq!(bytes.sections_bytes, whole as u64);
        let rows = bytes
            .leaves
            .iter()
            .map(|leaf| (leaf.section.clone(), leaf.size));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.iter().map(|row| row.1).sum::<u64>(), whole as u64);
        rows
    }

    #[test]
    fn images_are_told_by_what_stands_around_their_kernel() {
        let kernel = gzip(&[7; 4096]);
        let mut zboot = b"MZ\0\0zimg".to_vec();
        zboot.extend_from_slice(&0x240u32.to_le_bytes());
        zboot.extend_from_slice(&(kernel.len() as u32).to_le_bytes());
        zboot.resize(0x240, 0);
        zboot.extend_from_slice(&kernel);
        zboot.extend_from_slice(&[0; 16]);
        let told = rows(&zboot, zboot.len());
        let named = |name: &str, bytes: usize| (name.to_owned(), bytes as u64);
        assert_eq!(
            told,
            [
                named("(in front of the kernel)", 0x240),
                named("(kernel, compressed)", kernel.len()),
                named("(behind the kernel)", 16),
            ]
        );
        let (bytes, _) = alone(&zboot).expect("is divided");
        assert_eq!(bytes.ram_bytes, 4096);
        let mut uimage = vec![0x27, 0x05, 0x19, 0x56];
        uimage.resize(12, 0);
        uimage.extend_from_slice(&100u32.to_be_bytes());
        uimage.resize(164, 1);
        assert_eq!(rows(&uimage, 164)[1], named("(kernel)", 100));
        let mut image = vec![0; 4096];
        image[0x38..0x3c].copy_from_slice(b"ARM\x64");
        image[16..20].copy_from_slice(&8192u32.to_le_bytes());
        assert_eq!(rows(&image, 4096), [named("(kernel image)", 4096)]);
        assert_eq!(rows(&gzip(&image), 4096).len(), 1);
    }

    #[test]
    fn what_cannot_be_divided_is_said_in_one_sentence() {
        for (file, told) in [
            (
                b"hello".to_vec(),
                "FILE is neither an ELF file, an archive nor a kernel image".to_owned(),
            ),
            (
                gzip(b"hello"),
                "FILE can't be divided: it unpacks to 5 bytes that are neither an ELF file, an \
                 archive nor a kernel image"
                    .to_owned(),
            ),
            (
                b"!<arch>\n".to_vec(),
                "FILE can't be divided: no object in it has anything to load".to_owned(),
            ),
            (
                b"MZ\0\0zimg\xff\xff\0\0\xff\0\0\0".to_vec(),
                "FILE can't be divided: its header names a kernel that the file doesn't hold"
                    .to_owned(),
            ),
        ] {
            let failure = alone(&file).expect_err("can't be divided");
            assert_eq!(failure.to_string(), told);
        }
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_they_add_up_or_are_refused(
            form in 0usize..7, rest in prop::collection::vec(any::<u8>(), 0..700)
        ) {
            let mut file = rest;
            let put = |file: &mut Vec<u8>, at: usize, magic: &[u8]| {
                file.resize(file.len().max(at + magic.len()), 0);
                file[at..at + magic.len()].copy_from_slice(magic);
            };
            match form {
                0 => put(&mut file, 0, b"\x7fELF\x01\x01\x01"),
                1 => put(&mut file, 0, b"!<arch>\n"),
                2 => put(&mut file, 0x202, b"HdrS"),
                3 => put(&mut file, 0x24, &[0x18, 0x28, 0x6f, 0x01]),
                4 => put(&mut file, 0, b"MZ\0\0zimg"),
                5 => put(&mut file, 0, &[0x27, 0x05, 0x19, 0x56]),
                _ => put(&mut file, 0x38, b"ARM\x64"),
            }
            if let Ok((bytes, _)) = alone(&file) {
                let sum: u64 = bytes.leaves.iter().map(|leaf| leaf.size).sum();
                prop_assert_eq!(sum, bytes.sections_bytes);
            }
        }
    }
}
