//! How errors and warnings are shown: their places, their words, their order.

use initramfs::{Compression, Settings, compress};

use super::*;

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
    for kind in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let packed = compress::compress(
            kind,
            b"CONFIG_S=\"\xff\"\n",
            &Settings {
                machine_ram: 1 << 25,
                bcj: None,
            },
        );
        write("base.config", &packed.expect("packs"));
        let again = parse("job.toml", &format!("{LEAST}{kernel}"), home(folder.path()));
        assert_eq!(
            again.expect("a plan").kernel.base,
            plan.kernel.base,
            "{kind:?}"
        );
    }
    write("base.config", b"\x1f\x8b\x08\0cut");
    let cut = parse("job.toml", &format!("{LEAST}{kernel}"), home(folder.path()));
    let told = cut.expect_err("an error").render(false);
    assert!(
        told.starts_with("error: can't unpack base.config: "),
        "{told}"
    );
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

#[test]
fn a_service_is_asked_when_the_agent_or_a_command_says_so() {
    const NETWORK: &str = "board = \"pc\"\n[network]\nmode = \"dhcp\"\nnic = \"e1000\"\n\
        [userland]\nbusybox = [\"sh\", \"wget\"]\n[[check]]\nname = \"x\"\n";
    let of = |check: &str| plan(&format!("{NETWORK}{check}\n")).checks[0].kind.clone();
    let call = |kind: CheckKind| match kind {
        CheckKind::Ask(ask) => ask.call,
        other => panic!("{other:?}"),
    };
    assert_eq!(call(of("serve = { tcp = 7 }")), None);
    let typed = of("http = { call = \"wget -O {file} {url}\" }");
    assert_eq!(call(typed).as_deref(), Some("wget -O {file} {url}"));
    let told = errors(&format!(
        "{NETWORK}serve = {{ tcp = 7, call = \"wget\" }}\n"
    ));
    assert!(told.contains("doesn't download {url}"), "{told}");
    let told = errors(&format!("{NETWORK}http = {{ call = \"a {{url}}\\nb\" }}\n"));
    assert!(told.contains("line"), "{told}");
}
