//! What a boot's machine is given: the shipped bytes, and the checks' agent where
//! there is room for one.

use std::path::{Path, PathBuf};

use host::process::Processes;
use media::Bench;
use recipe::board::Flash;
use recipe::plan::RootPlan;

use super::request::BootRequest;
use crate::check::agent::{self, Parts};
use crate::error::{Error, Result};
use crate::machine::qemu::Machine;

/// The machine as it is booted, with what it loads written into the boot's
/// folder. `plan` is the agent's.
///
/// # Errors
/// When a file can't be read or written, a medium can't be made, or the flash image
/// has no device tree that says how much RAM there is.
pub(super) fn machine(
    request: &BootRequest<'_>,
    plan: &str,
    processes: &Processes,
) -> Result<Machine> {
    let mut machine = request.machine.clone();
    if let Some(flash) = &request.machine.board.flash {
        let image = request.dir.join("flash");
        write_flash(request, flash, &image)?;
        machine.kernel = image;
    }
    let mut first = None;
    if let (Some(channel), Some(agent)) = (&request.machine.board.channel, request.agent) {
        let agent = read(agent)?;
        let adversary = request.adversary.map(read).transpose()?;
        let parts = Parts {
            agent: &agent,
            adversary: adversary.as_deref(),
            plan,
            channel,
        };
        first = add_agent(&mut machine, &parts, request, processes)?;
    }
    if let Some(medium) = &mut machine.medium {
        medium.image = request.dir.join(medium.form.file_name());
        let parts = media::Parts {
            first: first.as_deref(),
            cmdline: &machine.cmdline,
            ..on_medium(&request.machine)
        };
        let bench = Bench {
            processes,
            dir: &request.dir.join("medium"),
        };
        media::make(medium.form, &parts, &medium.image, &bench)?;
    }
    Ok(machine)
}

/// Gives a machine the checks' agent: on a disk of its own where the system's root
/// is on one, else in a ramdisk before the system's. Gives that ramdisk's path where
/// a medium brings the system's.
fn add_agent(
    machine: &mut Machine,
    parts: &Parts<'_>,
    request: &BootRequest<'_>,
    processes: &Processes,
) -> Result<Option<PathBuf>> {
    if let Some(storage) = &mut machine.storage {
        let image = request.dir.join("checks-disk");
        write_disk(parts, &storage.root, &image, processes)?;
        machine.cmdline = agent::cmdline_from_disk(&machine.cmdline, &storage.root);
        storage.images.push(image);
        return Ok(None);
    }
    let initrd = request.dir.join("initrd");
    let mut bytes = parts.archive()?;
    machine.cmdline = agent::cmdline_with_agent(&machine.cmdline);
    if machine.medium.is_some() {
        write(&initrd, &bytes)?;
        return Ok(Some(initrd));
    }
    if let Some(ramdisk) = &request.machine.initrd {
        bytes.extend(read(ramdisk)?);
    }
    write(&initrd, &bytes)?;
    machine.initrd = Some(initrd);
    Ok(None)
}

/// What goes on a medium of a machine's.
pub fn on_medium(machine: &Machine) -> media::Parts<'_> {
    media::Parts {
        arch: machine.board.arch,
        kernel: &machine.kernel,
        ramdisk: machine.initrd.as_deref(),
        first: None,
        device_tree: machine.device_tree.as_deref(),
        cmdline: &machine.cmdline,
        ram_base: machine.board.arch.facts().ram_base,
    }
}

/// The checks' own disk: of the file system that the system's kernel has anyway. Its
/// kernel mounts this one as it would mount the system's, and the agent goes on from
/// there.
fn write_disk(
    parts: &Parts<'_>,
    root: &RootPlan,
    image: &Path,
    processes: &Processes,
) -> Result<()> {
    let tree = parts.tree_on_disk(root)?;
    let wanted = disk::Image {
        filesystem: root.filesystem,
        compression: root.compress,
        uuid: *b"checks of a boot",
        bytes: None,
        writable: false,
    };
    let scratch = host::aside::scratch("disk").map_err(Error::NoScratch)?;
    super::files::remove(image)?;
    Ok(disk::make(
        &tree,
        &wanted,
        scratch.path(),
        image,
        processes,
    )?)
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

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| host::Error::file("read", path, e).into())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| host::Error::file("write", path, e).into())
}
