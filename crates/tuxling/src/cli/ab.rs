//! `tuxling ab`: two systems booted in turn.

use std::path::PathBuf;

use builder::system::output_folder;
use host::error::Kind;
use host::session::Session;
use host::units::grouped;
use prune::rebuild;
use trial::ab::{self, Compared, ComparedFigure, Contender};

use super::args::{AbArgs, Common};
use super::build::lock_output;
use super::carry_out::Needs;
use super::dry_run::CheckList;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};

/// Builds both, boots them in turn, and says what differs.
pub(super) fn run(args: &AbArgs) -> Result<()> {
    let first = Request::new(typed(args, &args.common.recipe, "a", false))?;
    let second = Request::new(typed(args, &args.other, "b", args.pruned))?;
    let folder = |request: &Request| output_folder(&request.plan, &request.options);
    if folder(&first) == folder(&second) {
        let message = format!("both are {}", folder(&first).display());
        return Err(Failure::new(Kind::Usage, message).help(
            "name two recipes with names of their own, or --pruned for the second, or --output DIR",
        ));
    }
    let list = CheckList {
        boot_cost: true,
        ..CheckList::default()
    };
    if first.dry_run {
        first.carry_out(Needs::Boot, |all| all.check(list), |_, _| Ok(()))?;
        return second.carry_out(Needs::Boot, |all| all.check(list), |_, _| Ok(()));
    }
    first.carry_out(
        Needs::Boot,
        |_| Ok(()),
        |first, session| {
            second.refuse_lacking(Needs::Boot, &session.processes, &session.cache)?;
            work(args, first, &second, &session)
        },
    )
}

/// With an output folder each has a part of it.
fn typed(args: &AbArgs, recipe: &str, part: &str, pruned: bool) -> Typed {
    let common = Common {
        recipe: recipe.to_owned(),
        output: args.common.output.as_ref().map(|dir| dir.join(part)),
        ..args.common.clone()
    };
    Typed {
        pruned,
        ..Typed::of(&common, args.json)
    }
}

fn work(args: &AbArgs, first: &Request, second: &Request, session: &Session) -> Result<()> {
    let _locks = [
        lock_output(&first.plan, &first.options, session)?,
        lock_output(&second.plan, &second.options, session)?,
    ];
    let built = |request: &Request| rebuild::build(&request.plan, &request.options, session);
    let systems = [built(first)?, built(second)?];
    let mut names = [first.plan.name.clone(), second.plan.name.clone()];
    if args.pruned {
        names[1].push_str(", pruned");
    }
    if names[0] == names[1] {
        names = [first.recipe.clone(), second.recipe.clone()];
    }
    let contenders = [
        Contender {
            name: &names[0],
            plan: &first.plan,
            system: &systems[0],
        },
        Contender {
            name: &names[1],
            plan: &second.plan,
            system: &systems[1],
        },
    ];
    let boots = usize::try_from(args.boots).unwrap_or(usize::MAX);
    let dir: PathBuf = systems[0].output.join("ab");
    let found = ab::compare(contenders, boots, &dir, session)?;
    if args.json {
        print_json(&found)
    } else {
        print(&text(&found))
    }
}

fn text(found: &Compared) -> String {
    let mut text = format!(
        "{} (A) and {} (B), {} boots of each in turn\n{:<36}{:>12}{:>12}{:>12}\n",
        found.a, found.b, found.boots, "", "A", "B", "B - A"
    );
    for figure in &found.figures {
        text.push_str(&line(figure));
    }
    if let Some([a, b]) = found.instructions {
        text.push_str(&format!(
            "{:<36}{:>12}{:>12}{:>+11.2} %  counted, the same each time\n",
            "instructions, millions",
            grouped(a / 1_000_000),
            grouped(b / 1_000_000),
            (b as f64 / a.max(1) as f64 - 1.0) * 100.0
        ));
    }
    text
}

fn line(figure: &ComparedFigure) -> String {
    let interval = match (figure.told, figure.difference.low, figure.difference.high) {
        (true, Some(low), Some(high)) => format!("{low:+.3} to {high:+.3} at 95 %"),
        (false, Some(low), Some(high)) => {
            format!("not told from noise: {low:+.3} to {high:+.3}")
        }
        _ => String::new(),
    };
    format!(
        "{:<36}{:>12.3}{:>12.3}{:>+12.3}  {interval}\n",
        format!("{}, {}", figure.name, figure.unit),
        figure.a,
        figure.b,
        figure.difference.mean
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use trial::interval::Estimate;

    #[test]
    fn each_figure_is_told_with_its_interval_or_as_noise() {
        let figure = |name: &str, low: f64, told: bool| ComparedFigure {
            name: name.to_owned(),
            unit: "KiB".to_owned(),
            a: 2000.0,
            b: 1500.0,
            difference: Estimate {
                mean: -500.0,
                low: Some(low),
                high: Some(-low),
            },
            told,
        };
        let found = Compared {
            schema: ab::SCHEMA.to_owned(),
            a: "one".to_owned(),
            b: "other".to_owned(),
            boots: 30,
            figures: vec![figure("RAM in use", -510.0, true), figure("x", -1.0, false)],
            instructions: Some([200_000_000, 150_000_000]),
        };
        assert_eq!(
            text(&found),
            "one (A) and other (B), 30 boots of each in turn
                                               A           B       B - A
RAM in use, KiB                         2000.000    1500.000    -500.000  -510.000 to +510.000 at 95 %
x, KiB                                  2000.000    1500.000    -500.000  not told from noise: -1.000 to +1.000
instructions, millions                       200         150     -25.00 %  counted, the same each time
"
        );
    }
}
