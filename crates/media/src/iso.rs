//! A CD that a PC's BIOS boots by ISOLINUX.
//!
//! Times, identifiers and the volume's UUID are fixed, so that the same files
//! give the same bytes.

use std::path::Path;

use host::process::Cmd;
use recipe::medium::Form;

use crate::disk;
use crate::error::Result;
use crate::parts::{Bench, Parts, copy, dated, write};
use crate::tools::{ISOLINUX, LDLINUX};

/// The command that makes it of the folder that is prepared.
pub(crate) fn commands(to: &Path, bench: &Bench<'_>) -> Vec<Cmd> {
    let make = dated(Cmd::new("xorriso"))
        .args(["-as", "mkisofs", "-quiet", "-V", "TUXLING", "-r"])
        .args(["--modification-date=1980010100000000"])
        .args(["--set_all_file_dates", "1980010100000000"])
        .args(["-sysid", "", "-A", "", "-publisher", "", "-p", ""])
        .args(["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat"])
        .args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"])
        .arg("-o")
        .arg(to)
        .arg(bench.dir.join("cd"));
    vec![make]
}

/// Puts all files into a folder.
pub(crate) fn prepare(parts: &Parts<'_>, bench: &Bench<'_>) -> Result<()> {
    let root = bench.dir.join("cd");
    let loader = root.join("isolinux");
    std::fs::create_dir_all(&loader).map_err(|e| host::Error::file("create", &loader, e))?;
    for file in [ISOLINUX, LDLINUX] {
        copy(&file.found(Form::Iso)?, &loader, file.name)?;
    }
    for (from, name) in parts.files() {
        copy(from, &root, name)?;
    }
    let text = disk::syslinux(parts, "/");
    write(&loader.join("isolinux.cfg"), text.as_bytes())
}
