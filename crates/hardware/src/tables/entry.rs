//! Entries of device tables, and the aliases that the kernel's build makes of
//! them (scripts/mod/file2alias.c; the fields are those of
//! include/linux/mod_devicetable.h).

use std::collections::HashMap;

use super::lex::Token;
use super::value;

/// A kind of table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// The structure's name.
    pub structure: &'static str,
    /// Its fields, in order, as far as they are matched against.
    fields: &'static [&'static str],
    aliases: fn(&Fields) -> Option<Vec<String>>,
}

/// All kinds that are understood.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        structure: "pci_device_id",
        fields: &[
            "vendor",
            "device",
            "subvendor",
            "subdevice",
            "class",
            "class_mask",
            "driver_data",
            "override_only",
        ],
        aliases: pci,
    },
    Kind {
        structure: "usb_device_id",
        fields: &[
            "match_flags",
            "idVendor",
            "idProduct",
            "bcdDevice_lo",
            "bcdDevice_hi",
            "bDeviceClass",
            "bDeviceSubClass",
            "bDeviceProtocol",
            "bInterfaceClass",
            "bInterfaceSubClass",
            "bInterfaceProtocol",
            "bInterfaceNumber",
        ],
        aliases: usb,
    },
    Kind {
        structure: "hid_device_id",
        fields: &["bus", "group", "vendor", "product"],
        aliases: hid,
    },
    Kind {
        structure: "acpi_device_id",
        fields: &["id", "driver_data", "cls", "cls_msk"],
        aliases: acpi,
    },
    Kind {
        structure: "pnp_device_id",
        fields: &["id"],
        aliases: |fields| Some(pnp(&fields.text("id")?)),
    },
    Kind {
        structure: "of_device_id",
        fields: &["name", "type", "compatible"],
        aliases: of,
    },
    Kind {
        structure: "platform_device_id",
        fields: &["name"],
        aliases: |fields| named("platform", fields),
    },
    Kind {
        structure: "i2c_device_id",
        fields: &["name"],
        aliases: |fields| named("i2c", fields),
    },
    Kind {
        structure: "spi_device_id",
        fields: &["name"],
        aliases: |fields| named("spi", fields),
    },
    Kind {
        structure: "virtio_device_id",
        fields: &["device", "vendor"],
        aliases: virtio,
    },
    Kind {
        structure: "serio_device_id",
        fields: &["type", "extra", "id", "proto"],
        aliases: serio,
    },
    Kind {
        structure: "hda_device_id",
        fields: &["vendor_id", "rev_id", "api_version"],
        aliases: hda,
    },
    Kind {
        structure: "sdio_device_id",
        fields: &["class", "vendor", "device"],
        aliases: sdio,
    },
];

/// What of a table was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub aliases: Vec<String>,
    /// Entries whose values are no constants here.
    pub unread: usize,
}

impl Kind {
    /// The aliases of a table: of the tokens between its braces, macros replaced.
    pub(super) fn table(&self, tokens: &[Token]) -> Read {
        let mut read = Read::default();
        for entry in divided(tokens) {
            let Some(inner) = braced(&entry) else {
                continue;
            };
            let fields = Fields::new(self, inner);
            if fields.by_name.is_empty() {
                continue; // what ends the table
            }
            match (self.aliases)(&fields) {
                Some(aliases) => read.aliases.extend(aliases),
                None => read.unread += 1,
            }
        }
        read
    }
}

/// The tokens between the braces of `{ … }` or of `[n] = { … }`.
fn braced(entry: &[Token]) -> Option<&[Token]> {
    let open = entry.iter().position(|token| token.is("{"))?;
    let inner = entry.get(open + 1..)?;
    let (last, inner) = inner.split_last()?;
    last.is("}").then_some(inner)
}

/// Tokens divided at the commas that stand in no parentheses.
fn divided(tokens: &[Token]) -> Vec<Vec<Token>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0usize;
    for token in tokens {
        match token {
            Token::Mark("(" | "{" | "[") => depth += 1,
            Token::Mark(")" | "}" | "]") => depth = depth.saturating_sub(1),
            Token::Mark(",") if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(token.clone());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The values of one entry by the names of their fields.
struct Fields {
    by_name: HashMap<&'static str, Vec<Token>>,
}

impl Fields {
    fn new(kind: &Kind, inner: &[Token]) -> Fields {
        let mut by_name = HashMap::new();
        let mut next = 0;
        for part in divided(inner) {
            let (index, value) = match part.as_slice() {
                [dot, Token::Word(name), equals, value @ ..] if dot.is(".") && equals.is("=") => {
                    let index = kind.fields.iter().position(|field| field == name);
                    (index.unwrap_or(kind.fields.len()), value)
                }
                value => (next, value),
            };
            next = index.saturating_add(1);
            if let Some(field) = kind.fields.get(index) {
                by_name.insert(*field, value.to_vec());
            }
        }
        let only_zero =
            |value: &Vec<Token>| matches!(value.as_slice(), [Token::Number(n)] if n == "0");
        if by_name.len() == 1 && by_name.values().all(only_zero) {
            by_name.clear(); // `{ 0 }`
        }
        Fields { by_name }
    }

    /// A number; 0 where the entry says nothing.
    fn number(&self, field: &str) -> Option<u64> {
        match self.by_name.get(field) {
            None => Some(0),
            Some(tokens) => value::number(tokens),
        }
    }

    fn text(&self, field: &str) -> Option<String> {
        match self.by_name.get(field) {
            None => Some(String::new()),
            Some(tokens) => value::text(tokens).or_else(|| {
                let braces = braced(tokens)?;
                value::text(braces)
            }),
        }
    }
}

const ANY: u64 = 0xffff_ffff;

/// One part of an alias: its key and the number, or `*`.
fn part(key: &str, number: Option<u64>, digits: usize) -> String {
    match number {
        Some(number) => {
            let most = u64::MAX >> (64 - 4 * digits.clamp(1, 16));
            format!("{key}{:0digits$X}", number & most)
        }
        None => format!("{key}*"),
    }
}

fn wild(alias: String) -> String {
    if alias.ends_with('*') {
        alias
    } else {
        alias + "*"
    }
}

fn pci(fields: &Fields) -> Option<Vec<String>> {
    let id = |field| Some(Some(fields.number(field)? & ANY).filter(|id| *id != ANY));
    let (vendor, device) = (id("vendor")?, id("device")?);
    let (subvendor, subdevice) = (id("subvendor")?, id("subdevice")?);
    let (class, mask) = (fields.number("class")?, fields.number("class_mask")?);
    if [vendor, device, subvendor, subdevice]
        .iter()
        .all(|id| *id == Some(0))
        && mask == 0
    {
        return Some(Vec::new());
    }
    let bus = match fields.number("override_only")? {
        0 => "pci:",
        _ => return Some(Vec::new()), // bound by the user's word alone
    };
    let class_part = |shift: u32| match mask >> shift & 0xff {
        0xff => Some(Some(class >> shift & 0xff)),
        0 => Some(None),
        _ => None,
    };
    let parts = [
        part("v", vendor, 8),
        part("d", device, 8),
        part("sv", subvendor, 8),
        part("sd", subdevice, 8),
        part("bc", class_part(16)?, 2),
        part("sc", class_part(8)?, 2),
        part("i", class_part(0)?, 2),
    ];
    Some(vec![wild(format!("{bus}{}", parts.concat()))])
}

fn usb(fields: &Fields) -> Option<Vec<String>> {
    let flags = fields.number("match_flags")?;
    let field = |key: &str, name: &str, bit: u64, digits: usize| {
        let number = fields.number(name)?;
        Some(part(key, (flags & bit != 0).then_some(number), digits))
    };
    if flags == 0 {
        return Some(Vec::new());
    }
    let low = if flags & 0x4 != 0 {
        fields.number("bcdDevice_lo")? & 0xffff
    } else {
        0
    };
    let high = if flags & 0x8 != 0 {
        fields.number("bcdDevice_hi")? & 0xffff
    } else {
        0xffff
    };
    let ids = [
        field("v", "idVendor", 0x1, 4)?,
        field("p", "idProduct", 0x2, 4)?,
    ]
    .concat();
    let classes = [
        field("dc", "bDeviceClass", 0x10, 2)?,
        field("dsc", "bDeviceSubClass", 0x20, 2)?,
        field("dp", "bDeviceProtocol", 0x40, 2)?,
        field("ic", "bInterfaceClass", 0x80, 2)?,
        field("isc", "bInterfaceSubClass", 0x100, 2)?,
        field("ip", "bInterfaceProtocol", 0x200, 2)?,
        field("in", "bInterfaceNumber", 0x400, 2)?,
    ]
    .concat();
    let versions = versions(low, high);
    let alias = |version: String| wild(format!("usb:{ids}d{version}{classes}"));
    Some(versions.into_iter().map(alias).collect())
}

/// A range of four-digit versions as patterns: the fewest that cover it when
/// its ends are cut digit by digit.
fn versions(low: u64, high: u64) -> Vec<String> {
    if low == 0 && high >= 0x9999 {
        return vec!["*".to_owned()];
    }
    let mut found = Vec::new();
    cover(low, high, 4, String::new(), &mut found);
    found
}

/// Patterns for the numbers of `digits` hexadecimal digits from `low` to `high`.
fn cover(low: u64, high: u64, digits: u32, before: String, found: &mut Vec<String>) {
    if low > high {
        return;
    }
    if digits == 0 {
        found.push(before);
        return;
    }
    let unit = 1u64 << (4 * (digits - 1));
    if low == 0 && high >= unit * 16 - 1 {
        found.push(before + "*");
        return;
    }
    for digit in low / unit..=(high / unit).min(15) {
        let start = digit * unit;
        let inner = (low.max(start) - start, high.min(start + unit - 1) - start);
        let before = format!("{before}{digit:X}");
        cover(inner.0, inner.1, digits - 1, before, found);
    }
}

fn hid(fields: &Fields) -> Option<Vec<String>> {
    let (bus, group) = (fields.number("bus")?, fields.number("group")?);
    let id = |field| Some(Some(fields.number(field)? & ANY).filter(|id| *id != ANY));
    let parts = [
        part("b", Some(bus).filter(|bus| *bus != 0xffff), 4),
        part("g", Some(group).filter(|group| *group != 0), 4),
        part("v", id("vendor")?, 8),
        part("p", id("product")?, 8),
    ];
    Some(vec![format!("hid:{}", parts.concat())])
}

fn acpi(fields: &Fields) -> Option<Vec<String>> {
    let id = fields.text("id")?;
    let mask = fields.number("cls_msk")?;
    if !id.is_empty() {
        return Some(vec![format!("acpi*:{id}:*")]);
    }
    if mask == 0 {
        return Some(Vec::new());
    }
    let class = fields.number("cls")?;
    let digits = |shift: u32| match mask >> shift & 0xff {
        0 => "??".to_owned(),
        _ => format!("{:02x}", class >> shift & 0xff),
    };
    Some(vec![format!(
        "acpi*:{}{}{}:*",
        digits(16),
        digits(8),
        digits(0)
    )])
}

fn pnp(id: &str) -> Vec<String> {
    if id.is_empty() {
        return Vec::new();
    }
    vec![
        format!("pnp:d{id}*"),
        format!("acpi*:{}:*", id.to_uppercase()),
    ]
}

fn of(fields: &Fields) -> Option<Vec<String>> {
    let any = |text: String| {
        if text.is_empty() {
            "*".to_owned()
        } else {
            text
        }
    };
    let (name, kind) = (any(fields.text("name")?), any(fields.text("type")?));
    let compatible = fields.text("compatible")?;
    let mut alias = format!("of:N{name}T{kind}");
    if !compatible.is_empty() {
        let star = if kind == "*" { "" } else { "*" };
        alias.push_str(&format!("{star}C{compatible}"));
    }
    let alias = alias.replace(char::is_whitespace, "_");
    Some(vec![wild(format!("{alias}C")), alias])
}

fn named(bus: &str, fields: &Fields) -> Option<Vec<String>> {
    let name = fields.text("name")?;
    let alias = (!name.is_empty()).then(|| format!("{bus}:{name}"));
    Some(alias.into_iter().collect())
}

fn virtio(fields: &Fields) -> Option<Vec<String>> {
    let id = |field| Some(Some(fields.number(field)? & ANY).filter(|id| *id != ANY));
    let device = id("device")?;
    if device == Some(0) {
        return Some(Vec::new());
    }
    let parts = [part("d", device, 8), part("v", id("vendor")?, 8)];
    Some(vec![wild(format!("virtio:{}", parts.concat()))])
}

fn serio(fields: &Fields) -> Option<Vec<String>> {
    let id = |field| Some(Some(fields.number(field)? & 0xff).filter(|id| *id != 0xff));
    if id("type")? == Some(0) {
        return Some(Vec::new());
    }
    let parts = [
        part("ty", id("type")?, 2),
        part("pr", id("proto")?, 2),
        part("id", id("id")?, 2),
        part("ex", id("extra")?, 2),
    ];
    Some(vec![wild(format!("serio:{}", parts.concat()))])
}

fn hda(fields: &Fields) -> Option<Vec<String>> {
    let id = |field| Some(Some(fields.number(field)? & ANY).filter(|id| *id != 0));
    let parts = [
        part("v", id("vendor_id")?, 8),
        part("r", id("rev_id")?, 8),
        part("a", id("api_version")?, 2),
    ];
    Some(vec![wild(format!("hdaudio:{}", parts.concat()))])
}

fn sdio(fields: &Fields) -> Option<Vec<String>> {
    let id = |field, any| Some(Some(fields.number(field)? & any).filter(|id| *id != any));
    let parts = [
        part("c", id("class", 0xff)?, 2),
        part("v", id("vendor", 0xffff)?, 4),
        part("d", id("device", 0xffff)?, 4),
    ];
    Some(vec![wild(format!("sdio:{}", parts.concat()))])
}

#[cfg(test)]
mod tests {
    use super::super::lex::tokens;
    use super::*;

    fn read(structure: &str, text: &str) -> Read {
        let kind = KINDS.iter().find(|kind| kind.structure == structure);
        kind.expect("a kind").table(&tokens(text))
    }

    #[test]
    fn places_and_names_of_fields_are_counted_as_c_does() {
        let text = "{ .vendor = 0x8086, .device = (0x10d3), .subvendor = (~0), .subdevice = (~0), \
                    0, 0, 7 }, { 0x1022, 0x7460, ~0, ~0, 0x030000, 0xff0000 }, { }, { 0, }";
        assert_eq!(
            read("pci_device_id", text).aliases,
            [
                "pci:v00008086d000010D3sv*sd*bc*sc*i*",
                "pci:v00001022d00007460sv*sd*bc03sc*i*",
            ]
        );
        let named = "{ .vendor = X, .device = 1 }";
        assert_eq!(
            read("pci_device_id", named),
            Read {
                aliases: vec![],
                unread: 1
            }
        );
    }

    #[test]
    fn a_range_of_versions_becomes_patterns_that_cover_just_it() {
        assert_eq!(versions(0, 0x9999), ["*"]);
        assert_eq!(versions(0x100, 0x100), ["0100"]);
        assert_eq!(versions(0x100, 0x1ff), ["01*"]);
        assert_eq!(versions(0x1fe, 0x210), ["01FE", "01FF", "020*", "0210",]);
    }

    #[test]
    fn each_bus_has_the_aliases_of_the_kernels_build() {
        for (structure, text, aliases) in [
            (
                "usb_device_id",
                "{ .match_flags = 0x380, .bInterfaceClass = 8, .bInterfaceSubClass = 6, \
                 .bInterfaceProtocol = 0x50 }",
                &["usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*"][..],
            ),
            (
                "acpi_device_id",
                "{ \"PNP0303\", 0 }, { \"\", 0 }",
                &["acpi*:PNP0303:*"],
            ),
            (
                "acpi_device_id",
                "{ .cls = 0x0c0330, .cls_msk = 0xffff00 }",
                &["acpi*:0c03??:*"],
            ),
            (
                "pnp_device_id",
                "{ .id = \"PNP0b00\", .driver_data = 1 }",
                &["pnp:dPNP0b00*", "acpi*:PNP0B00:*"],
            ),
            (
                "of_device_id",
                "{ .compatible = \"arm,pl011\", .data = &x }",
                &["of:N*T*Carm,pl011C*", "of:N*T*Carm,pl011"],
            ),
            (
                "virtio_device_id",
                "{ 1, 0xffffffff }, { 0 }",
                &["virtio:d00000001v*"],
            ),
            (
                "serio_device_id",
                "{ .type = 6, .proto = 0xff, .id = 0xff, .extra = 0xff }",
                &["serio:ty06pr*id*ex*"],
            ),
            (
                "hda_device_id",
                "{ .vendor_id = 0x10ec0295, .name = \"ALC295\", .api_version = 1 }",
                &["hdaudio:v10EC0295r*a01*"],
            ),
            (
                "platform_device_id",
                "{ \"gpio\", 1 }, { }",
                &["platform:gpio"],
            ),
            (
                "hid_device_id",
                "{ .bus = 3, .group = 0, .vendor = 0x46d, .product = 0xc52b }",
                &["hid:b0003g*v0000046Dp0000C52B"],
            ),
            (
                "sdio_device_id",
                "{ .class = 0xff, .vendor = 0x2d0, .device = 0x4329 }",
                &["sdio:c*v02D0d4329*"],
            ),
        ] {
            let read = read(structure, text);
            assert_eq!(
                read,
                Read {
                    aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
                    unread: 0
                },
                "{text}"
            );
        }
    }
}
