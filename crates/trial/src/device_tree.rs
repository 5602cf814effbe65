//! A smaller device tree: nodes and properties that no check needs are taken
//! away, and each step is a boot of the very tree.
//!
//! First the nodes, those below the root together, then what is below those that
//! stay; then all properties. Of several that can't go together each half is
//! tried by itself, down to single ones.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use builder::System;
use flash::device_tree::Tree;
use host::cache::write_whole;
use host::session::{Cached, Session, Step, Unit};
use recipe::Plan;
use record::Outcome;
use schemars::JsonSchema;
use serde::Serialize;
use vm::boot::{self, BootRequest, Observation};

use crate::check::{self, CheckOptions};
use crate::error::{Error, Result};

/// The format of what comes out.
pub const SCHEMA: &str = "tuxling.device-tree/1";

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reduced {
    /// The format.
    pub schema: String,
    /// The recipe.
    pub recipe: String,
    /// The tree as it was.
    pub before: TreeFigures,
    /// The tree that is left.
    pub after: TreeFigures,
    /// What went: nodes by their paths, properties as `/path:name`.
    pub gone: Vec<String>,
    /// How many trees were booted.
    pub tried: u32,
    /// How many boots in a row the tree that is left passed at the end.
    pub proven: u32,
    /// Where it was written.
    pub file: String,
}

/// What a tree takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TreeFigures {
    /// Bytes of the flattened tree.
    pub bytes: u64,
    /// Its nodes, the root left out.
    pub nodes: u64,
    /// Its properties.
    pub properties: u64,
    /// RAM in use when the last check has passed, of one boot.
    pub used_kib: Option<u64>,
}

/// How it is gone about.
#[derive(Clone, Debug, Default)]
pub struct ReduceOptions {
    /// How it is booted.
    pub check: CheckOptions,
    /// How many boots in a row the last tree has to pass.
    pub proof: u32,
    /// Nodes that stay, by their paths, with all that is in them.
    pub keep: Vec<String>,
}

/// Takes away what no check needs; gives what came out and the tree.
///
/// # Errors
/// When the system doesn't pass with the tree as it is, or this machine is at
/// fault.
pub fn reduce(
    plan: &Plan,
    system: &System,
    options: &ReduceOptions,
    session: &Session,
) -> Result<(Reduced, Vec<u8>)> {
    let path = system.output.join("device-tree");
    let blob = std::fs::read(&path).map_err(|e| host::Error::file("read", &path, e))?;
    let whole = Tree::read(&blob).map_err(Error::DeviceTree)?;
    let bench = check::bench(plan, system, &options.check, session)?;
    let mut request = check::request(plan, system, &bench, &options.check);
    request.dir = system.output.join("device-tree-boot");
    let mut boots = Boots {
        request,
        session,
        tried: 0,
        used_kib: None,
        why: String::new(),
    };
    session.phase("device tree", || {
        reduced(plan, options, (&whole, &blob), &mut boots).map(Cached::fresh)
    })
}

/// The search and its proof.
fn reduced(
    plan: &Plan,
    options: &ReduceOptions,
    (whole, blob): (&Tree, &[u8]),
    boots: &mut Boots<'_>,
) -> Result<(Reduced, Vec<u8>)> {
    let begun = Instant::now();
    if !boots.pass(blob)? {
        return Err(Error::DoesNotPass(boots.why.clone()));
    }
    let used_before = boots.used_kib;
    let limits = boots.limits(begun.elapsed());
    let mut search = Search {
        whole,
        gone: BTreeSet::new(),
        accepted: vec![BTreeSet::new()],
        keep: &options.keep,
    };
    search.all(&mut |tree: &Tree| boots.pass(&tree.to_bytes()))?;
    // The proof has the recipe's own limits.
    (boots.request.timeout, boots.request.silence) = limits;
    let (gone, proven) = prove(&search, boots, options.proof)?;
    let tree = whole.without(&gone);
    let left = tree.to_bytes();
    let reduced = Reduced {
        schema: SCHEMA.to_owned(),
        recipe: plan.name.clone(),
        before: figures(whole, blob.len(), used_before),
        after: figures(&tree, left.len(), boots.used_kib),
        gone: gone.into_iter().collect(),
        tried: boots.tried,
        proven,
        file: String::new(),
    };
    Ok((reduced, left))
}

fn figures(tree: &Tree, bytes: usize, used_kib: Option<u64>) -> TreeFigures {
    let (nodes, properties) = tree.paths();
    TreeFigures {
        bytes: bytes as u64,
        nodes: nodes.len() as u64,
        properties: properties.len() as u64,
        used_kib,
    }
}

/// Boots the smallest tree in a row; one that fails gives way to the one before.
fn prove(
    search: &Search<'_>,
    boots: &mut Boots<'_>,
    wanted: u32,
) -> Result<(BTreeSet<String>, u32)> {
    for gone in search.accepted.iter().rev() {
        let blob = search.whole.without(gone).to_bytes();
        let mut passed = 0;
        while passed < wanted && boots.pass(&blob)? {
            passed += 1;
        }
        if passed == wanted {
            return Ok((gone.clone(), passed));
        }
    }
    Err(Error::DoesNotPass(boots.why.clone()))
}

/// Boots of one system with trees of its own.
struct Boots<'a> {
    request: BootRequest<'a>,
    session: &'a Session<'a>,
    tried: u32,
    used_kib: Option<u64>,
    /// Why the last one did not pass.
    why: String,
}

impl Boots<'_> {
    /// Whether all checks pass with this tree, and the machine restarts when it
    /// is told to.
    fn pass(&mut self, blob: &[u8]) -> Result<bool> {
        let path = self.request.dir.with_extension("dtb");
        write_whole(&path, blob)?;
        self.request.machine.device_tree = Some(path);
        let observation = Observation {
            traps: None,
            leave: Some(Duration::ZERO),
        };
        let session = self.session;
        let report = boot::observed(&session.processes, &self.request, &observation, &mut |_| {})?;
        self.tried += 1;
        session.progress.step(&Step {
            what: "",
            done: u64::from(self.tried),
            total: None,
            unit: Unit::Of("boots"),
        });
        // A tree that QEMU itself can't work with is one that doesn't pass.
        let passed = report.outcome == Outcome::Passed;
        if passed {
            self.used_kib = report.ram.used_kib;
        }
        self.why = report.reason;
        Ok(passed)
    }

    /// Shortens the limits to a few times what a whole boot takes here: a tree
    /// that is too small hangs more often than not. Gives the recipe's own.
    fn limits(&mut self, whole: Duration) -> (Duration, Duration) {
        let own = (self.request.timeout, self.request.silence);
        self.request.timeout = own.0.min(whole * 4 + Duration::from_secs(5));
        self.request.silence = own.1.min(whole * 2 + Duration::from_secs(2));
        own
    }
}

/// What can go, found out by a test of trees.
struct Search<'a> {
    whole: &'a Tree,
    gone: BTreeSet<String>,
    /// Every set that passed, the largest last.
    accepted: Vec<BTreeSet<String>>,
    keep: &'a [String],
}

impl Search<'_> {
    fn all<E>(&mut self, passes: &mut dyn FnMut(&Tree) -> Result<bool, E>) -> Result<(), E> {
        let depth = |path: &String| path.matches('/').count();
        let (nodes, _) = self.whole.paths();
        let deepest = nodes.iter().map(depth).max().unwrap_or(0);
        for level in 1..=deepest {
            let (there, _) = self.whole.without(&self.gone).paths();
            let items: Vec<String> = there
                .into_iter()
                .filter(|path| depth(path) == level && self.may_go(path))
                .collect();
            self.take(&items, passes)?;
        }
        let (_, there) = self.whole.without(&self.gone).paths();
        let items: Vec<String> = there.into_iter().filter(|path| self.may_go(path)).collect();
        self.take(&items, passes)
    }

    /// What is kept stays with all that is in it and above it.
    fn may_go(&self, path: &str) -> bool {
        let (node, property) = path
            .split_once(':')
            .map_or((path, false), |(n, _)| (n, true));
        let inside = |of: &str, node: &str| node == of || node.starts_with(&format!("{of}/"));
        let keeps = |kept: &String| inside(kept, node) || (!property && inside(node, kept));
        !self.keep.iter().any(keeps)
    }

    /// Takes these away, together or as far as halves of them can go.
    fn take<E>(
        &mut self,
        items: &[String],
        passes: &mut dyn FnMut(&Tree) -> Result<bool, E>,
    ) -> Result<(), E> {
        if items.is_empty() {
            return Ok(());
        }
        let mut more = self.gone.clone();
        more.extend(items.iter().cloned());
        if passes(&self.whole.without(&more))? {
            self.gone = more.clone();
            self.accepted.push(more);
            return Ok(());
        }
        if items.len() == 1 {
            return Ok(());
        }
        let (one, other) = items.split_at(items.len() / 2);
        self.take(one, passes)?;
        self.take(other, passes)
    }
}

#[cfg(test)]
mod tests {
    use flash::device_tree::{Node, Property};

    use super::*;

    fn node(name: &str, properties: &[&str], nodes: Vec<Node>) -> Node {
        let property = |name: &&str| Property {
            name: (*name).to_owned(),
            value: Vec::new(),
        };
        Node {
            name: name.to_owned(),
            properties: properties.iter().map(property).collect(),
            nodes,
        }
    }

    fn tree() -> Tree {
        let leaves = ["uart@1", "timer@2", "lcd@3", "usb@4"];
        let leaves = leaves.map(|name| node(name, &["reg", "status"], Vec::new()));
        Tree {
            reserved: Vec::new(),
            boot_cpu: 0,
            root: node(
                "",
                &["model", "compatible"],
                vec![
                    node("aliases", &["serial0"], Vec::new()),
                    node("soc", &["ranges"], leaves.to_vec()),
                ],
            ),
        }
    }

    fn left(keep: &[String], needed: &[&str]) -> (Vec<String>, Vec<String>, u32) {
        let whole = tree();
        let mut search = Search {
            whole: &whole,
            gone: BTreeSet::new(),
            accepted: Vec::new(),
            keep,
        };
        let mut tried = 0;
        let mut test = |tree: &Tree| -> Result<bool, ()> {
            tried += 1;
            let (nodes, properties) = tree.paths();
            let all: BTreeSet<String> = nodes.into_iter().chain(properties).collect();
            Ok(needed.iter().all(|path| all.contains(*path)))
        };
        search.all(&mut test).expect("no error");
        let (nodes, properties) = whole.without(&search.gone).paths();
        (nodes, properties, tried)
    }

    #[test]
    fn what_the_test_needs_stays_and_nothing_else() {
        let (nodes, properties, tried) = left(&[], &["/soc/uart@1:reg", "/:compatible"]);
        assert_eq!(nodes, ["/soc", "/soc/uart@1"]);
        assert_eq!(properties, ["/:compatible", "/soc/uart@1:reg"]);
        assert!(tried < 20, "{tried}");
    }

    #[test]
    fn what_is_kept_stays_with_all_that_is_in_it_and_above_it() {
        let keep = ["/soc/lcd@3".to_owned()];
        let (nodes, properties, _) = left(&keep, &[]);
        assert_eq!(nodes, ["/soc", "/soc/lcd@3"]);
        assert_eq!(properties, ["/soc/lcd@3:reg", "/soc/lcd@3:status"]);
        let (nodes, properties, _) = left(&["/".to_owned()], &[]);
        assert!(nodes.is_empty());
        assert_eq!(properties, ["/:model", "/:compatible"]);
    }
}
