//! The hook through which `$(shell,…)` runs commands, and a memo of their answers.
//!
//! This crate starts no process. A caller that wants real answers implements
//! [`Shell`]; a [`ProbeMemo`] in between keeps the answers, so that a second
//! load asks nobody. A memo is plain data: the caller stores it wherever it
//! likes, under whatever decides the answers (tool chain versions and the
//! environment), which is the memo's [context](ProbeMemo::context).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

/// The environment variables that Kconfig files and their commands see.
pub type Environment = BTreeMap<String, String>;

/// What a command printed. `conf` ignores its exit status, so it isn't here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeOutput {
    /// Standard output, as printed.
    pub stdout: Vec<u8>,
}

/// A command couldn't be run at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeError {
    /// The command.
    pub command: String,
    /// Why it couldn't be run.
    pub reason: String,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot run '{}': {}", self.command, self.reason)
    }
}

impl std::error::Error for ProbeError {}

/// Runs the commands of `$(shell,…)`.
pub trait Shell {
    /// Runs `command` as `sh -c` would, in the build folder, with `env` as its
    /// environment.
    ///
    /// # Errors
    /// If the command couldn't be started; a command that fails is an answer.
    fn shell(&self, command: &str, env: &Environment) -> Result<ProbeOutput, ProbeError>;
}

/// Answers every command with nothing: for trees that need no tool chain.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentShell;

impl Shell for SilentShell {
    fn shell(&self, _: &str, _: &Environment) -> Result<ProbeOutput, ProbeError> {
        Ok(ProbeOutput::default())
    }
}

/// The answers of earlier probes, as plain data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeMemo {
    /// Whatever decides the answers besides the command: the tool chain's
    /// version text, the environment. The memo only carries it.
    pub context: String,
    /// The answers by command.
    pub answers: BTreeMap<String, Vec<u8>>,
}

/// A [`Shell`] that asks another one only what its memo doesn't know.
pub struct MemoShell<'a> {
    memo: RefCell<ProbeMemo>,
    asked: RefCell<usize>,
    inner: &'a dyn Shell,
}

impl<'a> MemoShell<'a> {
    /// Puts `memo` before `inner`.
    #[must_use]
    pub fn new(memo: ProbeMemo, inner: &'a dyn Shell) -> Self {
        Self {
            memo: RefCell::new(memo),
            asked: RefCell::new(0),
            inner,
        }
    }

    /// How many commands the memo didn't know.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// The memo with all that was learnt.
    #[must_use]
    pub fn into_memo(self) -> ProbeMemo {
        self.memo.into_inner()
    }
}

impl Shell for MemoShell<'_> {
    fn shell(&self, command: &str, env: &Environment) -> Result<ProbeOutput, ProbeError> {
        if let Some(stdout) = self.memo.borrow().answers.get(command) {
            return Ok(ProbeOutput {
                stdout: stdout.clone(),
            });
        }
        let output = self.inner.shell(command, env)?;
        *self.asked.borrow_mut() += 1;
        self.memo
            .borrow_mut()
            .answers
            .insert(command.to_owned(), output.stdout.clone());
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Shell for Echo {
        fn shell(&self, command: &str, _: &Environment) -> Result<ProbeOutput, ProbeError> {
            Ok(ProbeOutput {
                stdout: command.as_bytes().to_vec(),
            })
        }
    }

    #[test]
    fn a_warm_memo_asks_nobody() {
        let cold = MemoShell::new(ProbeMemo::default(), &Echo);
        let env = Environment::new();
        assert_eq!(
            cold.shell("a", &env).map(|out| out.stdout),
            Ok(b"a".to_vec())
        );
        assert_eq!(cold.asked(), 1);
        let warm = MemoShell::new(cold.into_memo(), &Echo);
        assert_eq!(
            warm.shell("a", &env).map(|out| out.stdout),
            Ok(b"a".to_vec())
        );
        assert_eq!(warm.asked(), 0);
    }
}
