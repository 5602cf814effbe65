// The tree that the map shows, along one of two axes.

/** What can be measured: the position of each in a leaf. */
const MEASURES = {
  size: { at: 2, title: "Size", unit: "B", long: "bytes before compression" },
  share: { at: 3, title: "Compressed", unit: "B", long: "bytes of the compressed image" },
  ram: { at: 4, title: "RAM", unit: "B", long: "bytes of RAM after boot" },
};

function branch(name, parent) {
  return { name, parent, children: new Map(), amounts: { size: 0, share: 0, ram: 0 } };
}

/**
 * The tree of all leaves: by directory (`kernel/net/ipv4/tcp.o/tcp_sendmsg`) or
 * by option (`kernel/NET/INET/net/ipv4/tcp.o/tcp_sendmsg`).
 */
function grow(data, axis) {
  const root = branch(data.recipe, null);
  for (const leaf of data.leaves) {
    const [image, path, option] = data.units[leaf[0]];
    const steps = [image];
    if (axis === "option" && option) steps.push(...option.split("/"));
    steps.push(...path.split("/"));
    if (leaf[1]) steps.push(leaf[1]);
    let node = root;
    add(node, leaf);
    for (const step of steps.filter(Boolean)) {
      let next = node.children.get(step);
      if (!next) {
        next = branch(step, node);
        node.children.set(step, next);
      }
      node = next;
      add(node, leaf);
    }
  }
  finish(root);
  return root;
}

function add(node, leaf) {
  for (const [key, measure] of Object.entries(MEASURES)) node.amounts[key] += leaf[measure.at];
}

/** Children as lists; a chain of folders with one child each is one step. */
function finish(node) {
  node.children = [...node.children.values()];
  for (let i = 0; i < node.children.length; i += 1) {
    let child = node.children[i];
    while (child.children.size === 1 && node.parent) {
      const [only] = child.children.values();
      if (only.children.size === 0) break;
      only.name = `${child.name}/${only.name}`;
      only.parent = node;
      child = only;
    }
    node.children[i] = child;
    finish(child);
  }
}

/** From the root to a node. */
function lineage(node) {
  const steps = [];
  for (let at = node; at; at = at.parent) steps.unshift(at);
  return steps;
}

/** A node's place in words. */
function place(node) {
  return lineage(node).slice(1).map((step) => step.name).join("/");
}

/** All nodes whose name has the words in it, the largest first. */
function find(root, words, measure, limit) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  const look = (node) => {
    if (node.parent) {
      const name = node.name.toLowerCase();
      if (wanted.every((word) => name.includes(word))) found.push(node);
    }
    node.children.forEach(look);
  };
  if (wanted.length) look(root);
  found.sort((a, b) => b.amounts[measure] - a.amounts[measure]);
  return { nodes: new Set(found), first: found.slice(0, limit) };
}
