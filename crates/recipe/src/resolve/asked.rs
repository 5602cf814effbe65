//! An option that a system needs, as it is asked for.

use crate::asker::Asker;
use crate::config::Request;

/// Asks for an option to be on or off, if the kernel has it.
pub(super) fn ask(symbol: &str, on: bool, reason: &str) -> Request {
    Request {
        symbol: symbol.to_owned(),
        value: if on { "y" } else { "n" }.to_owned(),
        quoted: false,
        by: Asker::Implied(reason.to_owned()),
        lenient: true,
        optional: false,
    }
}
