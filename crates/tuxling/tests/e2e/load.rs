//! Kernels that load what was pruned: that it is loaded wherever it is needed,
//! and what happens when there is no room for it.

use std::path::Path;

use crate::fixture::{Recipe, Run, folder, run, tuxling};

/// Functions that run all the time, put aside all the same, and where.
const PLANTED: [(&str, &str); 6] = [
    (
        "vsnprintf",
        "before the kernel has its own handler of faults",
    ),
    ("timer_interrupt", "in an interrupt"),
    ("enqueue_task_fair", "under a lock, with interrupts off"),
    ("worker_thread", "in a kernel thread"),
    ("do_sys_openat2", "in a system call"),
    ("kernel_restart", "after the last check"),
];

fn recipe(name: &str, prune: &str) -> Recipe {
    Recipe::built_in("pc-shell", name).with(&format!(
        "[prune]\nlevel = \"tight\"\nmissing = \"load\"\n{prune}"
    ))
}

fn prune(recipe: &Path, arguments: &[&str]) -> Run {
    let mut command = tuxling();
    command.current_dir(recipe.parent().expect("it stands in a folder"));
    run(command.arg("prune").arg(recipe).args(arguments))
}

#[test]
fn what_was_pruned_is_loaded_wherever_it_is_needed() {
    let dir = folder();
    let recipe = recipe("loads", "").write(dir.path());
    let mut arguments = vec!["--runs", "3", "--boots", "2", "--json"];
    for (function, _) in PLANTED {
        arguments.extend(["--drop", function]);
    }
    let pruned = prune(&recipe, &arguments).ends_with(0);
    let certificate = pruned.json();
    let attempts = certificate["attempts"].as_array().expect("a list");
    // Nothing has to be put back: the first link is the last.
    assert!(
        attempts.iter().all(|a| a["outcome"] == "passed"),
        "{attempts:?}"
    );
    let linked = attempts.iter().filter(|a| !a["link_seconds"].is_null());
    assert_eq!(linked.count(), 1);
    let loaded = |a: &serde_json::Value| a["loaded_pages"].as_u64();
    let least = attempts.iter().filter_map(loaded).min();
    assert!(least > Some(3), "{attempts:?}");
    let cold = &certificate["loaded"];
    assert!(cold["cold_bytes"].as_u64() > Some(100_000), "{cold}");
    let (stored, all) = (cold["store_bytes"].as_u64(), cold["cold_bytes"].as_u64());
    assert!(stored < all, "{cold}");

    let outputs = dir.path().join("build/loads/pruned");
    let map = std::fs::read_to_string(outputs.join("System.map")).expect("a map");
    for (function, where_it_runs) in PLANTED {
        let name = format!(" {function}");
        let line = map.lines().find(|line| line.ends_with(&name));
        let line = line.unwrap_or_else(|| panic!("{function} is not there"));
        assert!(line.starts_with("fe"), "{where_it_runs}: {line}");
    }

    // The certificate makes the same bytes again.
    let path = "build/loads/pruned/loads.cert.json";
    prune(&recipe, &["--verify", path]).ends_with(0);
}

#[test]
fn a_reserve_that_is_used_up_stops_the_machine_and_says_so() {
    let dir = folder();
    let recipe = recipe("short", "reserve = \"4KiB\"").write(dir.path());
    let mut arguments = vec!["--runs", "3", "--boots", "1"];
    for (function, _) in PLANTED {
        arguments.extend(["--drop", function]);
    }
    let pruned = prune(&recipe, &arguments);
    assert_eq!(pruned.code, Some(5), "{}", pruned.stderr);
    pruned.says(&["no page of the reserve was left for "]);
}

#[test]
fn another_architecture_has_no_loader_and_says_so() {
    let dir = folder();
    let over = "[prune]\nlevel = \"tight\"\nmissing = \"load\"";
    let recipe = Recipe::built_in("versatilepb", "arm").with(over);
    let recipe = recipe.write(dir.path());
    prune(&recipe, &[])
        .ends_with(1)
        .says(&["kernels for arm can't load what was pruned"]);
}
