//! User lands and what is told of them.

use super::*;
use crate::files::Node;

const ELF: &str = "\x7fELF\x01\x01";

/// A user land with BusyBox and its init.
struct Case {
    applets: Vec<String>,
    options: Vec<&'static str>,
    defaults: bool,
    files: Vec<(String, NodeKind, u32)>,
    cmdline: &'static str,
    default_init: bool,
}

impl Case {
    fn new(applets: &str) -> Case {
        let mut applets: Vec<String> = applets.split(' ').map(str::to_owned).collect();
        applets.push("init".to_owned());
        let options = [
            "ASH_CMDCMD",
            "ASH_ECHO",
            "ASH_TEST",
            "FEATURE_SH_MATH",
            "FEATURE_USE_INITTAB",
        ];
        let case = Case {
            applets,
            options: options.to_vec(),
            defaults: false,
            files: Vec::new(),
            cmdline: "console=ttyS0",
            default_init: false,
        };
        case.link("/init", "/bin/busybox")
    }

    fn text(self, path: &str, text: &str) -> Case {
        self.bytes(path, text.as_bytes(), 0o755)
    }

    fn bytes(mut self, path: &str, bytes: &[u8], mode: u32) -> Case {
        let kind = NodeKind::of_bytes(bytes);
        self.files.push((path.to_owned(), kind, mode));
        self
    }

    fn link(mut self, path: &str, to: &str) -> Case {
        let kind = NodeKind::Link(to.to_owned());
        self.files.push((path.to_owned(), kind, 0o777));
        self
    }

    fn inittab(self, text: &str) -> Case {
        self.bytes("/etc/inittab", text.as_bytes(), 0o644)
    }

    fn rc_s(self, text: &str) -> Case {
        self.inittab("::sysinit:/etc/init.d/rcS\n::respawn:-/bin/sh\n")
            .text("/etc/init.d/rcS", text)
    }

    fn findings(&self) -> Vec<Finding> {
        let mut files = Files::default();
        for folder in [
            "/bin",
            "/sbin",
            "/usr",
            "/usr/bin",
            "/usr/sbin",
            "/etc",
            "/etc/init.d",
        ] {
            let kind = NodeKind::Directory;
            files.insert(folder, Node { kind, mode: 0o755 });
        }
        if !self.applets.is_empty() {
            let kind = NodeKind::unknown_file();
            files.insert("/bin/busybox", Node { kind, mode: 0o755 });
        }
        for applet in &self.applets {
            let folder = applets::folder(applet).expect("an applet");
            let kind = NodeKind::Link("/bin/busybox".to_owned());
            files.insert(&format!("{folder}/{applet}"), Node { kind, mode: 0o777 });
        }
        for (path, kind, mode) in &self.files {
            files.insert(
                path,
                Node {
                    kind: kind.clone(),
                    mode: *mode,
                },
            );
        }
        findings(&Userland {
            files: &files,
            busybox: (!self.applets.is_empty()).then(|| Busybox {
                path: "/bin/busybox",
                applets: &self.applets,
                defaults: self.defaults,
                usual: false,
                options: self.options.iter().map(|o| (*o).to_owned()).collect(),
            }),
            abilities: Abilities::default(),
            cmdline: self.cmdline,
            default_init: self.default_init,
        })
    }

    /// That one thing is told, with these words, and that it is no error.
    #[track_caller]
    fn warns(&self, place: &str, texts: &[&str]) {
        let all = self.findings();
        let found = all.iter().find(|finding| {
            let told = format!("{}; mend: {}", finding.what, finding.mend);
            finding.place() == place && texts.iter().all(|text| told.contains(text))
        });
        let found = found.unwrap_or_else(|| panic!("no {texts:?} at {place} in {all:#?}"));
        assert!(!found.certain, "{found:?}");
    }

    #[track_caller]
    fn fails(&self, texts: &[&str]) {
        let all = self.findings();
        let [one] = &all[..] else { panic!("{all:#?}") };
        let told = format!("{}; mend: {}", one.what, one.mend);
        assert!(one.certain, "{one:?}");
        assert!(texts.iter().all(|text| told.contains(text)), "{told}");
    }

    #[track_caller]
    fn is_well(&self) {
        assert_eq!(self.findings(), []);
    }
}

/// Without BusyBox, an init alone.
fn alone(bytes: &[u8], mode: u32) -> Case {
    let mut case = Case::new("sh");
    case.applets.clear();
    case.files.clear();
    case.bytes("/init", bytes, mode)
}

#[test]
fn an_init_that_is_no_program_ends_it_only_where_nothing_else_is_there() {
    let text = b"mount -a\nexec /bin/sh\n";
    let begins = "its first bytes are `mount`";
    alone(text, 0o755).fails(&[begins, "nothing", "begin with #!/bin/sh"]);
    alone(b"", 0o755).fails(&["it is empty"]);
    let bom = b"\xef\xbb\xbf#!/bin/sh\n";
    alone(bom, 0o755).fails(&["EF BB BF", "nothing may stand before #!"]);
    alone(b"\n#!/bin/sh\n", 0o755).fails(&["0A, blanks before #!"]);
    alone(b"\xff\xfe#\0!\0", 0o755).fails(&["FF FE"]);
    alone(b"#!\n", 0o755).fails(&["names no interpreter"]);
    alone(b"#!/bin/bash\n", 0o755).fails(&["script for /bin/bash"]);
    alone(ELF.as_bytes(), 0o644).fails(&["mode 0644"]);

    for (bytes, words) in [(&text[..], begins), (b"", "it is empty"), (bom, "EF BB BF")] {
        Case::new("sh")
            .bytes("/init", bytes, 0o755)
            .warns("/init", &[words, "starts /sbin/init instead"]);
    }
    let mut other = alone(text, 0o755);
    other.default_init = true;
    other.warns("/init", &[begins]);
    let mut root = alone(text, 0o755).link("/init", "/nowhere");
    root.cmdline = "root=/dev/vda";
    root.warns("/init", &["a link to /nowhere"]);
}

#[test]
fn a_format_that_some_kernel_may_know_is_not_held_against_it() {
    alone(b"bFLT\0\0\0\x04", 0o755).is_well();
    alone(ELF.as_bytes(), 0o755).is_well();
    let script = Case::new("sh").text("/init", "#! /bin/sh -e\nexec sh\n");
    script.is_well();
}

#[test]
fn an_inittab_that_names_what_is_not_there() {
    let case = |text: &str| Case::new("sh reboot").inittab(text);
    let sysinit = case("::sysinit:/etc/init.d/rc\n::askfirst:/bin/sh\n");
    sysinit.warns(
        "/etc/inittab, line 1",
        &["`/etc/init.d/rc` can't be run: it isn't in the ramdisk"],
    );
    let getty = case("::respawn:/sbin/getty -L 115200 ttyS0\n");
    getty.warns("/etc/inittab, line 1", &["add \"getty\" to busybox"]);
    let bare = case("::respawn:-/bin/sh\n::shutdown:umount -a\n");
    bare.warns("/etc/inittab, line 2", &["`umount`", "add \"umount\""]);
    let other = case("::ctrlaltdel:/bin/reboot\n");
    other.warns(
        "/etc/inittab, line 1",
        &["the applet's link is /sbin/reboot"],
    );
    let mode = case("::sysinit:/etc/rc\n").bytes("/etc/rc", b"#!/bin/sh\n", 0o644);
    mode.warns("/etc/inittab, line 1", &["mode 0644", "mode = \"0755\""]);
    let text = case("::sysinit:/etc/rc\n").text("/etc/rc", "mount -a\n");
    text.warns("/etc/inittab, line 1", &["first bytes are `mount`"]);
    case("::sysinit:/bin/sh -c 'echo x'\n::ctrlaltdel:reboot\nttyS0::respawn:-/bin/sh\n").is_well();
    case("::once:/proc/self/exe\n").is_well();
}

#[test]
fn an_inittab_of_system_v_is_told_with_its_lines() {
    let case = Case::new("sh").text("/etc/init.d/rcS", "#!/bin/sh\n").inittab(
        "id:3:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2345:respawn:/sbin/getty 38400 tty1\n",
    );
    case.warns("/etc/inittab, line 1", &["`initdefault`", "System V"]);
    case.warns(
        "/etc/inittab, line 2",
        &["no /dev/si", "leave the field empty"],
    );
    case.warns("/etc/inittab, line 3", &["no /dev/1"]);
    case.warns("/etc/inittab, line 3", &["add \"getty\""]);
    Case::new("sh")
        .inittab("hvc0::respawn:-/bin/sh\ntty1::askfirst:-/bin/sh\n")
        .is_well();
    let mut device = Case::new("sh").inittab("x1::respawn:-/bin/sh\n");
    device
        .files
        .push(("/dev/x1".to_owned(), NodeKind::Device, 0o600));
    device
        .files
        .push(("/dev".to_owned(), NodeKind::Directory, 0o755));
    device.is_well();
}

#[test]
fn bytes_that_nobody_sees_are_named() {
    let case = |text: &str| Case::new("sh").inittab(text);
    case("::respawn:\u{a0}/bin/sh\n").warns("/etc/inittab, line 1", &["no-break space"]);
    case("::respawn:-/bin/sh\r\n").warns("/etc/inittab, line 1", &["carriage return"]);
    case("\u{feff}::respawn:-/bin/sh\n").warns("/etc/inittab, line 1", &["byte order mark"]);
}

#[test]
fn an_rc_s_that_calls_what_busybox_has_not_got() {
    let case = |text: &str| Case::new("sh cat").rc_s(text);
    case("#!/bin/sh\nmount -a\n").warns(
        "/etc/init.d/rcS, line 2",
        &[
            "calls mount, which BusyBox is built without",
            "add \"mount\" to busybox",
        ],
    );
    case("#!/bin/sh\nx=$(uname -r)\n").warns("/etc/init.d/rcS, line 2", &["calls uname"]);
    case("#!/bin/sh\nif true; then\n cat /x | grep y\nfi\n")
        .warns("/etc/init.d/rcS, line 3", &["grep"]);
    case("#!/bin/sh\n/sbin/mdev -s\n").warns(
        "/etc/init.d/rcS, line 2",
        &["calls /sbin/mdev", "add \"mdev\""],
    );
    case("#!/bin/sh\nprintf '%s' x\n")
        .warns("/etc/init.d/rcS, line 2", &["add \"printf\"", "ASH_PRINTF"]);
    case("#!/bin/sh\nsource /etc/x\n").warns("/etc/init.d/rcS, line 2", &["/etc/x"]);
    case("#!/bin/sh\nmydaemon &\n").warns(
        "/etc/init.d/rcS, line 2",
        &["put mydaemon into the ramdisk"],
    );
    let nested = case("#!/bin/sh\n. /etc/functions\nup\n/etc/init.d/S1 start\n")
        .text("/etc/functions", "up() { ifconfig lo up; }\n")
        .text("/etc/init.d/S1", "#!/bin/sh\nsyslogd\n");
    nested.warns("/etc/functions, line 1", &["ifconfig"]);
    nested.warns("/etc/init.d/S1, line 2", &["syslogd"]);
    let loops = case("#!/bin/sh\nfor i in /etc/init.d/S??*; do $i start; done\n")
        .text("/etc/init.d/S10x", "#!/bin/sh\nklogd\n");
    loops.warns("/etc/init.d/S10x, line 2", &["klogd"]);
    let own = Case::new("sh").text("/init", "#!/bin/sh\nmount -t proc proc /proc\n");
    own.warns("/init, line 2", &["mount"]);
    let mut bare = case("#!/bin/sh\ncommand -v cat\n");
    bare.options.retain(|o| *o != "ASH_CMDCMD");
    bare.warns(
        "/etc/init.d/rcS, line 2",
        &["calls command", "CONFIG_ASH_CMDCMD=y"],
    );
    let mut math = case("#!/bin/sh\necho $((1+1))\n");
    math.options.retain(|o| *o != "FEATURE_SH_MATH");
    math.warns("/etc/init.d/rcS, line 2", &["CONFIG_FEATURE_SH_MATH=y"]);
}

#[test]
fn what_may_be_there_when_it_is_called_is_not_told() {
    let case = |text: &str| Case::new("sh cat").rc_s(text);
    for text in [
        "#!/bin/sh\n[ -x /sbin/mdev ] && /sbin/mdev -s\n",
        "#!/bin/sh\ncommand -v mount >/dev/null && mount -a\n",
        "#!/bin/sh\nmount -a 2>/dev/null\nswapon -a || true\n",
        "#!/bin/sh\nup() { cat /x; }\nup\n",
        "#!/bin/sh\n$CMD x\n\"$HOME\"/x\n./x\n",
        "#!/bin/sh\ncat x >/tmp/y\n/tmp/y\n",
        "#!/bin/sh\n/proc/self/exe\ncd /tmp; set -e; trap 'x' EXIT\n",
        "#!/bin/sh\n. /nowhere 2>/dev/null || true\n[ -f /e ] && . /e\n",
        "#!/bin/bash\nmount -a\n",
        "#!/bin/sh\ncat <<E\nmount -a\nE\nexit 0\nmount -a\n",
        "#!/bin/sh\neval y\nunknown\n",
    ] {
        let all = case(text).findings();
        let none = all
            .iter()
            .all(|f| f.what.contains("#!/bin/bash") || f.what.contains("/bin/bash"));
        assert!(none, "{text}: {all:#?}");
    }
    let mut defaults = case("#!/bin/sh\nmount -a\nprintf x\nsource /etc/init.d/rcS\n");
    defaults.defaults = true;
    defaults.is_well();
    let mounted = case("#!/bin/sh\nmount /dev/vda /mnt 2>/dev/null\n/mnt/start\n");
    mounted.is_well();
}
