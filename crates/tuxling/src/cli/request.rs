//! From what was typed to a request: validated and complete, before anything is
//! started, written or waited for. All commands that start processes begin here.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use builder::source::Mode;
use builder::system::{BuildOptions, output_folder};
use host::error::Kind;
use prune::job::{PRUNED, certificate_path};
use recipe::Plan;
use recipe::plan::CertificateFile;

use super::args::Common;
use super::{cwd, load};
use crate::failure::{Failure, Result};

/// What was typed of a command that starts processes.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    /// The recipe.
    pub recipe: String,
    /// Whether the commands are listed in place of being started.
    pub dry_run: bool,
    /// Whether the answer is JSON.
    pub json: bool,
    /// Whether the tools' output is shown.
    pub verbose: bool,
    /// How many jobs at once; as many as there are processors when `None`.
    pub jobs: Option<NonZeroU16>,
    /// How far the lock file is followed.
    pub sources: Mode,
    /// Whether dropped requests are told rather than refused.
    pub allow_dropped: bool,
    /// Where the outputs go.
    pub output: Option<PathBuf>,
    /// Whether the system is meant that pruning made.
    pub pruned: bool,
}

impl Typed {
    /// What every command that builds takes.
    pub(super) fn of(common: &Common, json: bool) -> Typed {
        Typed {
            dry_run: common.dry_run,
            json,
            verbose: common.verbose,
            jobs: common.jobs,
            sources: sources(common.locked, common.update),
            allow_dropped: common.allow_dropped,
            output: common.output.clone(),
            ..Typed::looking(&common.recipe)
        }
    }

    /// What a command takes that only looks at a recipe's system: it goes on
    /// whatever the configuration drops.
    pub(super) fn looking(recipe: &str) -> Typed {
        Typed {
            recipe: recipe.to_owned(),
            dry_run: false,
            json: false,
            verbose: false,
            jobs: None,
            sources: Mode::Normal,
            allow_dropped: true,
            output: None,
            pruned: false,
        }
    }
}

/// How far the lock file is followed; clap refuses both at once.
pub(super) fn sources(locked: bool, update: bool) -> Mode {
    if locked {
        Mode::Locked
    } else if update {
        Mode::Update
    } else {
        Mode::Normal
    }
}

/// What a command is to do: nothing is asked later.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The recipe as it was typed.
    pub recipe: String,
    /// What it means.
    pub plan: Plan,
    /// How it is built.
    pub options: BuildOptions,
    /// How many jobs at once.
    pub jobs: usize,
    /// Whether the answer is JSON.
    pub json: bool,
    /// Whether the tools' output is shown.
    pub verbose: bool,
    /// Whether the commands are listed in place of being started.
    pub dry_run: bool,
}

impl Request {
    /// Reads the recipe and makes paths absolute.
    ///
    /// # Errors
    /// When the recipe is wrong.
    pub(super) fn new(typed: Typed) -> Result<Request> {
        let plan = load(&typed.recipe)?;
        Request::of(typed, plan)
    }

    /// The request for a plan that was read already.
    ///
    /// # Errors
    /// When its paths can't be made absolute.
    pub(super) fn of(typed: Typed, mut plan: Plan) -> Result<Request> {
        let output = match &typed.output {
            Some(dir) => Some(cwd()?.join(dir)),
            None => None,
        };
        let jobs = typed.jobs.map_or_else(
            || std::thread::available_parallelism().map_or(1, usize::from),
            |jobs| usize::from(jobs.get()),
        );
        let mut options = BuildOptions {
            allow_dropped: typed.allow_dropped,
            sources: typed.sources,
            output,
        };
        if typed.pruned {
            let folder = output_folder(&plan, &options).join(PRUNED);
            plan.prune.certificate = Some(certificate_in(&folder, &plan)?);
            options.output = Some(folder);
        }
        Ok(Request {
            recipe: typed.recipe,
            plan,
            options,
            jobs,
            json: typed.json,
            verbose: typed.verbose,
            dry_run: typed.dry_run,
        })
    }
}

/// The certificate that `tuxling prune` left in a folder.
fn certificate_in(folder: &Path, plan: &Plan) -> Result<CertificateFile> {
    let path = certificate_path(plan, folder);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(CertificateFile {
            name: path.display().to_string(),
            text,
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Failure::new(
            Kind::Usage,
            format!(
                "{} has not been pruned: {} is missing",
                plan.name,
                path.display()
            ),
        )
        .help(format!("`tuxling prune {}` makes it", plan.name))),
        Err(e) => Err(host::Error::file("read", &path, e).into()),
    }
}
