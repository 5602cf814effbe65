//! What no check would miss and nothing may remove: protection of memory,
//! mitigations of processor bugs, hardening, users, seccomp, BUG.

/// Symbols that keep their value; a `*` stands for any letters.
const SECURITY: &[&str] = &[
    // Memory that is written or executed, not both (arch/Kconfig).
    "STRICT_KERNEL_RWX",
    "STRICT_MODULE_RWX",
    "STRICT_DEVMEM",
    "IO_STRICT_DEVMEM",
    "DEBUG_WX",
    // Mitigations (arch/x86/Kconfig, arch/arm/mm/Kconfig).
    "CPU_MITIGATIONS",
    "SPECULATION_MITIGATIONS",
    "MITIGATION_*",
    "MITIGATE_*",
    "UNMAP_KERNEL_AT_EL0",
    "RODATA_FULL_DEFAULT_ENABLED",
    "ARM64_PAN",
    "ARM64_BTI*",
    "ARM64_PTR_AUTH*",
    // The names that mitigations of x86 had before 6.9.
    "PAGE_TABLE_ISOLATION",
    "RETPOLINE",
    "RETHUNK",
    "CPU_*_ENTRY",
    "CPU_SRSO",
    "CALL_DEPTH_TRACKING",
    "GDS_FORCE_MITIGATION",
    "SPECTRE_BHI",
    "SLS",
    "HARDEN_BRANCH_*",
    "HARDEN_PREDICTOR",
    "X86_SMAP",
    "X86_UMIP",
    "X86_KERNEL_IBT",
    "X86_USER_SHADOW_STACK",
    "CPU_SW_DOMAIN_PAN",
    // Hardening (security/Kconfig.hardening, mm/Kconfig, lib/Kconfig.debug).
    "STACKPROTECTOR*",
    "VMAP_STACK",
    "FORTIFY_SOURCE",
    "HARDENED_USERCOPY*",
    "INIT_ON_*",
    "INIT_STACK_*",
    "ZERO_CALL_USED_REGS",
    "RANDOMIZE_*",
    "RANDSTRUCT_*",
    "RANDOM_KMALLOC_CACHES",
    "SLAB_FREELIST_*",
    "SLAB_BUCKETS",
    "SHUFFLE_PAGE_ALLOCATOR",
    "LIST_HARDENED",
    "BUG_ON_DATA_CORRUPTION",
    "SCHED_STACK_END_CHECK",
    "UBSAN*",
    "CFI_CLANG",
    "SHADOW_CALL_STACK",
    "DEFAULT_MMAP_MIN_ADDR",
    "LSM_MMAP_MIN_ADDR",
    // Who may do what.
    "MULTIUSER",
    "SECCOMP*",
    "SECURITY*",
    "LSM",
    "KEYS",
    "INTEGRITY*",
    // A kernel bug stops what it is in.
    "BUG",
];

/// Whether a symbol, without `CONFIG_`, keeps the recipe's value.
pub fn is_security(symbol: &str) -> bool {
    SECURITY.iter().any(|entry| match entry.split_once('*') {
        Some((start, end)) => symbol.starts_with(start) && symbol.ends_with(end),
        None => symbol == *entry,
    })
}

#[cfg(test)]
mod tests {
    use super::is_security;

    #[test]
    fn what_protects_is_known_by_its_name() {
        for name in [
            "STRICT_KERNEL_RWX",
            "MITIGATION_RETPOLINE",
            "STACKPROTECTOR_STRONG",
            "MULTIUSER",
            "SECCOMP_FILTER",
            "BUG",
        ] {
            assert!(is_security(name), "{name}");
        }
        for name in ["UNIX", "BUGGY", "PRINTK", "DEBUG_BUGVERBOSE", "STRICT"] {
            assert!(!is_security(name), "{name}");
        }
    }
}
