//! The files of a ramdisk, as far as starting programs from it is concerned.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::Program;

/// So many links lead to one another at most, as in the kernel (`MAXSYMLINKS`).
const LINKS_LIMIT: usize = 40;

/// No text is kept that is larger, in bytes: no script is.
const TEXT_LIMIT: usize = 256 << 10;

/// What a ramdisk holds, by absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    nodes: BTreeMap<String, Node>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its permission bits.
    pub mode: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A folder.
    Directory,
    /// A symbolic link to this.
    Link(String),
    /// A file.
    File {
        /// What execve(2) would make of it.
        program: Program,
        /// Its bytes, where it may be a text.
        text: Option<Arc<[u8]>>,
    },
    /// A device node.
    Device,
    /// A pipe or the like.
    Other,
}

impl NodeKind {
    /// A file with this content.
    pub fn of_bytes(bytes: &[u8]) -> NodeKind {
        let text = bytes.len() <= TEXT_LIMIT && !bytes.contains(&0);
        NodeKind::File {
            program: Program::of_bytes(bytes),
            text: text.then(|| bytes.into()),
        }
    }

    /// A file whose content nobody knows yet; nothing is held against it.
    pub fn unknown_file() -> NodeKind {
        NodeKind::File {
            program: Program::Unknown,
            text: None,
        }
    }
}

impl Files {
    /// Adds an entry, or replaces it. `path` is absolute.
    pub fn insert(&mut self, path: &str, node: Node) {
        self.nodes.insert(path.to_owned(), node);
    }

    /// The entry at an absolute path, links followed.
    pub fn find(&self, path: &str) -> Option<&Node> {
        self.node(&self.resolve(path)?)
    }

    /// The entry itself.
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// All entries with their paths, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The text of a file, links followed, where it may be one.
    pub fn text(&self, path: &str) -> Option<&[u8]> {
        match &self.find(path)?.kind {
            NodeKind::File { text, .. } => text.as_deref(),
            _ => None,
        }
    }

    /// The one folder at the top below which everything stands.
    pub fn only_folder(&self) -> Option<&str> {
        let mut top = self.nodes.keys().filter(|path| !path[1..].contains('/'));
        let only = top.next().filter(|_| top.next().is_none())?;
        (self.nodes.get(only)?.kind == NodeKind::Directory).then_some(only)
    }

    /// Where a path leads when all links on the way are followed.
    pub fn resolve(&self, path: &str) -> Option<String> {
        let mut rest: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut at = String::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{at}/{part}");
            match &self.nodes.get(&next)?.kind {
                NodeKind::Link(to) => {
                    links += 1;
                    if links > LINKS_LIMIT {
                        return None;
                    }
                    if to.starts_with('/') {
                        at.clear();
                    }
                    rest.extend(to.split('/').rev().map(str::to_owned));
                }
                _ => at = next,
            }
        }
        Some(at)
    }
}
