//! Words of the command line that the kernel has no code for.

use record::Diagnosis;

use super::{Known, diagnosis};

/// init/main.c, print_unknown_bootoptions().
const UNKNOWN: &str = "Unknown kernel command line parameters \"";

/// Parameters and the options that bring their code in: Documentation/
/// admin-guide/kernel-parameters.txt, and the `__setup()` lines of Linux 6.12.
const PARAMETERS: &[(&str, &str)] = &[
    ("acpi", "ACPI"),
    ("apparmor", "SECURITY_APPARMOR"),
    ("apic", "X86_LOCAL_APIC"),
    ("audit", "AUDIT"),
    ("cgroup_disable", "CGROUPS"),
    ("cgroup_enable", "CGROUPS"),
    ("cgroup_no_v1", "CGROUPS"),
    ("cma", "CMA"),
    ("cpuidle", "CPU_IDLE"),
    ("crashkernel", "CRASH_RESERVE"),
    ("debug_pagealloc", "DEBUG_PAGEALLOC"),
    ("default_hugepagesz", "HUGETLBFS"),
    ("earlycon", "SERIAL_EARLYCON"),
    ("earlyprintk", "EARLY_PRINTK"),
    ("efi", "EFI"),
    ("elevator", "BLOCK"),
    ("fbcon", "FRAMEBUFFER_CONSOLE"),
    ("ftrace", "TRACING"),
    ("hugepages", "HUGETLBFS"),
    ("hugepagesz", "HUGETLBFS"),
    ("initcall_blacklist", "KALLSYMS"),
    ("initrd", "BLK_DEV_INITRD"),
    ("initrdmem", "BLK_DEV_INITRD"),
    ("ip", "IP_PNP"),
    ("isolcpus", "CPU_ISOLATION"),
    ("kgdboc", "KGDB_SERIAL_CONSOLE"),
    ("kgdbwait", "KGDB"),
    ("kprobe_event", "KPROBE_EVENTS"),
    ("lapic", "X86_LOCAL_APIC"),
    ("lockdown", "SECURITY_LOCKDOWN_LSM"),
    ("lsm", "SECURITY"),
    ("maxcpus", "SMP"),
    ("md", "MD_AUTODETECT"),
    ("mtdparts", "MTD_CMDLINE_PARTS"),
    ("netconsole", "NETCONSOLE"),
    ("nfsaddrs", "IP_PNP"),
    ("nfsroot", "ROOT_NFS"),
    ("nfsrootdebug", "ROOT_NFS"),
    ("nmi_watchdog", "HARDLOCKUP_DETECTOR"),
    ("noapic", "X86_IO_APIC"),
    ("nohz", "NO_HZ_COMMON"),
    ("nohz_full", "NO_HZ_FULL"),
    ("noinitrd", "BLK_DEV_INITRD"),
    ("nolapic", "X86_LOCAL_APIC"),
    ("nopti", "MITIGATION_PAGE_TABLE_ISOLATION"),
    ("noresume", "HIBERNATION"),
    ("nosmp", "SMP"),
    ("nosoftlockup", "SOFTLOCKUP_DETECTOR"),
    ("nr_cpus", "SMP"),
    ("pci", "PCI"),
    ("prompt_ramdisk", "BLK_DEV_RAM"),
    ("psi", "PSI"),
    ("pti", "MITIGATION_PAGE_TABLE_ISOLATION"),
    ("raid", "MD_AUTODETECT"),
    ("ramdisk_size", "BLK_DEV_RAM"),
    ("ramdisk_start", "BLK_DEV_RAM"),
    ("rcu_nocbs", "RCU_NOCB_CPU"),
    ("resume", "HIBERNATION"),
    ("resumedelay", "HIBERNATION"),
    ("resumewait", "HIBERNATION"),
    ("retain_initrd", "BLK_DEV_INITRD"),
    ("security", "SECURITY"),
    ("selinux", "SECURITY_SELINUX"),
    ("slub_debug", "SLUB_DEBUG"),
    ("slab_debug", "SLUB_DEBUG"),
    ("softlockup_panic", "SOFTLOCKUP_DETECTOR"),
    ("swapaccount", "MEMCG"),
    ("sysrq_always_enabled", "MAGIC_SYSRQ"),
    ("trace_buf_size", "TRACING"),
    ("trace_event", "EVENT_TRACING"),
    ("transparent_hugepage", "TRANSPARENT_HUGEPAGE"),
    ("video", "VIDEO_CMDLINE"),
    ("zswap", "ZSWAP"),
];

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let lines = known.console.lines();
    let Some((line, listed)) = lines.into_iter().find_map(|line| {
        let at = line.find(UNKNOWN)?;
        Some((line.trim(), line[at + UNKNOWN.len()..].split('"').next()?))
    }) else {
        return Vec::new();
    };
    let words = listed.split_whitespace();
    words
        .filter_map(|word| unknown(known, word, line))
        .collect()
}

fn unknown(known: &Known<'_>, word: &str, line: &str) -> Option<Diagnosis> {
    let name = word.split('=').next().unwrap_or(word);
    let (_, symbol) = PARAMETERS.iter().find(|(known, _)| *known == name)?;
    // With the option the kernel would know the word: then it has another cause.
    if known.on(symbol) {
        return None;
    }
    let equals = if word.contains('=') { "=" } else { "" };
    let mut mend = format!("ask for CONFIG_{symbol}=y in [kernel]");
    if name == "ip" && asks_a_server(word) {
        mend.push_str(" and CONFIG_IP_PNP_DHCP=y");
    }
    Some(diagnosis(
        "parameter-without-support",
        format!("the kernel has no CONFIG_{symbol}, so {name}{equals} does nothing"),
        [format!("the console: {line}"), known.setting(symbol)],
        format!("{mend}, or take {name}{equals} out of kernel.cmdline"),
    ))
}

/// Whether `ip=` asks for DHCP (Documentation/admin-guide/nfs/nfsroot.rst).
fn asks_a_server(word: &str) -> bool {
    let value = word.strip_prefix("ip=").unwrap_or_default();
    let auto = value.split(':').nth(6).unwrap_or(value);
    matches!(auto, "dhcp" | "on" | "any" | "both")
}
