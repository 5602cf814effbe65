//! Recipes from their text to the plan, the texts of their errors, and what the
//! reference says of both.

mod aarch64;
mod pruning;
mod refused;
mod root;
mod texts;

use std::path::Path;

use host::units::Bytes;
use initramfs::Compression;

use super::plan::{CheckKind, FileKind, GuestCommand, NetworkMode, OnTrap, StaticAddress};
use super::*;
use crate::board;
use crate::config::Request;

/// The smallest recipe without errors.
const LEAST: &str = "board = \"pc\"\n[userland]\nbusybox = [\"sh\"]\n";

fn home(folder: &Path) -> Home {
    home_of(folder.join("job.toml"))
}

fn plan(text: &str) -> Plan {
    parse("job.toml", text, home(Path::new("/nowhere"))).expect("no errors")
}

fn errors(text: &str) -> String {
    let result = parse("job.toml", text, home(Path::new("/nowhere")));
    result.expect_err("errors").render(false)
}

/// The errors of lines that are added to the smallest recipe.
fn errors_of(added: &str) -> String {
    errors(&format!("{LEAST}{added}"))
}

fn value<'p>(requests: &'p [Request], symbol: &str) -> Option<&'p str> {
    let last = requests.iter().rfind(|r| r.symbol == symbol);
    last.map(|r| r.value.as_str())
}

#[test]
fn every_built_in_recipe_loads() {
    for name in builtin::names() {
        let plan = load(name, Path::new("/tmp")).unwrap_or_else(|e| panic!("{name}:\n{e}"));
        assert_eq!(plan.name, name);
        assert_eq!(plan.origin, RecipeOrigin::BuiltIn);
        assert_eq!(plan.base, Path::new("/tmp"));
        assert!(!plan.checks.is_empty());
    }
}

#[test]
fn several_cpus_ask_for_smp_and_one_does_not() {
    let several = load("microvm-smp", Path::new("/")).expect("loads");
    assert_eq!(value(&several.kernel.requests, "SMP"), Some("y"));
    assert_eq!(several.machine.cpus, 2);
    let one = load("microvm", Path::new("/")).expect("loads");
    assert_eq!(value(&one.kernel.requests, "SMP"), None);
    assert_eq!(one.machine.cpus, 1);
}

#[test]
fn context_mixing_brings_its_patch_once_and_its_options() {
    let kernel = |added: &str| plan(&format!("{LEAST}{added}")).kernel;
    let patches = |kernel: &plan::KernelPlan| -> Vec<String> {
        kernel
            .patches
            .iter()
            .map(|patch| patch.name.clone())
            .collect()
    };
    let asked = |kernel: &plan::KernelPlan, symbol: &str| {
        value(&kernel.requests, symbol).map(str::to_owned)
    };
    let packed = kernel("[machine]\nmemory = \"32MiB\"\n[kernel]\ncompress = \"cm-best\"\n");
    assert_eq!(patches(&packed), ["builtin:linux-cm.patch"]);
    for (symbol, value) in [
        ("KERNEL_CM", "y"),
        ("CM_STRENGTH", "3"),
        ("CM_MEMORY", "22"),
        ("RD_XZ", "y"),
    ] {
        assert_eq!(asked(&packed, symbol).as_deref(), Some(value), "{symbol}");
    }
    assert_eq!(asked(&packed, "RD_CM"), None);

    let ramdisk = kernel("[ramdisk]\ncompress = \"cm\"\n");
    assert_eq!(patches(&ramdisk), ["builtin:linux-cm.patch"]);
    assert_eq!(asked(&ramdisk, "RD_CM").as_deref(), Some("y"));
    assert_eq!(asked(&ramdisk, "RD_XZ").as_deref(), Some("n"));
    assert_eq!(asked(&ramdisk, "KERNEL_XZ").as_deref(), Some("y"));

    let named = "[kernel]\ncompress = \"cm\"\npatches = [\"builtin:linux-cm.patch\"]\n";
    assert_eq!(patches(&kernel(named)), ["builtin:linux-cm.patch"]);
    assert!(patches(&kernel("")).is_empty());
}

#[test]
fn pc_net_asks_for_what_its_network_needs() {
    let plan = load("pc-net", Path::new("/")).expect("loads");
    let requests = &plan.kernel.requests;
    for symbol in [
        "E1000",
        "PACKET",
        "INET",
        "SERIAL_8250_CONSOLE",
        "COMPAT_32BIT_TIME",
    ] {
        assert_eq!(value(requests, symbol), Some("y"), "{symbol}");
    }
    assert_eq!(value(requests, "RD_XZ"), Some("y"));
    assert_eq!(value(requests, "RD_GZIP"), Some("n"));
    assert_eq!(value(requests, "IPV6"), Some("n"));
    let names: Vec<&str> = plan.checks.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["shell", "dhcp", "ping", "download", "sleep"]);
    assert_eq!(plan.budget.image, Some(Bytes::kib(1220)));
}

#[test]
fn pc_shell_has_no_network() {
    let plan = load("pc-shell", Path::new("/")).expect("loads");
    assert_eq!(plan.network.nic, None);
    for symbol in ["NET", "PCI", "E1000"] {
        assert_eq!(value(&plan.kernel.requests, symbol), None, "{symbol}");
    }
}

#[test]
fn a_board_without_a_console_has_no_shell_there_and_no_word_of_it() {
    let plan = load("pc-no-console", Path::new("/")).expect("loads");
    assert_eq!(plan.kernel.cmdline, "panic=-1");
    for symbol in ["TTY", "PRINTK"] {
        assert_eq!(value(&plan.kernel.requests, symbol), None, "{symbol}");
    }
    let file = |to: &str| plan.userland.files.iter().find(|file| file.to == to);
    assert!(file("/dev/console").is_none());
    assert!(file("/dev/null").is_some());
    let inittab = &file("/etc/inittab").expect("it has one").kind;
    let plan::FileKind::Text(inittab) = inittab else {
        panic!("a text: {inittab:?}");
    };
    assert!(!inittab.contains("respawn"), "{inittab}");
}

#[test]
fn what_is_left_out_has_its_default() {
    let plan = plan(LEAST);
    assert_eq!(plan.name, "job");
    assert_eq!(plan.base, Path::new("/nowhere"));
    assert_eq!(
        plan.kernel.source,
        plan::SourceWish::Series("6.12".to_owned())
    );
    assert_eq!(
        plan.kernel.base,
        plan::BaseConfig::Target("tinyconfig".to_owned())
    );
    assert_eq!(plan.kernel.toolchain, toolchain::Toolchain::GCC);
    assert_eq!(plan.kernel.compress, Compression::Xz);
    assert_eq!(plan.kernel.cmdline, "console=ttyS0 panic=-1");
    assert_eq!(plan.ramdisk.compress, Compression::Xz);
    assert_eq!(plan.ramdisk.placement, plan::Placement::Separate);
    assert_eq!(plan.network.mode, plan::NetworkMode::None);
    assert_eq!(plan.machine.memory, Bytes::mib(32));
    assert_eq!(plan.machine.timeout.as_secs(), 120);
    assert_eq!(plan.machine.silence.as_secs(), 30);
    assert_eq!(plan.budget, plan::BudgetPlan::default());
    assert_eq!(plan.prune, plan::PrunePlan::default());
    let busybox = plan.userland.busybox.expect("BusyBox");
    assert_eq!(busybox.applets, ["sh", "init", "reboot", "mount"]);
}

#[test]
fn the_ramdisk_has_what_a_busybox_system_needs_with_folders_first() {
    let plan = plan(LEAST);
    let paths: Vec<&str> = plan.userland.files.iter().map(|f| f.to.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/bin",
            "/dev",
            "/etc",
            "/etc/init.d",
            "/proc",
            "/tmp",
            "/init",
            "/etc/inittab",
            "/etc/fstab",
            "/etc/init.d/rcS",
            "/dev/console",
            "/dev/null",
        ]
    );
}

#[test]
fn an_address_on_the_command_line_asks_for_what_reads_it() {
    let asked = |cmdline: &str| {
        let text = format!("{LEAST}[kernel]\ncmdline = \"console=ttyS0 {cmdline}\"\n");
        let plan = plan(&text);
        let value = |symbol| value(&plan.kernel.requests, symbol).map(str::to_owned);
        (value("IP_PNP").is_some(), value("IP_PNP_DHCP").is_some())
    };
    assert_eq!(
        asked("ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off"),
        (true, false)
    );
    assert_eq!(asked("ip=dhcp"), (true, true));
    assert_eq!(asked("ip=:::::eth0:dhcp"), (true, true));
    assert_eq!(asked("ip=off"), (false, false));
    assert_eq!(asked("-- ip=dhcp"), (false, false));
    assert_eq!(asked("panic=-1"), (false, false));
    let off = format!(
        "{LEAST}[kernel]\ncmdline = \"ip=dhcp\"\noptions = \"# CONFIG_IP_PNP is not set\"\n"
    );
    assert_eq!(
        value(&plan(&off).kernel.requests, "IP_PNP"),
        Some("n"),
        "the recipe's own wins"
    );
}

#[test]
fn the_shell_counts_unless_the_recipe_says_otherwise() {
    let math = |text: &str| {
        let busybox = plan(text).userland.busybox.expect("there is one");
        value(&busybox.requests, "FEATURE_SH_MATH").map(str::to_owned)
    };
    assert_eq!(math(LEAST).as_deref(), Some("y"));
    let off = format!("{LEAST}busybox-options = \"# CONFIG_FEATURE_SH_MATH is not set\"\n");
    assert_eq!(math(&off).as_deref(), Some("n"));
}

#[test]
fn the_recipes_own_requests_come_after_the_implied_ones() {
    let text = format!("{LEAST}[kernel]\noptions = \"# CONFIG_PROC_FS is not set\"\n");
    let plan = plan(&text);
    assert_eq!(value(&plan.kernel.requests, "PROC_FS"), Some("n"));
    let first = plan.kernel.requests.iter().find(|r| r.symbol == "PROC_FS");
    assert_eq!(
        first.map(|r| r.by.to_string()),
        Some("/etc/fstab mounts /proc".to_owned())
    );
}

#[test]
fn a_built_in_ramdisk_is_named_to_the_kernel_and_not_compressed_again() {
    for (compress, name) in [
        ("none", "tuxling-initramfs.cpio"),
        ("zstd", "tuxling-initramfs.cpio.zst"),
    ] {
        let plan = plan(&format!(
            "{LEAST}[ramdisk]\nplacement = \"builtin\"\ncompress = \"{compress}\"\n"
        ));
        let requests = &plan.kernel.requests;
        let source = requests.iter().find(|r| r.symbol == "INITRAMFS_SOURCE");
        let source = source.expect("is asked for");
        assert_eq!((source.value.as_str(), source.quoted), (name, true));
        assert_eq!(value(requests, "INITRAMFS_COMPRESSION_NONE"), Some("y"));
    }
    let separate = plan(LEAST).kernel.requests;
    assert_eq!(value(&separate, "INITRAMFS_SOURCE"), None);
}

#[test]
fn checks_have_their_defaults() {
    let plan = plan(
        "board = \"pc\"\n[network]\nmode = \"dhcp\"\n\
         [userland]\nbusybox = [\"ping\", \"wget\", \"sleep\"]\n\
         [[check]]\nname = \"a\"\nping = true\n\
         [[check]]\nname = \"b\"\nfetch = true\n\
         [[check]]\nname = \"c\"\nsleep = true\ntimeout = \"1m\"\n\
         [[check]]\nname = \"d\"\nrun = [\"/bin/sh\", \"-c\", \"exit 0\"]\n",
    );
    let gateway = std::net::Ipv4Addr::new(10, 0, 2, 2);
    let kinds: Vec<&CheckKind> = plan.checks.iter().map(|c| &c.kind).collect();
    assert!(matches!(kinds[0], CheckKind::Ping { to, count: 1, .. } if *to == gateway));
    assert!(matches!(kinds[1], CheckKind::Fetch { size, .. } if *size == Bytes::kib(64)));
    assert!(
        matches!(kinds[2], CheckKind::Sleep { command: GuestCommand::Shell(line), .. } if line == "sleep 1")
    );
    assert!(
        matches!(kinds[3], CheckKind::Run { command: GuestCommand::Argv(argv), .. } if argv.len() == 3)
    );
    assert_eq!(plan.checks[0].timeout.as_secs(), 10);
    assert_eq!(plan.checks[2].timeout.as_secs(), 60);
}

#[test]
fn a_fixed_address_brings_its_network_with_it() {
    let fixed = |network: &str| {
        let plan = plan(&format!(
            "board = \"pc\"\n[userland]\nbusybox = [\"sh\"]\n[network]\n{network}"
        ));
        let NetworkMode::Static(fixed) = plan.network.mode else {
            panic!("it is static");
        };
        assert_eq!(plan.network.host(), fixed.gateway);
        let mut texts = plan
            .userland
            .files
            .into_iter()
            .filter_map(|file| match file.kind {
                FileKind::Text(text) if file.to == "/etc/init.d/rcS" => Some(text),
                _ => None,
            });
        (fixed, texts.next().expect("an rcS"))
    };
    let (usual, _) = fixed("mode = \"static\"\n");
    assert_eq!(usual, StaticAddress::QEMU);
    let (own, rc_s) = fixed("mode = \"static\"\naddress = \"192.168.7.20/28\"\n");
    assert_eq!(own.gateway.to_string(), "192.168.7.18");
    assert!(
        rc_s.contains("ifconfig eth0 192.168.7.20 netmask 255.255.255.240 up\nroute add default gw 192.168.7.18\n"),
        "{rc_s}"
    );
}

#[test]
fn a_check_that_is_typed_must_be_a_line() {
    let typed = |check: &str| format!("[[check]]\nname = \"a\"\nvia = \"console\"\n{check}");
    let long = format!("run = \"{}\"\n", "x".repeat(401));
    for (check, message) in [
        (long.as_str(), "can't be typed"),
        ("run = \"a\\nb\"\n", "can't be typed"),
    ] {
        let shown = errors_of(&typed(check));
        assert!(shown.contains(message), "{shown}");
    }
    let shown = errors(&format!(
        "board = \"pc\"\n[network]\nmode = \"dhcp\"\n[userland]\nbusybox = [\"sh\"]\n{}",
        typed("dhcp = true\n")
    ));
    assert!(
        shown.contains("only `run`, `ping` and `sleep` can be typed"),
        "{shown}"
    );
}

#[test]
fn every_kind_of_file_is_understood() {
    let plan = plan(
        "board = \"pc\"\n[userland]\nbusybox = [\"sh\"]\n\
         [[userland.file]]\nto = \"/etc//motd\"\ntext = \"tiny\\n\"\nmode = \"0600\"\nowner = \"7:8\"\n\
         [[userland.file]]\nto = \"/a\"\nsymlink = \"etc/motd\"\n\
         [[userland.file]]\nto = \"/srv\"\ndirectory = true\n\
         [[userland.file]]\nto = \"/dev/console\"\nchar = \"5:1\"\nmode = \"0666\"\n\
         [[userland.file]]\nto = \"/dev/ram0\"\nblock = \"1:0\"\n",
    );
    let files = plan.userland.files;
    let file = |to: &str| {
        let mut all = files.iter().filter(|f| f.to == to);
        let one = all.next().unwrap_or_else(|| panic!("no {to}"));
        assert!(all.next().is_none(), "{to} twice");
        one
    };
    let motd = file("/etc/motd");
    assert_eq!(motd.kind, FileKind::Text("tiny\n".to_owned()));
    assert_eq!((motd.mode, motd.uid, motd.gid), (0o600, 7, 8));
    assert_eq!(file("/a").kind, FileKind::Symlink("etc/motd".to_owned()));
    assert_eq!(file("/srv").mode, 0o755);
    assert_eq!(file("/dev/console").mode, 0o666);
    assert_eq!(
        file("/dev/ram0").kind,
        FileKind::BlockDevice { major: 1, minor: 0 }
    );
}

#[test]
fn a_new_recipe_has_no_errors_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("own.config"), "CONFIG_HZ_100=y\n").expect("writes");
    let boards = board::names().into_iter();
    for (board, network) in boards.flat_map(|b| [(b, false), (b, true)]) {
        let wish = scaffold::Wish {
            fragments: vec!["own.config".to_owned()],
            also: vec!["vfat".to_owned()],
            ..scaffold::Wish::new(&format!("job-{board}-{network}"), board, network)
        };
        let text = scaffold::text(&wish).expect("a known board");
        if board::built_in(board).is_some_and(|board| board.flash.is_some()) {
            let path = scaffold::write(folder.path(), &wish).expect("writes");
            let name = path.to_str().expect("a plain path");
            let plan = load(name, folder.path()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(plan.machine.memory, plan.board.memory, "{board}");
            assert_eq!(value(&plan.kernel.requests, "HZ_100"), Some("y"));
            assert!(plan.kernel.patches.len() > 5, "{text}");
            assert!(
                plan.checks
                    .iter()
                    .all(|check| check.via == plan::Via::Console)
            );
            continue;
        }
        let parts = if network {
            &["base", "net"][..]
        } else {
            &["base"]
        };
        for part in parts {
            let of = board.strip_suffix("-no-console").unwrap_or(board);
            let fragment = format!("\"builtin:{of}-{part}.config\"");
            assert!(text.contains(&fragment), "{fragment}");
        }
        let path = scaffold::write(folder.path(), &wish).expect("writes");
        let name = path.to_str().expect("a plain path");
        let plan = load(name, folder.path()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(plan.name, wish.name);
        assert_eq!(plan.machine.memory, plan.board.memory, "{board}");
        assert!(plan.userland.busybox.as_ref().is_some_and(|b| b.usual));
        assert_eq!(value(&plan.kernel.requests, "HZ_100"), Some("y"));
        assert_eq!(plan.checks.len(), if network { 5 } else { 2 });
        assert_eq!(value(&plan.kernel.requests, "VFAT_FS"), Some("y"));
        let again = scaffold::write(folder.path(), &wish).expect_err("refuses");
        assert!(matches!(again, scaffold::ScaffoldError::Exists(_)));
    }
}

#[test]
fn every_key_is_described_in_the_reference() {
    let reference = include_str!("../../../docs/recipe.md");
    let kinds = raw::SCHEMAS.iter().chain(board::SCHEMAS);
    for schema in kinds {
        for key in schema.keys {
            assert!(
                reference.contains(&format!("`{key}`")),
                "{} {key}",
                schema.header
            );
        }
    }
    for name in builtin::names().iter().chain(&board::names()) {
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn every_example_of_the_reference_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["own.config", "fix.patch", "job", "fstab", "my-init"] {
        std::fs::write(folder.path().join(file), "").expect("writes");
    }
    let reference = include_str!("../../../docs/recipe.md");
    let examples = reference.split("```toml\n").skip(1);
    let examples: Vec<&str> = examples.filter_map(|e| e.split("```").next()).collect();
    assert!(examples.len() > 5);
    for example in examples {
        // Boards are read by the tests of boards.
        if example.contains("[channel]") || example.contains("[[firmware]]") {
            continue;
        }
        let mut text = String::new();
        if !example.contains("board ") {
            text.push_str("board = \"pc\"\n");
        }
        text.push_str(example);
        for (table, body) in [
            (
                "[userland]",
                "busybox = [\"sh\", \"sleep\", \"ping\", \"wget\", \"cat\"]",
            ),
            ("[network]", "mode = \"dhcp\""),
        ] {
            if !example.contains(table) {
                text.push_str(&format!("\n{table}\n{body}\n"));
            }
        }
        if let Err(errors) = parse("job.toml", &text, home(folder.path())) {
            panic!("{text}\n{errors}");
        }
    }
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    /// Pieces of recipes, right and wrong, in any order.
    fn piece() -> impl Strategy<Value = String> {
        let keys: Vec<&str> = raw::SCHEMAS
            .iter()
            .flat_map(|s| s.keys.iter().copied())
            .collect();
        let values = prop::sample::select(vec![
            "true",
            "1",
            "\"x\"",
            "\"pc\"",
            "[\"sh\"]",
            "{ text = \"a\" }",
            "[]",
            "\"32MiB\"",
            "\"1s\"",
            "\"\"\"\nCONFIG_A\n\"\"\"",
            "1979-05-27",
            "{ size = 4 }",
            "\"5:1\"",
            "[\"upstream\", \"distribution\"]",
            "[{ url = \"https://x/y\", sha256 = \"z\" }, { path = \"a\", git = 1 }]",
            "[{ git = \"https://x/y\" }]",
        ]);
        let headers = prop::sample::select(vec![
            "[kernel]",
            "[userland]",
            "[[userland.file]]",
            "[[check]]",
            "[machine]",
            "[network]",
            "[[exercise]]",
            "[prune]",
            "[budget]",
        ]);
        prop_oneof![
            (prop::sample::select(keys), values)
                .prop_map(|(key, value)| format!("{key} = {value}\n")),
            headers.prop_map(|header| format!("{header}\n")),
        ]
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            if let Err(errors) = parse("job.toml", &text, home(Path::new("/nowhere"))) {
                prop_assert!(!errors.render(false).is_empty());
            }
        }

        #[test]
        fn made_of_keys_never_panics(pieces in prop::collection::vec(piece(), 0..12)) {
            let text = pieces.concat();
            if let Err(errors) = parse("job.toml", &text, home(Path::new("/nowhere"))) {
                prop_assert!(errors.count() > 0);
                prop_assert!(!errors.render(true).is_empty());
            }
        }

        #[test]
        fn as_a_fragment_never_panics(text in "[ -~\n\r\täöü\"\\\\]*") {
            let fragment::Parsed { lines, remarks: wrong } = fragment::parse(&text, fragment::Form::Typed);
            for span in lines.iter().map(|l| &l.span).chain(wrong.iter().map(|w| &w.span)) {
                prop_assert!(text.get(span.clone()).is_some());
            }
        }
    }
}
