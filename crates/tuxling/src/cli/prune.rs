//! `tuxling prune`: a kernel without what didn't run.

use std::fmt::Write as _;

use host::Id;
use host::session::Session;
use host::units::grouped;
use prune::certificate::Certificate;
use prune::job::{self, BOOTS, PruneOptions, PrunedSystem, TRACE_RUNS, Whole};
use prune::{adversity, rebuild};
use recipe::Plan;
use recipe::plan::{CertificateFile, PruneLevel};
use schemars::JsonSchema;
use serde::Serialize;
use trial::check::CheckOptions;
use vm::machine::qemu::Accelerator;

use super::args::Prune;
use super::build::{lock_output, within_budget};
use super::carry_out::Needs;
use super::dry_run::PruneList;
use super::request::{Request, Typed};
use super::trace::names_in;
use super::{cwd, print, print_json};
use crate::failure::Result;
use report::card;

/// The version of the format.
pub(super) const VERIFICATION: &str = "tuxling.verification/1";

/// What is printed of a certificate's bytes, made again, as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct Verified<'a> {
    schema: &'static str,
    /// Always true: other bytes are an error.
    same_bytes: bool,
    /// The bytes of the kernel's image.
    kernel: &'a Id,
}

/// Prunes, or makes a certificate's bytes again.
pub(super) fn run(args: &Prune) -> Result<()> {
    let mut typed = Typed::of(&args.common, args.json);
    if args.verify.is_some() {
        // From the lock file alone.
        typed.sources = builder::source::Mode::Locked;
    }
    let request = Request::new(typed)?;
    if let Some(path) = &args.verify {
        let certificate = read_certificate(&cwd()?.join(path))?;
        return request.carry_out(
            Needs::Boot,
            |list| list.verify(),
            |request, session| verify(&certificate, request, &session),
        );
    }
    let wanted = prune_options(args, &request.plan)?;
    let listed = PruneList {
        runs: wanted.runs,
        boots: wanted.boots,
        adversity: wanted.level != PruneLevel::Tight,
    };
    request.carry_out(
        Needs::Boot,
        |list| list.prune(listed),
        |request, session| work(&wanted, request, session),
    )
}

fn verify(certificate: &Certificate, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, session)?;
    let whole = Whole::build(plan, options, session)?;
    job::verify(&whole, certificate, session)?;
    if request.json {
        return print_json(&Verified {
            schema: VERIFICATION,
            same_bytes: true,
            kernel: &certificate.bound.kernel,
        });
    }
    print(&format!("the same bytes: {}\n", certificate.bound.kernel))
}

fn work(wanted: &PruneOptions, request: &Request, session: Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, &session)?;
    let whole = Whole::build(plan, options, &session)?;
    let pruned = job::prune(&whole, wanted, &session)?;
    drop(session);
    if request.json {
        print_json(&pruned.certificate)?;
    } else {
        print(&text(&pruned))?;
    }
    within_budget(plan, &pruned.record)
}

fn prune_options(args: &Prune, plan: &Plan) -> Result<PruneOptions> {
    let level = args.level.or(plan.prune.level);
    let level = level.unwrap_or(PruneLevel::Balanced);
    Ok(PruneOptions {
        level,
        boots: args.boots.unwrap_or(BOOTS),
        runs: args.runs.unwrap_or(TRACE_RUNS),
        adversity: adversity::Options {
            only: Vec::new(),
            flood: args.flood,
            seed: args.seed,
            check: CheckOptions {
                // Its breakpoints show traps.
                accelerator: Some(Accelerator::Tcg),
                ..CheckOptions::default()
            },
        },
        outside: names_in(&args.from)?,
        taught_by: certificates(args, plan)?,
        without_fixes: args.without_fixes,
        // What is loaded comes back as whole functions.
        whole_functions: plan.prune.whole_functions
            || args.whole_functions
            || plan.prune.load.is_some(),
        names: plan.prune.names,
        keep: [&plan.prune.keep[..], &args.keep[..]].concat(),
        drop: [&plan.prune.drop[..], &args.drop[..]].concat(),
    })
}

/// The recipe's own certificate, and those that were named.
fn certificates(args: &Prune, plan: &Plan) -> Result<Vec<Certificate>> {
    let own = plan.prune.certificate.iter();
    let own = own.map(|file| Ok(rebuild::read(file)?));
    let named = args.fixes.iter();
    own.chain(named.map(|path| read_certificate(&cwd()?.join(path))))
        .collect()
}

fn read_certificate(path: &std::path::Path) -> Result<Certificate> {
    let text = std::fs::read_to_string(path).map_err(|e| host::Error::file("read", path, e))?;
    let name = path.display().to_string();
    Ok(rebuild::read(&CertificateFile { name, text })?)
}

fn text(pruned: &PrunedSystem) -> String {
    let certificate = &pruned.certificate;
    let mut text = card::card(&pruned.record, None);
    let (before, after) = (&pruned.before, &pruned.record);
    let _ = writeln!(
        text,
        "\nPruned ({})            before        after",
        certificate.level
    );
    let mut row = |name: &str, before: Option<u64>, after: Option<u64>| {
        let show = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), grouped);
        let _ = writeln!(
            text,
            "  {name:<18} {:>11}  {:>11} B",
            show(before),
            show(after)
        );
    };
    row(
        "kernel",
        Some(before.image.kernel_bytes),
        Some(after.image.kernel_bytes),
    );
    row(
        "payload",
        before.image.payload_bytes,
        after.image.payload_bytes,
    );
    let sizes = |r: &record::Record| {
        let v = &r.vmlinux;
        (v.text_bytes, v.data_bytes, v.bss_bytes, v.init_bytes)
    };
    let (b, a) = (sizes(before), sizes(after));
    row("text", Some(b.0), Some(a.0));
    row("data", Some(b.1), Some(a.1));
    row("bss", Some(b.2), Some(a.2));
    row("init", Some(b.3), Some(a.3));
    write_evidence(&mut text, certificate);
    let _ = writeln!(text, "\nOutputs in {}", pruned.system.output.display());
    text
}

/// What went, what can't be called, and what the boots have shown.
fn write_evidence(text: &mut String, certificate: &Certificate) {
    let removed = &certificate.removed;
    let _ = writeln!(
        text,
        "\n  {} functions are gone, {} have a trap in their place, {} stay because others need them",
        grouped(removed.gone),
        grouped(removed.trapped),
        grouped(removed.reached)
    );
    if removed.gaps > 0 {
        let _ = writeln!(
            text,
            "  {} functions stay without {} parts that never ran, {} B of code",
            grouped(removed.in_part),
            grouped(removed.gaps),
            grouped(removed.gap_bytes)
        );
    }
    if let Some(loaded) = &certificate.loaded {
        let most = certificate.attempts.iter().filter_map(|a| a.loaded_pages);
        let _ = writeln!(
            text,
            "  {} functions, {} B, are loaded when something needs them; {} B store them\n  \
             {} of {} pages were loaded at most, the reserve has room for {}",
            grouped(loaded.functions),
            grouped(loaded.cold_bytes),
            grouped(loaded.store_bytes),
            most.max().map_or_else(|| "-".to_owned(), grouped),
            grouped(loaded.pages),
            grouped(loaded.reserve_kib / 4)
        );
    }
    let calls = &certificate.system_calls;
    let _ = match &calls.all_kept {
        Some(why) => writeln!(text, "  all system calls are kept: {why}"),
        None => writeln!(
            text,
            "  {} system calls can be made by the programs, {} can't and answer ENOSYS",
            calls.callable.len(),
            calls.closed.len()
        ),
    };
    let traps = certificate
        .attempts
        .iter()
        .filter(|a| a.missed.is_some())
        .count();
    let passed = &certificate.passed;
    let _ = writeln!(
        text,
        "  {} boots, {traps} of them ran into a trap and were mended; then {} passed in a row \
         ({} with a loaded host, {} with other RAM, CPU or date)",
        certificate.attempts.len(),
        passed.boots,
        passed.loaded,
        passed.elsewhere
    );
    let _ = writeln!(text, "  {}", certificate.proof);
    let _ = writeln!(text, "  {}", certificate.meaning);
}
