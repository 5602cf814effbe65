//! What the crate's claims of speed rest on: this engine and the kernel's own
//! `conf` on 6.12's x86 tree, in one run. Fails if a claim doesn't hold.
//!
//! `KCONFIG_TEST_TREES=… cargo bench -p kconfig --features differential`

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::time::{Duration, Instant};

use kconfig::{
    Configuration, Dialect, DiskTree, Kconfig, LoadOptions, MemoShell, Request, SilentShell,
    SymbolId, SymbolType, Tristate, UserValue,
};
use oracle::{Oracle, Target};

const TARGET: Target = Target {
    version: "6.12",
    arch: "i386",
    srcarch: "x86",
    cross: "",
    defconfig: "i386_defconfig",
    number: 0,
};

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok()
}

/// The time this process has had a processor: on a busy machine the wall clock
/// says more about the others.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// Turns 1,000 options picked at random over, one after the other, and gives
/// the time of each and the number of changes in all.
fn what_if_times(
    configuration: &mut Configuration<'_>,
    options: &[SymbolId],
) -> (Vec<Duration>, usize) {
    let mut times = Vec::new();
    let mut changes = 0;
    for number in 0..1_000_usize {
        let symbol = options[number.wrapping_mul(7_919) % options.len()];
        let value = Tristate::from(configuration.tristate(symbol) == Tristate::No);
        let request = Request {
            symbol,
            value: Some(UserValue::Tristate(value)),
        };
        let start = Instant::now();
        changes += configuration.what_if(std::slice::from_ref(&request)).len();
        times.push(start.elapsed());
    }
    (times, changes)
}

fn main() {
    let oracle = Oracle::new(TARGET);
    oracle.load();
    let dotconfig = {
        let scratch = oracle.scratch("bench-default");
        oracle.conf(
            &scratch,
            &["--defconfig=arch/x86/configs/i386_defconfig"],
            &[],
        );
        std::fs::read_to_string(scratch.join(".config")).expect(".config")
    };
    let memo = oracle.memo();
    let files = DiskTree::new(&oracle.source);
    let load = || {
        let shell = MemoShell::new(memo.clone(), &SilentShell);
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &oracle.env,
            shell: &shell,
            dialect: Dialect::Linux6_12,
        })
        .expect("load");
        assert_eq!(shell.asked(), 0, "a warm load asks nobody");
        tree
    };
    let mut loads = Vec::new();
    let mut evaluations = Vec::new();
    let mut both = Vec::new();
    let mut busy = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let busy_before = processor_time();
        let tree = load();
        let loaded = start.elapsed();
        let (configuration, _) = Configuration::olddefconfig(&tree, &dotconfig);
        both.push(start.elapsed());
        busy.push(processor_time() - busy_before);
        loads.push(loaded);
        evaluations.push(start.elapsed() - loaded);
        std::hint::black_box(configuration.to_dotconfig());
    }
    let scratch = oracle.scratch("bench");
    let mut oracle_times = Vec::new();
    for _ in 0..3 {
        std::fs::write(scratch.join(".config"), &dotconfig).expect("write");
        let start = Instant::now();
        oracle.conf_without_memo(&scratch, &["--olddefconfig"]);
        oracle_times.push(start.elapsed());
    }

    let tree = load();
    let (mut configuration, _) = Configuration::olddefconfig(&tree, &dotconfig);
    let options: Vec<_> = tree
        .defined_options()
        .filter(|(_, option)| matches!(option.ty, SymbolType::Bool | SymbolType::Tristate))
        .map(|(id, _)| id)
        .collect();
    let visible: Vec<_> = options
        .iter()
        .copied()
        .filter(|&option| configuration.visibility(option) != Tristate::No)
        .collect();
    let (of_visible, visible_changes) = what_if_times(&mut configuration, &visible);
    let (what_ifs, changed) = what_if_times(&mut configuration, &options);
    let worst = what_ifs
        .iter()
        .chain(&of_visible)
        .max()
        .copied()
        .unwrap_or_default();
    let of_visible = median(of_visible);
    let (both, theirs, what_if) = (median(both), median(oracle_times), median(what_ifs));
    println!(
        "load (warm)           {:8.2} ms",
        milliseconds(median(loads))
    );
    println!(
        "evaluate              {:8.2} ms",
        milliseconds(median(evaluations))
    );
    println!("load + evaluate       {:8.2} ms", milliseconds(both));
    println!(
        "  of it, processor    {:8.2} ms",
        milliseconds(median(busy))
    );
    println!("conf --olddefconfig   {:8.2} ms", milliseconds(theirs));
    println!(
        "conf / ours           {:8.1}",
        theirs.as_secs_f64() / both.as_secs_f64()
    );
    println!(
        "what-if, median       {:8.4} ms ({changed} changes in 1,000)",
        milliseconds(what_if)
    );
    println!(
        "what-if, visible ones {:8.4} ms ({visible_changes} changes)",
        milliseconds(of_visible)
    );
    println!("what-if, worst        {:8.2} ms", milliseconds(worst));
    let peak = peak_memory().unwrap_or(0);
    println!("peak memory           {:8.1} MB", peak as f64 / 1e3);
    assert!(
        both <= Duration::from_millis(150),
        "load + evaluate takes longer than 150 ms"
    );
    assert!(theirs >= both * 15, "less than 15 times as fast as conf");
    assert!(
        what_if <= Duration::from_millis(2),
        "a what-if takes longer than 2 ms"
    );
    assert!(peak <= 150_000, "more than 150 MB");
}
