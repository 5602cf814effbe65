//! Where the bytes are, as a tree along one axis and as a table.

use std::collections::BTreeMap;
use std::fmt::Write;

use host::units::grouped;
use measure::bytes::ramdisk::Part;
use measure::bytes::{BroughtBy, Bytes, Leaf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const SCHEMA: &str = "tuxling.size/1";

/// Along what the bytes are told.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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

/// The node of what several applets use.
pub const SHARED: &str = "(shared)";

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
    let rows = bytes.leaves.iter().map(|leaf| {
        let node = Node {
            size: leaf.size,
            share: leaf.share,
            ram: leaf.ram,
            freed: if leaf.freed { leaf.ram } else { 0 },
            ..Node::default()
        };
        (path(leaf, axis), node)
    });
    grow(rows, name, depth, order)
}

/// The tree of a ramdisk: files, in a program the applets, in these the objects.
pub fn ramdisk_tree(parts: &[Part], name: &str, depth: usize, order: Order) -> Node {
    let divided = |part: &Part| {
        parts
            .iter()
            .any(|p| p.file == part.file && p.object.is_some())
    };
    let rows = parts.iter().map(|part| {
        let mut path = vec![part.file.clone()];
        match (&part.applet, &part.object) {
            (_, None) if divided(part) => path.push(NO_OBJECT.to_owned()),
            (Some(applet), Some(object)) => path.extend([applet.clone(), object.clone()]),
            (None, Some(object)) => path.extend([SHARED.to_owned(), object.clone()]),
            _ => {}
        }
        let node = Node {
            size: part.size,
            share: Some(part.share),
            ram: part.ram,
            ..Node::default()
        };
        (path, node)
    });
    grow(rows, name, depth, order)
}

#[derive(Default)]
struct Building {
    node: Node,
    children: BTreeMap<String, Building>,
}

impl Building {
    fn add(&mut self, figures: &Node) {
        let node = &mut self.node;
        node.size += figures.size;
        node.ram += figures.ram;
        node.freed += figures.freed;
        if let Some(share) = figures.share {
            *node.share.get_or_insert(0) += share;
        }
    }

    fn finish(self, order: Order) -> Node {
        let mut node = self.node;
        node.children = self
            .children
            .into_iter()
            .map(|(name, child)| Node {
                name,
                ..child.finish(order)
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
}

/// A tree of rows: the place of each, and its figures.
fn grow(
    rows: impl Iterator<Item = (Vec<String>, Node)>,
    name: &str,
    depth: usize,
    order: Order,
) -> Node {
    let mut root = Building::default();
    for (path, figures) in rows {
        root.add(&figures);
        let mut at = &mut root;
        for part in path.into_iter().take(depth) {
            at = at.children.entry(part).or_default();
            at.add(&figures);
        }
    }
    Node {
        name: name.to_owned(),
        ..root.finish(order)
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
    rows(&mut out, root, (0, WHOLE), limit, marginal);
    out
}

/// All of it, in thousandths: what the table calls 100.0 %.
const WHOLE: u64 = 1_000;

/// What of a node counts: its share where there is an image.
fn part(node: &Node, of_image: bool) -> u64 {
    if of_image {
        node.share.unwrap_or(0)
    } else {
        node.size
    }
}

/// The thousandths of a whole that fall to its parts. What is cut off goes, one
/// each, to the parts with the largest remainders, so that they add up.
fn thousandths(parts: &[u64], whole: u64) -> Vec<u64> {
    let sum: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    if sum == 0 {
        return vec![0; parts.len()];
    }
    let exact = |part: &u64| u128::from(*part) * u128::from(whole);
    let mut told: Vec<u64> = parts
        .iter()
        .map(|part| (exact(part) / sum) as u64)
        .collect();
    let missing = whole - told.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(exact(&parts[*at]) % sum), *at));
    for at in order
        .into_iter()
        .take(usize::try_from(missing).unwrap_or(0))
    {
        told[at] += 1;
    }
    told
}

fn rows(out: &mut String, node: &Node, (depth, share): (usize, u64), limit: usize, marginal: bool) {
    let third = match (marginal, node.marginal) {
        (false, _) => String::new(),
        (true, None) => format!("{:>11} ", ""),
        (true, Some(bytes)) => format!("{bytes:>11} "),
    };
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "{:>12} {:>11} {:>5}% {third}{:>11}  {:indent$}{}",
        grouped(node.size),
        node.share.map_or_else(String::new, grouped),
        format!("{}.{}", share / 10, share % 10),
        grouped(node.ram),
        "",
        node.name,
        indent = depth * 2
    );
    let (shown, rest) = node.children.split_at(node.children.len().min(limit));
    let mut children: Vec<Node> = shown.to_vec();
    if !rest.is_empty() {
        children.push(Node {
            name: format!("({} more)", rest.len()),
            size: rest.iter().map(|n| n.size).sum(),
            share: node
                .share
                .map(|_| rest.iter().filter_map(|n| n.share).sum()),
            ram: rest.iter().map(|n| n.ram).sum(),
            ..Node::default()
        });
    }
    let of_image = node.share.is_some();
    let parts: Vec<u64> = children.iter().map(|one| part(one, of_image)).collect();
    for (child, share) in children.iter().zip(thousandths(&parts, share)) {
        rows(out, child, (depth + 1, share), limit, marginal);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_of_a_hundred_percent_add_up_to_it() {
        assert_eq!(thousandths(&[1, 1, 1], WHOLE), [334, 333, 333]);
        assert_eq!(thousandths(&[0, 7], WHOLE), [0, 1000]);
        assert_eq!(thousandths(&[0, 0], WHOLE), [0, 0]);
    }

    proptest! {
        #[test]
        fn whatever_the_parts_are_they_add_up(
            parts in prop::collection::vec(any::<u64>(), 1..40), whole in 0..=WHOLE
        ) {
            prop_assume!(parts.iter().any(|part| *part > 0));
            prop_assert_eq!(thousandths(&parts, whole).iter().sum::<u64>(), whole);
        }
    }
}
