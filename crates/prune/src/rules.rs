//! What `balanced` keeps although it never ran, with the reason. Each rule names
//! functions; what they call by name stays with them. docs/prune.md has the
//! same table for people.

use std::collections::BTreeSet;

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, as certificates have it.
    pub name: &'static str,
    /// Why such a system needs it.
    pub reason: &'static str,
    /// The functions: names, or `OBJECT:NAME`, with `*` for any letters.
    pub functions: &'static [&'static str],
}

/// A pattern of functions' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    object: Option<Glob>,
    name: Glob,
}

/// A text in which `*` stands for any letters.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Glob {
    /// Without a star: this text alone.
    Exact(String),
    /// What stands before the first star, between the stars in this order, and
    /// behind the last one.
    Starred {
        first: String,
        between: Vec<String>,
        last: String,
    },
}

/// A rule's patterns, ready to be asked about every function of a kernel.
#[derive(Debug)]
pub struct Patterns(Vec<Pattern>);

/// What the system calls that the user land can make need: not a list of
/// names, but read from its programs.
pub const SYSTEM_CALLS: &str = "system calls";

/// What stands in the same table of functions as one that ran, such as the
/// operations of a socket, a file, a clock: not a list of names, but read from
/// the kernel's data.
pub const TABLES: &str = "tables";

/// The rule that the driver of the recipe's card belongs to.
pub const LINKS: &str = "links";

/// Functions of which at `tight`, too, no parts go, and whatever of them those
/// that ran call by name or hand over stays: which of them run is decided by
/// timing, and the next boot may be the first to come to one.
pub static TIMING: Rule = Rule {
    name: "timing",
    reason: "tasks wait for each other, timers come late, packets together or apart, \
             keys one by one or at once, pages are there or still to be read, \
             Ctrl-C ends a program wherever it is, \
             stacks lie where chance puts them",
    functions: &[
        "kernel/sched/*:*",
        "kernel/time/*:*",
        "kernel/locking/*:*",
        "kernel/rcu/*:*",
        "kernel/workqueue.o:*",
        "kernel/softirq.o:*",
        "arch/*/kernel/irq*.o:*",
        // How the timer's interrupt comes in is tried out against the clock.
        "arch/x86/kernel/apic/*:*",
        "arch/x86/kernel/i8259.o:*",
        // The same, which program's registers are whose, and when numbers of
        // address spaces run out.
        "drivers/irqchip/irq-gic*.o:*",
        "arch/arm64/kernel/entry-common.o:*",
        "arch/arm64/kernel/fpsimd.o:*",
        "arch/arm64/mm/context.o:*",
        "lib/rbtree.o:*",
        // Tables are sorted as the kernel boots: the way depends on what is left
        // of them.
        "lib/sort.o:*",
        "lib/timerqueue.o:*",
        "mm/mremap.o:*",
        "mm/vmalloc.o:*",
        "net/core/sock.o:*",
        "net/core/stream.o:*",
        "net/ipv4/tcp*:*",
        // Who closes a connection first.
        "net/ipv4/inet_connection_sock.o:*",
        "net/ipv4/inet_timewait_sock.o:*",
        "net/ipv4/inet_hashtables.o:*",
        "net/core/skbuff.o:*",
        // Whether a route or a neighbour has gone when a packet is to go out.
        "net/ipv4/ip_output.o:*",
        "net/core/neighbour.o:*",
        "net/core/gro.o:*",
        "drivers/tty/*:*",
        "mm/filemap.o:*",
        "mm/memory.o:*",
        "mm/gup.o:*",
        "kernel/signal.o:*",
        "kernel/exit.o:*",
        "kernel/fork.o:*",
        "fs/exec.o:*",
        "fs/binfmt_*:*",
        "fs/pipe.o:*",
        "fs/select.o:*",
        "net/ipv4/route.o:*",
        "net/ipv4/*frag*:*",
        "net/ipv4/icmp.o:*",
        "lib/rhashtable.o:*",
        "net/sched/*:*",
        "kernel/cred.o:*",
        "lib/maple_tree.o:*",
        "lib/math/*:*",
    ],
};

/// What CPUs do to each other, where there may be several. At `balanced` all of it
/// stays, at `tight` as with [`TIMING`].
pub static CPUS: Rule = Rule {
    name: "cpus",
    reason: "CPUs come and go, one asks another to do something or waits for it, tasks move, \
             what each counts is summed",
    functions: &[
        "kernel/cpu.o:*",
        "kernel/smp*.o:*",
        "kernel/stop_machine.o:*",
        "kernel/irq_work.o:*",
        "arch/*/kernel/smp*.o:*",
        "arch/x86/kernel/apic/*:*",
        "arch/x86/mm/tlb.o:*",
        "arch/x86/realmode/*:*",
        "lib/cpumask*.o:*",
        "lib/percpu*.o:*",
        "lib/llist.o:*",
        "lib/lockref.o:*",
    ],
};

/// The same as [`TIMING`] where there may be several CPUs: each of them may change
/// what another is about to change, which then begins again or goes another way.
pub static RACES: Rule = Rule {
    name: "races",
    reason: "two CPUs change the same thing",
    functions: &[
        "arch/*/kernel/cpu/*:*",
        "arch/x86/kernel/alternative.o:*",
        "arch/x86/kernel/nmi*.o:*",
        "arch/x86/kernel/tsc*.o:*",
        "drivers/base/cpu*.o:*",
        "drivers/char/random.o:*",
        "drivers/virtio/virtio_ring.o:*",
        "fs/dcache.o:*",
        "fs/file*.o:*",
        "fs/inode.o:*",
        "fs/namei.o:*",
        "fs/namespace.o:*",
        "kernel/irq/*:*",
        "kernel/kthread.o:*",
        "kernel/pid.o:*",
        "lib/flex_proportions.o:*",
        "lib/refcount.o:*",
        "mm/mm*.o:*",
        "mm/page-writeback.o:*",
        "mm/page_alloc.o:*",
        "mm/percpu*.o:*",
        "mm/rmap.o:*",
        "mm/slab_common.o:*",
        "mm/slub.o:*",
        "mm/swap.o:*",
        "mm/vma*.o:*",
        "mm/vmscan.o:*",
        "mm/vmstat.o:*",
        "net/core/dev*.o:*",
        "net/core/dst*.o:*",
        "net/packet/*:*",
    ],
};

/// What at `tight`, too, stays wherever something that stays calls it by name, with
/// all of these that it calls in turn: who finds a lock taken waits for it and is
/// woken, and which lock that is, and when, is decided by timing alone.
pub static LOCKS: Rule = Rule {
    name: "locks",
    reason: "a lock is taken when another task or an interrupt has been quicker",
    functions: &[
        "kernel/locking/*:*",
        "kernel/sched/wait*:*",
        "kernel/sched/swait*:*",
        "kernel/sched/completion*:*",
        "wake_q_*",
        "wake_up_q",
        "wake_up_process",
        "try_to_wake_up*",
        "ttwu_*",
        "put_task_struct*",
        "signal_pending_state*",
        "schedule_preempt_disabled",
    ],
};

/// The rules.
pub static RULES: &[Rule] = &[
    Rule {
        name: "signals",
        reason: "any process may be killed, stopped or told, by anyone, at any time",
        functions: &[
            "do_send_sig_info",
            "get_signal",
            "arch_do_signal_or_restart",
            "do_work_pending",
            "do_notify_resume",
            "send_sig*",
            "force_sig*",
            "do_group_exit",
            "do_notify_parent*",
            "do_signal_stop",
        ],
    },
    Rule {
        name: "faults",
        reason: "programs touch what isn't there, grow their stacks, divide by zero",
        functions: &[
            "exc_*",
            "do_page_fault",
            "do_DataAbort",
            "do_PrefetchAbort",
            "do_undefinstr",
            "arch/arm64/kernel/entry-common.o:*",
            "arch/arm64/kernel/fpsimd.o:*",
            "arch/arm64/kernel/traps.o:*",
            "arch/arm64/mm/fault.o:*",
            "handle_mm_fault",
            "expand_stack*",
            "bad_area*",
            "fixup_exception",
        ],
    },
    Rule {
        name: "memory",
        reason: "memory runs short: pages are reclaimed, a process is ended, the system goes on",
        functions: &[
            "out_of_memory",
            "__alloc_pages_slowpath*",
            "try_to_free_pages",
            "shrink_*",
            "kswapd*",
            "oom_*",
            "__oom_*",
            "pagefault_out_of_memory",
        ],
    },
    Rule {
        name: "interrupts",
        reason: "an interrupt comes whose device nobody asked, or comes late",
        functions: &[
            "handle_*_irq",
            "note_interrupt",
            "__report_bad_irq",
            "common_interrupt",
            "asm_exc_*",
            "do_IRQ",
            "irq_*",
            "tasklet_*",
        ],
    },
    Rule {
        name: "time",
        reason: "clocks drift, stand still and are set; timers fire early and late",
        functions: &[
            "clocksource_*",
            "__clocksource_*",
            "tsc_*",
            "timekeeping_*",
            "hrtimer_*",
            "tick_*",
            "run_timer_softirq",
            "ntp_*",
            "second_overflow",
        ],
    },
    Rule {
        name: "random",
        reason: "the random number generator becomes ready late, and tells who waits for it",
        functions: &[
            "drivers/char/random.o:*",
            "lib/vsprintf.o:fill_ptr_key",
            "lib/vsprintf.o:enable_ptr_key_workfn",
        ],
    },
    Rule {
        name: "scheduling",
        reason: "more tasks than in any check; each may wait for any other",
        functions: &[
            "schedule*",
            "try_to_wake_up",
            "kernel/sched/*:*",
            "kernel/locking/*:*",
            "kernel/workqueue.o:*",
            "kthread_*",
        ],
    },
    Rule {
        name: "network",
        reason: "whoever is on the wire sends whatever they like",
        functions: &[
            "__netif_receive_skb*",
            "ip_rcv*",
            "ip_local_deliver*",
            "ip_defrag",
            "net/ipv4/*frag*:*",
            "net/ipv6/reassembly.o:*",
            "lib/rhashtable.o:*",
            "icmp_rcv",
            "icmp_send",
            "__icmp_send",
            "tcp_v4_*",
            "tcp_rcv_*",
            "tcp_*timer*",
            "tcp_reset",
            "udp_*",
            "arp_*",
            "neigh_*",
            "net/ipv4/tcp*:*",
            "net/core/gro.o:*",
            "*_gro_receive*",
            "*_gro_complete*",
            "net/ipv4/*:*_rcv",
            "net/ipv4/*:*_err",
            "net/ipv4/route.o:ip*",
            "dst_discard*",
            "inet_csk_*",
            "net/*:pskb_may_pull*",
            "noop_*queue",
            "packet_rcv*",
            "tpacket_rcv",
        ],
    },
    // With the functions of the recipe's own card.
    Rule {
        name: LINKS,
        reason: "cables are pulled and put back, cards report errors",
        functions: &["dev_watchdog", "linkwatch_*", "netif_carrier_*"],
    },
    Rule {
        name: "restart",
        reason: "the system must be able to end",
        functions: &[
            "kernel_restart",
            "kernel_power_off",
            "kernel_halt",
            "machine_*",
            "panic",
            "vpanic",
            "emergency_restart",
            "ctrl_alt_del",
        ],
    },
    Rule {
        name: "files",
        reason: "what is behind the ordinary calls of any program, with their errors",
        functions: &[
            "fs/ramfs/*:*",
            "fs/pipe.o:*",
            "fs/proc/*:*",
            "fs/open.o:*",
            "fs/read_write.o:*",
            "fs/readdir.o:*",
            "fs/namei.o:*",
            "fs/libfs.o:*",
            "drivers/char/mem.o:*",
        ],
    },
    Rule {
        name: "console",
        reason: "somebody types, and the line has errors",
        functions: &["n_tty_*", "tty_*", "uart_*", "drivers/tty/*:*"],
    },
    Rule {
        name: "oops",
        reason: "a bug of the kernel's own is told and ends the process or the machine",
        functions: &["die", "oops_*", "__warn*", "report_bug", "show_regs*"],
    },
];

/// The rules of `balanced` that name a function, by their names. `card` are the
/// objects that drive the recipe's card.
pub fn naming(card: &BTreeSet<String>, object: &str, symbol: &str) -> Vec<&'static str> {
    let names = |rule: &&Rule| {
        let drives = rule.name == LINKS && card.contains(object);
        drives || rule.patterns().fits(object, symbol)
    };
    RULES.iter().filter(names).map(|rule| rule.name).collect()
}

impl Rule {
    /// Its patterns.
    pub fn patterns(&self) -> Patterns {
        Patterns(
            self.functions
                .iter()
                .map(|text| Pattern::new(text))
                .collect(),
        )
    }
}

impl Patterns {
    /// Whether one of them names a function.
    pub fn fits(&self, object: &str, symbol: &str) -> bool {
        self.0.iter().any(|pattern| pattern.fits(object, symbol))
    }
}

impl Pattern {
    /// From `NAME` or `OBJECT:NAME`.
    pub fn new(text: &str) -> Pattern {
        let (object, name) = match text.split_once(':') {
            Some((object, name)) => (Some(object), name),
            None => (None, text),
        };
        Pattern {
            object: object.map(Glob::new),
            name: Glob::new(name),
        }
    }

    /// Whether it names this function.
    pub fn fits(&self, object: &str, name: &str) -> bool {
        self.name.fits(name) && self.object.as_ref().is_none_or(|o| o.fits(object))
    }
}

impl Glob {
    fn new(text: &str) -> Glob {
        let mut parts = text.split('*').map(str::to_owned);
        let first = parts.next().unwrap_or_default();
        let mut between: Vec<String> = parts.collect();
        match between.pop() {
            None => Glob::Exact(first),
            Some(last) => Glob::Starred {
                first,
                between,
                last,
            },
        }
    }

    /// Whether a text is what it says.
    fn fits(&self, text: &str) -> bool {
        let (first, between, last) = match self {
            Glob::Exact(whole) => return text == whole,
            Glob::Starred {
                first,
                between,
                last,
            } => (first, between, last),
        };
        let Some(mut text) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in between {
            match text.find(part.as_str()) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        text.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a pattern means, letter by letter.
    fn means(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|at| means(rest, &text[at..])),
            ([one, pattern @ ..], [other, text @ ..]) if one == other => means(pattern, text),
            _ => false,
        }
    }

    #[test]
    fn a_star_stands_for_any_letters() {
        for (pattern, text, fits) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*sig*", "sys_sigaction", true),
            ("ab*b", "ab", false),
            ("*", "", true),
            ("abc", "abcd", false),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_may_name_the_object() {
        let pattern = Pattern::new("fs/proc/*:*_show");
        assert!(pattern.fits("fs/proc/stat.o", "stat_show"));
        assert!(!pattern.fits("mm/slab.o", "stat_show"));
    }

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_reason() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(!rule.reason.is_empty() && !rule.functions.is_empty());
            assert!(RULES[..at].iter().all(|other| other.name != rule.name));
        }
    }

    proptest! {
        #[test]
        fn a_compiled_pattern_fits_what_it_means(
            pattern in "[ab*]{0,8}(:[ab*]{0,8})?", object in "[ab]{0,10}", name in "[ab]{0,10}",
        ) {
            let (in_object, named) = pattern.split_once(':').unwrap_or(("*", &pattern));
            let expected = means(in_object.as_bytes(), object.as_bytes())
                && means(named.as_bytes(), name.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern).fits(&object, &name), expected);
        }
    }
}
