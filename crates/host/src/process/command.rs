//! What is started: a program, its arguments, its folder, its environment; and
//! the same as a line for a shell.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A command to run: a program and its arguments, never a shell's text.
#[derive(Clone, Debug)]
pub struct Cmd {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) dir: Option<PathBuf>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) limit: Option<Duration>,
    pub(super) terminal: bool,
    pub(super) input: Option<PathBuf>,
}

impl Cmd {
    /// A command without arguments. The program is looked up in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Cmd {
            program: program.as_ref().into(),
            args: Vec::new(),
            dir: None,
            env: BTreeMap::new(),
            limit: None,
            terminal: false,
            input: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().into());
        self
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().into()));
        self
    }

    /// Runs in this folder.
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().into());
        self
    }

    /// Sets an environment variable. Besides these a command sees only
    /// [`PASSED_ON`](super::PASSED_ON) and `LC_ALL=C`, so that what is built doesn't depend on
    /// the user's environment.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(key.as_ref().into(), value.as_ref().into());
        self
    }

    /// Ends the command after this time.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Gives the command this file as its standard input, which is empty otherwise.
    /// The path is absolute.
    pub fn input(mut self, file: impl AsRef<Path>) -> Self {
        self.input = Some(file.as_ref().into());
        self
    }

    /// Gives the command tuxling's own standard streams and lets it stand in
    /// the terminal's foreground: for an interactive console.
    pub fn on_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// The program and its arguments, as the record keeps them.
    pub fn to_list(&self) -> Vec<String> {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(|a| a.to_string_lossy().into_owned())
            .collect()
    }

    /// The command as a line for a shell: to be read, copied and run again.
    pub fn to_line(&self) -> String {
        let mut line = String::new();
        if let Some(dir) = &self.dir {
            line.push_str(&format!("cd {} && ", quote(&dir.to_string_lossy())));
        }
        for (key, value) in &self.env {
            line.push_str(&format!(
                "{}={} ",
                key.to_string_lossy(),
                quote(&value.to_string_lossy())
            ));
        }
        line.push_str(&shell_line(&self.to_list()));
        if let Some(input) = &self.input {
            line.push_str(&format!(" <{}", quote(&input.to_string_lossy())));
        }
        line
    }
}

/// A list of words as one line that a POSIX shell reads as the same words.
pub fn shell_line(words: &[String]) -> String {
    words.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
}

// Ours in place of the crate shlex, which would quote `=`, `,` and `%`: these
// lines stand in records and in what users have copied.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words: Vec<String> = ["qemu", "-append", "console=ttyS0 panic=-1", "it's"]
            .map(String::from)
            .into();
        assert_eq!(
            shell_line(&words),
            r"qemu -append 'console=ttyS0 panic=-1' 'it'\''s'"
        );
    }
}
