//! `tuxling trace` and `tuxling prune` from beginning to end: what is built,
//! traced, pruned and proved, in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use builder::kernel::{self, Kernel};
use builder::system::{self, BuildOptions, Ingredients, System};
use host::cache::write_whole;
use host::error::Kind;
use host::id::Id;
use host::session::{Cached, Session};
use recipe::Plan;
use recipe::plan::{Placement, PruneLevel};
use record::Record;
use trial::check;
use vm::check::agent;
use vmlinux::prune::{FunctionIndex, Graph};

use super::calls::{self, Entries, GuestProgram, SystemCalls};
use super::certificate::{self, Bound, Certificate, Evidence, certified};
use super::keys::{AdverseCoverageKey, CoverageKey, PrunedKey};
use super::loading;
use super::memory::Memory;
use super::policy::{Facts, Kept, command_line, pci_devices};
use super::rebuild;
use super::repair::{Linked, Repair, Repaired, Trial};
use super::rules::Pattern;
use super::subject::{self, CallGraph, Subject};
use crate::adversity::{self, Bench, Case, CaseRecord};
use crate::card;
use crate::error::{Error, Result};
use crate::trace::adverse_coverage::{self, AdverseCoverage};
use crate::trace::{self, Coverage, Marked, Runner, conditions};

/// So many boots a trace has at most when nobody says otherwise.
pub const TRACE_RUNS: usize = 24;

/// So many boots in a row a pruned kernel passes when nobody says otherwise.
pub const BOOTS: usize = 10;

/// Where a pruned system stands below the outputs of the whole one.
pub const PRUNED: &str = "pruned";

/// The whole system: the kernel before pruning, with a section for each
/// function.
#[derive(Debug)]
pub struct Whole {
    /// The recipe's plan with the flags that this takes.
    pub plan: Plan,
    options: BuildOptions,
    ingredients: Ingredients,
    /// The system as it was built.
    pub system: System,
    /// Boots its kernels.
    pub runner: Runner,
}

impl Whole {
    /// Builds what is missing.
    pub fn build(plan: &Plan, options: &BuildOptions, session: &Session) -> Result<Whole> {
        loading::refuse_unsupported_arch(plan)?;
        subject::refuse_cpus(plan)?;
        subject::refuse_modules(plan)?;
        let plan = subject::sectioned(plan);
        let output = system::output_folder(&plan, options);
        let options = BuildOptions {
            output: Some(output.join("whole")),
            ..options.clone()
        };
        let ingredients = system::prepare(&plan, &options, session)?;
        subject::refuse_unsupported(&ingredients.config().text, plan.board.arch)?;
        loading::refuse_unsupported(&plan, &ingredients.config().text)?;
        let kernel = session.phase("kernel", || {
            kernel::build(&ingredients.kernel_input(&plan), session)
        })?;
        let system = ingredients.finish(&plan, &options, kernel, session)?;
        let runner = Runner::new(&plan, &system, session)?;
        Ok(Whole {
            options: BuildOptions {
                output: Some(output),
                ..options
            },
            plan,
            ingredients,
            system,
            runner,
        })
    }

    /// Reads its objects.
    pub fn subject(&self, session: &Session) -> Result<Subject<'_>> {
        session.phase("objects", || {
            Subject::open(&self.plan, &self.ingredients, session).map(Cached::fresh)
        })
    }

    /// The folder of outputs.
    pub fn output(&self) -> &Path {
        self.options.output.as_deref().unwrap_or(Path::new("."))
    }

    /// What identifies a trace: the kernel and all that makes it run.
    fn coverage_file(&self, runs: usize, session: &Session) -> Result<PathBuf> {
        let plan = &self.plan;
        let key = CoverageKey {
            kernel: &self.system.kernel.build_id,
            checks: &plan.checks,
            exercises: &plan.exercises,
            machine: &plan.machine,
            network: &plan.network,
            board: &plan.board,
            qemu_version: &self.runner.qemu_version,
            agent: agent::SOURCE,
            runs,
        };
        let id = Id::of("coverage/4", &key)?;
        let folder = session.cache.folder("coverage")?;
        Ok(folder.join(format!("{}.json", id.short())))
    }

    /// Its coverage: traced, or kept from an earlier trace of the same.
    pub fn coverage(&self, subject: &Subject, runs: usize, session: &Session) -> Result<Coverage> {
        let kept = self.coverage_file(runs, session)?;
        if let Some(coverage) = read_kept(&kept) {
            return Ok(coverage);
        }
        let dir = self.output().join("trace");
        let marked = Marked::link(subject, &self.runner, &dir, session)?;
        let coverage = trace::trace(subject, &marked, &self.runner, runs, &dir, session)?;
        write_whole(&kept, &json(&coverage)?)?;
        Ok(coverage)
    }

    /// What runs under adversity besides: traced, or kept.
    fn adverse_coverage(
        &self,
        subject: &Subject,
        coverage: &Coverage,
        bench: &Bench<'_>,
        session: &Session,
    ) -> Result<AdverseCoverage> {
        let names: Vec<&str> = bench.cases().iter().map(|case| case.name).collect();
        let key = AdverseCoverageKey {
            kernel: &self.system.kernel.build_id,
            coverage,
            cases: names,
            flood: bench.flood(),
            seed: bench.seed(),
            adversary: agent::ADVERSARY_SOURCE,
        };
        let id = Id::of("hardship/2", &key)?;
        let folder = session.cache.folder("coverage")?;
        let kept = folder.join(format!("{}.json", id.short()));
        if let Some(adverse) = read_kept(&kept) {
            return Ok(adverse);
        }
        let dir = self.output().join("trace");
        let marked = Marked::link(subject, &self.runner, &dir, session)?;
        let plan = &self.plan;
        let adverse =
            adverse_coverage::trace(subject, &marked, plan, coverage, bench, &dir, session)?;
        write_whole(&kept, &json(&adverse)?)?;
        Ok(adverse)
    }

    /// Which system calls its programs can make, those that check it included.
    fn system_calls(
        &self,
        level: PruneLevel,
        kernel: CallGraph<'_>,
        coverage: &Coverage,
        adverse: Option<&AdverseCoverage>,
        session: &Session,
    ) -> Result<(Entries, SystemCalls)> {
        let arch = self.plan.board.arch;
        let programs = self.programs(level, session)?;
        let root = self.plan.root.as_ref();
        let foreign = root.is_some_and(|root| root.image.is_some());
        let mut calls = session.phase("system calls", || -> Result<_> {
            Ok(Cached::fresh(SystemCalls {
                programs: calls::of_programs(arch, &programs, foreign),
                ..SystemCalls::default()
            }))
        })?;
        let linux = &self.ingredients.linux().tree;
        let mut entries = Entries::find(arch, linux, kernel, &mut calls)?;
        let ran = coverage.functions.iter();
        let ran = ran.map(|f| (f.object.as_str(), f.symbol.as_str()));
        let adverse = adverse.iter().flat_map(|h| &h.functions);
        let adverse = adverse.map(|f| (f.object.as_str(), f.symbol.as_str()));
        entries.compare(&ran.chain(adverse).collect(), kernel.program, &mut calls);
        let all = calls.programs.values().map(|p| p.sites).sum::<u64>();
        session.progress.note(&match &calls.all_kept {
            Some(why) => format!("all system calls are kept: {why}"),
            None => format!(
                "{} system calls can be made from {all} places, {} can't",
                calls.callable.len(),
                entries.closed.len()
            ),
        });
        Ok((entries, calls))
    }

    /// What is known of this series of kernels: by the store and by certificates.
    fn memory(&self, options: &PruneOptions, session: &Session) -> Result<Memory> {
        let taught = options.taught_by.iter().flat_map(|c| &c.fixes);
        let memory = Memory::of(
            &self.ingredients.linux().version,
            (&self.plan.name, options.level),
            taught.cloned(),
            options.without_fixes,
            &session.cache,
        )?;
        if !memory.known().is_empty() {
            session.progress.note(&format!(
                "{} functions stay since earlier prunings had to put them back",
                memory.known().len()
            ));
        }
        Ok(memory)
    }

    fn programs(&self, level: PruneLevel, session: &Session) -> Result<Vec<GuestProgram>> {
        let busybox = self.ingredients.busybox();
        let mut programs = calls::programs(self.ingredients.tree())?;
        let read = |path: &Path| fs::read(path).map_err(|e| host::Error::file("read", path, e));
        if let Some(busybox) = busybox {
            let place = self.ingredients.busybox_place();
            let own = programs.iter_mut().find(|p| p.path == place);
            if let Some(own) = own {
                own.unstripped = Some(read(&busybox.unstripped())?);
            }
        }
        let ours = check::build_programs(&self.system, session)?;
        let adversary = (agent::ADVERSARY, &ours.adversary);
        // Whoever loads what is missing doesn't know what programs come later.
        let wide = level != PruneLevel::Tight || self.plan.prune.load.is_some();
        let adversary = wide.then_some(adversary);
        for (path, file) in std::iter::once((agent::INIT, &ours.agent)).chain(adversary) {
            programs.push(GuestProgram {
                path: path.to_owned(),
                bytes: read(file)?,
                unstripped: None,
            });
        }
        Ok(programs)
    }
}

fn read_kept<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let json = fs::read(path).ok()?;
    serde_json::from_slice(&json).ok()
}

/// How pruning is asked for.
#[derive(Clone, Debug)]
pub struct PruneOptions {
    /// The level.
    pub level: PruneLevel,
    /// How many boots in a row have to pass.
    pub boots: usize,
    /// How many boots the trace has at most.
    pub runs: usize,
    /// What the levels that promise more than the checks have to survive.
    pub adversity: adversity::Options,
    /// Names of functions that ran elsewhere.
    pub outside: BTreeSet<String>,
    /// Certificates of other prunings: what they had to put back stays.
    pub taught_by: Vec<Certificate>,
    /// Whether it begins without what earlier prunings had to put back.
    pub without_fixes: bool,
    /// Whether functions stay or go as a whole, at `tight` too.
    pub whole_functions: bool,
    /// Whether the console says what was missed.
    pub names: bool,
    /// Patterns of functions that stay.
    pub keep: Vec<String>,
    /// Patterns of functions that go, whatever says that they stay.
    pub drop: Vec<String>,
}

/// A pruned system.
#[derive(Debug)]
pub struct PrunedSystem {
    /// Its record.
    pub record: Record,
    /// The record of the system before.
    pub before: Record,
    /// The evidence.
    pub certificate: Certificate,
    /// What was built.
    pub system: System,
}

/// Prunes until it holds, and writes the certificate.
pub fn prune(whole: &Whole, options: &PruneOptions, session: &Session) -> Result<PrunedSystem> {
    let subject = whole.subject(session)?;
    let adversity = adversity_of(options);
    let bench = bench_of(whole, &adversity, session)?;
    let found = Findings::gather(whole, &subject, options, bench.as_ref(), session)?;
    let memory = whole.memory(options, session)?;
    let mut kept = found.kept(options.level, &subject, &memory, options);
    kept.pci = pci_devices(&whole.plan);
    let levels = found.levels(&subject, &memory, options);
    let dir = whole.output().join("prune");
    let trials = trials(&found.coverage, found.adverse.as_ref(), options.boots);
    let repair = Repair {
        subject: &subject,
        graph: &found.graph,
        runner: &whole.runner,
        level: options.level,
        trials: &trials,
        bench: bench.as_ref(),
        memory: &memory,
        dir: &dir,
    };
    let repaired = session.phase("repair", || {
        repair.run(&mut kept, session).map(Cached::fresh)
    })?;
    let (system, record) = record_of(whole, &kept, options.level, &dir, &repaired, session)?;
    let certificate = Certificate::new(Evidence {
        names: (&whole.plan.name, &whole.plan.board.name),
        on_trap: whole.plan.prune.on_trap,
        level: options.level,
        bound: bound(whole, &system)?,
        program: &subject.program,
        kept: &kept,
        pruned: &repaired.pruned,
        levels,
        loaded: repaired.loaded.clone(),
        calls: found.calls,
        attempts: repaired.attempts,
        cases: all_cases(found.adverse, repaired.cases),
        fixes: memory.with(&subject.program, repaired.fixes),
        missing: found.coverage.missing,
    });
    let pruned = PrunedSystem {
        record,
        before: trial::built_record(&whole.plan, &whole.system, session),
        certificate,
        system,
    };
    pruned.write(whole, session)?;
    Ok(pruned)
}

impl PrunedSystem {
    /// Puts the certificate and the record beside the system, and the record
    /// into the store.
    fn write(&self, whole: &Whole, session: &Session) -> Result<()> {
        let output = &self.system.output;
        let path = certificate_path(&whole.plan, output);
        write_whole(&path, &json(&self.certificate)?)?;
        record::keep(&self.record, output)?;
        Ok(record::remember(&self.record, &session.cache)?)
    }
}

/// What is known of a kernel before anything goes: what ran, and what can be
/// called.
struct Findings {
    coverage: Coverage,
    adverse: Option<AdverseCoverage>,
    entries: Entries,
    calls: SystemCalls,
    /// Who calls whom, once the system calls that nobody makes are closed.
    graph: Graph,
    /// The objects that drive the card.
    card: BTreeSet<String>,
}

impl Findings {
    fn gather(
        whole: &Whole,
        subject: &Subject,
        options: &PruneOptions,
        bench: Option<&Bench<'_>>,
        session: &Session,
    ) -> Result<Findings> {
        let coverage = whole.coverage(subject, options.runs, session)?;
        let adverse = bench
            .map(|bench| whole.adverse_coverage(subject, &coverage, bench, session))
            .transpose()?;
        let mut graph = subject.program.graph();
        let kernel = CallGraph {
            program: &subject.program,
            graph: &graph,
        };
        let (entries, calls) =
            whole.system_calls(options.level, kernel, &coverage, adverse.as_ref(), session)?;
        if let Some(not_there) = entries.not_there {
            graph = graph.redirected(&entries.closed, not_there);
        }
        Ok(Findings {
            coverage,
            adverse,
            entries,
            calls,
            graph,
            card: card::objects(&whole.plan, &whole.ingredients),
        })
    }

    /// Bytes of code that the rules of the levels keep. At `safe` stays what is
    /// referred to: only the link tells.
    fn levels(
        &self,
        subject: &Subject,
        memory: &Memory,
        options: &PruneOptions,
    ) -> BTreeMap<String, u64> {
        let foretold = [PruneLevel::Balanced, PruneLevel::Tight].map(|level| {
            let kept = self.kept(level, subject, memory, options);
            let bytes = certificate::code_bytes(&subject.program, &kept);
            (level.word().to_owned(), bytes)
        });
        foretold.into()
    }

    /// What stays by the rules of a level.
    fn kept(
        &self,
        level: PruneLevel,
        subject: &Subject,
        memory: &Memory,
        options: &PruneOptions,
    ) -> Kept {
        let patterns = |texts: &[String]| texts.iter().map(|t| Pattern::new(t)).collect::<Vec<_>>();
        let facts = Facts {
            program: &subject.program,
            graph: &self.graph,
            several_cpus: subject.several_cpus,
            entries: &self.entries,
            coverage: &self.coverage,
            adverse: self.adverse.as_ref(),
            card: &self.card,
            outside: &options.outside,
            fixes: memory.known(),
            whole_functions: options.whole_functions,
            names: options.names,
            keep: &patterns(&options.keep),
            drop: &patterns(&options.drop),
        };
        Kept::of(level, &facts)
    }
}

/// Where cases of adversity are booted; none where no case concerns the system.
fn bench_of<'a>(
    whole: &'a Whole,
    options: &'a adversity::Options,
    session: &Session,
) -> Result<Option<Bench<'a>>> {
    let bench = Bench::new(&whole.plan, &whole.system, options, session)?;
    let concerned = |case: &&Case| adversity::not_concerned(case, &whole.plan).is_none();
    Ok(bench.cases().iter().any(concerned).then_some(bench))
}

/// What of adversity a level has to survive: what was asked for, and at `tight`
/// what needs no mistake of anybody's.
fn adversity_of(options: &PruneOptions) -> adversity::Options {
    let mut adversity = options.adversity.clone();
    if options.level == PruneLevel::Tight {
        let always = adversity::ALL.iter().filter(|case| case.at_every_level);
        adversity.only = always.map(|case| case.name.to_owned()).collect();
    }
    adversity
}

/// What a pruned kernel must pass: ordinary boots, and the cases of adversity
/// that the whole kernel survives.
fn trials(coverage: &Coverage, adverse: Option<&AdverseCoverage>, boots: usize) -> Vec<Trial> {
    let ordinary = conditions::schedule(&coverage.passed(), boots.max(1));
    let survived = adverse.map(AdverseCoverage::survived).unwrap_or_default();
    let adverse = adversity::ALL.iter();
    let adverse = adverse.filter(|case| survived.contains(case.name));
    ordinary
        .into_iter()
        .map(Trial::Ordinary)
        .chain(adverse.map(Trial::Adverse))
        .collect()
}

/// How the pruned kernel took the cases, and why others were left out.
fn all_cases(adverse: Option<AdverseCoverage>, survived: Vec<CaseRecord>) -> Vec<CaseRecord> {
    let all = adverse.map(|h| h.cases).unwrap_or_default();
    let by_pruned = |case: CaseRecord| {
        let same = survived.iter().find(|s| s.name == case.name);
        match (same, case.survived) {
            (Some(same), _) => same.clone(),
            (None, Some(_)) => CaseRecord {
                survived: None,
                detail: format!("the whole kernel doesn't survive it: {}", case.detail),
                ..case
            },
            (None, None) => case,
        }
    };
    all.into_iter().map(by_pruned).collect()
}

/// Where the certificate of a pruned system stands.
pub fn certificate_path(plan: &Plan, output: &Path) -> PathBuf {
    output.join(format!("{}.cert.json", plan.name))
}

/// Makes the kernel of a certificate again and compares the bytes.
pub fn verify(whole: &Whole, certificate: &Certificate, session: &Session) -> Result<()> {
    let bound = &certificate.bound;
    let system = &whole.system;
    certified(
        certificate,
        &system.kernel.build_id,
        &system.inputs.toolchain,
    )?;
    let level = certificate
        .level()
        .ok_or(Error::UnknownLevel { kind: Kind::Build })?;
    let plan = rebuild::certified_plan(&whole.plan, certificate);
    let subject = session.phase("objects", || {
        Subject::open(&plan, &whole.ingredients, session).map(Cached::fresh)
    })?;
    let kept = certificate
        .kept_in(&subject.program)
        .map_err(|lacking| Error::FunctionsLacking { lacking })?;
    let dir = whole.output().join("verify");
    let kernel = dir.join("kernel");
    session.phase("link", || {
        Linked::new(&subject, (level, &kept), &whole.runner, &kernel, session).map(Cached::fresh)
    })?;
    rebuild::same_bytes(&kernel, &bound.kernel)
}

/// Puts the pruned kernel where a kernel stands, and measures the system.
fn record_of(
    whole: &Whole,
    kept: &Kept,
    level: PruneLevel,
    dir: &Path,
    repaired: &Repaired,
    session: &Session,
) -> Result<(System, Record)> {
    let indices = |set: &BTreeSet<FunctionIndex>| set.iter().map(|f| f.0).collect::<Vec<_>>();
    let key = PrunedKey {
        whole: &whole.system.kernel.build_id,
        gaps: certificate::gaps_text(kept),
        names: kept.names,
        on_trap: whole.plan.prune.on_trap,
        level: level.word(),
        roots: kept.roots.keys().map(|f| f.0).collect(),
        dropped: indices(&kept.dropped),
        closed: indices(&kept.closed),
        command_line: command_line(&whole.plan),
    };
    let kernel = Kernel {
        build_id: Id::of("pruned/4", &key)?,
        dir: dir.join("kernel"),
    };
    let mut options = whole.options.clone();
    options.output = Some(whole.output().join(PRUNED));
    let ingredients = &whole.ingredients;
    let system = ingredients.finish(&whole.plan, &options, kernel, session)?;
    let mut record = trial::built_record(&whole.plan, &system, session);
    if let Some(last) = &repaired.last {
        check::fill(&mut record, last);
    }
    record.qemu_version = Some(whole.runner.qemu_version.clone());
    Ok((system, record))
}

fn bound(whole: &Whole, system: &System) -> Result<Bound> {
    let plan = &whole.plan;
    let of_path = |path: &Path| Id::of_file(path).map_err(|e| host::Error::file("read", path, e));
    let of_file = |name: &str| of_path(&system.output.join(name));
    let image = plan.root.as_ref().and_then(|root| root.image.as_ref());
    let ramdisk = match (plan.ramdisk.placement, image) {
        (Placement::Separate, _) => Some(system.output.join("ramdisk")),
        (Placement::Disk, None) => Some(system.output.join("root")),
        (Placement::Disk, Some(image)) => Some(image.path.clone()),
        (Placement::Builtin | Placement::Flash, _) => None,
    };
    Ok(Bound {
        build_id: whole.system.kernel.build_id.clone(),
        kernel: of_file("kernel")?,
        ramdisk: ramdisk.map(|path| of_path(&path)).transpose()?,
        checks: Id::of("checks/1", &(&plan.checks, &plan.exercises))?,
        qemu_version: whole.runner.qemu_version.clone(),
        toolchain: system.inputs.toolchain.clone(),
        cpu_models: Vec::new(),
        memory_kib: vec![plan.machine.memory.as_kib()],
        cpus: Vec::from_iter(Some(plan.machine.cpus).filter(|cpus| *cpus > 1)),
        tuxling: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(Error::Json)
}
