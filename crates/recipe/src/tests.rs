//! Recipes from their text to the plan, the texts of their errors, and what the
//! reference says of both.

use std::path::Path;

use host::units::Bytes;
use initramfs::Compression;

use super::plan::{CheckKind, FileKind, GuestCommand, NetworkMode, StaticAddress};
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
    assert_eq!(plan.kernel.toolchain, plan::Toolchain::Gcc);
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
fn what_is_missing_stops_or_is_loaded_into_a_reserve() {
    let load = |prune: &str| plan(&format!("{LEAST}[prune]\n{prune}\n")).prune.load;
    assert_eq!(load("missing = \"stop\""), None);
    let default = load("missing = \"load\"").expect("it loads");
    assert_eq!(default.reserve, Bytes::kib(256));
    let given = load("missing = \"load\"\nreserve = \"64KiB\"").expect("it loads");
    assert_eq!(given.reserve, Bytes::kib(64));
    let alone = errors_of("[prune]\nreserve = \"64KiB\"\n");
    assert!(alone.contains("nothing is loaded"), "{alone}");
    let unknown = errors_of("[prune]\nmissing = \"lod\"\n");
    assert!(unknown.contains("`lod` is not possible here"), "{unknown}");
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
fn an_unknown_key_is_underlined_and_the_nearest_named() {
    let shown = errors_of("[[check]]\nname = \"a\"\nrun = \"true\"\ntimout = \"10s\"\n");
    assert_eq!(
        shown,
        "\
error: unknown key `timout`
 --> job.toml:7:1
  |
7 | timout = \"10s\"
  | ^^^^^^ not a key of [[check]]
  |
  = help: did you mean `timeout`?"
    );
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let shown = errors("board = \"pc\"\nfragments = []\n[userland]\nbusybox = [\"sh\"]\n");
    assert_eq!(
        shown,
        "\
error: unknown key `fragments`
 --> job.toml:2:1
  |
2 | fragments = []
  | ^^^^^^^^^ not a key of a recipe's top
  |
  = help: `fragments` belongs to [kernel]"
    );
}

#[test]
fn a_bad_quantity_and_a_wrong_type_are_told_together() {
    let shown = errors_of("[machine]\nmemory = \"32 apples\"\ntimeout = 60\n");
    assert_eq!(
        shown,
        "\
error: `32 apples` is not a number of bytes
 --> job.toml:5:10
  |
5 | memory = \"32 apples\"
  |          ^^^^^^^^^^^
  |
  = help: write \"64KiB\" or \"32MiB\"

error: expected a text in quotes, found a whole number
 --> job.toml:6:11
  |
6 | timeout = 60
  |           ^^
  |
  = help: write \"60\""
    );
}

#[test]
fn a_bad_line_inside_options_is_underlined_itself() {
    let shown = errors_of("[kernel]\noptions = \"\"\"\nCONFIG_NET=y\nE1000=y\n\"\"\"\n");
    assert_eq!(
        shown,
        "\
error: a symbol begins with CONFIG_
 --> job.toml:7:1
  |
7 | E1000=y
  | ^^^^^^^ in kernel.options
  |
  = help: write CONFIG_E1000=y"
    );
}

#[test]
fn an_odd_line_of_a_fragment_is_shown_in_the_fragment() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("net.config"), "# net\nCONFIG_NET=yes\n").expect("writes");
    let text = format!("{LEAST}[kernel]\nfragments = [\"net.config\", \"gone.config\"]\n");
    let result = parse("job.toml", &text, home(folder.path()));
    let shown = result.expect_err("errors").render(false);
    let gone = folder.path().join("gone.config");
    let expected = format!(
        "\
error: can't read {}: No such file or directory (os error 2)
 --> job.toml:5:28
  |
5 | fragments = [\"net.config\", \"gone.config\"]
  |                            ^^^^^^^^^^^^^
  |
  = help: paths are relative to the file that names them

warning: of `yes` only the y counts
 --> net.config:2:1
  |
2 | CONFIG_NET=yes
  | ^^^^^^^^^^^^^^ taken as CONFIG_NET=y
  |
  = help: write CONFIG_NET=y",
        gone.display()
    );
    assert_eq!(shown, expected);
}

#[test]
fn bytes_that_are_no_utf8_pass_through_a_fragment_and_a_base_and_are_placed_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.path().join(name), bytes).expect("writes");
    };
    write("f.config", b"# caf\xe9\nCONFIG_S=\"caf\xe9\"\n");
    write("base.config", b"CONFIG_S=\"\xff\"\n");
    let kernel = "[kernel]\nconfig = \"file:base.config\"\nfragments = [\"f.config\"]\n";
    let plan = parse("job.toml", &format!("{LEAST}{kernel}"), home(folder.path()));
    let plan = plan.expect("a plan");
    let lines = crate::config::lines(&plan.kernel.requests);
    assert!(
        kconfig::bytes::bytes_of(&lines).ends_with(b"CONFIG_S=\"caf\xe9\"\n"),
        "{lines}"
    );
    let crate::plan::BaseConfig::File { text, .. } = &plan.kernel.base else {
        panic!("a file");
    };
    assert_eq!(kconfig::bytes::bytes_of(text), b"CONFIG_S=\"\xff\"\n");
    write("rcS", b"#!/bin/sh\necho caf\xe9\n");
    let text = format!("{LEAST}[userland.init]\nrcS = \"rcS\"\n");
    let shown = parse("job.toml", &text, home(folder.path())).expect_err("an error");
    let told = shown.render(false);
    let first = "error: rcS is not a text: line 2 has the byte 0xE9, which is not UTF-8\n";
    assert!(told.starts_with(first), "{told}");
}

#[test]
fn warnings_come_with_the_plan_and_are_no_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "CONFIG_USB=y\n#CONFIG_USB is not set\n# CONFIG_PCI is not set # why\n";
    std::fs::write(folder.path().join("f.config"), lines).expect("writes");
    for (version, pci) in [("6.12", false), ("6.1", true)] {
        let kernel = format!("[kernel]\nversion = \"{version}\"\nfragments = [\"f.config\"]\n");
        let text = format!("{LEAST}{kernel}");
        let plan = parse("job.toml", &text, home(folder.path())).expect("a plan");
        let of_file = |name: &str| {
            let mut requests = plan.kernel.requests.iter();
            requests.any(|one| one.symbol == name && one.by.to_string().starts_with("f.config"))
        };
        assert!(of_file("USB"));
        assert_eq!(of_file("PCI"), pci, "{version}");
        let told = plan.warnings.render(false);
        assert!(told.starts_with("warning: this is a comment and asks for nothing\n"));
        assert_eq!(
            told.matches("warning: ").count(),
            1 + usize::from(!pci),
            "{told}"
        );
    }
}

#[test]
fn of_a_very_long_line_the_part_is_shown_that_is_wrong() {
    let applets: Vec<String> = (0..400)
        .map(|n| format!("\"a{n}{}\"", ["", "!"][n / 399]))
        .collect();
    let text = format!(
        "board = \"pc\"\n[userland]\nbusybox = [{}]\n",
        applets.join(", ")
    );
    let shown = errors(&text);
    assert!(
        shown.starts_with("error: `a399!` is not the name of an applet\n --> job.toml:3:3094\n"),
        "{shown}"
    );
    assert!(
        shown.contains("\"a398\", \"a399!\"]\n") && shown.contains(" ^^^^^^^\n"),
        "{shown}"
    );
    assert!(shown.lines().all(|line| line.len() < 200), "{shown}");
}

/// The titles of all errors of a recipe, and how each is mended.
fn told_of(text: &str) -> Vec<(String, String)> {
    let shown = errors_of(text);
    let after = |line: &str, start: &str| line.strip_prefix(start).map(str::to_owned);
    let titles = shown.lines().filter_map(|line| after(line, "error: "));
    let helps = shown.lines().filter_map(|line| after(line, "  = help: "));
    titles.zip(helps).collect()
}

#[test]
fn what_the_ramdisk_cannot_hold_is_refused_with_the_recipe() {
    let long = "n".repeat(256);
    let deep = "/d".repeat(2048);
    let file = |to: &str, what: &str| format!("[[userland.file]]\nto = \"{to}\"\n{what}\n");
    let text = "text = \"x\"";
    for (recipe, title) in [
        (
            file(&format!("/{long}"), text),
            format!(
                "the name \"{}…\" has 256 bytes; a file name can have 255",
                &long[..80]
            ),
        ),
        (
            file(&deep, text),
            format!(
                "the path \"{}…\" has 4095 bytes; the kernel takes 4095",
                &deep[..80]
            ),
        ),
        (
            file("/.tuxling/plan", text),
            "`/.tuxling/plan` is tuxling's own".to_owned(),
        ),
        (
            file("/.tuxling", "directory = true"),
            "`/.tuxling` is tuxling's own".to_owned(),
        ),
        (
            file("/l", "symlink = \"\""),
            "a symbolic link has an empty target".to_owned(),
        ),
        (
            file("/a", text) + &file("/a/b", text),
            "/a/b can't be there: /a is no folder here".to_owned(),
        ),
        (
            file("/l", "symlink = \"/bin\"") + &file("/l/x", text),
            "/l/x can't be there: /l is no folder here".to_owned(),
        ),
        (
            file("/bin/sh/x", text),
            "/bin/sh/x can't be there: /bin/sh is a program of BusyBox's".to_owned(),
        ),
        (
            file("/etc/inittab/x", text),
            "/etc/inittab/x can't be there: /etc/inittab is a file that tuxling writes".to_owned(),
        ),
    ] {
        let result = parse(
            "job.toml",
            &format!("{LEAST}{recipe}"),
            home(Path::new("/")),
        );
        if recipe.contains(&deep) {
            // Without its first slash it is as long as can be.
            assert!(result.is_ok());
            continue;
        }
        let shown = result.expect_err(&title).render(false);
        assert!(shown.starts_with(&format!("error: {title}\n")), "{shown}");
    }
    let good = file("/.tuxlings", text) + &file("/a", "directory = true") + &file("/a/b", text);
    assert!(parse("job.toml", &format!("{LEAST}{good}"), home(Path::new("/"))).is_ok());
}

#[test]
fn a_file_below_a_file_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("full/x")).expect("made");
    std::fs::write(root.join("init"), "#!/bin/sh\n").expect("writes");
    std::os::unix::fs::symlink("/usr", root.join("link")).expect("made");
    for (to, told) in [
        (
            "/init/x",
            "/init/x can't be there: /init is a file in the folder",
        ),
        (
            "/link/x",
            "/link/x can't be there: /link is a symbolic link in the folder",
        ),
        ("/full", "/full is a folder with something in it"),
    ] {
        let text = format!(
            "board = \"pc\"\n[userland]\nfolder = \"root\"\n\
             [[userland.file]]\nto = \"{to}\"\ntext = \"x\"\n"
        );
        let shown = parse("job.toml", &text, home(folder.path()))
            .expect_err(to)
            .render(false);
        assert!(shown.starts_with(&format!("error: {told}\n")), "{shown}");
    }
}

#[test]
fn what_no_machine_takes_is_refused_with_the_recipe() {
    let words: Vec<String> = (0..61).map(|n| format!("\"{n}\"")).collect();
    let words = words.join(", ");
    let long = "x".repeat(70_000);
    for (text, title, help) in [
        (
            "[machine]\nmemory = \"1KiB\"\n".to_owned(),
            "the machine can't have 1,024 B of RAM",
            "from \"1MiB\" to \"4096MiB\"",
        ),
        (
            "[machine]\nmemory = \"18446744073709551615\"\n".to_owned(),
            "the machine can't have 18,446,744,073,709,551,615 B of RAM",
            "from \"1MiB\" to \"4096MiB\"",
        ),
        (
            format!("[kernel]\ncmdline = \"{}\"\n", &long[..1793]),
            "the command line has 1793 bytes",
            "1792 at most: the kernel cuts off what is longer",
        ),
        (
            format!("[[check]]\nname = \"a\"\nrun = [{words}]\n"),
            "the command has 61 words",
            "60 at most; put more into a file of the user land",
        ),
        (
            format!("[[check]]\nname = \"a\"\nrun = \"{long}\"\n"),
            "the checks and exercises are too long from here on",
            "their commands have 63 KiB in all, blanks and non-ASCII counted three times; \
             put them into a file of the user land",
        ),
        (
            "[kernel]\ncflags = [\"-O2\", \"-o/tmp/x\"]\n".to_owned(),
            "`-o/tmp/x` is not a flag that a recipe may give the compiler",
            "flags that name files to be written, load code or end a compilation early have no \
             place here",
        ),
    ] {
        let told = told_of(&text);
        assert_eq!(told, [(title.to_owned(), help.to_owned())]);
    }
}

#[test]
fn a_bad_regular_expression_says_why() {
    let shown = errors_of("[[check]]\nname = \"a\"\nrun = \"true\"\nmatch = \"(x\"\n");
    assert_eq!(
        shown,
        "\
error: this is no regular expression: unclosed group
 --> job.toml:7:9
  |
7 | match = \"(x\"
  |         ^^^^
  |
  = help: for a literal text use `expect` instead of `match`"
    );
}

#[test]
fn contradictions_are_errors_with_their_mend() {
    let check = "[[check]]\nname = \"a\"\n";
    let file = "[[userland.file]]\nto = \"/a\"\ntext = \"\"\n";
    for (added, message, help) in [
        (
            format!("{check}ping = true\n"),
            "a `ping` check without a network",
            "set mode = \"dhcp\"",
        ),
        (
            format!("{check}run = \"true\"\n{check}run = \"true\"\n"),
            "another check named `a`",
            "name of its own",
        ),
        (
            format!("{check}sleep = true\n"),
            "calls `sleep`, which the system lacks",
            "add \"sleep\"",
        ),
        (
            format!("{check}run = \"a\"\nsleep = true\n"),
            "several things: `run` and `sleep`",
            "give one of",
        ),
        (check.to_owned(), "the check does nothing", "give one of"),
        (
            format!("{check}dhcp = false\n"),
            "can't be `dhcp = false`",
            "leave the check out",
        ),
        (
            format!("{check}run = \"a\"\nexpect = \"x\"\nmatch = \"y\"\n"),
            "both `expect` and `match`",
            "keep one",
        ),
        (
            format!("{check}run = \"\"\n"),
            "`run` is empty",
            "name a command",
        ),
        (
            format!("{check}sleep = {{ run = \"true\", at-least = \"3s\" }}\n"),
            "so long and so short",
            "at-most",
        ),
        (
            format!("{file}symlink = \"b\"\n"),
            "several things at once",
            "give one of",
        ),
        (format!("{file}{file}"), "/a is given twice", "remove one"),
        (
            "[[userland.file]]\nto = \"a\"\ntext = \"\"\n".to_owned(),
            "not an absolute path",
            "write \"/a\"",
        ),
        (
            "[network]\nnic = \"e1000\"\n".to_owned(),
            "a network card without a network",
            "remove `nic`",
        ),
        (
            "[network]\nmode = \"dhcp\"\nnic = \"e100\"\n".to_owned(),
            "no network card `e100`",
            "did you mean `e1000`?",
        ),
        (
            "[network]\nmode = \"dchp\"\n".to_owned(),
            "`dchp` is not possible here",
            "did you mean `dhcp`?",
        ),
        (
            "[network]\nmode = \"dhcp\"\naddress = \"10.0.2.9\"\n".to_owned(),
            "`address` belongs to a fixed address",
            "mode = \"static\"",
        ),
        (
            "[network]\nmode = \"static\"\naddress = \"10.0.2.9/33\"\n".to_owned(),
            "not an IPv4 address with its network",
            "10.0.2.15/24",
        ),
        (
            "[network]\nmode = \"static\"\ngateway = \"10.0.3.2\"\naddress = \"10.0.2.9\"\n"
                .to_owned(),
            "the gateway 10.0.3.2 is not in 10.0.2.0/24",
            "of the same network",
        ),
        (
            "[machine]\nchannel = \"serial:/dev/ttyUSB1\"\n".to_owned(),
            "but none for the console",
            "add console",
        ),
        (
            "[machine]\nconsole = \"ttyUSB0\"\n".to_owned(),
            "is not a serial line",
            "serial:/dev/ttyUSB0,115200",
        ),
        (
            format!("{check}echo = {{ size = \"1KiB\" }}\n"),
            "either by TCP or by UDP",
            "echo = { udp = true }",
        ),
        (
            "[kernel]\nversion = \"6.12\"\npath = \"/\"\n".to_owned(),
            "both a version and a path",
            "keep one",
        ),
        (
            "[kernel]\nconfig = \"tinyconfg\"\n".to_owned(),
            "not a base configuration",
            "did you mean \"tinyconfig\"?",
        ),
        (
            "[kernel]\nfragments = \"a.config\"\n".to_owned(),
            "expected a list of texts, found a text",
            "write [\"a.config\"]",
        ),
        (
            "[check]\nname = \"a\"\n".to_owned(),
            "expected a list of tables, found a table",
            "write [[check]]",
        ),
        (
            "[prune]\nlevel = \"tigth\"\n".to_owned(),
            "`tigth` is not possible here",
            "did you mean `tight`?",
        ),
    ] {
        let shown = errors_of(&added);
        assert!(shown.contains(message), "{added}\n{shown}");
        assert!(shown.contains(help), "{added}\n{shown}");
        assert_eq!(shown.matches("error: ").count(), 1, "{added}\n{shown}");
    }
}

#[test]
fn contradictions_of_init_and_busybox_are_errors() {
    for (userland, message) in [
        (
            "busybox = [\"sh\", \"ls\", \"sh\"]",
            "the applet `sh` is named twice",
        ),
        ("busybox = []", "no applet is named"),
        ("", "the system has no /init"),
        (
            "busybox = [\"sh\"]\ninit = { path = \"/bin/sh\", rcS = { text = \"\" } }",
            "reads no inittab, rcS or fstab",
        ),
        (
            "busybox = [\"sh\"]\ninit = { rcs = { text = \"\" } }",
            "unknown key `rcs`",
        ),
        (
            "busybox = [\"sh\"]\ninit = { rcS = { txt = \"\" } }",
            "unknown key `txt`",
        ),
        (
            "busybox-path = \"/\"\n[[userland.file]]\nto = \"/init\"\nsymlink = \"x\"",
            "`busybox-path` without `busybox`",
        ),
        (
            "busybox = [\"sh\"]\nlibc = \"glibc\"",
            "`glibc` is not possible here",
        ),
    ] {
        let shown = errors(&format!("board = \"pc\"\n[userland]\n{userland}\n"));
        assert!(shown.contains(message), "{userland}\n{shown}");
    }
}

#[test]
fn all_errors_of_a_file_are_told_in_its_order() {
    let text = "nme = \"x\"\n[kernel]\ntoolchain = \"icc\"\nversion = \"latest\"\n[budget]\nimage = \"big\"\n";
    let errors = parse("job.toml", text, home(Path::new("/nowhere"))).expect_err("errors");
    assert_eq!(errors.count(), 6);
    let shown = errors.render(false);
    let places: Vec<&str> = shown.lines().filter(|l| l.contains("-->")).collect();
    let lines = |place: &str| place.trim_start().starts_with("--> job.toml:");
    assert!(places.iter().all(|place| lines(place)), "{shown}");
    for message in [
        "unknown key `nme`",
        "`board` is missing",
        "`icc`",
        "`latest`",
        "`big`",
        "no /init",
    ] {
        assert!(shown.contains(message), "{message}\n{shown}");
    }
}

#[test]
fn what_is_not_toml_is_an_error_at_its_place() {
    let shown = errors("board = pc\n");
    assert!(shown.starts_with("error: "), "{shown}");
    assert!(shown.contains(" --> job.toml:1:9"), "{shown}");
    assert!(shown.contains("this is not TOML"), "{shown}");
}

#[test]
fn colours_are_for_those_who_ask() {
    let errors = parse("job.toml", "nme = 1\n", home(Path::new("/nowhere"))).expect_err("errors");
    assert!(!errors.render(false).contains('\u{1b}'));
    assert!(errors.render(true).contains('\u{1b}'));
}

#[test]
fn a_name_that_is_nearly_a_built_in_one_is_suggested() {
    let errors = load("pc-nett", Path::new("/")).expect_err("none");
    let there = words::list(&builtin::names());
    let wrong = errors.without_place().expect("it is about the name");
    assert_eq!(wrong.message, "there is no recipe `pc-nett`");
    let help = format!("did you mean `pc-net`? Built in are {there}");
    assert_eq!(wrong.help, Some(help));
}

#[test]
fn a_file_that_cannot_be_read_is_one_clear_error() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("latin.toml"), b"name = \"\xe4\"").expect("writes");
    std::fs::create_dir(folder.path().join("dir.toml")).expect("makes");
    for (name, reason) in [
        ("gone.toml", "No such file"),
        ("latin.toml", "not UTF-8"),
        ("dir.toml", "it is not a file"),
    ] {
        let errors = load(name, folder.path()).expect_err(name);
        let wrong = errors.without_place().expect("it is about the file");
        assert!(wrong.message.contains(reason), "{}", wrong.message);
    }
}

#[test]
fn a_board_of_the_users_is_read_and_its_errors_are_shown_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let board = "arch = \"i368\"\nmachine = \"pc\"\nconsole = \"ttyS0\"\nmemory = \"16MiB\"\n\
                 [channel]\nserial = 1\nmajor = 4\nminor = 65\n";
    std::fs::write(folder.path().join("my.toml"), board).expect("writes");
    let text = LEAST.replace("\"pc\"", "\"./my.toml\"");
    let shown = parse("job.toml", &text, home(folder.path()))
        .expect_err("an error")
        .render(false);
    assert_eq!(
        shown,
        "\
error: `i368` is not possible here
 --> ./my.toml:1:8
  |
1 | arch = \"i368\"
  |        ^^^^^^
  |
  = help: did you mean `i386`?"
    );
    std::fs::write(folder.path().join("my.toml"), board.replace("i368", "i386")).expect("writes");
    let plan = parse("job.toml", &text, home(folder.path())).expect("loads");
    assert_eq!(plan.board.name, "my");
    assert_eq!(plan.machine.memory, Bytes::mib(16));
}

#[test]
fn a_new_recipe_has_no_errors_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("own.config"), "CONFIG_HZ_100=y\n").expect("writes");
    let boards = board::names().into_iter();
    for (board, network) in boards.flat_map(|b| [(b, false), (b, true)]) {
        let wish = scaffold::Wish {
            name: format!("job-{board}-{network}"),
            board: board.to_owned(),
            network,
            fragments: vec!["own.config".to_owned()],
        };
        let text = scaffold::text(&wish).expect("a known board");
        let parts = if network {
            &["base", "net"][..]
        } else {
            &["base"]
        };
        for part in parts {
            let fragment = format!("\"builtin:{board}-{part}.config\"");
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
        if example.contains("[channel]") {
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
