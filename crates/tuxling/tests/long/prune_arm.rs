//! Pruned kernels of ARM: a missed function is seen wherever it is missed, and
//! named on the console.

use crate::fixture::{Recipe, folder};
use crate::planted::missed_is_seen;

#[test]
fn a_missed_function_is_seen_wherever_arm_misses_it() {
    let dir = folder();
    let over = "[prune]\nnames = true\non-trap = \"reset-after 1s\"";
    let recipe = Recipe::built_in("versatilepb", "planted-arm").with(over);
    let recipe = recipe.write(dir.path());
    for (function, where_it_runs) in [
        (
            "setup_machine_fdt",
            "before there are page tables of its own",
        ),
        ("sp804_timer_interrupt", "in an interrupt"),
        ("worker_thread", "in a kernel thread"),
        ("kernel_restart", "after the last check"),
    ] {
        missed_is_seen(&recipe, function, where_it_runs);
    }
}
