//! What a line of a configuration file comes to, against the kernel's own
//! `conf`: random lines that are nearly right, and bytes that are no text.

#[path = "oracle/numbers.rs"]
mod numbers;
mod oracle;

use kconfig::bytes::{bytes_of, text_of};
use kconfig::dotconfig::lines;
use kconfig::{Configuration, Dialect, DiskTree, Environment, Kconfig, LoadOptions, SilentShell};
use numbers::Numbers;
use oracle::{Oracle, targets};

/// How many files each `conf` reads.
const FILES: u64 = if cfg!(feature = "long-tests") {
    5_000
} else {
    400
};

const TREE: &[u8] = b"config MODULES\n\tbool \"modules\"\n\tmodules\n\tdefault y\n\
    config B\n\tbool \"caf\xe9\"\n\
    config T\n\ttristate \"t\"\n\tdefault y\n\
    config S\n\tstring \"s\"\n\tdefault \"\xe9t\xe9 \xc3\xa9\"\n\
    config I\n\tint \"i\"\n\tdefault 3\n\
    config H\n\thex \"h\"\n\tdefault 0x3\n\
    menu \"\xff\"\nconfig D\n\tbool \"d\"\n\tdefault y if S = \"\xe9\" || S < \"\xc3\xaa\"\nendmenu\n";

const BEFORE: &[&str] = &[
    "", "", "", "", "", " ", "\t", "#", "# ", "# ", "#  ", "#\t", "export ", "\u{feff}", "- ", "##",
];
const PREFIX: &[&str] = &[
    "CONFIG_", "CONFIG_", "CONFIG_", "CONFIG_", "CONFIG_", "config_", "",
];
const NAMES: &[&str] = &["B", "T", "T", "S", "S", "I", "H", "b", "X"];
const BETWEEN: &[&str] = &[
    "=",
    "=",
    "=",
    "=",
    " is not set",
    " is not set",
    " = ",
    " =",
    "= ",
    "  is not set",
    " is not",
    " IS NOT SET",
    "",
    ":=",
    " ",
];
const VALUES: &[&str] = &[
    "y",
    "m",
    "n",
    "Y",
    "yes",
    "no",
    "mod",
    "17",
    "-4",
    "0x1F",
    "1f",
    "\"a\"",
    "\"a\\\"b\"",
    "\"open",
    "'q'",
    "\"\"",
    "text",
    "",
    "\"a\"b\"",
    "\\",
];
const AFTER: &[&str] = &[
    "", "", "", "", "", " ", "\t", " # why", "#", ".", " yet", "\0rest", "\r",
];
const ENDS: &[&str] = &["\n", "\n", "\n", "\r\n", "\n\n"];

fn line(numbers: &mut Numbers) -> Vec<u8> {
    let mut pick = |list: &[&'static str]| list[numbers.below(list.len())];
    let before = pick(BEFORE);
    let mut out = format!("{before}{}{}", pick(PREFIX), pick(NAMES)).into_bytes();
    let between = pick(BETWEEN);
    out.extend_from_slice(between.as_bytes());
    if between.contains('=') {
        out.extend_from_slice(pick(VALUES).as_bytes());
    }
    out.extend_from_slice(pick(AFTER).as_bytes());
    let end = pick(ENDS);
    match numbers.below(12) {
        0 => out.push(0xe9),
        1 => {
            let at = numbers.below(out.len());
            out.insert(at, 0xff);
        }
        2 => {
            let at = numbers.below(out.len());
            out.splice(at..at, "\u{10ffe9}".bytes());
        }
        _ => {}
    }
    out.extend_from_slice(end.as_bytes());
    out
}

#[test]
fn lines_that_are_nearly_right_and_bytes_that_are_no_text_are_read_as_conf_reads_them() {
    for target in targets().into_iter().filter(|target| target.arch == "i386") {
        let oracle = Oracle::new(target);
        let dialect = Dialect::for_version(target.version);
        let folder = oracle.scratch("forms");
        std::fs::write(folder.join("Kconfig"), TREE).expect("writes");
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &DiskTree::new(&folder),
            env: &Environment::new(),
            shell: &SilentShell,
            dialect,
        })
        .expect("loads");
        for seed in 0..FILES {
            let mut numbers = Numbers(seed);
            let mut asked: Vec<u8> = Vec::new();
            for _ in 0..1 + numbers.below(3) {
                asked.extend(line(&mut numbers));
            }
            std::fs::write(folder.join(".config"), &asked).expect("writes");
            assert!(oracle.conf_on(&folder, &["--olddefconfig"]));
            let theirs = std::fs::read(folder.join(".config")).expect("readable");
            let text = text_of(&asked);
            let ours = Configuration::olddefconfig(&tree, &text).0.to_dotconfig();
            let told = |which: &str, ours: &str| {
                let (asked, theirs) = (asked.escape_ascii(), theirs.escape_ascii());
                let ours = bytes_of(ours);
                let ours = ours.escape_ascii();
                format!(
                    "{} {seed} {which}\n{asked}\n{ours}\n{theirs}",
                    target.version
                )
            };
            assert!(bytes_of(&ours) == theirs, "{}", told("read", &ours));
            // What a person's fragment is taken to ask for is what conf takes.
            let taken: String = lines(&text)
                .filter_map(|line| line.read(dialect).asks)
                .map(|asks| format!("{}\n", asks.to_line()))
                .collect();
            let ours = Configuration::olddefconfig(&tree, &taken).0.to_dotconfig();
            assert!(bytes_of(&ours) == theirs, "{}", told("taken", &ours));
        }
    }
}
