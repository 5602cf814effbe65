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
