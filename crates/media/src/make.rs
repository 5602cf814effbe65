//! From the parts of a system to a boot medium: what is prepared, the commands
//! that run, and what is put in at the end.

use std::fs;
use std::path::Path;

use host::error::Kind;
use host::process::Cmd;
use recipe::Arch;
use recipe::medium::Form;

use crate::error::{Error, Result};
use crate::parts::{Bench, Parts, read, size};
use crate::tools::programs;
use crate::{boot_sector, disk, iso, uboot};

/// A medium that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The file's size.
    pub bytes: u64,
    /// What is free on it, where it has a file system that can be written to.
    pub free_bytes: Option<u64>,
}

/// Holds that machines of an architecture boot such a medium.
///
/// # Errors
/// When none does.
pub fn fits(form: Form, arch: Arch) -> Result<()> {
    if form.fits(arch) {
        return Ok(());
    }
    let arch = arch.facts().name;
    Err(Error::Architecture { form, arch })
}

/// The commands that make a medium of these parts in the file `to`.
///
/// # Errors
/// When no machine of the architecture boots it, or files of boot loaders are
/// missing.
pub fn commands(form: Form, parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Result<Vec<Cmd>> {
    fits(form, parts.arch)?;
    let commands = match form {
        Form::Floppy => boot_sector::commands(parts, to, bench),
        Form::Iso => iso::commands(to, bench),
        Form::DiskBios | Form::DiskEfi | Form::Usb | Form::DiskUboot => {
            disk::commands(form, parts, to, bench)?
        }
        Form::Fit | Form::Uimage => uboot::commands(form, parts, to, bench),
    };
    Ok(commands)
}

/// Makes a medium. What stands in `to` is whole or as it was.
///
/// # Errors
/// When a tool is missing or fails, or the parts don't fit.
pub fn make(form: Form, parts: &Parts<'_>, to: &Path, bench: &Bench<'_>) -> Result<Made> {
    for program in programs(form) {
        if bench.processes.find(program).is_none() {
            return Err(host::Error::missing_tool(program, &doing(form)).into());
        }
    }
    fresh(bench.dir)?;
    let aside = bench.dir.join("medium");
    let commands = commands(form, parts, &aside, bench)?;
    match form {
        Form::Floppy => boot_sector::prepare(parts, &aside, bench)?,
        Form::Iso => iso::prepare(parts, bench)?,
        Form::DiskBios | Form::DiskEfi | Form::Usb | Form::DiskUboot => {
            disk::prepare(form, parts, &aside, bench)?;
        }
        Form::Fit | Form::Uimage => uboot::prepare(form, parts, bench)?,
    }
    for command in &commands {
        let run = bench.processes.run(command);
        run.map_err(|e| host::Error::command(Kind::Build, doing(form), e))?;
    }
    let free_bytes = match form {
        Form::Floppy => Some(boot_sector::finish(parts, &aside, bench)?),
        Form::DiskBios | Form::DiskEfi | Form::Usb | Form::DiskUboot => {
            Some(disk::finish(form, &aside)?)
        }
        Form::Iso | Form::Fit | Form::Uimage => None,
    };
    let bytes = size(&aside)?;
    let content = read(&aside)?;
    host::cache::write_whole(to, &content)?;
    fs::remove_dir_all(bench.dir).map_err(|e| host::Error::file("remove", bench.dir, e))?;
    Ok(Made { bytes, free_bytes })
}

fn doing(form: Form) -> String {
    format!("make the {form} image")
}

/// An empty folder.
fn fresh(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|e| host::Error::file("remove", dir, e))?;
    }
    fs::create_dir_all(dir).map_err(|e| host::Error::file("create", dir, e).into())
}
