//! What can be wrong with an image of flash memory.

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two parts would overlap, or the last doesn't fit.
    #[error("{what} ends at 0x{end:x} of the flash memory, where {limit} begins at 0x{from:x}")]
    NoRoom {
        /// The part that is too long.
        what: &'static str,
        /// Where it ends, as an offset.
        end: u64,
        /// What stands behind it.
        limit: &'static str,
        /// Where that begins, as an offset.
        from: u64,
    },
    /// The bytes are no device tree.
    #[error("not a device tree: {0}")]
    NoDeviceTree(&'static str),
    /// A device tree lacks a property.
    #[error("the device tree has no property {property} of that size in {node}")]
    NoProperty {
        /// The node's path.
        node: String,
        /// The property's name.
        property: String,
    },
    /// A file can't be read.
    #[error("can't read {path} for the file system: {error}")]
    Unreadable {
        /// Its path in the file system.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The file system would be larger than its format allows.
    #[error("a romfs can't be larger than 4 GiB")]
    TooLarge,
    /// A device's number doesn't fit.
    #[error("{path} has the number {major}:{minor}; a romfs keeps 16 bits of each")]
    DeviceNumber {
        /// Its path in the file system.
        path: String,
        /// The driver's number.
        major: u32,
        /// The device's number.
        minor: u32,
    },
}

/// What this crate's functions give.
pub type Result<T> = std::result::Result<T, Error>;
