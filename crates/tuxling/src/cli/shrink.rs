//! `tuxling shrink`: the search for the smallest system that still passes.

use std::fmt::Write as _;

use farm::farming::{EngineChoice, FarmOptions};
use host::error::Kind;
use host::session::Session;
use host::units::grouped;
use prune::adversity;
use prune::job::TRACE_RUNS;
use recipe::Plan;
use recipe::plan::PruneLevel;
use trial::check::CheckOptions;
use vm::machine::qemu::Accelerator;

use super::args::{Accel, EngineArg, GoalArg, Group, ShrinkArgs, ShrinkLevel};
use super::build::lock_output;
use super::carry_out::Needs;
use super::dry_run::{List, PruneList};
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};
use crate::shrinking::job::{self, ShrinkOptions, ShrunkSystem};
use crate::shrinking::report::{Size, Stage};
use crate::shrinking::update::{self, Updated};
use passes;

/// Searches, prunes, proves and writes the result.
pub(super) fn run(args: &ShrinkArgs) -> Result<()> {
    if let (Some(share), Some(store)) = (args.shard, &args.store) {
        let jobs = args.common.jobs.map(|jobs| usize::from(jobs.get()));
        return super::store::shard(share, store, jobs);
    }
    let request = Request::new(Typed::of(&args.common, args.json))?;
    let wanted = shrink_options(args, &request.plan);
    let again = args.common.update && request.plan.prune.certificate.is_some();
    request.carry_out(
        Needs::Boot,
        |list| listed(list, &wanted, again),
        |request, session| work(&wanted, request, again, session),
    )
}

/// What would be started; a result that is proven `again` is not searched.
fn listed(list: &mut List, wanted: &ShrinkOptions, again: bool) -> Result<()> {
    let pruned = |level| PruneList {
        runs: TRACE_RUNS,
        boots: usize::try_from(wanted.boots).unwrap_or(usize::MAX),
        adversity: level != PruneLevel::Tight,
    };
    if again {
        return list.prune(pruned(wanted.level.unwrap_or(PruneLevel::Balanced)));
    }
    list.shrink(wanted.trials, wanted.level.map(pruned))
}

fn work(wanted: &ShrinkOptions, request: &Request, again: bool, session: Session) -> Result<()> {
    let Request {
        plan,
        options: build,
        ..
    } = request;
    let _lock = lock_output(plan, build, &session)?;
    if again {
        let updated = update::update(
            plan,
            build,
            |old| {
                let level = old.level().ok_or_else(|| {
                    Failure::new(
                        Kind::Usage,
                        "the certificate names a level that is not known",
                    )
                })?;
                Ok(wanted.pruning(plan, level))
            },
            &session,
        )?;
        drop(session);
        return if request.json {
            print_json(&updated)
        } else {
            print(&update_text(&updated))
        };
    }
    if let Some(farm) = &wanted.farm {
        farm.refuse(plan, &session.processes)?;
    }
    let shrunk = job::shrink(plan, build, wanted, &session)?;
    drop(session);
    if request.json {
        print_json(&shrunk.report)?;
    } else {
        print(&text(&shrunk))?;
    }
    match shrunk.report.stages.iter().find(|stage| stage.broke) {
        Some(stage) => Err(ended_early(&stage.stopped)),
        None => Ok(()),
    }
}

/// What was found until then is written all the same.
fn ended_early(why: &str) -> Failure {
    let failure = Failure::new(Kind::Machine, format!("the search ended early: {why}"));
    failure.help("mend that and call the same command again: what is known stays known")
}

fn shrink_options(args: &ShrinkArgs, plan: &Plan) -> ShrinkOptions {
    let level = match args.level {
        Some(ShrinkLevel::None) => None,
        Some(ShrinkLevel::Level(level)) => Some(level),
        None => Some(plan.prune.level.unwrap_or(PruneLevel::Balanced)),
    };
    let accelerator = args.accel.map(|accel| match accel {
        Accel::Tcg => Accelerator::Tcg,
        Accel::Kvm => Accelerator::Kvm,
    });
    ShrinkOptions {
        goal: match args.goal {
            GoalArg::Image => shrink::Goal::Image,
            GoalArg::Ram => shrink::Goal::Ram,
            GoalArg::Both => shrink::Goal::Both,
        },
        level,
        time: args.time,
        boots: args.boots,
        trials: args.trials,
        farm: farm_options(args),
        only: args.only.iter().map(|group| group_name(*group)).collect(),
        check: CheckOptions {
            accelerator,
            ..CheckOptions::default()
        },
        adversity: adversity::Options {
            only: Vec::new(),
            flood: args.flood,
            seed: 1,
            check: CheckOptions {
                accelerator: Some(Accelerator::Tcg),
                ..CheckOptions::default()
            },
        },
    }
}

fn farm_options(args: &ShrinkArgs) -> Option<FarmOptions> {
    let (engine, store) = (args.engine?, args.store.as_ref()?);
    Some(FarmOptions {
        engine: match engine {
            EngineArg::Local => EngineChoice::Local,
            EngineArg::Slurm => EngineChoice::Slurm(args.sbatch.clone()),
            EngineArg::Kubernetes => {
                EngineChoice::Kubernetes(args.image.clone(), args.claim.clone())
            }
            EngineArg::Shards => EngineChoice::Shards,
        },
        store: std::path::absolute(store).unwrap_or_else(|_| store.clone()),
        workers: args.workers.max(1),
    })
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Constants => passes::CONSTANTS,
        Group::Unused => passes::UNUSED,
        Group::Inside => passes::INSIDE,
        Group::Used => passes::USED,
        Group::Messages => passes::MESSAGES,
        Group::UserLand => passes::USER_LAND,
    }
}

fn text(shrunk: &ShrunkSystem) -> String {
    let report = &shrunk.report;
    let mut text = format!(
        "{} on {}\n\n                    before     searched       result\n",
        report.recipe, report.board
    );
    let (before, searched, after) = (&report.before, &report.searched, &report.after);
    let mut row = |name: &str, of: &dyn Fn(&Size) -> Option<u64>, unit: &str| {
        let show = |size| of(size).map_or_else(|| "-".to_owned(), grouped);
        let _ = writeln!(
            text,
            "  {name:<11} {:>12} {:>12} {:>12} {unit}",
            show(before),
            show(searched),
            show(after)
        );
    };
    row("kernel", &|s| Some(s.kernel_bytes), "B");
    row("ramdisk", &|s| Some(s.ramdisk_bytes), "B");
    row("payload", &|s| Some(s.payload_bytes), "B");
    row("RAM taken", &|s| s.ram_kib, "KiB");
    if let Some(ram) = &report.smallest_ram {
        let show = |kib: Option<u64>| kib.map_or_else(|| "-".to_owned(), grouped);
        let _ = writeln!(
            text,
            "  {:<11} {:>12} {:>12} {:>12} KiB",
            "least RAM",
            show(ram.before_kib),
            "",
            show(ram.after_kib)
        );
    }
    for stage in &report.stages {
        text.push_str(&stage_text(stage));
    }
    if let Some(pruned) = &shrunk.pruned {
        let _ = writeln!(
            text,
            "\npruned ({}): {} boots passed in a row, of the very bytes",
            pruned.certificate.level, pruned.certificate.passed.boots
        );
    }
    let _ = writeln!(
        text,
        "\n{:.0} minutes. The result: {}",
        report.seconds / 60.0,
        shrunk.recipe.display()
    );
    text
}

fn update_text(updated: &Updated) -> String {
    let (before, after) = updated.kernel_bytes;
    let before = before.map_or_else(|| "-".to_owned(), grouped);
    let mut text = format!(
        "{}: kernel {before} -> {} B; {} boots passed in a row\n",
        updated.recipe,
        grouped(after),
        updated.boots
    );
    for (what, functions) in [
        ("kept now", &updated.added),
        ("no longer kept", &updated.gone),
    ] {
        let _ = writeln!(text, "{what}: {} functions", functions.len());
        for function in functions.iter().take(20) {
            let _ = writeln!(text, "  {function}");
        }
        if functions.len() > 20 {
            let _ = writeln!(text, "  and {} more (--json has all)", functions.len() - 20);
        }
    }
    text
}

fn stage_text(stage: &Stage) -> String {
    let mut text = format!(
        "\n{}: {} of {} changes taken, {} B won\n",
        stage.name,
        stage.taken.iter().map(|t| t.changes.len()).sum::<usize>(),
        stage.changes,
        grouped(stage.before_bytes.saturating_sub(stage.after_bytes))
    );
    for (name, did) in &stage.passes {
        let _ = writeln!(
            text,
            "  {name:<22} {:>3} tried, {:>3} passed, {:>9} B, {:>6.1} min",
            did.candidates,
            did.steps,
            grouped(did.won_bytes),
            did.seconds / 60.0
        );
    }
    let _ = writeln!(
        text,
        "  {} attempts, {} kernels built, {} boots, {} known before; {}; {} of {} that are left were tried on the result",
        stage.attempts,
        stage.builds,
        stage.boots,
        stage.known,
        stage.stopped,
        stage.minimality[0],
        stage.minimality[1]
    );
    text
}
