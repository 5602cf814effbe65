//! Where the bytes are, as a tree along one axis and as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::measure::bytes::{BroughtBy, Bytes, Leaf};
use crate::units::grouped;

/// The version of the format.
pub const SCHEMA: &str = "tuxling.size/1";

/// Along what the bytes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Section, folder, object, symbol
    Section,
    /// Folder within folder, object, symbol
    Dir,
    /// Object, symbol
    Object,
    /// Option within option, object, symbol
    Option,
    /// Symbol
    Symbol,
}

/// By what nodes are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// Bytes in vmlinux
    Size,
    /// Bytes of the image file
    Share,
    /// Bytes of RAM
    Ram,
    /// Name
    Name,
}

/// A node and what is below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Bytes in vmlinux's sections.
    pub size: u64,
    /// Bytes of the image file; `null` without an image.
    pub share: Option<u64>,
    /// What the compressed kernel loses without it; `null` where it wasn't
    /// tried.
    pub marginal: Option<i64>,
    /// Bytes of RAM.
    pub ram: u64,
    /// Of those, what is freed after boot.
    pub freed: u64,
    /// What it consists of, in the order that was asked for.
    pub children: Vec<Node>,
}

/// The node of what no option removes.
pub const ALWAYS: &str = "(always built)";
/// The node of objects that no Makefile was found to name.
pub const UNKNOWN: &str = "(no option known)";
/// The node of what is no object's.
pub const NO_OBJECT: &str = "(no object)";

/// A leaf's place along an axis, the outermost first.
pub fn path(leaf: &Leaf, axis: Axis) -> Vec<String> {
    let object = leaf.object.as_deref();
    let (dir, file) = match object {
        Some(object) => object.rsplit_once('/').unwrap_or((".", object)),
        None => ("", ""),
    };
    let none = || match leaf.object {
        None => Some(NO_OBJECT.to_owned()),
        Some(_) => None,
    };
    let mut path: Vec<String> = Vec::new();
    match axis {
        Axis::Symbol => {}
        Axis::Object => path.extend(none().or_else(|| object.map(str::to_owned))),
        Axis::Section => {
            path.push(leaf.section.clone());
            if object.is_some() {
                path.extend([dir.to_owned(), file.to_owned()]);
            }
        }
        Axis::Dir => match none() {
            Some(none) => path.extend([none, leaf.section.clone()]),
            None => {
                path.extend(dir.split('/').map(|part| format!("{part}/")));
                path.push(file.to_owned());
            }
        },
        Axis::Option => {
            match &leaf.brought_by {
                BroughtBy::Options(options) => path.extend(options.iter().cloned()),
                BroughtBy::Always => path.push(ALWAYS.to_owned()),
                BroughtBy::None => path.extend([NO_OBJECT.to_owned(), leaf.section.clone()]),
                BroughtBy::Unknown => path.push(UNKNOWN.to_owned()),
            }
            path.extend(object.map(str::to_owned));
        }
    }
    path.push(leaf.name.clone());
    path
}

/// The tree along an axis, to this depth, sorted.
pub fn tree(bytes: &Bytes, name: &str, axis: Axis, depth: usize, order: Order) -> Node {
    #[derive(Default)]
    struct Building {
        node: Node,
        children: BTreeMap<String, Building>,
    }
    fn add(building: &mut Building, leaf: &Leaf) {
        let node = &mut building.node;
        node.size += leaf.size;
        node.ram += leaf.ram;
        node.freed += if leaf.freed { leaf.ram } else { 0 };
        if let Some(share) = leaf.share {
            *node.share.get_or_insert(0) += share;
        }
    }
    fn finish(building: Building, order: Order) -> Node {
        let mut node = building.node;
        node.children = building
            .children
            .into_iter()
            .map(|(name, child)| Node {
                name,
                ..finish(child, order)
            })
            .collect();
        let key = |n: &Node| match order {
            Order::Size => n.size,
            Order::Share => n.share.unwrap_or(0),
            Order::Ram => n.ram,
            Order::Name => 0,
        };
        // They come by name: what is equal stays so.
        node.children.sort_by_key(|n| std::cmp::Reverse(key(n)));
        node
    }
    let mut root = Building::default();
    for leaf in &bytes.leaves {
        add(&mut root, leaf);
        let mut at = &mut root;
        for part in path(leaf, axis).into_iter().take(depth) {
            at = at.children.entry(part).or_default();
            add(at, leaf);
        }
    }
    Node {
        name: name.to_owned(),
        ..finish(root, order)
    }
}

/// A table of the tree: `limit` rows at most below each node.
pub fn table(root: &Node, limit: usize) -> String {
    let marginal = root.children.iter().any(|n| n.marginal.is_some());
    let mut out = format!(
        "{:>12} {:>11} {:>6} {}{:>11}  {}\n",
        "size B",
        "image B",
        "image",
        if marginal { " marginal B " } else { "" },
        "RAM B",
        "what"
    );
    let total = root.share.or(Some(root.size)).unwrap_or(0);
    rows(&mut out, root, 0, limit, total, marginal);
    out
}

fn rows(out: &mut String, node: &Node, depth: usize, limit: usize, total: u64, marginal: bool) {
    let part = node.share.unwrap_or(node.size);
    let percent = if total > 0 {
        100.0 * part as f64 / total as f64
    } else {
        0.0
    };
    let third = match (marginal, node.marginal) {
        (false, _) => String::new(),
        (true, None) => format!("{:>11} ", ""),
        (true, Some(bytes)) => format!("{bytes:>11} "),
    };
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "{:>12} {:>11} {percent:>5.1}% {third}{:>11}  {:indent$}{}",
        grouped(node.size),
        node.share.map_or_else(String::new, grouped),
        grouped(node.ram),
        "",
        node.name,
        indent = depth * 2
    );
    for child in node.children.iter().take(limit) {
        rows(out, child, depth + 1, limit, total, marginal);
    }
    if node.children.len() > limit {
        let rest = &node.children[limit..];
        let more = Node {
            name: format!("({} more)", rest.len()),
            size: rest.iter().map(|n| n.size).sum(),
            share: rest.iter().map(|n| n.share).sum(),
            ram: rest.iter().map(|n| n.ram).sum(),
            ..Node::default()
        };
        rows(out, &more, depth + 1, limit, total, marginal);
    }
}
