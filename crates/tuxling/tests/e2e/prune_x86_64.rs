//! Pruned kernels of x86_64: the certificate makes the same bytes again. Where a
//! missed function is seen, the long tests show. The kernel is that of QEMU's microvm
//! without a network.

use crate::fixture::{Recipe, folder, outputs, run};
use crate::planted::{prune, tight};

fn recipe(name: &str, over: &str) -> Recipe {
    let machine = r#"
        board = "microvm"
        machine.memory = "64MiB"
        kernel.fragments = ["builtin:microvm-base.config"]
    "#;
    Recipe::built_in("pc-shell", name).with(machine).with(over)
}

#[test]
fn a_certificate_makes_the_same_bytes_of_x86_64_again() {
    let dir = folder();
    let recipe = recipe("certified64", "").write(dir.path());
    let pruned = tight(&recipe, &["--boots", "1", "--json"]).ends_with(0);
    let certificate = pruned.json();
    assert_eq!(certificate["passed"]["boots"], 3);
    let size = |of: &str| {
        let kernel = outputs(&recipe).join(of).join("kernel");
        std::fs::metadata(kernel).expect("an output").len()
    };
    assert!(size("pruned") < size("whole") * 6 / 10);
    let calls = &certificate["system_calls"];
    assert_eq!(calls["all_kept"], serde_json::Value::Null);
    let closed = calls["closed"].to_string();
    assert!(closed.contains("__x64_sys_sethostname"), "{closed}");
    assert!(!closed.contains("__x64_sys_read\""), "{closed}");
    assert!(certificate["removed"]["gaps"].as_u64() > Some(500));
    let path = "build/certified64/pruned/certified64.cert.json";
    run(&mut prune(&recipe, &["--verify", path])).ends_with(0);
}
