//! The names that the handler of traps and the linked kernel share.

/// The function that every trap calls; it never returns. An object that
/// defines it has to be among the inputs.
///
/// It writes [`TRAP_RECORD`], prints a line where it can, and ends at
/// [`TRAP_STOPPED`].
pub const TRAP_HANDLER: &str = "tuxling_trap";

/// What the handler leaves in memory: three words of the machine's size,
/// [`TRAP_MAGIC`], the address of the trap, and the address that the
/// trapped function would have returned to. All three are 0 before.
pub const TRAP_RECORD: &str = "tuxling_trap_record";

/// Where the handler ends, after the record is written and the line is
/// printed: an endless loop with interrupts off. A breakpoint here sees
/// every trap.
pub const TRAP_STOPPED: &str = "tuxling_trap_stopped";

/// The first word of [`TRAP_RECORD`] after a trap: `TRAP`, in the machine's
/// byte order.
pub const TRAP_MAGIC: u32 = 0x5452_4150;

/// Where the traps begin that stand together.
pub const TRAPS_START: &str = "tuxling_traps_start";

/// Where those begin, behind all others, that parts and functions in place call
/// where traps have names ([`super::Wish::names`]).
pub const PARTS_START: &str = "tuxling_parts_start";

/// The names of the functions whose traps stand together, in their order. Each
/// begins with a byte that says how many letters it shares with the one before,
/// and ends in a zero byte; [`LONGEST_NAME`] letters at the most.
pub const TRAP_NAMES: &str = "tuxling_trap_names";

/// What the handler has room for; longer names are cut.
pub const LONGEST_NAME: usize = 120;

/// Where they end.
pub const TRAPS_END: &str = "tuxling_traps_end";
