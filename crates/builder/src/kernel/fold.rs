//! The kernel's linker script for objects that were compiled with
//! `-ffunction-sections -fdata-sections`.
//!
//! The script names `.text`, `.data` and `.bss`; a section for each function
//! and each variable would be placed by the linker itself, behind everything
//! and outside of the symbols that mark begins and ends. The kernel's own
//! patterns (`TEXT_MAIN` and its like in include/asm-generic/vmlinux.lds.h)
//! gather them when CONFIG_LD_DEAD_CODE_DATA_ELIMINATION is set, which not every
//! architecture offers and which changes the C code, too. So the same patterns
//! are put into the script that the preprocessor has made.

/// The linker's patterns behind a section's plain name. Two dots begin the names
/// that the kernel gives itself (`.data..read_mostly`): those stay where the
/// script puts them.
const PATTERNS: &[(&str, &str)] = &[
    (".text", ".text.[0-9a-zA-Z_]*"),
    (
        ".data",
        ".data.[0-9a-zA-Z_]* .data..L* .data..compoundliteral*",
    ),
    (".sdata", ".sdata.[0-9a-zA-Z_]*"),
    (".bss", ".bss.[0-9a-zA-Z_]* .bss..L* .bss..compoundliteral*"),
    (".sbss", ".sbss.[0-9a-zA-Z_]*"),
];

/// The script with the patterns in each list of input sections that has the
/// plain name.
pub(crate) fn fold(script: &str) -> String {
    let mut folded = String::with_capacity(script.len() + 1024);
    let mut rest = script;
    // A list is `*(NAME NAME…)`; the names hold no parentheses.
    while let Some(at) = rest.find("*(") {
        let (before, list) = rest.split_at(at + 2);
        folded.push_str(before);
        let end = list.find([')', '(']).unwrap_or(list.len());
        folded.push_str(&fold_list(&list[..end]));
        rest = &list[end..];
    }
    folded.push_str(rest);
    folded
}

fn fold_list(list: &str) -> String {
    let mut folded = list.to_owned();
    for (name, patterns) in PATTERNS {
        if list.split_ascii_whitespace().any(|word| word == *name) {
            folded.push(' ');
            folded.push_str(patterns);
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_with_the_plain_name_gather_the_sections_of_functions() {
        assert_eq!(
            fold("x = .; *(.text .text.fixup) *(.data..once) KEEP(*(SORT(.a))) *(.bss)"),
            "x = .; *(.text .text.fixup .text.[0-9a-zA-Z_]*) *(.data..once) \
             KEEP(*(SORT(.a))) *(.bss .bss.[0-9a-zA-Z_]* .bss..L* .bss..compoundliteral*)"
        );
    }

    #[test]
    fn what_has_no_lists_stays() {
        for text in ["", "*(", "ENTRY(_start)", "*(.rodata"] {
            assert_eq!(fold(text), text);
        }
    }
}
