//! What is said of symbols that nobody can ask for, and of what is wanted.

use kconfig::{
    Configuration, Dialect, Environment, Kconfig, LoadOptions, MemoryTree, Request, SilentShell,
};

fn load(text: &str) -> Kconfig {
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &MemoryTree::new().with("Kconfig", text),
        env: &Environment::new(),
        shell: &SilentShell,
        dialect: Dialect::Linux6_12,
    })
    .expect("the root file is there");
    assert!(!tree.has_errors(), "{:?}", tree.diagnostics());
    tree
}

fn asked(tree: &Kconfig, name: &str, value: &str) -> Request {
    tree.request(name, value).expect("a fitting value")
}

const HIDDEN: &str = "\
config WORDS
\tdef_bool y
config SMALL
\tdef_bool !BIG
config BIG
\tbool \"big\"
config TABLE
\tdef_bool BIG && WORDS
config DRIVER
\tdef_bool y
\tdepends on BIG
config LIBRARY
\tbool
config USER
\tbool \"user\"
\tdepends on BIG
\tselect LIBRARY
config ORPHAN
\tbool
config LEVEL
\tint
\tdefault 4 if BIG
\tdefault 2
";

#[test]
fn a_symbol_without_a_prompt_is_told_by_what_sets_it() {
    let tree = load(HIDDEN);
    let configuration = Configuration::new(&tree);
    let why_not = |name, value| {
        let reason = configuration.why_not(&asked(&tree, name, value));
        tree.reason_text(&reason)
    };
    for (name, value, reason) in [
        ("WORDS", "n", "it has no prompt; default y (Kconfig:2)"),
        (
            "SMALL",
            "n",
            "it has no prompt; default !BIG [=n] (Kconfig:4)",
        ),
        (
            "TABLE",
            "y",
            "it has no prompt; default BIG [=n] && WORDS [=y] (Kconfig:8)",
        ),
        ("DRIVER", "y", "it has no prompt; needs BIG [=n]"),
        ("LIBRARY", "y", "it has no prompt; it is selected by USER"),
        ("ORPHAN", "y", "it has no prompt; nothing selects it"),
        ("LEVEL", "4", "it has no prompt; default 2 (Kconfig:23)"),
    ] {
        assert_eq!(why_not(name, value), reason, "{name}={value}");
    }
}

#[test]
fn a_value_has_its_reason_also_where_nothing_sets_it() {
    let tree = load(HIDDEN);
    let (configuration, _) = Configuration::olddefconfig(&tree, "");
    let because = |name| configuration.because(tree.find(name).expect("defined"));
    assert_eq!(because("WORDS"), "default y (Kconfig:2)");
    assert_eq!(because("USER"), "needs BIG [=n]");
    assert_eq!(because("DRIVER"), "needs BIG [=n]");
    assert_eq!(
        because("LIBRARY"),
        "it has no prompt; it is selected by USER"
    );
    assert_eq!(because("ORPHAN"), "it has no prompt; nothing selects it");
    assert_eq!(because("BIG"), "nothing sets it");
    let why = configuration.why(tree.find("LEVEL").expect("defined"));
    let defaults: Vec<_> = why
        .defaults
        .iter()
        .map(|default| (default.to_string(), default.holds))
        .collect();
    assert_eq!(
        defaults,
        [
            ("default 4 if BIG [=n] (Kconfig:22)".to_owned(), false),
            ("default 2 (Kconfig:23)".to_owned(), true),
        ]
    );
}

const WANTED: &str = "\
config IP
\tbool \"ip\"
config TUNNEL
\tbool \"tunnel\"
\tdepends on IP
\tdefault y
\tselect CACHE
config CACHE
\tbool
config NAMED
\tbool \"named\"
config NAME
\tstring \"name\"
\tdepends on NAMED
config SHIFT
\tint \"shift\"
\trange 12 25
\tdefault 17
";

fn wanted(tree: &Kconfig, name: &str, value: &str) -> Result<Vec<String>, String> {
    let mut configuration = Configuration::new(tree);
    let goal = asked(tree, name, value);
    let want = configuration
        .want(&goal)
        .map_err(|failure| tree.reason_text(&failure.reason))?;
    assert!(want.smallest);
    configuration.set(&want.requests);
    assert!(configuration.holds(&goal));
    let names = want.requests.iter().map(|r| tree.display_name(r.symbol));
    Ok(names.map(str::to_owned).collect())
}

#[test]
fn what_is_wanted_is_asked_for_also_where_its_default_would_do() {
    let tree = load(WANTED);
    let names = wanted(&tree, "TUNNEL", "y").expect("a way");
    assert_eq!(names, ["IP", "TUNNEL"]);
    // Nobody can ask for what has no prompt.
    let names = wanted(&tree, "CACHE", "y").expect("a way");
    assert_eq!(names, ["IP"]);
}

#[test]
fn numbers_and_texts_can_be_wanted() {
    let tree = load(WANTED);
    assert_eq!(wanted(&tree, "SHIFT", "12"), Ok(vec!["SHIFT".to_owned()]));
    assert_eq!(
        wanted(&tree, "NAME", "x"),
        Ok(vec!["NAMED".to_owned(), "NAME".to_owned()])
    );
    assert_eq!(
        wanted(&tree, "SHIFT", "3"),
        Err("it must be from 12 to 25".to_owned())
    );
}

#[test]
fn a_request_that_changes_something_is_taken_back() {
    let tree = load(WANTED);
    let text = "CONFIG_IP=y\nCONFIG_TUNNEL=y\n";
    let (mut configuration, _) = Configuration::olddefconfig(&tree, text);
    let before = configuration.to_dotconfig();
    let forget = |name| Request {
        symbol: tree.find(name).expect("defined"),
        value: None,
    };
    assert!(!configuration.set_if_unchanged(&forget("IP")));
    assert!(configuration.holds(&asked(&tree, "IP", "y")));
    assert!(configuration.set_if_unchanged(&forget("TUNNEL")));
    assert_eq!(configuration.to_dotconfig(), before);
}

const BUSES: &str = "\
config PCI
\tbool \"pci\"
config CAIF_BUS
\tbool \"caif\"
\tselect BUS
config MMIO_BUS
\tbool \"mmio\"
\tselect BUS
config PCI_BUS
\tbool \"bus over pci\"
\tdepends on PCI
\tselect BUS
config SOC_BUS
\tbool \"soc\"
\tdepends on ARCH_ELSEWHERE
\tselect BUS
config BUS
\tbool
config DISK
\tbool \"disk\"
\tdepends on BUS
config CARD
\tbool \"card\"
\tdepends on CAIF_BUS || PCI_BUS
";

#[test]
fn of_several_ways_the_one_whose_hardware_is_there_comes_first_and_the_others_are_known() {
    let tree = load(BUSES);
    let name = |id: &kconfig::SymbolId| tree.display_name(*id).to_owned();
    for (hardware, wish, expected, others) in [
        ("PCI_BUS", "DISK", "PCI PCI_BUS DISK", "CAIF_BUS MMIO_BUS"),
        ("MMIO_BUS", "DISK", "MMIO_BUS DISK", "CAIF_BUS PCI_BUS"),
        ("", "DISK", "MMIO_BUS DISK", "CAIF_BUS PCI_BUS"),
        // What is preferred leads nowhere here.
        ("SOC_BUS", "DISK", "MMIO_BUS DISK", "CAIF_BUS PCI_BUS"),
        ("PCI_BUS", "CARD", "PCI PCI_BUS CARD", ""),
    ] {
        let mut configuration = Configuration::new(&tree);
        configuration.prefer(tree.find(hardware));
        let wish = tree.request(wish, "y").expect("a wish");
        let want = configuration.want(&wish).expect("a way");
        let requests: Vec<_> = want.requests.iter().map(|one| name(&one.symbol)).collect();
        assert_eq!(requests.join(" "), expected, "{hardware}");
        configuration.set(&want.requests);
        let told = configuration.alternatives(Some(wish.symbol), &want.requests);
        let told: Vec<String> = told
            .iter()
            .flat_map(|one| one.others.iter().map(name))
            .collect();
        assert_eq!(told.join(" "), others, "{hardware}");
    }
}

#[test]
fn who_selects_a_symbol_is_sorted_by_how_near_that_is() {
    let tree = load(BUSES);
    let mut configuration = Configuration::olddefconfig(&tree, "CONFIG_MMIO_BUS=y\n").0;
    configuration.prefer(tree.find("PCI_BUS"));
    let why = configuration.why(tree.find("BUS").expect("there"));
    let names: Vec<_> = why
        .selected_by
        .iter()
        .map(|one| tree.display_name(one.by))
        .collect();
    assert_eq!(names, ["MMIO_BUS", "PCI_BUS", "CAIF_BUS", "SOC_BUS"]);
    let soc = tree.request("SOC_BUS", "y").expect("a wish");
    let reason = tree.reason_text(&configuration.why_not(&soc));
    assert_eq!(reason, "needs ARCH_ELSEWHERE (not of this architecture)");
}

#[test]
fn what_other_architectures_have_is_found_in_their_files() {
    let files = kconfig::MemoryTree::new()
        .with(
            "Kconfig",
            "source \"arch/$(SRCARCH)/Kconfig\"\nsource \"drivers/Kconfig\"\n",
        )
        .with(
            "arch/x86/Kconfig",
            "config X86\n\tdef_bool y\nconfig BOTH\n\tbool \"b\"\n",
        )
        .with(
            "drivers/Kconfig",
            "config A\n\tbool \"a\"\n\tdepends on TEGRA\n",
        )
        .with(
            "arch/arm/Kconfig",
            "config BOTH\n\tbool \"b\"\nsource \"arch/arm/mach-a/Kconfig\"\n\
             source \"drivers/parisc/Kconfig\"\nsource \"drivers/Kconfig\"\n",
        )
        .with(
            "arch/arm/mach-a/Kconfig",
            "menuconfig TEGRA\n\tbool \"t\"\n\thelp\n\t  config HELP\n\nconfig HIDDEN\n\tbool\n",
        )
        .with(
            "arch/arm64/Kconfig.platforms",
            "config TEGRA\n\tdef_bool y\n",
        )
        .with("drivers/parisc/Kconfig", "config GSC\n\ttristate \"gsc\"\n")
        .with("scripts/tests/Kconfig", "config FOO\n\tbool \"foo\"\n");
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &files,
        env: &Environment::from([("SRCARCH".to_owned(), "x86".to_owned())]),
        shell: &SilentShell,
        dialect: Dialect::Linux6_12,
    })
    .expect("loads");
    let elsewhere = tree.elsewhere(&files);
    let told: Vec<String> = elsewhere
        .iter()
        .filter(|(name, _)| *name != "HELP")
        .map(|(name, one)| format!("{name} {} {}", one.archs.join("+"), one.prompt))
        .collect();
    assert_eq!(
        told,
        ["GSC arm true", "HIDDEN arm false", "TEGRA arm+arm64 true"]
    );
}

#[test]
fn what_is_lost_of_a_base_is_told_with_what_it_lacks() {
    let tree = load(
        "config MODULES\n\tbool \"m\"\n\tmodules\nconfig BLOCK\n\tbool \"block\"\n\
         config EXT4\n\ttristate \"ext4\"\n\tdepends on BLOCK\n\
         config WG\n\ttristate \"wg\"\n\
         config HIDDEN\n\tbool\nconfig TEXT\n\tstring \"text\"\n\tdepends on BLOCK\n\
         config MITIGATION_X\n\tbool \"x\"\n",
    );
    let base = "CONFIG_EXT4=y\nCONFIG_WG=m\nCONFIG_NO_SUCH=y\nCONFIG_HIDDEN=y\nCONFIG_TEXT=\"\"\n\
                # CONFIG_GONE is not set\n# CONFIG_EXT4 is not set\nCONFIG_EXT4=m\nCONFIG_X=y\n";
    let configuration = Configuration::olddefconfig(&tree, base).0;
    let told: Vec<String> = configuration
        .lost(base)
        .iter()
        .map(|one| {
            let reason = tree.reason_text(&one.reason);
            format!(
                "{} {}={} {:?} {reason}",
                one.line, one.name, one.asked, one.prompt
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "2 WG=m Some(true) needs MODULES [=n]",
            "3 NO_SUCH=y None there is no such option",
            "4 HIDDEN=y Some(false) it has no prompt; nothing selects it",
            "5 TEXT=\"\" Some(true) needs BLOCK [=n]",
            "8 EXT4=m Some(true) needs BLOCK [=n]",
            "9 X=y None there is no such option; the nearest is MITIGATION_X",
        ]
    );
}
