//! `[prune]`.

use super::*;

#[test]
fn what_is_missing_stops_or_is_loaded_into_a_reserve() {
    let load = |prune: &str| plan(&format!("{LEAST}[prune]\n{prune}\n")).prune.load;
    assert_eq!(load("missing = \"stop\""), None);
    let default = load("missing = \"load\"").expect("it loads");
    assert_eq!(default.reserve, Bytes::kib(256));
    let given = load("missing = \"load\"\nreserve = \"64KiB\"").expect("it loads");
    assert_eq!(given.reserve, Bytes::kib(64));
    let alone = errors_of("[prune]\nreserve = \"64KiB\"\n");
    assert!(alone.contains("nothing is loaded"), "{alone}");
    let unknown = errors_of("[prune]\nmissing = \"lod\"\n");
    assert!(unknown.contains("`lod` is not possible here"), "{unknown}");
}

#[test]
fn names_are_for_traps_that_print() {
    assert!(plan(&format!("{LEAST}[prune]\nnames = true\n")).prune.names);
    assert!(!plan(LEAST).prune.names);
    let arm = LEAST.replace("\"pc\"", "\"versatilepb\"");
    assert!(plan(&format!("{arm}[prune]\nnames = true\n")).prune.names);
    let flash = LEAST.replace("\"pc\"", "\"mps2-an385\"");
    let flash = errors(&format!("{flash}[prune]\nnames = true\n"));
    assert!(
        flash.contains("a trap of a kernel of mps2-an385 prints nothing"),
        "{flash}"
    );
    let loaded = errors_of("[prune]\nmissing = \"load\"\nnames = true\n");
    assert!(loaded.contains("names are not printed yet"), "{loaded}");
}

#[test]
fn a_machine_that_was_stopped_stands_still_or_begins_anew() {
    let on_trap = |value: &str| plan(&format!("{LEAST}[prune]\non-trap = \"{value}\"\n")).prune;
    assert_eq!(plan(LEAST).prune.on_trap, OnTrap::Halt);
    for (value, expected) in [
        ("halt", OnTrap::Halt),
        ("reset", OnTrap::Reset(0)),
        ("reset-after 10s", OnTrap::Reset(10)),
        ("reset-after 2min", OnTrap::Reset(120)),
    ] {
        assert_eq!(on_trap(value).on_trap, expected);
        assert_eq!(OnTrap::of_words(&expected.words()), Some(expected));
    }
    for wrong in ["stop", "reset-after", "reset-after 900ms", "reset-after 2h"] {
        let told = errors_of(&format!("[prune]\non-trap = \"{wrong}\"\n"));
        assert!(
            told.contains("nothing that a machine does"),
            "{wrong}: {told}"
        );
    }
    let other = LEAST.replace("\"pc\"", "\"microvm\"");
    let other = errors(&format!("{other}[prune]\non-trap = \"reset\"\n"));
    assert!(
        other.contains("the board microvm doesn't say how it is reset"),
        "{other}"
    );
}
