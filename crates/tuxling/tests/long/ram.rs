//! The smallest RAM of whole recipes, from the recipe's RAM down, and what a
//! download costs.

use serde_json::Value;

use crate::fixture::{TCG, folder, lock, pc_net, run, tuxling};

fn ram(name: &str, more: &[&str]) -> Value {
    pc_net();
    let dir = folder();
    lock(dir.path(), name);
    let mut ram = tuxling();
    ram.current_dir(dir.path()).args(["ram", name, "--json"]);
    run(ram.args(TCG).args(more)).ends_with(0).json()
}

#[track_caller]
fn confirmed(report: &Value) {
    assert_eq!(report["confirmed"], true, "{report}");
    let edge = report["smallest_kib"].as_u64().expect("an edge");
    for below in [16, 32] {
        let tried = report["tried"].as_array().expect("sizes");
        let tried = tried.iter().find(|tried| tried["kib"] == edge - below);
        assert_eq!(tried.map(|tried| &tried["failed"]), Some(&Value::from(3)));
    }
}

#[test]
fn the_smallest_ram_of_versatilepb_is_where_its_decompressor_works() {
    let report = ram("versatilepb", &[]);
    confirmed(&report);
    assert_eq!(report["wall"]["kind"], "decompressor", "{report}");
}

#[test]
fn the_smallest_ram_of_pc_net_and_the_cost_of_a_download_are_found() {
    let report = ram("pc-net", &["--download"]);
    confirmed(&report);
    assert_eq!(report["wall"]["kind"], "ramdisk_over_kernel", "{report}");
    let download = &report["download"];
    for boots in ["with_kib", "without_kib"] {
        assert_eq!(download[boots].as_array().map(Vec::len), Some(9));
    }
    let (median, spread) = (&download["median_kib"], &download["spread_kib"]);
    let larger = spread.as_u64() > median.as_i64().map(i64::unsigned_abs);
    assert_eq!(download["download_kib"].is_null(), larger, "{download}");
}
