//! `tuxling boot`: the system's console in this terminal.

use builder::system::output_folder;
use host::error::Kind;
use host::session::Session;
use prune::rebuild;
use recipe::labgrid::LabgridPlace;
use recipe::plan::ConsoleLine;
use trial::check;
use vm::boot::starting::{by_hand, start_at_place};
use vm::check::asker;
use vm::machine::qemu::{Accelerator, Machine};

use super::args::Boot;
use super::build::lock_output;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use crate::failure::{Failure, Result};

/// Builds what is missing, and gives the terminal to QEMU, or to a board.
pub(super) fn run(args: &Boot) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, false)
    })?;
    request.carry_out(
        Needs::Boot,
        |list| list.boot(&args.machine),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &Boot, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let lock = lock_output(plan, options, session)?;
    let system = rebuild::build(plan, options, session)?;
    drop(lock); // a boot only reads: others may go on meanwhile
    if let Some(console) = &plan.machine.console {
        let machine = check::machine(plan, &system.output, Accelerator::Tcg, &[]);
        let port = match console {
            ConsoleLine::Serial(port) => port,
            ConsoleLine::Labgrid(place) => return at_place(place, &machine, request, session),
        };
        let doing = "Ctrl-A X leaves; load and start on the board:";
        session.progress.note(&by_hand(doing, &machine));
        return super::terminal::run(port, session.processes.cancel());
    }
    let accelerator = match args.machine.accelerator() {
        Some(accelerator) => accelerator,
        None => check::accelerator(plan, session)?,
    };
    let mut machine = check::machine(plan, &system.output, accelerator, &args.machine.qemu_arg);
    machine.forwards = asker::forwards(&plan.checks)?;
    for forward in &machine.forwards {
        session.progress.note(&format!(
            "127.0.0.1:{} leads to the system's port {}",
            forward.host_port, forward.guest_port
        ));
    }
    if let Some(storage) = &machine.storage
        && storage.root.is_mounted_writable()
    {
        session
            .progress
            .note("what the system writes to its disks is gone when QEMU ends");
    }
    let command = check::interactive(&machine);
    session
        .progress
        .note(&format!("Ctrl-A X leaves\n{}", command.to_line()));
    let status = session
        .processes
        .run_on_terminal(&command)
        .map_err(|e| host::Error::command(Kind::Machine, "boot", e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(Kind::Check, format!("QEMU ended with {status}")).detail(command.to_line()))
}

/// The console of a farm's board, which is off again afterwards.
fn at_place(
    place: &LabgridPlace,
    machine: &Machine,
    request: &Request,
    session: &Session,
) -> Result<()> {
    let Request { plan, options, .. } = request;
    let dir = output_folder(plan, options).join("boot");
    std::fs::create_dir_all(&dir).map_err(|e| host::Error::file("create", &dir, e))?;
    let processes = &session.processes;
    let mut board = start_at_place(processes, place, &plan.machine.hands, machine, &dir)?;
    session
        .progress
        .note("Ctrl-A X leaves and switches the board off");
    let left = super::terminal::run(board.console(), processes.cancel());
    board.switch_off()?;
    left
}
