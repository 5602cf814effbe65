//! `want` and `why` on a real kernel, the answers held against `conf`.

mod oracle;

use kconfig::{Configuration, DiskTree, DropReason, Fragment, Kconfig, Request, UserValue, Want};
use oracle::{Oracle, Target};

const I386: Target = Target {
    version: "6.12",
    arch: "i386",
    srcarch: "x86",
    cross: "",
    defconfig: "i386_defconfig",
    number: 0,
};

fn tinyconfig<'k>(oracle: &Oracle, tree: &'k Kconfig) -> Configuration<'k> {
    Configuration::kernel_tinyconfig(tree, &DiskTree::new(&oracle.source), "x86")
        .expect("the files of tinyconfig")
}

/// What is wanted, as lines of a configuration.
fn lines_of(want: &Want, tree: &Kconfig, configuration: &Configuration<'_>) -> Vec<String> {
    let line = |request: &Request| {
        let name = tree.display_name(request.symbol);
        match &request.value {
            Some(UserValue::Tristate(value)) => format!("CONFIG_{name}={value}"),
            _ => format!("CONFIG_{name}={}", configuration.value(request.symbol)),
        }
    };
    want.requests.iter().map(line).collect()
}

const WANTED: &[(&str, &str)] = &[
    ("E1000", "y"),
    ("PACKET", "y"),
    ("EXT4_FS", "y"),
    ("SERIAL_8250_CONSOLE", "y"),
    ("DEVTMPFS_MOUNT", "y"),
    ("IPV6", "m"),
    ("USB_STORAGE", "y"),
    ("NF_NAT", "y"),
    ("KVM_INTEL", "m"),
    ("VT", "n"),
    ("X86_MINIMUM_CPU_FAMILY", "6"),
    ("HZ_1000", "y"),
    ("NUMA", "y"),
    ("IWLWIFI", "m"),
    ("SECURITY_SELINUX", "y"),
    ("SND_SOC_INTEL_SOF_RT5682_MACH", "m"),
    ("OVERLAY_FS", "y"),
];

#[test]
fn what_is_wanted_holds_in_conf_too() {
    let oracle = Oracle::new(I386);
    let tree = oracle.load();
    for (name, value) in WANTED.iter().copied() {
        let before = tinyconfig(&oracle, &tree).to_dotconfig();
        let (mut configuration, _) = Configuration::olddefconfig(&tree, &before);
        let request = tree
            .request(name, value)
            .unwrap_or_else(|error| panic!("{error}"));
        let start = std::time::Instant::now();
        let want = configuration
            .want(&request)
            .unwrap_or_else(|failure| panic!("no way to {name}={value}: {failure:?}"));
        let time = start.elapsed();
        assert_eq!(
            configuration.to_dotconfig(),
            before,
            "a question changes nothing"
        );
        configuration.set(&want.requests);
        assert!(configuration.holds(&request));
        let lines = lines_of(&want, &tree, &configuration);
        println!(
            "want {name}={value}: {} ({} tried, smallest: {}, {time:?})",
            lines.join(" "),
            want.tried,
            want.smallest
        );

        let scratch = oracle.scratch(&format!("want-{name}"));
        let mut fragment = lines.join("\n");
        fragment.push('\n');
        let text = kconfig::merge_text(&before, &[&fragment]);
        std::fs::write(scratch.join(".config"), text).expect("write");
        oracle.conf(&scratch, &["--olddefconfig"], &[]);
        let theirs = std::fs::read_to_string(scratch.join(".config")).expect("read");
        let line = match value {
            "n" => {
                assert!(!theirs.contains(&format!("CONFIG_{name}=y")));
                continue;
            }
            value => format!("CONFIG_{name}={value}\n"),
        };
        assert!(theirs.contains(&line), "{name}: conf disagrees");
        assert_eq!(theirs, configuration.to_dotconfig(), "{name}");
    }
}

#[test]
fn what_no_answer_can_reach_is_said_so() {
    let oracle = Oracle::new(I386);
    let tree = oracle.load();
    let mut configuration = tinyconfig(&oracle, &tree);
    for (name, value) in [("64BIT", "y"), ("MMU", "n")] {
        let request = tree
            .request(name, value)
            .unwrap_or_else(|error| panic!("{error}"));
        let failure = configuration
            .want(&request)
            .expect_err("i386 has none of it");
        assert!(failure.exhausted, "{name}={value}");
    }
}

#[test]
fn dropped_requests_name_the_unmet_dependency() {
    let oracle = Oracle::new(I386);
    let tree = oracle.load();
    let base = tinyconfig(&oracle, &tree).to_dotconfig();
    let unmet_by = [
        ("E1000", "PCI"),
        ("PACKET", "NET"),
        ("EXT4_FS", "BLOCK"),
        ("SERIAL_8250_CONSOLE", "SERIAL_8250"),
        ("USB_STORAGE", "USB_SUPPORT"),
        ("IKCONFIG_PROC", "IKCONFIG"),
        ("SND_HDA_INTEL", "SND"),
        ("MODULE_UNLOAD", "MODULES"),
        ("FRAMEBUFFER_CONSOLE", "VT"),
        ("CIFS", "NETWORK_FILESYSTEMS"),
    ];
    let text: String = unmet_by
        .iter()
        .map(|(name, _)| format!("CONFIG_{name}=y\n"))
        .collect();
    let fragment = Fragment {
        label: "hand-made".into(),
        text,
    };
    let merged = Configuration::merge(&tree, &base, std::slice::from_ref(&fragment));
    let scratch = oracle.scratch("dropped");
    let merged_text = kconfig::merge_text(&base, &[&fragment.text]);
    std::fs::write(scratch.join(".config"), merged_text).expect("write");
    oracle.conf(&scratch, &["--olddefconfig"], &[]);
    let theirs = std::fs::read_to_string(scratch.join(".config")).expect("read");
    assert_eq!(merged.configuration.to_dotconfig(), theirs);
    for (name, unmet_symbol) in unmet_by {
        assert!(
            !theirs.contains(&format!("CONFIG_{name}=y\n")),
            "{name} isn't dropped"
        );
        let dropped = merged.dropped.iter().find(|dropped| dropped.name == name);
        let dropped = dropped.unwrap_or_else(|| panic!("{name} isn't reported"));
        let DropReason::UnmetDependency { unmet } = &dropped.reason else {
            panic!("{name}: {:?}", dropped.reason);
        };
        let texts: Vec<&str> = unmet.iter().map(|unmet| unmet.text.as_str()).collect();
        println!("{name}: {}", texts.join(", "));
        let named = texts
            .iter()
            .any(|text| text.starts_with(&format!("{unmet_symbol} [=")));
        assert!(named, "{name}: {texts:?} doesn't name {unmet_symbol}");
    }
    assert_eq!(merged.dropped.len(), unmet_by.len());
}
