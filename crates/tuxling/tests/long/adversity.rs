//! All of adversity, on the whole kernel.

use crate::fixture::{Recipe, TCG, folder, run, tuxling};

#[test]
fn pc_net_survives_every_case() {
    let dir = folder();
    let recipe = Recipe::pc_net("hardy").write(dir.path());
    let mut check = tuxling();
    check.current_dir(dir.path()).arg("check").arg(&recipe);
    check.args(["--no-boot-cost", "--adversity", "--json"]);
    let result = run(check.args(TCG)).ends_with(0).json();
    let cases = result["cases"].as_array().expect("cases");
    assert!(cases.len() > 15, "{result}");
    for case in cases {
        assert_eq!(case["survived"], true, "{case}");
    }
}
