//! What is nobody's business, taken out of texts: addresses of network cards
//! and networks, UUIDs, the host's name.

/// What stands in the place of what was taken out.
pub const GONE: &str = "…";

/// A text without MAC addresses, UUIDs, IPv4 addresses, interface names that
/// hold a MAC address, and without these names, in whatever case.
pub fn scrubbed(text: &str, names: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-');
        let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        out.push_str(&of_word(word));
        let plain = behind.find(part).unwrap_or(behind.len());
        out.push_str(&behind[..plain]);
        rest = &behind[plain..];
    }
    for name in names.iter().filter(|name| name.len() > 1) {
        out = without(&out, name);
    }
    out
}

/// A word of letters, digits, `:`, `.` and `-`.
fn of_word(word: &str) -> String {
    let plain = word.trim_matches([':', '.', '-']);
    let personal = is_mac(plain) || is_uuid(plain) || is_address(plain) || is_named_by_mac(plain);
    if personal {
        word.replace(plain, GONE)
    } else {
        word.to_owned()
    }
}

fn are_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `52:54:00:12:34:56`, also with `-`, also eight bytes.
fn is_mac(word: &str) -> bool {
    [':', '-'].iter().any(|between| {
        let parts: Vec<&str> = word.split(*between).collect();
        matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(|part| are_hex(part, 2))
    })
}

/// `12345678-1234-…`, the short forms of FAT (`ABCD-1234`) among them.
fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    let known = matches!(lengths.as_slice(), [8, 4, 4, 4, 12] | [4, 4]);
    known && word.split('-').all(|part| are_hex(part, part.len())) || are_hex(word, 32)
}

fn is_address(word: &str) -> bool {
    let bare = word.split(':').next().unwrap_or(word);
    bare.parse::<std::net::Ipv4Addr>().is_ok()
}

/// `enx001122334455`, `wlx…` (systemd.net-naming-scheme(7)).
fn is_named_by_mac(word: &str) -> bool {
    let bare = word.split(['-', ':']).next().unwrap_or(word);
    let named = bare.get(..3).zip(bare.get(3..));
    named.is_some_and(|(kind, rest)| kind.ends_with('x') && are_hex(rest, 12))
}

/// A text without a name.
fn without(text: &str, name: &str) -> String {
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower.get(from..).and_then(|rest| rest.find(&name)) {
        out.push_str(&text[from..from + at]);
        out.push_str(GONE);
        from += at + name.len();
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_personal_goes_and_what_names_hardware_stays() {
        let names = ["wonderland".to_owned()];
        for (text, told) in [
            ("mac 52:54:00:AB:cd:56, up", "mac …, up"),
            (
                "root=UUID=0a1b2c3d-1111-2222-3333-444455556666 ro",
                "root=UUID=… ro",
            ),
            ("vfat ABCD-12EF", "vfat …"),
            ("ip=192.168.7.20::x:255.255.255.0", "ip=…"),
            ("enx001122334455-rx-0", "…"),
            ("/dev/mapper/Wonderland--vg-root", "/dev/mapper/…--vg-root"),
            ("0000:00:1f.2 ahci", "0000:00:1f.2 ahci"),
            (
                "pci:v00008086d00002922sv00001AF4",
                "pci:v00008086d00002922sv00001AF4",
            ),
            ("6.1.0-18-amd64 1-1:1.0", "6.1.0-18-amd64 1-1:1.0"),
        ] {
            assert_eq!(scrubbed(text, &names), told);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", name in "\\PC{0,4}") {
            scrubbed(&text, &[name]);
        }

        #[test]
        fn no_mac_address_is_left(bytes in prop::array::uniform6(any::<u8>()), around in "[ ,=/]") {
            let mac: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            let mac = mac.join(":");
            let text = format!("x{around}{mac}{around}y");
            prop_assert!(!scrubbed(&text, &[]).contains(&mac));
        }
    }
}
