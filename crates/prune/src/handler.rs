//! The object that every trap ends in: the architecture's handler, told what the
//! plan wants and what the board has.

use std::fmt::Write as _;

use builder::kernel::relink::{Bench, LinkedObject};
use host::session::Session;
use recipe::Plan;
use recipe::plan::OnTrap;
use recipe::stop::LastStop;

use crate::error::{Error, Result};

/// Compiles it.
pub(crate) fn object(plan: &Plan, bench: &Bench, session: &Session) -> Result<LinkedObject> {
    let facts = plan.board.arch.facts();
    let source = facts
        .trap_handler
        .ok_or(Error::UnsupportedArch { name: facts.name })?;
    let source = macros(plan) + source;
    Ok(LinkedObject {
        name: "tuxling/trap.o".to_owned(),
        bytes: bench.compile("trap.S", &source, session)?,
        library: false,
    })
}

/// What the handler is told.
fn macros(plan: &Plan) -> String {
    let mut lines = String::new();
    let mut define = |name: &str, value: &str| {
        let _ = writeln!(lines, "#define {name}{value}");
    };
    let number = |number: u32| format!(" {number:#x}");
    let (stop, prune) = (&plan.board.stop, &plan.prune);
    if prune.names {
        define("NAMES", "");
    }
    if let Some(uart) = stop.uart {
        define("UART", &number(uart));
        define(
            "RAM_BASE",
            &format!(" {:#x}", plan.board.arch.facts().ram_base),
        );
    }
    let OnTrap::Reset(seconds) = prune.on_trap else {
        return lines;
    };
    define("RESET", "");
    define("SECONDS", &format!(" {seconds}"));
    if !stop.reset.is_empty() {
        let writes = stop
            .reset
            .iter()
            .map(|(at, word)| format!("{at:#x}, {word:#x}"));
        define(
            "RESET_WRITES",
            &format!(" {}", writes.collect::<Vec<_>>().join(", ")),
        );
    }
    match stop.last {
        Some(LastStop::Memory(at)) => define("LAST_STOP", &number(at)),
        Some(LastStop::Register { set, clear }) => {
            define("LAST_STOP", &number(set));
            define("LAST_STOP_CLEAR", &number(clear));
        }
        None => {}
    }
    lines
}
