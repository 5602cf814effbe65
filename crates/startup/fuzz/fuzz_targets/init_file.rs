//! Any bytes as the first program of a system, and as the script that it runs:
//! there is an answer, and only an init that the kernel refuses is an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use startup::foresee::{Userland, findings};
use startup::program::{Abilities, refusal};
use startup::{Files, Node, NodeKind};

fuzz_target!(|bytes: &[u8]| {
    let mut files = Files::default();
    let mut add = |path: &str, kind| files.insert(path, Node { kind, mode: 0o755 });
    add("/bin", NodeKind::Directory);
    add("/bin/sh", NodeKind::unknown_file());
    add("/init", NodeKind::of_bytes(bytes));
    let refused = refusal(&files, "/init", &Abilities::default()).is_some();
    let mut script = b"#!/bin/sh\n".to_vec();
    script.extend(bytes);
    for first in [bytes, &script] {
        let kind = NodeKind::of_bytes(first);
        files.insert("/init", Node { kind, mode: 0o755 });
        let found = findings(&Userland {
            files: &files,
            busybox: None,
            abilities: Abilities::default(),
            cmdline: "",
            default_init: false,
        });
        // /bin/sh is there: something comes up.
        assert!(found.iter().all(|finding| !finding.certain));
        if first == bytes {
            assert_eq!(refused, found.iter().any(|finding| finding.file == "/init" && finding.line.is_none()));
        }
    }
});
