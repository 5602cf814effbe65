//! `.config` files and fragments as text, whatever the tree says of them.
//!
//! Three ways to read one, each for those who need it:
//!
//! - [`parse_assignments`]: all assignments, in order, as `conf` reads them;
//!   what it passes over comes as warnings.
//! - [`ConfigValues`]: what a configuration that the kernel's tools wrote says
//!   of an option.
//! - [`lines()`]: line by line with its place, for what a person writes: what
//!   `conf` takes of each, and where that is a surprise; also to replace lines
//!   in a text.
//!
//! And to write: [`OptionLine::to_line`], [`line_of`], [`quoted`].
//!
//! ```
//! use kconfig::Dialect;
//! use kconfig::dotconfig::{ConfigValues, lines};
//!
//! let text = "CONFIG_NET=y\n# CONFIG_VT is not set\n";
//! assert!(ConfigValues::parse(text).is_yes("NET"));
//! let asked = lines(text).filter_map(|line| line.read(Dialect::Linux6_12).asks);
//! assert_eq!(asked.map(|one| one.option).collect::<Vec<_>>(), ["NET", "VT"]);
//! ```

mod assignments;
mod lines;
mod spelling;
mod values;

pub use assignments::{Assignment, ReadWarning, ReadWarningKind, parse_assignments};
pub use lines::{Line, LineError, OptionLine, OptionValue, Reading, is_option_name, lines};
pub(crate) use spelling::unquoted_prefix;
pub use spelling::{QuoteError, line_of, quoted, unquoted};
pub use values::ConfigValues;
