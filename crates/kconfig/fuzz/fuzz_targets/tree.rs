//! Any text as a Kconfig file: read, worked out, written, asked about.
#![no_main]

use kconfig::{
    Answer, Configuration, Dialect, Environment, Kconfig, LoadOptions, MemoryTree, Request,
    SilentShell, Tristate, UserValue,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files = MemoryTree::new().with("Kconfig", text);
    for dialect in [Dialect::Linux6_1, Dialect::Linux6_12] {
        let tree = Kconfig::load(&LoadOptions {
            root: "Kconfig",
            tree: &files,
            env: &Environment::new(),
            shell: &SilentShell,
            dialect,
        })
        .expect("a file in memory");
        for answer in [Answer::No, Answer::Yes, Answer::Mod, Answer::Default] {
            let configuration = Configuration::all(&tree, answer, None);
            let text = configuration.to_dotconfig();
            let (configuration, _) = Configuration::defconfig(&tree, &text);
            let _ = configuration.to_defconfig();
        }
        let mut configuration = Configuration::randconfig(&tree, 1, None);
        let _ = tree.outline();
        let options: Vec<_> = tree.defined_options().map(|(id, _)| id).take(4).collect();
        for symbol in options {
            let value = Some(UserValue::Tristate(Tristate::Yes));
            let request = Request { symbol, value };
            let _ = configuration.why(symbol);
            let _ = configuration.because(symbol);
            let _ = tree.reason_text(&configuration.why_not(&request));
            let _ = configuration.want(&request);
        }
    }
});
