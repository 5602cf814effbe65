//! What the crate's claims of speed rest on: this engine and the kernel's own
//! `conf` on 6.12's x86 tree, in one run. Fails if a claim doesn't hold.
//!
//! `KCONFIG_TEST_TREES=… cargo bench -p kconfig --features differential`

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::time::{Duration, Instant};

use kconfig::{
    Configuration, Dialect, DiskTree, Kconfig, LoadOptions, MemoShell, ProbeMemo, Request,
    SilentShell, SymbolId, SymbolType, Tristate, UserValue,
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

/// Loads the tree from a warm memo, as often as it is called.
fn loader<'a>(
    oracle: &'a Oracle,
    files: &'a DiskTree,
    memo: &'a ProbeMemo,
) -> impl Fn() -> Kconfig + 'a {
    move || {
        let shell = MemoShell::new(memo.clone(), &SilentShell);
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: files,
            env: &oracle.env,
            shell: &shell,
            dialect: Dialect::Linux6_12,
        })
        .expect("load");
        assert_eq!(shell.asked(), 0, "a warm load asks nobody");
        tree
    }
}

/// The times of loads and evaluations.
#[derive(Default)]
struct Times {
    loads: Vec<Duration>,
    evaluations: Vec<Duration>,
    both: Vec<Duration>,
    busy: Vec<Duration>,
}

impl Times {
    fn measure(load: impl Fn() -> Kconfig, dotconfig: &str) -> Times {
        let mut times = Times::default();
        for _ in 0..15 {
            let start = Instant::now();
            let busy_before = processor_time();
            let tree = load();
            let loaded = start.elapsed();
            let (configuration, _) = Configuration::olddefconfig(&tree, dotconfig);
            times.both.push(start.elapsed());
            times.busy.push(processor_time() - busy_before);
            times.loads.push(loaded);
            times.evaluations.push(start.elapsed() - loaded);
            std::hint::black_box(configuration.to_dotconfig());
        }
        times
    }

    fn print(&self) {
        let line = |name: &str, times: &[Duration]| {
            let median = milliseconds(median(times.to_vec()));
            println!("{name:<22}{median:8.2} ms");
        };
        line("load (warm)", &self.loads);
        line("evaluate", &self.evaluations);
        line("load + evaluate", &self.both);
        line("  of it, processor", &self.busy);
    }
}

/// The time that `conf` takes for the same.
fn time_of_conf(oracle: &Oracle, dotconfig: &str) -> Duration {
    let scratch = oracle.scratch("bench");
    let mut oracle_times = Vec::new();
    for _ in 0..3 {
        std::fs::write(scratch.join(".config"), dotconfig).expect("write");
        let start = Instant::now();
        oracle.conf_without_memo(&scratch, &["--olddefconfig"]);
        oracle_times.push(start.elapsed());
    }
    median(oracle_times)
}

/// The kernel's own default configuration.
fn default_configuration(oracle: &Oracle) -> String {
    let scratch = oracle.scratch("bench-default");
    oracle.conf(
        &scratch,
        &["--defconfig=arch/x86/configs/i386_defconfig"],
        &[],
    );
    std::fs::read_to_string(scratch.join(".config")).expect(".config")
}

fn main() {
    let oracle = Oracle::new(TARGET);
    oracle.load();
    let dotconfig = default_configuration(&oracle);
    let memo = oracle.memo();
    let files = DiskTree::new(&oracle.source);
    let load = loader(&oracle, &files, &memo);
    let times = Times::measure(&load, &dotconfig);
    let theirs = time_of_conf(&oracle, &dotconfig);

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
    let (both, what_if) = (median(times.both.clone()), median(what_ifs));
    times.print();
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
