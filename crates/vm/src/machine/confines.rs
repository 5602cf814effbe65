//! Whether a machine that starts from flash memory stayed where it belongs: the
//! flash is what it was, and no RAM was touched beyond what the device tree
//! tells.
//!
//! QEMU's machine has all of its RAM, and has RAM where the board has flash
//! memory: nothing else would show that a kernel used more than it was given.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::qmp::{QmpClient, QmpError};

/// An answer that takes longer doesn't come.
const LIMIT: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confines {
    /// Where flash memory begins.
    pub flash: u64,
    /// What it must hold.
    pub image: Vec<u8>,
    /// The first address behind the RAM that the kernel was told of.
    pub ram_end: u64,
    /// How much RAM the machine has behind that, in bytes. It begins as zeros.
    pub unused_bytes: u64,
}

impl Confines {
    /// Looks into a machine that runs, and stops it. Gives what is not as it
    /// should be; `None` when all is. `dir` is for the memory's files.
    ///
    /// # Errors
    /// When QEMU doesn't say.
    pub(crate) fn look(&self, socket: &Path, dir: &Path) -> Result<Option<String>, QmpError> {
        let mut client = QmpClient::connect(socket, LIMIT)?;
        client.ask("stop", &json!({}))?;
        let mut memory = |name: &str, address: u64, size: u64| -> Result<Vec<u8>, QmpError> {
            if size == 0 {
                return Ok(Vec::new());
            }
            let file = dir.join(name);
            let arguments = json!({
                "val": address, "size": size, "filename": file.to_string_lossy(),
            });
            client.ask("pmemsave", &arguments)?;
            let bytes = std::fs::read(&file)?;
            std::fs::remove_file(&file)?;
            Ok(bytes)
        };
        let flash = memory("flash-after", self.flash, self.image.len() as u64)?;
        let unused = memory("ram-unused", self.ram_end, self.unused_bytes)?;
        Ok(self.judge(&flash, &unused))
    }

    /// What is wrong with the memory that was found.
    fn judge(&self, flash: &[u8], unused: &[u8]) -> Option<String> {
        let differs = self.image.iter().zip(flash).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let address = self.flash + at as u64;
            return Some(format!("flash memory was written to at 0x{address:x}"));
        }
        if flash.len() != self.image.len() || unused.len() as u64 != self.unused_bytes {
            return Some("QEMU saved less memory than it was asked for".to_owned());
        }
        let at = unused.iter().position(|byte| *byte != 0)?;
        let address = self.ram_end + at as u64;
        Some(format!(
            "RAM was used at 0x{address:x}, beyond what the device tree tells"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_in_the_wrong_place_is_told_by_its_address() {
        let confines = Confines {
            flash: 0x100,
            image: vec![1, 2, 3],
            ram_end: 0x2000_1000,
            unused_bytes: 4,
        };
        assert_eq!(confines.judge(&[1, 2, 3], &[0; 4]), None);
        assert_eq!(
            confines.judge(&[1, 2, 4], &[0; 4]).as_deref(),
            Some("flash memory was written to at 0x102")
        );
        assert_eq!(
            confines.judge(&[1, 2, 3], &[0, 7, 0, 0]).as_deref(),
            Some("RAM was used at 0x20001001, beyond what the device tree tells")
        );
        assert!(confines.judge(&[1, 2], &[0; 4]).is_some());
        assert!(confines.judge(&[1, 2, 3], &[0; 3]).is_some());
    }
}
