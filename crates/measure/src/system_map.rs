//! `System.map`: where the kernel's symbols stand, as `nm -n` prints it
//! (scripts/mksysmap).

use std::collections::BTreeMap;

/// The symbols of a kernel.
#[derive(Clone, Debug, Default)]
pub struct SystemMap {
    by_name: BTreeMap<String, u64>,
    /// Sorted by address.
    by_address: Vec<(u64, String)>,
}

impl SystemMap {
    /// From the file's text; lines that are none are passed over.
    pub fn parse(text: &str) -> Self {
        let mut map = SystemMap::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(address), Some(_kind), Some(name)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let Ok(address) = u64::from_str_radix(address, 16) else {
                continue;
            };
            map.by_name.entry(name.to_owned()).or_insert(address);
            map.by_address.push((address, name.to_owned()));
        }
        map.by_address.sort();
        map
    }

    /// A symbol's address; of several with the name, the first one's.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.by_name.get(name).copied()
    }

    /// The bytes from one symbol to another.
    pub fn span(&self, from: &str, to: &str) -> Option<u64> {
        self.address(to)?.checked_sub(self.address(from)?)
    }

    /// The bytes up to the next symbol with another address.
    pub fn size(&self, name: &str) -> Option<u64> {
        let address = self.address(name)?;
        let next = self.by_address.partition_point(|(at, _)| *at <= address);
        Some(self.by_address.get(next)?.0 - address)
    }

    /// The symbol that an address is in; none in front of the first symbol and
    /// from the last one on.
    pub fn name_at(&self, address: u64) -> Option<&str> {
        let next = self.by_address.partition_point(|(at, _)| *at <= address);
        if next == self.by_address.len() {
            return None;
        }
        let (_, name) = self.by_address.get(next.checked_sub(1)?)?;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAP: &str = "\
c1000000 T _stext
c1000000 T _text
c11be16d T _etext
c12ee9ec b __log_buf
c130e9ec b next
c142c000 B _end
";

    #[test]
    fn spans_sizes_and_names_come_from_addresses() {
        let map = SystemMap::parse(MAP);
        assert_eq!(map.span("_stext", "_etext"), Some(0x1b_e16d));
        assert_eq!(map.span("_etext", "_stext"), None);
        assert_eq!(map.size("__log_buf"), Some(0x2_0000));
        assert_eq!(map.size("_end"), None);
        assert_eq!(map.name_at(0xc12e_e9ed), Some("__log_buf"));
        assert_eq!(map.name_at(0xc142_c000), None);
        assert_eq!(map.name_at(0x1000), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String, address: u64) {
            let map = SystemMap::parse(&text);
            let _ = map.name_at(address);
        }
    }
}
