//! Linux in a few hundred KiB of RAM: kernel and programs in flash memory.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::fixture::{Recipe, TCG, cache_with, check, folder, home, outputs, record, run, tuxling};

/// `mps2`, built, booted and checked once for all tests.
fn mps2() -> &'static Value {
    static CHECKED: OnceLock<Value> = OnceLock::new();
    CHECKED.get_or_init(|| {
        let dir = home().join("mps2");
        fs::create_dir_all(&dir).expect("a folder for mps2");
        run(tuxling()
            .current_dir(&dir)
            .args(["check", "mps2"])
            .args(TCG))
        .ends_with(0);
        record(&dir.join("build/mps2"))
    })
}

/// A variant of the recipe, with its sources' lock file.
fn variant(name: &str, over: &str, folder: &Path) -> std::path::PathBuf {
    mps2();
    let lock = home().join("mps2/mps2.lock");
    let recipe = Recipe::built_in("mps2", name).with(over);
    recipe.write_with(folder, &lock)
}

#[test]
fn a_shell_in_flash_reads_a_file_sleeps_and_starts_a_program() {
    let record = mps2();
    assert_eq!(record["outcome"], "passed");
    for check in record["checks"].as_array().expect("a list") {
        assert_eq!(
            (&check["outcome"], &check["via"]),
            (&"passed".into(), &"console".into())
        );
    }
    let bytes = |key: &str| record["image"][key].as_u64().expect("a number");
    let flash = fs::metadata(home().join("mps2/build/mps2/flash")).expect("an output");
    assert_eq!(flash.len(), bytes("flash_bytes"));
    let parts = bytes("kernel_bytes") + bytes("ramdisk_bytes") + bytes("device_tree_bytes");
    assert_eq!(bytes("total_bytes"), parts);
    assert!(bytes("flash_bytes") >= parts);
    assert_eq!(record["ram"]["machine_kib"], 320);
}

#[test]
fn an_image_of_flash_is_the_same_when_it_is_made_again() {
    mps2();
    let folder = folder();
    let topics = [
        "archives", "sources", "configs", "kernels", "objects", "probes",
    ];
    let cache = cache_with(folder.path(), &topics);
    fs::copy(
        home().join("mps2/mps2.lock"),
        folder.path().join("mps2.lock"),
    )
    .expect("a copy");
    let mut build = tuxling();
    build.env("TUXLING_CACHE", cache).current_dir(folder.path());
    run(build.args(["build", "mps2"])).ends_with(0);
    let image = |dir: &Path| fs::read(dir.join("build/mps2/flash")).expect("an image");
    assert!(image(folder.path()) == image(&home().join("mps2")));
}

#[test]
fn a_second_program_is_started_in_272_kib_and_not_in_all_that_is_less() {
    let folder = folder();
    let path = variant("edge", "", folder.path());
    let mut ram = tuxling();
    ram.current_dir(folder.path()).arg("ram").arg(&path);
    let search = ram.args(["--from", "232KiB", "--to", "288KiB", "--json"]);
    let report = run(search.args(TCG)).ends_with(0).json();
    let smallest = report["smallest_kib"].as_u64().expect("a size");
    assert!(smallest <= 272, "{smallest} KiB");
    assert_eq!(report["step_kib"], 4);
    let failed = |tried: &Value| tried["failed"].as_u64() > Some(0);
    let tried = report["tried"].as_array().expect("a list");
    assert!(tried.iter().any(failed), "{report:#}");
}

#[test]
fn a_thousand_programs_and_an_hour_leave_no_ram_behind() {
    let folder = folder();
    let path = variant(
        "thousand",
        r#"
        [[check]]
        name    = "first"
        run     = "hello once; sleep 2; free"
        [[check]]
        name    = "thousand"
        run     = "repeat 1000 hello again"
        timeout = "300s"
        [[check]]
        name    = "last"
        run     = "sleep 2; free"
        [[check]]
        name    = "hour"
        run     = "sleep 3600; free"
        timeout = "600s"
        "#,
        folder.path(),
    );
    // Idle time is skipped: the hour takes seconds.
    let clock = ["--qemu-arg=-icount", "--qemu-arg=shift=5,sleep=off"];
    let record = run(check(&path).args(clock)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{record:#}");
    let console = outputs(&path).join("boot/console.log");
    let console = fs::read_to_string(console).expect("a console");
    assert_eq!(console.matches("\nhello again").count(), 1000);
    let after_words = |line: &str| {
        let (_, rest) = line.split_once("KiB free ")?;
        rest.split(' ').next()?.parse().ok()
    };
    let free: Vec<u64> = console.lines().filter_map(after_words).collect();
    let [before, after, later] = free[..] else {
        panic!("{console}");
    };
    // A page of a cache may be in use or not.
    let least = after.min(later) + 8;
    assert!(
        least >= before,
        "{before} KiB free, then {after} and {later}"
    );
}

#[test]
fn a_byte_written_to_flash_or_beyond_the_ram_is_found() {
    let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipe/boards");
    let text = |name: &str| fs::read_to_string(boards.join(name)).expect("a board's file");
    for (at, told) in [
        ("0x3000", "flash memory was written to at 0x3000"),
        (
            "0x20080000",
            "RAM was used at 0x20080000, beyond what the device tree tells",
        ),
    ] {
        let folder = folder();
        let spoiled =
            format!("start:\tldr\tr3, ={at}\n\tldr\tr0, =0x55555555\n\tstr\tr0, [r3]\n\tldr");
        let start = text("mps2.S").replacen("start:\tldr", &spoiled, 1);
        assert!(start.contains(at), "{start}");
        fs::write(folder.path().join("mps2.S"), start).expect("writable");
        fs::write(folder.path().join("mps2.dts"), text("mps2.dts")).expect("writable");
        fs::write(folder.path().join("own.toml"), text("mps2-an385.toml")).expect("writable");
        let path = variant("stray", "board = \"./own.toml\"", folder.path());
        let record = run(&mut check(&path)).ends_with(5).json();
        assert_eq!(record["outcome"], "check_failed", "{record:#}");
        assert_eq!(record["reason"], told);
    }
}
