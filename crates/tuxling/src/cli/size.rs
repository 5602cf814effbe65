//! `tuxling size`: where the bytes are.

use std::fs;
use std::path::Path;

use host::error::Kind;
use host::session::Session;
use measure::built;
use measure::bytes::ramdisk::Part;
use measure::bytes::{self, Bytes, marginal};
use measure::file;
use measure::without::Subject;
use prune::rebuild::{self, Built};
use schemars::JsonSchema;
use serde::Serialize;

use super::args::SizeArgs;
use super::carry_out::Needs;
use super::request::{Request, Typed};
use super::{cwd, print, print_json, without};
use crate::failure::{Failure, Result};
use report::size::{self, Axis, Node};

/// What is printed as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct SizeJson<'a> {
    schema: &'static str,
    /// The recipe's name, or the file's.
    name: &'a str,
    /// Along what the tree goes.
    axis: Axis,
    /// How the shares were found: `xz` or `cm` by the price of each byte in the payload
    /// itself, `estimated` by compressing as xz what is packed otherwise.
    share_by: Option<&'a str>,
    /// The image file; `null` without one.
    image_bytes: Option<u64>,
    /// The compressed kernel in it.
    payload_bytes: Option<u64>,
    /// The loaded sections together.
    sections_bytes: u64,
    /// The loaded kernel, from its first byte to its last.
    ram_bytes: u64,
    tree: &'a Node,
    /// Every leaf, with `--leaves`.
    #[serde(skip_serializing_if = "Option::is_none")]
    leaves: Option<&'a [bytes::Leaf]>,
}

/// Prints the tree.
pub(super) fn run(args: &SizeArgs) -> Result<()> {
    let path = cwd()?.join(&args.subject);
    if is_file(&path) {
        return of_file(args, &path);
    }
    let request = Request::new(Typed {
        dry_run: args.dry_run,
        json: args.json,
        verbose: args.verbose,
        pruned: args.which.pruned,
        ..Typed::looking(&args.subject)
    })?;
    request.carry_out(
        Needs::Little,
        |list| list.size(args.ramdisk, args.compile),
        |request, session| work(args, request, &session),
    )
}

fn work(args: &SizeArgs, request: &Request, session: &Session) -> Result<()> {
    let Request { plan, options, .. } = request;
    let arch = plan.board.arch;
    if args.ramdisk {
        let ingredients = builder::system::prepare(plan, options, session)?;
        return ramdisk(args, &plan.name, &built::of_ramdisk(plan, &ingredients)?);
    }
    let Built {
        ingredients,
        system,
    } = rebuild::with_ingredients(plan, options, session)?;
    let (kernel, bytes, objects) = built::of_kernel(&system.kernel, ingredients.linux(), arch)?;
    if !args.without.is_empty() {
        let input = ingredients.kernel_input(plan);
        let subject = Subject {
            plan,
            linux: ingredients.linux(),
            kernel: &kernel,
            objects: &objects,
            tools: input.tools,
            in_words: |error| Failure::from(error).to_string(),
        };
        return without::run(args, &subject, input, session);
    }
    let axis = args.by.unwrap_or(Axis::Option);
    let mut tree = tree(args, axis, &plan.name, &bytes);
    if let Some(count) = args.marginal {
        marginals(&mut tree, axis, count, &kernel, &bytes, request.jobs)?;
    }
    tell(args, axis, &plan.name, &bytes, &tree)
}

fn tree(args: &SizeArgs, axis: Axis, name: &str, bytes: &Bytes) -> Node {
    let order = args.sort.unwrap_or(match bytes.image_bytes {
        Some(_) => size::Order::Share,
        None => size::Order::Size,
    });
    size::tree(bytes, name, axis, args.depth, order)
}

fn tell(args: &SizeArgs, axis: Axis, name: &str, bytes: &Bytes, tree: &Node) -> Result<()> {
    if args.json {
        return print_json(&SizeJson {
            schema: size::SCHEMA,
            name,
            axis,
            share_by: bytes.share_by.as_deref(),
            image_bytes: bytes.image_bytes,
            payload_bytes: bytes.payload_bytes,
            sections_bytes: bytes.sections_bytes,
            ram_bytes: bytes.ram_bytes,
            tree,
            leaves: args.leaves.then_some(&bytes.leaves),
        });
    }
    print(&size::table(tree, args.limit))
}

/// The version of the format of a ramdisk.
pub(super) const RAMDISK: &str = "tuxling.size.ramdisk/1";

/// What is printed of a ramdisk as JSON.
#[derive(Serialize, JsonSchema)]
pub(super) struct ToldRamdisk<'a> {
    schema: &'static str,
    name: &'a str,
    /// The packed ramdisk.
    image_bytes: u64,
    /// Unpacked.
    archive_bytes: u64,
    tree: &'a Node,
    parts: &'a [Part],
}

fn ramdisk(args: &SizeArgs, name: &str, parts: &[Part]) -> Result<()> {
    let order = args.sort.unwrap_or(size::Order::Share);
    let tree = size::ramdisk_tree(parts, name, args.depth, order);
    if args.json {
        print_json(&ToldRamdisk {
            schema: RAMDISK,
            name,
            image_bytes: parts.iter().map(|p| p.share).sum(),
            archive_bytes: parts.iter().map(|p| p.size).sum(),
            tree: &tree,
            parts,
        })
    } else {
        print(&size::table(&tree, args.limit))
    }
}

/// A file alone: its map when one stands beside it.
fn of_file(args: &SizeArgs, path: &Path) -> Result<()> {
    if args.marginal.is_some() || !args.without.is_empty() || args.ramdisk {
        return Err(Failure::new(
            Kind::Usage,
            "--marginal, --without and --ramdisk needs a recipe, not a file alone",
        )
        .help("name the recipe: its kernel's map, Makefiles and configuration are in the cache"));
    }
    let failed = |e: std::io::Error| {
        Failure::new(Kind::Usage, format!("can't read {}: {e}", path.display()))
    };
    let content = fs::read(path).map_err(failed)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".map");
    let map = fs::read(beside).ok();
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = args.subject.clone();
    let beside = file::Beside {
        map: map.as_deref(),
        member: &|member| fs::read(folder.join(member)),
    };
    let (bytes, best) = file::of(&name, &content, &beside)?;
    let axis = args.by.unwrap_or(match best {
        file::BestAxis::Section => Axis::Section,
        file::BestAxis::Object => Axis::Object,
        file::BestAxis::Symbol => Axis::Symbol,
    });
    tell(args, axis, &name, &bytes, &tree(args, axis, &name, &bytes))
}

/// Whether a path names a file that is no recipe: it begins like one that can
/// be divided, or is no text.
fn is_file(path: &Path) -> bool {
    use std::io::Read;
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(0x240).read_to_end(&mut start));
    let text = || match std::str::from_utf8(&start) {
        Ok(text) => !text.contains('\0'),
        // A character may be cut at the end.
        Err(error) => error.error_len().is_none(),
    };
    read.is_ok() && path.is_file() && (file::is_known(&start) || !text())
}

/// Really compresses without each of the largest nodes of the first level.
fn marginals(
    tree: &mut Node,
    axis: Axis,
    count: usize,
    kernel: &bytes::Kernel,
    bytes: &Bytes,
    jobs: usize,
) -> Result<()> {
    let largest: Vec<usize> = (0..tree.children.len().min(count)).collect();
    // Pieces and leaves are named alike: a leaf's first word is its node.
    let sets: Vec<Vec<std::ops::Range<usize>>> = {
        let mut node_of = std::collections::HashMap::new();
        for leaf in &bytes.leaves {
            let node = size::path(leaf, axis)
                .into_iter()
                .next()
                .unwrap_or_default();
            node_of.insert((&leaf.section, &leaf.object, &leaf.name), node);
        }
        let mut sets = vec![Vec::new(); largest.len()];
        let index: std::collections::HashMap<&str, usize> = largest
            .iter()
            .map(|i| (tree.children[*i].name.as_str(), *i))
            .collect();
        for (place, section, object, name) in kernel.places() {
            let node = node_of.get(&(&section, &object, &name));
            if let Some(i) = node.and_then(|node| index.get(node.as_str())) {
                sets[*i].push(place);
            }
        }
        sets
    };
    let filter = marginal::filter_of(&kernel.elf);
    let found = marginal::marginals(&kernel.stream.bytes, &sets, filter, jobs)?;
    for (index, bytes) in largest.into_iter().zip(found) {
        tree.children[index].marginal = Some(bytes);
    }
    Ok(())
}
