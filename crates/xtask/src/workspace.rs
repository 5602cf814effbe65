//! The workspace's crates, and which of them uses which: what cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use crate::command;

/// One crate of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: String,
    /// The files that its library and its programs begin with.
    pub(crate) roots: Vec<PathBuf>,
    /// The crates of the workspace that it is built with. Tests may use more.
    pub(crate) uses: BTreeSet<String>,
}

/// Asks cargo for the crates of the workspace in this folder.
pub(crate) fn read() -> Result<Vec<Crate>, String> {
    let output = command(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {told}"));
    }
    crates(&serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?)
}

/// The crates in what `cargo metadata` prints.
fn crates(metadata: &Value) -> Result<Vec<Crate>, String> {
    let packages = metadata["packages"].as_array();
    let packages = packages.ok_or("cargo metadata names no packages")?;
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut crates: Vec<Crate> = packages
        .iter()
        .map(|package| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let roots = list(&package["targets"])
                .iter()
                .filter(|target| target["kind"] == "lib" || is_shipped(&target["kind"]))
                .map(|target| PathBuf::from(text(&target["src_path"])))
                .collect();
            let uses = list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .filter(|name| names.contains(name.as_str()))
                .collect();
            let name = text(&package["name"]);
            Crate { name, roots, uses }
        })
        .collect();
    crates.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(crates)
}

fn is_shipped(kinds: &Value) -> bool {
    let kinds = kinds.as_array().map(Vec::as_slice).unwrap_or_default();
    kinds
        .iter()
        .any(|kind| ["lib", "bin", "proc-macro"].contains(&kind.as_str().unwrap_or_default()))
}

/// The floor of each crate: 0 uses no other crate, and each stands one above
/// the highest that it uses. Cargo allows no circle.
pub(crate) fn floors(crates: &[Crate]) -> BTreeMap<&str, usize> {
    let mut floors: BTreeMap<&str, usize> = BTreeMap::new();
    // A crate's floor is final after as many rounds as there are floors.
    for _ in 0..crates.len() {
        for one in crates {
            let below = one.uses.iter().filter_map(|used| floors.get(used.as_str()));
            let floor = below.max().map_or(0, |highest| highest + 1);
            floors.insert(&one.name, floor);
        }
    }
    floors
}

/// Crates from the top floor down.
fn by_floor(crates: &[Crate]) -> Vec<(usize, &Crate)> {
    let floors = floors(crates);
    let mut sorted: Vec<(usize, &Crate)> = crates
        .iter()
        .map(|one| (floors[one.name.as_str()], one))
        .collect();
    sorted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    sorted
}

/// The crates and their arrows as text, the top floor first.
pub(crate) fn as_text(crates: &[Crate]) -> String {
    let width = crates.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (floor, one) in by_floor(crates) {
        let uses: Vec<&str> = one.uses.iter().map(String::as_str).collect();
        let arrows = if uses.is_empty() {
            String::new()
        } else {
            format!(" -> {}", uses.join(", "))
        };
        text += &format!(
            "floor {floor}  {}\n",
            format!("{:width$}{arrows}", one.name).trim_end()
        );
    }
    let arrows: usize = crates.iter().map(|one| one.uses.len()).sum();
    text + &format!("{} crates, {arrows} arrows\n", crates.len())
}

/// The same as a Mermaid picture. A crate without arrows stands for itself.
pub(crate) fn as_mermaid(crates: &[Crate]) -> String {
    let mut text = "graph TD\n".to_owned();
    for (_, one) in by_floor(crates) {
        let is_used = crates.iter().any(|other| other.uses.contains(&one.name));
        if one.uses.is_empty() && !is_used {
            text += &format!("    {}\n", one.name);
        }
        for used in &one.uses {
            text += &format!("    {} --> {used}\n", one.name);
        }
    }
    text
}

/// The first fenced Mermaid block of a Markdown text.
pub(crate) fn mermaid_block(markdown: &str) -> Option<String> {
    let mut lines = markdown.lines();
    lines.find(|line| line.trim_end() == "```mermaid")?;
    let block: Vec<&str> = lines.take_while(|line| line.trim_end() != "```").collect();
    Some(block.join("\n") + "\n")
}

/// What differs, line by line: `-` is only in the first text, `+` only in the
/// second; `None` when they are equal. The texts are short, so the table of the
/// longest common subsequence is affordable.
pub(crate) fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut common = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut text = String::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            text += &format!("  {}\n", old[i]);
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            text += &format!("- {}\n", old[i]);
            i += 1;
        } else {
            text += &format!("+ {}\n", new[j]);
            j += 1;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Crate> {
        let metadata = serde_json::json!({ "packages": [
            { "name": "top", "manifest_path": "/w/top/Cargo.toml",
              "targets": [
                { "kind": ["bin"], "src_path": "/w/top/src/main.rs" },
                { "kind": ["test"], "src_path": "/w/top/tests/e2e.rs" } ],
              "dependencies": [
                { "name": "middle", "kind": null },
                { "name": "bottom", "kind": null },
                { "name": "serde", "kind": null } ] },
            { "name": "middle", "manifest_path": "/w/middle/Cargo.toml", "targets": [],
              "dependencies": [ { "name": "bottom", "kind": null } ] },
            { "name": "bottom", "manifest_path": "/w/bottom/Cargo.toml", "targets": [],
              "dependencies": [ { "name": "top", "kind": "dev" } ] },
        ]});
        crates(&metadata).expect("crates")
    }

    #[test]
    fn crates_stand_above_what_they_are_built_with() {
        let crates = three();
        assert_eq!(crates[2].roots, [PathBuf::from("/w/top/src/main.rs")]);
        assert_eq!(
            as_text(&crates),
            "floor 2  top    -> bottom, middle\n\
             floor 1  middle -> bottom\n\
             floor 0  bottom\n\
             3 crates, 3 arrows\n"
        );
        assert_eq!(
            as_mermaid(&crates),
            "graph TD\n    top --> bottom\n    top --> middle\n    middle --> bottom\n"
        );
    }

    #[test]
    fn the_picture_of_a_document_is_compared_line_by_line() {
        let document = "# A\n\n```mermaid\ngraph TD\n    a --> b\n```\n\n```\nno\n```\n";
        let block = mermaid_block(document).expect("block");
        assert_eq!(block, "graph TD\n    a --> b\n");
        assert_eq!(difference(&block, &block), None);
        assert_eq!(
            difference(&block, "graph TD\n    a --> c\n").expect("differs"),
            "  graph TD\n-     a --> b\n+     a --> c\n"
        );
        assert_eq!(mermaid_block("```\ngraph TD\n```\n"), None);
    }
}
