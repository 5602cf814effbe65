//! `tuxling shrink` from beginning to end.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use builder::kernel::kconfig::{self, Tree};
use builder::kernel::{self, Tools};
use builder::system::{self, BuildOptions, Ingredients, System};
use farm::edit::Edit;
use farm::farming::{Farm, FarmOptions};
use farm::fixed::Fixed;
use farm::journal::StoreJournal;
use farm::spec::Origin;
use farm::trials::{Asked, Changes, Means, Trials};
use host::error::Kind;
use host::id::Id;
use host::session::{Cached, Session, Step, Unit};
use host::units::Bytes;
use prune::job::{PruneOptions, PrunedSystem, TRACE_RUNS, Whole};
use prune::{adversity, job as pruning, subject};
use recipe::Plan;
use recipe::config::Values;
use recipe::plan::{PruneLevel, Security};
use record::{Record, store_path};
use shrink::{CancelToken, ChangeId, Event, Executor, Goal, Policy, Search, Settings};
use trial::check::{self, CheckOptions};

use super::ended::{search_failure, trials_wait};
use super::insight;
use super::live::Live;
use super::report::{self, Report, SmallestRam, Stage};
use super::written::{self, Evidence, Tiny};
use crate::failure::{Failure, Result};
use crate::ram::RamOptions;
use passes::options::{self, Insight};
use passes::{OPTIONS, Ways, applets, constants};

/// One trial takes no longer: a whole kernel has to fit.
const TRIAL_LIMIT: Duration = Duration::from_secs(45 * 60);

/// How long a trial may take to come back when it is told to.
const GRACE: Duration = Duration::from_secs(20);

/// The share of the time that the search for options has; pruning and its
/// proof need the rest.
const SEARCH_SHARE: f64 = 0.7;

/// How often what is left is searched for options that were not there before:
/// what went opens others.
const ROUNDS: usize = 3;

/// What is said when the search was cancelled and no signal tells by whom.
const INTERRUPTED: &str = "interrupted; the best so far is kept, and the next call goes on";

/// How shrinking is asked for.
#[derive(Clone, Debug)]
pub(crate) struct ShrinkOptions {
    /// What is to become small.
    pub goal: Goal,
    /// The level of pruning at the end; none: it isn't pruned.
    pub level: Option<PruneLevel>,
    /// The time for this call.
    pub time: Option<Duration>,
    /// How often the result passes in the end.
    pub boots: u32,
    /// Trials at once.
    pub trials: usize,
    /// Who carries them out, where it isn't this process.
    pub farm: Option<FarmOptions>,
    /// The groups of changes that are searched; all when empty.
    pub only: Vec<&'static str>,
    /// How systems are booted.
    pub check: CheckOptions,
    /// What adversity does at the levels that have to survive it.
    pub adversity: adversity::Options,
}

impl ShrinkOptions {
    /// How the result is pruned and proven.
    pub(crate) fn pruning(&self, plan: &Plan, level: PruneLevel) -> PruneOptions {
        PruneOptions {
            level,
            boots: self.boots as usize,
            runs: TRACE_RUNS,
            adversity: self.adversity.clone(),
            outside: BTreeSet::new(),
            taught_by: Vec::new(),
            without_fixes: false,
            names: plan.prune.names,
            whole_functions: plan.prune.whole_functions || plan.prune.load.is_some(),
            keep: plan.prune.keep.clone(),
            drop: plan.prune.drop.clone(),
        }
    }
}

/// What came out.
#[derive(Debug)]
pub(crate) struct ShrunkSystem {
    /// What was found, and how.
    pub report: Report,
    /// The pruned system, where a level was asked for.
    pub pruned: Option<PrunedSystem>,
    /// The recipe that was written.
    pub recipe: PathBuf,
}

/// A system that was built, and what it was built from.
struct Built {
    plan: Plan,
    ingredients: Ingredients,
    system: System,
    record: Record,
}

/// Searches, prunes, proves and writes.
pub(crate) fn shrink(
    plan: &Plan,
    build: &BuildOptions,
    options: &ShrinkOptions,
    session: &Session,
) -> Result<ShrunkSystem> {
    let started = Instant::now();
    let folder = system::output_folder(plan, build).join("shrink");
    let job = Job {
        original: plan,
        folder,
        build,
        options,
        session,
        started,
        edits: RefCell::default(),
        security: RefCell::default(),
    };
    job.run()
}

struct Job<'a> {
    original: &'a Plan,
    folder: PathBuf,
    build: &'a BuildOptions,
    options: &'a ShrinkOptions,
    session: &'a Session<'a>,
    started: Instant,
    /// What earlier rounds have taken.
    edits: RefCell<Vec<Edit>>,
    /// What protects and stays, with its price.
    security: RefCell<Vec<(String, Option<u64>)>>,
}

impl Job<'_> {
    fn run(&self) -> Result<ShrunkSystem> {
        // The sections cost a little room, and the same objects are pruned.
        let plan = match self.options.level {
            Some(_) => subject::sectioned(self.original),
            None => self.original.clone(),
        };
        let start = self.make(&plan, "start")?;
        let (before, given) = (start.record.clone(), start.system.clone());
        let file = format!("{}.html", written::name_of(&self.original.name));
        let live = Live::new(self.original, &before, self.original.base.join(file));
        let mut stages = Vec::new();
        let mut best = start;
        let mut known = BTreeSet::new();
        for round in 1..=ROUNDS {
            let name = format!("round {round}");
            let Some(better) = self.stage((&name, &live), &best, &mut known, &mut stages)? else {
                break;
            };
            best = self.make(&better, &name.replace(' ', "-"))?;
        }
        let smallest = match self.options.goal {
            Goal::Ram => Some(self.with_little_ram((&plan, &given), &mut best)?),
            Goal::Image | Goal::Both => None,
        };
        let mut report = Report::new(self.original, &before, &best.record, stages);
        let values = Values::parse(&best.ingredients.config().text);
        let tiny = Tiny::new(self.original, &best.plan, &values);
        tiny.write(None)?;
        if self.options.level.is_some() {
            live.doing("the result is pruned and proven");
        }
        let pruned = match self.options.level {
            Some(level) => Some(self.prune(&best.plan, level)?),
            None => None,
        };
        let after = pruned.as_ref().map_or(&best.record, |p| &p.record).clone();
        if let Some(mut smallest) = smallest {
            if let Some(pruned) = &pruned {
                smallest.after_kib = self.smallest_ram(&best.plan, &pruned.system)?;
            }
            report.smallest_ram = Some(smallest);
        }
        report.security = self.security.take().into_iter().collect();
        report.end(&after, self.started.elapsed());
        let evidence = Evidence {
            report: &report,
            certificate: pruned.as_ref().map(|p| &p.certificate),
        };
        let recipe = tiny.write(Some(&evidence))?;
        live.end(&report, evidence.certificate);
        Ok(ShrunkSystem {
            report,
            pruned,
            recipe,
        })
    }

    /// Builds a plan's system and boots it once.
    fn make(&self, plan: &Plan, name: &str) -> Result<Built> {
        let options = BuildOptions {
            output: Some(self.folder.join(name)),
            allow_dropped: name != "start" || self.build.allow_dropped,
            ..self.build.clone()
        };
        let ingredients = system::prepare(plan, &options, self.session)?;
        let kernel = self.session.phase("kernel", || {
            kernel::build(&ingredients.kernel_input(plan), self.session)
        })?;
        let system = ingredients.finish(plan, &options, kernel, self.session)?;
        let verdict = check::check(plan, &system, &self.options.check, self.session)?;
        record::keep(&verdict.record, &system.output)?;
        match verdict.failed {
            Some(failed) => Err(Failure::diagnosed(failed, &verdict.record.diagnoses)
                .help("what is to be shrunk must pass its checks as it is: see `tuxling check`")),
            None => Ok(Built {
                plan: plan.clone(),
                ingredients,
                system,
                record: verdict.record,
            }),
        }
    }

    /// One search from a system that passes, for changes that no earlier one
    /// had; the plan of a smaller one.
    fn stage(
        &self,
        (name, live): (&str, &Live),
        from: &Built,
        known: &mut BTreeSet<String>,
        stages: &mut Vec<Stage>,
    ) -> Result<Option<Plan>> {
        if self.over() {
            return Ok(None);
        }
        let tree = self.tree(from)?;
        let (ways, together) = self.ways(from, &tree, known)?;
        if ways.space.is_empty() {
            return Ok(None);
        }
        let keys = ways.space.ids().map(|id| ways.space.change(id).key.clone());
        known.extend(keys);
        let ways = Arc::new(ways);
        self.session
            .progress
            .note(&format!("{name}: {}", report::to_try(&ways.space)));
        live.begin(name);
        let settings = self.settings();
        let trials = self.trials(from, &ways);
        let (executor, farm) = self.executor(trials, &settings.cancel)?;
        let journal = Box::new(StoreJournal::new(&store_path(&self.session.cache)));
        let mut turns = Ways::turns(together);
        let cancel = settings.cancel.clone();
        let shrunk = self.session.phase(name, || {
            self.watched(&cancel, || {
                Search::new(&ways.space, executor, journal, settings)?
                    .on_event(|event, progress| {
                        live.event(event, progress, &ways.space);
                        self.tell((&ways, from, &tree), event, progress)
                    })
                    .run(&mut turns)
            })
            .map(Cached::fresh)
        });
        drop(farm);
        if cancel.is_cancelled() {
            return Err(self.interrupted()?);
        }
        let shrunk = match shrunk {
            Ok(shrunk) => shrunk,
            Err(error) => return Err(search_failure(&error)),
        };
        let believed = self
            .folder
            .join(format!("believed-{}.txt", name.replace(' ', "-")));
        host::cache::write_whole(&believed, report::believed(&shrunk).as_bytes())?;
        self.edits.borrow_mut().extend(ways.edits(&shrunk.best));
        let stage = Stage::of(name, &ways, &shrunk);
        live.end_round(&stage);
        stages.push(stage);
        let is_better = !shrunk.best.is_empty();
        Ok(is_better.then(|| ways.apply(&from.plan, &shrunk.best)))
    }

    /// Who carries trials out: this process, or an engine.
    fn executor(
        &self,
        trials: Trials,
        cancel: &CancelToken,
    ) -> Result<(Arc<dyn Executor>, Option<Farm>)> {
        let Some(options) = &self.options.farm else {
            return Ok((Arc::new(trials), None));
        };
        let origin = Origin {
            original: self.original,
            sectioned: self.options.level.is_some(),
            edits: &self.edits.borrow(),
        };
        let farm = options.farm(&origin, trials, cancel, self.session)?;
        Ok((Arc::clone(&farm.executor) as _, Some(farm)))
    }

    fn tree(&self, from: &Built) -> Result<Tree> {
        let arch = from.plan.board.arch;
        let session = self.session;
        let tools = Tools::find(&from.plan.kernel.toolchain, arch, &session.processes)?;
        Ok(kconfig::load(
            from.ingredients.linux(),
            arch,
            &tools,
            session,
        )?)
    }

    /// What can be changed in a system, and what of it at once.
    fn ways(
        &self,
        from: &Built,
        tree: &Tree,
        known: &BTreeSet<String>,
    ) -> Result<(Ways, Vec<ChangeId>)> {
        let only = &self.options.only;
        let searched = |group: &&str| only.is_empty() || only.contains(group);
        let mut ways = Ways::new(self.context(from)?.as_str(), only, known);
        let mut together = Vec::new();
        if OPTIONS.iter().any(searched) {
            let mut configuration = tree.evaluate(&from.plan.kernel)?;
            // What unpacks the ramdisk goes with how it is packed, or not at all.
            let mut fixed = self.fixed();
            let implied = from.plan.kernel.implied.iter().cloned();
            fixed.symbols.extend(implied);
            let mut insight = self.insight(from)?;
            insight.reach = insight::reach(&from.plan, &from.ingredients, self.session)?;
            if self.security.borrow().is_empty() {
                *self.security.borrow_mut() = options::security(&mut configuration, &insight);
            }
            let ram = self.options.goal != Goal::Image;
            for way in constants::ways(&mut configuration, &fixed, ram) {
                ways.add(way);
            }
            options::add(&mut ways, &mut configuration, &insight, &fixed);
            together = options::together(&ways, &mut configuration, &fixed);
        }
        let built = from.ingredients.busybox().map(|b| &b.applets);
        let built: Vec<&str> = built.into_iter().flatten().map(|a| &*a.name).collect();
        for way in applets::ways(&from.plan, &built) {
            ways.add(way);
        }
        Ok((ways, together))
    }

    /// What was seen of a system is kept: another boot would see a little more
    /// or less, and the same search must come from it.
    fn insight(&self, from: &Built) -> Result<Insight> {
        let key = (&from.system.image_id, self.checks(&from.plan));
        let id = identity("insight/2", &key)?;
        let folder = self.session.cache.folder("coverage")?;
        let kept = folder.join(format!("{}.insight.json", id.short()));
        let ran = fs::read(&kept)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        let fresh = ran.is_none();
        let linux = from.ingredients.linux();
        let insight = insight::of_system(&from.plan, &from.system, linux, ran, self.session)?;
        if fresh {
            let json = serde_json::to_vec(&insight.ran)
                .map_err(|e| Failure::new(Kind::Machine, e.to_string()))?;
            host::cache::write_whole(&kept, &json)?;
        }
        Ok(insight)
    }

    /// What identifies everything that is the same in all trials.
    fn context(&self, from: &Built) -> Result<Id> {
        let accelerator = self.options.check.accelerator.map(|a| a.name());
        let key = (
            (&from.system.kernel.build_id, &from.system.image_id),
            self.checks(&from.plan),
            (accelerator, self.original.security),
        );
        identity("shrink/context/2", &key)
    }

    fn checks<'p>(&self, plan: &'p Plan) -> impl serde::Serialize + use<'p> {
        (
            (&plan.checks, &plan.exercises),
            (&plan.machine, &plan.network, &plan.board),
        )
    }

    fn fixed(&self) -> Fixed {
        // How the ramdisk is packed has a change of its own.
        let implied = self.original.kernel.implied.iter();
        Fixed {
            symbols: implied.filter(|s| !s.starts_with("RD_")).cloned().collect(),
            security_off: self.original.security == Security::Off,
        }
    }

    fn trials(&self, from: &Built, ways: &Arc<Ways>) -> Trials {
        let fixed = self.fixed();
        let values = Values::parse(&from.ingredients.config().text);
        let fixed_values = values.iter().filter(|(symbol, _)| fixed.has(symbol));
        let fixed_values = fixed_values
            .map(|(symbol, value)| (symbol.to_owned(), value.to_owned()))
            .collect();
        let trials = self.options.trials.max(1);
        let changes = Arc::clone(ways) as Arc<dyn Changes>;
        let asked = Asked {
            plan: from.plan.clone(),
            fixed,
            fixed_values,
            exercises: from
                .record
                .exercises
                .iter()
                .map(|e| e.status == Some(0))
                .collect(),
            check: self.options.check.clone(),
        };
        let means = Means {
            folder: self.folder.join("trials"),
            supervisor: self.session.processes.executable().to_owned(),
            cache: self.session.cache.clone(),
            jobs: (self.session.jobs / trials).max(1),
            trees: trials,
        };
        Trials {
            asked,
            changes,
            means,
        }
    }

    fn settings(&self) -> Settings {
        let left = |time: Duration| {
            time.mul_f64(SEARCH_SHARE)
                .saturating_sub(self.started.elapsed())
        };
        Settings {
            goal: self.options.goal,
            policy: Policy {
                // What is pruned is proven by its own boots, the very bytes.
                proof: match self.options.level {
                    Some(_) => 2,
                    None => self.options.boots,
                },
                ..Policy::default()
            },
            time: self.options.time.map(left),
            attempts: None,
            // How long a trial waits for a machine is the engine's.
            trial_time: self.options.farm.is_none().then_some(TRIAL_LIMIT),
            grace: GRACE,
            jobs: match &self.options.farm {
                Some(farm) => farm.workers,
                None => self.options.trials.max(1),
            },
            cancel: CancelToken::new(),
        }
    }

    fn over(&self) -> bool {
        let limit = self.options.time.map(|time| time.mul_f64(SEARCH_SHARE));
        limit.is_some_and(|limit| self.started.elapsed() >= limit)
    }

    /// Does the work, and cancels it when the user asks to stop.
    fn watched<T>(&self, token: &CancelToken, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    if self.session.processes.cancel().signal().is_some() {
                        token.cancel();
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Says how the search goes on, and writes the best so far down: it stays,
    /// whatever ends tuxling.
    fn tell(
        &self,
        (ways, from, tree): (&Ways, &Built, &Tree),
        event: &Event,
        progress: &shrink::Progress,
    ) {
        if let Some(text) = report::words(event, progress, &ways.space) {
            self.session.progress.note(&text);
        }
        self.session.progress.step(&Step {
            what: &report::standing(progress),
            done: progress.attempts,
            total: None,
            unit: Unit::Of("trials so far"),
        });
        if let Event::Better { candidate, .. } | Event::FellBack { candidate, .. } = event {
            let plan = ways.apply(&from.plan, candidate);
            let write = || -> Result<_> {
                let configuration = tree.evaluate(&plan.kernel)?;
                let values = Values::parse(&configuration.to_dotconfig());
                Tiny::new(self.original, &plan, &values).write(None)
            };
            if let Err(failure) = write() {
                let text = format!("the best so far can't be written down: {}", failure.message);
                self.session.progress.note(&text);
            }
        }
    }

    fn prune(&self, plan: &Plan, level: PruneLevel) -> Result<PrunedSystem> {
        let options = BuildOptions {
            output: Some(self.folder.join("result")),
            allow_dropped: true,
            ..self.build.clone()
        };
        // The result's own recipe, with a lock file of the same sources.
        let plan = Plan {
            name: written::name_of(&plan.name),
            ..plan.clone()
        };
        let whole = Whole::build(&plan, &options, self.session)?;
        let wanted = self.options.pruning(&plan, level);
        Ok(pruning::prune(&whole, &wanted, self.session)?)
    }

    /// Finds the smallest RAM before the search and after it, and gives the best
    /// no more: what it does when RAM is short has to run when it is traced.
    fn with_little_ram(
        &self,
        (plan, given): (&Plan, &System),
        best: &mut Built,
    ) -> Result<SmallestRam> {
        let before_kib = self.smallest_ram(plan, given)?;
        let after_kib = self.smallest_ram(&best.plan, &best.system)?;
        if let Some(kib) = after_kib {
            best.plan.machine.memory = Bytes::kib(kib);
        }
        Ok(SmallestRam {
            before_kib,
            after_kib,
        })
    }

    /// The smallest RAM with which a system passes, in KiB.
    fn smallest_ram(&self, plan: &Plan, system: &System) -> Result<Option<u64>> {
        let wanted = RamOptions {
            check: self.options.check.clone(),
            ..RamOptions::default()
        };
        let (report, _) = crate::ram::smallest(plan, system, &wanted, self.session)?;
        // It passed each time, even where a little less passes now and then.
        Ok(report.smallest_kib)
    }

    fn interrupted(&self) -> Result<Failure> {
        if let Some(farm) = &self.options.farm
            && self.session.processes.cancel().signal().is_none()
            && let open @ 1.. = farm.waiting()?
        {
            return Ok(trials_wait(open));
        }
        Ok(match self.session.processes.cancel().signal() {
            Some(signal) => host::Error::command(
                Kind::Machine,
                "shrink",
                host::process::ProcessError::Interrupted { signal },
            )
            .into(),
            None => Failure::new(Kind::Machine, INTERRUPTED),
        })
    }
}

fn identity<T: serde::Serialize>(tag: &str, value: &T) -> Result<Id> {
    Id::of(tag, value).map_err(|e| Failure::new(Kind::Build, e.to_string()))
}
