//! A corpus of user lands that boot, told as recipes and folders. What is told
//! before a boot must refuse none of them (`main.rs`); the long suite boots
//! them (`crates/tuxling/tests/long/userlands.rs`).

/// One user land.
pub(crate) struct UserLand {
    /// Its name, as a recipe's.
    pub name: &'static str,
    /// What the recipe has besides [`HEAD`].
    pub recipe: &'static str,
    /// What the folder `root` beside the recipe holds.
    pub folder: &'static [(&'static str, Content)],
}

/// What a file of a folder is.
pub(crate) enum Content {
    /// A text that may be executed.
    Text(&'static str),
    /// A symbolic link.
    Link(&'static str),
    /// A program, linked statically, that never ends.
    Program,
}

use Content::{Link, Program, Text};

/// The machine and the kernel of all: that of `pc-net`, whatever the user land
/// is.
pub(crate) const HEAD: &str = r#"
board = "pc"
kernel.fragments = ["builtin:pc-base.config", "builtin:pc-net.config"]
kernel.options = "CONFIG_BINFMT_SCRIPT=y\nCONFIG_COMPAT_32BIT_TIME=y\nCONFIG_PROC_FS=y\n"
network.mode = "dhcp"
"#;

/// All of them.
pub(crate) const USER_LANDS: &[UserLand] = &[
    UserLand {
        name: "usual",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-usual",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/etc/init.d/rcS\n::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-terminal",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "ttyS0::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-askfirst",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/etc/init.d/rcS\n::askfirst:/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-shell-line",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/bin/sh -c 'mount -t proc proc /proc; echo up >/tmp/up'\n::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-comments",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "# head\n\n::sysinit:/etc/init.d/rcS # once\n   \n::respawn:-/bin/sh" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-continued",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/bin/cat \\\n /etc/fstab\n::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-of-system-v",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "id:3:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2345:respawn:/sbin/getty 38400 tty1\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-of-a-missing-program",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/etc/init.d/rc\n::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-empty",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-dos",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/etc/init.d/rcS\r\n::respawn:-/bin/sh\r\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "inittab-no-break-space",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { inittab = { text = "::sysinit:/etc/init.d/rcS\u00A0\n::respawn:-/bin/sh\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "rcs-of-missing-applets",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { rcS = { text = "#!/bin/sh\nmount -a\nmdev -s\nsyslogd\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "rcs-without-a-first-line",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { rcS = { text = "mount -a\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "rcs-not-executable",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/etc/init.d/rcS"
text = "#!/bin/sh\nmount -a\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "rcs-that-counts",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { rcS = { text = "#!/bin/sh\nmount -a\nup() { echo \"$1\"; }\ni=0\nwhile [ $i -lt 3 ]; do i=$((i+1)); done\ncase $i in 3) up three ;; *) exit 1 ;; esac\ncat <<E\n$i\nE\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "rcs-that-looks-first",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
init = { rcS = { text = "#!/bin/sh\nmount -a\n[ -x /sbin/mdev ] && /sbin/mdev -s\n/bin/none || true\n" } }
"##,
        folder: &[],
    },
    UserLand {
        name: "script-as-init",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "#!/bin/sh\nmount -t proc proc /proc\nwhile :; do sleep 60; done\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "script-with-blanks",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "#! /bin/sh -e\nexec /bin/sh\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "script-with-a-mark-inside",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "#!/bin/sh\n# \uFEFF \u00A0\nexec sleep 9999\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "text-as-init",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "mount -a\nexec /bin/sh\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "mark-before-the-script",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "\uFEFF#!/bin/sh\nexec /bin/sh\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "empty-init",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = ""
"##,
        folder: &[],
    },
    UserLand {
        name: "init-without-its-interpreter",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0755"
text = "#!/bin/bash\nexec /bin/sh\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "init-not-executable",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
mode = "0644"
text = "#!/bin/sh\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "init-of-the-command-line",
        recipe: r##"kernel.cmdline = "console=ttyS0 panic=-1 rdinit=/etc/start"
[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/etc/start"
mode = "0755"
text = "#!/bin/sh\nexec sleep 9999\n"
"##,
        folder: &[],
    },
    UserLand {
        name: "shell-as-init",
        recipe: r##"kernel.cmdline = "console=ttyS0 panic=-1 rdinit=/bin/sh"
[userland]
busybox = ["sh", "cat", "mount", "sleep"]
"##,
        folder: &[],
    },
    UserLand {
        name: "init-by-links",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
[[userland.file]]
to = "/init"
symlink = "sbin/init"
"##,
        folder: &[],
    },
    UserLand {
        name: "merged-usr",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
folder = "root"
"##,
        folder: &[
            ("usr/bin/foo", Text("#!/bin/sh\n")),
            ("usr/sbin/bar", Text("#!/bin/sh\n")),
            ("bin", Link("usr/bin")),
            ("sbin", Link("usr/sbin")),
        ],
    },
    UserLand {
        name: "merged-usr-without-folders",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
folder = "root"
"##,
        folder: &[("bin", Link("/usr/bin")), ("sbin", Link("usr/../usr/sbin"))],
    },
    UserLand {
        name: "start-scripts-in-a-folder",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
folder = "root"
init = { rcS = { text = "#!/bin/sh\nmount -a\nfor i in /etc/init.d/S??*; do $i start; done\n" } }
"##,
        folder: &[
            (
                "etc/init.d/S01syslogd",
                Text(
                    "#!/bin/sh\nDAEMON=syslogd\ncase \"$1\" in start) start-stop-daemon -S -b -x /sbin/$DAEMON ;; esac\n",
                ),
            ),
            (
                "etc/init.d/S40network",
                Text("#!/bin/sh\n. /etc/functions\nup lo\n"),
            ),
            ("etc/functions", Text("up() { ifconfig $1 up; }\n")),
        ],
    },
    UserLand {
        name: "program-in-a-folder",
        recipe: r##"[userland]
folder = "root"
"##,
        folder: &[("init", Program)],
    },
    UserLand {
        name: "program-behind-a-link",
        recipe: r##"[userland]
folder = "root"
"##,
        folder: &[("init", Link("usr/lib/start")), ("usr/lib/start", Program)],
    },
    UserLand {
        name: "busybox-with-its-defaults",
        recipe: r##"[userland]
busybox = "defconfig"
"##,
        folder: &[],
    },
    UserLand {
        name: "shell-with-its-applets-inside",
        recipe: r##"[userland]
busybox = ["sh", "cat", "mount", "sleep"]
busybox-options = "CONFIG_FEATURE_SH_STANDALONE=y\nCONFIG_FEATURE_PREFER_APPLETS=y"
"##,
        folder: &[],
    },
];
