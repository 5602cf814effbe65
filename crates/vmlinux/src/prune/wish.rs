//! What is to be done with a program.

use super::function::{FunctionIndex, Parts};
use super::pci::PciDevice;

/// What is to become of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It stays, and is a root: what it needs stays.
    Keep,
    /// It stays if something that stays refers to it.
    #[default]
    Allow,
    /// It stays if something that stays refers to it, where it can be: among the
    /// code that is loaded when something first needs it. Without
    /// [`Wish::hooks`] as [`Verdict::Allow`].
    Cold,
    /// It goes. What stays and refers to it refers to a trap.
    Trap,
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// One for each function, in the order of [`super::Program::functions`].
    /// Functions past its end have [`Verdict::Allow`].
    pub verdicts: Vec<Verdict>,
    /// Every reference to the first becomes one to the second: system calls
    /// that nobody can make become `sys_ni_syscall`.
    pub redirects: Vec<(FunctionIndex, FunctionIndex)>,
    /// Every reference to the first becomes one to the second, but for those of
    /// the second's own object: the handler of faults that loads cold code stands
    /// before the kernel's own. Where there are none, no code is cold.
    pub hooks: Vec<(FunctionIndex, FunctionIndex)>,
    /// The kernel's command line, if handlers of parameters that aren't on it
    /// are to go. `None` keeps all.
    pub command_line: Option<String>,
    /// The PCI devices of the machine, if quirks of others are to go. `None`
    /// keeps all.
    pub pci_devices: Option<Vec<PciDevice>>,
    /// Marks each function that stays with a symbol `tuxling_fn.N`, `N` being
    /// its [`FunctionIndex`], so that [`super::function_addresses`] can read a linked
    /// kernel.
    pub marks: bool,
    /// Calls of what is gone go to the handler itself: which function was
    /// missed is told by the call's own place ([`super::Program::missed`]), for which
    /// the functions have to be marked. Smaller than traps for all, and shorter
    /// when compressed, since all such calls are alike.
    pub direct: bool,
    /// Every trap has an entry of its own among those that stand together, also
    /// of a part or in place, in the order of the names that
    /// [`TRAP_NAMES`](super::TRAP_NAMES) holds: the handler can print which
    /// function was missed. Then no call goes to the handler itself.
    pub names: bool,
    /// Parts that go of functions that stay, as [`super::Program::gaps`] gives them:
    /// filled in place with no-operations that end in a call of the handler.
    pub gaps: Parts,
    /// Leaves out nothing at all, not even what nothing refers to: sections
    /// only change their names. For the kernel that is traced.
    pub whole: bool,
}

impl Wish {
    /// Whether calls of what is gone can go to the handler itself.
    pub(super) fn calls_handler(&self) -> bool {
        self.direct && !self.names
    }
}
