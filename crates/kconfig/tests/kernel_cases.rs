//! The cases of the kernel's own scripts/kconfig/tests, read from the source
//! tree, on this engine. What can't hold stands in `EXCEPTIONS` with the
//! reason; a case that fails and isn't there fails the test, and so does one
//! that is there and holds.

#[path = "oracle/dialogue.rs"]
mod dialogue;
mod oracle;

use std::path::Path;

use dialogue::Dialogue;
use kconfig::{
    Answer, Configuration, Dialect, DiskTree, Environment, Kconfig, LoadOptions, Severity,
};
use oracle::{RealShell, source_tree};

/// Case and reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// What one run of `conf` leaves behind.
#[derive(Default)]
struct Run {
    failed: bool,
    stdout: String,
    stderr: String,
    config: String,
}

struct Case<'a> {
    folder: &'a Path,
    dialect: Dialect,
}

impl Case<'_> {
    fn text(&self, file: &str) -> String {
        let path = self.folder.join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn load(&self) -> (Kconfig, Run) {
        let shell = RealShell {
            folder: std::env::temp_dir(),
        };
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &DiskTree::new(self.folder),
            env: &std::env::vars().collect::<Environment>(),
            shell: &shell,
            dialect: self.dialect,
        })
        .expect("Kconfig");
        let mut run = Run {
            failed: tree.has_errors(),
            ..Run::default()
        };
        for diagnostic in tree.diagnostics() {
            let message = &diagnostic.message;
            let place = format!("{}:{}", diagnostic.location.file, diagnostic.location.line);
            match diagnostic.severity {
                Severity::Info => run.stdout.push_str(&format!("{message}\n")),
                _ if message.starts_with("recursive ") => {}
                _ => run.stderr.push_str(&format!("{place}: {message}\n")),
            }
            if let Some(trail) = message.strip_prefix("recursive inclusion of ") {
                run.stderr
                    .push_str("Recursive inclusion detected.\nInclusion path:\n");
                let mut parts = trail.split(", included from ");
                let file = parts.next().unwrap_or("").trim_matches('"');
                run.stderr.push_str(&format!("  current file : {file}\n"));
                for part in parts {
                    run.stderr.push_str(&format!("  included from: {part}\n"));
                    // 6.1 goes back to the file in question, 6.12 to the first.
                    if self.dialect == Dialect::Linux6_1 && part.starts_with(file) {
                        break;
                    }
                }
            }
        }
        for recursion in tree.recursions() {
            for (at, step) in recursion.steps.iter().enumerate() {
                let place = match self.dialect {
                    Dialect::Linux6_1 => format!("{}:{}:", step.location.file, step.location.line),
                    Dialect::Linux6_12 => String::new(),
                };
                if at == 0 {
                    run.stderr
                        .push_str(&format!("{place}error: recursive dependency detected!\n"));
                }
                run.stderr.push_str(&format!("{place}\t{}\n", step.text));
            }
            run.stderr.push_str(
                "For a resolution refer to Documentation/kbuild/kconfig-language.rst\n\
                 subsection \"Kconfig recursive dependency limitations\"\n\n",
            );
        }
        (tree, run)
    }

    fn ask(&self, all: bool, dotconfig: Option<&str>, keys: &[&str]) -> Run {
        let (tree, mut run) = self.load();
        if !run.failed {
            let text = dotconfig.map(|file| self.text(file));
            let mut dialogue = Dialogue::new(&tree, text.as_deref(), keys);
            dialogue.ask(all);
            run.stdout.push_str(&dialogue.stdout);
            run.config = dialogue.configuration.to_dotconfig();
        }
        run
    }

    fn all(&self, answer: Answer) -> String {
        let (tree, _) = self.load();
        Configuration::all(&tree, answer, None).to_dotconfig()
    }
}

fn contains(what: &str, expected: &str) -> Result<(), String> {
    if what.contains(expected) {
        return Ok(());
    }
    Err(format!("--- expected\n{expected}--- got\n{what}"))
}

fn equals(what: &str, expected: &str) -> Result<(), String> {
    if what == expected {
        Ok(())
    } else {
        Err(format!("--- expected\n{expected}--- got\n{what}"))
    }
}

fn choice(case: &Case<'_>) -> Vec<(&'static str, Result<(), String>)> {
    let oldask0 = contains(
        &case.ask(true, None, &[]).stdout,
        &case.text("oldask0_expected_stdout"),
    );
    let mut results = vec![("oldask0", oldask0)];
    if case.dialect == Dialect::Linux6_1 {
        let run = case.ask(true, Some("oldask1_config"), &[]);
        let oldask1 = contains(&run.stdout, &case.text("oldask1_expected_stdout"));
        results.push(("oldask1", oldask1));
    }
    for (name, answer, file) in [
        ("allyes", Answer::Yes, "allyes_expected_config"),
        ("allmod", Answer::Mod, "allmod_expected_config"),
        ("allno", Answer::No, "allno_expected_config"),
        ("alldef", Answer::Default, "alldef_expected_config"),
    ] {
        results.push((name, contains(&case.all(answer), &case.text(file))));
    }
    results
}

/// Every seed makes one of the expected configurations; with `all` each of them
/// comes up.
fn choice_randomize(case: &Case<'_>, all: bool) -> Result<(), String> {
    let (tree, _) = case.load();
    let files = ["expected_config0", "expected_config1", "expected_config2"];
    let texts = files.map(|file| case.text(file));
    let mut seen = [false; 3];
    let mut result = Ok(());
    for seed in 0..100 {
        let made = Configuration::randconfig(&tree, seed, None).to_dotconfig();
        match texts.iter().position(|text| *text == made) {
            Some(at) => seen[at] = true,
            None => result = Err(format!("seed {seed} makes\n{made}")),
        }
    }
    if all && seen != [true; 3] {
        result = Err(format!("seen: {seen:?}"));
    }
    result
}

/// Every test function of a case's folder, by its name.
fn run_folder(name: &str, case: &Case<'_>) -> Vec<(&'static str, Result<(), String>)> {
    let expected = |file: &str| case.text(file);
    let asked = |run: Run, out: &str| contains(&run.stdout, &expected(out));
    match name {
        "auto_submenu" => vec![("test", asked(case.ask(true, None, &[]), "expected_stdout"))],
        "choice" => choice(case),
        "choice_randomize" | "choice_randomize2" => {
            vec![("test", choice_randomize(case, name == "choice_randomize"))]
        }
        "choice_value_with_m_dep" => {
            let run = case.ask(true, Some("config"), &["y"]);
            let result = contains(&run.config, &expected("expected_config"));
            vec![("test", result.and_then(|()| asked(run, "expected_stdout")))]
        }
        "err_recursive_dep" | "err_recursive_inc" => {
            let run = case.ask(true, None, &[]);
            assert!(run.failed);
            vec![("test", contains(&run.stderr, &expected("expected_stderr")))]
        }
        "inter_choice" => {
            let (tree, _) = case.load();
            let (made, _) = Configuration::defconfig(&tree, &case.text("defconfig"));
            vec![(
                "test",
                contains(&made.to_dotconfig(), &expected("expected_config")),
            )]
        }
        "new_choice_with_dep" => {
            let run = case.ask(false, Some("config"), &["y"]);
            vec![("test", asked(run, "expected_stdout"))]
        }
        "no_write_if_dep_unmet" => {
            let run = case.ask(true, Some("config"), &["n"]);
            vec![("test", equals(&run.config, &expected("expected_config")))]
        }
        "preprocess/builtin_func" => {
            let run = case.ask(true, None, &[]);
            let result = contains(&run.stdout, &expected("expected_stdout"));
            let stderr = || equals(&run.stderr, &expected("expected_stderr"));
            vec![("test", result.and_then(|()| stderr()))]
        }
        "preprocess/circular_expansion" => {
            let run = case.ask(true, None, &[]);
            assert!(run.failed);
            vec![("test", equals(&run.stderr, &expected("expected_stderr")))]
        }
        "preprocess/escape" | "preprocess/variable" => {
            let run = case.ask(true, None, &[]);
            vec![("test", equals(&run.stderr, &expected("expected_stderr")))]
        }
        _ => vec![("unknown", Err("no adapter for this case".to_owned()))],
    }
}

fn folders(root: &Path, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join(prefix))
        .expect("the kernel's cases")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        if entry.path().join("__init__.py").is_file() {
            names.push(name);
        } else if entry.path().is_dir() {
            names.extend(folders(root, &name));
        }
    }
    names.sort();
    names
}

#[test]
fn the_kernels_own_cases_hold() {
    let mut held = 0;
    let mut failures = Vec::new();
    for version in ["6.12", "6.1"] {
        let root = source_tree(version).join("scripts/kconfig/tests");
        for name in folders(&root, "") {
            let folder = root.join(&name);
            let case = Case {
                folder: &folder,
                dialect: Dialect::for_version(version),
            };
            for (function, result) in run_folder(&name, &case) {
                let full = format!("{version} {name} {function}");
                let excepted = EXCEPTIONS.iter().any(|(case, _)| *case == full);
                match result {
                    Ok(()) if excepted => failures.push(format!("{full} holds by now")),
                    Ok(()) => held += 1,
                    Err(_) if excepted => {}
                    Err(message) => failures.push(format!("{full}\n{message}")),
                }
            }
        }
    }
    println!(
        "{held} cases hold, {} excepted, {} fail",
        EXCEPTIONS.len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(held * 100 >= (held + EXCEPTIONS.len()) * 95);
}
