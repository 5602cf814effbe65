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
    let arm = errors(&format!("{arm}[prune]\nnames = true\n"));
    assert!(
        arm.contains("a trap of a pruned arm kernel prints nothing"),
        "{arm}"
    );
    let loaded = errors_of("[prune]\nmissing = \"load\"\nnames = true\n");
    assert!(loaded.contains("names are not printed yet"), "{loaded}");
}
