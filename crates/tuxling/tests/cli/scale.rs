//! Stores and trials' files as a user meets them, without any trial.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use farm::outcome::fixture;
use farm::store::Store;
use serde_json::Value;

#[allow(clippy::disallowed_methods)] // the tests stand outside: they start tuxling itself
fn tuxling(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tuxling"));
    let cache = dir.join("cache");
    command.env("TUXLING_CACHE", cache).current_dir(dir);
    command.args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn stores_come_together_and_say_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    for (name, numbers) in [("one", 0..20), ("two", 15..30)] {
        let store = Store::open(&dir.path().join(name)).unwrap();
        for number in numbers {
            store.put_result(&fixture(number)).unwrap();
        }
    }
    let merge = ["store", "merge", "all", "one", "two"];
    let first = tuxling(dir.path(), &merge);
    assert!(first.status.success(), "{}", said(&first));
    let text = String::from_utf8(first.stdout).unwrap();
    assert!(
        text.starts_with("30 files new (") && text.ends_with(", 5 known\n"),
        "{text}"
    );
    let again = tuxling(dir.path(), &[&merge[..], &["--json"]].concat());
    let json: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&json["added"], &json["known"]), (&0.into(), &35.into()));
    let stats = tuxling(dir.path(), &["store", "stats", "all", "--json"]);
    let json: Value = serde_json::from_slice(&stats.stdout).unwrap();
    assert_eq!(
        (&json["trials"], &json["results"]),
        (&30.into(), &30.into())
    );
}

#[test]
fn what_is_no_store_and_no_trial_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    let none = tuxling(dir.path(), &["store", "stats", "empty"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(said(&none).contains("empty is no store"), "{}", said(&none));
    Store::open(&dir.path().join("store")).unwrap();
    fs::write(dir.path().join("0.json"), "{}").unwrap();
    let bad = tuxling(dir.path(), &["trial", "0.json", "--out", "store"]);
    assert_eq!(bad.status.code(), Some(7));
    assert!(
        said(&bad).contains("0.json: missing field `schema`"),
        "{}",
        said(&bad)
    );
    let shard = tuxling(dir.path(), &["shrink", "pc-shell", "--shard", "1/2"]);
    assert_eq!(shard.status.code(), Some(1));
    let nothing = ["shrink", "pc-shell", "--shard", "1/2", "--store", "store"];
    let nothing = tuxling(dir.path(), &nothing);
    assert!(nothing.status.success(), "{}", said(&nothing));
}

#[test]
fn a_board_of_this_machines_is_searched_with_by_no_engine() {
    let dir = tempfile::tempdir().unwrap();
    let shell = tuxling(dir.path(), &["new", "mine", "--board", "pc"]);
    assert!(shell.status.success(), "{}", said(&shell));
    let recipe = dir.path().join("mine.toml");
    let text = fs::read_to_string(&recipe).unwrap();
    assert!(text.contains("[machine]"), "{text}");
    fs::write(
        &recipe,
        text.replace("[machine]", "[machine]\nlabgrid = \"shelf-3\""),
    )
    .unwrap();
    let search = ["shrink", "mine.toml", "--engine", "local", "--store", "s"];
    let refused = tuxling(dir.path(), &search);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let told = said(&refused);
    for part in ["no engine has another", "leave --engine out"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(
        !dir.path().join("cache/sources").exists(),
        "nothing is begun"
    );
}
