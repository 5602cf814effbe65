//! Any bytes as an inittab of BusyBox' init: there is an answer, every entry has
//! its line, and nothing of it is an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use startup::foresee::{Busybox, Userland, findings};
use startup::inittab::{Inittab, program};
use startup::program::Abilities;
use startup::{Files, Node, NodeKind};

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|b| *b == b'\n').count();
    let read = Inittab::read(bytes);
    for entry in &read.entries {
        assert!((1..=lines).contains(&entry.line) && !entry.command.is_empty());
        program(&entry.command);
    }
    assert!(read.wrong.iter().all(|wrong| (1..=lines).contains(&wrong.line)));
    let mut files = Files::default();
    let mut add = |path: &str, kind| files.insert(path, Node { kind, mode: 0o755 });
    add("/bin", NodeKind::Directory);
    add("/bin/busybox", NodeKind::unknown_file());
    add("/bin/sh", NodeKind::Link("busybox".to_owned()));
    add("/init", NodeKind::Link("/bin/busybox".to_owned()));
    add("/etc", NodeKind::Directory);
    add("/etc/inittab", NodeKind::of_bytes(bytes));
    let found = findings(&Userland {
        files: &files,
        busybox: Some(Busybox {
            path: "/bin/busybox",
            applets: &["sh".to_owned(), "init".to_owned()],
            defaults: false,
            usual: false,
            options: ["FEATURE_USE_INITTAB".to_owned()].into(),
        }),
        abilities: Abilities::default(),
        cmdline: "",
        default_init: false,
    });
    assert!(found.iter().all(|finding| !finding.certain));
});
