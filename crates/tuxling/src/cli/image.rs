//! `tuxling image`: a system on a boot medium.

use builder::system::System;
use host::error::Kind;
use host::id::Id;
use host::session::Session;
use prune::adversity::LOADER;
use prune::rebuild;
use recipe::Plan;
use recipe::medium::Form;
use recipe::plan::PruneLevel;
use report::medium::{self, MediumCheck, MediumReport};
use trial::check::{self, CheckOptions, Verdict};
use trial::medium::{make, place};
use vm::machine::medium::Medium;

use super::args::ImageArgs;
use super::build::lock_output;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{self, Failure, Result};

/// Makes the image, and boots it if that was asked for.
pub(super) fn run(args: &ImageArgs) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, args.json)
    })?;
    let needs = if args.check {
        Needs::Boot
    } else {
        Needs::Build
    };
    request.carry_out(
        needs,
        |list| list.image(args),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &ImageArgs, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    // What can't be made or booted is told before anything is built.
    if plan.root.is_some() {
        let message = "a medium with a root file system on a disk can't be made yet";
        let help = "without [root] the system is a ramdisk, which media hold";
        return Err(Failure::new(Kind::Usage, message).help(help));
    }
    let booted = args.check.then(|| on_board(args, plan)).transpose()?;
    media::make::fits(args.form, plan.board.arch)?;
    if !args.check {
        seen_with_loader(args.form, plan)?;
    }
    if let Some(failure) = failure::medium::lacking(args.form, &session.processes) {
        return Err(failure);
    }
    let _lock = lock_output(plan, options, session)?;
    let system = rebuild::build(plan, options, session)?;
    let made = make(plan, &system, args.form, session)?;
    let verdict = match booted {
        Some(medium) => Some(checked(args, plan, &system, medium, session)?),
        None => None,
    };
    let file = place(&system.output, args.form);
    let report = MediumReport {
        schema: medium::SCHEMA,
        recipe: plan.name.clone(),
        board: plan.board.name.clone(),
        form: args.form.word().to_owned(),
        bytes: made.bytes,
        sha256: Id::of_file(&file).map_err(|e| host::Error::file("read", &file, e))?,
        file: file.display().to_string(),
        free_bytes: made.free_bytes,
        kernel_bytes: system.image.kernel_bytes,
        ramdisk_bytes: system.image.ramdisk_bytes,
        check: verdict.as_ref().map(|verdict| told(args, plan, verdict)),
    };
    if args.json {
        print_json(&report)?;
    } else {
        print(&medium::text(&report))?;
    }
    match verdict {
        Some(Verdict {
            failed: Some(failed),
            record,
            ..
        }) => Err(Failure::diagnosed(failed, &record.diagnoses)),
        _ => Ok(()),
    }
}

/// Refuses a pruned kernel that nobody has seen with the words that the medium's boot
/// loader adds to its command line: it may stop at them.
fn seen_with_loader(form: Form, plan: &Plan) -> Result<()> {
    let words = form.loader_words();
    let Some(file) = plan
        .prune
        .certificate
        .as_ref()
        .filter(|_| !words.is_empty())
    else {
        return Ok(());
    };
    let certificate = rebuild::read(file)?;
    let is_whole = certificate.level == PruneLevel::Safe.word() || certificate.loaded.is_some();
    let mut cases = certificate.adversity.iter();
    if is_whole || cases.any(|case| case.name == LOADER && case.survived == Some(true)) {
        return Ok(());
    }
    let message = format!(
        "the boot loader of {form} adds {words} to the command line, and {} doesn't say that the \
         pruned kernel survives that",
        file.name
    );
    Err(Failure::new(Kind::Usage, message).help(
        "prune it anew; or --as floppy, whose boot loader adds nothing; --check makes the image \
         all the same, and shows what comes of it",
    ))
}

/// The image in the board's drive.
fn on_board(args: &ImageArgs, plan: &Plan) -> Result<Medium> {
    Ok(Medium::on(&plan.board, args.form, Default::default())?)
}

/// Boots a copy with the checks' agent.
fn checked(
    args: &ImageArgs,
    plan: &Plan,
    system: &System,
    medium: Medium,
    session: &Session,
) -> Result<Verdict> {
    let wanted = CheckOptions {
        qemu_args: args.machine.qemu_arg.clone(),
        accelerator: args.machine.accelerator(),
        boot_cost: false,
        medium: Some(medium),
    };
    Ok(check::check(plan, system, &wanted, session)?)
}

fn told(args: &ImageArgs, plan: &Plan, verdict: &Verdict) -> MediumCheck {
    let firmware = plan.board.firmware_of(args.form);
    let record = &verdict.record;
    MediumCheck {
        firmware: firmware.map_or_else(String::new, |one| {
            if one.memory > plan.machine.memory {
                format!("{} with {} KiB of RAM", one.name, one.memory.as_kib())
            } else {
                one.name.clone()
            }
        }),
        outcome: record
            .outcome
            .unwrap_or(record::Outcome::InfrastructureBroke),
        reason: record.reason.clone(),
        checks: record.checks.clone(),
        diagnoses: record.diagnoses.clone(),
        qemu: record.qemu.clone(),
    }
}
