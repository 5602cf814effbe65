//! Recipes for machines of 64-bit ARM.

use super::*;

const VIRT: &str = "board = \"virt-aarch64\"\n[userland]\nbusybox = [\"sh\"]\n";

#[test]
fn a_kernel_that_does_not_unpack_itself_is_compressed_as_its_loader_knows() {
    for added in ["", "[kernel]\ncompress = \"gzip\"\n"] {
        let plan = plan(&format!("{VIRT}{added}"));
        assert_eq!(plan.kernel.compress, Compression::Gzip);
        // No option of the kernel's says how.
        for symbol in ["KERNEL_GZIP", "KERNEL_XZ"] {
            assert_eq!(value(&plan.kernel.requests, symbol), None);
        }
    }
    for wrong in ["xz", "none", "cm"] {
        let told = errors(&format!("{VIRT}[kernel]\ncompress = \"{wrong}\"\n"));
        let expected = "kernels of aarch64 don't unpack themselves";
        assert!(told.contains(expected), "{told}");
        assert!(told.contains("write \"gzip\""), "{told}");
    }
}

#[test]
fn a_boards_cpu_is_the_machines_where_the_recipe_names_none() {
    let cpu = |added: &str| plan(&format!("{VIRT}{added}")).machine.cpu;
    assert_eq!(cpu("").as_deref(), Some("cortex-a53"));
    let other = cpu("[machine]\ncpu = \"cortex-a72\"\n");
    assert_eq!(other.as_deref(), Some("cortex-a72"));
    assert_eq!(plan(LEAST).machine.cpu, None);
}
