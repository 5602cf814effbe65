//! A matrix: its cells are booted, what can't be says why, and nothing is made
//! twice.

use std::fs;

use crate::fixture::{Recipe, folder, run, tuxling};

#[test]
fn cells_are_kept_and_what_cant_be_is_said_in_a_word() {
    let dir = folder();
    let recipe = Recipe::pc_shell("grid").write(dir.path());
    let matrix = |over: &[&str]| {
        let mut command = tuxling();
        command.current_dir(dir.path()).arg("matrix").arg(&recipe);
        command.arg("--over").args(over);
        command.args(["--no-boot-cost", "--write-best", "--json"]);
        command
    };
    // One kernel for all of them.
    let axes = ["toolchain=gcc-99", "machine.cpu=pentium3,486"];
    let json = run(&mut matrix(&axes)).ends_with(0).json();
    let cells = json["cells"].as_array().expect("cells");
    let told: Vec<_> = cells.iter().map(|c| c["ended"].as_str()).collect();
    let expected = ["passed", "no gcc-99", "passed", "check failed"].map(Some);
    // A 486 has no instructions for what i686 programs are compiled to.
    assert_eq!(told[..3], expected[..3], "{json:#}");
    assert_ne!(told[3], Some("infrastructure broke"), "{json:#}");
    assert!(cells[1]["figures"].is_null());
    let page = dir.path().join("build/grid/matrix/matrix.html");
    assert!(fs::read_to_string(page).expect("a page").contains("gcc-99"));

    // Again, with one value more: the others are there already.
    let again = run(&mut matrix(&["machine.cpu=pentium3,486,pentium2"])).ends_with(0);
    let said = again.stderr.matches("boot and checks").count();
    assert_eq!(said, 1, "{}", again.stderr);

    let twice = run(&mut matrix(&["machine.cpu=486", "machine.cpu=pentium2"])).ends_with(1);
    assert!(twice.stderr.contains("given twice"), "{}", twice.stderr);
    let wrong = run(&mut matrix(&["machine.cpus=none"])).ends_with(1);
    assert!(wrong.stderr.contains("cpus"), "{}", wrong.stderr);
}

#[test]
fn two_systems_in_turn_their_stacks_and_a_history_of_one_kernel() {
    let dir = folder();
    let one = Recipe::pc_shell("one").write(dir.path());
    let other = Recipe::pc_shell("other")
        .with("machine.memory = \"40MiB\"")
        .write(dir.path());
    let called = |words: &[&str]| {
        let mut command = tuxling();
        command.current_dir(dir.path()).args(words);
        command
    };
    let (one, other) = (one.to_string_lossy(), other.to_string_lossy());
    let json = run(&mut called(&["ab", &one, &other, "--boots", "2", "--json"]))
        .ends_with(0)
        .json();
    assert_eq!(json["boots"], 2);
    let figures = json["figures"].as_array().expect("figures");
    let named = |name: &str| figures.iter().find(|f| f["name"] == name);
    assert!(
        named("RAM in use").is_some_and(|f| f["a"].as_f64() > Some(500.0)),
        "{json:#}"
    );
    assert!(named("check shell, guest's clock").is_some(), "{json:#}");
    let counted = json["instructions"].as_array().expect("both are counted");
    assert!(
        counted.iter().all(|n| n.as_u64() > Some(10_000_000)),
        "{json:#}"
    );
    let same = run(&mut called(&["ab", &one, &one])).ends_with(1);
    assert!(same.stderr.contains("both are"), "{}", same.stderr);

    let stacks = run(&mut called(&[
        "ram", &one, "--stacks", "--boots", "1", "--json",
    ]));
    let stacks = stacks.ends_with(0).json();
    assert_eq!(stacks["stack_bytes"], 8192);
    let deepest = stacks["deepest_bytes"].as_u64().expect("a mark");
    assert!((500..8192).contains(&deepest), "{stacks:#}");
    let marks = stacks["marks"].as_array().expect("marks");
    for task in ["swapper", "init", "kthreadd"] {
        assert!(
            marks.iter().any(|mark| mark["task"] == task),
            "{task} {stacks:#}"
        );
    }

    let versions = [
        "history",
        &one,
        "--kernels",
        "6.12,9.9",
        "--no-boot-cost",
        "--json",
    ];
    let history = run(&mut called(&versions)).ends_with(0).json();
    let ended = |at: usize| history["versions"][at]["ended"].clone();
    assert_eq!(
        (ended(0), ended(1)),
        ("passed".into(), "no source".into()),
        "{history:#}"
    );
    assert!(dir.path().join("build/one/history/history.html").is_file());
}
