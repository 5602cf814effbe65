//! How the work goes on, told on standard error: a line that changes on a
//! terminal, plain lines elsewhere. Nowhere is it silent for longer than
//! [`HEARTBEAT`] while a phase is under way.

mod shown;

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use host::session::{Progress, Step};
use host::units::show_duration;
use indicatif::{ProgressBar, ProgressStyle};

use shown::Shown;

/// How long a phase is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often it is looked whether it was.
const LOOK: Duration = Duration::from_millis(250);

/// Tells the user on standard error.
pub(super) struct Terminal {
    verbose: bool,
    fancy: bool,
    state: Arc<Mutex<State>>,
    /// Remarks that were told: a search builds the same again and again.
    told: Mutex<BTreeSet<String>>,
}

struct State {
    shown: Shown,
    /// The line that changes, while a phase is under way on a terminal.
    bar: Option<ProgressBar>,
    /// When something was said last.
    said: Instant,
    /// Whether somebody looks for silence.
    watched: bool,
}

impl State {
    fn say(&mut self, line: &str) {
        self.said = Instant::now();
        // Standard error may be closed: the work goes on all the same.
        let write = || {
            let _ = writeln!(std::io::stderr(), "{line}");
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn show(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.shown.changing(Instant::now()));
        }
    }

    fn end(&mut self) {
        self.shown.end();
        if self.shown.is_empty()
            && let Some(bar) = self.bar.take()
        {
            bar.finish_and_clear();
        }
        self.show();
    }

    /// Says how it goes on where nothing was said for long.
    fn break_silence(&mut self) {
        if self.bar.is_some() {
            self.show(); // the time left changes without a step, too
        } else if !self.shown.is_empty() && self.said.elapsed() >= HEARTBEAT {
            let line = self.shown.line(Instant::now());
            self.say(&line);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Terminal {
    /// `verbose` shows the tools' output instead of a changing line.
    pub(super) fn new(verbose: bool) -> Self {
        let state = State {
            shown: Shown::default(),
            bar: None,
            said: Instant::now(),
            watched: false,
        };
        Terminal {
            verbose,
            fancy: !verbose && std::io::stderr().is_terminal(),
            state: Arc::new(Mutex::new(state)),
            told: Mutex::default(),
        }
    }

    /// Looks for silence as long as this terminal is there.
    fn watch(&self) {
        let state = Arc::downgrade(&self.state);
        std::thread::spawn(move || {
            while let Some(state) = state.upgrade() {
                locked(&state).break_silence();
                drop(state);
                std::thread::sleep(LOOK);
            }
        });
    }

    fn say(&self, line: &str) {
        locked(&self.state).say(line);
    }
}

/// Shows a command before its output: `--verbose`.
pub(super) fn show_command(line: &str) {
    // Standard error may be closed: the work goes on all the same.
    let _ = writeln!(std::io::stderr(), "$ {line}");
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Progress for Terminal {
    fn begin(&self, phase: &str) {
        let mut state = locked(&self.state);
        if state.shown.is_empty() {
            state.bar = self.fancy.then(bar);
            state.said = Instant::now();
        }
        state.shown.begin(phase, Instant::now());
        state.show();
        if !std::mem::replace(&mut state.watched, true) {
            self.watch();
        }
    }

    fn end(&self, phase: &str, took: Duration, cached: bool) {
        let cached = if cached { "  (was there already)" } else { "" };
        let mut state = locked(&self.state);
        state.end();
        state.say(&format!("{phase:<16}{:>10}{cached}", show_duration(took)));
    }

    fn fail(&self) {
        locked(&self.state).end();
    }

    fn step(&self, step: &Step<'_>) {
        let mut state = locked(&self.state);
        state.shown.step(step, Instant::now());
        state.show();
    }

    fn note(&self, text: &str) {
        self.say(&format!("note: {text}"));
    }

    fn remark(&self, text: &str, rest: &str) {
        if locked(&self.told).insert(text.to_owned()) {
            if self.verbose && !rest.is_empty() {
                self.note(&format!("{text}\n{rest}"))
            } else {
                self.note(text)
            }
        }
    }

    fn tool_line(&self, line: &str) {
        let mut state = locked(&self.state);
        if self.verbose {
            return state.say(line);
        }
        state.shown.tool_line(line);
        state.show();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(bar) = locked(&self.state).bar.take() {
            bar.finish_and_clear();
        }
    }
}
