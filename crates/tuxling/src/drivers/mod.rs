//! From a machine's devices to lines of a kernel's configuration: which driver
//! matches each device, which option builds it, what that needs besides.

mod ask;
mod catalogue;
mod index;

pub(crate) use ask::{Answer, Asking, Found, Overruled, State};
pub(crate) use catalogue::Catalogue;
pub(crate) use index::{of_list, of_sources};
