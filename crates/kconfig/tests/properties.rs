//! Whatever the input: no panic, no endless loop, and changes that are worked
//! out along the dependents only come to the same as working out everything.

use kconfig::{
    Answer, Configuration, Dialect, Environment, Kconfig, LoadOptions, MemoryTree, Request,
    SilentShell, Tristate, UserValue,
};
use proptest::prelude::*;

fn load(text: &str, dialect: Dialect) -> Kconfig {
    Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &MemoryTree::new()
            .with("Kconfig", text)
            .with("sub/Kconfig", "config SUB\n\tbool \"s\"\n"),
        env: &Environment::from([("ARCH".to_owned(), "x".to_owned())]),
        shell: &SilentShell,
        dialect,
    })
    .expect("the root file is there")
}

fn use_everything(text: &str, dotconfig: &str) {
    for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
        let tree = load(text, dialect);
        for answer in [Answer::No, Answer::Yes, Answer::Mod, Answer::Default] {
            let _ = Configuration::all(&tree, answer, Some(dotconfig)).to_dotconfig();
        }
        let (mut configuration, _) = Configuration::olddefconfig(&tree, dotconfig);
        let _ = configuration.to_defconfig();
        let _ = Configuration::randconfig(&tree, 7, None);
        let _ = tree.outline();
        let options: Vec<_> = tree.defined_options().map(|(id, _)| id).take(8).collect();
        for symbol in options {
            let _ = configuration.why(symbol);
            let _ = configuration.because(symbol);
            let value = Some(UserValue::Tristate(Tristate::Yes));
            let request = Request { symbol, value };
            let _ = tree.reason_text(&configuration.why_not(&request));
            let _ = configuration.want(&request);
        }
        let _ = configuration.redundant_requests();
        let _ = tree.search("a");
    }
}

/// Text made of what Kconfig files are made of, in any order.
fn token_soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "config",
        "menuconfig",
        "choice",
        "endchoice",
        "menu",
        "endmenu",
        "if",
        "endif",
        "comment",
        "bool",
        "tristate",
        "int",
        "hex",
        "string",
        "def_bool",
        "def_tristate",
        "default",
        "depends on",
        "select",
        "imply",
        "range",
        "visible if",
        "help",
        "prompt",
        "source",
        "mainmenu",
        "modules",
        "optional",
        "A",
        "B",
        "C",
        "D",
        "y",
        "m",
        "n",
        "\"text\"",
        "'q'",
        "\"sub/Kconfig\"",
        "0x10",
        "7",
        "&&",
        "||",
        "!",
        "=",
        "!=",
        "<",
        ">=",
        "(",
        ")",
        ":=",
        "+=",
        "$(A)",
        "$(shell,x)",
        "$(",
        "$",
        "\\",
        "\"",
        "#",
        "\n",
        "\n\t",
        "\n  ",
        "\n",
        "\n\t",
    ]);
    prop::collection::vec(token, 0..120).prop_map(|tokens| tokens.join(" ") + "\n")
}

/// A small tree that `conf` would accept: each option depends on earlier ones.
fn sound_tree() -> impl Strategy<Value = String> {
    let option = (0..3_u8, 0..12_u8, any::<u8>(), any::<u8>(), any::<u8>());
    prop::collection::vec(option, 2..14).prop_map(|options| {
        let mut text = String::from("config MODULES\n\tbool \"modules\"\n\tmodules\n");
        for (at, (ty, shape, a, b, c)) in options.into_iter().enumerate() {
            let earlier = |n: u8| {
                if at == 0 {
                    "MODULES".to_owned()
                } else {
                    format!("S{}", usize::from(n) % at)
                }
            };
            let (a, b, c) = (earlier(a), earlier(b), earlier(c));
            let ty = ["bool", "tristate", "int"][usize::from(ty)];
            text.push_str(&format!("config S{at}\n\t{ty}"));
            text.push_str(if shape % 3 == 0 {
                "\n"
            } else {
                " \"prompt\"\n"
            });
            let value = match ty {
                "int" => format!("{}", shape * 7),
                _ => format!("{b} || {c}=n"),
            };
            match shape % 4 {
                0 => text.push_str(&format!("\tdefault {value} if {a}\n")),
                1 => text.push_str(&format!("\tdepends on {a} && !{b} || {c}\n")),
                2 => text.push_str(&format!("\tdepends on {a} || m\n\tdefault {value}\n")),
                _ if ty == "int" => text.push_str("\trange 3 30 if MODULES\n"),
                _ => text.push_str(&format!("\tselect LIB if {a} != {c}\n")),
            }
        }
        text.push_str("config LIB\n\ttristate\nchoice\n\tprompt \"one\"\n");
        text.push_str("\tdefault C2 if S0\nconfig C1\n\tbool \"one\"\n\tdepends on LIB\n");
        text.push_str(
            "config C2\n\tbool \"two\"\nconfig C3\n\tbool \"three\"\n\tdepends on S1\nendchoice\n",
        );
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in "\\PC{0,200}", dotconfig in "\\PC{0,80}") {
        use_everything(&text, &dotconfig);
    }

    #[test]
    fn any_order_of_words_is_survived(text in token_soup()) {
        use_everything(&text, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=7\nCONFIG_D=\"x\n");
    }

    #[test]
    fn what_is_wanted_holds_and_is_asked_for_last(
        text in sound_tree(),
        asked in prop::collection::vec(any::<bool>(), 20),
        which in any::<u8>(),
        value in 0..3_u8,
    ) {
        let tree = load(&text, Dialect::Linux6_12);
        let options: Vec<_> = tree.defined_options().map(|(id, option)| (id, option.ty)).collect();
        let on = options.iter().zip(&asked).filter(|((_, ty), on)| ty.is_logical() && **on);
        let dotconfig: String =
            on.map(|((id, _), _)| format!("CONFIG_{}=y\n", tree.symbol(*id).name)).collect();
        let (mut configuration, _) = Configuration::olddefconfig(&tree, &dotconfig);
        let (symbol, ty) = options[usize::from(which) % options.len()];
        let value = match ty {
            kconfig::SymbolType::Int => (value * 20).to_string(),
            _ => ["n", "y", "y"][usize::from(value)].to_owned(),
        };
        let goal = tree.request(&tree.symbol(symbol).name, &value).expect("a fitting value");
        let before = configuration.to_dotconfig();
        let want = configuration.want(&goal);
        prop_assert_eq!(&before, &configuration.to_dotconfig());
        if let Ok(want) = want {
            configuration.set(&want.requests);
            prop_assert!(configuration.holds(&goal), "{text}\n{want:?}");
            let goals = want.requests.iter().filter(|request| request.symbol == symbol).count();
            match configuration.visibility(symbol) {
                Tristate::No => prop_assert_eq!(goals, 0),
                _ => prop_assert_eq!(want.requests.last(), Some(&goal)),
            }
        }
    }

    #[test]
    fn what_is_taken_out_unchanged_changes_nothing(
        text in sound_tree(),
        asked in prop::collection::vec(any::<bool>(), 20),
    ) {
        for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
            let tree = load(&text, dialect);
            let options: Vec<_> = tree.defined_options().map(|(id, _)| id).collect();
            let on = options.iter().zip(&asked).filter(|(_, on)| **on);
            let dotconfig: String =
                on.map(|(id, _)| format!("CONFIG_{}=y\n", tree.symbol(*id).name)).collect();
            let (mut configuration, _) = Configuration::olddefconfig(&tree, &dotconfig);
            let before = configuration.to_dotconfig();
            for symbol in options {
                configuration.set_if_unchanged(&Request { symbol, value: None });
                prop_assert_eq!(&before, &configuration.to_dotconfig());
            }
        }
    }

    #[test]
    fn a_change_comes_to_the_same_as_starting_over(
        text in sound_tree(),
        steps in prop::collection::vec((any::<u8>(), 0..3_u8), 1..12),
    ) {
        for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
            let tree = load(&text, dialect);
            prop_assert!(!tree.has_errors(), "{:?}\n{text}", tree.diagnostics());
            let options: Vec<_> = tree.defined_options().map(|(id, option)| (id, option.ty)).collect();
            let mut configuration = Configuration::new(&tree);
            let mut lines: Vec<(String, String)> = Vec::new();
            for &(which, value) in &steps {
                let (symbol, ty) = options[usize::from(which) % options.len()];
                let text = match ty {
                    kconfig::SymbolType::Int => (value * 20).to_string(),
                    kconfig::SymbolType::Bool => ["n", "y", "y"][usize::from(value)].to_owned(),
                    _ => ["n", "m", "y"][usize::from(value)].to_owned(),
                };
                let name = tree.symbol(symbol).name.to_string();
                let request = tree.request(&name, &text).expect("a fitting value");
                let before = configuration.to_dotconfig();
                configuration.what_if(std::slice::from_ref(&request));
                prop_assert_eq!(&before, &configuration.to_dotconfig());
                configuration.set(&[request]);
                lines.retain(|(known, _)| *known != name);
                lines.push((name, text));
                let file: String =
                    lines.iter().map(|(name, text)| format!("CONFIG_{name}={text}\n")).collect();
                if dialect == Dialect::Linux6_12 {
                    let (anew, _) = Configuration::olddefconfig(&tree, &file);
                    prop_assert_eq!(anew.to_dotconfig(), configuration.to_dotconfig());
                }
            }
        }
    }
}

#[test]
fn deep_and_long_inputs_are_survived() {
    let parentheses = format!("config A\n\tbool\n\tdepends on {}B\n", "(".repeat(100_000));
    let negations = format!("config A\n\tbool\n\tdepends on {}B\n", "!".repeat(100_000));
    let blocks = "if A\n".repeat(10_000);
    let chain: String = (0..20_000)
        .map(|n| format!("config S{n}\n\tbool \"s\"\n\tdepends on S{}\n", n + 1))
        .collect();
    let conjunction = format!(
        "config A\n\tbool\n\tdepends on {}B\n",
        "B && ".repeat(50_000)
    );
    let nested = format!("X := {}\n", "$(".repeat(50_000));
    let itself = "source \"Kconfig\"\n".to_owned();
    for text in [
        parentheses,
        negations,
        blocks,
        chain,
        conjunction,
        nested,
        itself,
    ] {
        let tree = load(&text, Dialect::Linux6_12);
        let _ = Configuration::all(&tree, Answer::Yes, None).to_dotconfig();
        let _ = tree.outline();
    }
}

#[test]
fn files_that_include_each_other_over_and_over_come_to_an_end() {
    let mut files = MemoryTree::new().with("Kconfig", "source \"0\"\n");
    for level in 0..60 {
        let text = format!("source \"{0}\"\nsource \"{0}\"\n", level + 1);
        files = files.with(&level.to_string(), &text);
    }
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &files.with("60", "config A\n\tbool\n"),
        env: &Environment::new(),
        shell: &SilentShell,
        dialect: Dialect::Linux6_12,
    })
    .expect("the root file is there");
    let too_many = tree
        .diagnostics()
        .iter()
        .filter(|found| found.message.contains("too many"));
    assert_eq!(too_many.count(), 1);
}
