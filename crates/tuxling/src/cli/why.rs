//! `tuxling why`: why something is in the image.

use builder::kernel::config::who;
use builder::kernel::{Tools, kconfig};
use builder::source;
use builder::system::{self, BuildOptions};
use host::Cache;
use host::error::{Failure, Kind, Result};
use host::session::Session;
use measure::answer::{OptionStep, SCHEMA, Why};
use measure::built;
use measure::why::Inquiry;
use prune::rebuild;
use recipe::Plan;
use serde::Serialize;

use super::args::WhyArgs;
use super::progress::Terminal;
use super::{load, print, print_json, processes};
use crate::report::why;
use crate::shrinking::answer::{self, Evidence, Said};

/// What is printed as JSON.
#[derive(Serialize)]
struct Told<'a> {
    schema: &'static str,
    recipe: &'a str,
    answers: &'a [Why],
}

/// What the evidence of a shrunk system says.
fn tell(args: &WhyArgs, plan: &Plan, said: &[Said]) -> Result<()> {
    match args.json {
        true => print_json(&serde_json::json!({
            "schema": SCHEMA, "recipe": plan.name, "evidence": said,
        })),
        false => print(&answer::text(said)),
    }
}

/// Says why.
pub(super) fn run(args: &WhyArgs) -> Result<()> {
    let terminal = Terminal::new(args.verbose);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let session = Session::new(processes()?, Cache::of_user()?, &terminal, jobs);
    let plan = load(&args.recipe)?;
    if let Some(evidence) = Evidence::beside(&plan)? {
        let said = evidence.of(&args.subject);
        if !said.is_empty() {
            return tell(args, &plan, &said);
        }
    }
    let arch = plan.board.arch;
    let options = BuildOptions {
        allow_dropped: true,
        sources: source::Mode::Normal,
        output: None,
    };
    let system = rebuild::build(&plan, &options, &session)?;
    let linux = system::obtain_linux(&plan, source::Mode::Normal, &session)?;
    let (_, bytes, objects) = built::of_kernel(&system.kernel, &linux, arch)?;
    let tools = Tools::find(plan.kernel.toolchain, arch, &session.processes)?;
    let tree = kconfig::load(&linux, arch, &tools, &session)?;
    let configuration = tree.evaluate(&plan.kernel)?;
    let because = |option: &str| {
        let found = tree.kconfig.find(option);
        OptionStep {
            option: option.to_owned(),
            value: found.map_or_else(|| "n".to_owned(), |s| configuration.value(s).to_owned()),
            because: match found.map(|s| (s, configuration.why(s).origin)) {
                Some((_, ::kconfig::Origin::User)) => who(&plan.kernel, option),
                Some((symbol, _)) => configuration.because(symbol),
                None => "no such symbol".to_owned(),
            },
        }
    };
    let inquiry = Inquiry::open(&system.kernel, &bytes, &objects)?;
    let subject = args.subject.as_str();
    let bare = subject.strip_prefix("CONFIG_").unwrap_or(subject);
    let mut answers: Vec<Why> = inquiry.object_file(subject, &because).into_iter().collect();
    if answers.is_empty() {
        answers = inquiry.symbol(subject, &because);
    }
    let option = tree
        .kconfig
        .find(bare)
        .filter(|s| !tree.kconfig.symbol(*s).entries.is_empty());
    if answers.is_empty() && option.is_some() {
        answers.push(inquiry.option(bare, &because));
    }
    if answers.is_empty() {
        let failure = Failure::new(
            Kind::Usage,
            format!("{} has no symbol, object or option {subject}", plan.name),
        );
        return Err(match inquiry.nearest(subject) {
            Some(nearest) => failure.help(format!("did you mean {nearest}?")),
            None => failure,
        });
    }
    if args.json {
        return print_json(&Told {
            schema: SCHEMA,
            recipe: &plan.name,
            answers: &answers,
        });
    }
    let texts: Vec<String> = answers.iter().map(why::text).collect();
    print(&texts.join("\n"))
}
