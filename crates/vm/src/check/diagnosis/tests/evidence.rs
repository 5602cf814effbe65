//! Each diagnosis with its evidence, and without: what contradicts it keeps it
//! back.

use initramfs::{Compression, compress};

use super::*;

/// A check that failed with this detail.
fn failed(detail: &str) -> Vec<CheckRecord> {
    vec![CheckRecord {
        name: "it".to_owned(),
        via: recipe::plan::Via::Channel,
        outcome: CheckOutcome::Failed,
        seconds: Some(0.1),
        detail: detail.to_owned(),
    }]
}

/// A boot whose check failed with this detail, on this configuration.
fn check(detail: &str, config: &'static str) -> Case {
    Case {
        checks: failed(detail),
        config,
        outcome: Outcome::CheckFailed,
        ..Case::default()
    }
}

/// A boot whose console printed this, on the usual configuration and more.
fn console(text: &'static str, more: &str) -> Case {
    Case {
        console: text,
        config: format!("{}{more}", Case::default().config).leak(),
        outcome: Outcome::CheckFailed,
        ..Case::default()
    }
}

const ENDED: &str = "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300\n";

#[test]
fn an_init_that_was_never_started_has_not_ended() {
    let case = |no_init| Case {
        console: ENDED,
        no_init,
        ..Case::default()
    };
    case(None).told("init-ended", &["ended with status 3"]);
    case(Some(8)).not_told("init-ended");
    let refused = Case {
        console: "Failed to execute /init (error -8)\nKernel panic - not syncing: Attempted to kill init! \
                  exitcode=0x00000100\n",
        ..Case::default()
    };
    refused.not_told("init-ended");
    let agent = Case {
        console: "tuxling-agent: can't read the checks' plan\nKernel panic - not syncing: Attempted to \
                  kill init! exitcode=0x00000100\n",
        ..Case::default()
    };
    agent.not_told("init-ended");
    let with = "/init: line 3: nosuch: not found\nKernel panic - not syncing: Attempted to kill init! \
                exitcode=0x00007f00\n";
    let case = Case {
        console: with,
        ..Case::default()
    };
    case.told(
        "init-ended",
        &[
            "status 127",
            "before that: /init: line 3: nosuch: not found",
        ],
    );
}

#[test]
fn an_init_that_is_no_program_is_told_its_first_bytes() {
    let case = |text: &'static str, no_init| Case {
        no_init,
        console: "",
        files: vec![
            ("init", text, 0o755),
            ("bin/sh", "-> busybox", 0o777),
            ("bin/busybox", "\x7fELF\x01\x01", 0o755),
            ("sbin/init", "-> /bin/busybox", 0o777),
        ]
        .leak(),
        ..Case::default()
    };
    let instead = "says \"Failed to execute /init (error -8)\" and starts /sbin/init";
    for (text, shown) in [
        ("mount -a\nexec /bin/sh\n", "its first bytes are `mount`"),
        ("\u{feff}#!/bin/sh\n", "its first bytes are EF BB BF"),
        ("", "it is empty"),
        ("\n#!/bin/sh\n", "0A, blanks before #!"),
        ("#!\n", "names no interpreter"),
    ] {
        case(text, Some(8)).told("init-no-program", &[shown, instead, "begin with #!/bin/sh"]);
    }
    // Nobody said that it was refused.
    case("mount -a\n", None).none();
    // Said of another thing: a program isn't refused with this errno.
    case("mount -a\n", Some(13)).none();
}

#[test]
fn a_word_of_the_command_line_without_its_option() {
    let said = "Unknown kernel command line parameters \"ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off \
                nfsroot=/x mine=1 nosmp\", will be passed to user space.\n";
    let case = console(said, "");
    case.told(
        "parameter-without-support",
        &["no CONFIG_IP_PNP, so ip= does nothing", "CONFIG_IP_PNP=y"],
    );
    let causes: Vec<String> = case.diagnoses().into_iter().map(|d| d.cause).collect();
    assert!(
        causes[1].contains("CONFIG_ROOT_NFS, so nfsroot="),
        "{causes:?}"
    );
    assert!(
        causes[2].contains("CONFIG_SMP, so nosmp does nothing"),
        "{causes:?}"
    );
    assert_eq!(causes.len(), 3);
    console(said, "CONFIG_IP_PNP=y\nCONFIG_ROOT_NFS=y\nCONFIG_SMP=y\n").none();
    let dhcp = console(
        "Unknown kernel command line parameters \"ip=dhcp\", will be passed to user space.\n",
        "",
    );
    dhcp.told("parameter-without-support", &["CONFIG_IP_PNP_DHCP=y"]);
    console("ip=dhcp\n", "").none();
}

#[test]
fn a_file_system_that_the_kernel_lacks() {
    let files: &'static [(&str, &str, u32)] = &[
        ("init", "#!/bin/sh\nmount -t devtmpfs dev /dev\n", 0o755),
        ("bin/sh", "\x7fELF\x01\x01", 0o755),
        (
            "etc/fstab",
            "none /sys sysfs defaults 0 0\nx /mnt ext4 ro 0 0\n",
            0o644,
        ),
    ];
    let case = |text, more| Case {
        files,
        ..console(text, more)
    };
    let dev = "mount: mounting dev on /dev failed: No such device\n";
    case(dev, "").told(
        "file-system-not-configured",
        &["devtmpfs", "# CONFIG_DEVTMPFS is not set"],
    );
    case(dev, "CONFIG_DEVTMPFS=y\n").none();
    let sys = "mount: mounting none on /sys failed: No such device\n";
    case(sys, "").told("file-system-not-configured", &["CONFIG_SYSFS=y"]);
    let own = "mount: /mnt: unknown filesystem type 'ext4'.\n";
    case(own, "").told("file-system-not-configured", &["file system ext4"]);
    let named = "mount: mounting tmpfs on /x failed: No such device\n";
    case(named, "").told("file-system-not-configured", &["CONFIG_TMPFS=y"]);
    case("mount: mounting /dev/x on /y failed: No such device\n", "").none();
    case(
        "mount: mounting dev on /dev failed: Permission denied\n",
        "",
    )
    .none();
    check(
        "ended with status 255; it printed: mount: mounting tmpfs on /x failed: No such device",
        Case::default().config,
    )
    .told(
        "file-system-not-configured",
        &["the check it: mount: mounting tmpfs"],
    );
}

#[test]
fn a_mount_without_its_file_system_says_nothing_of_the_network() {
    let case = console(
        "mount: mounting tmpfs on /x failed: No such device\n",
        "# CONFIG_E1000 is not set\n",
    );
    case.not_told("no-network-driver");
}

#[test]
fn a_call_that_the_kernel_lacks() {
    let config = Case::default().config;
    for (line, call, symbol) in [
        (
            "x: epoll_create1: Function not implemented",
            "epoll_create1(2)",
            "EPOLL",
        ),
        (
            "shmget() failed: Function not implemented",
            "shmget(2)",
            "SYSVIPC",
        ),
        (
            "dmesg: klogctl: Function not implemented",
            "klogctl(2)",
            "PRINTK",
        ),
        (
            "can't create timer: timer_create: Function not implemented",
            "timer_create(2)",
            "POSIX_TIMERS",
        ),
        (
            "Failed to create inotify: inotify_init1: Function not implemented",
            "inotify_init1",
            "INOTIFY_USER",
        ),
        ("swapon: /x: Function not implemented", "swapon(2)", "SWAP"),
    ] {
        let detail = format!("ended with status 1; it printed: {line}");
        check(&detail, config).told(
            "call-not-configured",
            &[call, &format!("CONFIG_{symbol}=y")],
        );
        let on = format!("{config}CONFIG_{symbol}=y\n").leak();
        check(&detail, on).not_told("call-not-configured");
    }
    check("printed: epoll_create1: Permission denied", config).not_told("call-not-configured");
    check("it printed: foo: Function not implemented", config).not_told("call-not-configured");
}

#[test]
fn a_family_of_sockets_that_the_kernel_lacks() {
    let config = Case::default().config;
    let said = "Address family not supported by protocol";
    for (who, symbol) in [
        ("socket(AF_INET6): ", "IPV6"),
        ("syslogd: socket: ", "UNIX"),
        ("ping6: socket: ", "IPV6"),
        ("socket(AF_VSOCK): ", "VSOCKETS"),
        ("wget: socket: ", "INET"),
    ] {
        let detail = format!("ended with status 1; it printed: {who}{said}");
        check(&detail, config).told("family-not-configured", &[&format!("CONFIG_{symbol}=y")]);
        let on = format!("{config}CONFIG_{symbol}=y\n").leak();
        check(&detail, on).not_told("family-not-configured");
    }
}

#[test]
fn a_program_that_a_signal_ends() {
    let config = Case::default().config;
    let case = |detail| Case {
        cpu: Some("486"),
        ..check(detail, config)
    };
    case("was ended by signal 4; it printed: x").told("illegal-instruction", &["processor is 486"]);
    case("ended with status 132; it printed: Illegal instruction")
        .told("illegal-instruction", &["machine.cpu"]);
    case("ended with status 132, and printed nothing").none();
    case("was ended by signal 11, and printed nothing")
        .told("program-crashed", &["segmentation fault (signal 11)"]);
    case("ended with status 139; it printed: Segmentation fault")
        .told("program-crashed", &["signal 11"]);
    case("ended with status 136; it printed: Floating point exception")
        .told("program-crashed", &["division by zero"]);
    case("was ended by signal 15, and printed nothing").none();
    console(
        "traps: job[31] trap invalid opcode ip:8048000 sp:bf000000 error:0\n",
        "",
    )
    .told("illegal-instruction", &["usual processor"]);
    console(
        "job[31]: segfault at 0 ip 08048000 sp bf0000 error 4 in job\n",
        "",
    )
    .told("program-crashed", &["segfault at"]);
    let oops = Case {
        outcome: Outcome::Oopsed,
        ..case("was ended by signal 11, and printed nothing")
    };
    oops.none();
    let init = Case {
        console: "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004\n",
        ..Case::default()
    };
    init.told("illegal-instruction", &["the system's init was ended"]);
    init.not_told("init-ended");
}

#[test]
fn a_busybox_without_what_a_command_needs() {
    let config = Case::default().config;
    let busybox: &'static [(&str, &str, u32)] = &[
        ("init", "-> bin/busybox", 0o777),
        ("bin/busybox", "\x7fELF\x01\x01", 0o755),
    ];
    let case = |line: &str| Case {
        files: busybox,
        ..check(&format!("ended with status 2; it printed: {line}"), config)
    };
    for (line, option) in [
        (
            "/bin/sh: support for $((arith)) is disabled",
            "FEATURE_SH_MATH",
        ),
        ("tar: invalid option -- 'z'", "FEATURE_SEAMLESS_GZ"),
        ("find: unrecognized: -type", "FEATURE_FIND_TYPE"),
        (
            "wget: not an http or ftp url: https://x",
            "FEATURE_WGET_HTTPS",
        ),
        ("wget: invalid option -- 'T'", "FEATURE_WGET_TIMEOUT"),
        ("sleep: invalid number '0.5'", "FEATURE_FANCY_SLEEP"),
        ("ip: invalid argument 'addr' to 'ip'", "FEATURE_IP_ADDRESS"),
    ] {
        case(line).told("busybox-option-off", &[&format!("CONFIG_{option}=y"), line]);
    }
    for (line, option) in [
        ("ls: unrecognized option: R", "FEATURE_LS_RECURSIVE"),
        ("ls: unrecognized option: color", "FEATURE_LS_COLOR"),
        ("tar: unrecognized option: z", "FEATURE_SEAMLESS_GZ"),
        (
            "tar: unrecognized option: exclude",
            "FEATURE_TAR_LONG_OPTIONS",
        ),
        ("ping: unrecognized option: c", "FEATURE_FANCY_PING"),
    ] {
        case(line).told("busybox-option-off", &[&format!("CONFIG_{option}=y"), line]);
    }
    case("ls: unrecognized option: Q").none();
    case("ls: unrecognized option: wrong").none();
    case("mytar: unrecognized option: z").none();
    case("mytar: invalid option -- 'z'").none();
    let other = Case {
        files: Case::default().files,
        ..case("tar: invalid option -- 'z'")
    };
    other.none();
}

#[test]
fn devices_without_a_driver_and_devices_that_nobody_announces() {
    let line = "losetup: /dev/loop0: No such file or directory\n";
    console(line, "").told("device-without-driver", &["CONFIG_BLK_DEV_LOOP=y"]);
    console(line, "CONFIG_BLK_DEV_LOOP=y\n").none();
    console("can't open '/dev/rtc0': No such file or directory\n", "")
        .told("device-without-driver", &["RTC_CLASS"]);
    console("open /dev/net/tun: No such device\n", "")
        .told("device-without-driver", &["CONFIG_TUN=y"]);
    let disk = "mount: mounting /dev/vda on /mnt failed: No such file or directory\n";
    console(disk, "").told("device-without-driver", &["VIRTIO_BLK"]);
    let mmio = "CONFIG_VIRTIO_BLK=y\nCONFIG_VIRTIO_MMIO=y\n";
    console(disk, mmio).told(
        "bus-not-enumerated",
        &["never announced", "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y"],
    );
    let with = format!("{mmio}CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n");
    console(disk, with.leak()).none();
    console(disk, "CONFIG_VIRTIO_BLK=y\n").told("bus-not-configured", &["virtio over PCI"]);
    console("cat: /dev/mine: No such file or directory\n", "").none();
}

#[test]
fn a_card_on_a_bus_that_finds_no_devices() {
    let line = "ifconfig: SIOCGIFFLAGS: No such device\n";
    let pci = |more: &str| Case {
        config: format!("CONFIG_PACKET=y\nCONFIG_E1000=y\n{more}").leak(),
        ..console(line, "")
    };
    pci("CONFIG_PCI=y\n").told("bus-not-enumerated", &["PCI", "CONFIG_PCI_DIRECT=y"]);
    pci("CONFIG_PCI=y\nCONFIG_PCI_MMCONFIG=y\n").none();
    let virtio = |more: &str| Case {
        nic: "virtio-net",
        nic_device: Some("virtio-net-device"),
        config: format!("CONFIG_VIRTIO_NET=y\n{more}").leak(),
        ..console(line, "")
    };
    virtio("CONFIG_VIRTIO_MMIO=y\n").told("bus-not-enumerated", &["VIRTIO_MMIO_CMDLINE_DEVICES=y"]);
    virtio("").told("bus-not-configured", &["CONFIG_VIRTIO_MMIO=y"]);
    virtio("CONFIG_VIRTIO_MMIO=y\nCONFIG_OF=y\n").none();
    let found = Case {
        console: "e1000 0000:00:03.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:56\nifconfig: eth1: No such device\n",
        ..pci("CONFIG_PCI=y\n")
    };
    found.none();
}

#[test]
fn a_root_device_is_told_its_driver() {
    let case = |cmdline, more: &str| Case {
        console: "VFS: Cannot open root device \"vda\" or unknown-block(0,0): error -6\n",
        cmdline,
        files: &[("bin/sh", "x", 0o755)],
        config: format!("{}{more}", Case::default().config).leak(),
        ..Case::default()
    };
    case("root=/dev/vda", "CONFIG_BLOCK=y\n")
        .told("device-without-driver", &["VIRTIO_BLK", "by root=/dev/vda"]);
    case("root=/dev/vda", "").told("device-without-driver", &["CONFIG_BLOCK=y"]);
    case("root=/dev/nfs", "").told("device-without-driver", &["CONFIG_ROOT_NFS=y"]);
    case("console=ttyS0", "CONFIG_BLOCK=y\n").told("no-root-device", &["the ramdisk has no /init"]);
}

const UNPACKING: &str =
    "Initramfs unpacking failed: invalid magic at start of compressed archive\n";

/// Archives one behind the other, each with so many bytes behind it.
fn archives(all: &[(Compression, usize)]) -> Option<Vec<u8>> {
    let mut image = Vec::new();
    for (kind, gap) in all {
        let mut tree = Tree::new();
        let path = ArchivePath::new("init").expect("a path");
        let file = Entry::file(path, &b"#!/bin/sh\n"[..]);
        tree.insert(file).expect("fits");
        let mut archive = Vec::new();
        cpio::write(&tree, &cpio::CpioOptions { mtime: 0 }, &mut archive).expect("packs");
        let settings = Settings {
            machine_ram: 1 << 25,
            bcj: None,
        };
        image.extend(compress::compress(*kind, &archive, &settings).expect("packs"));
        image.resize(image.len() + gap, 0);
    }
    Some(image)
}

#[test]
fn archives_behind_each_other_are_told_apart() {
    let case = |image, more: &str| Case {
        console: UNPACKING,
        config: format!("{}{more}", Case::default().config).leak(),
        image,
        ..Case::default()
    };
    let none = Compression::None;
    let odd = archives(&[(none, 2), (none, 0)]);
    case(odd, "").told("archive-not-aligned", &["archive 2", "multiple of four"]);
    case(archives(&[(none, 4), (none, 0)]), "").none();
    let second = archives(&[(none, 4), (Compression::Gzip, 0)]);
    case(second.clone(), "").told(
        "compression-not-configured",
        &["archive 2 of the ramdisk", "CONFIG_RD_GZIP"],
    );
    case(second, "CONFIG_RD_GZIP=y\n").none();
    let lz4 = archives(&[(Compression::Lz4, 0), (none, 0)]);
    case(lz4, "CONFIG_RD_LZ4=y\n").told("lz4-without-end", &["four zero bytes"]);
    let mut junk = archives(&[(none, 4)]).expect("an image");
    junk.extend(b"garbage");
    case(Some(junk.clone()), "").told("archive-damaged", &["archive 2", "no archive"]);
    let quiet = Case {
        console: "Linux version 6.12\n",
        ..case(Some(junk), "")
    };
    quiet.not_told("archive-damaged");
}

#[test]
fn a_console_by_its_path_and_a_console_named_twice() {
    let check = |via, outcome| {
        vec![CheckRecord {
            via,
            outcome,
            ..failed("no prompt was printed")[0].clone()
        }]
    };
    let (channel, typed) = (recipe::plan::Via::Channel, recipe::plan::Via::Console);
    let path = Case {
        console: "",
        cmdline: "console=/dev/ttyS0 panic=-1",
        outcome: Outcome::Passed,
        checks: check(channel, CheckOutcome::Passed),
        ..Case::default()
    };
    path.told(
        "console-on-wrong-device",
        &["is a path", "write console=ttyS0"],
    );
    let twice = |outcome| Case {
        cmdline: "console=ttyS0 console=ttyS1,9600",
        outcome: Outcome::CheckFailed,
        checks: check(typed, outcome),
        ..Case::default()
    };
    twice(CheckOutcome::Failed).told(
        "console-named-twice",
        &["programs have their console on ttyS1"],
    );
    twice(CheckOutcome::Passed).none();
    let right = Case {
        cmdline: "console=ttyS1 console=ttyS0",
        ..twice(CheckOutcome::Failed)
    };
    right.none();
}
