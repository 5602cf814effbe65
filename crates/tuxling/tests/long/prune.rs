//! What pruning promises of `pc-net`: smaller than `make tinyconfig`, fifty boots
//! of fifty, and all of adversity survived.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::busybox_suite::{Verdicts, verdicts};
use crate::fixture::{Recipe, TCG, command, folder, linux, lock, run, tuxling};

/// A pruned system, in a folder that lives as long as this does.
struct Pruned {
    certificate: serde_json::Value,
    dir: TempDir,
    name: &'static str,
}

impl Pruned {
    fn new(level: &str, name: &'static str, more: &[&str]) -> Pruned {
        let dir = folder();
        let recipe = Recipe::pc_net(name).write(dir.path());
        let mut prune = tuxling();
        prune.current_dir(dir.path()).arg("prune").arg(&recipe);
        prune.args(["--level", level, "--json"]).args(more);
        Pruned {
            certificate: run(&mut prune).ends_with(0).json(),
            dir,
            name,
        }
    }

    /// An output of the pruned system, or of the whole one.
    fn output(&self, of: &str, file: &str) -> PathBuf {
        let outputs = self.dir.path().join("build").join(self.name);
        outputs.join(of).join(file)
    }

    /// How the kernel took each case of adversity.
    fn cases(&self) -> &[serde_json::Value] {
        self.certificate["adversity"].as_array().expect("a list")
    }

    fn verdicts(&self, of: &str) -> Verdicts {
        let record = fs::read(self.output("pruned", "record.json")).expect("an output");
        let record: serde_json::Value = serde_json::from_slice(&record).expect("JSON");
        let bytes = record["ramdisk"]["files"]["/bin/busybox"].as_u64();
        let ramdisk = self.output("pruned", "ramdisk");
        verdicts(
            &self.output(of, "kernel"),
            &ramdisk,
            bytes.expect("a number"),
        )
    }
}

/// The size of the bzImage of `make tinyconfig`.
fn tinyconfig(objects: &Path) -> u64 {
    for goal in ["tinyconfig", "bzImage"] {
        let mut make = command("make");
        make.arg("-C").arg(linux());
        make.arg(format!("O={}", objects.display()));
        make.args(["ARCH=i386", "-j2", goal]);
        let status = make.status().expect("make starts");
        assert!(status.success(), "{goal}");
    }
    let image = objects.join("arch/x86/boot/bzImage");
    fs::metadata(image).expect("it was built").len()
}

#[test]
fn pc_net_pruned_tight_is_smaller_than_tinyconfig_and_passes_fifty_boots_of_fifty() {
    let pruned = Pruned::new("tight", "tight", &["--boots", "50"]);
    let passed = &pruned.certificate["passed"];
    // Fifty of each kind: ordinary, idle for ten minutes or an hour, console.
    assert_eq!(passed["boots"], 150);
    assert_eq!(passed["loaded"], 48);
    assert_eq!(
        (&passed["idle"], &passed["console"]),
        (&50.into(), &50.into())
    );
    assert_eq!(passed["longest_idle_seconds"], 3600);
    let bytes = fs::metadata(pruned.output("pruned", "kernel")).expect("an output");
    let objects = folder();
    let tiny = tinyconfig(objects.path());
    assert!(bytes.len() < tiny, "{} B, tinyconfig {tiny} B", bytes.len());
}

#[test]
fn pc_net_pruned_balanced_survives_all_of_adversity_and_says_what_busyboxs_tests_say() {
    let pruned = Pruned::new("balanced", "balanced", &[]);
    assert_eq!(pruned.cases().len(), 16);
    for case in pruned.cases() {
        assert_eq!(case["survived"], true, "{case}");
    }
    let (before, mut after) = (pruned.verdicts("whole"), pruned.verdicts("pruned"));
    assert!(before.len() > 300, "{before:#?}");
    assert!(
        before.values().filter(|v| *v == "PASS").count() > 200,
        "{before:#?}"
    );
    if before != after {
        // Some of them are decided by who is faster: a kill or a sleep.
        let again = pruned.verdicts("pruned");
        after.extend(
            again
                .into_iter()
                .filter(|(name, verdict)| before.get(name) == Some(verdict)),
        );
    }
    assert_eq!(before, after);
}

#[test]
fn pc_net_pruned_balanced_survives_a_million_hostile_packets() {
    let pruned = Pruned::new("balanced", "million", &["--flood", "1000000"]);
    let flood = pruned.cases().iter().find(|case| case["name"] == "flood");
    let flood = flood.expect("it is a case");
    assert_eq!(flood["survived"], true, "{flood}");
    let detail = flood["detail"].as_str().expect("words");
    assert!(detail.contains("1000000 hostile packets"), "{detail}");
}

/// Its kernel was proven with an agent of another day: one that asks for more than
/// that did stops it.
#[test]
fn pc_net_tiny_passes_with_the_agent_of_today_from_memory_and_from_a_floppy() {
    let dir = folder();
    lock(dir.path(), "pc-net.tiny");
    for args in [
        &["check"][..],
        &["check", "--no-boot-cost"],
        &["image", "--as", "floppy", "--check"],
    ] {
        let mut command = tuxling();
        command.current_dir(dir.path()).args(&args[..1]);
        command.arg("pc-net.tiny").args(&args[1..]);
        run(command.args(TCG)).ends_with(0);
    }
    let floppy = fs::metadata(dir.path().join("build/pc-net.tiny/floppy.img"));
    assert_eq!(floppy.expect("an output").len(), 1_474_560);
}
