//! This engine against the kernel's own `conf`, on real source trees: every
//! `.config` and every minimal configuration must be the same to the byte.
//!
//! The quick tier takes tinyconfig and the default configuration of each
//! architecture, a tenth of the rest, chosen by hash, and 40 random ones; with
//! the feature `long-tests` it is everything and 1,000 random ones.

#[path = "oracle/cases.rs"]
mod cases;
#[path = "oracle/numbers.rs"]
mod numbers;
mod oracle;

use std::hash::{Hash, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cases::{Case, compare};
use oracle::{Fnv, Oracle, TARGETS, Target, targets};

const LONG: bool = cfg!(feature = "long-tests");
const RANDOM: usize = if LONG { 1_000 } else { 40 };

fn in_quick_tier(target: &Target, case: &str) -> bool {
    let mut hasher = Fnv::default();
    (target.version, target.arch, case).hash(&mut hasher);
    hasher.finish().is_multiple_of(10)
}

fn cases_of(oracle: &Oracle) -> Vec<Case> {
    let target = &oracle.target;
    let default = format!("arch/{}/configs/{}", target.srcarch, target.defconfig);
    let mut cases = vec![Case::Tiny, Case::Defconfig(default.clone())];
    for mode in [
        "allnoconfig",
        "allyesconfig",
        "allmodconfig",
        "alldefconfig",
    ] {
        if LONG || in_quick_tier(target, mode) {
            cases.push(Case::All(mode));
        }
    }
    if matches!(target.srcarch, "arm" | "riscv") {
        for file in oracle.configs("_defconfig") {
            if file != default && (LONG || in_quick_tier(target, &file)) {
                cases.push(Case::Defconfig(file));
            }
        }
    }
    for number in (0..RANDOM).filter(|number| number % TARGETS == target.number) {
        let seed = 0x5eed_0000 + number as u32;
        cases.push(match number / TARGETS % 3 {
            0 => Case::Random(seed),
            1 => Case::Edited(seed),
            _ => Case::EditedDefault(seed),
        });
    }
    cases
}

fn first_difference(ours: &str, theirs: &str) -> String {
    let mut out = String::new();
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
    let mut shown = 0;
    let only = |name: &str, of: &[&str], other: &[&str], out: &mut String, shown: &mut usize| {
        let other: std::collections::BTreeSet<_> = other.iter().collect();
        for line in of.iter().filter(|line| !other.contains(line)).take(6) {
            out.push_str(&format!("    only {name}: {line}\n"));
            *shown += 1;
        }
    };
    only("ours", &ours, &theirs, &mut out, &mut shown);
    only("conf", &theirs, &ours, &mut out, &mut shown);
    if shown == 0 {
        let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        out.push_str(&format!(
            "    line {}: ours {:?}, conf {:?}\n",
            at + 1,
            ours.get(at),
            theirs.get(at)
        ));
    }
    out
}

#[test]
fn configurations_equal_those_of_conf_to_the_byte() {
    let targets = targets();
    let next = AtomicUsize::new(0);
    let compared = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .min(targets.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&target) = targets.get(index) else {
                        break;
                    };
                    let oracle = Oracle::new(target);
                    let tree = oracle.load();
                    let scratch = format!("{}", std::process::id());
                    let cases = cases_of(&oracle);
                    for (number, case) in cases.iter().enumerate() {
                        for outcome in compare(&oracle, &tree, case, &scratch) {
                            compared.fetch_add(1, Ordering::Relaxed);
                            if outcome.ours != outcome.theirs {
                                let told = format!(
                                    "{} {} {case:?} {}\n{}",
                                    target.version,
                                    target.arch,
                                    outcome.file,
                                    first_difference(&outcome.ours, &outcome.theirs)
                                );
                                // At once: a long run may be cut off.
                                println!("{told}");
                                differences.lock().expect("lock").push(told);
                            }
                        }
                        if number % 20 == 19 {
                            let (version, arch) = (target.version, target.arch);
                            println!("{version} {arch}: {} of {} cases", number + 1, cases.len());
                        }
                    }
                }
            });
        }
    });
    let differences = differences.into_inner().expect("lock");
    println!(
        "{} files compared, {} differ",
        compared.load(Ordering::Relaxed),
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
