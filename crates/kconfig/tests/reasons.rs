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
