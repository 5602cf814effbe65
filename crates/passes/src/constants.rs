//! Numbers, choices and switches whose good value is known before anything is
//! searched. Each is one change; all of them together make the first trial.

use std::time::Duration;

use kconfig::Configuration;

use super::{CONSTANTS, Edit, Way, request};
use farm::fixed::Fixed;

/// An option and the values to be tried, the mildest first.
struct Constant {
    symbol: &'static str,
    values: &'static [&'static str],
    why: &'static str,
    /// Whether it wins RAM alone. Every constant may compile all files again,
    /// so it is not tried where the image is what counts.
    ram_only: bool,
}

const KNOWN: &[Constant] = &[
    Constant {
        symbol: "EXPERT",
        values: &["y"],
        why: "opens the options for small systems",
        ram_only: false,
    },
    Constant {
        symbol: "CC_OPTIMIZE_FOR_SIZE",
        values: &["y"],
        why: "the compiler prefers small code",
        ram_only: false,
    },
    Constant {
        symbol: "SLUB_TINY",
        values: &["y"],
        why: "the allocator without its fast paths",
        ram_only: false,
    },
    Constant {
        symbol: "BASE_SMALL",
        values: &["y"],
        why: "small hash tables and buffers",
        ram_only: false,
    },
    Constant {
        symbol: "LOG_BUF_SHIFT",
        values: &["15", "14", "13", "12"],
        why: "RAM of the log buffer, as a power of two",
        ram_only: true,
    },
    Constant {
        symbol: "PHYSICAL_START",
        values: &["0x400000", "0x100000"],
        why: "RAM below the kernel",
        ram_only: true,
    },
    Constant {
        symbol: "PREEMPT_NONE",
        values: &["y"],
        why: "the kernel's own work is not interrupted",
        ram_only: false,
    },
    Constant {
        symbol: "NOHIGHMEM",
        values: &["y"],
        why: "no memory beyond what the kernel maps at all times",
        ram_only: false,
    },
    Constant {
        symbol: "HZ_PERIODIC",
        values: &["y"],
        why: "the timer ticks always",
        ram_only: false,
    },
    Constant {
        symbol: "UNWINDER_GUESS",
        values: &["y"],
        why: "traces of calls are guessed, without frame pointers or tables",
        ram_only: false,
    },
    Constant {
        symbol: "PROCESSOR_SELECT",
        values: &["y"],
        why: "opens the makers of processors",
        ram_only: false,
    },
    Constant {
        symbol: "INIT_STACK_NONE",
        values: &["y"],
        why: "variables on the stack are not cleared",
        ram_only: false,
    },
    Constant {
        symbol: "DEBUG_INFO_NONE",
        values: &["y"],
        why: "nothing for a debugger",
        ram_only: false,
    },
];

/// Options besides that make a kernel smaller by being on.
const HELPFUL: &[&str] = &[
    "EMBEDDED",
    "LD_DEAD_CODE_DATA_ELIMINATION",
    "TRIM_UNUSED_KSYMS",
];

/// Whether an option makes a kernel smaller by being on: nobody gains by turning
/// it off.
pub fn helps(symbol: &str) -> bool {
    let known = |constant: &Constant| constant.symbol == symbol && constant.values == ["y"];
    KNOWN.iter().any(known) || HELPFUL.contains(&symbol)
}

/// The changes of constants that a configuration allows; those that win RAM
/// alone where `ram` counts. They are carried out in it: what they open comes
/// next.
pub fn ways(configuration: &mut Configuration<'_>, fixed: &Fixed, ram: bool) -> Vec<Way> {
    KNOWN
        .iter()
        .filter(|constant| ram || !constant.ram_only)
        .filter_map(|constant| way(constant, configuration, fixed))
        .collect()
}

fn way(constant: &Constant, configuration: &mut Configuration<'_>, fixed: &Fixed) -> Option<Way> {
    let symbol = configuration.tree().find(constant.symbol)?;
    let now = number(configuration.value(symbol));
    let mut edits = Vec::new();
    let mut last = None;
    for value in constant.values {
        // A number is only made smaller.
        if let (Some(now), Some(new)) = (now, number(value))
            && new >= now
        {
            continue;
        }
        let tree = configuration.tree();
        let Ok(asked) = tree.request(constant.symbol, value) else {
            continue;
        };
        let changes = configuration.what_if(std::slice::from_ref(&asked));
        let stays = |change: &kconfig::Change| fixed.has(&tree.symbol(change.symbol).name);
        let is_had = changes.iter().any(|change| change.symbol == symbol);
        if is_had && !changes.iter().any(stays) {
            edits.push(Edit::Options(vec![request(constant.symbol, value)]));
            last = Some(asked);
        }
    }
    configuration.set(last.as_slice());
    (!edits.is_empty()).then(|| Way {
        key: format!("CONFIG_{}", constant.symbol),
        label: format!("{}: {}", constant.symbol, constant.why),
        group: CONSTANTS,
        edits,
        gain_bytes: 1024,
        trial_time: Duration::from_secs(120),
        risk: Some(0.02),
    })
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::helps;

    #[test]
    fn what_makes_a_kernel_small_is_not_turned_off() {
        for symbol in ["SLUB_TINY", "BASE_SMALL", "EXPERT", "EMBEDDED"] {
            assert!(helps(symbol), "{symbol}");
        }
        for symbol in ["LOG_BUF_SHIFT", "PRINTK", "UNIX"] {
            assert!(!helps(symbol), "{symbol}");
        }
    }
}
