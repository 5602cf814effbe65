//! `tuxling config` on the real kernel's Kconfig files: what it answers, what
//! it writes, and what it refuses. No kernel is built; the first call loads the
//! tree and the others find its probes answered.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Run, folder, lock, run, tuxling};

/// A system on plain ground: no network, few options of its own.
const RECIPE: &str = r#"# A system of mine.
name  = "asked"
board = "pc"

[kernel]
version   = "6.12"
fragments = ["builtin:pc-base.config", "hand.config"]
options   = """
# The console's history is short.
CONFIG_LOG_BUF_SHIFT=14
"""  # as few as can be

[userland]
busybox = ["sh", "init"]

[network]
mode = "none"
"#;

/// The recipe in a folder of its own.
struct Desk {
    dir: TempDir,
    recipe: PathBuf,
}

impl Desk {
    /// `edit` changes the recipe's text; `fragment` is its own fragment.
    fn new(edit: impl FnOnce(&str) -> String, fragment: &str) -> Desk {
        let dir = folder();
        lock(dir.path(), "asked");
        let recipe = dir.path().join("asked.toml");
        fs::write(&recipe, edit(RECIPE)).expect("writable");
        let desk = Desk { dir, recipe };
        desk.file("hand.config", fragment);
        desk
    }

    fn plain() -> Desk {
        Desk::new(str::to_owned, "")
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).expect("writable");
        path
    }

    fn ask(&self, arguments: &[&str]) -> Run {
        ask(self.dir.path(), "asked.toml", arguments)
    }

    /// The answer as JSON of this schema.
    #[track_caller]
    fn json(&self, arguments: &[&str], code: i32) -> Value {
        let run = self.ask(&[arguments, &["--json"]].concat()).ends_with(code);
        let answer = run.json();
        let schema = format!("tuxling.config.{}/1", arguments[0]);
        assert_eq!(answer["schema"], schema);
        answer
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.recipe).expect("a recipe")
    }

    /// The lines that `get` prints.
    #[track_caller]
    fn values(&self, symbols: &[&str]) -> String {
        self.ask(&[&["get"], symbols].concat()).ends_with(0).stdout
    }
}

fn ask(dir: &Path, recipe: &str, arguments: &[&str]) -> Run {
    let mut config = tuxling();
    config.current_dir(dir).args(["config", recipe]);
    run(config.args(arguments))
}

fn strings(values: &Value) -> Vec<&str> {
    let values = values.as_array().expect("a list").iter();
    values.map(|one| one.as_str().expect("a text")).collect()
}

/// The change of one symbol among all: before, after, reason.
#[track_caller]
fn change<'a>(answer: &'a Value, symbol: &str) -> [&'a str; 3] {
    let changes = answer["changes"].as_array().expect("a list");
    let found = changes.iter().find(|change| change["symbol"] == symbol);
    let found = found.unwrap_or_else(|| panic!("{symbol} doesn't change"));
    ["before", "after", "reason"].map(|key| found[key].as_str().expect("a text"))
}

#[test]
fn values_are_printed_as_a_config_has_them() {
    let desk = Desk::plain();
    assert_eq!(
        desk.values(&["LOG_BUF_SHIFT", "CONFIG_E1000", "DEFAULT_HOSTNAME", "TTY"]),
        "CONFIG_LOG_BUF_SHIFT=14\n# CONFIG_E1000 is not set\n\
         CONFIG_DEFAULT_HOSTNAME=\"(none)\"\nCONFIG_TTY=y\n"
    );
    let answer = desk.json(&["get", "LOG_BUF_SHIFT"], 0);
    assert_eq!(answer["values"]["LOG_BUF_SHIFT"], "14");
    desk.ask(&["get", "E10000"]).ends_with(1).says(&[
        "CONFIG_E10000: this kernel has no such symbol; did you mean",
        "help: ",
    ]);
}

#[test]
fn the_whole_is_saved_and_the_least_gives_it_again() {
    let desk = Desk::plain();
    let whole = desk.ask(&["save"]).ends_with(0).stdout;
    assert!(whole.contains("\nCONFIG_LOG_BUF_SHIFT=14\n"));
    let least = desk.dir.path().join("least.config");
    let path = least.to_str().expect("UTF-8");
    let told = desk.ask(&["save", "--defconfig", "-o", path]).ends_with(0);
    assert_eq!(told.stdout, "");
    let text = fs::read_to_string(&least).expect("was written");
    assert!(text.lines().count() * 4 < whole.lines().count());
    // As a file it is compared by what it says, not by what it leaves out.
    let same = desk.file("same.config", &whole);
    let same = same.to_str().expect("UTF-8");
    assert_eq!(desk.ask(&["diff", same]).ends_with(0).stdout, "");
}

#[test]
fn two_recipes_differ_with_reasons() {
    let desk = Desk::plain();
    let told = desk.ask(&["diff", "pc-net"]).ends_with(0).stdout;
    for line in [
        " LOG_BUF_SHIFT 14 -> 17 # default 17 if PRINTK [=y] (init/Kconfig:",
        " NET n -> y # asked for by network.mode = \"dhcp\"",
        "+E1000 y # asked for by network.nic = \"e1000\"",
        "+CRYPTO_LIB_SHA1 y # selected by BPF",
    ] {
        let (what, reason) = line.split_once(" # ").expect("both");
        let found = told.lines().any(|line| {
            let (left, right) = line.split_once("# ").expect("a reason");
            left.trim_end() == what && right.starts_with(reason)
        });
        assert!(found, "no {line:?} in\n{told}");
    }
}

#[test]
fn a_symbol_is_found_by_what_it_is_for() {
    let desk = Desk::plain();
    let told = desk.ask(&["search", "gigabit", "pro", "1000"]).ends_with(0);
    assert!(
        told.stdout
            .starts_with("E1000=n  Intel(R) PRO/1000 Gigabit"),
        "{}",
        told.stdout
    );
}

#[test]
fn a_value_has_its_reason() {
    let desk = Desk::plain();
    let card = desk.json(&["why", "E1000"], 0);
    assert_eq!(card["value"], "n");
    assert_eq!(
        strings(&card["unmet"]),
        [
            "NETDEVICES [=n]",
            "ETHERNET [=n]",
            "NET_VENDOR_INTEL [=n]",
            "PCI [=n]"
        ]
    );
    let asked = desk.json(&["why", "LOG_BUF_SHIFT"], 0);
    assert_eq!(asked["reason"], "asked for by kernel.options");
    // What nobody can ask for is told by what sets it.
    let word = desk.ask(&["why", "X86_32"]).ends_with(0).stdout;
    for text in [
        "because      default y if !64BIT [=n] (arch/x86/Kconfig:",
        "no prompt: only its defaults and other symbols can set it",
    ] {
        assert!(word.contains(text), "no {text:?} in\n{word}");
    }
    desk.ask(&["want", "X86_32=n"])
        .ends_with(3)
        .says(&["it has no prompt; default y if !64BIT [=n] (arch/x86/Kconfig:"]);
}

#[test]
fn what_is_wanted_comes_with_all_it_needs_and_is_written_into_the_recipe() {
    let desk = Desk::plain();
    let before = desk.text();
    let answer = desk.json(&["want", "E1000=y"], 0);
    let requests = strings(&answer["requests"]).join("\n");
    // What is needed stands before what needs it, the wish itself last.
    assert!(requests.ends_with("\nCONFIG_E1000=y"), "{requests}");
    assert!(requests.contains("CONFIG_PCI=y"), "{requests}");
    assert_eq!(change(&answer, "NET")[..2], ["n", "y"]);
    let names: Vec<_> = answer["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|change| change["symbol"].as_str())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(desk.text(), before, "a question writes nothing");

    desk.ask(&["want", "E1000=y", "--apply"]).ends_with(0);
    let expected = before.replace(
        "CONFIG_LOG_BUF_SHIFT=14\n",
        &format!("CONFIG_LOG_BUF_SHIFT=14\n{requests}\n"),
    );
    assert_eq!(desk.text(), expected);
    assert_eq!(desk.values(&["E1000"]), "CONFIG_E1000=y\n");
    let again = desk.ask(&["want", "E1000=y"]).ends_with(0).stdout;
    assert!(
        again.starts_with("# CONFIG_E1000 has this value"),
        "{again}"
    );
}

#[test]
fn a_wish_whose_default_would_do_is_asked_for_all_the_same() {
    let desk = Desk::plain();
    let answer = desk.json(&["want", "IPV6_SIT=y"], 0);
    let requests = strings(&answer["requests"]);
    assert_eq!(requests.last(), Some(&"CONFIG_IPV6_SIT=y"), "{requests:?}");
    assert_eq!(change(&answer, "IPV6_SIT")[..2], ["n", "y"]);
}

#[test]
fn numbers_and_texts_can_be_wanted_and_set() {
    let desk = Desk::plain();
    let answer = desk.json(&["want", "LOG_BUF_SHIFT=12"], 0);
    assert_eq!(strings(&answer["requests"]), ["CONFIG_LOG_BUF_SHIFT=12"]);
    desk.ask(&["want", "LOG_BUF_SHIFT=3"])
        .ends_with(3)
        .says(&["it must be from 12 to 25"]);
    let told = desk.ask(&["want", "CMDLINE=quiet"]).ends_with(0).stdout;
    assert!(
        told.starts_with("CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE=\"quiet\"\n"),
        "{told}"
    );
    desk.ask(&["want", "DEFAULT_HOSTNAME=\"x\"", "--apply"])
        .ends_with(0);
    desk.ask(&["set", "LOG_BUF_SHIFT=13"]).ends_with(0);
    assert!(desk.text().contains(
        "# The console's history is short.\nCONFIG_LOG_BUF_SHIFT=13\n\
         CONFIG_DEFAULT_HOSTNAME=\"x\"\n\"\"\"  # as few as can be\n"
    ));
}

#[test]
fn what_the_configuration_would_drop_is_not_written() {
    let desk = Desk::plain();
    let before = desk.text();
    desk.ask(&["set", "E1000=y"]).ends_with(3).says(&[
        "the configuration would drop it; nothing was written",
        "needs NETDEVICES [=n] and ETHERNET [=n] and NET_VENDOR_INTEL [=n] and PCI [=n]",
        "help: `tuxling config asked.toml want E1000=y`",
    ]);
    assert_eq!(desk.text(), before);
    desk.ask(&["set", "E1000=y", "--allow-dropped"])
        .ends_with(0);
    assert!(desk.text().contains("\nCONFIG_E1000=y\n"));
    // A built-in recipe can be asked but not edited.
    let edit = ask(desk.dir.path(), "pc-net", &["set", "TTY=y"]);
    edit.ends_with(1).says(&["pc-net is built in"]);
}

#[test]
fn a_trial_tells_all_that_would_change_and_writes_nothing() {
    let desk = Desk::plain();
    let before = desk.text();
    let answer = desk.json(&["try", "IPV6=y", "NET=y", "LOG_BUF_SHIFT=12"], 3);
    // IPV6 lacks INET.
    let dropped = strings(&answer["dropped"]);
    assert_eq!(dropped.len(), 1);
    assert!(
        dropped[0].contains("\n    needs INET [=n]\n"),
        "{dropped:?}"
    );
    assert_eq!(
        change(&answer, "NET"),
        ["n", "y", "asked for by the command line"]
    );
    assert_eq!(change(&answer, "BPF"), ["n", "y", "selected by NET"]);
    assert_eq!(
        change(&answer, "LOG_BUF_SHIFT"),
        ["14", "12", "asked for by the command line"]
    );
    // What the recipe asks for and would lose is told, too.
    let lost = desk.json(&["try", "TTY=n"], 3);
    let lost = strings(&lost["dropped"]).join("\n");
    assert!(
        lost.contains("CONFIG_SERIAL_8250=y (asked for by board pc) is n after all\n    needs TTY"),
        "{lost}"
    );
    assert_eq!(desk.text(), before);
    desk.ask(&["try", "LOG_BUF_SHIFT=12"]).ends_with(0);
}

#[test]
fn fragments_are_merged_with_the_fate_of_every_request() {
    let desk = Desk::plain();
    desk.file(
        "a.config",
        "CONFIG_NET=y\nCONFIG_EXT4_FS=y\nCONFIG_LOG_BUF_SHIFT=12\nCONFIG_NETT=y\n",
    );
    desk.file(
        "b.config",
        "# CONFIG_NET is not set\nCONFIG_LOG_BUF_SHIFT=13\nCONFIG_PACKET=y\n",
    );
    let answer = desk.json(&["merge", "a.config", "b.config", "-o", "merged.config"], 3);
    let row = |one: &Value, keys: [&str; 3]| {
        let cells = keys.map(|key| one[key].as_str().expect("a text").to_owned());
        cells.join(" | ")
    };
    let rows = |list: &Value, keys: [&str; 3]| -> Vec<String> {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| row(one, keys)).collect()
    };
    assert_eq!(
        rows(&answer["dropped"], ["by", "request", "reason"]),
        [
            "a.config:2 | CONFIG_EXT4_FS=y | needs BLOCK [=n]",
            "a.config:4 | CONFIG_NETT=y | this kernel has no such symbol; did you mean CONFIG_NET?",
            "b.config:3 | CONFIG_PACKET=y | needs NET [=n]",
        ]
    );
    assert_eq!(
        rows(&answer["overridden"], ["by", "request", "later_by"]),
        [
            "kernel.options | CONFIG_LOG_BUF_SHIFT=14 | b.config:2",
            "a.config:1 | CONFIG_NET=y | b.config:1",
            "a.config:3 | CONFIG_LOG_BUF_SHIFT=12 | b.config:2",
        ]
    );
    let merged = fs::read_to_string(desk.dir.path().join("merged.config")).expect("written");
    assert!(merged.contains("\nCONFIG_LOG_BUF_SHIFT=13\n"));

    // What holds is fine; what the kernel's tools pass over is told with its place.
    desk.file("c.config", "CONFIG_LOG_BUF_SHIFT=12\n");
    let told = desk.ask(&["merge", "c.config"]).ends_with(0).stdout;
    assert!(told.ends_with("# 1 request merged: all hold, 1 value changes\n"));
    desk.file("d.config", "CONFIG_TTY=y\nCONFIG_NET\n");
    desk.ask(&["merge", "d.config"])
        .ends_with(0)
        .says(&["warning: this is not a line of a .config", "d.config:2:1"]);
}

#[test]
fn what_only_others_have_fails_nothing_and_a_whole_configuration_is_no_flood() {
    let desk = Desk::plain();
    let tegra = "# CONFIG_ARCH_TEGRA is not set\n";
    desk.file("off.config", tegra);
    let answer = desk.json(&["merge", "off.config"], 0);
    let foreign = strings(&answer["foreign"]);
    assert!(
        foreign[0].contains("only arm and arm64 have it (arch/arm/mach-tegra/Kconfig:"),
        "{foreign:?}"
    );
    desk.file("on.config", "CONFIG_ARCH_TEGRA=y\nCONFIG_ARCH_TEGRAA=y\n");
    let answer = desk.json(&["merge", "on.config"], 3);
    assert_eq!(answer["dropped"].as_array().expect("a list").len(), 1);
    // Marked as optional it is neither.
    let shared = "# tuxling: optional\nCONFIG_ARCH_TEGRAA=y\nCONFIG_EXT4_FS=y\n";
    desk.file("shared.config", shared);
    desk.json(&["merge", "shared.config"], 0);
    // The whole of another compiler's configuration.
    let whole = desk.ask(&["save"]).ends_with(0).stdout;
    let version = whole
        .lines()
        .find(|line| line.starts_with("CONFIG_GCC_VERSION="));
    let other = whole.replace(version.expect("GCC's"), "CONFIG_GCC_VERSION=40000");
    desk.file("whole.config", &other);
    let answer = desk.json(&["merge", "whole.config"], 0);
    assert_eq!(answer["dropped"].as_array().expect("a list").len(), 0);
    // Typed by hand the same is a request.
    desk.file("typed.config", "CONFIG_GCC_VERSION=40000\n");
    desk.json(&["merge", "typed.config"], 3);
}

#[test]
fn of_several_ways_that_of_the_board_comes_first() {
    let desk = Desk::plain();
    let answer = desk.json(&["want", "VIRTIO_BLK=y"], 0);
    let mut requests = strings(&answer["requests"]);
    requests.sort_unstable();
    assert_eq!(
        requests,
        [
            "CONFIG_BLOCK=y",
            "CONFIG_PCI=y",
            "CONFIG_VIRTIO_BLK=y",
            "CONFIG_VIRTIO_MENU=y",
            "CONFIG_VIRTIO_PCI=y",
        ]
    );
    let other = &answer["alternatives"][0];
    assert_eq!(
        (&other["symbol"], &other["by"]),
        (&"VIRTIO".into(), &"VIRTIO_PCI".into())
    );
    assert!(
        strings(&other["others"]).contains(&"VIRTIO_MMIO"),
        "{other}"
    );
    let card = desk.json(&["why", "VIRTIO"], 0);
    assert_eq!(card["selected_by"][0]["symbol"], "VIRTIO_PCI");
    let sound = desk.json(&["want", "SND_AC97_CODEC=y"], 0);
    let by = sound["alternatives"].as_array().expect("a list").iter();
    let by = by.filter(|one| one["symbol"] == "SND_AC97_CODEC");
    let by: Vec<_> = by.map(|one| one["by"].as_str()).collect();
    assert!(
        matches!(by[..], [Some("SND_ENS1371" | "SND_INTEL8X0")]),
        "{sound:#}"
    );
}

#[test]
fn bytes_that_are_no_text_go_through_as_they_are() {
    let desk = Desk::plain();
    let fragment = desk.dir.path().join("hand.config");
    fs::write(&fragment, b"CONFIG_DEFAULT_HOSTNAME=\"caf\xe9\"\n").expect("writable");
    let saved = desk.dir.path().join("saved.config");
    let path = saved.to_str().expect("UTF-8");
    desk.ask(&["save", "-o", path]).ends_with(0);
    let bytes = fs::read(&saved).expect("written");
    let line = b"\nCONFIG_DEFAULT_HOSTNAME=\"caf\xe9\"\n";
    assert!(bytes.windows(line.len()).any(|part| part == line));
}

#[test]
fn what_the_recipe_would_have_anyway_is_found_and_removed() {
    let needless = "# Text on the serial console.\nCONFIG_TTY=y\n\
                    # CONFIG_SOUND is not set\nCONFIG_CRC32=y\n";
    let with = |text: &str| {
        let line = "CONFIG_LOG_BUF_SHIFT=14\n";
        text.replace(line, &format!("{line}{needless}"))
    };
    let desk = Desk::new(with, "CONFIG_LOG_BUF_SHIFT=15\nCONFIG_EXT4_FS=y\n");
    let whole = desk.ask(&["save"]).ends_with(0).stdout;
    let answer = desk.json(&["minimize"], 0);
    let redundant = answer["redundant"].as_array().expect("a list").iter();
    let own: Vec<_> = redundant
        .filter(|one| one["by"] == "kernel.options" || one["by"] == "hand.config:1")
        .map(|one| (one["request"].as_str(), one["reason"].as_str()))
        .collect();
    assert_eq!(
        own,
        [
            (
                Some("CONFIG_LOG_BUF_SHIFT=15"),
                Some("overridden by kernel.options")
            ),
            (Some("CONFIG_TTY=y"), Some("asked for by board pc")),
            (Some("# CONFIG_SOUND is not set"), Some("set by tinyconfig")),
            (Some("CONFIG_CRC32=y"), Some("selected by XZ_DEC")),
        ]
    );
    // What doesn't hold is no redundant request, but an error to look at.
    let dropped = strings(&answer["dropped"]).join("\n");
    assert!(dropped.contains("CONFIG_EXT4_FS=y (asked for by hand.config:2)"));

    desk.ask(&["minimize", "--apply"]).ends_with(0);
    let kept = "# Text on the serial console.\n";
    let expected = with(RECIPE).replace(needless, kept);
    assert_eq!(desk.text(), expected);
    assert_eq!(desk.ask(&["save"]).ends_with(0).stdout, whole);
}

#[test]
fn what_olddefconfig_drops_in_silence_is_told_with_what_it_lacks() {
    let needs = [
        ("E1000", "PCI"),
        ("PACKET", "NET"),
        ("EXT4_FS", "BLOCK"),
        ("DEVTMPFS_MOUNT", "DEVTMPFS"),
        ("USB_STORAGE", "USB_SUPPORT"),
        ("IKCONFIG_PROC", "IKCONFIG"),
        ("SND_HDA_INTEL", "SND"),
        ("MODULE_UNLOAD", "MODULES"),
        ("FRAMEBUFFER_CONSOLE", "VT"),
        ("HIGHPTE", "HIGHMEM"),
    ];
    let fragment: String = needs
        .iter()
        .map(|(symbol, _)| format!("CONFIG_{symbol}=y\n"))
        .collect();
    let desk = Desk::new(str::to_owned, &fragment);
    for (symbol, lacks) in needs {
        let unmet = desk.json(&["why", symbol], 0)["unmet"].clone();
        let lacks = format!("{lacks} [=n]");
        assert!(
            strings(&unmet).contains(&&*lacks),
            "{symbol}: {unmet} has no {lacks}"
        );
    }
    // The kernel's own tools drop all ten, and the build says so before
    // anything is compiled.
    let mut build = tuxling();
    build.current_dir(desk.dir.path()).arg("build");
    let build = run(build.arg("asked.toml")).ends_with(3);
    let told = build
        .says(&["the configuration drops 10 requests of the recipe's"])
        .stderr;
    for (line, (symbol, lacks)) in (1..).zip(needs) {
        let head = format!("CONFIG_{symbol}=y (asked for by hand.config:{line}) is n after all\n");
        let (_, rest) = told.split_once(&head).expect("is told");
        let reason = rest.lines().next().expect("a reason");
        let parts: Vec<_> = reason
            .trim()
            .strip_prefix("needs ")
            .expect("what it lacks")
            .split(" and ")
            .collect();
        let lacks = format!("{lacks} [=n]");
        assert!(parts.contains(&&*lacks), "{symbol}: {reason}");
    }
}

/// The recipe with a contract.
fn contracted(terms: &str) -> Desk {
    let terms = format!("[kernel]\n{terms}\n");
    Desk::new(|text| text.replacen("[kernel]\n", &terms, 1), "")
}

#[test]
fn a_contract_that_holds_is_told_term_by_term() {
    let desk = contracted(
        "must = [\"CONFIG_TTY\", \"CONFIG_LOG_BUF_SHIFT=14\"]\nmust-not = [\"CONFIG_NET\"]",
    );
    let run = desk.ask(&["check"]).ends_with(0);
    assert!(
        run.stdout
            .starts_with("# holds: CONFIG_TTY must be on (asked.toml:6:9)\n"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stdout.matches("# holds: ").count(), 3);
    let answer = desk.json(&["check"], 0);
    assert_eq!(answer["holds"], true);
    assert_eq!(answer["terms"][1]["value"], "14");
}

#[test]
fn a_broken_contract_is_told_with_its_place_its_reason_and_what_to_ask_for() {
    let desk = contracted(
        "must = [\"CONFIG_TTY\", \"CONFIG_EXT4_FS\"]\nmust-not = [\"CONFIG_SERIAL_CORE\"]",
    );
    let answer = desk.json(&["check"], 3);
    assert_eq!(answer["holds"], false);
    let terms = answer["terms"].as_array().expect("a list");
    assert!(terms[0]["broken"].is_null());
    assert_eq!(terms[1]["place"], "asked.toml:6:23");
    assert_eq!(terms[1]["broken"], "needs BLOCK [=n]");
    assert_eq!(
        strings(&terms[1]["ask"]),
        ["CONFIG_BLOCK=y", "CONFIG_EXT4_FS=y"]
    );
    let why = terms[2]["broken"].as_str().expect("a reason");
    assert!(why.contains("SERIAL_8250"), "{why}");

    // What to ask for does what it says.
    let asked = Desk::new(
        |text| {
            let terms = "[kernel]\nmust = [\"CONFIG_EXT4_FS\"]\n";
            let text = text.replacen("[kernel]\n", terms, 1);
            text.replacen(
                "CONFIG_LOG_BUF_SHIFT=14\n",
                "CONFIG_BLOCK=y\nCONFIG_EXT4_FS=y\n",
                1,
            )
        },
        "",
    );
    asked.ask(&["check"]).ends_with(0);
}

#[test]
fn a_build_refuses_a_broken_contract_before_it_compiles_anything() {
    let desk = contracted("must = [\"CONFIG_EXT4_FS\"]\nmust-not = [\"CONFIG_TTYX\"]");
    for arguments in [
        &["build", "asked.toml"][..],
        &["build", "asked.toml", "--allow-dropped"],
    ] {
        let mut build = tuxling();
        build.current_dir(desk.dir.path()).args(arguments);
        let told = run(&mut build).ends_with(3);
        told.says(&[
            "the configuration breaks 2 of the 2 terms of the recipe's contract",
            "asked.toml:6:9: CONFIG_EXT4_FS must be on and is n",
            "needs BLOCK [=n]",
            "defined at fs/ext4/Kconfig:",
            "CONFIG_TTYX must not be on and is n",
            "this kernel has no such symbol; did you mean CONFIG_TTY?",
            "tuxling config RECIPE check",
        ]);
        assert!(!desk.dir.path().join("build/asked/kernel").exists());
    }
}
