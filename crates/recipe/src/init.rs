//! The init system that BusyBox brings: what is written into the ramdisk when
//! the recipe gives no `inittab`, `rcS` or `fstab` of its own, and what that
//! needs.
//!
//! The files are those of BusyBox's init (init/init.c): the kernel starts
//! `/init`, a link to BusyBox; that reads `/etc/inittab`, runs `/etc/init.d/rcS`
//! once and keeps a shell on the console. There is no `shutdown` line: nothing
//! in a ramdisk has to be unmounted, and `umount` would be one more applet.

use super::plan::{FileKind, FilePlan, NetworkMode};

const INITTAB: &str = "\
# Read by BusyBox init: once the system's start, then a shell on the console.
::sysinit:/etc/init.d/rcS
::respawn:-/bin/sh
::ctrlaltdel:reboot
";

/// The same where there is no console to keep a shell on.
const INITTAB_NO_CONSOLE: &str = "\
# Read by BusyBox init: the system's start. There is no console for a shell.
::sysinit:/etc/init.d/rcS
::ctrlaltdel:reboot
";

const FSTAB: &str = "\
proc  /proc  proc  defaults  0  0
";

// Nothing can be written to the disk, and programs expect to write there.
const FSTAB_READ_ONLY: &str = "\
proc   /proc  proc   defaults   0  0
tmpfs  /tmp   tmpfs  mode=1777  0  0
";

// The daemon stays, because a lease must be renewed. Without an answer after
// six seconds it goes on in the background and the shell comes up.
const RC_DHCP: &str = "\
ifconfig lo 127.0.0.1 up
ifconfig eth0 up
udhcpc -i eth0 -b -t 6 -T 1 -A 3
";

// The old default route may be gone with the old address, or not.
const UDHCPC_SCRIPT: &str = r#"#!/bin/sh
# Called by udhcpc: does what the lease says.
case "$1" in
deconfig)
	ifconfig "$interface" 0.0.0.0 up
	;;
bound|renew)
	ifconfig "$interface" "$ip" netmask "$subnet"
	for gateway in $router; do
		route del default 2>/dev/null
		route add default gw "$gateway"
		break
	done
	: >/etc/resolv.conf
	for server in $dns; do
		echo "nameserver $server" >>/etc/resolv.conf
	done
	;;
esac
"#;

/// What the written files are for.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// How the network is configured.
    pub network: &'a NetworkMode,
    /// Whether the root file system can't be written to.
    pub read_only: bool,
    /// Whether there is a console to keep a shell on.
    pub has_console: bool,
}

/// The texts of the recipe's own, where it has them.
#[derive(Debug, Default)]
pub struct OwnTexts {
    /// `/etc/inittab`.
    pub inittab: Option<FileKind>,
    /// `/etc/init.d/rcS`.
    pub rc_s: Option<FileKind>,
    /// `/etc/fstab`.
    pub fstab: Option<FileKind>,
}

/// What BusyBox as init needs.
#[derive(Debug)]
pub struct InitFiles {
    /// Its files.
    pub files: Vec<FilePlan>,
    /// The applets that the written files call.
    pub applets: Vec<&'static str>,
    /// Whether the `/etc/fstab` is the written one, which mounts `/proc`.
    pub mounts_proc: bool,
}

/// A file of root's.
pub fn file(to: &str, kind: FileKind, mode: u32) -> FilePlan {
    FilePlan {
        to: to.to_owned(),
        kind,
        mode,
        uid: 0,
        gid: 0,
    }
}

/// The device nodes that every system needs: the kernel opens `/dev/console`
/// for init, where there is one, and scripts write to `/dev/null`.
pub fn devices(has_console: bool) -> Vec<FilePlan> {
    let node = |to, major, minor, mode| file(to, FileKind::CharDevice { major, minor }, mode);
    let mut nodes = vec![node("/dev/null", 1, 3, 0o666)];
    if has_console {
        nodes.insert(0, node("/dev/console", 5, 1, 0o600));
    }
    nodes
}

/// The files of BusyBox's init and the applets they need; the recipe's own
/// texts take the place of the written ones, and then its applets are the
/// recipe's business.
pub fn busybox(own: OwnTexts, surroundings: Surroundings<'_>) -> InitFiles {
    let Surroundings {
        network, read_only, ..
    } = surroundings;
    let mut applets = vec!["init", "sh"];
    if own.inittab.is_none() {
        applets.push("reboot");
    }
    let mut udhcpc = None;
    if own.rc_s.is_none() {
        applets.push("mount");
        match network {
            NetworkMode::None => {}
            NetworkMode::Static(_) => applets.extend(["ifconfig", "route"]),
            NetworkMode::Dhcp => {
                applets.extend(["ifconfig", "route", "udhcpc"]);
                udhcpc = Some(FileKind::Text(UDHCPC_SCRIPT.to_owned()));
            }
        }
    }
    let mounts_proc = own.fstab.is_none();
    let fstab = if read_only { FSTAB_READ_ONLY } else { FSTAB };
    let inittab = inittab(surroundings.has_console);
    let written =
        |own: Option<FileKind>, text: &str| own.unwrap_or_else(|| FileKind::Text(text.to_owned()));
    let mut files = vec![
        file("/init", FileKind::Symlink("/bin/busybox".to_owned()), 0o777),
        file("/etc/inittab", written(own.inittab, inittab), 0o644),
        file("/etc/fstab", written(own.fstab, fstab), 0o644),
    ];
    if read_only && udhcpc.is_some() {
        let link = FileKind::Symlink("/tmp/resolv.conf".to_owned());
        files.push(file("/etc/resolv.conf", link, 0o777));
    }
    if let (None, NetworkMode::Static(fixed)) = (&own.rc_s, network) {
        let text = format!("nameserver {}\n", fixed.nameserver);
        files.push(file("/etc/resolv.conf", FileKind::Text(text), 0o644));
    }
    files.push(file(
        "/etc/init.d/rcS",
        written(own.rc_s, &rc_s(network)),
        0o755,
    ));
    if let Some(script) = udhcpc {
        files.push(file("/usr/share/udhcpc/default.script", script, 0o755));
    }
    let folder = |to, mode| file(to, FileKind::Directory, mode);
    files.extend([
        folder("/bin", 0o755),
        folder("/proc", 0o555),
        folder("/tmp", 0o1777),
    ]);
    InitFiles {
        files,
        applets,
        mounts_proc,
    }
}

fn inittab(has_console: bool) -> &'static str {
    if has_console {
        INITTAB
    } else {
        INITTAB_NO_CONSOLE
    }
}

fn rc_s(network: &NetworkMode) -> String {
    let network = match network {
        NetworkMode::None => String::new(),
        NetworkMode::Dhcp => RC_DHCP.to_owned(),
        NetworkMode::Static(fixed) => format!(
            "ifconfig lo 127.0.0.1 up\n\
             ifconfig eth0 {} netmask {} up\n\
             route add default gw {}\n",
            fixed.address,
            fixed.mask(),
            fixed.gateway
        ),
    };
    format!("#!/bin/sh\n# Run once by init, before the shell.\nmount -a\n{network}")
}

/// The BusyBox options without which an applet doesn't do its plain work, as
/// lines of its configuration. They start from `allnoconfig`, which leaves
/// texts empty and numbers 0.
pub fn applet_options(applet: &str) -> &'static str {
    match applet {
        // With musl's own glob() ash breaks (the help text of
        // ASH_INTERNAL_GLOB in shell/ash.c); without the builtins a script
        // can't print or compare, without $((…)) not count (POSIX, "Shell
        // Command Language", 2.6.4).
        "sh" => {
            "CONFIG_SH_IS_ASH=y\n\
             CONFIG_ASH_OPTIMIZE_FOR_SIZE=y\n\
             CONFIG_ASH_INTERNAL_GLOB=y\n\
             CONFIG_ASH_ECHO=y\n\
             CONFIG_ASH_TEST=y\n\
             CONFIG_FEATURE_SH_MATH=y\n"
        }
        // A controlling terminal for the shell: Ctrl-C works on the console.
        "init" => {
            "CONFIG_FEATURE_USE_INITTAB=y\n\
             CONFIG_FEATURE_INIT_SCTTY=y\n\
             CONFIG_FEATURE_INIT_QUIET=y\n\
             CONFIG_INIT_TERMINAL_TYPE=\"linux\"\n"
        }
        "mount" => "CONFIG_FEATURE_MOUNT_FSTAB=y\n",
        // The plain ping takes no options, not even a count.
        // The kernel asks for what a module is known by, not for its name.
        "modprobe" => {
            "# CONFIG_MODPROBE_SMALL is not set\n\
             CONFIG_FEATURE_MODUTILS_ALIAS=y\n\
             CONFIG_FEATURE_MODUTILS_SYMBOLS=y\n"
        }
        "ping" => "CONFIG_FEATURE_FANCY_PING=y\n",
        "ifconfig" => "CONFIG_FEATURE_IFCONFIG_STATUS=y\n",
        "udhcpc" => {
            "CONFIG_UDHCPC_DEFAULT_SCRIPT=\"/usr/share/udhcpc/default.script\"\n\
             CONFIG_UDHCPC_DEFAULT_INTERFACE=\"eth0\"\n"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::StaticAddress;

    fn text<'f>(files: &'f [FilePlan], to: &str) -> Option<&'f str> {
        let file = files.iter().find(|f| f.to == to)?;
        match &file.kind {
            FileKind::Text(text) => Some(text),
            _ => None,
        }
    }

    fn with(network: &NetworkMode) -> Surroundings<'_> {
        Surroundings {
            network,
            read_only: false,
            has_console: true,
        }
    }

    #[test]
    fn rcs_asks_for_an_address_in_the_way_of_the_network() {
        let rc_s = |mode| {
            let made = busybox(OwnTexts::default(), with(&mode));
            text(&made.files, "/etc/init.d/rcS")
                .expect("an rcS")
                .to_owned()
        };
        assert!(rc_s(NetworkMode::Dhcp).contains("udhcpc -i eth0"));
        assert!(rc_s(NetworkMode::Static(StaticAddress::QEMU)).contains(
            "ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up\nroute add default gw 10.0.2.2\n"
        ));
        assert!(!rc_s(NetworkMode::None).contains("ifconfig"));
        assert!(rc_s(NetworkMode::None).starts_with("#!/bin/sh\n"));
    }

    #[test]
    fn own_texts_replace_the_written_ones_and_their_applets() {
        let own = OwnTexts {
            rc_s: Some(FileKind::Text("mine".to_owned())),
            ..OwnTexts::default()
        };
        let made = busybox(own, with(&NetworkMode::Dhcp));
        assert_eq!(text(&made.files, "/etc/init.d/rcS"), Some("mine"));
        assert_eq!(text(&made.files, "/usr/share/udhcpc/default.script"), None);
        assert_eq!(made.applets, ["init", "sh", "reboot"]);
    }

    #[test]
    fn the_options_of_applets_are_lines_of_a_config() {
        for applet in ["sh", "init", "mount", "ping", "ifconfig", "udhcpc", "cat"] {
            let options = applet_options(applet);
            let wrong = crate::fragment::parse(options, crate::fragment::Form::Typed).remarks;
            assert!(wrong.is_empty(), "{applet}: {wrong:?}");
        }
    }
}
