//! System calls and families of sockets that the kernel has not got, by the errno
//! that a program tells.

use record::Diagnosis;

use super::{Known, diagnosis};

/// Calls that an option takes away, by the names that programs tell (ENOSYS):
/// `cond_syscall` of kernel/sys_ni.c and the options around their files.
const CALLS: &[(&str, &str)] = &[
    ("add_key", "KEYS"),
    ("accept", "NET"),
    ("bind", "NET"),
    ("bpf", "BPF_SYSCALL"),
    ("chown16", "UID16"),
    ("delete_module", "MODULES"),
    ("epoll_create", "EPOLL"),
    ("epoll_create1", "EPOLL"),
    ("epoll_ctl", "EPOLL"),
    ("epoll_wait", "EPOLL"),
    ("eventfd", "EVENTFD"),
    ("eventfd2", "EVENTFD"),
    ("fadvise64", "ADVISE_SYSCALLS"),
    ("fanotify_init", "FANOTIFY"),
    ("finit_module", "MODULES"),
    ("flock", "FILE_LOCKING"),
    ("futex", "FUTEX"),
    ("init_module", "MODULES"),
    ("inotify_add_watch", "INOTIFY_USER"),
    ("inotify_init", "INOTIFY_USER"),
    ("inotify_init1", "INOTIFY_USER"),
    ("io_setup", "AIO"),
    ("io_submit", "AIO"),
    ("io_uring_setup", "IO_URING"),
    ("ioperm", "X86_IOPL_IOPERM"),
    ("iopl", "X86_IOPL_IOPERM"),
    ("kcmp", "KCMP"),
    ("kexec_load", "KEXEC"),
    ("keyctl", "KEYS"),
    ("klogctl", "PRINTK"),
    ("landlock_create_ruleset", "SECURITY_LANDLOCK"),
    ("listen", "NET"),
    ("madvise", "ADVISE_SYSCALLS"),
    ("membarrier", "MEMBARRIER"),
    ("memfd_create", "MEMFD_CREATE"),
    ("memfd_secret", "SECRETMEM"),
    ("modify_ldt", "MODIFY_LDT_SYSCALL"),
    ("mq_open", "POSIX_MQUEUE"),
    ("msgget", "SYSVIPC"),
    ("name_to_handle_at", "FHANDLE"),
    ("open_by_handle_at", "FHANDLE"),
    ("perf_event_open", "PERF_EVENTS"),
    ("process_vm_readv", "CROSS_MEMORY_ATTACH"),
    ("process_vm_writev", "CROSS_MEMORY_ATTACH"),
    ("quotactl", "QUOTACTL"),
    ("request_key", "KEYS"),
    ("rseq", "RSEQ"),
    ("seccomp", "SECCOMP"),
    ("semget", "SYSVIPC"),
    ("setgid", "MULTIUSER"),
    ("setgroups", "MULTIUSER"),
    ("setitimer", "POSIX_TIMERS"),
    ("setresuid", "MULTIUSER"),
    ("setuid", "MULTIUSER"),
    ("shmat", "SYSVIPC"),
    ("shmget", "SYSVIPC"),
    ("signalfd", "SIGNALFD"),
    ("signalfd4", "SIGNALFD"),
    ("socket", "NET"),
    ("socketpair", "NET"),
    ("swapoff", "SWAP"),
    ("swapon", "SWAP"),
    ("sysfs", "SYSFS_SYSCALL"),
    ("timer_create", "POSIX_TIMERS"),
    ("timerfd_create", "TIMERFD"),
    ("userfaultfd", "USERFAULTFD"),
    ("vm86", "VM86"),
];

/// Programs that make one such call and name themselves only.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("dmesg", "klogctl", "PRINTK"),
    ("insmod", "init_module", "MODULES"),
    ("ipcs", "shmctl", "SYSVIPC"),
    ("modprobe", "init_module", "MODULES"),
    ("swapon", "swapon", "SWAP"),
    ("udhcpc", "socket", "NET"),
    ("wget", "socket", "NET"),
    ("ping", "socket", "NET"),
    ("ifconfig", "socket", "NET"),
    ("route", "socket", "NET"),
];

/// Families of sockets by what a line names (EAFNOSUPPORT): AF_… or the program.
const FAMILIES: &[(&str, &str, &str)] = &[
    ("AF_INET6", "IPv6", "IPV6"),
    ("AF_UNIX", "Unix sockets", "UNIX"),
    ("AF_LOCAL", "Unix sockets", "UNIX"),
    ("AF_PACKET", "packet sockets", "PACKET"),
    ("AF_NETLINK", "netlink", "NET"),
    (
        "AF_ALG",
        "the kernel's ciphers as sockets",
        "CRYPTO_USER_API",
    ),
    ("AF_VSOCK", "vsock", "VSOCKETS"),
    ("AF_BLUETOOTH", "Bluetooth", "BT"),
    ("AF_CAN", "CAN", "CAN"),
    ("AF_INET", "IPv4", "INET"),
    ("arping: ", "packet sockets", "PACKET"),
    ("udhcpc6: ", "IPv6", "IPV6"),
    ("udhcpc: ", "packet sockets", "PACKET"),
    ("udhcpd: ", "packet sockets", "PACKET"),
    ("zcip: ", "packet sockets", "PACKET"),
    ("tcpdump: ", "packet sockets", "PACKET"),
    ("ping6: ", "IPv6", "IPV6"),
    ("traceroute6: ", "IPv6", "IPV6"),
    ("syslogd: ", "Unix sockets", "UNIX"),
    ("logger: ", "Unix sockets", "UNIX"),
    ("dbus", "Unix sockets", "UNIX"),
    ("/dev/log", "Unix sockets", "UNIX"),
    ("ifconfig: ", "IPv4", "INET"),
    ("route: ", "IPv4", "INET"),
    ("ping: ", "IPv4", "INET"),
    ("wget: ", "IPv4", "INET"),
    ("telnet: ", "IPv4", "INET"),
    ("nc: ", "IPv4", "INET"),
    ("ntpd: ", "IPv4", "INET"),
    ("httpd: ", "IPv4", "INET"),
    ("dropbear", "IPv4", "INET"),
];

pub(super) fn diagnose(known: &Known<'_>) -> Vec<Diagnosis> {
    let mut all: Vec<Diagnosis> = Vec::new();
    for (who, line) in known.printed() {
        let told = call(known, line).or_else(|| family(known, line));
        let Some((id, cause, symbol)) = told else {
            continue;
        };
        if all.iter().any(|one| one.cause == cause) {
            continue;
        }
        let evidence = [format!("{who}: {}", line.trim()), known.setting(symbol)];
        let mend = format!("ask for CONFIG_{symbol}=y in [kernel]");
        all.push(diagnosis(id, cause, evidence, mend));
    }
    all
}

type Told = (&'static str, String, &'static str);

fn call(known: &Known<'_>, line: &str) -> Option<Told> {
    let before = line.split("Function not implemented").next()?;
    if before.len() == line.len() {
        return None;
    }
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let words: Vec<&str> = before.split(word).filter(|word| !word.is_empty()).collect();
    // The call's name stands last, behind the program's.
    let named = words.iter().rev().find_map(|word| {
        let (call, symbol) = CALLS.iter().find(|(call, _)| call == word)?;
        Some((*call, *symbol))
    });
    let by_program = || {
        let (_, call, symbol) = PROGRAMS.iter().find(|(name, ..)| words.contains(name))?;
        Some((*call, *symbol))
    };
    let (call, symbol) = named.or_else(by_program)?;
    let cause = format!("a program needs {call}(2), which the kernel doesn't have");
    (!known.on(symbol)).then_some(("call-not-configured", cause, symbol))
}

fn family(known: &Known<'_>, line: &str) -> Option<Told> {
    const UNSUPPORTED: &[&str] = &[
        "Address family not supported by protocol",
        "Address family not supported",
    ];
    if !UNSUPPORTED.iter().any(|text| line.contains(text)) {
        return None;
    }
    let (_, name, symbol) = FAMILIES.iter().find(|(text, ..)| line.contains(text))?;
    let cause = format!("a program needs {name}, which the kernel doesn't have");
    (!known.on(symbol)).then_some(("family-not-configured", cause, symbol))
}
