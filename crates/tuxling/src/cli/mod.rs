//! The command line: what was typed, the commands, and all that is printed.
//! Standard output is data, standard error is progress.

mod ab;
pub(crate) mod args;
mod boot;
mod build;
mod cache;
mod carry_out;
mod check;
mod config;
mod device_tree;
mod diff;
mod diff_kernels;
mod doctor;
mod dry_run;
mod fetch;
mod history;
mod hw;
mod image;
mod man;
mod matrix;
mod new;
mod progress;
mod prune;
mod ram;
mod refused;
mod report;
mod request;
mod schema;
mod shrink;
mod size;
mod soak;
mod store;
mod terminal;
mod trace;
mod trap;
mod tree_diff;
mod why;
mod without;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use host::error::Kind;
use host::process::{Cancel, Processes};
use recipe::{Plan, RecipeErrors};
use schemars::JsonSchema;
use serde::Serialize;

use crate::failure::{Failure, Result, exit_code};

use args::{Args, Command};

/// Whether a JSON value was printed.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// Runs the command that these arguments ask for; gives back the exit code.
pub fn run(typed: &[OsString]) -> u8 {
    let args = match Args::try_parse_from(typed) {
        Ok(args) => args,
        Err(error) => {
            if let Some(failure) = refused::explain(&error, typed) {
                report_failure(&failure, refused::is_json(typed));
                return failure.exit_code();
            }
            // Help and version are no errors, and go to standard output.
            let _ = error.print();
            return if error.use_stderr() {
                exit_code(Kind::Usage)
            } else {
                0
            };
        }
    };
    let json = args.command.json();
    let result = match &args.command {
        Command::New(new) => new::run(new),
        Command::Build(build) => build::run(build),
        Command::Boot(boot) => boot::run(boot),
        Command::Check(check) => check::run(check),
        Command::Image(image) => image::run(image),
        Command::Trace(trace) => trace::run(trace),
        Command::Prune(prune) => prune::run(prune),
        Command::Soak(soak) => soak::run(soak),
        Command::Matrix(args) => matrix::run(args),
        Command::History(args) => history::run(args),
        Command::DeviceTree(args) => device_tree::run(args),
        Command::Trap(trap) => trap::run(trap),
        Command::Shrink(args) => shrink::run(args),
        Command::Trial(args) => store::trial(args),
        Command::Store(args) => store::store(args),
        Command::Diff(diff) => diff::run(diff),
        Command::Ab(args) => ab::run(args),
        Command::Ram(ram) => ram::run(ram),
        Command::Size(size) => size::run(size),
        Command::Why(why) => why::run(why),
        Command::Report(report) => report::run(report),
        Command::Config(config) => config::run(config),
        Command::Hw(hw) => hw::run(hw),
        Command::Fetch(fetch) => fetch::run(fetch),
        Command::Doctor(doctor) => doctor::run(doctor),
        Command::Cache(cache) => cache::run(cache),
        Command::Schema(args) => schema::run(args),
        Command::Completions { shell } => completions(*shell),
        Command::Man { folder } => man::run(folder),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => {
            report_failure(&failure, json);
            failure.exit_code()
        }
    }
}

/// The version of the format of errors.
const ERROR: &str = "tuxling.error/1";

/// What is printed of an error as JSON, where nothing else was.
#[derive(Serialize, JsonSchema)]
struct ToldError<'a> {
    schema: &'static str,
    /// What tuxling ends with.
    exit_code: u8,
    /// One sentence.
    error: &'a str,
    /// The evidence.
    detail: Option<&'a str>,
    /// The mend.
    help: Option<&'a str>,
}

fn report_failure(failure: &Failure, json: bool) {
    let told = ToldError {
        schema: ERROR,
        exit_code: failure.exit_code(),
        error: &failure.message,
        detail: failure.detail.as_deref(),
        help: failure.help.as_deref(),
    };
    // Standard output is one JSON value: the record, where it was printed already.
    if json && !PRINTED.load(Ordering::SeqCst) {
        let _ = print_json(&told);
    }
    let _ = writeln!(std::io::stderr(), "{failure}");
}

/// Prints one JSON value to standard output.
fn print_json<T: Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(Kind::Machine, format!("can't write JSON: {e}")))?;
    debug_assert!(schema::knows(&text), "`tuxling schema` lacks this:\n{text}");
    PRINTED.store(true, Ordering::SeqCst);
    print(&format!("{text}\n"))
}

/// Prints to standard output; what a configuration has that is no UTF-8, as
/// the bytes that it is. A closed pipe (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let bytes = kconfig::bytes::bytes_of(text);
    match out.write_all(&bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            Kind::Machine,
            format!("can't write to standard output: {e}"),
        )),
        _ => Ok(()),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<()> {
    let mut command = <Args as clap::CommandFactory>::command();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "tuxling", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// The current folder.
fn cwd() -> Result<PathBuf> {
    std::env::current_dir().map_err(|e| {
        Failure::new(Kind::Machine, format!("can't tell the current folder: {e}"))
            .help("cd somewhere else")
    })
}

/// Reads a recipe.
fn load(recipe: &str) -> Result<Plan> {
    use std::io::IsTerminal;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let plan =
        recipe::load(recipe, &cwd()?).map_err(|errors| Failure::of_recipe(&errors, colour))?;
    warn(&plan.warnings);
    Ok(plan)
}

/// Tells what is odd and no error.
fn warn(warnings: &RecipeErrors) {
    if !warnings.is_empty() {
        // Standard error may be closed: the work goes on all the same.
        let _ = writeln!(std::io::stderr(), "{}\n", warnings.render(false));
    }
}

/// Tuxling's own executable.
fn executable() -> Result<PathBuf> {
    std::env::current_exe().map_err(not_found)
}

/// What starts processes, with tuxling itself as the supervisor.
fn processes() -> Result<Processes> {
    let cancel = Cancel::on_signals().map_err(not_found)?;
    Ok(Processes::new(executable()?, cancel))
}

fn not_found(e: std::io::Error) -> Failure {
    Failure::new(Kind::Machine, format!("can't find tuxling itself: {e}"))
}
