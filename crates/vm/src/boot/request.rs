//! What is asked of a boot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use recipe::plan::{CheckPlan, ExercisePlan};

use super::board::BoardLines;
use crate::check::agent::Pause;
use crate::check::gateway::Faults;
use crate::machine::inspect::InspectWish;
use crate::machine::qemu::Machine;
use crate::machine::traps::Traps;

/// A boot to be done.
#[derive(Clone, Debug)]
pub struct BootRequest<'a> {
    /// The machine as it is shipped: its ramdisk without the agent, its command
    /// line as the recipe has it.
    pub machine: Machine,
    /// What it must do.
    pub checks: &'a [CheckPlan],
    /// What is run besides.
    pub exercises: &'a [ExercisePlan],
    /// The compiled agent ([`crate::check::agent::compile`]); none where the board
    /// has no channel for it.
    pub agent: Option<&'a Path>,
    /// The compiled adversary, where checks call it.
    pub adversary: Option<&'a Path>,
    /// How the network's gateway behaves, where it isn't QEMU's own.
    pub faults: Option<Faults>,
    /// The wall-clock limit.
    pub timeout: Duration,
    /// A boot that prints nothing and answers nothing for so long has hung;
    /// longer while a check runs that may take longer.
    pub silence: Duration,
    /// The lines to a board that takes QEMU's place.
    pub board: Option<BoardLines>,
    /// How long the agent waits before it measures RAM.
    pub quiet: Duration,
    /// What the agent waits for between two checks.
    pub pause: Option<Pause>,
    /// Whether QEMU stays when the machine stops, and is asked what it looked
    /// like then.
    pub inspect: Option<InspectWish>,
    /// A folder for the boot's files; what an earlier boot left there is
    /// replaced.
    pub dir: PathBuf,
}

/// How a boot is looked at besides its checks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observation<'a> {
    /// Where a kernel that lacks code shows that it missed some.
    pub traps: Option<Traps<'a>>,
    /// How long the system idles when all is done, before it restarts the
    /// machine as it would by itself: what runs only then is seen too. The
    /// machine is switched off at once when `None`.
    pub leave: Option<Duration>,
}
