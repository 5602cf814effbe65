//! What changes do to a plan, and which of them a system is given.

use initramfs::Compression;

use super::*;

fn plan() -> Plan {
    recipe::load("pc-net", std::path::Path::new("/")).expect("the built-in recipe")
}

#[test]
fn a_candidate_changes_the_plan_as_its_ways_say() {
    let plan = plan();
    let busybox = plan.userland.busybox.as_ref().expect("has one");
    let built: Vec<&str> = busybox.applets.iter().map(String::as_str).collect();
    let mut ways = Ways::new("test", &[], &BTreeSet::new());
    for way in applets::ways(&plan, &built) {
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
    let mut ways = Ways::new("test", &[], &BTreeSet::new());
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

/// A kernel with one of each kind of option.
const KCONFIG: &str = "\
config CARD
\tbool \"the network card: the recipe's own word\"
\tdepends on BUS_A || BUS_B
config BUS_A
\tbool \"one bus\"
config BUS_B
\tbool \"another\"
config PRINTK
\tbool \"messages\"
config CALLED
\tbool \"a system call of it was made\"
config RAN
\tbool \"code of it ran\"
config IDLE
\tbool \"nothing of it ran\"
config INNER
\tbool \"acts inside files\"
config PICK
\tbool \"choose the rest yourself\"
config REST
\tbool \"what comes unless one picks\" if PICK
\tdefault y
config BUG
\tbool \"protects\"
config BASE_SMALL
\tbool \"small tables\"
";

const CONFIG: &str = "\
CONFIG_CARD=y\nCONFIG_BUS_A=y\nCONFIG_BUS_B=y\nCONFIG_PRINTK=y\nCONFIG_CALLED=y\n\
CONFIG_RAN=y\nCONFIG_IDLE=y\nCONFIG_INNER=y\nCONFIG_PICK=y\n# CONFIG_REST is not set\n\
CONFIG_BUG=y\n";

fn insight() -> options::Insight {
    let mut insight = options::Insight::default();
    let objects = [
        ("called.o", "CALLED"),
        ("ran.o", "RAN"),
        ("idle.o", "IDLE"),
        ("printk.o", "PRINTK"),
        ("bus_a.o", "BUS_A"),
        ("bus_b.o", "BUS_B"),
    ];
    for (object, option) in objects {
        let reason = kbuild::Reason {
            options: vec![option.to_owned()],
            makefile: "Makefile".to_owned(),
            library: false,
        };
        insight.objects.reasons.insert(object.to_owned(), reason);
        insight.shares.insert(object.to_owned(), 1000);
        if object != "idle.o" {
            insight.ran.objects.insert(object.to_owned());
        }
    }
    insight.ran.calls.insert("called.o".to_owned());
    insight
}

#[test]
fn what_can_be_had_together_leaves_what_must_stay_and_the_likely_needed_for_last() {
    let files = kconfig::MemoryTree::new().with("Kconfig", KCONFIG);
    let tree = kconfig::Kconfig::load(&kconfig::LoadOptions {
        root: "Kconfig",
        tree: &files,
        env: &kconfig::Environment::new(),
        shell: &kconfig::SilentShell,
        dialect: kconfig::Dialect::Linux6_12,
    })
    .expect("loads");
    let (mut configuration, warnings) = kconfig::Configuration::olddefconfig(&tree, CONFIG);
    assert!(warnings.is_empty(), "{warnings:?}");
    let fixed = farm::fixed::Fixed {
        symbols: ["CARD".to_owned()].into(),
        security_off: false,
    };
    let mut ways = Ways::new("test", &[], &BTreeSet::new());
    for way in constants::ways(&mut configuration, &fixed, false) {
        ways.add(way);
    }
    options::add(&mut ways, &mut configuration, &insight(), &fixed);
    let group = |key: &str| {
        let id = ways.space.find(&options::key(key))?;
        Some(ways.space.change(id).group.clone())
    };
    assert_eq!(group("BASE_SMALL").as_deref(), Some(CONSTANTS));
    assert_eq!(group("IDLE").as_deref(), Some(UNUSED));
    assert_eq!(group("INNER").as_deref(), Some(INSIDE));
    assert_eq!(group("RAN").as_deref(), Some(USED));
    assert_eq!(group("PRINTK").as_deref(), Some(MESSAGES));
    // The recipe's word, what protects, and what only holds others down.
    for stays in ["CARD", "BUG", "PICK"] {
        assert_eq!(group(stays), None, "{stays}");
    }
    let together = options::together(&ways, &mut configuration, &fixed);
    let keys: Vec<&str> = together
        .iter()
        .map(|&id| ways.space.change(id).key.as_str())
        .collect();
    // The card needs one of the two buses; the other one may go.
    let buses = keys.iter().filter(|key| key.starts_with("CONFIG_BUS_"));
    assert_eq!(buses.count(), 1, "{keys:?}");
    assert!(!keys.contains(&"CONFIG_PRINTK"), "{keys:?}");
    assert_eq!(keys.first(), Some(&"CONFIG_BASE_SMALL"), "{keys:?}");
    assert_eq!(keys.last(), Some(&"CONFIG_CALLED"), "{keys:?}");
    let place = |key: &str| keys.iter().position(|k| *k == key).expect("is taken");
    assert!(place("CONFIG_IDLE") < place("CONFIG_INNER"));
    assert!(place("CONFIG_INNER") < place("CONFIG_RAN"));

    // Another search has no use for them.
    let known = ways.space.ids().map(|id| ways.space.change(id).key.clone());
    let mut again = Ways::new("test", &[], &known.collect());
    options::add(&mut again, &mut configuration, &insight(), &fixed);
    assert!(again.space.is_empty());
}

#[test]
fn of_busyboxs_defaults_the_named_applets_stay_with_what_they_need() {
    let mut plan = plan();
    let busybox = plan.userland.busybox.as_mut().expect("has one");
    *busybox = recipe::plan::BusyboxPlan {
        applets: Vec::new(),
        defconfig: true,
        requests: vec![request("TC", "n")],
        implied: BTreeSet::new(),
        ..busybox.clone()
    };
    let mut ways = Ways::new("test", &[], &BTreeSet::new());
    for way in applets::ways(&plan, &["cat", "dd", "init", "sh", "udhcpc", "vi"]) {
        ways.add(way);
    }
    assert_eq!(ways.space.find("busybox usual"), None);
    let id = ways.space.find("busybox").expect("a change");
    let taken = ways.space.with(&Candidate::default(), &[id]);
    let changed = ways.apply(&plan, &taken);
    let busybox = changed.userland.busybox.expect("has one");
    assert!(!busybox.defconfig);
    assert_eq!(busybox.applets, ["cat", "init", "sh", "udhcpc"]);
    let asked = |symbol: &str| busybox.requests.iter().any(|r| r.symbol == symbol);
    assert!(asked("SH_IS_ASH") && asked("TC"), "{:?}", busybox.requests);
    assert!(busybox.implied.contains("SH_IS_ASH"));
}
