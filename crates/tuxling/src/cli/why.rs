//! `tuxling why`: why something is in the image.

use builder::kernel::dropped::who;
use builder::kernel::{Tools, kconfig};
use builder::system;
use host::error::Kind;
use host::session::Session;
use measure::answer::{OptionStep, SCHEMA, Why};
use measure::built;
use measure::why::Inquiry;
use prune::rebuild;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::WhyArgs;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};
use crate::shrinking::answer::{self, KeptEvidence, Said};
use report::why;

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct WhyJson<'a> {
    schema: &'static str,
    /// The recipe's name.
    recipe: &'a str,
    /// Of everything that has the name; not where the evidence answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<&'a [Why]>,
    /// What the evidence of a shrunk system says.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'a [Said]>,
}

/// What the evidence of a shrunk system says.
fn tell(request: &Request, said: &[Said]) -> Result<()> {
    if request.json {
        return print_json(&WhyJson {
            schema: SCHEMA,
            recipe: &request.plan.name,
            answers: None,
            evidence: Some(said),
        });
    }
    print(&answer::text(said))
}

/// Says why.
pub(super) fn run(args: &WhyArgs) -> Result<()> {
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        pruned: args.which.pruned,
        ..Typed::looking(&args.recipe)
    })?;
    if let Some(evidence) = KeptEvidence::beside(&request.plan)? {
        let said = evidence.of(&args.subject);
        if !said.is_empty() && !args.dry_run {
            return tell(&request, &said);
        }
    }
    request.carry_out(
        Needs::Little,
        |list| list.build(),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &WhyArgs, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let arch = plan.board.arch;
    let system = rebuild::build(plan, options, session)?;
    let linux = system::obtain_linux(plan, options.sources, session)?;
    let (_, bytes, objects) = built::of_kernel(&system.kernel, &linux, arch)?;
    let tools = Tools::find(&plan.kernel.toolchain, arch, &session.processes)?;
    let tree = kconfig::load(&linux, arch, &tools, session)?;
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
        return print_json(&WhyJson {
            schema: SCHEMA,
            recipe: &plan.name,
            answers: Some(&answers),
            evidence: None,
        });
    }
    let texts: Vec<String> = answers.iter().map(why::text).collect();
    print(&texts.join("\n"))
}
