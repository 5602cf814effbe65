//! What can go wrong when bytes are looked for and weighed.

use std::io;

use host::error::Kind;
use initramfs::compress::DecompressError;
use initramfs::cpio::CpioError;
use vmlinux::archive::ArchiveError;
use vmlinux::boot_image::BootImageError;
use vmlinux::elf::ElfError;
use vmlinux::link_map::LinkMapError;
use vmlinux::lzma_cost::CostError;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of this machine.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// Of what is built.
    #[error(transparent)]
    Builder(#[from] builder::error::Error),

    /// A file that is looked at is no readable kernel.
    #[error("can't read vmlinux: {0}")]
    Vmlinux(ElfError),
    /// A kernel that was just linked can't be read.
    #[error("can't read vmlinux: {0}")]
    Linked(ElfError),
    /// The relocations that a kernel's link left can't be read.
    #[error("the kept link: {0}")]
    KeptLink(ElfError),
    /// What is given as a linker's map is none.
    #[error("can't read the map: {0}")]
    Map(LinkMapError),

    /// Neither the image's header nor a map says where its payload is.
    #[error("can't find the compressed kernel in the image")]
    NoPayload,
    /// An image's payload can't be unpacked.
    #[error("can't unpack the kernel of the image: {0}")]
    Unpack(DecompressError),
    /// The prices of a payload's bytes can't be read.
    #[error("can't read the payload: {0}")]
    Payload(CostError),
    /// The prices of what was packed here can't be read.
    #[error("can't read what was packed: {0}")]
    Packed(CostError),
    /// A payload or a ramdisk packed by context mixing has no prices.
    #[error("can't read the stream: {0}")]
    Mixed(cm::Error),
    /// The kernel can't be compressed here.
    #[error("can't compress the kernel: {0}")]
    Compress(io::Error),
    /// One of the threads that compress did not come to its end.
    #[error("a thread that compressed ended early")]
    ThreadEnded,

    /// A ramdisk in no format that is known.
    #[error("can't read the ramdisk: its format is not known")]
    RamdiskFormat,
    /// A ramdisk that can't be unpacked.
    #[error("can't read the ramdisk: {0}")]
    RamdiskPacked(DecompressError),
    /// A ramdisk whose archive can't be read.
    #[error("can't read the ramdisk: {0}")]
    RamdiskArchive(CpioError),
    /// The prices of a ramdisk's bytes can't be read.
    #[error("can't read the ramdisk's stream: {0}")]
    RamdiskStream(CostError),
    /// A program of a ramdisk can't be read.
    #[error("can't read {file} of the ramdisk: {error}")]
    RamdiskProgram {
        /// Which.
        file: String,
        /// Why.
        error: ElfError,
    },

    /// A file that is looked at can't be divided.
    #[error("{0}")]
    File(#[from] FileError),

    /// An option that the kernel doesn't have.
    #[error("this kernel has no option {name}")]
    NoSuchOption {
        /// As it was asked for, without `CONFIG_`.
        name: String,
        /// The names that are nearest to it.
        nearest: Vec<String>,
    },
}

/// Why a file can't be divided. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is of no kind that is known here.
    #[error("{name} is neither an ELF file, an archive nor a kernel image")]
    Unknown {
        /// The file.
        name: String,
    },
    /// What it unpacks to is of no kind that is known here.
    #[error(
        "{name} can't be divided: it unpacks to {bytes} bytes that are neither an ELF file, an \
         archive nor a kernel image"
    )]
    UnknownInside {
        /// The file.
        name: String,
        /// How much it unpacks to.
        bytes: usize,
    },
    /// It can't be unpacked.
    #[error("{name} can't be divided: it can't be unpacked: {error}")]
    Packed {
        /// The file.
        name: String,
        /// Why.
        error: DecompressError,
    },
    /// Nothing of it takes room in memory.
    #[error("{name} can't be divided: nothing of it is loaded into memory")]
    NothingLoaded {
        /// The file.
        name: String,
    },
    /// It is no readable archive.
    #[error("{name} can't be divided: {error}")]
    Archive {
        /// The file.
        name: String,
        /// Why.
        error: ArchiveError,
    },
    /// A member of a thin archive isn't there.
    #[error("{name} can't be divided: its member {member} can't be read: {error}")]
    Member {
        /// The archive.
        name: String,
        /// The member, relative to the archive's folder.
        member: String,
        /// Why.
        error: io::Error,
    },
    /// A member of an archive is no readable object.
    #[error("{name} can't be divided: {member}: {error}")]
    Object {
        /// The archive.
        name: String,
        /// The member.
        member: String,
        /// Why.
        error: Box<Error>,
    },
    /// No object of an archive takes room in memory.
    #[error("{name} can't be divided: no object in it has anything to load")]
    NoObject {
        /// The archive.
        name: String,
    },
    /// A boot image without a readable header.
    #[error("{name} can't be divided: {error}")]
    BootImage {
        /// The file.
        name: String,
        /// Why.
        error: BootImageError,
    },
    /// The header's figures don't fit the file.
    #[error("{name} can't be divided: its header names a kernel that the file doesn't hold")]
    NoKernel {
        /// The file.
        name: String,
    },
}

/// The result of looking for bytes and weighing them.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Error::Host(error) => error.kind(),
            Error::Builder(error) => error.kind(),
            Error::Vmlinux(_) | Error::Map(_) | Error::File(_) | Error::NoSuchOption { .. } => {
                Kind::Usage
            }
            Error::Packed(_) | Error::Compress(_) | Error::ThreadEnded => Kind::Machine,
            Error::Linked(_)
            | Error::KeptLink(_)
            | Error::NoPayload
            | Error::Unpack(_)
            | Error::Payload(_)
            | Error::Mixed(_)
            | Error::RamdiskFormat
            | Error::RamdiskPacked(_)
            | Error::RamdiskArchive(_)
            | Error::RamdiskStream(_)
            | Error::RamdiskProgram { .. } => Kind::Build,
        }
    }
}
