//! A whole device tree, to be taken apart and written again: flattened, version
//! 17 (Devicetree Specification, chapter 5). Own code, since crates that read
//! flattened trees don't write them, and those that write begin with nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{BEGIN_NODE, END, END_NODE, MAGIC, NOP, PROPERTY, aligned, text, word};
use crate::error::{Error, Result};

/// Of the header, in bytes.
const HEADER: usize = 40;

/// What is written, and the oldest reader that takes it.
const VERSIONS: [u32; 2] = [17, 16];

/// So deep a tree may be: the kernel's own limit (drivers/of/fdt.c,
/// `FDT_MAX_DEPTH`).
const DEPTH: usize = 64;

/// A device tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Address and size of RAM that is kept from the kernel.
    pub reserved: Vec<(u64, u64)>,
    /// The physical number of the CPU that boots.
    pub boot_cpu: u32,
    /// Its root, whose name is empty.
    pub root: Node,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name: `memory@20000000`.
    pub name: String,
    /// Its properties.
    pub properties: Vec<Property>,
    /// What is below it.
    pub nodes: Vec<Node>,
}

/// A property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl Tree {
    /// Reads a flattened tree.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn read(blob: &[u8]) -> Result<Tree> {
        if word(blob, 0)? != MAGIC {
            return Err(Error::NoDeviceTree("the magic number is missing"));
        }
        let mut reserved = Vec::new();
        let mut at = word(blob, 16)? as usize;
        loop {
            let double = |at: usize| -> Result<u64> {
                Ok(u64::from(word(blob, at)?) << 32 | u64::from(word(blob, at.saturating_add(4))?))
            };
            let entry = (double(at)?, double(at.saturating_add(8))?);
            if entry == (0, 0) {
                break;
            }
            reserved.push(entry);
            at = at.saturating_add(16);
        }
        let mut reader = Reader {
            blob,
            at: word(blob, 8)? as usize,
            strings: word(blob, 12)? as usize,
        };
        let root = reader.root()?;
        Ok(Tree {
            reserved,
            boot_cpu: word(blob, 28)?,
            root,
        })
    }

    /// The paths of all nodes but the root, each before those below it:
    /// `/amba/uart@101f1000`; and of all properties: `/memory:reg`.
    pub fn paths(&self) -> (Vec<String>, Vec<String>) {
        let (mut nodes, mut properties) = (Vec::new(), Vec::new());
        self.root.paths("", &mut nodes, &mut properties);
        (nodes, properties)
    }

    /// The tree without the nodes and properties of these paths.
    #[must_use]
    pub fn without(&self, gone: &BTreeSet<String>) -> Tree {
        Tree {
            root: self.root.without("", gone),
            ..self.clone()
        }
    }

    /// The flattened tree. A name that is the end of another shares its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut names: Vec<&str> = Vec::new();
        self.root.names(&mut names);
        let (strings, places) = strings(names);
        let mut structure = Vec::new();
        self.root.write(&places, &mut structure);
        push(&mut structure, END);
        let entries = self.reserved.iter().chain([&(0, 0)]);
        let reserved: Vec<u8> = entries
            .flat_map(|(address, size)| [address.to_be_bytes(), size.to_be_bytes()].concat())
            .collect();
        let at_structure = HEADER + reserved.len();
        let at_strings = at_structure + structure.len();
        let total = at_strings + strings.len();
        let [version, compatible] = VERSIONS;
        let header = [
            MAGIC as usize,
            total,
            at_structure,
            at_strings,
            HEADER,
            version as usize,
            compatible as usize,
            self.boot_cpu as usize,
            strings.len(),
            structure.len(),
        ];
        let mut blob = Vec::with_capacity(total);
        for field in header {
            push(&mut blob, field as u32);
        }
        blob.extend(reserved);
        blob.extend(structure);
        blob.extend(strings);
        blob
    }
}

impl Node {
    fn paths(&self, path: &str, nodes: &mut Vec<String>, properties: &mut Vec<String>) {
        let above = if path.is_empty() { "/" } else { path };
        let own = self.properties.iter();
        properties.extend(own.map(|property| format!("{above}:{}", property.name)));
        for node in &self.nodes {
            let path = format!("{path}/{}", node.name);
            nodes.push(path.clone());
            node.paths(&path, nodes, properties);
        }
    }

    fn without(&self, path: &str, gone: &BTreeSet<String>) -> Node {
        let above = if path.is_empty() { "/" } else { path };
        let stays = |p: &&Property| !gone.contains(&format!("{above}:{}", p.name));
        let below = |node: &Node| {
            let path = format!("{path}/{}", node.name);
            (!gone.contains(&path)).then(|| node.without(&path, gone))
        };
        Node {
            name: self.name.clone(),
            properties: self.properties.iter().filter(stays).cloned().collect(),
            nodes: self.nodes.iter().filter_map(below).collect(),
        }
    }

    fn names<'n>(&'n self, all: &mut Vec<&'n str>) {
        all.extend(self.properties.iter().map(|p| p.name.as_str()));
        for node in &self.nodes {
            node.names(all);
        }
    }

    fn write(&self, places: &BTreeMap<String, u32>, to: &mut Vec<u8>) {
        push(to, BEGIN_NODE);
        to.extend(self.name.as_bytes());
        to.push(0);
        pad(to);
        for property in &self.properties {
            push(to, PROPERTY);
            push(to, property.value.len() as u32);
            push(to, places.get(&property.name).copied().unwrap_or_default());
            to.extend(&property.value);
            pad(to);
        }
        for node in &self.nodes {
            node.write(places, to);
        }
        push(to, END_NODE);
    }
}

fn push(to: &mut Vec<u8>, word: u32) {
    to.extend(word.to_be_bytes());
}

fn pad(to: &mut Vec<u8>) {
    to.resize(aligned(to.len()), 0);
}

/// The block of names, and where each stands in it.
fn strings(mut names: Vec<&str>) -> (Vec<u8>, BTreeMap<String, u32>) {
    // The longest first: a later one may be the end of an earlier.
    names.sort_by_key(|name| (std::cmp::Reverse(name.len()), *name));
    names.dedup();
    let mut block: Vec<u8> = Vec::new();
    let mut places = BTreeMap::new();
    for name in names {
        let bytes = [name.as_bytes(), &[0]].concat();
        let found = block
            .windows(bytes.len())
            .position(|window| window == bytes);
        let place = found.unwrap_or_else(|| {
            let place = block.len();
            block.extend(&bytes);
            place
        });
        places.insert(name.to_owned(), place as u32);
    }
    (block, places)
}

/// A name, which is of ASCII letters (chapter 2.2.1).
fn name(blob: &[u8], at: usize) -> Result<String> {
    let name = text(blob, at)?;
    if name.is_ascii() {
        Ok(name)
    } else {
        Err(Error::NoDeviceTree("a name is not of ASCII letters"))
    }
}

struct Reader<'b> {
    blob: &'b [u8],
    at: usize,
    strings: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<u32> {
        let word = word(self.blob, self.at)?;
        self.at += 4;
        Ok(word)
    }

    fn root(&mut self) -> Result<Node> {
        let mut open: Vec<Node> = Vec::new();
        loop {
            match self.next()? {
                BEGIN_NODE => {
                    let name = name(self.blob, self.at)?;
                    self.at = aligned(self.at.saturating_add(name.len() + 1));
                    if open.len() == DEPTH {
                        return Err(Error::NoDeviceTree("its nodes are nested too deeply"));
                    }
                    open.push(Node {
                        name,
                        ..Node::default()
                    });
                }
                END_NODE => {
                    let node = open.pop();
                    let node = node.ok_or(Error::NoDeviceTree("a node ends that never began"))?;
                    match open.last_mut() {
                        Some(above) => above.nodes.push(node),
                        None => return Ok(node),
                    }
                }
                PROPERTY => {
                    let length = self.next()? as usize;
                    let name = self.next()? as usize;
                    let name = self::name(self.blob, self.strings.saturating_add(name))?;
                    let end = self.at.saturating_add(length);
                    let value = self.blob.get(self.at..end);
                    let value = value.ok_or(Error::NoDeviceTree("it ends too early"))?;
                    let node = open.last_mut();
                    let node = node.ok_or(Error::NoDeviceTree("a property is in no node"))?;
                    node.properties.push(Property {
                        name,
                        value: value.to_owned(),
                    });
                    self.at = aligned(end);
                }
                NOP => {}
                END => return Err(Error::NoDeviceTree("a node doesn't end")),
                _ => return Err(Error::NoDeviceTree("an unknown token")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::blob;
    use super::*;
    use proptest::prelude::*;

    fn node() -> impl Strategy<Value = Node> {
        let property = ("[a-z#,-]{1,12}", prop::collection::vec(any::<u8>(), 0..9));
        let properties = prop::collection::vec(property, 0..4).prop_map(|all| {
            let one = |(name, value)| Property { name, value };
            all.into_iter().map(one).collect::<Vec<_>>()
        });
        let leaf = ("[a-z@0-9]{1,12}", properties.clone()).prop_map(|(name, properties)| Node {
            name,
            properties,
            nodes: Vec::new(),
        });
        leaf.prop_recursive(3, 16, 4, move |inner| {
            let nodes = prop::collection::vec(inner, 0..4);
            ("[a-z@0-9]{1,12}", properties.clone(), nodes).prop_map(|(name, properties, nodes)| {
                Node {
                    name,
                    properties,
                    nodes,
                }
            })
        })
    }

    #[test]
    fn a_tree_of_dtcs_is_read() {
        let mut blob = blob();
        // Its fixture has no reservations: the block's end stands there as zeros.
        let at = blob.len().next_multiple_of(8);
        blob.resize(at + 16, 0);
        blob[16..20].copy_from_slice(&(at as u32).to_be_bytes());
        let tree = Tree::read(&blob).expect("a tree");
        assert_eq!(tree.root.nodes[0].name, "memory@20000000");
        assert_eq!(tree.root.nodes[0].properties[0].name, "reg");
        assert_eq!(Tree::read(&tree.to_bytes()).expect("a tree"), tree);
    }

    #[test]
    fn nodes_and_properties_are_taken_by_their_paths() {
        let property = |name: &str| Property {
            name: name.to_owned(),
            value: Vec::new(),
        };
        let node = |name: &str, properties: &[&str], nodes: Vec<Node>| Node {
            name: name.to_owned(),
            properties: properties.iter().map(|name| property(name)).collect(),
            nodes,
        };
        let leaf = node("uart@1", &["reg", "clocks"], Vec::new());
        let soc = node("soc", &["ranges"], vec![leaf]);
        let tree = Tree {
            reserved: Vec::new(),
            boot_cpu: 0,
            root: node("", &["model"], vec![soc, node("aliases", &[], Vec::new())]),
        };
        let (nodes, properties) = tree.paths();
        assert_eq!(nodes, ["/soc", "/soc/uart@1", "/aliases"]);
        assert_eq!(
            properties,
            [
                "/:model",
                "/soc:ranges",
                "/soc/uart@1:reg",
                "/soc/uart@1:clocks"
            ]
        );
        let gone = ["/aliases", "/:model", "/soc/uart@1:clocks"].map(str::to_owned);
        let (nodes, properties) = tree.without(&gone.into()).paths();
        assert_eq!(nodes, ["/soc", "/soc/uart@1"]);
        assert_eq!(properties, ["/soc:ranges", "/soc/uart@1:reg"]);
    }

    #[test]
    fn a_name_that_ends_another_takes_no_room() {
        let (block, places) = strings(vec!["reg", "interrupt-parent", "parent", "reg"]);
        assert_eq!(block, b"interrupt-parent\0reg\0");
        assert_eq!(places["parent"], 10);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(root in node(), reserved in prop::collection::vec((1u64.., any::<u64>()), 0..3)) {
            let tree = Tree { reserved, boot_cpu: 0, root };
            prop_assert_eq!(Tree::read(&tree.to_bytes()).expect("a tree"), tree);
        }

        #[test]
        fn whatever_the_bytes_are_they_are_a_tree_or_an_error(
            root in node(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let tree = Tree { reserved: Vec::new(), boot_cpu: 0, root };
            let mut bytes = tree.to_bytes();
            let place = at.index(bytes.len());
            bytes[place] = byte;
            let _ = Tree::read(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = Tree::read(&bytes);
        }
    }
}
