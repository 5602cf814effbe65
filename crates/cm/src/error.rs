//! Why a stream can't be unpacked, or bytes can't be packed.

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It begins in another way.
    #[error("not a cm stream: no c3 43 4d 01 at its start")]
    Magic,
    /// The header says something that can't be.
    #[error("the header of the cm stream is wrong: {what} at offset {at}")]
    Header {
        /// What it is about.
        what: &'static str,
        /// The byte.
        at: usize,
    },
    /// It ends too early.
    #[error("the cm stream is cut off after {0} bytes")]
    CutOff(usize),
    /// The bytes are not those that were packed.
    #[error("the cm stream is damaged: its bytes have the CRC32 {found:08x}, not {wanted:08x}")]
    Damaged {
        /// The checksum of what came out.
        found: u32,
        /// The checksum of what went in.
        wanted: u32,
    },
    /// There is more in it than was allowed.
    #[error("the cm stream holds {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// What it says that it holds.
        bytes: u32,
        /// The bytes allowed.
        limit: usize,
    },
    /// More than the format's numbers can say.
    #[error("{0} bytes are more than a cm stream can hold, 1 GiB")]
    TooLong(usize),
}
