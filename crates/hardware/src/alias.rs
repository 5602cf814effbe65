//! Modaliases and the patterns that match them, as depmod and the kernel's
//! build write them: `pci:v00008086d000010D3sv*sd*bc*sc*i*`.

/// Whether a pattern matches a text: `*`, `?` and `[0-9A-F]` as fnmatch(3) has
/// them.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and up to where it has taken the text.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some(_) => one(&pattern[p..], text[t]),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// How many bytes of the pattern match this one byte of the text.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => {
            let end = pattern.iter().position(|b| *b == b']')?;
            let mut set = &pattern[1..end];
            while let Some((&low, rest)) = set.split_first() {
                let (high, rest) = match rest {
                    [b'-', high, rest @ ..] => (*high, rest),
                    rest => (low, rest),
                };
                if (low..=high).contains(&byte) {
                    return Some(end + 1);
                }
                set = rest;
            }
            None
        }
        literal => (*literal == byte).then_some(1),
    }
}

/// The bus that an alias belongs to: `pci` of `pci:…`, `fs` of `fs-ext4`, `acpi`
/// of the pattern `acpi*:…`.
pub fn bus(alias: &str) -> &str {
    let end = alias.find([':', '-']).unwrap_or(alias.len());
    alias[..end].trim_end_matches('*')
}

/// How much a pattern asks for: the more, the better a match says which driver
/// it is.
pub fn precision(pattern: &str) -> usize {
    let mut count = 0;
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' => rest.find(']').map_or(rest.len(), |end| end + 1),
            first => first.len_utf8(),
        };
        count += usize::from(!matches!(first, '*' | '?' | '['));
        rest = &rest[length..];
    }
    count
}

/// Which part of a PCI alias is the interface: behind class and subclass.
const INTERFACE: usize = 6;

/// The keys of the aliases whose parts can be told apart.
const KEYS: &[(&str, &[&str])] = &[
    ("pci", &["v", "d", "sv", "sd", "bc", "sc", "i"]),
    (
        "usb",
        &["v", "p", "d", "dc", "dsc", "dp", "ic", "isc", "ip", "in"],
    ),
];

/// Whether a pattern matches whatever is on its bus: drivers that are bound by a
/// user's word alone have such.
pub fn says_nothing(pattern: &str) -> bool {
    let keys = KEYS.iter().find(|(name, _)| bus(pattern) == *name);
    let parts = keys.and_then(|(_, keys)| parts(keys, pattern));
    parts.is_some_and(|parts| parts.iter().all(|part| *part == "*"))
}

/// Whether a pattern may match a device of which not all is known: `*` stands
/// for what isn't. What is not known counts as matched only where the pattern
/// names the vendor and the device; the interface of a PCI device also where it
/// names the class.
pub fn may_match(pattern: &str, device: &str) -> bool {
    if !device.contains('*') {
        return matches(pattern, device);
    }
    let keys = KEYS.iter().find(|(name, _)| bus(pattern) == *name);
    let Some((_, keys)) = keys.filter(|_| bus(pattern) == bus(device)) else {
        return false;
    };
    let Some((asked, known)) = parts(keys, pattern).zip(parts(keys, device)) else {
        return false;
    };
    let is_pci = bus(pattern) == "pci";
    let of_class = asked[..INTERFACE.min(asked.len())]
        .iter()
        .rev()
        .take(2)
        .all(|part| *part != "*");
    let named = asked.iter().take(2).all(|part| *part != "*");
    let one = |(at, (asked, known)): (usize, (&&str, &&str))| match (*asked, *known) {
        ("*", _) => true,
        (_, "*") => at >= 2 && (named || at == INTERFACE && is_pci && of_class),
        (asked, known) => matches(asked, known),
    };
    asked.iter().zip(&known).enumerate().all(one)
}

/// The parts behind the keys, in their order.
fn parts<'a>(keys: &[&str], alias: &'a str) -> Option<Vec<&'a str>> {
    let (_, mut rest) = alias.split_once(':')?;
    let mut parts = Vec::new();
    for key in keys {
        rest = rest.strip_prefix(key)?;
        let end = rest.find(|c: char| c.is_ascii_lowercase());
        let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
        parts.push(part);
        rest = behind;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CARD: &str = "pci:v00008086d000010D3sv*sd*bc*sc*i*";

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let device = "pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00";
        assert!(matches(CARD, device));
        assert!(matches("pci:v*d*sv*sd*bc02sc00i*", device));
        assert!(!matches("pci:v*d*sv*sd*bc01sc06i01*", device));
        assert!(matches("acpi*:PNP0303:*", "acpi:PNP0303:PNP030B:"));
        assert!(matches("usb:v1234p*d0[1-3]*dc*", "usb:v1234p0001d0250dc00"));
        assert!(!matches(
            "usb:v1234p*d0[1-3]*dc*",
            "usb:v1234p0001d0450dc00"
        ));
        assert!(matches("scsi:t-0x00*", "scsi:t-0x00"));
        assert!(!matches("", "x") && matches("", "") && matches("*", ""));
    }

    #[test]
    fn what_is_not_known_of_a_device_matches_only_who_names_it() {
        let device = "pci:v00008086d000010D3sv*sd*bc02sc00i*";
        assert!(may_match(CARD, device));
        assert!(may_match(
            "pci:v00008086d000010D3sv00001028sd*bc*sc*i*",
            device
        ));
        assert!(may_match("pci:v*d*sv*sd*bc02sc00i*", device));
        assert!(may_match("pci:v*d*sv*sd*bc02sc00i10*", device));
        assert!(!may_match("pci:v*d*sv*sd*bc02sc01i10*", device));
        assert!(!may_match("pci:v*d*sv00001028sd*bc02sc00i*", device));
        let stick = "usb:v0951p1666d*dc*dsc*dp*ic*isc*ip*in*";
        assert!(!may_match("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", stick));
        assert!(!may_match("usb:v0951p*d*dc*dsc*dp*ic08isc*ip*in*", stick));
        let nameless = "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*";
        assert!(!may_match(
            "usb:v0951p1666d*dc*dsc*dp*ic*isc*ip*in*",
            nameless
        ));
        assert!(may_match("usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", nameless));
    }

    #[test]
    fn the_bus_and_the_precision_are_told() {
        assert_eq!(
            [bus(CARD), bus("acpi*:X:*"), bus("fs-ext4")],
            ["pci", "acpi", "fs"]
        );
        assert!(precision(CARD) > precision("pci:v*d*sv*sd*bc02sc00i*"));
        assert!(says_nothing("pci:v*d*sv*sd*bc*sc*i*") && !says_nothing(CARD));
        assert!(!says_nothing("hid:b*g*v*p*"));
        assert!(precision("usb:v1p*d[0-9]*") == precision("usb:v1p*d*"));
    }

    proptest! {
        #[test]
        fn no_pattern_makes_it_panic(pattern in "[a-z*?\\[\\]:ä-]{0,12}", text in "[a-z*:ä]{0,12}") {
            matches(&pattern, &text);
            may_match(&pattern, &text);
            precision(&pattern);
            bus(&pattern);
        }

        #[test]
        fn a_text_matches_itself_and_a_star(text in "[a-zA-Z0-9:]{0,20}") {
            prop_assert!(matches(&text, &text));
            prop_assert!(matches("*", &text));
            let starred = format!("{text}*");
            prop_assert!(matches(&starred, &text));
        }
    }
}
