//! Small random trees of choices, whose members depend on each other, on what
//! is around them and on their choice, against the kernel's own `conf`: which
//! trees it refuses, and every configuration of the others.

#[path = "oracle/numbers.rs"]
mod numbers;
mod oracle;

use std::fmt::Write;

use kconfig::{
    Answer, Configuration, Dialect, DiskTree, Environment, Kconfig, LoadOptions, SilentShell,
};
use numbers::Numbers;
use oracle::{Oracle, targets};

/// How many trees each `conf` is asked about.
const TREES: u64 = if cfg!(feature = "long-tests") {
    3_000
} else {
    250
};

const MEMBERS: usize = 5;

/// Which trees are made: 6.12 refuses nearly every tree in which a member
/// depends on another, so only some of its trees have such members.
#[derive(Clone, Copy)]
struct Kind {
    dialect: Dialect,
    tame: bool,
}

/// A tree of one choice or two, with an option before and after.
fn tree(numbers: &mut Numbers, dialect: Dialect) -> String {
    let tame = dialect == Dialect::Linux6_12 && numbers.below(4) != 0;
    let kind = Kind { dialect, tame };
    let mut out = String::from("config MODULES\n\tbool \"modules\"\n\tmodules\n");
    if numbers.below(2) == 0 {
        out.push_str("\tdefault y\n");
    }
    out.push_str("config P\n\ttristate \"p\"\n\nconfig B\n\tbool \"b\"\n\n");
    let choices = 1 + numbers.below(3) / 2;
    for choice in 0..choices {
        one_choice(numbers, kind, choice, &mut out);
    }
    out.push_str("config S\n\tbool\n\n");
    out.push_str("config AFTER\n\tbool \"after\"\n\tdefault y if M01\n\tdepends on M00 || P\n");
    out
}

fn one_choice(numbers: &mut Numbers, kind: Kind, choice: usize, out: &mut String) {
    out.push_str("choice\n\tprompt \"pick\"\n");
    if kind.dialect == Dialect::Linux6_1 {
        out.push_str(["", "", "\tbool\n", "\ttristate\n"][numbers.below(4)]);
        out.push_str(["", "", "", "\toptional\n"][numbers.below(4)]);
    }
    out.push_str(["", "", "\tdepends on P\n", "\tdepends on B\n"][numbers.below(4)]);
    if numbers.below(3) == 0 {
        let _ = writeln!(out, "\tdefault M{choice}{}", numbers.below(MEMBERS));
    }
    out.push('\n');
    let mut inside = false;
    for member in 0..MEMBERS {
        if !inside && numbers.below(4) == 0 {
            let _ = writeln!(out, "if {}\n", condition(numbers, kind, choice, member));
            inside = true;
        }
        if numbers.below(8) == 0 {
            let text = condition(numbers, kind, choice, member);
            let _ = writeln!(out, "comment \"note\"\n\tdepends on {text}\n");
        }
        one_member(numbers, kind, (choice, member), out);
        if inside && numbers.below(2) == 0 {
            out.push_str("endif\n\n");
            inside = false;
        }
    }
    out.push_str(if inside {
        "endif\nendchoice\n\n"
    } else {
        "endchoice\n\n"
    });
}

fn one_member(
    numbers: &mut Numbers,
    kind: Kind,
    (choice, member): (usize, usize),
    out: &mut String,
) {
    let _ = writeln!(out, "config M{choice}{member}");
    let prompt = kind.tame || numbers.below(9) != 0;
    let ty = match (kind.dialect, numbers.below(6)) {
        (Dialect::Linux6_1, 0) => "tristate",
        (Dialect::Linux6_1, 1) => "",
        _ => "bool",
    };
    match (ty, prompt) {
        ("", true) => out.push_str("\tprompt \"m\"\n"),
        ("", false) => {}
        (ty, true) => _ = writeln!(out, "\t{ty} \"m\""),
        (ty, false) => _ = writeln!(out, "\t{ty}"),
    }
    if numbers.below(2) == 0 {
        let _ = writeln!(
            out,
            "\tdepends on {}",
            condition(numbers, kind, choice, member)
        );
    }
    match numbers.below(16) {
        0 if !kind.tame => out.push_str("\tdefault y\n"),
        1 => out.push_str("\tselect S\n"),
        2 if !kind.tame => out.push_str("\tselect P\n"),
        _ => {}
    }
    out.push('\n');
}

/// A condition, mostly of what stands before.
fn condition(numbers: &mut Numbers, kind: Kind, choice: usize, member: usize) -> String {
    let symbol = |numbers: &mut Numbers| match numbers.below(10) {
        0 => "P".to_owned(),
        1 => "B".to_owned(),
        n if kind.tame => ["P", "B"][n % 2].to_owned(),
        2 => format!("M{choice}{}", numbers.below(MEMBERS)),
        3 => format!("M0{}", numbers.below(MEMBERS)),
        _ => format!("M{choice}{}", numbers.below(member.max(1))),
    };
    let one = symbol(numbers);
    // `conf` 6.1 drops more of a condition in which an operand repeats.
    let other = Some(symbol(numbers)).filter(|other| *other != one);
    let other = other.unwrap_or_else(|| "MODULES".to_owned());
    match numbers.below(12) {
        0 => format!("!{one}"),
        1 => format!("{one}=y"),
        2 => format!("{one}!=n"),
        3 => format!("{one}=m"),
        4 => format!("{one} || {other}"),
        5 => format!("{one} && {other}"),
        6 => format!("!({one} || {other})"),
        7 => format!("!({one}=n)"),
        8 => format!("({one} || {other}) && P"),
        _ => one,
    }
}

fn dotconfig(numbers: &mut Numbers) -> String {
    let mut out = String::new();
    for _ in 0..numbers.below(10) {
        let name = match numbers.below(8) {
            0 => "P".to_owned(),
            1 => "B".to_owned(),
            2 => "MODULES".to_owned(),
            n => format!("M{}{}", n % 2, numbers.below(MEMBERS)),
        };
        let _ = match numbers.below(3) {
            0 => writeln!(out, "# CONFIG_{name} is not set"),
            1 => writeln!(out, "CONFIG_{name}=m"),
            _ => writeln!(out, "CONFIG_{name}=y"),
        };
    }
    out
}

#[test]
fn choices_whose_members_depend_on_each_other_are_those_of_conf() {
    let mut wrong = Vec::new();
    for target in targets().into_iter().filter(|target| target.arch == "i386") {
        let oracle = Oracle::new(target);
        let dialect = Dialect::for_version(target.version);
        let folder = oracle.scratch("choices");
        let mut refused = 0;
        for seed in 0..TREES {
            let mut numbers = Numbers(seed);
            let text = tree(&mut numbers, dialect);
            let asked = dotconfig(&mut numbers);
            refused += usize::from(compare(&oracle, &folder, &text, &asked, seed, &mut wrong));
        }
        println!("{}: {refused} of {TREES} trees are refused", target.version);
        assert!(refused > 0 && refused < TREES as usize);
    }
    let count = wrong.len();
    wrong.truncate(20);
    assert!(count == 0, "{count} differ\n{}", wrong.join("\n"));
}

/// Compares one tree. True if `conf` refuses it.
fn compare(
    oracle: &Oracle,
    folder: &std::path::Path,
    text: &str,
    asked: &str,
    seed: u64,
    wrong: &mut Vec<String>,
) -> bool {
    std::fs::write(folder.join("Kconfig"), text).expect("writes");
    let tree = Kconfig::load(&LoadOptions {
        root: "Kconfig",
        tree: &DiskTree::new(folder),
        env: &Environment::new(),
        shell: &SilentShell,
        dialect: Dialect::for_version(oracle.target.version),
    })
    .expect("loads");
    let version = oracle.target.version;
    for mode in [
        "allnoconfig",
        "allyesconfig",
        "allmodconfig",
        "alldefconfig",
        "olddefconfig",
    ] {
        let ours = match mode {
            "allnoconfig" => Configuration::all(&tree, Answer::No, None),
            "allyesconfig" => Configuration::all(&tree, Answer::Yes, None),
            "allmodconfig" => Configuration::all(&tree, Answer::Mod, None),
            "alldefconfig" => Configuration::all(&tree, Answer::Default, None),
            _ => Configuration::olddefconfig(&tree, asked).0,
        };
        std::fs::write(folder.join(".config"), asked).expect("writes");
        let accepted = oracle.conf_on(folder, &[&format!("--{mode}")]);
        if accepted == tree.has_errors() {
            let told = tree.diagnostics();
            wrong.push(format!(
                "{version} seed {seed}: accepted {accepted}\n{text}\n{told:#?}"
            ));
        }
        if !accepted || tree.has_errors() {
            return true;
        }
        let theirs = std::fs::read_to_string(folder.join(".config")).expect("readable");
        let ours = ours.to_dotconfig();
        if ours != theirs {
            wrong.push(format!(
                "{version} seed {seed} {mode}\n{text}\n--- asked\n{asked}--- ours\n{ours}--- theirs\n{theirs}"
            ));
            return false;
        }
    }
    false
}
