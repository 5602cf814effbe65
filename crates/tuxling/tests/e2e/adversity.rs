//! Adversity on the real kernel: what pc-net survives, and how it is told that
//! something did not.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{Recipe, TCG, folder, run, tuxling};

/// Its adversity, without counting instructions.
fn adversity(recipe: &Path) -> Command {
    let mut command = tuxling();
    command
        .current_dir(recipe.parent().expect("it stands in a folder"))
        .arg("check")
        .arg(recipe)
        .args(["--no-boot-cost", "--adversity"])
        .args(TCG);
    command
}

fn cases(result: &Value) -> Vec<(&str, &Value)> {
    let cases = result["cases"].as_array().expect("cases");
    cases
        .iter()
        .map(|case| (case["name"].as_str().expect("a name"), case))
        .collect()
}

#[test]
fn pc_net_survives_its_network_and_a_hundred_thousand_hostile_packets() {
    let dir = folder();
    let recipe = Recipe::pc_net("hardy").write(dir.path());
    let mut command = adversity(&recipe);
    let command = command.args(["--json", "--cases", "storm,resets,leases,flood"]);
    let result = run(command).ends_with(0).json();
    assert_eq!(result["schema"], "tuxling.adversity/1");
    for (name, case) in cases(&result) {
        assert_eq!(case["survived"], true, "{name}: {case}");
    }
    let told = |name| {
        let cases = cases(&result);
        let (_, case) = cases.iter().find(|(case, _)| *case == name).expect("ran");
        case["detail"].as_str().expect("a text").to_owned()
    };
    assert!(
        told("flood").contains("100000 hostile packets"),
        "{}",
        told("flood")
    );
    assert!(
        told("resets").contains("2 connections reset"),
        "{}",
        told("resets")
    );
    assert!(
        told("leases").contains("2 leases refused"),
        "{}",
        told("leases")
    );
    assert!(told("storm").contains("lost"), "{}", told("storm"));
}

#[test]
fn a_system_that_is_not_alive_afterwards_did_not_survive() {
    let dir = folder();
    // Works once, and never again in the same boot.
    let recipe = Recipe::pc_net("frail")
        .with(
            r#"
            [[check]]
            name = "once"
            run = "ls /once 2>/dev/null && exit 1; : > /once"
            "#,
        )
        .write(dir.path());
    let run = run(adversity(&recipe).args(["--cases", "sockets,past"])).ends_with(5);
    assert!(
        run.stderr.contains("frail did not survive: sockets"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("!! sockets"), "{}", run.stdout);
    assert!(run.stdout.contains("ok past"), "{}", run.stdout);
}

#[test]
fn a_case_that_is_not_known_is_an_error_at_its_place() {
    let dir = folder();
    let recipe = Recipe::pc_net("unknown")
        .with("[adversity]\nsurvive = [\"strom\"]")
        .write(dir.path());
    run(&mut adversity(&recipe)).ends_with(1).says(&[
        "there is no case `strom` of adversity",
        "did you mean `storm`?",
    ]);
}
