//! Budgets: what is over them ends with 6, and is told with what grew.

use std::fs;

use crate::fixture::{Recipe, check, folder, run, tuxling};

#[test]
fn who_is_over_budget_is_told_what_grew_since_the_record_that_was_not() {
    let dir = folder();
    // The store outlives this run, and numbers of processes come again.
    let random = dir.path().file_name().expect("a name").to_string_lossy();
    let random = random.trim_start_matches(|c: char| !c.is_alphanumeric());
    let name = format!("budget-{}", random.to_lowercase());
    // Passing says nothing here but that there is a record: one check that a
    // busy machine can't make late.
    let budget = "[budget]\nramdisk = \"118000\"\n[machine]\ntimeout = \"600s\"\n\
                  [[check]]\nname = \"runs\"\nrun = \"true\"\ntimeout = \"500s\"\n";
    let recipe = Recipe::pc_net(&name).with(budget).write(dir.path());
    // Kernel, ramdisk and agent are pc-net's own.
    run(&mut check(&recipe)).ends_with(0);
    let noise: String = (0u32..9000)
        .map(|i| {
            char::from(b'a' + (i.wrapping_mul(i).wrapping_mul(2_654_435_761) >> 24) as u8 % 26)
        })
        .collect();
    let file = format!("[[userland.file]]\nto = \"/etc/noise\"\ntext = \"{noise}\"\n");
    let grown = Recipe::pc_net(&name).with(budget).with(&file);
    let recipe = grown.write(dir.path());
    let mut build = tuxling();
    let ended = run(build.current_dir(dir.path()).arg("build").arg(&recipe)).ends_with(6);
    let ended = ended.says(&[
        "is over its budget",
        "the ramdisk: ",
        "What grew since the last record within this budget:",
        "ramdisk: +",
        "/etc/noise: 9,000 B, new",
    ]);
    assert!(!ended.stderr.contains("kernel: +"), "{}", ended.stderr);
    // The outputs are there all the same.
    assert!(fs::metadata(dir.path().join(format!("build/{name}/ramdisk"))).is_ok());
}
