//! Variants of the boards' own recipes, each with a kernel of its own.

use crate::fixture::{Recipe, TCG, check, folder, outputs, pc_net, run, tuxling};

#[test]
fn pc_shell_passes_as_it_stands() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("pc-shell", "pc-shell").write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
}

#[test]
fn versatilepb_boots_with_its_ramdisk_built_in() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("versatilepb", "arm-builtin")
        .with("ramdisk.placement = \"builtin\"")
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["image"]["ramdisk_bytes"], 0);
    assert!(!outputs(&recipe).join("ramdisk").exists());
}

#[test]
fn versatilepb_gets_an_address_and_downloads() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("pc-net", "arm-net")
        .without("budget")
        .with("board = \"versatilepb\"\nnetwork.nic = \"smc91c111\"")
        .with(
            "[kernel]\nfragments = [\"builtin:versatilepb-base.config\", \
             \"builtin:versatilepb-net.config\"]",
        )
        .write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["checks"].as_array().map(Vec::len), Some(5));
}

#[test]
fn pc64_passes_over_e1000e() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("pc64", "pc64").write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["checks"].as_array().map(Vec::len), Some(5));
    assert_eq!(record["qemu"][0], "qemu-system-x86_64");
}

#[test]
fn microvm_passes_over_virtio() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("microvm", "microvm").write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["checks"].as_array().map(Vec::len), Some(5));
    assert_eq!(record["qemu"][0], "qemu-system-x86_64");
}

#[test]
fn virt_aarch64_passes_over_virtio() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("virt-aarch64", "virt-aarch64").write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["checks"].as_array().map(Vec::len), Some(5));
    assert_eq!(record["qemu"][0], "qemu-system-aarch64");
    // The file is what the loader unpacks, as a whole.
    let image = &record["image"];
    assert_eq!(image["kernel_bytes"], image["payload_bytes"]);
    let arguments = record["qemu"].to_string();
    assert!(arguments.contains("\"-cpu\",\"cortex-a53\""), "{arguments}");
    // The same kernel on a disk, begun by U-Boot.
    let mut image = tuxling();
    image.arg("image").arg(&recipe).args(TCG);
    let report = run(image.args(["--as", "disk-uboot", "--check", "--json"]))
        .ends_with(0)
        .json();
    assert_eq!(report["check"]["outcome"], "passed");
    assert_eq!(report["check"]["firmware"], "U-Boot");
}

#[test]
fn virt_armv7_passes_over_virtio() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::built_in("virt-armv7", "virt-armv7").write(dir.path());
    let record = run(&mut check(&recipe)).ends_with(0).json();
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    assert_eq!(record["checks"].as_array().map(Vec::len), Some(5));
    let arguments = record["qemu"].to_string();
    assert!(arguments.contains("\"-cpu\",\"cortex-a15\""), "{arguments}");
}
