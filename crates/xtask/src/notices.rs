//! `cargo xtask notices FILE`: the licences of all that the program is linked
//! with, which most of them ask to come along.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command;

/// How files with licences begin, in capitals.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let [file] = arguments else {
        return Err("usage: cargo xtask notices FILE".to_owned());
    };
    let output = command(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {told}"));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))?;
    fs::write(file, text(&metadata)?).map_err(|e| format!("{file}: {e}"))
}

/// What each crate says of itself, then each text once, with whose it is.
fn text(metadata: &Value) -> Result<String, String> {
    let linked = linked(metadata);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut out = "The program tuxling is linked with these crates.\n\n".to_owned();
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // A workspace's own crates have no source.
    for package in packages.filter(|p| !p["source"].is_null()) {
        let word = |key: &str| package[key].as_str().unwrap_or_default();
        if !linked.contains(word("id")) {
            continue;
        }
        let name = format!("{} {}", word("name"), word("version"));
        // Writing to a String can't fail.
        let _ = writeln!(out, "{name}: {}", word("license"));
        let folder = Path::new(word("manifest_path")).parent();
        for text in licences(folder.ok_or("a manifest without a folder")?)? {
            texts.entry(text).or_default().insert(name.clone());
        }
    }
    for (text, of) in texts {
        let of: Vec<String> = of.into_iter().collect();
        let _ = write!(out, "\n{:=<78}\n{}\n\n{text}\n", "", of.join(", "));
    }
    Ok(out)
}

/// The texts of a crate, in the order of their names.
fn licences(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let capitals = name.to_uppercase();
        if path.is_file() && NAMES.iter().any(|n| capitals.starts_with(n)) {
            files.push(path);
        }
    }
    files.sort();
    let read = |path| {
        let bytes = fs::read(path).map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        Ok(text.trim_end().to_owned())
    };
    files.iter().map(read).collect()
}

/// The packages that are part of the program: what `tuxling` depends on, but
/// for what only builds or tests it.
fn linked(metadata: &Value) -> BTreeSet<&str> {
    let nodes = metadata["resolve"]["nodes"].as_array();
    let nodes: BTreeMap<&str, &Value> = nodes
        .into_iter()
        .flatten()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let mut open: Vec<&str> = packages
        .filter(|p| p["name"] == "tuxling" && p["source"].is_null())
        .filter_map(|p| p["id"].as_str())
        .collect();
    let mut linked = BTreeSet::new();
    while let Some(id) = open.pop() {
        if !linked.insert(id) {
            continue;
        }
        let deps = nodes.get(id).and_then(|node| node["deps"].as_array());
        for dep in deps.into_iter().flatten() {
            let mut kinds = dep["dep_kinds"].as_array().into_iter().flatten();
            if kinds.any(|kind| kind["kind"].is_null()) {
                open.extend(dep["pkg"].as_str());
            }
        }
    }
    linked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_is_linked_is_named_and_a_text_of_two_stands_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let package = |name: &str, source: Value, text: &str| {
            let folder = dir.path().join(name);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("LICENSE-MIT"), text).expect("written");
            fs::write(folder.join("lib.rs"), "code").expect("written");
            json!({
                "id": name, "name": name, "version": "1.0.0", "license": "MIT",
                "source": source, "manifest_path": folder.join("Cargo.toml"),
            })
        };
        let dep = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("tuxling", Value::Null, "ours"),
                package("a", json!("registry"), "free\r\n"),
                package("b", json!("registry"), "free"),
                package("builds", json!("registry"), "other"),
            ],
            "resolve": {"nodes": [
                {"id": "tuxling", "deps": [dep("a", Value::Null), dep("builds", json!("build"))]},
                {"id": "a", "deps": [dep("b", Value::Null)]},
            ]},
        });
        let text = text(&metadata).expect("texts");
        assert!(text.contains("\na 1.0.0: MIT\nb 1.0.0: MIT\n"));
        assert!(text.ends_with("\na 1.0.0, b 1.0.0\n\nfree\n"));
        assert!(!text.contains("other") && !text.contains("ours"));
    }
}
