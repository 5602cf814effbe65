//! What options cost, foretold and really built without. The table in
//! docs/measurements/size.md comes from here.

use serde_json::Value;

use crate::fixture::{Recipe, check, folder, lock, pc_net, run, tuxling};

fn payload(record: &Value) -> f64 {
    record["image"]["payload_bytes"]
        .as_f64()
        .expect("a bzImage")
}

/// Foretells what an option costs, builds without it, checks that, and compares.
///
/// These are the dearest options of pc-net that can be turned off with its
/// checks still passing, as `tuxling size pc-net --without all --compile` ranks
/// them. There are eight: of the 99 that can be turned off the others save
/// nothing, are what the checks use (NET, TTY, E1000, POSIX_TIMERS for ping,
/// COMPAT_32BIT_TIME for sleep, BINFMT_SCRIPT for the start), or protect (BUG).
fn foretold(option: &str) {
    let whole = payload(&pc_net().record);
    let dir = folder();
    lock(dir.path(), "pc-net");
    let mut size = tuxling();
    size.current_dir(dir.path()).args([
        "size",
        "pc-net",
        "--json",
        "--compile",
        "--without",
        option,
    ]);
    let told = run(&mut size).ends_with(0).json();
    assert_eq!(told["options"][0]["by"], "compiling", "{told}");
    let foretold = told["options"][0]["compressed"].as_f64().expect("bytes");
    let name = format!("no-{}", option.to_lowercase().replace('_', "-"));
    let options = format!("[kernel]\noptions = \"# CONFIG_{option} is not set\"\n");
    let recipe = Recipe::pc_net(&name).with(&options).write(dir.path());
    let built = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(built["outcome"], "passed", "{option}");
    let real = whole - payload(&built);
    let error = (foretold - real) / real;
    println!(
        "| `{option}` | {foretold} | {real} | {:+.1} % |",
        error * 100.0
    );
    // Each of them: closer than a median of 10 % and a worst of 25 %.
    assert!(error.abs() <= 0.10, "{option}: {foretold}, really {real}");
}

#[test]
fn what_support_for_intels_processors_costs_is_foretold() {
    foretold("CPU_SUP_INTEL");
}

#[test]
fn what_the_kernels_log_costs_is_foretold() {
    foretold("PRINTK");
}

#[test]
fn what_support_for_amds_processors_costs_is_foretold() {
    foretold("CPU_SUP_AMD");
}

#[test]
fn what_unix_sockets_costs_is_foretold() {
    foretold("UNIX");
}

#[test]
fn what_clocks_of_network_cards_costs_is_foretold() {
    foretold("PTP_1588_CLOCK");
}

#[test]
fn what_sysctl_costs_is_foretold() {
    foretold("PROC_SYSCTL");
}

#[test]
fn what_the_place_of_a_bug_costs_is_foretold() {
    foretold("DEBUG_BUGVERBOSE");
}

#[test]
fn what_a_console_at_the_serial_port_costs_is_foretold() {
    foretold("SERIAL_8250_CONSOLE");
}
