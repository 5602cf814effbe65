//! Diagnoses as a pure function. The consoles are pieces of real ones: Linux
//! 6.12.117 for i386 with one symbol of pc-net's configuration changed, BusyBox
//! 1.35, QEMU 7.2. Those whose kernel needs no change are booted in
//! tests/e2e/diagnosis.rs.

use initramfs::{ArchivePath, Entry, EntryKind, LinkTarget, Mode, Settings, Tree, cpio};
use proptest::prelude::*;
use recipe::config::Values;

use startup::program::Program;
use startup::{Elf, NodeKind};

use super::listing::Listing;
use super::*;

mod evidence;
mod startup_files;

const PC: Elf = Elf {
    machine: 3,
    bits: 32,
    loader: None,
    end: 0x0150_0000,
};

/// A boot of which nothing is known but what a test says.
struct Case {
    console: &'static str,
    config: &'static str,
    files: &'static [(&'static str, &'static str, u32)],
    mode: NetworkMode,
    nic: &'static str,
    qemu_said: Option<&'static str>,
    kvm: bool,
    cpu: Option<&'static str>,
    nic_device: Option<&'static str>,
    cmdline: &'static str,
    outcome: Outcome,
    no_init: Option<i32>,
    checks: Vec<CheckRecord>,
    /// The ramdisk, where it isn't packed from the files.
    image: Option<Vec<u8>>,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            console: "Linux version 6.12\n",
            config: "CONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_SCRIPT=y\nCONFIG_BINFMT_ELF=y\n\
                     CONFIG_PROC_FS=y\nCONFIG_PACKET=y\nCONFIG_E1000=y\nCONFIG_RD_XZ=y\n\
                     CONFIG_PCI=y\nCONFIG_PCI_DIRECT=y\n\
                     CONFIG_SERIAL_8250_CONSOLE=y\n",
            files: &[
                ("init", "#!/bin/sh\n", 0o755),
                ("bin/sh", "\x7fELF\x01\x01", 0o755),
            ],
            mode: NetworkMode::Dhcp,
            nic: "e1000",
            qemu_said: None,
            kvm: false,
            cpu: None,
            nic_device: None,
            cmdline: "console=ttyS0 panic=-1",
            outcome: Outcome::Panicked,
            no_init: None,
            checks: Vec::new(),
            image: None,
        }
    }
}

impl Case {
    fn diagnoses(&self) -> Vec<Diagnosis> {
        let mut tree = Tree::new();
        for (path, text, mode) in self.files {
            let path = ArchivePath::new(path).expect("a path");
            let mode = Mode::new(*mode).expect("a mode");
            let entry = match text.strip_prefix("-> ") {
                Some(to) => Entry::new(
                    path,
                    EntryKind::Symlink(LinkTarget::new(to).expect("a target")),
                ),
                None if *text == "/" => Entry::new(path, EntryKind::Directory),
                None => Entry::file(path, text.as_bytes()),
            };
            tree.insert(entry.with_mode(mode)).expect("fits");
        }
        let mut image = Vec::new();
        cpio::write(&tree, &cpio::CpioOptions { mtime: 0 }, &mut image).expect("packs");
        let listing = Listing::read(self.image.as_deref().unwrap_or(&image));
        let network = NetworkPlan {
            mode: self.mode.clone(),
            nic: Some(self.nic.to_owned()),
        };
        let symbols = ["SERIAL_8250_CONSOLE".to_owned()];
        diagnose(&Known {
            outcome: self.outcome,
            console: self.console,
            cmdline: self.cmdline,
            init: "/init",
            no_init: self.no_init,
            checks: &self.checks,
            dhcp: DhcpTraffic::default(),
            network: &network,
            config: &Values::parse(self.config),
            ramdisk: Some(&listing),
            kernel: Some(PC),
            kernel_end: Some(PC.end),
            memory: 32 << 20,
            cpu: self.cpu,
            nic_device: self.nic_device,
            board_console: Some("ttyS0"),
            board_symbols: &symbols,
            qemu_said: self.qemu_said,
            qemu_version: Some("7.2.22"),
            kvm: self.kvm,
        })
    }

    #[track_caller]
    fn none(&self) {
        assert_eq!(self.diagnoses(), []);
    }

    /// That one diagnosis has this name, and all these texts.
    #[track_caller]
    fn told(&self, id: &str, texts: &[&str]) {
        let all = self.diagnoses();
        let found = all.iter().find(|one| one.id == id);
        let found = found.unwrap_or_else(|| panic!("no {id} in {all:#?}"));
        let text = format!(
            "{}\n{}\n{}",
            found.cause,
            found.evidence.join("\n"),
            found.mend
        );
        for part in texts {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }

    #[track_caller]
    fn not_told(&self, id: &str) {
        let all = self.diagnoses();
        assert!(all.iter().all(|one| one.id != id), "{all:#?}");
    }

    #[track_caller]
    fn only(&self, id: &str, evidence: &str) {
        let all = self.diagnoses();
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].id, id);
        assert!(
            all[0].evidence.iter().any(|e| e.contains(evidence)),
            "{all:?}"
        );
    }
}

/// A configuration with one symbol less.
fn without(symbol: &str) -> &'static str {
    let all = Case::default().config;
    let line = format!("CONFIG_{symbol}=y\n");
    assert!(all.contains(&line));
    all.replace(&line, &format!("# CONFIG_{symbol} is not set\n"))
        .leak()
}

#[test]
fn a_boot_that_says_nothing_of_trouble_has_no_diagnosis() {
    assert_eq!(Case::default().diagnoses(), []);
}

#[test]
fn a_script_without_binfmt_script() {
    // Without the agent, and with it: the errno that it tells.
    let kernels_own = Case {
        console: "Run /init as init process\nFailed to execute /init (error -8)\n\
                  Run /sbin/init as init process\n",
        config: without("BINFMT_SCRIPT"),
        ..Case::default()
    };
    kernels_own.only("script-without-support", "CONFIG_BINFMT_SCRIPT is not set");
    let agents = Case {
        no_init: Some(8),
        config: without("BINFMT_SCRIPT"),
        ..Case::default()
    };
    agents.only("script-without-support", "begins with #!/bin/sh");
    // With the support the cause is another one, and not shown.
    let with = Case {
        no_init: Some(8),
        ..Case::default()
    };
    assert_eq!(with.diagnoses(), []);
}

const NO_INIT: &str = "Freeing unused kernel image (initmem) memory: 208K\n\
    Run /sbin/init as init process\nRun /etc/init as init process\n\
    Run /bin/init as init process\nRun /bin/sh as init process\n\
    Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. \
    See Linux Documentation/admin-guide/init.rst for guidance.\n";

#[test]
fn a_kernel_that_takes_no_ramdisk() {
    let case = Case {
        console: NO_INIT,
        config: without("BLK_DEV_INITRD"),
        ..Case::default()
    };
    case.only("no-ramdisk-support", "CONFIG_BLK_DEV_INITRD is not set");
}

#[test]
fn a_ramdisk_without_an_init() {
    let case = Case {
        console: NO_INIT,
        files: &[
            ("bin/sh", "\x7fELF\x01\x01", 0o755),
            ("etc/motd", "", 0o644),
        ],
        ..Case::default()
    };
    case.only("no-init", "the ramdisk has no /init");
    // With one in it the cause is not shown.
    let with = Case {
        console: NO_INIT,
        ..Case::default()
    };
    assert_eq!(with.diagnoses(), []);
}

#[test]
fn dhcp_without_packet_sockets() {
    let console = "starting pid 16, tty '': '/etc/init.d/rcS'\n\
                   e1000: eth0 NIC Link is Up 1000 Mbps Full Duplex, Flow Control: RX\n\
                   udhcpc: started, v1.35.0\n\
                   udhcpc: socket: Address family not supported by protocol\n";
    let case = Case {
        console,
        config: without("PACKET"),
        outcome: Outcome::CheckFailed,
        ..Case::default()
    };
    case.only("dhcp-without-packet", "udhcpc: socket");
    let with = Case {
        console,
        ..Case::default()
    };
    assert_eq!(with.diagnoses(), []);
}

const NO_DEVICE: &str = "e1000: Intel(R) PRO/1000 Network Driver\n\
    ifconfig: ioctl 0x8913 failed: No such device\n\
    udhcpc: ioctl 0x8933 failed: No such device\n";

#[test]
fn a_card_whose_driver_is_off_a_module_or_there() {
    let case = |config| Case {
        console: NO_DEVICE,
        config,
        outcome: Outcome::CheckFailed,
        ..Case::default()
    };
    case(without("E1000")).only("no-network-driver", "CONFIG_E1000 is not set");
    let module = without("E1000").replace("# CONFIG_E1000 is not set", "CONFIG_E1000=m");
    case(module.leak()).only("network-driver-not-loaded", "CONFIG_E1000=m");
    assert_eq!(case(Case::default().config).diagnoses(), []);
}

#[test]
fn a_console_that_is_not_configured() {
    let passed = CheckRecord {
        name: "shell".to_owned(),
        via: recipe::plan::Via::Channel,
        outcome: CheckOutcome::Passed,
        seconds: Some(0.1),
        detail: String::new(),
    };
    let case = Case {
        console: "",
        config: without("SERIAL_8250_CONSOLE"),
        outcome: Outcome::Passed,
        checks: vec![passed],
        ..Case::default()
    };
    case.only("no-console", "CONFIG_SERIAL_8250_CONSOLE is not set");
}

#[test]
fn a_kvm_that_is_of_no_use() {
    let case = |qemu_said| Case {
        console: "",
        qemu_said,
        kvm: true,
        outcome: match qemu_said {
            Some(_) => Outcome::InfrastructureBroke,
            None => Outcome::BootHung,
        },
        ..Case::default()
    };
    let said = "it ended with exit status: 1: Could not access KVM kernel module: No such file or \
                directory\nqemu-system-i386: -accel kvm: failed to initialize kvm: No such file or directory";
    case(Some(said)).only("kvm-not-usable", "Could not access KVM");
    case(None).only("kvm-not-usable", "printed nothing at all");
}

#[test]
fn a_qemu_that_lacks_what_it_is_asked_for() {
    for said in [
        "it ended with exit status: 1: qemu-system-i386: -no-such-option: invalid option",
        "qemu-system-i386: unsupported machine type\nUse -machine help to list supported machines",
        "qemu-system-i386: unable to find CPU model 'pentium9'",
        "qemu-system-i386: -device x: 'x' is not a valid device model name",
        "qemu-system-i386: Property 'pc-machine.x' not found",
    ] {
        let case = Case {
            console: "",
            qemu_said: Some(said),
            outcome: Outcome::InfrastructureBroke,
            ..Case::default()
        };
        case.only("qemu-lacks-it", said);
    }
    let other = Case {
        console: "",
        qemu_said: Some("could not load kernel '/k': No such file or directory"),
        outcome: Outcome::InfrastructureBroke,
        ..Case::default()
    };
    assert_eq!(other.diagnoses(), []);
}

#[test]
fn links_are_followed_as_the_kernel_does() {
    let mut tree = Tree::new();
    let path = |text: &str| ArchivePath::new(text).expect("a path");
    let link = |at: &str, to: &str| {
        Entry::new(
            path(at),
            EntryKind::Symlink(LinkTarget::new(to).expect("a target")),
        )
    };
    let file = Entry::file(path("usr/bin/busybox"), &b"#!x"[..]);
    tree.insert(file).expect("fits");
    for entry in [
        link("bin", "usr/bin"),
        link("init", "/bin/../bin/busybox"),
        link("loop", "loop"),
    ] {
        tree.insert(entry).expect("fits");
    }
    let mut archive = Vec::new();
    cpio::write(&tree, &cpio::CpioOptions { mtime: 0 }, &mut archive).expect("packs");
    let settings = Settings {
        machine_ram: 1 << 25,
        bcj: None,
    };
    let kind = initramfs::Compression::Xz;
    let image = initramfs::compress::compress(kind, &archive, &settings).expect("packs");
    let listing = Listing::read(&image);
    assert_eq!(
        listing.files.resolve("/init").as_deref(),
        Some("/usr/bin/busybox")
    );
    let init = listing.files.find("/init").map(|node| &node.kind);
    let NodeKind::File { program, .. } = init.expect("is there") else {
        panic!("{init:?}");
    };
    assert_eq!(*program, Program::Script("x".to_owned()));
    assert_eq!(listing.files.find("/loop"), None);
    assert_eq!(listing.archives(), [(0, kind)]);
}

#[test]
fn every_diagnosis_is_described() {
    let text = include_str!("../../../../../docs/diagnoses.md");
    let sources = [
        include_str!("calls.rs"),
        include_str!("cmdline.rs"),
        include_str!("devices.rs"),
        include_str!("features.rs"),
        include_str!("host.rs"),
        include_str!("init.rs"),
        include_str!("mounts.rs"),
        include_str!("network.rs"),
        include_str!("signals.rs"),
        include_str!("startup_files.rs"),
        include_str!("unpacking.rs"),
        include_str!("userland.rs"),
    ];
    let tests = [
        include_str!("tests.rs"),
        include_str!("tests/evidence.rs"),
        include_str!("tests/startup_files.rs"),
        include_str!("../../../../tuxling/tests/e2e/diagnosis.rs"),
    ];
    let mut ids = 0;
    for source in sources {
        // Names that stand in the code: a text with hyphens and no blanks.
        let names = source.split('"').filter(|part| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            part.contains('-') && part.len() > 5 && part.chars().all(fits)
        });
        for id in names.filter(|id| {
            text.contains(&format!("### {id}\n"))
                || source.contains(&format!("diagnosis(\n            \"{id}\""))
                || source.contains(&format!("diagnosis(\n        \"{id}\""))
        }) {
            assert!(text.contains(&format!("### {id}\n")), "{id}");
            let row = format!("| [{id}](#{id}) | ");
            let row = text.lines().find(|line| line.starts_with(&row));
            let row = row.unwrap_or_else(|| panic!("{id} has no evidence in the table"));
            let test = row.rsplit('`').nth(1).expect("a test's name");
            let name = format!("fn {test}()");
            assert!(
                tests.iter().any(|source| source.contains(&name)),
                "{id}: {test}"
            );
            ids += 1;
        }
    }
    assert!(ids > 45, "{ids}");
    let all = sources.concat();
    for heading in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(
            all.contains(&format!("\"{heading}\"")),
            "{heading} is told nowhere"
        );
    }
}

#[test]
fn a_program_without_binfmt_elf() {
    let case = |config| Case {
        no_init: Some(8),
        files: &[(
            "init",
            "\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            0o755,
        )],
        config,
        ..Case::default()
    };
    case(without("BINFMT_ELF")).only("elf-without-support", "CONFIG_BINFMT_ELF is not set");
    case(Case::default().config).none();
}

#[test]
fn a_ramdisk_without_dev_console() {
    let case = |files| Case {
        console: "Warning: unable to open an initial console.\n",
        files,
        ..Case::default()
    };
    case(Case::default().files).only("no-console-device", "no /dev/console");
    let there: &[(&str, &str, u32)] =
        &[("init", "#!/bin/sh\n", 0o755), ("dev/console", "x", 0o600)];
    case(there).none();
}

#[test]
fn a_proc_that_the_kernel_does_not_have() {
    let case = |config| Case {
        console: "ps: can't open '/proc/self/stat': No such file or directory\n",
        config,
        outcome: Outcome::CheckFailed,
        ..Case::default()
    };
    case(without("PROC_FS")).only("no-proc-support", "CONFIG_PROC_FS is not set");
    case(Case::default().config).not_told("no-proc-support");
}

proptest! {
    #[test]
    fn any_console_is_read_without_a_panic(text: String, errno in 0i32..140) {
        let console: &'static str = text.leak();
        for no_init in [None, Some(errno)] {
            Case { console, no_init, ..Case::default() }.diagnoses();
        }
    }
}
