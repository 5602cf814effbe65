//! What takes too long for every run: kernels from nothing, and repeated boots.

#[path = "../e2e/bare_boot.rs"]
mod bare_boot;
mod config;
#[path = "../e2e/fixture.rs"]
mod fixture;
#[path = "../e2e/planted.rs"]
mod planted;

mod adversity;
mod boards;
mod busybox_suite;
mod dry_run;
mod prune;
mod prune_aarch64;
mod prune_arm;
mod prune_cpus;
mod prune_x86_64;
mod ram;
mod releases;
mod size;
mod symbols;
mod userlands;

use std::fs;

use fixture::{TCG, cache_with, folder, lock, pc_net, record, run, tuxling};

#[test]
fn two_caches_give_byte_identical_kernels() {
    let checked = pc_net();
    let dir = folder();
    // A folder with another length of path, and nothing but the sources.
    let deeper = dir.path().join("a/deeper/folder");
    fs::create_dir_all(&deeper).expect("a folder");
    let own = cache_with(&deeper, &["archives", "sources"]);
    lock(&deeper, "pc-net");
    let mut build = tuxling();
    build
        .current_dir(&deeper)
        .env("TUXLING_CACHE", &own)
        // Or it would be the same objects.
        .env("CCACHE_DIR", dir.path().join("ccache"))
        .args(["build", "pc-net", "--json"]);
    let there = run(&mut build).ends_with(0).json();
    assert_eq!(there["ids"]["image_id"], checked.record["ids"]["image_id"]);
    for name in ["kernel", "vmlinux", "ramdisk", "System.map", "config"] {
        let first = fs::read(checked.outputs().join(name)).expect("an output");
        let second = fs::read(deeper.join("build/pc-net").join(name)).expect("an output");
        assert!(first == second, "{name} differs");
    }
}

#[test]
fn pc_net_passes_ten_times_in_a_row() {
    let checked = pc_net();
    for attempt in 1..=10 {
        let mut check = tuxling();
        check.current_dir(&checked.dir).args(["check", "pc-net"]);
        let run = run(check.args(TCG).arg("--no-boot-cost"));
        assert_eq!(run.code, Some(0), "attempt {attempt}: {}", run.stderr);
    }
}

#[test]
fn the_instructions_of_a_boot_are_counted_alike_each_time() {
    pc_net();
    let counts: Vec<_> = (0..3)
        .map(|_| {
            let dir = folder();
            // All but store.sqlite, which remembers the count.
            let topics = [
                "agent", "archives", "busybox", "configs", "headers", "kernels", "musl",
                "ramdisks", "sources",
            ];
            let own = cache_with(dir.path(), &topics);
            lock(dir.path(), "pc-net");
            let mut check = tuxling();
            check.current_dir(dir.path()).env("TUXLING_CACHE", own);
            run(check.args(["check", "pc-net"]).args(TCG)).ends_with(0);
            record(&dir.path().join("build/pc-net"))["boot"]["instructions"].clone()
        })
        .collect();
    assert!(counts[0].is_u64(), "{counts:?}");
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
}
