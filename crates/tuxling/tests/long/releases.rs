//! Other releases of Linux than the one that the built-in recipes name.

use crate::fixture::{Recipe, check, folder, pc_net, run};

#[test]
fn pc_net_passes_with_linux_6_1() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("linux-6.1")
        .without("budget")
        .with("kernel.version = \"6.1\"")
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    let version = record["inputs"]["sources"]["linux"]["version"].as_str();
    assert!(
        version.is_some_and(|v| v.starts_with("6.1.")),
        "{version:?}"
    );
}
