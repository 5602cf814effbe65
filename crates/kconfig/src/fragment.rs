//! Fragments merged over a base configuration.

/// Merges fragments over a base as the kernel's scripts/kconfig/merge_config.sh
/// with `-m` does: a fragment's options are removed from what was before, then
/// the fragment is appended.
#[must_use]
pub fn merge_text(base: &str, fragments: &[&str]) -> String {
    let mut merged: Vec<&str> = base.lines().collect();
    for fragment in fragments {
        let names: std::collections::BTreeSet<&str> =
            fragment.lines().filter_map(mentioned_option).collect();
        merged.retain(|line| !mentions_any(line, &names));
        merged.push("");
        merged.extend(fragment.lines());
    }
    let mut text = merged.join("\n");
    text.push('\n');
    text
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The option that a line sets or unsets, with its prefix.
fn mentioned_option(line: &str) -> Option<&str> {
    let (text, end) = match line.strip_prefix("# ") {
        Some(rest) => (rest, ' '),
        None => (line, '='),
    };
    let length = text.bytes().take_while(|&b| is_name(b)).count();
    let (name, rest) = text.split_at(length);
    let names_option = name.starts_with("CONFIG_") && name.len() > "CONFIG_".len();
    (names_option && rest.starts_with(end)).then_some(name)
}

/// Whether the line contains one of the options, followed by a blank or `=`.
fn mentions_any(line: &str, names: &std::collections::BTreeSet<&str>) -> bool {
    let mut rest = line;
    while let Some(at) = rest.find("CONFIG_") {
        let tail = &rest[at..];
        let length = tail.bytes().take_while(|&b| is_name(b)).count();
        if tail[length..].starts_with([' ', '=']) && names.contains(&tail[..length]) {
            return true;
        }
        rest = &tail["CONFIG_".len()..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_fragments_replace_lines() {
        let base = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_AB=y\n";
        let merged = merge_text(base, &["CONFIG_B=y\n", "# CONFIG_A is not set\n"]);
        assert_eq!(
            merged,
            "CONFIG_AB=y\n\nCONFIG_B=y\n\n# CONFIG_A is not set\n"
        );
    }
}
