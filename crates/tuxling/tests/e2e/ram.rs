//! The smallest RAM, and where all of the RAM is.

use serde_json::Value;

use crate::fixture::{Recipe, TCG, cache_with, folder, outputs, pc_net, record, run, tuxling};

/// Every use of RAM once: the entries add up to the machine.
#[track_caller]
pub(crate) fn adds_up(record: &Value) {
    let mem = &record["mem"];
    let machine = mem["machine_kib"].as_i64().expect("a machine");
    let entries = mem["entries"].as_array().expect("entries");
    let sum: i64 = entries.iter().filter_map(|e| e["kib"].as_i64()).sum();
    assert!((sum - machine).abs() <= 4, "{sum} of {machine}: {mem}");
    for entry in entries {
        assert!(entry["kib"].as_i64().is_none_or(|kib| kib >= 0), "{entry}");
    }
}

fn kib(record: &Value, owner: &str, name: &str) -> i64 {
    let entries = record["mem"]["entries"].as_array().expect("entries");
    let found = entries
        .iter()
        .find(|e| e["owner"] == owner && e["name"] == name);
    found
        .and_then(|e| e["kib"].as_i64())
        .unwrap_or_else(|| panic!("no {owner} {name} in {entries:?}"))
}

#[test]
fn the_ledger_of_a_boot_adds_up_to_the_machine() {
    let record = &pc_net().record;
    adds_up(record);
    // Little is left without a name, and the parts agree with other figures.
    assert!(kib(record, "reserved", "unaccounted") < 100);
    assert!(kib(record, "managed", "unaccounted") < 1024);
    assert_eq!(kib(record, "managed", "free"), record["ram"]["free_kib"]);
    let text = record["vmlinux"]["sections"][".text"].as_i64();
    let text = text.expect("the kernel has text") / 1024;
    assert!((kib(record, "reserved", "kernel text") - text).abs() <= 1);
    let managed: i64 = record["mem"]["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|e| e["owner"] == "managed")
        .filter_map(|e| e["kib"].as_i64())
        .sum();
    assert_eq!(managed, record["ram"]["total_kib"]);
}

/// `pc-net` with its shell alone: the edge is that of the kernel and the files.
fn shell_only(name: &str) -> Recipe {
    Recipe::pc_net(name).with(
        "[[check]]\nname = \"shell\"\nrun = \"cat /proc/version\"\nmatch = \"^Linux version 6\"\n",
    )
}

#[test]
fn the_smallest_ram_passes_every_time_and_below_it_a_named_wall_stands() {
    pc_net();
    let dir = folder();
    let recipe = shell_only("ram-edge").write(dir.path());
    // All but store.sqlite, which remembers the boots of earlier runs.
    let topics = [
        "agent", "archives", "busybox", "configs", "headers", "kernels", "musl", "ramdisks",
        "sources",
    ];
    let own = cache_with(dir.path(), &topics);
    let search = || {
        let mut ram = tuxling();
        ram.env("TUXLING_CACHE", &own);
        ram.current_dir(dir.path()).arg("ram").arg(&recipe);
        ram.args(["--from", "20864KiB", "--to", "21120KiB", "--json"]);
        run(ram.args(TCG)).ends_with(0)
    };
    let first = search();
    let report = first.json();
    assert_eq!(report["schema"], "tuxling.ram/1");
    assert_eq!(report["confirmed"], true, "{report}");
    let edge = report["smallest_kib"].as_u64().expect("an edge");
    let step = report["step_kib"].as_u64().expect("a step");
    assert_eq!((step, edge % step), (16, 0));
    for (kib, passed, failed) in [(edge, 3, 0), (edge - step, 0, 3), (edge - 2 * step, 0, 3)] {
        let tried = report["tried"].as_array().expect("sizes");
        let tried = tried.iter().find(|tried| tried["kib"] == kib);
        let tried = tried.unwrap_or_else(|| panic!("{kib} was not tried: {report}"));
        assert_eq!(
            (&tried["passed"], &tried["failed"]),
            (&passed.into(), &failed.into())
        );
    }
    let wall = &report["wall"];
    assert_eq!(wall["kind"], "ramdisk_over_kernel", "{wall}");
    let said = wall["said"].to_string();
    assert!(said.contains("Initramfs unpacking failed"), "{said}");
    let used = report["steady"]["used_kib"].as_u64().expect("a figure");
    assert!(used < edge / 2, "{used}: most of it is free again");
    assert_eq!(record(&outputs(&recipe))["ram"]["smallest_kib"], edge);
    // All of it is known now: only the wall is looked at again.
    let again = search();
    assert!(!again.stderr.contains("passed"), "{}", again.stderr);
    assert_eq!(again.json()["tried"], report["tried"]);
}

#[test]
fn a_range_without_any_size_is_refused() {
    pc_net();
    let dir = folder();
    let recipe = shell_only("ram-range").write(dir.path());
    let mut ram = tuxling();
    ram.current_dir(dir.path()).arg("ram").arg(&recipe);
    run(ram.args(["--from", "24MiB", "--to", "20MiB"]).args(TCG))
        .ends_with(1)
        .says(&["nothing lies between", "--from is the least"]);
}

#[test]
fn what_a_connection_costs_is_the_slope_over_many() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("connected").write(dir.path());
    let mut ram = tuxling();
    ram.current_dir(dir.path()).arg("ram").arg(&recipe);
    ram.args(["--connections", "1,40", "--boots", "2", "--json"]);
    let json = run(ram.args(["--accel", "tcg"])).ends_with(0).json();
    let slope = |of: &str| json[of]["kib"].as_f64().expect("a slope");
    // A socket, its inode and file; and what waits in it unread.
    assert!((1.0..16.0).contains(&slope("idle")), "{json:#}");
    assert!(slope("full") > slope("idle") + 4.0, "{json:#}");
    assert_eq!(json["seen"][0].as_array().map(Vec::len), Some(2));
}
