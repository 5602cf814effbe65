use super::*;
use crate::recipe;

fn plan() -> Plan {
    recipe::load("pc-net", std::path::Path::new("/")).expect("the built-in recipe")
}

#[test]
fn a_candidate_changes_the_plan_as_its_ways_say() {
    let plan = plan();
    let mut ways = Ways::new("test", &[]);
    for way in applets::ways(&plan) {
        ways.add(way);
    }
    let reboot = ways.space.find("applet reboot");
    let sleep = ways.space.find("applet sleep");
    assert!(sleep.is_none(), "a check names it");
    let all: Vec<_> = ways.space.ids().collect();
    let candidate = ways.space.with(&Candidate::default(), &all);
    let changed = ways.apply(&plan, &candidate);
    assert_eq!(changed.ramdisk.compress, Compression::None);
    let busybox = changed.userland.busybox.expect("has one");
    assert_eq!(
        reboot.is_some(),
        !busybox.applets.iter().any(|a| a == "reboot")
    );
    assert!(busybox.applets.iter().any(|a| a == "udhcpc"));
    assert!(
        !busybox
            .requests
            .iter()
            .any(|r| r.symbol == "FEATURE_EDITING")
    );
    assert!(
        changed
            .kernel
            .requests
            .iter()
            .any(|r| r.symbol == "RD_XZ" && r.value == "n")
    );
    // Nothing taken: nothing changed.
    let same = ways.apply(&plan, &Candidate::default());
    assert_eq!(same.kernel.requests, plan.kernel.requests);
}

#[test]
fn a_key_is_taken_once() {
    let mut ways = Ways::new("test", &[]);
    let way = |edit| Way {
        key: "CONFIG_X".into(),
        label: "X".into(),
        group: CONSTANTS,
        edits: vec![edit],
        gain_bytes: 1,
        trial_time: Duration::from_secs(1),
        risk: Some(0.5),
    };
    ways.add(way(Edit::Options(vec![request("X", "y")])));
    ways.add(way(Edit::Options(vec![request("X", "n")])));
    assert_eq!(ways.space.len(), 1);
    let id = ways.space.find("CONFIG_X").expect("there");
    let taken = ways.space.with(&Candidate::default(), &[id]);
    let changed = ways.apply(&plan(), &taken);
    let last = changed.kernel.requests.last().expect("one");
    assert_eq!((&*last.symbol, &*last.value), ("X", "y"));
}
