//! Any text as a configuration file, on a tree with one option of each type.
#![no_main]

use kconfig::{
    Configuration, Dialect, Environment, Fragment, Kconfig, LoadOptions, MemoryTree, SilentShell,
    diff,
};
use libfuzzer_sys::fuzz_target;

const TREE: &str = "config MODULES\n\tbool \"m\"\n\tmodules\n\
    config B\n\tbool \"b\"\n\tselect T if N > 3\n\
    config T\n\ttristate \"t\"\n\tdepends on S = \"x\" || m\n\
    config N\n\tint \"n\"\n\trange 1 H if B\n\
    config H\n\thex \"h\"\n\tdefault 0x20\n\
    config S\n\tstring \"s\"\n\
    choice\n\tprompt \"c\"\nconfig C1\n\tbool \"1\"\nconfig C2\n\tbool \"2\"\n\tdepends on B\nendchoice\n";

fuzz_target!(|text: &str| {
    let files = MemoryTree::new().with("Kconfig", TREE);
    for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &Environment::new(),
            shell: &SilentShell,
            dialect,
        })
        .expect("a file in memory");
        let (mut configuration, _) = Configuration::olddefconfig(&tree, text);
        let written = configuration.to_dotconfig();
        let _ = diff(text, &written);
        let _ = configuration.redundant_requests();
        assert_eq!(configuration.to_dotconfig(), written);
        let fragment = Fragment { label: String::new(), text: text.to_owned() };
        let _ = Configuration::merge(&tree, &written, &[fragment]);
    }
});
