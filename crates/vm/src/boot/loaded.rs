//! What a boot's machine is given: the shipped bytes, and the checks' agent where
//! there is room for one.

use std::path::Path;

use host::process::Processes;
use media::Parts;
use media::make::Bench;
use recipe::board::{Channel, Flash};

use super::request::BootRequest;
use crate::check::agent;
use crate::error::{Error, Result};
use crate::machine::qemu::Machine;

/// The machine as it is booted, with what it loads written into the boot's
/// folder. `plan` is the agent's.
///
/// # Errors
/// When a file can't be read or written, a medium can't be made, or the flash image has no device tree
/// that says how much RAM there is.
pub(super) fn machine(
    processes: &Processes,
    request: &BootRequest<'_>,
    plan: &str,
) -> Result<Machine> {
    let mut machine = request.machine.clone();
    if let Some(flash) = &request.machine.board.flash {
        let image = request.dir.join("flash");
        write_flash(request, flash, &image)?;
        machine.kernel = image;
    }
    let mut first = None;
    if let (Some(channel), Some(agent)) = (&request.machine.board.channel, request.agent) {
        let initrd = request.dir.join("initrd");
        let mut bytes = agent_archive(request, (agent, channel), plan)?;
        if machine.medium.is_none() {
            if let Some(ramdisk) = &request.machine.initrd {
                bytes.extend(read(ramdisk)?);
            }
            machine.initrd = Some(initrd.clone());
        } else {
            first = Some(initrd.clone());
        }
        write(&initrd, &bytes)?;
        machine.cmdline = agent::cmdline_with_agent(&machine.cmdline);
    }
    if let Some(medium) = &mut machine.medium {
        medium.image = request.dir.join(medium.form.file_name());
        let parts = Parts {
            first: first.as_deref(),
            cmdline: &machine.cmdline,
            ..parts(&request.machine)
        };
        let bench = Bench {
            processes,
            dir: &request.dir.join("medium"),
        };
        media::make(medium.form, &parts, &medium.image, &bench)?;
    }
    Ok(machine)
}

/// What goes on a medium of a machine's.
pub fn parts(machine: &Machine) -> Parts<'_> {
    Parts {
        arch: machine.board.arch,
        kernel: &machine.kernel,
        ramdisk: machine.initrd.as_deref(),
        first: None,
        device_tree: machine.device_tree.as_deref(),
        cmdline: &machine.cmdline,
        ram_base: machine.board.arch.facts().ram_base,
    }
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

/// The archive of the agent and its plan. What is shipped is loaded behind it, as it
/// is.
fn agent_archive(
    request: &BootRequest<'_>,
    (agent, channel): (&Path, &Channel),
    plan: &str,
) -> Result<Vec<u8>> {
    let agent = read(agent)?;
    let adversary = request.adversary.map(read).transpose()?;
    agent::archive(&agent, adversary.as_deref(), plan, channel)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| host::Error::file("read", path, e).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e).into())
}
