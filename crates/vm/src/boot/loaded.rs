//! What a boot's machine is given: the shipped bytes, and the checks' agent where
//! there is room for one.

use std::path::Path;

use recipe::board::{Channel, Flash};

use super::request::BootRequest;
use crate::check::agent;
use crate::error::{Error, Result};
use crate::machine::qemu::Machine;

/// The machine as it is booted, with what it loads written into the boot's
/// folder. `plan` is the agent's.
///
/// # Errors
/// When a file can't be read or written, or the flash image has no device tree
/// that says how much RAM there is.
pub(super) fn machine(request: &BootRequest<'_>, plan: &str) -> Result<Machine> {
    let mut machine = request.machine.clone();
    if let Some(flash) = &request.machine.board.flash {
        let image = request.dir.join("flash");
        write_flash(request, flash, &image)?;
        machine.kernel = image;
    }
    if let (Some(channel), Some(agent)) = (&request.machine.board.channel, request.agent) {
        let initrd = request.dir.join("initrd");
        write_initrd(request, (agent, channel), plan, &initrd)?;
        machine.cmdline = agent::cmdline_with_agent(&machine.cmdline);
        machine.initrd = Some(initrd);
    }
    Ok(machine)
}

/// The shipped image, which says how much RAM there is.
fn write_flash(request: &BootRequest<'_>, flash: &Flash, image: &Path) -> Result<()> {
    let machine = &request.machine;
    let mut bytes = read(&machine.kernel)?;
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let base = number(machine.board.arch.facts().ram_base);
    let memory = number(machine.memory.0);
    flash::set_memory(&mut bytes, &flash.layout(), base, memory).map_err(Error::Flash)?;
    write(image, &bytes)
}

/// The agent's archive, then the shipped ramdisk as it is.
fn write_initrd(
    request: &BootRequest<'_>,
    (agent, channel): (&Path, &Channel),
    plan: &str,
    initrd: &Path,
) -> Result<()> {
    let agent = read(agent)?;
    let adversary = request.adversary.map(read).transpose()?;
    let mut bytes = agent::archive(&agent, adversary.as_deref(), plan, channel)?;
    if let Some(ramdisk) = &request.machine.initrd {
        bytes.extend(read(ramdisk)?);
    }
    write(initrd, &bytes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| host::Error::file("read", path, e).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e).into())
}
