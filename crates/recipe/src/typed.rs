//! Checks as lines that can be typed at a shell on the console.

use host::process::shell_line;

use super::plan::{CheckKind, GuestCommand};

/// A command may be so long: BusyBox' shell reads lines of 1,024 bytes, and
/// quotes and marks come on top.
pub const LINE_LIMIT: usize = 400;

/// What a check types; `None` for kinds that a console can't show.
pub fn command(kind: &CheckKind) -> Option<String> {
    let text = |command: &GuestCommand| match command {
        GuestCommand::Shell(line) => line.clone(),
        GuestCommand::Argv(words) => shell_line(words),
    };
    match kind {
        CheckKind::Run { command, .. } | CheckKind::Sleep { command, .. } => Some(text(command)),
        CheckKind::Ping { to, count, command } => Some(
            command
                .replace("{to}", &to.to_string())
                .replace("{count}", &count.to_string()),
        ),
        CheckKind::Fetch { .. }
        | CheckKind::Dhcp { .. }
        | CheckKind::Echo { .. }
        | CheckKind::Ask(_)
        | CheckKind::Session { .. } => None,
    }
}
