//! Boards other than the PC, each with its own kernel.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::Value;
use vmlinux::BootImage;

use crate::fixture::{Recipe, TCG, command, folder, lock, run, tuxling};

/// A board's own recipe, checked.
struct Checked {
    outputs: PathBuf,
    record: Value,
    _folder: tempfile::TempDir,
}

fn checked(name: &str) -> Checked {
    let dir = folder();
    lock(dir.path(), name);
    let mut check = tuxling();
    check
        .current_dir(dir.path())
        .args(["check", name, "--json"]);
    let record = run(check.args(TCG)).ends_with(0).json();
    Checked {
        outputs: dir.path().join("build").join(name),
        record,
        _folder: dir,
    }
}

fn versatilepb() -> &'static Checked {
    static CHECKED: OnceLock<Checked> = OnceLock::new();
    CHECKED.get_or_init(|| checked("versatilepb"))
}

fn size(path: &Path) -> Value {
    path.metadata().expect("an output").len().into()
}

#[test]
fn the_ledger_of_versatilepb_adds_up_to_the_machine() {
    crate::ram::adds_up(&versatilepb().record);
}

#[test]
fn versatilepb_passes_its_checks() {
    let record = &versatilepb().record;
    assert_eq!(record["outcome"], "passed", "{}", record["reason"]);
    let checks = record["checks"].as_array().expect("checks");
    let told: Vec<_> = checks.iter().map(|c| (&c["name"], &c["outcome"])).collect();
    let passed = Value::from("passed");
    assert_eq!(
        told,
        [
            (&Value::from("shell"), &passed),
            (&Value::from("sleep"), &passed)
        ]
    );
    assert_eq!(record["qemu"][0], "qemu-system-arm");
    assert!(
        record["boot"]["instructions"].is_null(),
        "an ARM926 has no counter that the agent could read"
    );
}

#[test]
fn the_device_tree_is_an_output_and_counts() {
    let Checked {
        outputs, record, ..
    } = versatilepb();
    let device_tree = fs::read(outputs.join("device-tree")).expect("an output");
    assert_eq!(device_tree[..4], [0xd0, 0x0d, 0xfe, 0xed], "its magic");
    let image = &record["image"];
    assert_eq!(
        image["device_tree_bytes"],
        size(&outputs.join("device-tree"))
    );
    let sum = ["kernel", "device_tree", "ramdisk"]
        .map(|part| image[format!("{part}_bytes")].as_u64().expect("a size"));
    assert_eq!(image["total_bytes"], sum.iter().sum::<u64>());
    let qemu = record["qemu"].as_array().expect("a list");
    let at = qemu.iter().position(|word| word == "-dtb").expect("-dtb");
    let given = Path::new(qemu[at + 1].as_str().expect("a path"));
    let real = |path: &Path| path.canonicalize().expect("it is there");
    assert_eq!(real(given), real(&outputs.join("device-tree")));
}

#[test]
fn the_payload_of_a_zimage_is_all_that_xz_unpacks() {
    let Checked {
        outputs, record, ..
    } = versatilepb();
    let file = fs::read(outputs.join("kernel")).expect("an output");
    let image = BootImage::parse(&file).expect("a zImage");
    assert_eq!(record["image"]["payload_bytes"], image.payload_bytes);
    let from = usize::try_from(image.payload_offset).expect("fits");
    let to = from + usize::try_from(image.payload_bytes).expect("fits");
    // Behind the data stands the size of what they unpack to.
    let (data, unpacked) = file[from..to].split_at(to - from - 4);
    let piped = [Stdio::piped(), Stdio::piped()];
    let [stdin, stdout] = piped;
    let mut xz = command("xz");
    let xz = xz.args(["-dc", "--format=xz"]).stdin(stdin).stdout(stdout);
    let mut xz = xz.spawn().expect("xz starts");
    let mut into = xz.stdin.take().expect("is piped");
    let data = data.to_vec();
    let writer = std::thread::spawn(move || into.write_all(&data));
    let output = xz.wait_with_output().expect("ends");
    writer.join().expect("no panic").expect("xz reads it all");
    assert!(output.status.success());
    let told = u32::from_le_bytes(unpacked.try_into().expect("four bytes"));
    assert_eq!(output.stdout.len(), told as usize);
}

#[test]
fn a_device_tree_without_what_no_check_needs_is_booted_by_its_recipe() {
    let Checked { outputs, .. } = versatilepb();
    let blob = fs::read(outputs.join("device-tree")).expect("an output");
    let mut list = command("fdtget");
    let list = run(list.arg("-l").arg(outputs.join("device-tree")).arg("/")).ends_with(0);
    let dir = folder();
    lock(dir.path(), "versatilepb");
    // All but three nodes stay, so that it takes a few boots.
    let mut smaller = tuxling();
    smaller.current_dir(dir.path());
    smaller.args(["device-tree", "versatilepb", "--boots", "2", "--json"]);
    smaller.args(["--keep", "/"]);
    let free = ["/i2c-gpio", "/chosen", "/aliases"];
    for node in list.stdout.lines() {
        let path = format!("/{node}");
        if !free.contains(&path.as_str()) {
            smaller.args(["--keep", &path]);
        }
    }
    let json = run(&mut smaller).ends_with(0).json();
    let bytes = |which: &str| json[which]["bytes"].as_u64().expect("bytes");
    assert_eq!(bytes("before"), blob.len() as u64);
    assert!(bytes("after") < bytes("before"), "{json:#}");
    assert_eq!(json["proven"], 2);
    let made = fs::read(dir.path().join("versatilepb.small.dtb")).expect("it is written");
    assert_eq!(made.len() as u64, bytes("after"));

    let recipe = Recipe::built_in("versatilepb", "small");
    let recipe = recipe.with("kernel.device-tree = \"versatilepb.small.dtb\"");
    let path = recipe.write(dir.path());
    let mut check = tuxling();
    let check = check.current_dir(dir.path()).arg("check").arg(&path);
    let record = run(check.args(TCG).arg("--json")).ends_with(0).json();
    assert_eq!(record["outcome"], "passed");
    assert_eq!(record["image"]["device_tree_bytes"], bytes("after"));
}
