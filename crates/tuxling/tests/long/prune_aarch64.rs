//! Pruned kernels of 64-bit ARM: a missed function is seen wherever it is missed,
//! and named on the console.

use crate::fixture::{Recipe, folder};
use crate::planted::missed_is_seen;

#[test]
fn a_missed_function_is_seen_wherever_aarch64_misses_it() {
    let dir = folder();
    let over = "prune.names = true";
    let recipe = Recipe::built_in("virt-aarch64", "planted-aarch64").with(over);
    let recipe = recipe.write(dir.path());
    for (function, where_it_runs) in [
        ("__pi_create_init_idmap", "before the MMU is on"),
        ("__pi_early_map_kernel", "at the addresses of RAM"),
        ("setup_arch", "early, at the kernel's addresses"),
        ("arch_timer_handler_virt", "in an interrupt"),
        ("worker_thread", "in a kernel thread"),
        ("kernel_restart", "after the last check"),
    ] {
        missed_is_seen(&recipe, function, where_it_runs);
    }
}
