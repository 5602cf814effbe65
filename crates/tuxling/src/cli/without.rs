//! `tuxling size --without`: what turning options off would save.

use serde::Serialize;

use super::args::SizeArgs;
use super::{print, print_json};
use crate::error::{Failure, Kind, Result};
use crate::kbuild::Objects;
use crate::kernel::Tools;
use crate::kernel::config::{self, Values};
use crate::kernel::kconfig::{self, Tree};
use crate::measure::bytes::{self, marginal};
use crate::recipe::Plan;
use crate::recipe::plan::Request;
use crate::session::Session;
use crate::source::Source;
use crate::trial::bytes as of;
use crate::units::grouped;

/// The kernel that options are thought away from.
pub struct Subject<'a> {
    /// Its recipe.
    pub plan: &'a Plan,
    /// Its sources.
    pub linux: &'a Source,
    /// What was read of it.
    pub kernel: &'a bytes::Kernel,
    /// What its Makefiles build.
    pub objects: &'a Objects,
}

/// One option that is thought away.
#[derive(Serialize)]
struct Without {
    option: String,
    /// All options whose values change with it: name, value now, value then.
    changes: Vec<[String; 3]>,
    /// Why it can't be turned off; `null` when it can.
    stays: Option<String>,
    /// How many objects go.
    objects: usize,
    /// Bytes of vmlinux that go.
    size: u64,
    /// What the compressed kernel loses.
    compressed: i64,
}

/// Says it of each option, the dearest first.
pub fn run(args: &SizeArgs, subject: &Subject, session: &Session) -> Result<()> {
    let arch = subject.plan.board.arch;
    let tools = Tools::find(subject.plan.kernel.toolchain, arch, &session.processes)?;
    let tree = kconfig::load(subject.linux, arch, &tools, session)?;
    let before = config::parse(&tree.evaluate(&subject.plan.kernel)?.to_dotconfig());
    let mut rows = Vec::new();
    let mut sets = Vec::new();
    for option in &args.without {
        let name = option.strip_prefix("CONFIG_").unwrap_or(option);
        let (row, places) = one(name, subject, &tree, &before)?;
        rows.push(row);
        sets.push(places);
    }
    let filter = marginal::filter_of(&subject.kernel.elf);
    let stream = &subject.kernel.stream.bytes;
    let found = marginal::marginals(stream, &sets, filter, session.jobs)?;
    for (row, bytes) in rows.iter_mut().zip(found) {
        row.compressed = bytes;
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.compressed));
    match args.json {
        true => print_json(&rows),
        false => print(&table(&rows)),
    }
}

/// What goes with one option: as a recipe that asks for `n` last would have it.
fn one(
    name: &str,
    subject: &Subject,
    tree: &Tree,
    before: &Values,
) -> Result<(Without, Vec<std::ops::Range<usize>>)> {
    let symbol = tree.kconfig.find(name).ok_or_else(|| {
        let nearest = tree.kconfig.nearest_names(name, 3);
        Failure::new(Kind::Usage, format!("this kernel has no option {name}"))
            .help(format!("the nearest are {}", nearest.join(", ")))
    })?;
    let mut plan = subject.plan.kernel.clone();
    plan.requests.push(Request {
        symbol: name.to_owned(),
        value: "n".to_owned(),
        quoted: false,
        by: "--without".to_owned(),
        lenient: false,
    });
    let configuration = tree.evaluate(&plan)?;
    let stays = match configuration.value(symbol) {
        "y" | "m" => Some(configuration.because(symbol)),
        _ => None,
    };
    let text = configuration.to_dotconfig();
    let after = config::parse(&text);
    let names: std::collections::BTreeSet<&String> =
        before.values.keys().chain(after.values.keys()).collect();
    let changes = names
        .into_iter()
        .filter(|n| before.get(n) != after.get(n))
        .map(|n| [n, before.get(n), after.get(n)].map(str::to_owned))
        .collect();
    let built = of::objects(&subject.linux.tree, subject.plan.board.arch, &text);
    let gone = of::gone(subject.objects, &built);
    let attribution = &subject.kernel.attribution;
    let objects = attribution.objects.iter().filter(|o| gone(o)).count();
    let places = of::places_of(subject.kernel, &gone);
    let row = Without {
        option: name.to_owned(),
        changes,
        stays,
        objects,
        size: places.iter().map(|p| p.len() as u64).sum(),
        compressed: 0,
    };
    Ok((row, places))
}

fn table(rows: &[Without]) -> String {
    let mut out = format!(
        "{:>11} {:>11} {:>8}  without\n",
        "payload B", "size B", "objects"
    );
    for row in rows {
        let also = match (&row.stays, row.changes.len()) {
            (Some(why), _) => format!("  (stays: {why})"),
            (None, 0 | 1) => String::new(),
            (None, n) => format!("  ({} other options change)", n - 1),
        };
        let sign = if row.compressed > 0 { "-" } else { "" };
        out.push_str(&format!(
            "{:>11} {:>11} {:>8}  {}{also}\n",
            format!("{sign}{}", grouped(row.compressed.unsigned_abs())),
            grouped(row.size),
            row.objects,
            row.option
        ));
    }
    out
}
