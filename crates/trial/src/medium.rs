//! Boot media of built systems.

use std::path::{Path, PathBuf};

use builder::System;
use host::process::Cmd;
use host::session::{Cached, Session};
use media::Bench;
use media::Made;
use recipe::Plan;
use recipe::medium::Form;
use vm::boot;
use vm::machine::qemu::Accelerator;

use crate::check;
use crate::error::Result;

/// Where the medium of a system stands.
pub fn place(output: &Path, form: Form) -> PathBuf {
    output.join(form.file_name())
}

/// The commands that make the medium of what stands, or will, in the folder
/// `output`.
///
/// # Errors
/// When no machine of the architecture boots it, or files of boot loaders are
/// missing.
pub fn commands(plan: &Plan, output: &Path, form: Form, session: &Session) -> Result<Vec<Cmd>> {
    let machine = check::machine(plan, output, Accelerator::Tcg, &[]);
    let bench = Bench {
        processes: &session.processes,
        dir: Path::new("<medium>"),
    };
    let to = Path::new("<medium>/medium");
    Ok(media::make::commands(
        form,
        &boot::on_medium(&machine),
        to,
        &bench,
    )?)
}

/// Makes the medium of a system, beside its other outputs.
///
/// # Errors
/// When a tool is missing or fails, or the system doesn't fit.
pub fn make(plan: &Plan, system: &System, form: Form, session: &Session) -> Result<Made> {
    let machine = check::machine(plan, &system.output, Accelerator::Tcg, &[]);
    let bench = Bench {
        processes: &session.processes,
        dir: &system.output.join(format!("{form}-made")),
    };
    session.phase("medium", || {
        let to = place(&system.output, form);
        let made = media::make(form, &boot::on_medium(&machine), &to, &bench)?;
        Ok(Cached::fresh(made))
    })
}
