//! Where the bytes of a real kernel are: sums are exact, hardly anything is
//! unknown, and what differs between two kernels is what bloat-o-meter says.

use serde_json::Value;

use crate::fixture::{folder, pc_net, run, tuxling};

fn leaves() -> Value {
    pc_net(); // built and checked once for all tests
    let dir = folder();
    let mut command = tuxling();
    command
        .current_dir(dir.path())
        .args(["size", "pc-net", "--json", "--leaves"]);
    run(&mut command).ends_with(0).json()
}

fn sum(leaves: &[Value], figure: &str, which: impl Fn(&Value) -> bool) -> u64 {
    let which = leaves.iter().filter(|leaf| which(leaf));
    which.filter_map(|leaf| leaf[figure].as_u64()).sum()
}

#[test]
fn every_byte_of_pc_nets_kernel_stands_in_one_place() {
    let told = leaves();
    let leaves = told["leaves"].as_array().expect("leaves");
    let all = |_: &Value| true;
    assert_eq!(sum(leaves, "share", all), told["image_bytes"]);
    assert_eq!(sum(leaves, "size", all), told["sections_bytes"]);
    assert_eq!(sum(leaves, "ram", all), told["ram_bytes"]);
    assert_eq!(told["share_by"], "xz");
    let image = told["image_bytes"].as_u64().expect("bytes");
    let payload = told["payload_bytes"].as_u64().expect("bytes");
    let boot = ["(setup)", "(decompressor)", "(image)"];
    let around = sum(leaves, "share", |l| boot.iter().any(|b| l["section"] == *b));
    assert_eq!(
        payload + around,
        image,
        "shares of the payload add up to it"
    );
    let unknown = sum(leaves, "share", |l| l["kind"] == "unknown");
    assert!(
        unknown * 100 <= image,
        "{unknown} of {image} bytes are unknown"
    );
    let text = sum(leaves, "size", |l| l["text"] == true);
    let no_option = sum(leaves, "size", |l| {
        l["text"] == true && (l["brought_by"] == "unknown" || l["brought_by"] == "none")
    });
    assert!(
        no_option * 10 <= text,
        "{no_option} of {text} bytes of text have no option"
    );
    // The kernel's own figure for the RAM that it takes: _end − _text, up to
    // what `.brk` adds behind it.
    assert!(told["ram_bytes"].as_u64() > told["sections_bytes"].as_u64());
}

#[test]
fn more_growth_than_is_allowed_ends_with_6() {
    let kernel = pc_net().outputs().join("vmlinux");
    let small = std::env::current_exe().expect("a path");
    let diff = |a: &std::path::Path, b: &std::path::Path| {
        let mut command = tuxling();
        command
            .arg("diff")
            .args([a, b])
            .args(["--fail-over", "4KiB"]);
        run(&mut command)
    };
    diff(&kernel, &kernel).ends_with(0).says(&[]);
    let (a, b) = match std::fs::metadata(&small).expect("there").len() > 8 << 20 {
        true => (&kernel, &small),
        false => (&small, &kernel),
    };
    diff(a, b)
        .ends_with(6)
        .says(&["B larger than", "4,096 B are allowed"]);
}
