//! Commands of the user's that load and power a board, in place of hands.

use std::path::PathBuf;
use std::time::Duration;

use crate::diagnostic::Wrong;

/// So long a command that loads a board may take where the recipe doesn't say.
pub const LOAD_LIMIT: Duration = Duration::from_secs(300);

/// What `load` may name.
const PLACES: &[&str] = &["kernel", "ramdisk", "device-tree", "cmdline"];

/// What `power` has to name.
const SWITCH: &str = "{on|off}";

/// The commands of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandsPlan {
    /// Loads it.
    pub load: Option<HostCommand>,
    /// How long that may take.
    pub load_limit: Duration,
    /// Switches it on and off.
    pub power: Option<HostCommand>,
}

impl HandsPlan {
    /// Whether nobody has to do anything by hand.
    pub fn are_all(&self) -> bool {
        self.power.is_some()
    }
}

/// A command on this machine: a program and its arguments, read by a shell's
/// rules for quotes and never by a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCommand {
    /// Its words; the first is the program.
    pub words: Vec<String>,
    /// The folder that it is started in: the recipe's. Absolute.
    pub dir: PathBuf,
}

/// What `load` is told.
#[derive(Clone, Copy, Debug)]
pub struct Loaded<'a> {
    /// The kernel's path.
    pub kernel: &'a str,
    /// The ramdisk's path; empty where it is in the kernel.
    pub ramdisk: &'a str,
    /// The device tree's path; empty where the board needs none.
    pub device_tree: &'a str,
    /// The kernel's command line.
    pub cmdline: &'a str,
}

impl HostCommand {
    /// Whether a word names a place.
    pub fn names(&self, place: &str) -> bool {
        let place = format!("{{{place}}}");
        self.words.iter().any(|word| word.contains(&place))
    }

    /// The words of `load` for a system.
    pub fn loading(&self, loaded: &Loaded<'_>) -> Vec<String> {
        let fill = |word: &String| {
            // What is filled in is not looked at again.
            let mut filled = String::new();
            let mut rest = word.as_str();
            while let Some((before, behind)) = rest.split_once('{') {
                filled.push_str(before);
                let (place, after) = behind.split_once('}').unwrap_or((behind, ""));
                filled.push_str(match place {
                    "kernel" => loaded.kernel,
                    "ramdisk" => loaded.ramdisk,
                    "device-tree" => loaded.device_tree,
                    "cmdline" => loaded.cmdline,
                    _ => "", // refused when it was read
                });
                rest = after;
            }
            filled + rest
        };
        self.words.iter().map(fill).collect()
    }

    /// The words of `power`.
    pub fn switching(&self, on: bool) -> Vec<String> {
        let word = if on { "on" } else { "off" };
        let filled = self.words.iter().map(|w| w.replace(SWITCH, word));
        filled.collect()
    }
}

/// Reads `load`.
///
/// # Errors
/// When its quotes are not right, or it names what there isn't.
pub(crate) fn load(typed: &str) -> Result<Vec<String>, Wrong> {
    let words = split(typed)?;
    for word in &words {
        let mut rest = word.as_str();
        while let Some((_, behind)) = rest.split_once('{') {
            let place = behind.split_once('}').map(|(place, _)| place);
            if !place.is_some_and(|place| PLACES.contains(&place)) {
                let named = place.map_or("{".to_owned(), |place| format!("{{{place}}}"));
                let known: Vec<String> = PLACES.iter().map(|p| format!("{{{p}}}")).collect();
                let help = format!("known are {}", known.join(", "));
                return Err(Wrong::new(format!("`load` has no {named}")).help(help));
            }
            rest = behind.split_once('}').map_or("", |(_, after)| after);
        }
    }
    if words.iter().any(|word| word.contains("{kernel}")) {
        return Ok(words);
    }
    let help = "write {kernel} where its path belongs: \"./flash.sh {kernel} {ramdisk}\"";
    Err(Wrong::new("`load` doesn't take the kernel").help(help))
}

/// Reads `power`.
///
/// # Errors
/// When its quotes are not right, or nothing in it says on or off.
pub(crate) fn power(typed: &str) -> Result<Vec<String>, Wrong> {
    let words = split(typed)?;
    if words.iter().any(|word| word.contains(SWITCH)) {
        return Ok(words);
    }
    let help = "write {on|off} where the word belongs: \"./relay.sh {on|off}\"";
    Err(Wrong::new("`power` says neither on nor off").help(help))
}

fn split(typed: &str) -> Result<Vec<String>, Wrong> {
    let help = "quotes come in pairs, as in a shell";
    let words = shlex::split(typed).ok_or_else(|| Wrong::new("a quote is open").help(help))?;
    if words.first().is_none_or(String::is_empty) {
        return Err(Wrong::new("there is no program"));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(words: Vec<String>) -> HostCommand {
        let dir = PathBuf::from("/r");
        HostCommand { words, dir }
    }

    #[test]
    fn a_board_is_loaded_and_switched_by_words_without_a_shell() {
        let read = load("./flash.sh -k{kernel} '{ramdisk}' \"a {cmdline}\"").expect("is right");
        let loaded = Loaded {
            kernel: "/k ernel",
            ramdisk: "",
            device_tree: "",
            cmdline: "console=ttyS0 x={kernel}",
        };
        assert_eq!(
            command(read).loading(&loaded),
            ["./flash.sh", "-k/k ernel", "", "a console=ttyS0 x={kernel}"]
        );
        let read = power("./relay.sh 3 {on|off}").expect("is right");
        assert_eq!(
            command(read.clone()).switching(true),
            ["./relay.sh", "3", "on"]
        );
        assert_eq!(command(read).switching(false), ["./relay.sh", "3", "off"]);
    }

    #[test]
    fn what_a_board_can_not_be_told_is_refused() {
        for (told, wrong) in [
            (load("f {kernel} {rootfs}").err(), "`load` has no {rootfs}"),
            (load("f {kernel} {").err(), "`load` has no {"),
            (load("f").err(), "`load` doesn't take the kernel"),
            (load("f '{kernel}").err(), "a quote is open"),
            (load("  ").err(), "there is no program"),
            (power("r on").err(), "`power` says neither on nor off"),
        ] {
            let told = told.expect("is refused");
            assert!(format!("{told:?}").contains(wrong), "{told:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_command_or_an_error(text in ".{0,60}") {
            let told = Loaded { kernel: "k", ramdisk: "r", device_tree: "d", cmdline: "c" };
            if let Ok(words) = load(&text) {
                let _ = command(words).loading(&told);
            }
            let _ = power(&text);
        }
    }
}
