//! The words that all else speaks: what was measured of a trial and how it
//! ended; and where records are kept.

mod database;
mod diagnosis;
pub mod error;
mod fixes;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
mod guest_memory;
mod keep;
pub mod matrix;
mod outcome;
mod record;
mod soak;

pub use self::record::{
    BootRecord, CheckRecord, ExerciseRecord, Ids, ImageSizes, Inputs, LostLine, MemEntry, MemOwner,
    MemRecord, Modular, RamRecord, RamdiskSizes, Record, SCHEMA, SourceRecord, VmlinuxSizes,
};
pub use database::{Attempt, Database};
pub use diagnosis::{Diagnosis, diagnoses_text};
pub use fixes::Fix;
pub use guest_memory::{GuestMemory, meminfo_kib};
pub use keep::{keep, known_fixes, remember, remember_fixes, store_path};
pub use outcome::{CheckOutcome, Outcome};
pub use soak::{SoakBoot, known_soak, remember_soak};
