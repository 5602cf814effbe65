//! Who is told of every command that starts: what `--verbose` shows.

use std::fmt;
use std::sync::Arc;

/// Told of command lines; shared by all copies of a starter.
#[derive(Clone, Default)]
pub(super) struct Listener(pub Option<Told>);

/// What is told of a command line.
type Told = Arc<dyn Fn(&str) + Send + Sync>;

impl Listener {
    /// Tells of one command line.
    pub(super) fn tell(&self, line: &str) {
        if let Some(told) = &self.0 {
            told(line);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "told" } else { "silent" })
    }
}
