//! `tuxling device-tree`: the device tree without what no check needs.

use builder::system;
use host::cache::write_whole;
use host::error::Kind;
use host::session::Session;
use host::units::grouped;
use trial::check::CheckOptions;
use trial::device_tree::{self, ReduceOptions, Reduced, TreeFigures};
use vm::machine::qemu::Accelerator;

use super::args::DeviceTreeArgs;
use super::build::lock_output;
use super::carry_out::Needs;
use super::dry_run::CheckList;
use super::request::{Request, Typed};
use super::{print, print_json};
use crate::failure::{Failure, Result};

/// Makes the tree smaller, and says what went.
pub(super) fn run(args: &DeviceTreeArgs) -> Result<()> {
    let request = Request::new(Typed::of(&args.common, args.json))?;
    let board = &request.plan.board;
    if board.device_tree.is_none()
        || board.flash.is_some()
        || request.plan.machine.console.is_some()
    {
        let message = format!(
            "{} has no device tree that a boot is given: its board is {}",
            request.plan.name, board.name
        );
        return Err(Failure::new(Kind::Usage, message).help(
            "a board of QEMU's whose file names a `device-tree` has one, such as versatilepb",
        ));
    }
    if request.plan.prune.certificate.is_some() {
        let message = format!(
            "{} has a certificate, whose boots had the tree as it is",
            request.plan.name
        );
        return Err(Failure::new(Kind::Usage, message)
            .help("make the tree of the recipe that it came from smaller, and prune with it"));
    }
    request.carry_out(
        Needs::Boot,
        |list| list.check(CheckList::default()),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &DeviceTreeArgs, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let _lock = lock_output(plan, options, session)?;
    let system = system::build(plan, options, session)?;
    let wanted = ReduceOptions {
        check: CheckOptions {
            accelerator: Some(Accelerator::Tcg),
            ..CheckOptions::default()
        },
        proof: args.boots,
        keep: args.keep.clone(),
    };
    let (mut reduced, blob) = device_tree::reduce(plan, &system, &wanted, session)?;
    let path = plan.base.join(format!("{}.small.dtb", plan.name));
    write_whole(&path, &blob)?;
    reduced.file = path.display().to_string();
    if request.json {
        return print_json(&reduced);
    }
    print(&text(&reduced))
}

fn text(reduced: &Reduced) -> String {
    let line = |name: &str, figures: &TreeFigures| {
        let used = figures.used_kib.map_or_else(|| "-".to_owned(), grouped);
        format!(
            "  {name:<8}{:>8} B  {:>4} nodes  {:>4} properties  {used:>8} KiB of RAM in use\n",
            grouped(figures.bytes),
            figures.nodes,
            figures.properties
        )
    };
    let mut text = format!("{}\n", reduced.recipe);
    text.push_str(&line("before", &reduced.before));
    text.push_str(&line("after", &reduced.after));
    text + &format!(
        "  {} trees were booted; the last one passed {} boots in a row\n\nWritten: {}\n",
        reduced.tried, reduced.proven, reduced.file
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_is_told_in_bytes_nodes_and_properties() {
        let figures = |bytes, nodes| TreeFigures {
            bytes,
            nodes,
            properties: 3 * nodes,
            used_kib: Some(2000),
        };
        let reduced = Reduced {
            schema: device_tree::SCHEMA.to_owned(),
            recipe: "versatilepb".to_owned(),
            before: figures(7965, 60),
            after: figures(1652, 12),
            gone: Vec::new(),
            tried: 80,
            proven: 10,
            file: "versatilepb.small.dtb".to_owned(),
        };
        assert_eq!(
            text(&reduced),
            "versatilepb\n  before     7,965 B    60 nodes   180 properties     2,000 KiB of RAM in use\n  \
             after      1,652 B    12 nodes    36 properties     2,000 KiB of RAM in use\n  \
             80 trees were booted; the last one passed 10 boots in a row\n\n\
             Written: versatilepb.small.dtb\n"
        );
    }
}
