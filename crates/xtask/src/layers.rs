//! `cargo xtask layers`: the crates and their arrows, and what the rules of the
//! house say to what is inside of them.
//!
//! Which rules fail the command, and what is still open, stands in `layers.toml`
//! beside this crate's manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::circles;
use crate::modules::Modules;
use crate::workspace::{self, Crate};

/// A file's lines without its tests.
const FILE_LINES: usize = 600;

/// A function's lines, from its signature to its closing brace.
const FUNCTION_LINES: usize = 60;

/// The crate with the command line, and the lines of all its files without
/// their tests.
const COMMAND_LINE: (&str, usize) = ("tuxling", 14_000);

/// The document that has the picture of the crates.
const DOCUMENT: &str = "ARCHITECTURE.md";

/// Where the rules' settings are.
const SETTINGS: &str = "crates/xtask/layers.toml";

/// What is found against one rule. `Picture` compares the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Circles,
    FileLines,
    FunctionLines,
    CommandLine,
    Picture,
}

impl Rule {
    fn name(self) -> &'static str {
        match self {
            Self::Circles => "circles",
            Self::FileLines => "file-lines",
            Self::FunctionLines => "function-lines",
            Self::CommandLine => "command-line",
            Self::Picture => "picture",
        }
    }
}

/// What a finding does to the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Report,
    Fail,
}

/// `layers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    rules: Modes,
    /// What is to be mended.
    #[serde(default)]
    open: Vec<Entry>,
    /// What stays: tables that are written as code.
    #[serde(default)]
    exempt: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Modes {
    circles: Mode,
    file_lines: Mode,
    function_lines: Mode,
    command_line: Mode,
    picture: Mode,
}

impl Modes {
    fn of(&self, rule: Rule) -> Mode {
        match rule {
            Rule::Circles => self.circles,
            Rule::FileLines => self.file_lines,
            Rule::FunctionLines => self.function_lines,
            Rule::CommandLine => self.command_line,
            Rule::Picture => self.picture,
        }
    }
}

/// Findings that don't fail the command: all whose place is this one or below it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: Rule,
    at: String,
    reason: String,
}

impl Entry {
    fn covers(&self, finding: &Finding) -> bool {
        let rest = finding.at.strip_prefix(&self.at);
        self.rule == finding.rule
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
    }
}

/// Something against a rule.
#[derive(Debug)]
struct Finding {
    rule: Rule,
    /// `crate: module`, `file`, or `file: function`.
    at: String,
    text: String,
}

/// Reads `[--mermaid] [--check]`, prints, and fails by the rules. `--mermaid`
/// alone prints the picture and judges nothing.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let (mut mermaid, mut check) = (false, false);
    for argument in arguments {
        match argument.as_str() {
            "--mermaid" => mermaid = true,
            "--check" => check = true,
            _ => return Err("usage: cargo xtask layers [--mermaid] [--check]".to_owned()),
        }
    }
    let crates = workspace::read()?;
    let picture = workspace::as_mermaid(&crates);
    // A picture alone is data for a document.
    if mermaid {
        print!("{picture}");
    }
    if mermaid && !check {
        return Ok(());
    }
    if !mermaid {
        print!("{}", workspace::as_text(&crates));
    }
    let text = fs::read_to_string(SETTINGS).map_err(|e| format!("{SETTINGS}: {e}"))?;
    let mut settings: Settings = toml::from_str(&text).map_err(|e| format!("{SETTINGS}: {e}"))?;
    if check {
        settings.rules.picture = Mode::Fail;
    }
    let document = fs::read_to_string(DOCUMENT).map_err(|e| format!("{DOCUMENT}: {e}"))?;
    let here = std::env::current_dir().map_err(|e| e.to_string())?;
    let mut findings = inspect(&crates, &here)?;
    findings.extend(picture_differs(&document, &picture));
    judge(&findings, &settings)
}

/// The picture in the document against the one that is true.
fn picture_differs(document: &str, picture: &str) -> Option<Finding> {
    let text = match workspace::mermaid_block(document) {
        Some(block) => workspace::difference(&block, picture)?,
        None => {
            "no block of ```mermaid is in it; `cargo xtask layers --mermaid` prints it".to_owned()
        }
    };
    let at = DOCUMENT.to_owned();
    Some(Finding {
        rule: Rule::Picture,
        at,
        text,
    })
}

/// Looks into every crate. Paths are told from this folder.
fn inspect(crates: &[Crate], here: &Path) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for one in crates {
        let mut lines = 0;
        for root in &one.roots {
            let modules = Modules::read(root)?;
            findings.extend(circles_in(&one.name, &modules, here));
            findings.extend(long_files(&modules, here));
            findings.extend(long_functions(&modules, here));
            lines += modules.files.iter().map(|file| file.lines).sum::<usize>();
        }
        let (name, most) = COMMAND_LINE;
        if one.name == name && lines > most {
            let at = one.name.clone();
            let text = format!("{lines} lines without tests; {most} at most");
            findings.push(Finding {
                rule: Rule::CommandLine,
                at,
                text,
            });
        }
    }
    Ok(findings)
}

/// A path as it is told: from this folder.
fn shown(file: &Path, here: &Path) -> String {
    file.strip_prefix(here)
        .unwrap_or(file)
        .display()
        .to_string()
}

/// The circles of imports in a crate's modules.
fn circles_in(name: &str, modules: &Modules, here: &Path) -> Vec<Finding> {
    let circles = circles::find(&modules.imports());
    let finding = |circle: circles::Circle| {
        let within = circle.within.join("::");
        let at = if within.is_empty() {
            name.to_owned()
        } else {
            format!("{name}: {within}")
        };
        let text = circle
            .to_string()
            .replace(&format!("{}/", here.display()), "");
        Finding {
            rule: Rule::Circles,
            at,
            text,
        }
    };
    circles.into_iter().map(finding).collect()
}

/// The files that are too long.
fn long_files(modules: &Modules, here: &Path) -> Vec<Finding> {
    let long = modules.files.iter().filter(|file| file.lines > FILE_LINES);
    long.map(|file| Finding {
        rule: Rule::FileLines,
        at: shown(&file.file, here),
        text: format!("{} lines without tests; {FILE_LINES} at most", file.lines),
    })
    .collect()
}

/// The functions that are too long.
fn long_functions(modules: &Modules, here: &Path) -> Vec<Finding> {
    let functions = modules.functions.iter();
    let long = functions.filter(|function| function.lines > FUNCTION_LINES);
    long.map(|function| {
        let (line, lines) = (function.line, function.lines);
        Finding {
            rule: Rule::FunctionLines,
            at: format!("{}: {}", shown(&function.file, here), function.name),
            text: format!("{lines} lines from line {line} on; {FUNCTION_LINES} at most"),
        }
    })
    .collect()
}

/// Prints what was found, and says whether it fails the command: a finding of a
/// rule that is on and that no entry covers, or an entry that covers nothing.
fn judge(findings: &[Finding], settings: &Settings) -> Result<(), String> {
    let entries: Vec<&Entry> = settings.open.iter().chain(&settings.exempt).collect();
    let mut used = BTreeSet::new();
    let mut failures = 0;
    for finding in findings {
        let covering = entries.iter().position(|entry| entry.covers(finding));
        used.extend(covering);
        let mode = settings.rules.of(finding.rule);
        if covering.is_some_and(|at| at >= settings.open.len()) {
            continue;
        }
        let state = match (covering, mode) {
            (Some(at), _) => format!("open ({})", entries[at].reason),
            (None, Mode::Report) => "reported".to_owned(),
            (None, Mode::Fail) => {
                failures += 1;
                "FAILS".to_owned()
            }
        };
        println!(
            "{}, {}: {state}\n  {}",
            finding.rule.name(),
            finding.at,
            finding.text
        );
    }
    for (at, entry) in entries.iter().enumerate() {
        if !used.contains(&at) {
            failures += 1;
            println!(
                "{SETTINGS}: stale: nothing is against {} at {} any more",
                entry.rule.name(),
                entry.at
            );
        }
        if entry.reason.trim().is_empty() {
            failures += 1;
            println!(
                "{SETTINGS}: {} at {} has no reason",
                entry.rule.name(),
                entry.at
            );
        }
    }
    match failures {
        0 => Ok(()),
        1 => Err("layers: one failure".to_owned()),
        _ => Err(format!("layers: {failures} failures")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A crate of these files below `src/`.
    fn planted(files: &[(&str, &str)]) -> (TempDir, Vec<Crate>) {
        let dir = TempDir::new().expect("folder");
        for (name, text) in files {
            let file = dir.path().join("src").join(name);
            fs::create_dir_all(file.parent().expect("parent")).expect("folder");
            fs::write(file, text).expect("file");
        }
        let planted = Crate {
            name: "planted".to_owned(),
            roots: vec![dir.path().join("src/lib.rs")],
            uses: BTreeSet::new(),
        };
        (dir, vec![planted])
    }

    fn settings(lists: &str) -> Settings {
        let rules = "[rules]\ncircles = 'fail'\nfile-lines = 'fail'\nfunction-lines = 'fail'\n\
            command-line = 'fail'\npicture = 'fail'\n";
        toml::from_str(&format!("{rules}{lists}")).expect("settings")
    }

    fn found(files: &[(&str, &str)]) -> Vec<Finding> {
        let (dir, crates) = planted(files);
        inspect(&crates, dir.path()).expect("inspected")
    }

    /// Where circles are, and what is said of them.
    fn circles_in(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let found = found(files).into_iter();
        let circles = found.filter(|finding| finding.rule == Rule::Circles);
        circles.map(|finding| (finding.at, finding.text)).collect()
    }

    #[test]
    fn a_planted_circle_fails_and_is_named_with_files_and_lines() {
        let findings = found(&[
            ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
            ("a.rs", "use crate::b::B;\npub struct A(B);\n"),
            (
                "b.rs",
                "pub struct B;\npub fn f() -> u8 {\n    crate::c::g()\n}\n",
            ),
            (
                "c.rs",
                "pub fn g() -> u8 {\n    vec![super::a::h()][0]\n}\n",
            ),
        ]);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].at, "planted");
        assert_eq!(
            findings[0].text,
            "3 modules import each other: a, b, c\n    \
             a -> b\n        src/a.rs:1\n    \
             b -> c\n        src/b.rs:3\n    \
             c -> a\n        src/c.rs:2"
        );
        assert_eq!(
            judge(&findings, &settings("")),
            Err("layers: one failure".to_owned())
        );
    }

    #[test]
    fn a_clean_crate_passes() {
        let findings = found(&[
            ("lib.rs", "mod a;\nmod b;\npub use a::A;\n"),
            // A parent and its children are one thing in several files.
            ("a.rs", "mod inner;\npub use inner::make;\npub struct A;\n"),
            ("a/inner.rs", "use super::A;\npub fn make() -> A { A }\n"),
            // Tests may look wherever they like.
            (
                "b.rs",
                "use crate::A;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
            ),
        ]);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(judge(&findings, &settings("")), Ok(()));
    }

    #[test]
    fn imports_in_tests_make_no_circle() {
        let circles = circles_in(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            (
                "a.rs",
                "pub struct A;\n#[cfg(test)]\nmod tests { use crate::b::B; }\n",
            ),
            ("b.rs", "use crate::a::A;\npub struct B(A);\n"),
        ]);
        assert!(circles.is_empty(), "{circles:?}");
    }

    #[test]
    fn a_circle_of_inner_modules_is_found_behind_the_parents_exports() {
        let circles = circles_in(&[
            ("lib.rs", "mod a;\n"),
            (
                "a/mod.rs",
                "mod x;\nmod y;\npub use self::x::X;\npub use y::*;\n",
            ),
            ("a/x.rs", "use super::Y;\npub struct X(Y);\n"),
            (
                "a/y.rs",
                "use crate::a::{X};\npub struct Y;\nfn f(_: X) {}\n",
            ),
        ]);
        assert_eq!(circles.len(), 1);
        assert_eq!(circles[0].0, "planted: a");
        assert!(circles[0].1.contains("x, y"), "{}", circles[0].1);
    }

    #[test]
    fn long_files_and_functions_are_found_without_their_tests() {
        let body = |lines: usize| "    g();\n".repeat(lines);
        let text = format!(
            "struct S;\nimpl S {{\n    fn short() {{\n{}    }}\n    fn long(\n    ) {{\n{}    }}\n}}\n{}",
            body(58),
            body(58),
            "// more\n".repeat(600)
        );
        let tests = format!(
            "#[cfg(test)]\nmod tests {{\n fn f() {{\n{}}}\n}}\n",
            body(700)
        );
        let findings = found(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", &text),
            ("b.rs", &tests),
        ]);
        let told: Vec<_> = findings
            .iter()
            .map(|f| (f.rule, f.at.as_str(), f.text.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Rule::FileLines,
                    "src/a.rs",
                    "724 lines without tests; 600 at most"
                ),
                (
                    Rule::FunctionLines,
                    "src/a.rs: S::long",
                    "61 lines from line 63 on; 60 at most"
                ),
            ]
        );
    }

    #[test]
    fn an_entry_covers_what_stands_below_it_and_a_stale_one_fails() {
        let finding = |at: &str| Finding {
            rule: Rule::Circles,
            at: at.to_owned(),
            text: String::new(),
        };
        let open = settings("[[open]]\nrule = 'circles'\nat = 'a'\nreason = 'why'\n");
        assert_eq!(judge(&[finding("a"), finding("a: b")], &open), Ok(()));
        assert!(judge(&[finding("a"), finding("ab")], &open).is_err());
        assert!(judge(&[], &open).is_err());
        let silent = settings("[[exempt]]\nrule = 'circles'\nat = 'a'\nreason = ''\n");
        assert!(judge(&[finding("a")], &silent).is_err());
    }

    #[test]
    fn a_rule_that_only_reports_fails_nothing() {
        let mut settings = settings("");
        settings.rules.circles = Mode::Report;
        let at = "a".to_owned();
        let finding = Finding {
            rule: Rule::Circles,
            at,
            text: String::new(),
        };
        assert_eq!(judge(&[finding], &settings), Ok(()));
    }

    #[test]
    fn the_picture_of_the_document_is_compared() {
        let picture = "graph TD\n    a --> b\n";
        let document = format!("# A\n```mermaid\n{picture}```\n");
        assert!(picture_differs(&document, picture).is_none());
        let old = document.replace("b", "c");
        let told = picture_differs(&old, picture).expect("differs").text;
        assert!(told.contains("-     a --> c\n+     a --> b\n"), "{told}");
        assert!(picture_differs("# A\n", picture).is_some());
    }

    #[test]
    fn the_settings_of_this_repository_can_be_read() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("layers.toml");
        let text = fs::read_to_string(file).expect("layers.toml");
        let settings: Settings = toml::from_str(&text).expect("settings");
        assert!(settings.open.iter().all(|entry| !entry.reason.is_empty()));
    }
}
