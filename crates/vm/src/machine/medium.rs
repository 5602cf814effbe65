//! A medium in a machine's drive, and the firmware that boots it.

use std::path::PathBuf;

use recipe::Board;
use recipe::firmware::Firmware;
use recipe::medium::Form;

use crate::error::{Error, Result};

/// A boot medium and what boots it.
#[derive(Clone, Debug)]
pub struct Medium {
    /// What it is.
    pub form: Form,
    /// What boots it.
    pub firmware: Firmware,
    /// The firmware's own file, where QEMU doesn't have it.
    pub file: Option<PathBuf>,
    /// The medium.
    pub image: PathBuf,
}

impl Medium {
    /// A medium for a board.
    ///
    /// # Errors
    /// When the board has no firmware for it, or the firmware is not installed.
    pub fn on(board: &Board, form: Form, image: PathBuf) -> Result<Medium> {
        let firmware = board.firmware_of(form).ok_or_else(|| Error::NoFirmware {
            board: board.name.clone(),
            form,
            boots: board
                .firmware
                .iter()
                .flat_map(|one| &one.boots)
                .map(|form| form.word())
                .collect(),
        })?;
        let file = firmware.find().map_err(|firmware| Error::FirmwareFile {
            name: firmware.name.clone(),
            files: firmware.files.clone(),
        })?;
        Ok(Medium {
            form,
            firmware: firmware.clone(),
            file,
            image,
        })
    }

    /// QEMU's arguments for it.
    pub fn arguments(&self) -> Vec<String> {
        let file = self.file.as_ref().map(|file| file.display().to_string());
        let image = self.image.display().to_string();
        let file = file.unwrap_or_default();
        self.firmware.arguments(&image, &file)
    }
}
