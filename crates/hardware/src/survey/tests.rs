//! A machine's files below a made-up root, looked at.

use std::io::Write;
use std::os::unix::fs::symlink;

use super::*;

/// What must never come out of a machine; all invented.
const PERSONAL: &[&str] = &[
    "SN-A1B2C3",
    "52:54:00:ab:cd:ef",
    "525400abcdef",
    "0a1b2c3d-1111-2222-3333-444455556666",
    "wonderland",
    "alice",
    "192.168.77.5",
    "ABCD-12EF",
    "secretsalt",
    "AssetTag77",
];

/// A machine with everything personal in every place that is read.
fn machine() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let file = |path: &str, bytes: &[u8]| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("written");
    };
    file("proc/sys/kernel/hostname", b"Wonderland.example.org\n");
    file("proc/sys/kernel/osrelease", b"6.1.0-18-amd64\n");
    file(
        "proc/cpuinfo",
        b"processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\nflags\t\t: fpu sse2\n\
          Serial\t\t: SN-A1B2C3\n\nprocessor\t: 1\n",
    );
    file(
        "proc/cmdline",
        b"BOOT_IMAGE=/vmlinuz root=UUID=0a1b2c3d-1111-2222-3333-444455556666 ro quiet \
          console=ttyS0,115200 ip=192.168.77.5::::wonderland:eth0 ifname=lan:52:54:00:ab:cd:ef\n",
    );
    file(
        "proc/modules",
        b"ahci 49152 2 - Live 0x0000\nlibahci 53248 1 ahci, Live 0x0000\n",
    );
    file(
        "proc/interrupts",
        b"            CPU0       CPU1\n  24:         10          0   PCI-MSI 512000-edge      ahci[0000:00:1f.2]\n\
          25:          1          2   PCI-MSI 524288-edge      enx525400abcdef-rx-0\n",
    );
    file(
        "proc/mounts",
        b"/dev/sda2 / ext4 rw 0 0\n/dev/mapper/wonderland--vg-home /home/alice xfs rw 0 0\n\
          //192.168.77.5/alice /mnt/alice cifs rw,username=alice 0 0\nproc /proc proc rw 0 0\n\
          /dev/sda1 /boot/efi vfat rw 0 0\n",
    );
    file("sys/class/dmi/id/product_name", b"Example Book 14\n");
    file("sys/class/dmi/id/product_family", b"wonderland line\n");
    for name in ["product_serial", "board_serial", "chassis_serial"] {
        file(&format!("sys/class/dmi/id/{name}"), b"SN-A1B2C3\n");
    }
    file(
        "sys/class/dmi/id/product_uuid",
        b"0a1b2c3d-1111-2222-3333-444455556666\n",
    );
    file("sys/class/dmi/id/chassis_asset_tag", b"AssetTag77\n");
    let disk = "sys/devices/pci0000:00/0000:00:1f.2";
    file(
        &format!("{disk}/modalias"),
        b"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01\n",
    );
    file(&format!("{disk}/serial"), b"SN-A1B2C3\n");
    file(
        "sys/devices/pci0000:00/0000:00:02.0/net/eth0/address",
        b"52:54:00:ab:cd:ef\n",
    );
    file(
        "sys/devices/virtual/dmi/id/modalias",
        b"dmi:bvnExample:pnWonderland:rvnX:\n",
    );
    file(
        "sys/devices/vmbus/0a1b2c3d-1111-2222-3333-444455556666/modalias",
        b"vmbus:f8615163df3e46c5913ff2d2f965ed0e\n",
    );
    fs::create_dir_all(root.path().join("sys/bus/pci/drivers/ahci")).expect("a folder");
    let at = root.path().join(disk);
    symlink("../../../bus/pci", at.join("subsystem")).expect("a link");
    symlink("../../../bus/pci/drivers/ahci", at.join("driver")).expect("a link");
    symlink(
        "../../../../module/ahci",
        root.path().join("sys/bus/pci/drivers/ahci/module"),
    )
    .expect("a link");
    // A link that leads back must not be followed.
    symlink("../..", at.join("again")).expect("a link");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(
            b"# a comment\nCONFIG_PCI=y\nCONFIG_SATA_AHCI=m\nCONFIG_HZ=250\n\
              CONFIG_DEFAULT_HOSTNAME=\"wonderland\"\nCONFIG_BUILD_SALT=\"secretsalt\"\n",
        )
        .expect("packed");
    file("proc/config.gz", &packed.finish().expect("packed"));
    root
}

const LOG: &str = "\
[    1.0] usb 1-1: SerialNumber: SN-A1B2C3
[    2.0] iwlwifi 0000:02:00.0: loaded firmware version 77 cc-a0-77.ucode op_mode iwlmvm
[    3.0] alice logged in on wonderland, firmware of 52:54:00:ab:cd:ef
";

#[test]
fn nothing_personal_is_kept() {
    let root = machine();
    let text = Survey::of(root.path(), LOG).to_text().expect("a text");
    for secret in PERSONAL {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "{secret} is in\n{text}"
        );
    }
}

#[test]
fn what_tells_of_hardware_is_kept() {
    let root = machine();
    let survey = Survey::of(root.path(), LOG);
    let disk = SurveyedDevice {
        at: "pci 0000:00:1f.2".to_owned(),
        modalias: "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01".to_owned(),
        driver: Some("ahci".to_owned()),
        module: Some("ahci".to_owned()),
    };
    assert!(survey.devices.contains(&disk), "{:?}", survey.devices);
    assert_eq!(survey.devices.len(), 3);
    assert_eq!(survey.kernel, "6.1.0-18-amd64");
    assert_eq!(survey.dmi["product_name"], "Example Book 14");
    assert_eq!(survey.cpu["flags"], "fpu sse2");
    assert_eq!(
        survey.cmdline,
        "BOOT_IMAGE=… root=… ro quiet console=ttyS0,115200 ip=… ifname=…"
    );
    assert_eq!(survey.modules["libahci"], ["ahci"]);
    assert_eq!(
        survey.interrupts[0],
        "PCI-MSI 512000-edge ahci[0000:00:1f.2]"
    );
    assert_eq!(
        survey.config,
        ["CONFIG_PCI=y", "CONFIG_SATA_AHCI=m", "CONFIG_HZ=250"]
    );
    assert!(survey.firmware.iter().eq(["cc-a0-77.ucode"]));
    let kinds: Vec<(&str, &str, &str)> = survey
        .mounts
        .iter()
        .map(|mount| (&*mount.from, &*mount.at, &*mount.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("/dev/sda2", "/", "ext4"),
            ("/dev/mapper/…", "…", "xfs"),
            ("…", "…", "cifs"),
            ("proc", "/proc", "proc"),
            ("/dev/sda1", "/boot/efi", "vfat"),
        ]
    );
}

#[test]
fn a_survey_comes_back_from_its_text_as_an_inventory() {
    let root = machine();
    let survey = Survey::of(root.path(), LOG);
    let text = survey.to_text().expect("a text");
    let inventory = read(&text).expect("a survey");
    assert_eq!(inventory, survey.inventory());
    let disk = inventory
        .devices
        .iter()
        .find(|d| d.at == "pci 0000:00:1f.2");
    let disk = disk.expect("the disk");
    assert_eq!(
        (&*disk.name, &*disk.in_use),
        (
            "SATA controller",
            &["ahci".to_owned(), "ahci".to_owned()][..]
        )
    );
    assert!(inventory.devices.iter().any(|d| d.modalias == "fs-ext4"));
    assert!(read("{\"schema\": 1}").is_err());
    assert!(read("{").is_err());
}

#[test]
fn a_machine_that_shows_nothing_gives_an_empty_survey() {
    let root = tempfile::tempdir().expect("a folder");
    let survey = Survey::of(root.path(), "");
    assert!(survey.devices.is_empty() && survey.config.is_empty());
}

/// What the script says of a machine; `sh` is whichever shell is given.
fn by_script(root: &Path, shell: &[&str]) -> String {
    let script = root.join("save.sh");
    fs::write(&script, SCRIPT).expect("written");
    #[allow(clippy::disallowed_methods)] // a shell of this machine's, as on the one that is meant
    let output = std::process::Command::new(shell[0])
        .args(&shell[1..])
        .arg(&script)
        .arg(root)
        .output()
        .expect("starts");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).expect("a text")
}

#[test]
fn the_script_keeps_nothing_personal_and_says_what_the_program_says() {
    let root = machine();
    let program = Survey::of(root.path(), "");
    for shell in [&["sh"][..], &["busybox", "sh"], &["bash", "--posix"]] {
        let text = by_script(root.path(), shell);
        for secret in PERSONAL {
            let there = text.to_lowercase().contains(&secret.to_lowercase());
            assert!(!there, "{shell:?}: {secret} is in\n{text}");
        }
        let lines = text.strip_prefix(text::HEAD).expect("a survey");
        assert_eq!(text::read(lines), program, "{shell:?}");
        let inventory = super::read(&text).expect("a survey");
        assert_eq!(inventory, program.inventory());
    }
}

#[test]
fn the_configuration_beside_the_kernel_is_taken_where_the_kernel_has_none() {
    let root = machine();
    fs::remove_file(root.path().join("proc/config.gz")).expect("removed");
    fs::create_dir(root.path().join("boot")).expect("a folder");
    let beside = root.path().join("boot/config-6.1.0-18-amd64");
    fs::write(
        beside,
        "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"alice\"\n",
    )
    .expect("written");
    assert_eq!(Survey::of(root.path(), "").config, ["CONFIG_A=y"]);
    let text = by_script(root.path(), &["sh"]);
    assert!(text.contains("config\tCONFIG_A=y\n") && !text.contains("alice"));
}

proptest::proptest! {
    #[test]
    fn no_text_of_a_script_makes_it_panic(lines in proptest::collection::vec("(at|alias|dmi|cpu|mount|module|interrupt|config)?\t\\PC{0,30}", 0..12)) {
        let text = format!("{}\n{}", text::HEAD, lines.join("\n"));
        super::read(&text).expect("a survey").devices.len();
    }
}
