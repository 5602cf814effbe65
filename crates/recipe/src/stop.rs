//! `[stop]` of a board: what a trap of a pruned kernel may use of the machine.

use crate::diagnostic::{Problems, Wrong};
use crate::table::{Schema, Table};

pub(crate) static STOP: Schema = Schema {
    header: "[stop]",
    keys: &["uart", "reset", "last", "last-clear"],
};

/// Physical addresses of what the handler of traps uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stop {
    /// The UART of the console, where the architecture has none at an address of
    /// its own.
    pub uart: Option<u32>,
    /// What resets the machine: words, and where they are written, in order.
    pub reset: Vec<(u32, u32)>,
    /// Where the address of the last trap is kept over a reset.
    pub last: Option<LastStop>,
}

/// What survives a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    /// RAM that neither the firmware nor the kernel writes to, from here on: 256
    /// bytes.
    Memory(u32),
    /// A register that keeps each bit that was set, and the one that clears them.
    Register {
        /// Sets bits, and is read.
        set: u32,
        /// Clears them.
        clear: u32,
    },
}

impl Stop {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Stop::default()
    }
}

/// Reads the table; what is wrong is among the problems.
pub(crate) fn read(problems: &Problems, table: &Table<'_>) -> Stop {
    let address = |key| Some(table.integer(key, 0..u32::MAX)?.value);
    let (last, clear) = (address("last"), address("last-clear"));
    if let (None, Some(_)) = (last, clear) {
        let wrong = Wrong::new("`last-clear` clears what `last` keeps, and that is missing");
        problems.wrong(&table.place(), wrong);
    }
    let reset = table.texts("reset");
    let reset = reset.map_or_else(Vec::new, |list| list.value);
    let reset = reset
        .iter()
        .filter_map(|typed| problems.take(&typed.place, written(&typed.value)));
    Stop {
        uart: address("uart"),
        reset: reset.collect(),
        last: last.map(|set| match clear {
            Some(clear) => LastStop::Register { set, clear },
            None => LastStop::Memory(set),
        }),
    }
}

/// `0x10000040 = 0x105`: an address that isn't 0, and what is written there.
fn written(typed: &str) -> Result<(u32, u32), Wrong> {
    let number = |text: &str| {
        let text = text.trim();
        match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    };
    let pair = typed.split_once('=');
    let pair = pair.and_then(|(at, word)| Some((number(at)?, number(word)?)));
    pair.filter(|(at, _)| *at != 0 && at % 4 == 0)
        .ok_or_else(|| {
            Wrong::new(format!("`{typed}` is no word at an address"))
                .help("write \"0x10000040 = 0x105\": the address of a word, and the word")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_and_where_it_is_written() {
        assert_eq!(written("0x10000040 = 0x105"), Ok((0x1000_0040, 0x105)));
        assert_eq!(written("16=7"), Ok((16, 7)));
        for wrong in ["", "0x10", "0x11=1", "0=1", "0x10=0x1ffffffff", "x=1"] {
            assert!(written(wrong).is_err(), "{wrong}");
        }
    }
}
