//! Configurations that can't be pruned yet.

/// An option that pruning doesn't handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Its name, with `CONFIG_`.
    pub option: &'static str,
    /// Why.
    pub why: &'static str,
}

/// Options that stand in the way, each with the reason.
const REFUSED: &[(&str, &str)] = &[
    (
        "CONFIG_MODULES",
        "nobody knows which functions modules will call",
    ),
    (
        "CONFIG_KALLSYMS",
        "its tables name functions by their addresses of an earlier link",
    ),
    ("CONFIG_LTO_CLANG", "its objects hold no machine code"),
    (
        "CONFIG_CFI_CLANG",
        "calls through pointers check what stands before a function",
    ),
    (
        "CONFIG_X86_KERNEL_IBT",
        "the link takes vmlinux.o, as objtool has changed it",
    ),
    (
        "CONFIG_UNWINDER_ORC",
        "its tables are made from the code before it is pruned",
    ),
    (
        "CONFIG_CALL_THUNKS",
        "its tables are made from the code before it is pruned",
    ),
    (
        "CONFIG_FUNCTION_TRACER",
        "it changes the beginning of every function as the kernel runs",
    ),
    ("CONFIG_KPROBES", "it looks for functions by their names"),
    (
        "CONFIG_BPF_SYSCALL",
        "programs name functions that only they call",
    ),
    (
        "CONFIG_DEBUG_INFO_BTF",
        "it describes functions that are gone",
    ),
    ("CONFIG_LIVEPATCH", "it looks for functions by their names"),
    ("CONFIG_KASAN", "it adds sections that pruning doesn't know"),
    ("CONFIG_KCSAN", "it adds sections that pruning doesn't know"),
    (
        "CONFIG_GCOV_KERNEL",
        "it adds sections that pruning doesn't know",
    ),
    (
        "CONFIG_RELOCATABLE",
        "no kernel that moves itself has been pruned and booted yet",
    ),
    (
        "CONFIG_IA32_EMULATION",
        "programs have a second table of system calls, which is not read",
    ),
    (
        "CONFIG_X86_X32_ABI",
        "programs have a second table of system calls, which is not read",
    ),
    ("CONFIG_THUMB2_KERNEL", "its relocations are not known"),
    (
        "CONFIG_XIP_KERNEL",
        "its code isn't loaded to where it is linked for",
    ),
    (
        "CONFIG_LD_DEAD_CODE_DATA_ELIMINATION",
        "the linker would remove sections a second time",
    ),
];

/// Options that stand in the way on arm64 alone, each with the reason. Their names
/// mean something else elsewhere, or stand for what is handled there.
const REFUSED_ON_ARM64: &[(&str, &str)] = &[
    (
        "CONFIG_EFI",
        "its stub is linked into the kernel, under names of its own",
    ),
    (
        "CONFIG_KVM",
        "its hypervisor is linked apart, with relocations of its own",
    ),
    (
        "CONFIG_UNMAP_KERNEL_AT_EL0",
        "no kernel that is unmapped while programs run has been pruned and booted yet",
    ),
    (
        "CONFIG_HIBERNATION",
        "code that is copied elsewhere before it runs has not been tried",
    ),
    (
        "CONFIG_KEXEC_CORE",
        "code that is copied elsewhere before it runs has not been tried",
    ),
    (
        "CONFIG_ARM64_BTI_KERNEL",
        "calls through pointers check what they come to, and a trap is nothing of that",
    ),
    (
        "CONFIG_ARM64_PTR_AUTH_KERNEL",
        "return addresses are signed, and a trap would tell them so",
    ),
    (
        "CONFIG_SHADOW_CALL_STACK",
        "code is changed at boot by tables that are not read",
    ),
    (
        "CONFIG_COMPAT",
        "programs have a second table of system calls, which is not read",
    ),
];

/// The options of a configuration that pruning doesn't handle.
///
/// `value` gives an option's value by its name with `CONFIG_`, if the
/// configuration has one: whoever has read it knows its form.
pub fn unsupported<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Vec<Unsupported> {
    let on = |option: &str| value(option) == Some("y");
    let here = if on("CONFIG_ARM64") {
        REFUSED_ON_ARM64
    } else {
        &[]
    };
    let refused = REFUSED.iter().chain(here).filter(|(option, _)| on(option));
    refused
        .map(|(option, why)| Unsupported { option, why })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_is_refused_by_name_and_what_is_off_is_not() {
        let refused = unsupported(|option| match option {
            "CONFIG_KPROBES" => Some("y"),
            "CONFIG_MODULES" => Some("n"),
            "CONFIG_KALLSYMS" => Some("m"),
            _ => None,
        });
        let names: Vec<&str> = refused.iter().map(|u| u.option).collect();
        assert_eq!(names, ["CONFIG_KPROBES"]);
    }

    #[test]
    fn what_stands_in_the_way_on_arm64_alone_is_refused_there() {
        let refused = |arm64: &'static str| {
            let all = unsupported(|option| match option {
                "CONFIG_ARM64" => Some(arm64),
                "CONFIG_EFI" => Some("y"),
                _ => None,
            });
            all.iter().map(|u| u.option).collect::<Vec<_>>()
        };
        assert_eq!(refused("y"), ["CONFIG_EFI"]);
        assert_eq!(refused("n"), Vec::<&str>::new());
    }
}
