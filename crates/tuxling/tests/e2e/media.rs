//! Boot media: booted by their own firmware, and the same bytes each time.

use std::fs;
use std::path::Path;

use crate::fixture::{Recipe, TCG, command, folder, outputs, pc_net, run, tuxling};

/// `tuxling image` of a recipe.
fn image(recipe: &Path, form: &str) -> std::process::Command {
    let mut image = tuxling();
    image
        .arg("image")
        .arg(recipe)
        .args(["--as", form, "--json"]);
    image
}

/// A file of a floppy disk's or of a partition's.
fn file_of(image: &str, name: &str) -> Vec<u8> {
    let mut copy = command("mcopy");
    copy.env("MTOOLSRC", "/dev/null").args(["-i", image]);
    let output = copy.arg(format!("::{name}")).arg("-").output();
    output.expect("mtools are installed").stdout
}

#[test]
fn a_bios_boots_the_floppy_and_the_checks_add_one_file_and_the_word_for_it() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("floppy").write(dir.path());
    let told = run(image(&recipe, "floppy").arg("--check").args(TCG)).ends_with(0);
    let report = told.json();
    assert_eq!(report["bytes"], 1_474_560);
    assert_eq!(report["check"]["firmware"], "SeaBIOS");
    assert_eq!(report["check"]["outcome"], "passed");
    let qemu = report["check"]["qemu"].to_string();
    assert!(
        !qemu.contains("-kernel") && !qemu.contains("-initrd"),
        "{qemu}"
    );
    let out = outputs(&recipe);
    let (shipped, booted) = (out.join("floppy.img"), out.join("boot-floppy/floppy.img"));
    let (first, second) = (
        fs::read(&shipped).expect("is there"),
        fs::read(&booted).expect("is there"),
    );
    for (name, output) in [("kernel", "kernel"), ("ramdisk", "ramdisk")] {
        let expected = fs::read(out.join(output)).expect("is there");
        for disk in [&shipped, &booted] {
            assert!(
                file_of(&disk.display().to_string(), name) == expected,
                "{name}"
            );
        }
    }
    // The loader's program is the same; parameters and command line are not.
    assert!(first[..1536] == second[..1536]);
    assert!(first[1536..4096] != second[1536..4096]);
    let text = |disk: &[u8]| String::from_utf8_lossy(disk).contains("rdinit=/.tuxling/init");
    assert!(!text(&first) && text(&second));
    fs::remove_file(&shipped).expect("removable");
    let again = run(&mut image(&recipe, "floppy")).ends_with(0).json();
    assert_eq!(again["sha256"], report["sha256"]);
    assert!(again["check"].is_null());
}

#[test]
fn a_bios_boots_the_disk_and_the_cd_and_they_are_the_same_bytes_each_time() {
    pc_net();
    let dir = folder();
    let recipe = Recipe::pc_net("media")
        .without("check")
        .with("check = [{ name = \"shell\", run = \"cat /proc/version\", match = \"^Linux\" }]")
        .write(dir.path());
    for form in ["disk-bios", "iso"] {
        let report = run(image(&recipe, form).arg("--check").args(TCG))
            .ends_with(0)
            .json();
        assert_eq!(report["check"]["outcome"], "passed", "{form}");
        let again = run(&mut image(&recipe, form)).ends_with(0).json();
        assert_eq!(again["sha256"], report["sha256"], "{form}");
    }
    let disk = outputs(&recipe).join("disk-bios.img");
    let partition = format!("{}@@1M", disk.display());
    let kernel = fs::read(outputs(&recipe).join("kernel")).expect("is there");
    assert!(file_of(&partition, "kernel") == kernel);
}

#[test]
fn what_no_machine_boots_is_refused_before_anything_is_built() {
    let mut image = tuxling();
    image.args(["image", "pc-net", "--as", "fit"]);
    run(&mut image).ends_with(1).says(&[
        "i386 has no fit",
        "help: it has floppy, iso, disk-bios, disk-efi, usb",
    ]);
    let mut image = tuxling();
    image.args(["image", "versatilepb", "--as", "fit", "--check"]);
    run(&mut image).ends_with(1).says(&[
        "nothing boots fit on the board versatilepb in QEMU",
        "help: leave --check out",
    ]);
}
