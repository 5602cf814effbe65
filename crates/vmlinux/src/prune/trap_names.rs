//! The names that the handler prints, as a table that it can read without a
//! stack: each name behind the number of letters that it shares with the one
//! before.

use object::elf;

use super::handler::LONGEST_NAME;
use crate::relocatable::ObjectSection;

/// The section that holds the names of traps, in their order.
pub(super) fn section<'a>(
    names: impl Iterator<Item = &'a str>,
    explicit_addends: bool,
) -> ObjectSection {
    let data = table(names);
    ObjectSection {
        name: ".rodata".to_owned(),
        kind: elf::SHT_PROGBITS,
        flags: elf::SHF_ALLOC,
        align: 1,
        entry_size: 0,
        linked: None,
        size: data.len() as u64,
        data,
        relocations: Vec::new(),
        explicit_addends,
    }
}

fn table<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut table = Vec::new();
    let mut before: &[u8] = &[];
    for name in names {
        let name = name.as_bytes();
        let name = &name[..name.len().min(LONGEST_NAME)];
        let same = name.iter().zip(before).take_while(|(a, b)| a == b).count();
        // `LONGEST_NAME` fits a byte.
        table.push(same as u8);
        table.extend(&name[same..]);
        table.push(0);
        before = name;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As the handler reads it.
    fn name_at(table: &[u8], index: usize) -> String {
        let mut name: Vec<u8> = Vec::new();
        let mut rest = table;
        for _ in 0..=index {
            name.truncate(usize::from(rest[0]));
            let end = rest[1..].iter().position(|b| *b == 0).expect("ends");
            name.extend(&rest[1..=end]);
            rest = &rest[end + 2..];
        }
        String::from_utf8(name).expect("of text")
    }

    #[test]
    fn neighbours_share_letters() {
        let table = table(["tcp_push", "tcp_push_one", "udp_err"].into_iter());
        assert_eq!(table, b"\0tcp_push\0\x08_one\0\0udp_err\0");
    }

    proptest! {
        #[test]
        fn each_name_is_read_back(names in proptest::collection::vec("[a-c_.]{0,130}", 1..20)) {
            let table = table(names.iter().map(String::as_str));
            for (index, name) in names.iter().enumerate() {
                prop_assert_eq!(name_at(&table, index), &name[..name.len().min(LONGEST_NAME)]);
            }
        }
    }
}
