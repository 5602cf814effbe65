//! `--dry-run`: the commands that would run, taken from a starter of processes
//! that records them, by the code that builds their lines for a real run.
//! Nothing is started, and nothing is written or locked.
//!
//! What depends on the outputs of earlier commands is told in a note. Folders
//! that are named by such outputs stand in angle brackets.

mod boot;
mod build;
mod prune;

pub(super) use boot::CheckList;
pub(super) use prune::PruneList;

use builder::kernel::Tools;
use builder::source::Source;
use builder::userland::musl::UserCompiler;
use host::Cache;
use host::error::Kind;
use host::process::{Cmd, Processes};
use host::session::Session;
use recipe::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use super::progress::Terminal;
use super::request::Request;
use super::{executable, print, print_json};
use crate::failure::Result;

/// What stands above the list.
const HEAD: &str = "# Nothing is started and nothing is written. What the cache holds already is not done\n\
                    # again. Folders in <angle brackets> are named by what earlier commands print, or\n\
                    # are made anew.\n";

/// One line of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ListLine {
    /// A command, as a line for a shell.
    Command(String),
    /// What tuxling does by itself, or what a command depends on.
    Note(String),
}

/// The commands of one phase.
#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    phase: String,
    entries: Vec<ListLine>,
}

/// The version of the format.
pub(super) const SCHEMA: &str = "tuxling.dry_run/1";

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct ListJson<'a> {
    schema: &'static str,
    /// The recipe's name.
    recipe: &'a str,
    steps: &'a [Step],
}

/// A list under way.
pub(super) struct List<'a> {
    plan: &'a Plan,
    request: &'a Request,
    /// Its starter records, its cache is sealed.
    session: Session<'a>,
    steps: Vec<Step>,
    /// Whether the distribution's index is renewed in an earlier step.
    index_is_fresh: bool,
}

/// What the first phases of a build give to those ahead.
struct Ahead {
    tools: Tools,
    linux: Source,
    compiler: UserCompiler,
}

/// Lists what a request would start, and prints it.
pub(super) fn print_list(
    request: &Request,
    terminal: &Terminal,
    fill: impl FnOnce(&mut List) -> Result<()>,
) -> Result<()> {
    let session = Session::new(
        Processes::recording(executable()?),
        Cache::sealed_of_user()?,
        terminal,
        request.jobs,
    );
    let mut list = List {
        plan: &request.plan,
        request,
        session,
        steps: Vec::new(),
        index_is_fresh: false,
    };
    fill(&mut list)?;
    if request.json {
        return print_json(&ListJson {
            schema: SCHEMA,
            recipe: &request.plan.name,
            steps: &list.steps,
        });
    }
    print(&text(&list.steps))
}

fn text(steps: &[Step]) -> String {
    let mut text = HEAD.to_owned();
    for step in steps {
        text.push_str(&format!("\n# {}\n", step.phase));
        for entry in &step.entries {
            match entry {
                ListLine::Command(line) => text.push_str(&format!("{line}\n")),
                ListLine::Note(note) => {
                    for line in note.lines() {
                        text.push_str(&format!("#   {line}\n"));
                    }
                }
            }
        }
    }
    text
}

impl List<'_> {
    /// Begins a phase.
    fn phase(&mut self, name: &str) {
        self.steps.push(Step {
            phase: name.to_owned(),
            entries: Vec::new(),
        });
    }

    fn enter(&mut self, entry: ListLine) {
        if let Some(step) = self.steps.last_mut() {
            step.entries.push(entry);
        }
    }

    /// Tells what tuxling does by itself, or what depends on what.
    fn note(&mut self, text: impl Into<String>) {
        self.enter(ListLine::Note(text.into()));
    }

    /// Enters what was recorded since this was last called.
    fn take_recorded(&mut self) {
        for cmd in self.session.processes.take_recorded() {
            self.enter(ListLine::Command(cmd.to_line()));
        }
    }

    /// Hands a command to the starter.
    fn start(&mut self, cmd: &Cmd) -> Result<()> {
        let started = self.session.processes.run(cmd);
        started.map_err(|e| host::Error::command(Kind::Machine, "list the commands", e))?;
        self.take_recorded();
        Ok(())
    }
}
