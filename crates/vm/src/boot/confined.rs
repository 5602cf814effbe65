//! The look at a machine's memory at the end of a boot from flash memory.

use std::io;
use std::path::Path;

use host::process::Cmd;
use record::Outcome;

use super::BootReport;
use super::request::BootRequest;
use crate::error::Result;
use crate::machine::confines::Confines;
use crate::machine::qemu::Machine;
use crate::machine::qmp::{self, MonitorSocket};

/// What a boot must keep to, and how it is looked at.
pub(super) struct Confined {
    confines: Confines,
    monitor: MonitorSocket,
}

impl Confined {
    /// Of a machine that is about to be booted; `None` where there is no flash
    /// memory, or where the monitor is somebody else's.
    ///
    /// # Errors
    /// When the image can't be read, or no socket can be made.
    pub(super) fn new(request: &BootRequest<'_>, machine: &Machine) -> Result<Option<Self>> {
        let Some(flash) = &machine.board.flash else {
            return Ok(None);
        };
        if request.inspect.is_some() || request.board.is_some() {
            return Ok(None);
        }
        let file = |e: io::Error| host::Error::file("read", &machine.kernel, e);
        let most = machine.board.memory_most.0;
        Ok(Some(Confined {
            confines: Confines {
                flash: u64::from(flash.address),
                image: std::fs::read(&machine.kernel).map_err(file)?,
                ram_end: machine.board.arch.facts().ram_base + machine.memory.0,
                unused_bytes: most.saturating_sub(machine.memory.0),
            },
            monitor: MonitorSocket::new()
                .map_err(|e| host::Error::file("make a socket for", &request.dir, e))?,
        }))
    }

    /// QEMU's command with the monitor.
    pub(super) fn watched(&self, command: Cmd) -> Cmd {
        command.args(qmp::arguments(&self.monitor.path))
    }

    /// Looks at the machine, which still runs if all went well.
    pub(super) fn look(&self, dir: &Path) -> std::result::Result<Option<String>, String> {
        let looked = self.confines.look(&self.monitor.path, dir);
        looked.map_err(|error| format!("QEMU did not save its memory: {error}"))
    }
}

/// A boot that passed and did not keep to its memory has not passed. One that
/// nobody could look at is none.
pub(super) fn judge(
    report: &mut BootReport,
    looked: Option<std::result::Result<Option<String>, String>>,
) {
    if report.outcome != Outcome::Passed {
        return;
    }
    match looked {
        None | Some(Ok(None)) => {}
        Some(Ok(Some(stray))) => {
            report.outcome = Outcome::CheckFailed;
            report.reason = stray;
        }
        Some(Err(why)) => {
            report.outcome = Outcome::InfrastructureBroke;
            report.reason = why;
        }
    }
}
