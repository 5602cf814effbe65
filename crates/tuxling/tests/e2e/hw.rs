//! `tuxling hw` on the real kernel's sources: realistic lists of machines, each
//! device with its driver or the reason why it has none. No kernel is built.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{folder, lock, run, tuxling};

/// The lists, in the forms of lspci, lsusb, lsscsi and dmesg; all details that
/// would be personal are invented.
const LISTS: &[(&str, &str)] = &[
    ("q35", include_str!("hardware/q35.txt")),
    ("laptop", include_str!("hardware/laptop.txt")),
    ("desktop", include_str!("hardware/desktop.txt")),
    ("thin-client", include_str!("hardware/thin-client.dmesg")),
];

/// A folder with the list of a machine and the sources that are there.
fn desk(name: &str) -> TempDir {
    let dir = folder();
    lock(dir.path(), "pc-shell");
    let (_, text) = LISTS.iter().find(|(own, _)| *own == name).expect("a list");
    fs::write(dir.path().join("machine.txt"), text).expect("writable");
    dir
}

fn import(dir: &Path, arguments: &[&str]) -> Value {
    let mut import = tuxling();
    import
        .current_dir(dir)
        .args(["hw", "import", "machine.txt", "--json", "--locked"]);
    run(import.args(arguments)).ends_with(0).json()
}

/// The options of the devices, and the places of those without one.
fn options(answer: &Value) -> (Vec<&str>, Vec<(&str, &str)>) {
    let devices = answer["devices"].as_array().expect("a list");
    let options = devices
        .iter()
        .filter_map(|device| device["option"].as_str());
    let without = devices.iter().filter(|device| device["option"].is_null());
    let without = without.map(|device| {
        let at = device["at"].as_str().expect("a place");
        (at, device["why"].as_str().expect("a reason"))
    });
    (options.collect(), without.collect())
}

#[track_caller]
fn has(options: &[&str], wanted: &[&str]) {
    let missing: Vec<_> = wanted.iter().filter(|one| !options.contains(one)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {options:?}");
}

#[test]
fn qemus_q35_machine_gets_all_its_drivers() {
    let dir = desk("q35");
    let answer = import(dir.path(), &["-o", "hw.config"]);
    let (options, without) = options(&answer);
    has(
        &options,
        &[
            "DRM_BOCHS",
            "E1000E",
            "USB_XHCI_PCI",
            "SND_HDA_INTEL",
            "VIRTIO_PCI",
            "VIRTIO_BLK",
            "HW_RANDOM_VIRTIO",
            "LPC_ICH",
            "SATA_AHCI",
            "I2C_I801",
            "USB_STORAGE",
            "USB_HID",
            "BLK_DEV_SD",
            "BLK_DEV_SR",
        ],
    );
    assert_eq!(without, [("00:00.0", "it needs no driver")]);

    // What was found holds when it is laid over the recipe.
    let mut merge = tuxling();
    merge.current_dir(dir.path());
    run(merge.args(["config", "pc-shell", "merge", "hw.config", "--locked"])).ends_with(0);
    let text = fs::read_to_string(dir.path().join("hw.config")).expect("a fragment");
    let at = text.find("CONFIG_SATA_AHCI=y").expect("the line");
    let head = text[..at].rfind("# for ").expect("its device");
    assert!(text[head..].starts_with("# for 00:1f.2: "), "{text}");
}

#[test]
fn a_laptop_gets_its_drivers_and_its_firmware() {
    let dir = desk("laptop");
    let answer = import(dir.path(), &["--also", "usb-storage,hid,wifi,vfat"]);
    let (options, without) = options(&answer);
    has(
        &options,
        &[
            "DRM_I915",
            "USB_XHCI_PCI",
            "IWLWIFI",
            "INTEL_MEI_ME",
            "PCIEPORTBUS",
            "SND_HDA_INTEL",
            "I2C_I801",
            "E1000E",
            "BLK_DEV_NVME",
            "MISC_RTSX_PCI",
            "BT_HCIBTUSB",
            "USB_VIDEO_CLASS",
        ],
    );
    let places: Vec<&str> = without.iter().map(|(at, _)| *at).collect();
    assert!(places.contains(&"USB bus 001 device 002"), "{without:?}");
    let wifi = answer["devices"].as_array().expect("a list").iter();
    let mut wifi = wifi.filter(|device| device["option"] == "IWLWIFI");
    let firmware = wifi.next().expect("the card")["firmware"]
        .as_array()
        .expect("a list")
        .len();
    assert!(firmware > 0);
    let lines = answer["lines"].as_array().expect("a list");
    for line in [
        "CONFIG_VFAT_FS=y",
        "CONFIG_USB_STORAGE=y",
        "CONFIG_USB_HID=y",
        "CONFIG_MAC80211=y",
    ] {
        assert!(lines.iter().any(|own| own == line), "{line}");
    }
    assert!(
        answer["also"]
            .as_array()
            .expect("a list")
            .iter()
            .all(|one| one["why"].is_null())
    );
}

#[test]
fn a_desktop_without_drivers_in_use_gets_the_best_matches() {
    let dir = desk("desktop");
    let answer = import(dir.path(), &[]);
    let (options, without) = options(&answer);
    has(
        &options,
        &[
            "I2C_PIIX4",
            "SENSORS_K10TEMP",
            "BLK_DEV_NVME",
            "R8169",
            "DRM_AMDGPU",
            "SND_HDA_INTEL",
            "USB_XHCI_PCI",
            "SATA_AHCI",
            "PCIEPORTBUS",
            "BLK_DEV_SD",
        ],
    );
    let bridges = without
        .iter()
        .filter(|(_, why)| *why == "it needs no driver");
    assert!(bridges.count() >= 1, "{without:?}");
}

#[test]
fn the_log_of_a_thin_client_is_enough() {
    let dir = desk("thin-client");
    let answer = import(dir.path(), &[]);
    let (options, _) = options(&answer);
    has(
        &options,
        &[
            "USB_XHCI_PCI",
            "SATA_AHCI",
            "USB_EHCI_PCI",
            "I2C_PIIX4",
            "SND_HDA_INTEL",
            "R8169",
            "EXT4_FS",
            "BLK_DEV_SD",
            "HID_LOGITECH_DJ",
        ],
    );
    assert!(!answer.to_string().contains("EXAMPLE0042"));
}

#[test]
fn a_distributions_list_of_aliases_takes_the_place_of_the_sources() {
    let dir = desk("q35");
    let aliases = "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n";
    fs::write(dir.path().join("modules.alias"), aliases).expect("writable");
    let answer = import(dir.path(), &["--aliases", "modules.alias"]);
    let (options, _) = options(&answer);
    has(&options, &["E1000E", "SATA_AHCI"]); // the second is in use by its name
    assert!(!options.contains(&"BLK_DEV_SR"));
}

#[test]
fn a_new_recipe_has_a_machines_drivers_and_overwrites_nothing() {
    let dir = desk("q35");
    lock(dir.path(), "mine");
    let new = |code| {
        let mut new = tuxling();
        new.current_dir(dir.path())
            .args(["new", "mine", "--network", "none"]);
        run(new.args(["--from-hw", "machine.txt", "--also", "vfat"])).ends_with(code)
    };
    let told = new(0).stdout;
    assert!(told.contains("mine-hw.config"), "{told}");
    let recipe = fs::read_to_string(dir.path().join("mine.toml")).expect("a recipe");
    assert!(
        recipe.contains("\"builtin:pc-base.config\", \"mine-hw.config\""),
        "{recipe}"
    );
    let mut check = tuxling();
    check
        .current_dir(dir.path())
        .args(["config", "mine.toml", "check", "--locked"]);
    run(&mut check).ends_with(0);
    let mut get = tuxling();
    get.current_dir(dir.path());
    let values = run(get.args(["config", "mine.toml", "get", "SATA_AHCI", "VFAT_FS"])).ends_with(0);
    assert_eq!(values.stdout, "CONFIG_SATA_AHCI=y\nCONFIG_VFAT_FS=y\n");
    new(1).says(&["is there already"]);
}

#[test]
fn this_machine_is_saved_and_read_again() {
    let dir = folder();
    let mut save = tuxling();
    save.current_dir(dir.path());
    run(save.args(["hw", "save", "-o", "own.hw"])).ends_with(0);
    let text = fs::read_to_string(dir.path().join("own.hw")).expect("a survey");
    let survey: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(survey["schema"], "tuxling.hw/1");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_lowercase();
    // Names that machines share with words of the kernel say nobody's.
    let shared = ["", "(none)", "localhost", "debian", "linux", "pc", "vm"];
    if !shared.contains(&host.as_str()) {
        let text = text.to_lowercase();
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        assert!(!words.any(|word| word == host), "{host}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_the_mend() {
    let dir = desk("q35");
    fs::write(
        dir.path().join("names.txt"),
        "00:1f.2 SATA controller: Intel 82801IR\n",
    )
    .expect("writable");
    fs::write(dir.path().join("empty.txt"), "nothing\n").expect("writable");
    fs::write(dir.path().join("other.hw"), "{\"schema\": \"x\"}\n").expect("writable");
    let told = |arguments: &[&str], texts: &[&str]| {
        let mut import = tuxling();
        import.current_dir(dir.path()).args(["hw", "import"]);
        run(import.args(arguments)).ends_with(1).says(texts);
    };
    told(&["names.txt"], &["no device is named there", "lspci -nnk"]);
    told(
        &["empty.txt"],
        &["no device is named there", "tuxling hw save"],
    );
    told(
        &["other.hw"],
        &["other.hw is no survey of this tuxling", "tuxling hw save"],
    );
    told(&["gone.txt"], &["can't read gone.txt"]);
    told(
        &["machine.txt", "--also", "usb"],
        &["there is no class `usb`", "usb-storage"],
    );
}
