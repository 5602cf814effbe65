//! A `.config` of another version or architecture as the base: what the engine
//! says is lost is what the kernel's own `conf` dropped, nothing more and
//! nothing less.

#[path = "oracle/numbers.rs"]
mod numbers;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kconfig::{Configuration, Kconfig};
use numbers::Numbers;
use oracle::{Oracle, Target, targets};

/// How many bases are compared.
const BASES: usize = if cfg!(feature = "long-tests") { 200 } else { 6 };
/// Which kernels read them in the quick tier.
const QUICK: [(&str, &str); 2] = [("6.12", "i386"), ("6.1", "arm")];

/// The values that a file gives, as it spells them; `n` for what is not set.
fn values(text: &str) -> BTreeMap<&str, &str> {
    let mut values = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, value)) = line
            .strip_prefix("CONFIG_")
            .and_then(|rest| rest.split_once('='))
        {
            values.insert(name, value);
        } else if let Some(name) = line
            .strip_prefix("# CONFIG_")
            .and_then(|rest| rest.strip_suffix(" is not set"))
        {
            values.insert(name, "n");
        }
    }
    values
}

/// What `conf` dropped of a base: options with a prompt here whose line isn't
/// in its output, and names that it doesn't know.
fn dropped(tree: &Kconfig, base: &str, output: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (asked, got) = (values(base), values(output));
    let mut with_prompt = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for (name, value) in asked {
        let Some(symbol) = tree.find_defined(name) else {
            if value != "n" {
                unknown.insert(name.to_owned());
            }
            continue;
        };
        let kept = match value {
            "n" => !matches!(got.get(name), Some(&("y" | "m"))),
            value => got.get(name) == Some(&value),
        };
        if !kept && tree.symbol(symbol).prompts().next().is_some() {
            with_prompt.insert(name.to_owned());
        }
    }
    (with_prompt, unknown)
}

fn compare(oracle: &Oracle, tree: &Kconfig, base: &str, folder: &Path, name: &str) {
    std::fs::write(folder.join(".config"), base).expect("writes");
    oracle.conf(folder, &["--olddefconfig"], &[]);
    let output = std::fs::read_to_string(folder.join(".config")).expect("readable");
    let (configuration, _) = Configuration::olddefconfig(tree, base);
    let ours = configuration.to_dotconfig();
    let differing = ours.lines().zip(output.lines()).find(|(a, b)| a != b);
    assert!(ours == output, "{name}: {differing:?}");
    let (with_prompt, unknown) = dropped(tree, base, &output);
    let lost = configuration.lost(base);
    let told = |prompt: Option<bool>| -> BTreeSet<String> {
        let told = lost.iter().filter(|one| one.prompt == prompt);
        told.map(|one| one.name.clone()).collect()
    };
    for (theirs, ours) in [(with_prompt, told(Some(true))), (unknown, told(None))] {
        let missing: Vec<_> = theirs.difference(&ours).collect();
        let invented: Vec<_> = ours.difference(&theirs).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{name}: not told {missing:?}, told {invented:?}"
        );
    }
    for one in &lost {
        let reason = tree.reason_text(&one.reason);
        assert!(!reason.is_empty() && reason != "needs ", "{name}: {one:?}");
    }
}

#[test]
fn what_is_lost_of_a_base_is_what_conf_dropped() {
    let all = targets();
    let readers: Vec<&Target> = all
        .iter()
        .filter(|one| cfg!(feature = "long-tests") || QUICK.contains(&(one.version, one.arch)))
        .collect();
    let each = BASES.div_ceil(readers.len());
    let mut compared = 0;
    for (number, reader) in readers.iter().enumerate() {
        let oracle = Oracle::new(**reader);
        let tree = oracle.load();
        for case in 0..each.min(BASES - compared) {
            let mut numbers = Numbers((number * 1_000 + case) as u64);
            let others: Vec<&Target> = all.iter().filter(|one| one != reader).collect();
            let writer = *others[numbers.below(others.len())];
            let writer = Oracle::new(writer);
            let seed = numbers.below(1 << 30).to_string();
            let folder = writer.scratch(&format!("base-{number}"));
            writer.conf(&folder, &["--randconfig"], &[("KCONFIG_SEED", &seed)]);
            let base = std::fs::read_to_string(folder.join(".config")).expect("readable");
            let (from, to) = (writer.target, oracle.target);
            let name = format!(
                "{} {} seed {seed} read by {} {}",
                from.version, from.arch, to.version, to.arch
            );
            let folder = oracle.scratch(&format!("reads-{number}"));
            compare(&oracle, &tree, &base, &folder, &name);
            compared += 1;
        }
    }
    println!("{compared} bases compared");
    assert_eq!(compared, BASES);
}
