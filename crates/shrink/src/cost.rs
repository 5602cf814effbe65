//! What a system costs, and what *smaller* means.

use serde::{Deserialize, Serialize};

/// What a trial measured. What was not measured is `None`, never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cost {
    /// Bytes of the compressed payloads. Not of the files: those are rounded
    /// up, and small gains would not be seen.
    pub payload_bytes: u64,
    /// The smallest RAM that the system runs in, KiB.
    pub ram_kib: Option<u64>,
    /// Instructions until the system is up.
    pub boot_instructions: Option<u64>,
}

impl Cost {
    /// A cost of which only the payload is known.
    #[must_use]
    pub fn payload(bytes: u64) -> Self {
        Self {
            payload_bytes: bytes,
            ram_kib: None,
            boot_instructions: None,
        }
    }
}

/// What the search makes small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// The payload; among equals the RAM.
    #[default]
    Image,
    /// The RAM; among equals the payload.
    Ram,
    /// The sum of both, each as a share of what the start needs.
    Both,
}

impl Goal {
    /// Whether `new` may take the place of `old`: it costs no more. Equal cost
    /// is enough, as the new one has taken more away. A cost that the goal
    /// needs and that was not measured is no improvement.
    #[must_use]
    pub fn accepts(self, start: &Cost, old: &Cost, new: &Cost) -> bool {
        match self {
            Self::Image if new.payload_bytes != old.payload_bytes => {
                new.payload_bytes < old.payload_bytes
            }
            // RAM decides among equals where both were measured.
            Self::Image => new
                .ram_kib
                .zip(old.ram_kib)
                .is_none_or(|(new, old)| new <= old),
            Self::Ram => match (new.ram_kib, old.ram_kib) {
                (Some(new_ram), Some(old_ram)) => {
                    (new_ram, new.payload_bytes) <= (old_ram, old.payload_bytes)
                }
                (Some(_), None) => true,
                (None, _) => false,
            },
            Self::Both => match (new.ram_kib, old.ram_kib, start.ram_kib) {
                (Some(new_ram), Some(old_ram), Some(start_ram)) => {
                    let bill = |payload: u64, ram: u64| {
                        u128::from(payload) * u128::from(start_ram)
                            + u128::from(ram) * u128::from(start.payload_bytes)
                    };
                    bill(new.payload_bytes, new_ram) <= bill(old.payload_bytes, old_ram)
                }
                _ => false,
            },
        }
    }
}
