//! Pruned kernels of x86_64: a missed function is seen wherever it is missed.

use crate::fixture::{Recipe, folder};
use crate::planted::missed_is_seen;

#[test]
fn a_missed_function_is_seen_wherever_x86_64_misses_it() {
    let dir = folder();
    let machine = r#"
        board = "microvm"
        machine.memory = "64MiB"
        kernel.fragments = ["builtin:microvm-base.config"]
        prune.names = true
    "#;
    let recipe = Recipe::built_in("pc-shell", "planted64").with(machine);
    let recipe = recipe.write(dir.path());
    for (function, where_it_runs) in [
        ("x86_64_start_kernel", "on the first page tables"),
        ("timer_interrupt", "in an interrupt"),
        ("worker_thread", "in a kernel thread"),
        ("kernel_restart", "after the last check"),
    ] {
        missed_is_seen(&recipe, function, where_it_runs);
    }
}
