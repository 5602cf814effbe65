//! Small trees: what configurations come to, and what is said about them.

use kconfig::{
    Answer, Configuration, Dialect, DropReason, Environment, Found, Fragment, Kconfig, LoadOptions,
    MemoryTree, Origin, Request, Severity, SilentShell, Tristate, UserValue,
};

fn load_files(files: &MemoryTree, dialect: Dialect) -> Kconfig {
    Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: files,
        env: &Environment::new(),
        shell: &SilentShell,
        dialect,
    })
    .expect("the root file is there")
}

fn load(text: &str) -> Kconfig {
    let tree = load_files(&MemoryTree::new().with("Kconfig", text), Dialect::Linux6_12);
    assert!(!tree.has_errors(), "{:?}", tree.diagnostics());
    tree
}

fn messages(text: &str) -> Vec<String> {
    let tree = load_files(&MemoryTree::new().with("Kconfig", text), Dialect::Linux6_12);
    tree.diagnostics().iter().map(ToString::to_string).collect()
}

fn request(tree: &Kconfig, name: &str, value: &str) -> Request {
    tree.request(name, value).expect("a fitting value")
}

const NET: &str = r#"
mainmenu "Test"

config MODULES
	bool "Modules"
	modules

menu "Network"

config NET
	bool "Networking"

config PCI
	bool "PCI"

menuconfig NETDEVICES
	bool "Devices"
	depends on NET
	default y if PCI

config E1000
	tristate "Intel PRO/1000"
	depends on NETDEVICES && PCI
	select CRC
	help
	  The card that QEMU
	  knows best.

endmenu

config CRC
	tristate

comment "no network"
	depends on !NET
"#;

#[test]
fn a_configuration_is_written_with_its_menus() {
    let tree = load(NET);
    let (configuration, warnings) =
        Configuration::olddefconfig(&tree, "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_E1000=m\n");
    assert!(warnings.is_empty());
    assert_eq!(
        configuration.to_dotconfig(),
        "#\n# Automatically generated file; DO NOT EDIT.\n# Test\n#\n\
         # CONFIG_MODULES is not set\n\
         \n#\n# Network\n#\n\
         CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_NETDEVICES=y\nCONFIG_E1000=y\n\
         # end of Network\n\
         \nCONFIG_CRC=y\n"
    );
    assert_eq!(
        configuration.to_defconfig(),
        "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_E1000=y\n"
    );
}

#[test]
fn modules_decide_what_m_means() {
    let tree = load(NET);
    let (configuration, _) = Configuration::olddefconfig(
        &tree,
        "CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_E1000=m\n",
    );
    let crc = tree.find("CRC").expect("CRC");
    assert_eq!(configuration.tristate(crc), Tristate::Mod);
}

#[test]
fn a_what_if_tells_all_that_changes_and_takes_it_back() {
    let tree = load(NET);
    let (mut configuration, _) = Configuration::olddefconfig(&tree, "CONFIG_PCI=y\n");
    let before = configuration.to_dotconfig();
    let changes = configuration.what_if(&[request(&tree, "NET", "y")]);
    let mut names: Vec<_> = changes
        .iter()
        .map(|change| {
            format!(
                "{} {}->{}",
                tree.display_name(change.symbol),
                change.before,
                change.after
            )
        })
        .collect();
    names.sort();
    assert_eq!(names, ["NET n->y", "NETDEVICES n->y"]);
    assert_eq!(configuration.to_dotconfig(), before);
}

#[test]
fn want_finds_the_smallest_set() {
    let tree = load(NET);
    let mut configuration = Configuration::new(&tree);
    let want = configuration
        .want(&request(&tree, "E1000", "y"))
        .expect("a way");
    let names: Vec<_> = want
        .requests
        .iter()
        .map(|request| tree.display_name(request.symbol))
        .collect();
    // NETDEVICES comes by itself once PCI is on; what is needed comes first.
    assert_eq!(names, ["NET", "PCI", "E1000"]);
}

#[test]
fn want_can_turn_off_what_is_selected() {
    let tree = load(NET);
    let text = "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_E1000=y\n";
    let (mut configuration, _) = Configuration::olddefconfig(&tree, text);
    let want = configuration
        .want(&request(&tree, "CRC", "n"))
        .expect("a way");
    configuration.set(&want.requests);
    assert_eq!(want.requests.len(), 1);
    assert_eq!(
        configuration.tristate(tree.find("CRC").expect("CRC")),
        Tristate::No
    );
}

#[test]
fn want_says_so_if_there_is_no_way() {
    let tree = load("config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool\n");
    let mut configuration = Configuration::new(&tree);
    let failure = configuration
        .want(&request(&tree, "A", "y"))
        .expect_err("no way");
    assert!(failure.exhausted);
    let DropReason::UnmetDependency { unmet } = failure.reason else {
        panic!("{:?}", failure.reason)
    };
    assert_eq!(unmet[0].text, "B [=n]");
}

#[test]
fn why_names_origin_and_unmet_dependencies() {
    let tree = load(NET);
    let text = "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_E1000=y\n";
    let (configuration, _) = Configuration::olddefconfig(&tree, text);
    let id = |name: &str| tree.find(name).expect("known");
    let crc = configuration.why(id("CRC"));
    assert_eq!(
        crc.origin,
        Origin::Selected {
            by: vec![id("E1000")]
        }
    );
    assert_eq!(configuration.why(id("E1000")).origin, Origin::User);
    assert_eq!(
        configuration.why(id("E1000")).help.as_deref(),
        Some("The card that QEMU\nknows best.")
    );
    let Origin::Default {
        value,
        condition,
        location,
    } = configuration.why(id("NETDEVICES")).origin
    else {
        panic!("a default")
    };
    assert_eq!(
        (value.as_str(), condition.as_str()),
        ("y", "NET [=y] && PCI [=y]")
    );
    assert_eq!(location.to_string(), "Kconfig:19");

    let off = Configuration::new(&tree).why(id("E1000"));
    let unmet: Vec<_> = off.unmet.iter().map(|unmet| unmet.text.as_str()).collect();
    assert_eq!(unmet, ["NETDEVICES [=n]", "PCI [=n]"]);
}

#[test]
fn dropped_requests_come_with_their_reason() {
    let tree = load(NET);
    let fragments = [
        Fragment {
            label: "a".into(),
            text: "CONFIG_E1000=y\nCONFIG_CRC=y\nCONFIG_NETT=y\n".into(),
        },
        Fragment {
            label: "b".into(),
            text: "CONFIG_PCI=y\nCONFIG_NET=maybe\nCONFIG_PCI=n\n".into(),
        },
    ];
    let merged = Configuration::merge(&tree, "", &fragments);
    let reasons: Vec<_> = merged
        .dropped
        .iter()
        .map(|one| (one.label.as_str(), one.line, one.name.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            ("a", 1, "E1000"),
            ("a", 2, "CRC"),
            ("a", 3, "NETT"),
            ("b", 1, "PCI"),
            ("b", 2, "NET")
        ]
    );
    assert!(matches!(
        &merged.dropped[0].reason,
        DropReason::UnmetDependency { .. }
    ));
    assert!(
        matches!(&merged.dropped[1].reason, DropReason::NoPrompt { selected_by, .. }
        if *selected_by == [tree.find("E1000").expect("E1000")])
    );
    assert_eq!(
        merged.dropped[2].reason,
        DropReason::UnknownOption {
            nearest: vec!["NET".into()]
        }
    );
    assert_eq!(
        merged.dropped[3].reason,
        DropReason::Overridden {
            label: "b".into(),
            line: 3
        }
    );
    assert!(matches!(
        &merged.dropped[4].reason,
        DropReason::InvalidValue { .. }
    ));
}

#[test]
fn reasons_and_origins_can_be_said_in_words() {
    let tree = load(NET);
    let text = "CONFIG_E1000=y\nCONFIG_CRC=y\nCONFIG_NETT=y\n".to_owned();
    let merged = Configuration::merge(
        &tree,
        "",
        &[Fragment {
            label: "a".into(),
            text,
        }],
    );
    let reasons: Vec<_> = merged
        .dropped
        .iter()
        .map(|dropped| tree.reason_text(&dropped.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            "needs NETDEVICES [=n] and PCI [=n]",
            "it has no prompt; it is selected by E1000",
            "there is no such option; the nearest is NET",
        ]
    );
    let before = Configuration::new(&tree);
    let (after, _) = Configuration::olddefconfig(&tree, "CONFIG_PCI=y\nCONFIG_NET=y\n");
    let said: Vec<_> = before
        .differences(&after)
        .iter()
        .map(|one| {
            let origin = one.origin.as_ref().map(|origin| tree.origin_text(origin));
            format!("{} {}", one.difference, origin.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        said,
        [
            " NET n -> y asked for",
            " PCI n -> y asked for",
            "+E1000 n nothing sets it",
            "+NETDEVICES y default y if NET [=y] && PCI [=y] (Kconfig:19)",
        ]
    );
}

#[test]
fn redundant_requests_are_those_that_change_nothing() {
    let tree = load(NET);
    let text = "CONFIG_NET=y\nCONFIG_PCI=y\nCONFIG_NETDEVICES=y\n# CONFIG_E1000 is not set\n";
    let (mut configuration, _) = Configuration::olddefconfig(&tree, text);
    let before = configuration.to_dotconfig();
    let mut redundant: Vec<_> = configuration
        .redundant_requests()
        .into_iter()
        .map(|symbol| tree.display_name(symbol))
        .collect();
    redundant.sort_unstable();
    assert_eq!(redundant, ["E1000", "NETDEVICES"]);
    assert_eq!(configuration.to_dotconfig(), before);
}

#[test]
fn search_looks_at_names_prompts_and_help() {
    let tree = load(NET);
    let found = |words: &str| -> Vec<(String, Found)> {
        let hits = tree.search(words).into_iter();
        hits.map(|hit| (tree.display_name(hit.symbol).to_owned(), hit.found))
            .collect()
    };
    assert_eq!(
        found("net"),
        [
            ("NET".into(), Found::WholeName),
            ("NETDEVICES".into(), Found::NameStart)
        ]
    );
    assert_eq!(found("intel"), [("E1000".into(), Found::Prompt)]);
    assert_eq!(found("qemu best"), [("E1000".into(), Found::Help)]);
}

const CHOICE: &str = r#"
choice
	prompt "speed"
	default MEDIUM if FAST_BOARD

config SLOW
	bool "slow"

config MEDIUM
	bool "medium"

config FAST
	bool "fast"
	depends on FAST_BOARD

endchoice

config FAST_BOARD
	bool "a fast board"
"#;

fn chosen(dialect: Dialect, dotconfig: &str) -> String {
    let tree = load_files(&MemoryTree::new().with("Kconfig", CHOICE), dialect);
    let (configuration, _) = Configuration::olddefconfig(&tree, dotconfig);
    let on = ["SLOW", "MEDIUM", "FAST"]
        .into_iter()
        .filter(|name| configuration.tristate(tree.find(name).expect("member")) == Tristate::Yes);
    on.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_last_visible_member_asked_for_is_chosen() {
    for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
        assert_eq!(chosen(dialect, ""), "SLOW");
        assert_eq!(chosen(dialect, "CONFIG_FAST_BOARD=y\n"), "MEDIUM");
        assert_eq!(
            chosen(
                dialect,
                "CONFIG_FAST_BOARD=y\nCONFIG_FAST=y\nCONFIG_SLOW=y\n"
            ),
            "SLOW"
        );
    }
    // FAST isn't visible: 6.12 takes what was asked for before, 6.1 has forgotten it.
    let invisible = "CONFIG_MEDIUM=y\nCONFIG_FAST=y\n";
    assert_eq!(chosen(Dialect::Linux6_12, invisible), "MEDIUM");
    assert_eq!(chosen(Dialect::Linux6_1, invisible), "SLOW");
    // A member that was turned down isn't chosen in 6.12.
    let refused = "# CONFIG_SLOW is not set\n";
    assert_eq!(chosen(Dialect::Linux6_12, refused), "MEDIUM");
    assert_eq!(chosen(Dialect::Linux6_1, refused), "SLOW");
}

#[test]
fn numbers_stay_in_their_range() {
    let text = "config N\n\tint \"n\"\n\trange 2 64\n\tdefault 100\nconfig EMPTY\n\tint \"e\"\n";
    for (dialect, asked, value, empty) in [
        (Dialect::Linux6_12, "CONFIG_N=1\n", "2", "0"),
        (Dialect::Linux6_12, "CONFIG_N=99\n", "64", "0"),
        // 6.1 forgets a value out of range; then the default is moved into it.
        (Dialect::Linux6_1, "CONFIG_N=1\n", "64", ""),
        (Dialect::Linux6_1, "CONFIG_N=17\n", "17", ""),
    ] {
        let tree = load_files(&MemoryTree::new().with("Kconfig", text), dialect);
        let (configuration, _) = Configuration::olddefconfig(&tree, asked);
        assert_eq!(configuration.value(tree.find("N").expect("N")), value);
        assert_eq!(
            configuration.value(tree.find("EMPTY").expect("EMPTY")),
            empty
        );
    }
}

#[test]
fn implied_values_yield_to_the_user_and_to_dependencies() {
    let tree = load(
        "config A\n\tbool \"a\"\n\timply B\n\timply C\n\
         config B\n\tbool \"b\"\n\
         config C\n\tbool \"c\"\n\tdepends on D\n\
         config D\n\tbool \"d\"\n",
    );
    let (configuration, _) =
        Configuration::olddefconfig(&tree, "CONFIG_A=y\n# CONFIG_B is not set\n");
    let value = |name: &str| configuration.tristate(tree.find(name).expect("known"));
    assert_eq!((value("B"), value("C")), (Tristate::No, Tristate::No));
    let (configuration, _) = Configuration::olddefconfig(&tree, "CONFIG_A=y\nCONFIG_D=y\n");
    assert_eq!(
        configuration.tristate(tree.find("C").expect("C")),
        Tristate::Yes
    );
}

#[test]
fn strings_are_quoted_in_files_only() {
    let tree = load("config S\n\tstring \"s\"\n");
    let (configuration, _) = Configuration::olddefconfig(&tree, "CONFIG_S=\"a \\\"b\\\" \\\\\"\n");
    assert_eq!(
        configuration.value(tree.find("S").expect("S")),
        "a \"b\" \\"
    );
    assert!(
        configuration
            .to_dotconfig()
            .ends_with("CONFIG_S=\"a \\\"b\\\" \\\\\"\n")
    );
    let asked = request(&tree, "S", "plain");
    assert_eq!(asked.value, Some(UserValue::Text("plain".into())));
}

#[test]
fn all_answers_respect_what_is_given() {
    let tree = load(NET);
    let given = "# CONFIG_PCI is not set\n";
    let configuration = Configuration::all(&tree, Answer::Yes, Some(given));
    let value = |name: &str| configuration.tristate(tree.find(name).expect("known"));
    assert_eq!(
        (value("NET"), value("PCI"), value("E1000")),
        (Tristate::Yes, Tristate::No, Tristate::No)
    );
}

#[test]
fn errors_carry_their_place_and_parsing_goes_on() {
    let text = "config A\n\tbool \"a\"\n\tdepends on && B\nfoo bar\n\
                config C\n\tdefault y if\nendmenu\nmenu \"open\"\n\tdepends on (A\n";
    assert_eq!(
        messages(text),
        [
            "Kconfig:3:13: error: expected a symbol",
            "Kconfig:4:5: error: unknown statement \"foo\"",
            "Kconfig:6:14: error: expected a symbol",
            "Kconfig:7:1: error: 'endmenu' without 'menu'",
            "Kconfig:9:15: error: expected ')'",
            "Kconfig:8: error: missing end statement for this entry",
            "Kconfig:5: warning: config symbol defined without type",
        ]
    );
}

#[test]
fn files_that_are_missing_or_recursive_are_reported() {
    let files = MemoryTree::new()
        .with(
            "Kconfig",
            "source \"a\"\nsource \"missing\"\nsource \"dir/*.kc\"\n",
        )
        .with("a", "config A\n\tbool\nsource \"Kconfig\"\n")
        .with("dir/x.kc", "config X\n\tbool\n");
    let tree = load_files(&files, Dialect::Linux6_12);
    let messages: Vec<_> = tree.diagnostics().iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "a:3: error: recursive inclusion of \"Kconfig\", included from a:3, included from Kconfig:1",
            "Kconfig:2: error: can't open file \"missing\": entity not found",
        ]
    );
    assert!(tree.find("X").is_some());
    assert!(
        tree.diagnostics()
            .iter()
            .all(|diagnostic| diagnostic.severity == Severity::Error)
    );
}

#[test]
fn recursive_dependencies_are_errors() {
    let text = "config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n\tselect A\n";
    assert_eq!(messages(text), Vec::<String>::new());
    let text = "config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n\tdefault A\n";
    assert_eq!(
        messages(text),
        ["Kconfig:1: error: recursive dependency detected: \
          symbol A depends on B, symbol B default value contains A"]
    );
}

#[test]
fn a_number_that_6_1_forgets_is_a_bound_of_those_that_come_later() {
    // `conf` looks at CPUS before EROFS_STREAMS.
    let text = "config CPUS\n\tint \"cpus\"\n\trange 2 16\n\tdefault 4\n\
                config EROFS_STREAMS\n\tint \"streams\"\n\trange 1 CPUS\n\tdefault CPUS\n";
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &MemoryTree::new().with("Kconfig", text),
        env: &Environment::new(),
        shell: &SilentShell,
        dialect: Dialect::Linux6_1,
    })
    .expect("loads");
    let (configuration, _) =
        Configuration::olddefconfig(&tree, "CONFIG_CPUS=64\nCONFIG_EROFS_STREAMS=16\n");
    let config = configuration.to_dotconfig();
    assert!(
        config.ends_with("CONFIG_CPUS=4\nCONFIG_EROFS_STREAMS=4\n"),
        "{config}"
    );
}
