//! How the work goes on, told on standard error: a line that changes on a
//! terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use host::session::Progress;
use host::units::show_duration;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a long phase says that it is alive where there is no terminal.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Tells the user on standard error.
pub(super) struct Terminal {
    verbose: bool,
    fancy: bool,
    now: Mutex<Option<Phase>>,
    /// Remarks that were told: a search builds the same again and again.
    told: Mutex<BTreeSet<String>>,
}

struct Phase {
    name: String,
    bar: Option<ProgressBar>,
    lines: usize,
    begun: Instant,
    told: Instant,
}

impl Terminal {
    /// `verbose` shows the tools' output instead of a changing line.
    pub(super) fn new(verbose: bool) -> Self {
        let fancy = !verbose && std::io::stderr().is_terminal();
        Terminal {
            verbose,
            fancy,
            now: Mutex::default(),
            told: Mutex::default(),
        }
    }

    fn say(&self, line: &str) {
        // Standard error may be closed: the work goes on all the same.
        let _ = writeln!(std::io::stderr(), "{line}");
    }

    fn with<T>(&self, what: impl FnOnce(&mut Option<Phase>) -> T) -> T {
        what(
            &mut self
                .now
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        )
    }
}

/// Shows a command before its output: `--verbose`.
pub(super) fn show_command(line: &str) {
    // Standard error may be closed: the work goes on all the same.
    let _ = writeln!(std::io::stderr(), "$ {line}");
}

impl Progress for Terminal {
    fn begin(&self, phase: &str) {
        let bar = self.fancy.then(|| {
            let bar = ProgressBar::new_spinner().with_message(phase.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        let phase = Phase {
            name: phase.to_owned(),
            bar,
            lines: 0,
            begun: now,
            told: now,
        };
        self.with(|current| *current = Some(phase));
    }

    fn end(&self, phase: &str, took: Duration, cached: bool) {
        let begun = self.with(Option::take);
        if let Some(bar) = begun.and_then(|p| p.bar) {
            bar.finish_and_clear();
        }
        let cached = if cached { "  (was there already)" } else { "" };
        self.say(&format!("{phase:<16}{:>10}{cached}", show_duration(took)));
    }

    fn note(&self, text: &str) {
        let quiet = self.with(|current| current.as_ref().and_then(|p| p.bar.clone()));
        match quiet {
            Some(bar) => bar.suspend(|| self.say(&format!("note: {text}"))),
            None => self.say(&format!("note: {text}")),
        }
    }

    fn remark(&self, text: &str, rest: &str) {
        let mut told = self
            .told
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if told.insert(text.to_owned()) {
            if self.verbose && !rest.is_empty() {
                self.note(&format!("{text}\n{rest}"))
            } else {
                self.note(text)
            }
        }
    }

    fn tool_line(&self, line: &str) {
        if self.verbose {
            return self.say(line);
        }
        let heartbeat = self.with(|current| {
            let phase = current.as_mut()?;
            phase.lines += 1;
            if let Some(bar) = &phase.bar {
                let short = line.split_whitespace().collect::<Vec<_>>().join(" ");
                bar.set_message(format!("{} ({} steps)  {short}", phase.name, phase.lines));
                return None;
            }
            if phase.told.elapsed() < HEARTBEAT {
                return None;
            }
            phase.told = Instant::now();
            let took = show_duration(phase.begun.elapsed());
            Some(format!("{}: {} steps in {took}", phase.name, phase.lines))
        });
        if let Some(line) = heartbeat {
            self.say(&line);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(bar) = self.with(Option::take).and_then(|p| p.bar) {
            bar.finish_and_clear();
        }
    }
}
