//! What a system that passes shows: the record, the card, the caches.

use std::path::Path;

use serde_json::Value;

use crate::fixture::{
    Recipe, check, folder, half_written, lock, outputs, pc_net, processes_with, record, run,
    tuxling,
};

#[track_caller]
fn number(record: &Value, pointer: &str) -> u64 {
    let value = record.pointer(pointer);
    value
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer} is {value:?}"))
}

#[track_caller]
fn all_checks_passed(record: &Value, names: &[&str]) {
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    let checks = record["checks"].as_array().expect("checks");
    let told: Vec<_> = checks.iter().map(|check| &check["name"]).collect();
    assert_eq!(told, names);
    for check in checks {
        assert_eq!(check["outcome"], "passed", "{check}");
        assert!(check["seconds"].as_f64().is_some_and(|s| s >= 0.0));
        assert!(check["detail"].as_str().is_some_and(|d| !d.is_empty()));
    }
}

#[test]
fn pc_net_passes_its_five_checks_within_its_budget() {
    let record = &pc_net().record;
    all_checks_passed(record, &["shell", "dhcp", "ping", "download", "sleep"]);
    assert!(number(record, "/image/kernel_bytes") <= 1_250_000);
    assert!(number(record, "/image/ramdisk_bytes") <= 300_000);
    let slept = record["checks"][4]["seconds"].as_f64().expect("a time");
    assert!((0.9..2.0).contains(&slept), "{slept}");
}

#[test]
fn pc_shell_passes_without_a_network() {
    let dir = folder();
    // The long tests check the recipe as it stands.
    let recipe = Recipe::pc_shell("shell");
    let record = run(&mut check(&recipe.write(dir.path())))
        .ends_with(0)
        .json();
    all_checks_passed(&record, &["shell", "sleep"]);
    let qemu: Vec<_> = record["qemu"].as_array().expect("a list").iter().collect();
    let at = qemu.iter().position(|word| *word == "-nic");
    assert_eq!(at.map(|at| qemu[at + 1]), Some(&Value::from("none")));
    assert!(
        number(&record, "/image/kernel_bytes") < number(&pc_net().record, "/image/kernel_bytes")
    );
}

#[test]
fn the_record_tells_the_sizes_of_the_files_that_are_there() {
    let checked = pc_net();
    let record = &checked.record;
    let size = |name: &str| {
        let file = checked.outputs().join(name);
        file.metadata().expect("an output").len()
    };
    let kernel = number(record, "/image/kernel_bytes");
    assert_eq!(kernel, size("kernel"));
    assert_eq!(number(record, "/image/ramdisk_bytes"), size("ramdisk"));
    assert_eq!(
        number(record, "/image/total_bytes"),
        size("kernel") + size("ramdisk")
    );
    let payload = number(record, "/image/payload_bytes");
    assert!(kernel / 2 < payload && payload < kernel, "{payload}");
    let text = number(record, "/vmlinux/text_bytes");
    let init = number(record, "/vmlinux/init_bytes");
    assert!(text > 1_000_000 && text < size("vmlinux"), "{text}");
    assert!(init > 10_000 && init < text, "{init}");
    for part in ["data_bytes", "bss_bytes"] {
        assert!(number(record, &format!("/vmlinux/{part}")) > 10_000);
    }
    let sections = record["vmlinux"]["sections"].as_object().expect("sections");
    assert!(sections.contains_key(".text"));
    let files = record["ramdisk"]["files"].as_object().expect("files");
    let sum: u64 = files.values().filter_map(Value::as_u64).sum();
    let archive = number(record, "/ramdisk/archive_bytes");
    assert!(sum < archive && archive < sum + 100_000, "{sum} {archive}");
    assert!(files.contains_key("/bin/busybox"));
}

#[test]
fn the_ram_numbers_of_the_record_agree_with_each_other() {
    let record = &pc_net().record;
    let [machine, total, used, free, cache, agent] =
        ["machine", "total", "used", "free", "cache", "agent"]
            .map(|what| number(record, &format!("/ram/{what}_kib")));
    assert_eq!(machine, 32 * 1024);
    assert!(total < machine && total > machine / 2, "{total}");
    assert_eq!(used + free, total);
    assert!(cache < used && agent < used, "{cache} {agent} {used}");
    assert!(record["ram"]["smallest_kib"].is_null());
    assert!(record["ram"]["download_kib"].is_null());
}

#[test]
fn the_record_tells_what_went_in_and_what_was_done() {
    let checked = pc_net();
    let record = &checked.record;
    assert_eq!(record["schema"], "tuxling.record/1");
    assert_eq!(record["recipe"], "pc-net");
    assert_eq!(record["accelerator"], "tcg");
    let sha256 = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        assert!(
            text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()),
            "{value}"
        );
    };
    for id in ["build_id", "image_id", "trial_id"] {
        sha256(&record["ids"][id]);
    }
    sha256(&record["inputs"]["config"]);
    let lock = std::fs::read_to_string(checked.dir.join("pc-net.lock")).expect("a lock file");
    for source in ["linux", "busybox", "musl"] {
        let told = &record["inputs"]["sources"][source];
        sha256(&told["sha256"]);
        for key in ["origin", "version", "sha256"] {
            assert!(lock.contains(told[key].as_str().expect("a text")), "{told}");
        }
    }
    assert!(!record["inputs"]["toolchain"]["cc"].is_null());
    assert_eq!(record["qemu"][0], "qemu-system-i386");
    let phases = record["phases"].as_array().expect("phases");
    let names: Vec<_> = phases.iter().filter_map(|p| p["name"].as_str()).collect();
    for name in [
        "sources",
        "configuration",
        "C library",
        "BusyBox",
        "ramdisk",
        "kernel",
        "boot and checks",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(number(record, "/boot/instructions") > 100_000_000);
    assert!(record["boot"]["seconds"].as_f64().is_some_and(|s| s > 0.0));
}

#[test]
fn the_record_has_all_that_the_schema_requires() {
    let schema = run(tuxling().arg("schema")).ends_with(0).json();
    has_required(&schema, &schema, &pc_net().record);
}

/// Compares `required` of a JSON schema and all below it with a value.
fn has_required(root: &Value, schema: &Value, value: &Value) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#'));
        return has_required(root, target.expect("the definition is there"), value);
    }
    for key in schema["required"].as_array().into_iter().flatten() {
        let key = key.as_str().expect("a name");
        assert!(value.get(key).is_some(), "no {key} in {value}");
    }
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(key) {
            has_required(root, below, value);
        }
    }
    for element in value.as_array().into_iter().flatten() {
        if let Some(items) = schema.get("items") {
            has_required(root, items, element);
        }
    }
}

#[test]
fn the_card_goes_to_standard_output_and_progress_to_standard_error() {
    let checked = pc_net();
    let card = &checked.run.stdout;
    assert!(card.starts_with("pc-net on pc: passed\n"), "{card}");
    for part in ["Image", "Checks", "kernel", "ramdisk", "Ctrl-A X leaves"] {
        assert!(card.contains(part), "no {part} in:\n{card}");
    }
    assert!(card.contains("qemu-system-i386 "), "{card}");
    for phase in ["sources", "kernel", "boot and checks"] {
        assert!(checked.run.stderr.contains(phase));
    }
}

#[test]
fn a_second_build_finds_every_phase_done() {
    pc_net();
    let dir = folder();
    lock(dir.path(), "pc-net");
    let build = || {
        let mut build = tuxling();
        build.current_dir(dir.path());
        run(build.args(["build", "pc-net", "--json"])).ends_with(0)
    };
    build();
    let record = build().json();
    let phases = record["phases"].as_array().expect("phases");
    // What belongs to no phase is no result that could be there.
    for phase in phases.iter().filter(|phase| phase["name"] != "other") {
        assert_eq!(phase["cached"], true, "{phase}");
    }
    assert!(record["outcome"].is_null(), "it was not booted");
    assert_eq!(
        record["ids"]["image_id"],
        pc_net().record["ids"]["image_id"]
    );
}

#[test]
fn two_recipes_are_compared_by_their_records() {
    let checked = pc_net();
    let file = checked.outputs().join("record.json");
    let mut diff = tuxling();
    let run = run(diff.arg("diff").args([&file, &file])).ends_with(0);
    assert!(run.stdout.contains("kernel"), "{}", run.stdout);
}

#[test]
fn without_a_wish_for_an_accelerator_one_that_works_is_taken() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("any-accelerator").write(dir.path());
    let mut check = tuxling();
    check.current_dir(dir.path()).arg("check").arg(&recipe);
    run(check.arg("--no-boot-cost")).ends_with(0);
    let record = record(&outputs(&recipe));
    assert_eq!(record["outcome"], "passed");
    assert!(["tcg", "kvm"].contains(&record["accelerator"].as_str().unwrap_or_default()));
}

#[test]
fn nothing_is_left_running_or_half_written_after_success() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("leaves-nothing").write(dir.path());
    run(&mut check(&recipe)).ends_with(0);
    let path = dir.path().display().to_string();
    assert_eq!(processes_with(&path), Vec::<String>::new());
    assert_eq!(half_written(dir.path()), Vec::<std::path::PathBuf>::new());
    assert!(Path::new(&outputs(&recipe)).join("kernel").exists());
}
