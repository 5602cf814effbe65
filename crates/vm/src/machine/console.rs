//! Finds in the console's text what the kernel says when it is in trouble.
//!
//! The kernel's lines carry no mark on the console but the time stamp that
//! CONFIG_PRINTK_TIME or CONFIG_PRINTK_CALLER put before them, and they follow
//! right behind a prompt or whatever a program left without a line's end. So
//! the texts that nothing else says are looked for anywhere in a line, the
//! others at its start or behind the stamp. A program that prints such a text
//! is taken for the kernel. That is the careful side: a boot with such a line
//! never passes, and the line is shown.

use std::sync::LazyLock;

use regex::Regex;

/// No line is kept longer than this.
const LINE_LIMIT: usize = 4096;

/// So many findings are kept; the first ones tell the cause.
const FINDINGS_LIMIT: usize = 64;

/// What a line of the console means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It explains a failure, but isn't one by itself.
    Hint,
    /// An oops, a BUG, a warning of the kernel's own: the kernel goes on, but
    /// nothing it does can be trusted.
    Oops,
    /// The kernel has stopped.
    Panic,
}

/// A line that means trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it means.
    pub trouble: Trouble,
    /// The line, without its time stamp.
    pub line: String,
}

/// Where in a line a text counts.
#[derive(Clone, Copy, Debug)]
enum LinePart {
    /// At its start or behind the time stamp.
    Start,
    /// Anywhere: nothing else says it.
    Anywhere,
}

/// What the kernel says, and where they are printed (Linux 6.12).
const TROUBLES: &[(Trouble, LinePart, &str)] = &[
    // kernel/panic.c: vpanic()
    (
        Trouble::Panic,
        LinePart::Anywhere,
        r"Kernel panic - not syncing",
    ),
    // arch/x86/kernel/traps.c: exc_double_fault(); doublefault_32.c
    (Trouble::Panic, LinePart::Anywhere, r"PANIC: double fault"),
    // arch/arm/kernel/traps.c: handle_bad_stack()
    (
        Trouble::Panic,
        LinePart::Start,
        r"Insufficient stack space to handle exception",
    ),
    // arch/x86/mm/fault.c: show_fault_oops(); kernel/sched/core.c;
    // kernel/watchdog.c; lib/dump_stack users: "BUG: scheduling while atomic",
    // "BUG: sleeping function called", "BUG: soft lockup", "BUG: Bad page state"
    (Trouble::Oops, LinePart::Anywhere, r"\bBUG: "),
    // lib/bug.c: __report_bug(); arch/arm/kernel/traps.c
    (Trouble::Oops, LinePart::Anywhere, r"[kK]ernel BUG at "),
    // lib/bug.c: CUT_HERE; include/asm-generic/bug.h
    (
        Trouble::Oops,
        LinePart::Anywhere,
        r"------------\[ cut here \]------------",
    ),
    // kernel/panic.c: __warn()
    (Trouble::Oops, LinePart::Anywhere, r"WARNING: CPU: \d"),
    // arch/x86/kernel/dumpstack.c: __die_header(), the trap's name by die():
    // "Oops: invalid opcode: 0000 [#1]", "general protection fault: 0000 [#1]"
    (Trouble::Oops, LinePart::Start, r"Oops: "),
    (
        Trouble::Oops,
        LinePart::Start,
        r".{0,120}: [0-9a-f]{1,8} \[#\d+\]",
    ),
    // arch/x86/kernel/traps.c before 6.11
    (Trouble::Oops, LinePart::Start, r"general protection fault"),
    (Trouble::Oops, LinePart::Start, r"invalid opcode: "),
    // arch/x86/mm/fault.c: pgtable_bad()
    (
        Trouble::Oops,
        LinePart::Start,
        r".{0,40}: Corrupted page table at address ",
    ),
    // kernel/panic.c: print_oops_end_marker()
    (Trouble::Oops, LinePart::Start, r"---\[ end trace "),
    // arch/arm/mm/fault.c: die_kernel_fault(), do_DataAbort(), do_PrefetchAbort();
    // arch/arm64/mm/fault.c: die_kernel_fault(), do_mem_abort()
    (
        Trouble::Oops,
        LinePart::Anywhere,
        r"Unable to handle kernel ",
    ),
    (
        Trouble::Oops,
        LinePart::Start,
        r"Unhandled (fault|prefetch abort): ",
    ),
    // arch/arm/kernel/traps.c: __die(), bad_mode(), __div0(); arch/arm64/kernel/traps.c:
    // __die()
    (
        Trouble::Oops,
        LinePart::Anywhere,
        r"Internal error: .{1,120} \[#\d+\]",
    ),
    (
        Trouble::Oops,
        LinePart::Start,
        r"Bad mode in .{1,40} handler detected",
    ),
    (
        Trouble::Oops,
        LinePart::Start,
        r"Division by zero in kernel",
    ),
    // kernel/hung_task.c, kernel/rcu/tree_stall.h, kernel/watchdog.c
    (
        Trouble::Oops,
        LinePart::Start,
        r"INFO: task .{1,40} blocked for more than ",
    ),
    (
        Trouble::Oops,
        LinePart::Start,
        r"(rcu: )?INFO: .{1,40} (self-)?detected stall",
    ),
    (
        Trouble::Oops,
        LinePart::Start,
        r"Watchdog detected hard LOCKUP",
    ),
    // kernel/irq/spurious.c: __report_bad_irq()
    (Trouble::Hint, LinePart::Start, r"irq \d+: nobody cared"),
    // mm/slub.c, mm/page_alloc.c
    (
        Trouble::Hint,
        LinePart::Start,
        r"SLUB: Unable to allocate memory",
    ),
    (
        Trouble::Hint,
        LinePart::Start,
        r".{1,60}: page allocation failure: order:",
    ),
    // mm/oom_kill.c: dump_header(), __oom_kill_process()
    (
        Trouble::Hint,
        LinePart::Start,
        r".{1,60} invoked oom-killer: ",
    ),
    (
        Trouble::Hint,
        LinePart::Start,
        r"(Out of memory|Memory cgroup out of memory): Killed process ",
    ),
    // arch/x86/mm/fault.c: show_signal_msg()
    (
        Trouble::Hint,
        LinePart::Start,
        r".{1,60}\[\d+\]: segfault at ",
    ),
    // arch/arm64/kernel/traps.c: arm64_show_signal()
    (
        Trouble::Hint,
        LinePart::Start,
        r".{1,60}\[\d+\]: unhandled exception: ",
    ),
    // init/initramfs.c
    (
        Trouble::Hint,
        LinePart::Start,
        r"Initramfs unpacking failed: ",
    ),
    (Trouble::Hint, LinePart::Start, r"INITRD: 0x"),
    // init/main.c, init/do_mounts.c
    (Trouble::Hint, LinePart::Start, r"Failed to execute /"),
    (Trouble::Hint, LinePart::Start, r"check access for rdinit="),
    (
        Trouble::Hint,
        LinePart::Start,
        r"Starting init: .{1,120} exists but couldn't execute it",
    ),
    (
        Trouble::Hint,
        LinePart::Start,
        r"VFS: Cannot open root device ",
    ),
    (
        Trouble::Hint,
        LinePart::Start,
        r"Warning: unable to open an initial console",
    ),
    // guest/agent.c
    (Trouble::Hint, LinePart::Start, r"tuxling-agent: "),
    // BusyBox, shell/ash.c: setjobctl()
    (
        Trouble::Hint,
        LinePart::Start,
        r"(/bin/)?sh: can't access tty",
    ),
];

/// The time and, in brackets too, the task or CPU: kernel/printk/printk.c,
/// info_print_prefix(). Then `traps: `-like prefixes of pr_fmt stay.
const STAMP: &str = r"^(?:\[\s*\d+\.\d{6}\]\s?)?(?:\[\s*[TC]\d+\]\s?)?";

static PATTERNS: LazyLock<Vec<(Trouble, Regex)>> = LazyLock::new(|| {
    TROUBLES
        .iter()
        .filter_map(|(trouble, place, text)| {
            let before = match place {
                LinePart::Start => STAMP,
                LinePart::Anywhere => "",
            };
            let pattern = format!("{before}(?P<line>{text}.*)$");
            // A test holds that each of them compiles.
            Some((*trouble, Regex::new(&pattern).ok()?))
        })
        .collect()
});

/// What one line of the console means, if anything.
pub fn classify(line: &str) -> Option<Finding> {
    PATTERNS.iter().find_map(|(trouble, pattern)| {
        let captures = pattern.captures(line)?;
        Some(Finding {
            trouble: *trouble,
            line: captures.name("line")?.as_str().to_owned(),
        })
    })
}

/// Reads the console as it grows.
#[derive(Debug, Default)]
pub struct Scanner {
    line: Vec<u8>,
    /// Lines that mean trouble, in order; the first ones when there are many.
    pub findings: Vec<Finding>,
}

impl Scanner {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line();
            } else if self.line.len() < LINE_LIMIT {
                self.line.push(byte);
            }
        }
    }

    /// Takes what stands there as a line: the machine has stopped.
    pub fn finish(&mut self) {
        self.end_line();
    }

    /// The first line of this kind.
    pub fn first(&self, trouble: Trouble) -> Option<&Finding> {
        self.findings.iter().find(|f| f.trouble == trouble)
    }

    /// The hints, in order.
    pub fn hints(&self) -> impl Iterator<Item = &str> {
        self.findings
            .iter()
            .filter(|f| f.trouble == Trouble::Hint)
            .map(|f| f.line.as_str())
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if let Some(finding) = classify(&String::from_utf8_lossy(&line)) {
            self.keep(finding);
        }
    }

    /// However many lines there are, the first of each kind is kept.
    fn keep(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_LIMIT || self.first(finding.trouble).is_none() {
            self.findings.push(finding);
        }
    }
}

/// The first oops line that says what happened: the line after the
/// "cut here" mark says more than the mark.
pub fn telling_line(scanner: &Scanner, trouble: Trouble) -> Option<&str> {
    let of_kind = || scanner.findings.iter().filter(|f| f.trouble == trouble);
    of_kind()
        .find(|f| !f.line.starts_with("---"))
        .or_else(|| of_kind().next())
        .map(|f| f.line.as_str())
}

/// The last lines of a console's text that hold anything, for a message.
pub fn last_lines(text: &str, count: usize) -> String {
    let text = text.replace('\r', "");
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trouble(line: &str) -> Option<Trouble> {
        classify(line).map(|f| f.trouble)
    }

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), TROUBLES.len());
    }

    #[test]
    fn the_kernels_own_lines_are_found() {
        let lines = [
            (
                Trouble::Panic,
                "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
            ),
            (
                Trouble::Panic,
                "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
            ),
            (
                Trouble::Panic,
                "Kernel panic - not syncing: No working init found.  Try passing init= option to kernel.",
            ),
            (
                Trouble::Panic,
                "[    1.234567] Kernel panic - not syncing: Fatal exception in interrupt",
            ),
            (
                Trouble::Panic,
                "/ # Kernel panic - not syncing: sysrq triggered crash",
            ),
            (
                Trouble::Oops,
                "BUG: kernel NULL pointer dereference, address: 00000000",
            ),
            (
                Trouble::Oops,
                "BUG: unable to handle page fault for address: c1000000",
            ),
            (Trouble::Oops, "Oops: 0002 [#1]"),
            (Trouble::Oops, "Oops: invalid opcode: 0000 [#1] PREEMPT"),
            (Trouble::Oops, "invalid opcode: 0000 [#1]"),
            (Trouble::Oops, "divide error: 0000 [#1]"),
            (
                Trouble::Oops,
                "[   12.345678][   T23] general protection fault: 0000 [#1]",
            ),
            (Trouble::Oops, "kernel BUG at mm/slub.c:1234!"),
            (Trouble::Oops, "------------[ cut here ]------------"),
            (
                Trouble::Oops,
                "WARNING: CPU: 0 PID: 1 at kernel/workqueue.c:1 0xc1000000",
            ),
            (
                Trouble::Oops,
                "Unable to handle kernel NULL pointer dereference at virtual address 00000000 when read",
            ),
            (Trouble::Oops, "Internal error: Oops: 17 [#1] ARM"),
            (
                Trouble::Oops,
                "Unhandled fault: external abort on non-linefetch (0x008) at 0xc8800000",
            ),
            (
                Trouble::Oops,
                "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]",
            ),
            (
                Trouble::Oops,
                "rcu: INFO: rcu_sched self-detected stall on CPU",
            ),
            (
                Trouble::Hint,
                "Initramfs unpacking failed: XZ-compressed data is corrupt",
            ),
            (
                Trouble::Hint,
                "tuxling-agent: can't open the checks' channel: No such device or address",
            ),
        ];
        for (expected, line) in lines {
            assert_eq!(trouble(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn an_ordinary_boot_has_no_finding() {
        for line in [
            "Linux version 6.12.117 (tuxling@tuxling) (gcc) #1",
            "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
            "Kernel command line: console=ttyS0 panic=-1 oops=panic",
            "x86/fpu: x87 FPU will use FXSAVE",
            "Run /init as init process",
            "printk: legacy console [ttyS0] enabled",
            "a program that says: Oops: I did it again",
            "DEBUG: on",
            "e1000 0000:00:03.0 eth0: (PCI:33MHz:32-bit) 52:54:00:12:34:56",
        ] {
            assert_eq!(trouble(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_is_found_across_pieces_and_without_its_end() {
        let mut scanner = Scanner::default();
        scanner.push(b"hello\r\nKernel pa");
        scanner.push(b"nic - not syncing: x\r\nBUG: y");
        assert_eq!(scanner.findings.len(), 1);
        scanner.finish();
        assert_eq!(
            scanner.first(Trouble::Oops).map(|f| f.line.as_str()),
            Some("BUG: y")
        );
    }

    #[test]
    fn the_first_of_each_kind_is_kept_among_very_many() {
        let mut scanner = Scanner::default();
        scanner.push("BUG: again\n".repeat(10_000).as_bytes());
        scanner.push(b"Kernel panic - not syncing: x\n");
        assert!(scanner.first(Trouble::Panic).is_some());
        assert!(scanner.findings.len() <= FINDINGS_LIMIT + 2);
    }

    #[test]
    fn the_telling_line_is_not_the_mark() {
        let mut scanner = Scanner::default();
        scanner.push(b"------------[ cut here ]------------\nkernel BUG at a.c:1!\n");
        assert_eq!(
            telling_line(&scanner, Trouble::Oops),
            Some("kernel BUG at a.c:1!")
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes: Vec<u8>) {
            let mut scanner = Scanner::default();
            scanner.push(&bytes);
            scanner.finish();
        }
    }
}
