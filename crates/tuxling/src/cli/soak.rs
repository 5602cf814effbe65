//! `tuxling soak`: boots for hours, and how seldom the system stops.

use std::fmt::Write as _;
use std::time::Duration;

use host::session::Session;
use prune::rebuild;
use prune::soak::{self, Soak, SoakOptions};
use prune::trace::estimate::Missing;
use trial::check::CheckOptions;
use vm::machine::qemu::Accelerator;

use super::args::SoakArgs;
use super::build::lock_output;
use super::carry_out::Needs;
use super::dry_run::CheckList;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::Result;

/// Soaks, and says what came out.
pub(super) fn run(args: &SoakArgs) -> Result<()> {
    let request = Request::new(Typed {
        pruned: args.which.pruned,
        ..Typed::of(&args.common, args.json)
    })?;
    request.carry_out(
        Needs::Boot,
        |list| {
            list.check(CheckList {
                boot_cost: false,
                adversity: args.adversity.then_some(&[]),
                ..CheckList::default()
            })
        },
        |request, session| work(args, request, &session),
    )
}

fn work(args: &SoakArgs, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, session)?;
    let certificate = plan.prune.certificate.as_ref();
    let certificate = certificate.map(rebuild::read).transpose()?;
    let system = rebuild::build(plan, options, session)?;
    let wanted = SoakOptions {
        time: Duration::from_secs_f64(args.hours * 3600.0),
        adversity: args.adversity.then(|| prune::adversity::Options {
            only: Vec::new(),
            flood: args.flood,
            seed: args.seed,
            check: CheckOptions {
                accelerator: Some(Accelerator::Tcg),
                ..CheckOptions::default()
            },
        }),
    };
    let soak = soak::run(plan, &system, certificate.as_ref(), &wanted, session)?;
    if request.json {
        return print_json(&soak);
    }
    print(&text(&soak))
}

fn text(soak: &Soak) -> String {
    let stops: u64 = soak.stops.values().sum();
    let mut text = format!(
        "{}: {} in {} boots and {:.1} guest hours\n",
        soak.recipe,
        match stops {
            0 => "no stop".to_owned(),
            1 => "1 stop".to_owned(),
            _ => format!("{stops} stops"),
        },
        soak.boots,
        soak.guest_hours
    );
    if let (Some(boot), Some(hour)) = (soak.stops_per_boot_below, soak.stops_per_guest_hour_below) {
        let _ = writeln!(
            text,
            "  at 95 % confidence: below one stop in {} boots like these, and in {:.1} guest hours",
            (1.0 / boot).floor(),
            1.0 / hour
        );
    }
    for (why, count) in &soak.stops {
        let _ = writeln!(text, "  {count} x {why}");
    }
    if soak.failed > 0 {
        let _ = writeln!(
            text,
            "  {} boots did not pass although the kernel lived: a busy host breaks time limits",
            soak.failed
        );
    }
    if let Some(Missing {
        next_run: Some(next),
        at_least: Some(least),
        ..
    }) = soak.missing
    {
        let _ = writeln!(
            text,
            "  the trace that it was pruned by: one more boot would have shown {next:.1} new \
             functions, all boots like its own {least:.0} or more"
        );
    }
    for (kind, count) in &soak.kinds {
        let _ = writeln!(text, "  {count:>6}  {kind}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_rate_is_told_with_its_confidence() {
        let soak = Soak {
            schema: soak::SCHEMA.to_owned(),
            recipe: "tiny".to_owned(),
            kernel: host::Id::of_bytes(b""),
            boots: 412,
            guest_hours: 61.25,
            host_hours: 4.0,
            stops: BTreeMap::new(),
            failed: 0,
            stops_per_boot_below: Some(2.996 / 412.0),
            stops_per_guest_hour_below: Some(2.996 / 61.25),
            kinds: BTreeMap::from([("plain".to_owned(), 412)]),
            missing: None,
        };
        assert_eq!(
            text(&soak),
            "tiny: no stop in 412 boots and 61.2 guest hours\n  \
             at 95 % confidence: below one stop in 137 boots like these, and in 20.4 guest hours\n     \
             412  plain\n"
        );
    }
}
