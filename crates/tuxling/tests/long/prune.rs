//! What pruning promises of `pc-net`: smaller than `make tinyconfig`, fifty boots
//! of fifty, and all of adversity survived.

use std::fs;
use std::path::Path;

use crate::fixture::{Recipe, command, folder, linux, run, tuxling};

fn pruned(level: &str, boots: &str, name: &str) -> (serde_json::Value, u64) {
    let dir = folder();
    let recipe = Recipe::pc_net(name).write(dir.path());
    let mut prune = tuxling();
    prune.current_dir(dir.path()).arg("prune").arg(&recipe);
    prune.args(["--level", level, "--boots", boots, "--json"]);
    let certificate = run(&mut prune).ends_with(0).json();
    let kernel = dir.path().join(format!("build/{name}/pruned/kernel"));
    let bytes = fs::metadata(kernel).expect("an output").len();
    (certificate, bytes)
}

/// The size of the bzImage of `make tinyconfig`.
fn tinyconfig(objects: &Path) -> u64 {
    for goal in ["tinyconfig", "bzImage"] {
        let mut make = command("make");
        make.arg("-C").arg(linux());
        make.arg(format!("O={}", objects.display()));
        make.args(["ARCH=i386", "-j2", goal]);
        let status = make.status().expect("make starts");
        assert!(status.success(), "{goal}");
    }
    let image = objects.join("arch/x86/boot/bzImage");
    fs::metadata(image).expect("it was built").len()
}

#[test]
fn pc_net_pruned_tight_is_smaller_than_tinyconfig_and_passes_fifty_boots_of_fifty() {
    let (certificate, bytes) = pruned("tight", "50", "tight");
    assert_eq!(certificate["passed"]["boots"], 50);
    assert_eq!(certificate["passed"]["loaded"], 24);
    let objects = folder();
    let tiny = tinyconfig(objects.path());
    assert!(bytes < tiny, "{bytes} B, tinyconfig {tiny} B");
}

#[test]
fn pc_net_pruned_balanced_survives_all_of_adversity() {
    let (certificate, _) = pruned("balanced", "10", "balanced");
    let cases = certificate["adversity"].as_array().expect("a list");
    assert_eq!(cases.len(), 14);
    for case in cases {
        assert_eq!(case["survived"], true, "{case}");
    }
}
