//! Carries out trials on this machine: resolves, builds, boots and checks a
//! candidate.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use builder::system::{self, BuildOptions, Ingredients, System};
use builder::{kernel, source};
use host::Cache;
use host::error::Kind;
use host::id::Id;
use host::process::{Cancel, Processes};
use host::session::{Progress, Session, Silent};
use recipe::{Plan, config};
use record::{CheckOutcome, Record};
use serde::{Serialize, Serializer};
use shrink::{Answer, Candidate, Cost, Executor, Identity, Outcome, Trial, Work};
use trial::check::{self, CheckOptions};

use crate::edit::Edit;
use crate::error::{Error, Result};
use crate::fixed::Fixed;

/// How often it is looked whether a trial is still wanted.
const LOOK: Duration = Duration::from_millis(200);

/// The signal by which processes are told to stop.
const STOP: i32 = 15;

/// What a candidate does to a plan.
pub trait Changes: Send + Sync {
    /// Its edits, in order.
    fn edits(&self, candidate: &Candidate) -> Vec<Edit>;
}

/// What all trials of a search have in common, by which they are judged.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The system to begin with.
    pub plan: Plan,
    /// What no candidate may change.
    pub fixed: Fixed,
    /// The values, in the system to begin with, of what may not change.
    pub fixed_values: config::Values,
    /// The exercises that end well in the system to begin with, by their place.
    pub exercises: Vec<bool>,
    /// How candidates are booted.
    pub check: CheckOptions,
}

/// What this machine has for trials.
#[derive(Clone, Debug)]
pub struct Means {
    /// Outputs of trials go to folders in here.
    pub folder: PathBuf,
    /// tuxling itself, as the supervisor of processes.
    pub supervisor: PathBuf,
    /// Where results are kept.
    pub cache: Cache,
    /// Jobs of one build.
    pub jobs: usize,
    /// Object trees for builds at once.
    pub trees: usize,
}

/// Makes candidates real, in this process.
pub struct Trials {
    /// What is asked of each.
    pub asked: Asked,
    /// What candidates change.
    pub changes: Arc<dyn Changes>,
    /// What this machine has for them.
    pub means: Means,
}

/// What came of a system that was booted.
#[derive(Debug)]
pub struct Booted {
    /// The verdict.
    pub outcome: Outcome,
    /// All that was measured.
    pub record: Record,
}

/// What identifies a system before it is built.
#[derive(Serialize)]
struct SystemKey<'a> {
    kernel: Id,
    ramdisk: Id,
    cmdline: &'a str,
    checks: Id,
}

/// What identifies a system when it is built.
struct ImageKey<'a> {
    image: &'a Id,
    checks: Id,
}

/// Both keys are written as the lists that they were before they had names: the
/// answers in today's stores stay known.
impl Serialize for ImageKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        (self.image, &self.checks).serialize(serializer)
    }
}

/// What identifies a trial's verdict beside the system: what it is asked, and
/// on which machine.
struct ChecksKey<'a> {
    asked: &'a Asked,
    plan: &'a Plan,
}

impl Serialize for ChecksKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { asked, plan } = self;
        let check = &asked.check;
        let machine = (&plan.board, &plan.machine, &plan.network);
        let checks = (&plan.checks, &plan.exercises, &asked.exercises);
        let started = (&check.qemu_args, check.accelerator.map(|a| a.name()));
        (machine, checks, started).serialize(serializer)
    }
}

impl Executor for Trials {
    fn run(&self, trial: &Trial<'_>) -> Answer {
        let answer = cancelled_with(trial, |cancel| {
            let session = self.means.session(cancel, &Silent);
            let folder = self.means.folder.join(folder_name(trial));
            let answer = self.attempt(trial, &folder, &session);
            // What is worth keeping is in the cache and in the store.
            let _ = std::fs::remove_dir_all(&folder);
            answer
        });
        answer.unwrap_or_else(|error| outcome_of(&error).into())
    }
}

impl Means {
    /// A session that nobody is told of.
    pub fn session<'a>(&self, cancel: Cancel, progress: &'a dyn Progress) -> Session<'a> {
        let processes = Processes::new(&self.supervisor, cancel);
        let mut session = Session::new(processes, self.cache.clone(), progress, self.jobs);
        session.trees = self.trees;
        session
    }
}

/// Does the work, and cancels it when the trial is no longer wanted.
pub(crate) fn cancelled_with<T>(trial: &Trial<'_>, work: impl FnOnce(Cancel) -> T) -> T {
    let done = AtomicBool::new(false);
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                if trial.cancelled() {
                    cancel.cancel(STOP);
                }
                std::thread::park_timeout(LOOK);
            }
        });
        let result = work(cancel.clone());
        done.store(true, Ordering::Relaxed);
        result
    })
}

impl Trials {
    fn attempt(&self, trial: &Trial<'_>, folder: &Path, session: &Session) -> Result<Answer> {
        let edits = self.changes.edits(trial.candidate());
        let prepared = match self.asked.prepare(&edits, folder, session)? {
            Ok(prepared) => prepared,
            Err(refused) => return Ok(refused.into()),
        };
        if trial.becomes(prepared.identity.clone()) {
            return Ok(Answer::known());
        }
        let mut work = Work::default();
        let system = self.asked.build(&prepared, &mut work, session)?;
        if trial.becomes(self.asked.image(&prepared, &system)?) {
            return Ok(Answer::known().after(work));
        }
        let booted = self.asked.boot(&prepared, &system, &mut work, session)?;
        Ok(Answer::from(booted.outcome).after(work))
    }
}

/// A candidate whose configuration and user land are there.
#[derive(Debug)]
pub struct Prepared {
    /// What it is known by.
    pub identity: Identity,
    plan: Plan,
    options: BuildOptions,
    ingredients: Ingredients,
}

impl Asked {
    /// Resolves a candidate; the inner error is the verdict on one that can't be
    /// had.
    ///
    /// # Errors
    /// When the configuration or the user land can't be made.
    pub fn prepare(
        &self,
        edits: &[Edit],
        folder: &Path,
        session: &Session,
    ) -> Result<std::result::Result<Prepared, Outcome>> {
        let mut plan = self.plan.clone();
        for edit in edits {
            edit.apply(&mut plan);
        }
        let options = BuildOptions {
            allow_dropped: true,
            sources: source::Mode::Locked,
            output: Some(folder.to_owned()),
        };
        let ingredients = system::prepare(&plan, &options, session)?;
        if let Some(why) = self.changes_what_is_fixed(&ingredients) {
            return Ok(Err(Outcome::Unresolved { why }));
        }
        Ok(Ok(Prepared {
            identity: self.identity(&plan, &ingredients)?,
            plan,
            options,
            ingredients,
        }))
    }

    /// Builds it.
    ///
    /// # Errors
    /// When that fails.
    pub fn build(&self, prepared: &Prepared, work: &mut Work, session: &Session) -> Result<System> {
        let (plan, ingredients) = (&prepared.plan, &prepared.ingredients);
        let built = kernel::build(&ingredients.kernel_input(plan), session)?;
        if built.cached {
            work.cache_hits += 1
        } else {
            work.builds += 1
        }
        Ok(ingredients.finish(plan, &prepared.options, built.value, session)?)
    }

    /// What a built system is known by.
    ///
    /// # Errors
    /// When that can't be written down.
    pub fn image(&self, prepared: &Prepared, system: &System) -> Result<Identity> {
        let key = ImageKey {
            image: &system.image_id,
            checks: self.checks_id(&prepared.plan)?,
        };
        let image = Id::of("shrink/image/1", &key)?;
        Ok(Identity::new(format!("image:{image}")))
    }

    /// Boots and judges it.
    ///
    /// # Errors
    /// When it can't be booted.
    pub fn boot(
        &self,
        prepared: &Prepared,
        system: &System,
        work: &mut Work,
        session: &Session,
    ) -> Result<Booted> {
        work.boots += 1;
        let plan = &prepared.plan;
        let mut record = check::check(plan, system, &self.check, session)?.record;
        // Not one of the recipe's own, which are compared with each other.
        record.recipe = format!("{}.trial", plan.name);
        record::remember(&record, &session.cache)?;
        Ok(Booted {
            outcome: self.outcome(&record),
            record,
        })
    }

    /// What would be the same system comes to the same identity, whatever
    /// recipe it was reached from.
    fn identity(&self, plan: &Plan, ingredients: &Ingredients) -> Result<Identity> {
        let key = SystemKey {
            kernel: ingredients.kernel_input(plan).build_id()?,
            ramdisk: Id::of_file(&ingredients.ramdisk().image)
                .map_err(|e| host::Error::file("read", &ingredients.ramdisk().image, e))?,
            cmdline: &plan.kernel.cmdline,
            checks: self.checks_id(plan)?,
        };
        let id = Id::of("shrink/system/1", &key)?;
        Ok(Identity::new(format!("system:{id}")))
    }

    fn checks_id(&self, plan: &Plan) -> Result<Id> {
        let key = ChecksKey { asked: self, plan };
        Ok(Id::of("shrink/checks/1", &key)?)
    }

    /// The first symbol that may not change and would.
    fn changes_what_is_fixed(&self, ingredients: &Ingredients) -> Option<String> {
        let values = config::Values::parse(&ingredients.config().text);
        let before = self.fixed_values.iter().chain(values.iter());
        let names = before.map(|(name, _)| name);
        let mut fixed = names.filter(|name| self.fixed.has(name));
        let changed = fixed.find(|name| self.fixed_values.get(name) != values.get(name))?;
        Some(format!(
            "{changed} would be {} and not {}",
            values.get(changed),
            self.fixed_values.get(changed)
        ))
    }

    /// What a record says of the system.
    fn outcome(&self, record: &Record) -> Outcome {
        match record.outcome {
            Some(record::Outcome::Passed) => {}
            Some(record::Outcome::InfrastructureBroke) | None => {
                return Outcome::Broken {
                    why: record.reason.clone().unwrap_or_default(),
                };
            }
            Some(other) => {
                let failed = |c: &&record::CheckRecord| {
                    matches!(c.outcome, CheckOutcome::Failed | CheckOutcome::TimedOut)
                };
                let check = record.checks.iter().find(failed).map(|c| c.name.clone());
                let failure = shrink::Failure {
                    class: other.words().to_owned(),
                    check,
                };
                return Outcome::Failed { failure };
            }
        }
        // An exercise is not judged by what it prints; but a command that isn't
        // there any more exercises nothing.
        let broken = record.exercises.iter().zip(&self.exercises);
        let broken = broken
            .filter(|(now, well)| **well && now.status != Some(0))
            .map(|(now, _)| now.command.clone())
            .next();
        match broken {
            Some(command) => Outcome::Failed {
                failure: shrink::Failure {
                    class: "exercise failed".to_owned(),
                    check: Some(command),
                },
            },
            None => Outcome::Passed { cost: cost(record) },
        }
    }
}

/// RAM that isn't free after the last check: what programs and caches use, and
/// what the kernel had taken before it began to count.
#[must_use]
pub fn taken_kib(record: &Record) -> Option<u64> {
    record.ram.machine_kib.checked_sub(record.ram.free_kib?)
}

/// What a system costs: bytes of the compressed kernel, since its file may be
/// rounded up, and of the ramdisk; and RAM.
#[must_use]
pub fn cost(record: &Record) -> Cost {
    let image = &record.image;
    let kernel = image.payload_bytes.unwrap_or(image.kernel_bytes);
    Cost {
        payload_bytes: kernel + image.ramdisk_bytes,
        ram_kib: taken_kib(record),
        boot_instructions: record.boot.instructions,
    }
}

/// Two trials at once never share a folder.
pub(crate) fn folder_name(trial: &Trial<'_>) -> String {
    let identity = trial.identity().as_str();
    let digits = identity.rsplit(':').next().unwrap_or(identity);
    let digits = digits.get(..12).unwrap_or(digits);
    format!("trial-{digits}-{}", trial.number())
}

/// What an error says of the system that was tried.
#[must_use]
pub fn outcome_of(error: &Error) -> Outcome {
    let why = error.to_string();
    match error.kind() {
        Kind::Config => Outcome::Unresolved { why },
        Kind::Build => Outcome::Failed {
            failure: shrink::Failure::of_class("did not build"),
        },
        Kind::Check => Outcome::Failed {
            failure: shrink::Failure::of_class(why),
        },
        _ => Outcome::Broken { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use builder::kernel::contract::Broken;
    use recipe::contract::{Duty, Term};

    #[test]
    fn a_candidate_that_breaks_the_contract_cannot_be_had_and_says_which_term() {
        let broken = Broken {
            term: Term {
                duty: Duty::Must,
                symbol: "EXT4_FS".to_owned(),
                value: None,
                place: "job.toml:7:9".to_owned(),
            },
            value: "n".to_owned(),
            reason: "needs BLOCK [=n]".to_owned(),
            definitions: Vec::new(),
        };
        let error = builder::error::Error::Contract {
            broken: vec![broken],
            terms: 1,
        };
        let Outcome::Unresolved { why } = outcome_of(&Error::from(error)) else {
            panic!("another outcome");
        };
        assert_eq!(
            why,
            "the configuration breaks the recipe's contract: CONFIG_EXT4_FS must be on and is n: \
             needs BLOCK [=n]"
        );
    }
}
