//! What lspci, lsusb, lsscsi and dmesg print, read.

use proptest::prelude::*;

use super::*;
use crate::inventory::Device;

/// What `lspci -nnk` prints of QEMU's q35 machine.
const Q35: &str = "\
00:00.0 Host bridge [0600]: Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller [8086:29c0]
	Subsystem: Red Hat, Inc. QEMU Virtual Machine [1af4:1100]
00:01.0 VGA compatible controller [0300]: Device [1234:1111] (rev 02)
	Subsystem: Red Hat, Inc. Device [1af4:1100]
	Kernel driver in use: bochs-drm
	Kernel modules: bochs
00:1f.2 SATA controller [0106]: Intel Corporation 82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode] [8086:2922] (rev 02) (prog-if 01 [AHCI 1.0])
	Subsystem: Red Hat, Inc. QEMU Virtual Machine [1af4:1100]
	Kernel driver in use: ahci
	Kernel modules: ahci
";

fn all(text: &str) -> Vec<Device> {
    read(text).devices
}

#[test]
fn lspci_gives_ids_classes_subsystems_and_drivers() {
    let devices = all(Q35);
    assert_eq!(devices.len(), 3);
    let disk = &devices[2];
    assert_eq!(disk.at, "00:1f.2");
    assert_eq!(
        disk.modalias,
        "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"
    );
    assert!(
        disk.name.ends_with("SATA Controller [AHCI mode]"),
        "{}",
        disk.name
    );
    assert_eq!(disk.in_use, ["ahci", "ahci"]);
    assert_eq!(devices[1].in_use, ["bochs-drm", "bochs"]);
    assert_eq!(
        devices[0].modalias,
        "pci:v00008086d000029C0sv00001AF4sd00001100bc06sc00i*"
    );
}

#[test]
fn lspci_without_numbers_is_told_with_what_shows_them() {
    let inventory = read("00:1f.2 SATA controller: Intel Corporation 82801IR (rev 02)\n");
    assert!(inventory.devices.is_empty());
    assert_eq!(inventory.unclear.len(), 1);
    assert!(inventory.unclear[0].contains("lspci -nnk"));
    let domain = all("0000:02:00.0 Network controller [0280]: X [8086:2723] (rev 1a)\n");
    assert_eq!(domain[0].at, "0000:02:00.0");
    let usb =
        all("04:00.3 USB controller [0c03]: AMD Matisse USB 3.0 Host Controller [1022:149c]\n");
    assert!(
        usb[0].modalias.ends_with("bc0Csc03i30"),
        "{}",
        usb[0].modalias
    );
}

#[test]
fn lsusb_gives_ids_and_what_the_name_says() {
    let devices = all("\
Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub
Bus 001 Device 003: ID 0951:1666 Kingston Technology DataTraveler 100 G3/G4/SE9 G2
Bus 001 Device 002: ID 1234:abcd Example Gadget
");
    assert_eq!(devices.len(), 2);
    assert_eq!(
        devices[0].modalias,
        "usb:v0951p1666d*dc*dsc*dp*ic08isc06ip50in*"
    );
    assert_eq!(
        devices[1].modalias,
        "usb:v1234pABCDd*dc*dsc*dp*ic*isc*ip*in*"
    );
}

#[test]
fn lsusb_with_all_tells_each_interface_and_keeps_no_serial_number() {
    let inventory = read(
        "\
Bus 001 Device 004: ID 046d:c52b Logitech, Inc. Unifying Receiver
Device Descriptor:
",
    );
    assert_eq!(inventory.devices.len(), 1);
    let inventory = read(
        "\
Bus 001 Device 004: ID 046d:c52b Logitech, Inc. Unifying Receiver
  iSerial                 3 SN0123456789
      bInterfaceNumber        0
      bInterfaceClass         3 Human Interface Device
      bInterfaceSubClass      1 Boot Interface Subclass
      bInterfaceProtocol      1 Keyboard
      bInterfaceNumber        1
      bInterfaceClass         8 Mass Storage
      bInterfaceSubClass      6 SCSI
      bInterfaceProtocol     80 Bulk-Only
",
    );
    let aliases: Vec<&str> = inventory
        .devices
        .iter()
        .map(|d| d.modalias.as_str())
        .collect();
    assert_eq!(
        aliases,
        [
            "usb:v046DpC52Bd*dc*dsc*dp*ic03isc01ip01in*",
            "usb:v046DpC52Bd*dc*dsc*dp*ic08isc06ip50in*",
        ]
    );
    assert!(!format!("{inventory:?}").contains("SN0123456789"));
}

#[test]
fn the_tree_of_lsusb_names_classes_and_drivers() {
    let devices = all("\
/:  Bus 01.Port 1: Dev 1, Class=root_hub, Driver=xhci_hcd/8p, 480M
    |__ Port 1: Dev 2, If 0, Class=Mass Storage, Driver=usb-storage, 480M
");
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].in_use, ["usb-storage"]);
    assert_eq!(devices[0].modalias, "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*");
}

#[test]
fn lsscsi_gives_kinds_and_leaves_nvme_to_pci() {
    let devices = all("\
[0:0:0:0]    disk    ATA      QEMU HARDDISK    2.5+  /dev/sda
[2:0:0:0]    cd/dvd  QEMU     QEMU DVD-ROM     2.5+  /dev/sr0
[N:0:1:1]    disk    Example SSD 1TB__1                         /dev/nvme0n1
");
    let aliases: Vec<&str> = devices.iter().map(|d| d.modalias.as_str()).collect();
    assert_eq!(aliases, ["scsi:t-0x00", "scsi:t-0x05"]);
    assert_eq!(devices[0].name, "disk ATA QEMU HARDDISK 2.5+");
}

#[test]
fn the_log_gives_devices_file_systems_and_firmware_and_keeps_no_serial_number() {
    let inventory = read("\
[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)
[    0.312345] pci 0000:00:1f.2: [8086:2922] type 00 class 0x010601 conventional PCI endpoint
[    1.500000] usb 1-1: New USB device found, idVendor=46f4, idProduct=0001, bcdDevice= 0.00
[    1.500002] usb 1-1: SerialNumber: 1-0000:00:04.0-1
[    1.550000] logitech-djreceiver 0003:046D:C52B.0003: hiddev96,hidraw2: USB HID v1.11 Device [Example] on usb-0000:00:10.0-1/input2
[    1.600000] scsi 2:0:0:0: Direct-Access     QEMU     QEMU HARDDISK    2.5+ PQ: 0 ANSI: 5
[    2.000000] EXT4-fs (sda1): mounted filesystem 11111111-2222-3333-4444-555555555555 ro with ordered data mode.
[    3.000000] iwlwifi 0000:02:00.0: loaded firmware version 77.2df8986f.0 cc-a0-77.ucode op_mode iwlmvm
[    3.100000] bluetooth hci0: firmware: failed to load intel/ibt-20-1-3.sfi (-2)
");
    let aliases: Vec<&str> = inventory
        .devices
        .iter()
        .map(|d| d.modalias.as_str())
        .collect();
    assert_eq!(
        aliases,
        [
            "pci:v00008086d00002922sv*sd*bc01sc06i01",
            "usb:v46F4p0001d*dc*dsc*dp*ic*isc*ip*in*",
            "hid:b0003g0001v0000046Dp0000C52B",
            "scsi:t-0x00",
            "fs-ext4",
        ]
    );
    assert!(inventory.firmware.iter().eq(["cc-a0-77.ucode"]));
    let told = format!("{inventory:?}");
    assert!(!told.contains("1111") && !told.contains("04.0-1"), "{told}");
}

#[test]
fn outputs_may_stand_one_after_the_other() {
    let text = format!(
        "$ lspci -nnk\n{Q35}\n$ lsusb\nBus 001 Device 002: ID 0627:0001 Adomax QEMU Tablet\n\n$ lsscsi\n\
         [0:0:0:0]    disk    ATA      QEMU HARDDISK    2.5+  /dev/sda\n"
    );
    let buses: Vec<String> = all(&text)
        .iter()
        .map(|device| crate::alias::bus(&device.modalias).to_owned())
        .collect();
    assert_eq!(buses, ["pci", "pci", "pci", "usb", "scsi"]);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("00:1f.2 SATA controller [0106]: X [8086:2922]".to_owned()),
        Just("\tSubsystem: X [1af4:1100]".to_owned()),
        Just("Bus 001 Device 002: ID 046d:c52b".to_owned()),
        Just("    bInterfaceNumber 0".to_owned()),
        Just("    |__ Port 1: Dev 2, Class=Hub, Driver=".to_owned()),
        Just("[0:0:0:0] disk ".to_owned()),
        Just("[    1.0] pci 0000:00:1f.2: [8086:2922] class 0x0106".to_owned()),
        Just("usb 1-1: New USB device found, idVendor=46".to_owned()),
        "[ -~\t]{0,30}",
        "\\PC{0,10}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..12), by in "[\n ]") {
        read(&pieces.join(&by));
    }

    #[test]
    fn no_bytes_make_it_panic(text in "\\PC*") {
        read(&text);
    }
}

/// Lists as people post them, of twelve machines, with how many devices that differ each
/// names.
const LISTS: &[(&str, usize)] = &[
    ("desktop-haswell-nvidia.txt", 17),
    ("desktop-ryzen.txt", 22),
    ("laptop-i945-pata.txt", 19),
    ("laptop-kaby-lake.txt", 18),
    ("laptop-sandy-bridge.txt", 20),
    ("mini-coffee-lake.txt", 19),
    ("sbc-apu2.txt", 14),
    ("sbc-raspberry-pi-3.txt", 5),
    ("server-epyc-nvme.txt", 18),
    ("server-xeon-e5-raid.txt", 21),
    ("thin-client-mullins.txt", 18),
    ("thin-client-vx800.txt", 11),
];

fn list(name: &str) -> String {
    let path = format!("{}/tests/lists/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn every_line_of_posted_lists_is_understood_and_every_class_has_a_word() {
    let mut counted = Vec::new();
    for (name, _) in LISTS {
        let found = read(&list(name));
        assert_eq!(found.unclear, [""; 0], "{name}");
        for device in &found.devices {
            let kind = crate::inventory::kind_of(&device.modalias);
            assert!(!kind.contains(" of class "), "{name}: {device:?}: {kind}");
        }
        counted.push((*name, found.devices.len()));
    }
    assert_eq!(counted, LISTS);
}

#[test]
fn the_firmware_that_was_loaded_is_seen_in_posted_logs() {
    let firmware = read(&list("mini-coffee-lake.txt")).firmware;
    assert!(firmware.iter().eq(["9000-pu-b0-jf-b0-46.ucode"]));
}

proptest! {
    /// Whatever a forum or a mailer did to a list.
    #[test]
    fn a_list_that_was_cut_and_mangled_gives_an_answer(
        which in 0..LISTS.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..40usize, "\\PC{0,3}"), 0..8),
    ) {
        let mut text: Vec<char> = list(LISTS[which].0).chars().collect();
        let lines = text.iter().filter(|c| **c == '\n').count();
        for (at, length, put) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        let found = read(&text);
        prop_assert!(found.devices.len() + found.unclear.len() <= lines + 16);
    }
}
