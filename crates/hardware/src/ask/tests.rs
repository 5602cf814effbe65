//! A made-up kernel and machine: what is asked for, and what is left out.

use super::*;
use crate::drivers::Drivers;
use crate::tables::DriverFile;
use kbuild::{Objects, Reason};
use kconfig::{Dialect, Environment, Kconfig, LoadOptions, MemoryTree, SilentShell};

const TREE: &str = "\
config PCI
\tbool \"PCI\"
config ATA
\tbool \"ATA\"
\tdepends on PCI
config SATA_AHCI
\tbool \"AHCI\"
\tdepends on ATA
config SERIAL
\tbool \"serial\"
\tdefault y
config VFAT_FS
\tbool \"vfat\"
config BROKEN
\tbool
config LOST
\tbool \"lost\"
\tdepends on BROKEN
";

fn answer(devices: &[(&str, &str)], classes: &[&Class], firmware: &[&str]) -> Answer {
    let files = MemoryTree::new().with("Kconfig", TREE);
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &files,
        env: &Environment::new(),
        shell: &SilentShell,
        dialect: Dialect::Linux6_12,
    })
    .expect("loads");
    let mut drivers = Drivers::default();
    let mut objects = Objects::default();
    for (source, alias, options) in [
        ("drivers/ahci.c", "pci:ahci*", &["ATA", "SATA_AHCI"][..]),
        ("drivers/serial.c", "pci:serial*", &["SERIAL"]),
        ("drivers/lost.c", "pci:lost*", &["LOST"]),
        ("drivers/arm.c", "pci:arm*", &["ARM_ONLY"]),
    ] {
        drivers.add(
            source,
            DriverFile {
                aliases: vec![alias.to_owned()],
                firmware: vec!["a/one.bin".to_owned(), "a/two.bin".to_owned()],
                ..DriverFile::default()
            },
        );
        let reason = Reason {
            options: options.iter().map(|o| (*o).to_owned()).collect(),
            ..Reason::default()
        };
        objects.reasons.insert(source.replace(".c", ".o"), reason);
    }
    let tristate = ["SATA_AHCI"].map(str::to_owned);
    let catalogue = Catalogue::new(drivers, objects, tristate.into());
    let (configuration, _) = Configuration::olddefconfig(&tree, "");
    let mut asking = Asking {
        catalogue: &catalogue,
        configuration,
    };
    let mut inventory = Inventory::default();
    inventory
        .firmware
        .extend(firmware.iter().map(|file| (*file).to_owned()));
    for (at, modalias) in devices {
        inventory.add(Device {
            at: (*at).to_owned(),
            modalias: (*modalias).to_owned(),
            ..Device::default()
        });
    }
    asking.answer(&inventory, classes)
}

#[test]
fn a_device_gets_its_option_and_what_that_needs() {
    let found = answer(&[("a", "pci:ahci0"), ("b", "pci:ahci1")], &[], &[]).devices;
    assert_eq!(found[0].state, State::Asked);
    assert_eq!(
        found[0].lines,
        ["CONFIG_PCI=y", "CONFIG_ATA=y", "CONFIG_SATA_AHCI=y"]
    );
    assert_eq!(found[0].driver.as_deref(), Some("drivers/ahci.c"));
    // The second one finds it there.
    assert_eq!((found[1].state, found[1].lines.len()), (State::There, 0));
    assert_eq!(found[1].option.as_deref(), Some("SATA_AHCI"));
}

#[test]
fn what_is_on_is_not_asked_for() {
    let found = answer(&[("a", "pci:serial0")], &[], &[]).devices;
    assert_eq!((found[0].state, found[0].lines.len()), (State::There, 0));
}

#[test]
fn a_device_without_a_driver_says_why_and_leaves_nothing_behind() {
    let found = answer(
        &[
            ("a", "pci:lost0"),
            ("b", "pci:other"),
            ("c", "pci:arm"),
            ("d", "wmi:x"),
        ],
        &[],
        &[],
    )
    .devices;
    assert!(
        found
            .iter()
            .all(|one| one.state == State::LeftOut && one.lines.is_empty())
    );
    let why: Vec<&str> = found.iter().filter_map(|one| one.why.as_deref()).collect();
    assert_eq!(
        why,
        [
            "found no way to CONFIG_LOST=y: needs BROKEN [=n]",
            "no driver's table matches it",
            "CONFIG_ARM_ONLY is not of this architecture",
            "no tables of the bus `wmi` are read",
        ]
    );
}

#[test]
fn of_the_firmware_that_was_loaded_is_told() {
    let all = answer(&[("a", "pci:ahci0")], &[], &[]).devices;
    assert_eq!(all[0].firmware, ["a/one.bin", "a/two.bin"]);
    let loaded = answer(&[("a", "pci:ahci0")], &[], &["two.bin"]).devices;
    assert_eq!(loaded[0].firmware, ["a/two.bin"]);
}

#[test]
fn a_class_asks_for_all_it_can_and_says_what_it_cannot() {
    let class = Class {
        name: "vfat",
        what: "sticks",
        needs: &[],
        symbols: &["VFAT_FS", "NLS_UTF8"],
    };
    let found = answer(&[], &[&class], &[]).classes;
    assert_eq!(found[0].lines, ["CONFIG_VFAT_FS=y"]);
    assert_eq!(
        found[0].why.as_deref(),
        Some("CONFIG_NLS_UTF8 is not of this architecture")
    );
}
