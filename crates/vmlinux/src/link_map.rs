//! The linker's map: which object each byte of the output comes from.
//!
//! GNU ld's map (`-Map`, binutils' ld/ldlang.c `lang_map`) lists output
//! sections at the left margin, input sections behind one space as
//! `NAME ADDRESS SIZE FILE`, and padding as `*fill*`. Long names stand on a line
//! of their own. lld's map (lld/ELF/MapFile.cpp) is a table with one indent for
//! output sections, input sections and symbols.

/// What a map says of the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkMap {
    /// Every input section that gave at least one byte, in the map's order.
    pub inputs: Vec<InputSection>,
}

/// One piece of an output section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSection {
    /// The output section.
    pub output: String,
    /// The input section's name.
    pub name: String,
    /// Its address.
    pub address: u64,
    /// Its size in the output, in bytes: what merging left of it.
    pub bytes: u64,
    /// Where it comes from.
    pub from: InputOrigin,
}

/// Where a piece comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputOrigin {
    /// An object file, by its path.
    Object(String),
    /// The linker: padding.
    Fill,
    /// The linker: a data statement of its script, or what it made itself.
    Linker,
}

/// Why a text is no map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a linker's map: neither GNU ld's heading nor lld's is there")]
pub struct LinkMapError;

impl LinkMap {
    /// Reads a map of GNU ld or of lld.
    pub fn parse(text: &str) -> Result<LinkMap, LinkMapError> {
        if let Some((_, map)) = text.split_once("\nLinker script and memory map\n") {
            return Ok(gnu(map));
        }
        let heading = text.lines().next().unwrap_or_default();
        let words: Vec<&str> = heading.split_whitespace().collect();
        if words.starts_with(&["VMA", "LMA", "Size", "Align", "Out", "In"]) {
            Ok(lld(text))
        } else {
            Err(LinkMapError)
        }
    }
}

fn hex(word: Option<&str>) -> Option<u64> {
    u64::from_str_radix(word?.strip_prefix("0x")?, 16).ok()
}

fn gnu(text: &str) -> LinkMap {
    let mut map = LinkMap::default();
    let mut output = String::new();
    let mut pending: Option<String> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        let mut words = line.split_whitespace();
        if indent == 0 {
            output = words.next().unwrap_or_default().to_owned();
            pending = None;
            continue;
        }
        let name = if indent == 1 {
            let Some(name) = words.next() else { continue };
            if words.clone().next().is_none() {
                pending = Some(name.to_owned());
                continue;
            }
            pending = None;
            name.to_owned()
        } else {
            match pending.take() {
                Some(name) => name,
                None => continue,
            }
        };
        let (Some(address), Some(bytes)) = (hex(words.next()), hex(words.next())) else {
            continue;
        };
        let rest: Vec<&str> = words.collect();
        let from = match name.as_str() {
            "*fill*" => InputOrigin::Fill,
            "BYTE" | "SHORT" | "LONG" | "QUAD" | "SQUAD" => InputOrigin::Linker,
            pattern if pattern.starts_with("*(") => continue,
            _ if rest.is_empty() || rest == ["linker", "stubs"] => InputOrigin::Linker,
            _ => InputOrigin::Object(rest.join(" ")),
        };
        if bytes > 0 {
            map.inputs.push(InputSection {
                output: output.clone(),
                name,
                address,
                bytes,
                from,
            });
        }
    }
    map
}

fn lld(text: &str) -> LinkMap {
    let mut map = LinkMap::default();
    let mut output = String::new();
    for line in text.lines().skip(1) {
        let mut rest = line;
        let mut fields = [""; 4];
        for field in &mut fields {
            rest = rest.trim_start_matches(' ');
            let end = rest.find(' ').unwrap_or(rest.len());
            (*field, rest) = rest.split_at(end);
        }
        let [address, _, size, _] = fields.map(|f| u64::from_str_radix(f, 16).ok());
        let (Some(address), Some(bytes)) = (address, size) else {
            continue;
        };
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let name = rest.trim_start_matches(' ');
        match rest.len() - name.len() {
            0 => output = name.to_owned(),
            8 => {
                let (object, section) = match name.rsplit_once(":(") {
                    Some((object, section)) => (object, section.trim_end_matches(')')),
                    None => ("", name),
                };
                let from = match object {
                    "" | "<internal>" => InputOrigin::Linker,
                    object => InputOrigin::Object(object.to_owned()),
                };
                if bytes > 0 {
                    map.inputs.push(InputSection {
                        output: output.clone(),
                        name: section.to_owned(),
                        address,
                        bytes,
                        from,
                    });
                }
            }
            _ => {}
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GNU: &str = "
Linker script and memory map

                0xc1000000                        . = 0xc1000000
.text           0xc1000000      0x2bc load address 0x01000000
                0xc1000000                        _text = .
 *(.head.text)
 .head.text     0xc1000000      0x2ba arch/x86/kernel/head_32.o
                0xc1000000                startup_32
 *fill*         0xc10002ba        0x2 cccccccc
.rodata         0xc1001000       0x48
 .rodata.str1.1
                0xc1001000       0x38 init/main.o
                                 0x48 (size before relaxing)
 .rodata        0xc1001038        0x0 init/version.o
 LONG           0xc1001038        0x4 0x0
";

    #[test]
    fn a_map_of_gnu_ld_is_read() {
        let map = LinkMap::parse(GNU).expect("a map");
        let told: Vec<_> = map
            .inputs
            .iter()
            .map(|i| (&*i.output, &*i.name, i.address, i.bytes, i.from.clone()))
            .collect();
        let object = |path: &str| InputOrigin::Object(path.to_owned());
        assert_eq!(
            told,
            [
                (
                    ".text",
                    ".head.text",
                    0xc100_0000,
                    0x2ba,
                    object("arch/x86/kernel/head_32.o")
                ),
                (".text", "*fill*", 0xc100_02ba, 2, InputOrigin::Fill),
                (
                    ".rodata",
                    ".rodata.str1.1",
                    0xc100_1000,
                    0x38,
                    object("init/main.o")
                ),
                (".rodata", "LONG", 0xc100_1038, 4, InputOrigin::Linker),
            ]
        );
    }

    #[test]
    fn a_map_of_lld_is_read() {
        let text = "     VMA      LMA     Size Align Out     In      Symbol
c1000000  1000000      2bc    32 .text
c1000000  1000000      2ba    32         arch/x86/kernel/head_32.o:(.head.text)
c1000000  1000000        0     1                 startup_32
";
        let map = LinkMap::parse(text).expect("a map");
        assert_eq!(map.inputs.len(), 1);
        assert_eq!(map.inputs[0].name, ".head.text");
        assert_eq!(
            map.inputs[0].from,
            InputOrigin::Object("arch/x86/kernel/head_32.o".to_owned())
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,400}", lines in proptest::collection::vec("[ ]{0,17}[.*a-z0-9x()]{0,8}[ ]{0,3}[0-9a-fx]{0,12}[ ]{0,2}[0-9a-fx]{0,12}[ ]{0,9}.{0,9}", 0..20)) {
            let _ = LinkMap::parse(&text);
            let _ = LinkMap::parse(&format!("\nLinker script and memory map\n{text}\n{}", lines.join("\n")));
            let _ = LinkMap::parse(&format!("VMA LMA Size Align Out In Symbol\n{text}\n{}", lines.join("\n")));
        }
    }
}
