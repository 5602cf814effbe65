//! What a guest's own files say of its RAM.

/// What a guest's own files said of its RAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestMemory {
    /// All that the kernel manages and what of it is free, by sysinfo(2).
    pub sysinfo_kib: Option<(u64, u64)>,
    /// /proc/meminfo; empty where there is no /proc.
    pub meminfo: String,
    /// /proc/zoneinfo; empty where there is no /proc.
    pub zoneinfo: String,
}

/// A value of /proc/meminfo (proc(5)), in KiB.
pub fn meminfo_kib(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name != key {
            return None;
        }
        value.split_whitespace().next()?.parse().ok()
    })
}
