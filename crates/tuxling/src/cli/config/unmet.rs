//! Requests that a configuration doesn't meet.

use builder::kernel::dropped::{self, Dropped};
use kconfig::{Configuration, RequestError};
use recipe::config::Request;

/// Whether a line of a whole configuration speaks of a symbol that nobody can
/// ask for: the compiler's version, what an architecture can do.
fn nobodys(request: &Request, after: &Configuration<'_>) -> bool {
    let tree = after.tree();
    let symbol = tree.find_defined(&request.symbol);
    request.by.is_saved() && symbol.is_some_and(|id| tree.symbol(id).prompts().next().is_none())
}

/// Why a request doesn't hold, if it doesn't. That an unknown symbol be off
/// says nothing, unless tuxling itself asks for it: some kernels have it.
pub(super) fn dropped_by(request: &Request, after: &Configuration<'_>) -> Option<Dropped> {
    if request.optional || nobodys(request, after) {
        return None;
    }
    let asked = after
        .tree()
        .request(&request.symbol, &recipe::config::spelled(request));
    match asked {
        Ok(asked) if after.holds(&asked) => None,
        Ok(asked) => Some(dropped::one(request, after.value(asked.symbol), after)),
        Err(RequestError::UnknownOption { .. }) if request.lenient && request.value == "n" => None,
        Err(_) => Some(dropped::one(request, "n", after)),
    }
}
