//! Boots one system's kernels under conditions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use builder::system::System;
use host::error::Kind;
use host::session::Session;
use recipe::arch::KernelPlace;
use recipe::{Plan, config};
use trial::check;
use vm::boot::{self, BootReport, BootRequest, Observation};
use vm::machine::qemu::Accelerator;
use vm::machine::traps;
use vmlinux::Code;

use super::conditions::{Condition, ConditionChecks};
use super::log::Layout;
use crate::error::Result;

/// What stays the same in all boots of a trace or of a repair.
#[derive(Debug)]
pub struct Runner {
    /// The plan.
    pub plan: Plan,
    /// QEMU's version.
    pub qemu_version: String,
    /// The folder of the whole system's outputs: its ramdisk and device tree.
    output: PathBuf,
    agent: PathBuf,
    /// Whether its kernel chooses its address at each boot.
    is_moved: bool,
}

/// Tells a kernel that would choose its address by chance to stay where it was
/// linked: addresses are all that a log and a breakpoint know.
const STAY: &str = " nokaslr";

/// Whether a kernel chooses its address at each boot.
fn is_moved(system: &System) -> Result<bool> {
    let path = system.kernel.config();
    let text = fs::read_to_string(&path).map_err(|e| host::Error::file("read", &path, e))?;
    Ok(config::Values::parse(&text).get("RANDOMIZE_BASE") == "y")
}

impl Runner {
    /// For the kernels of this system.
    pub fn new(plan: &Plan, system: &System, session: &Session) -> Result<Runner> {
        Ok(Runner {
            plan: plan.clone(),
            qemu_version: check::qemu_version(plan, session)?,
            output: system.output.clone(),
            agent: session.phase("agent", || check::build_agent(system, session))?,
            is_moved: is_moved(system)?,
        })
    }

    /// Boots the kernel in a folder; `dir` takes the boot's files.
    pub fn boot(
        &self,
        kernel: &Path,
        dir: &Path,
        condition: &Condition,
        extra: Vec<String>,
        observation: &Observation<'_>,
        session: &Session,
    ) -> Result<BootReport> {
        let image = kernel.join("image");
        self.boot_image(&image, dir, condition, extra, observation, session)
    }

    /// Boots a kernel's image; `dir` takes the boot's files. Always by QEMU's
    /// translator: its breakpoints and its log are what is needed.
    pub fn boot_image(
        &self,
        image: &Path,
        dir: &Path,
        condition: &Condition,
        extra: Vec<String>,
        observation: &Observation<'_>,
        session: &Session,
    ) -> Result<BootReport> {
        let mut machine = check::machine(&self.plan, &self.output, Accelerator::Tcg, &[]);
        machine.kernel = image.to_owned();
        machine.extra = extra;
        if self.is_moved {
            machine.cmdline.push_str(STAY);
        }
        condition.apply(&mut machine);
        let ConditionChecks { checks, pause } = condition.checks(&self.plan);
        let idle = pause.map(|pause| pause.limit()).unwrap_or_default();
        let added: Duration = checks[self.plan.checks.len()..]
            .iter()
            .map(|check| check.timeout)
            .sum();
        let request = BootRequest {
            machine,
            checks: &checks,
            exercises: &self.plan.exercises,
            agent: Some(&self.agent),
            adversary: None,
            faults: None,
            board: None,
            quiet: Duration::ZERO,
            pause,
            inspect: None,
            timeout: condition.stretched(self.plan.machine.timeout + added) + idle,
            silence: condition.stretched(self.plan.machine.silence) + idle,
            dir: dir.to_owned(),
        };
        let load = condition
            .load(&session.processes)
            .map_err(|e| host::Error::command(Kind::Machine, "load the host", e))?;
        let report = boot::observed(&session.processes, &request, observation, &mut |_| {});
        drop(load);
        Ok(report?)
    }

    /// Where a kernel of this board lies.
    pub fn layout(&self, code: &Code) -> Layout {
        let offset = traps::offset(code, self.kernel_place());
        let entry = if code.image.contains(&code.entry) {
            code.entry.wrapping_sub(offset)
        } else {
            code.entry
        };
        Layout {
            image: code.image.clone(),
            entry,
            offset,
        }
    }

    /// Where the kernel lies where its file doesn't know.
    pub fn kernel_place(&self) -> KernelPlace {
        self.plan.board.arch.facts().place
    }
}
