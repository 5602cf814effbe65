//! What stands before the coder's bytes: how they were made.

use crate::context;
use crate::error::Error;

/// The first bytes of every stream. The kernel looks at two of them.
pub const MAGIC: [u8; 4] = [0xc3, 0x43, 0x4d, 0x01];

/// Bytes of a header without its contexts.
pub(crate) const FIXED: usize = 20;
pub(crate) const MAX_CONTEXTS: usize = 24;
pub(crate) const MAX_MIXERS: usize = 4;

/// How much is looked at for each bit, on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strength {
    /// Few contexts.
    Fast,
    /// More of them.
    #[default]
    Default,
    /// All that bring something.
    Best,
}

impl Strength {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Default, Self::Best];

    /// Contexts and first mixers.
    fn sizes(self) -> (usize, u8) {
        match self {
            Self::Fast => (5, 1),
            Self::Default => (8, 3),
            Self::Best => (16, 4),
        }
    }

    /// The number in the header, which is `CONFIG_CM_STRENGTH` as well.
    pub fn number(self) -> u8 {
        match self {
            Self::Fast => 1,
            Self::Default => 2,
            Self::Best => 3,
        }
    }
}

/// What is done to machine code before it is looked at: its branches get the
/// places that they lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Nothing.
    #[default]
    None,
    /// x86, 32 and 64 bits.
    X86,
    /// ARM, not Thumb.
    Arm,
}

/// How to pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How much is looked at.
    pub strength: Strength,
    /// Memory of the histories, as a power of two, 16 to 24.
    pub memory: u8,
    /// What the bytes are.
    pub filter: Filter,
    /// The block, as a power of two, 12 to 30.
    pub block: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strength: Strength::Default,
            memory: 22,
            filter: Filter::None,
            block: 30,
        }
    }
}

/// What a stream says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How much was looked at.
    pub strength: Strength,
    /// Memory of the histories, as a power of two.
    pub memory: u8,
    /// What was done to code.
    pub filter: Filter,
    /// The number of first mixers.
    pub mixers: u8,
    /// The block, as a power of two.
    pub block: u8,
    /// Bytes when unpacked.
    pub bytes: u32,
    /// The CRC32 of these.
    pub crc32: u32,
    /// What was looked at, of [`context`].
    pub contexts: Vec<u32>,
}

impl Header {
    pub(crate) fn new(settings: &Settings, bytes: u32, crc32: u32) -> Self {
        let (contexts, mixers) = settings.strength.sizes();
        let all = match settings.filter {
            Filter::X86 => context::X86,
            Filter::None | Filter::Arm => context::FOUR,
        };
        Self {
            strength: settings.strength,
            memory: settings.memory.clamp(16, 24),
            filter: settings.filter,
            mixers,
            block: settings.block.clamp(12, 30),
            bytes,
            crc32,
            contexts: all[..contexts].to_vec(),
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let filter = match self.filter {
            Filter::None => 0,
            Filter::X86 => 1,
            Filter::Arm => 2,
        };
        let contexts = self.contexts.len() as u8;
        let mut all = MAGIC.to_vec();
        all.extend([self.strength.number(), self.memory, filter]);
        all.extend([self.mixers, contexts, self.block, 0, 0]);
        for number in [self.bytes, self.crc32].iter().chain(&self.contexts) {
            all.extend(number.to_le_bytes());
        }
        all
    }

    /// Reads the header of a stream. How long it is: [`Header::len`].
    ///
    /// # Errors
    /// When it is none, is cut off, or says what can't be.
    pub fn read(stream: &[u8]) -> Result<Self, Error> {
        if !stream.starts_with(&MAGIC) {
            return Err(Error::Magic);
        }
        let fixed = stream.get(..FIXED).ok_or(Error::CutOff(stream.len()))?;
        let within = |at: usize, what, least: u8, most: u8| match fixed[at] {
            value if (least..=most).contains(&value) => Ok(value),
            _ => Err(Error::Header { what, at }),
        };
        let contexts = usize::from(within(8, "contexts", 1, MAX_CONTEXTS as u8)?);
        let listed = stream
            .get(FIXED..FIXED + 4 * contexts)
            .ok_or(Error::CutOff(stream.len()))?;
        Ok(Self {
            strength: match within(4, "strength", 1, 3)? {
                1 => Strength::Fast,
                2 => Strength::Default,
                _ => Strength::Best,
            },
            memory: within(5, "memory", 16, 24)?,
            filter: match within(6, "filter", 0, 2)? {
                0 => Filter::None,
                1 => Filter::X86,
                _ => Filter::Arm,
            },
            mixers: within(7, "mixers", 1, MAX_MIXERS as u8)?,
            block: within(9, "block", 12, 30)?,
            bytes: number(&fixed[12..]),
            crc32: number(&fixed[16..]),
            contexts: listed.chunks_exact(4).map(number).collect(),
        })
    }

    /// Where the coder's bytes begin.
    #[expect(clippy::len_without_is_empty, reason = "no header is empty")]
    pub fn len(&self) -> usize {
        FIXED + 4 * self.contexts.len()
    }

    /// RAM in bytes that unpacking takes besides the output: `CM_BYTES` of the
    /// kernel's decoder, and what the kernel's head gives it.
    pub fn unpacking_bytes(&self) -> u64 {
        unpacking_bytes(self.memory)
    }
}

/// RAM in bytes that the kernel's head keeps for histories of 2^`memory` bytes
/// (`BOOT_HEAP_SIZE`, `MALLOC_SIZE`).
pub fn unpacking_bytes(memory: u8) -> u64 {
    match memory {
        ..18 => 1 << 19,
        18..20 => 1 << 20,
        20.. => 3 << (memory.min(24) - 1),
    }
}

fn number(bytes: &[u8]) -> u32 {
    let four = bytes.get(..4).and_then(|four| four.try_into().ok());
    u32::from_le_bytes(four.unwrap_or_default())
}
