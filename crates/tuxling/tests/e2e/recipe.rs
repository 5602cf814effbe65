//! What is wrong with a recipe, its configuration, its sources or its budget
//! is told before more is done, with the exit code that belongs to it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::fixture::{Recipe, cache, folder, half_written, pc_net, run, tuxling};

fn build(recipe: &Path) -> Command {
    let mut command = tuxling();
    command
        .current_dir(recipe.parent().expect("it stands in a folder"))
        .arg("build")
        .arg(recipe);
    command
}

/// The phases that follow the configuration in a build's progress.
#[track_caller]
fn nothing_was_compiled(stderr: &str) {
    for phase in ["C library", "kernel headers", "BusyBox", "ramdisk "] {
        let told = stderr.lines().any(|line| line.starts_with(phase));
        assert!(!told, "{phase} was begun:\n{stderr}");
    }
}

#[test]
fn a_request_that_the_configuration_drops_is_refused_with_its_dependency() {
    let dir = folder();
    let recipe = Recipe::pc_net("dropped")
        .with("kernel.options = \"CONFIG_IPV6_SIT=y\\n\"")
        .write(dir.path());
    let run = run(&mut build(&recipe)).ends_with(3).says(&[
        "error: the configuration drops 1 request of the recipe's",
        "CONFIG_IPV6_SIT=y (asked for by kernel.options",
        "defined at net/ipv6/Kconfig:",
        "needs IPV6 [=n]",
        "help: ",
    ]);
    nothing_was_compiled(&run.stderr);
    assert!(!dir.path().join("build/dropped/kernel").exists());
    assert_eq!(half_written(dir.path()), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_symbol_that_does_not_exist_is_refused_with_the_nearest_one() {
    let dir = folder();
    let recipe = Recipe::pc_net("typo")
        .with("kernel.options = \"CONFIG_SERIAL_8520=y\\n\"")
        .write(dir.path());
    let run = run(&mut build(&recipe)).ends_with(3).says(&[
        "CONFIG_SERIAL_8520=y",
        "this kernel has no such symbol; did you mean CONFIG_SERIAL_8250?",
    ]);
    nothing_was_compiled(&run.stderr);
}

#[test]
fn what_a_base_loses_and_what_is_a_module_is_told_before_anything_is_compiled() {
    let dir = folder();
    let base = "CONFIG_EXPERT=y\n# CONFIG_BLOCK is not set\nCONFIG_EXT4_FS=y\nCONFIG_WIREGUARD=m\nCONFIG_NO_SUCH_THING=y\n\
                CONFIG_RETPOLINE=y\nCONFIG_ARCH_TEGRA=y\nCONFIG_GCC_VERSION=1\n\
                # CONFIG_GONE is not set\n";
    fs::write(dir.path().join("mine.config"), base).expect("writable");
    // The request that is dropped ends the build early.
    let recipe = Recipe::pc_net("base")
        .with("kernel.config = \"file:mine.config\"")
        .with("kernel.options = \"CONFIG_MODULES=y\\nCONFIG_E1000=m\\nCONFIG_NO_MORE=y\\n\"")
        .write(dir.path());
    let run = run(&mut build(&recipe)).ends_with(3);
    let told = run
        .stderr
        .lines()
        .skip_while(|line| !line.starts_with("note: "));
    let told: Vec<&str> = told.take_while(|line| !line.starts_with("error")).collect();
    let told = told.join("\n");
    for line in [
        "note: 5 lines of mine.config don't hold:\n  \
         CONFIG_RETPOLINE=y: gone or renamed since: MITIGATION_RETPOLINE?\n  \
         CONFIG_EXT4_FS=y: needs BLOCK [=n]\n  \
         CONFIG_WIREGUARD=m: needs NET_CORE [=n]\n  \
         CONFIG_ARCH_TEGRA=y: only arm and arm64 have it\n  \
         CONFIG_NO_SUCH_THING=y: gone or renamed since\n",
        "symbols are m, and modules are not made: they do nothing; the board, the network or the \
         ramdisk needs CONFIG_E1000=y",
    ] {
        assert!(told.contains(line), "no {line:?} in\n{told}");
    }
    nothing_was_compiled(&run.stderr);
}

#[test]
fn a_dropped_request_can_be_allowed() {
    let checked = pc_net();
    let dir = folder();
    // Without the symbol the configuration is that of pc-net.
    let recipe = Recipe::pc_net("allowed")
        .with("kernel.options = \"CONFIG_SERIAL_8520=y\\n\"")
        .write(dir.path());
    let run = run(build(&recipe).args(["--allow-dropped", "--json"]))
        .ends_with(0)
        .says(&[
            "note: the configuration drops what was asked for",
            "CONFIG_SERIAL_8520",
        ]);
    assert_eq!(
        run.json()["ids"]["build_id"],
        checked.record["ids"]["build_id"]
    );
}

#[test]
fn a_system_over_its_budget_is_told_by_how_much() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("too-large")
        .with("budget = { image = \"100KiB\", ramdisk = \"10KiB\" }")
        .write(dir.path());
    let run = run(build(&recipe).arg("--json")).ends_with(6).says(&[
        "error: too-large is over its budget",
        "the kernel's image: ",
        "the ramdisk: ",
        "[budget]",
    ]);
    assert_eq!(run.json()["recipe"], "too-large");
    assert!(dir.path().join("build/too-large/kernel").exists());
}

#[test]
fn an_unknown_key_is_underlined() {
    let dir = folder();
    let path = dir.path().join("wrong.toml");
    fs::write(&path, "board = \"pc\"\n[machine]\nmemroy = \"32MiB\"\n").expect("writable");
    let mut build = build(Path::new("wrong.toml"));
    let run = run(build.current_dir(dir.path())).ends_with(1).says(&[
        "error: unknown key `memroy`",
        "wrong.toml:3:1",
        "3 | memroy = \"32MiB\"",
        "^^^^^^ not a key of [machine]",
        "did you mean `memory`?",
    ]);
    assert!(run.stdout.is_empty());
    assert!(!dir.path().join("build").exists());
}

#[test]
fn a_built_in_recipe_that_does_not_exist_is_told_with_the_nearest_one() {
    let dir = folder();
    let mut build = tuxling();
    build.current_dir(dir.path()).args(["build", "pc-nte"]);
    run(&mut build)
        .ends_with(1)
        .says(&["there is no recipe `pc-nte`", "did you mean `pc-net`?"]);
}

#[test]
fn a_new_recipe_has_no_errors_and_is_never_written_over() {
    let dir = folder();
    for (name, network) in [("mine", "dhcp"), ("alone", "none")] {
        let new = |name: &str| {
            let mut new = tuxling();
            new.current_dir(dir.path());
            run(new.args(["new", name, "--network", network]))
        };
        let told = new(name).ends_with(0);
        assert!(told.stdout.contains(&format!("tuxling check {name}.toml")));
        let path = dir.path().join(format!("{name}.toml"));
        run(build(&path).arg("--dry-run")).ends_with(0);
        let text = fs::read_to_string(&path).expect("was written");
        new(name).ends_with(1).says(&["is there already"]);
        assert_eq!(fs::read_to_string(&path).expect("still there"), text);
    }
}

#[test]
fn a_dry_run_prints_the_commands_and_makes_nothing() {
    let dir = folder();
    for command in ["build", "check", "boot"] {
        let mut dry = tuxling();
        dry.current_dir(dir.path());
        let run = run(dry.args([command, "pc-net", "--dry-run"])).ends_with(0);
        for part in [
            "linux-source-6.12",
            "make -C ",
            " olddefconfig",
            " bzImage",
            " busybox",
        ] {
            assert!(run.stdout.contains(part), "no {part} in:\n{}", run.stdout);
        }
        let boots = run.stdout.contains("qemu-system-i386 -nodefaults");
        assert_eq!(boots, command != "build");
    }
    let left: Vec<_> = fs::read_dir(dir.path()).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn locked_refuses_a_source_that_the_lock_does_not_name() {
    let checked = pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("locked").write(dir.path());
    let lock = fs::read_to_string(checked.dir.join("pc-net.lock")).expect("a lock file");
    let path = dir.path().join("locked.lock");
    fs::write(&path, &lock).expect("writable");
    run(build(&recipe).arg("--locked")).ends_with(0);

    let version = checked.record["inputs"]["sources"]["linux"]["version"].as_str();
    let other = lock.replace(version.expect("a version"), "6.12.1-1");
    let hash = checked.record["inputs"]["sources"]["linux"]["sha256"].as_str();
    let other = other.replace(hash.expect("a hash"), &"0".repeat(64));
    fs::write(&path, &other).expect("writable");
    run(build(&recipe).arg("--locked"))
        .ends_with(2)
        .says(&["linux", "6.12.1-1"]);
    assert_eq!(fs::read_to_string(&path).expect("kept"), other);
}

#[test]
fn a_patch_that_does_not_apply_fails_the_build_and_leaves_no_tree() {
    pc_net();
    let dir = folder();
    let patch = "--- a/init/main.c\n+++ b/init/main.c\n@@ -1,3 +1,3 @@\n no such line\n\
                 -nor this one\n+but this\n and this\n";
    fs::write(dir.path().join("wrong.patch"), patch).expect("writable");
    let recipe = Recipe::pc_net("patched")
        .with("kernel.patches = [\"wrong.patch\"]")
        .write(dir.path());
    let run = run(&mut build(&recipe))
        .ends_with(4)
        .says(&["wrong.patch", "init/main.c"]);
    nothing_was_compiled(&run.stderr);
    assert_eq!(
        half_written(&cache().join("sources")),
        Vec::<std::path::PathBuf>::new()
    );
}
