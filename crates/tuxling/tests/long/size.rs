//! What options cost, foretold and really built without. The table in
//! docs/size.md comes from here.

use serde_json::Value;

use crate::fixture::{Recipe, check, folder, lock, pc_net, run, tuxling};

/// Options of pc-net that can be turned off with its checks still passing, the
/// dearest first, as far as the Makefiles tell. Members of choices are left
/// out: they can only be exchanged.
const OPTIONS: [&str; 6] = [
    "CPU_SUP_INTEL",
    "CPU_SUP_AMD",
    "POSIX_TIMERS",
    "UNIX",
    "PTP_1588_CLOCK",
    "PROC_SYSCTL",
];

fn payload(record: &Value) -> f64 {
    record["image"]["payload_bytes"]
        .as_f64()
        .expect("a bzImage")
}

#[test]
fn what_an_option_costs_is_foretold() {
    let whole = payload(&pc_net().record);
    let dir = folder();
    lock(dir.path(), "pc-net");
    let mut size = tuxling();
    size.current_dir(dir.path())
        .args(["size", "pc-net", "--json", "--without"])
        .arg(OPTIONS.join(","));
    let told = run(&mut size).ends_with(0).json();
    let mut errors = Vec::new();
    println!("| option | foretold | built without | error |\n|---|--:|--:|--:|");
    for row in told.as_array().expect("rows") {
        let option = row["option"].as_str().expect("a name");
        let name = format!("no-{}", option.to_lowercase().replace('_', "-"));
        let options = format!("[kernel]\noptions = \"# CONFIG_{option} is not set\"\n");
        let recipe = Recipe::pc_net(&name).with(&options).write(dir.path());
        let built = run(&mut check(&recipe)).ends_with(0).json();
        assert_eq!(built["outcome"], "passed", "{option}");
        let real = whole - payload(&built);
        let foretold = row["compressed"].as_f64().expect("bytes");
        let error = (foretold - real) / real;
        println!(
            "| `{option}` | {foretold} | {real} | {:+.1} % |",
            error * 100.0
        );
        errors.push(error.abs());
    }
    errors.sort_by(f64::total_cmp);
    let (median, worst) = (errors[errors.len() / 2], errors[errors.len() - 1]);
    assert!(
        median <= 0.10 && worst <= 0.25,
        "median {median:.3}, worst {worst:.3}"
    );
}
