//! User lands that were made elsewhere: what the guest sees of a container image
//! is what umoci unpacks, and the image's own program is the system. The modules
//! of a kernel in its ramdisk.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::fixture::{Recipe, TCG, cache, check, command, folder, run, tuxling};

/// The kernel of both tests: of what programs take for granted it has what these
/// need, so that most of it is that of `pc-shell`.
const KERNEL: &str = r##"
[kernel]
options = """
CONFIG_MULTIUSER=y
# CONFIG_SHMEM is not set
# CONFIG_DEVTMPFS is not set
# CONFIG_SYSFS is not set
# CONFIG_FUTEX is not set
# CONFIG_EPOLL is not set
# CONFIG_EVENTFD is not set
# CONFIG_SIGNALFD is not set
# CONFIG_TIMERFD is not set
# CONFIG_POSIX_TIMERS is not set
# CONFIG_ADVISE_SYSCALLS is not set
# CONFIG_MEMBARRIER is not set
# CONFIG_FILE_LOCKING is not set
# CONFIG_INOTIFY_USER is not set
"""
"##;

/// Every file's type and mode, a file's size, a link's target.
const LIST: &str = "cd /image; find . | sort | while read -r f; do \
    if [ -h $f ]; then stat -c '%f %N' $f; \
    elif [ -d $f ]; then stat -c '%f %n' $f; \
    else stat -c '%f %s %h %n' $f; fi; done";

/// Calls umoci, which needs no root and no engine.
fn umoci(arguments: &[&str], dir: &Path) {
    run(command("umoci").args(arguments).current_dir(dir)).ends_with(0);
}

fn write(root: &Path, path: &str, content: &str, mode: u32) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it stands in a folder")).expect("makes");
    fs::write(&path, content).expect("writes");
    fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("sets");
}

/// An image of two layers with all that layers can do, in `dir/layout`; gives the
/// folder that umoci has unpacked it into.
fn image(dir: &Path) -> PathBuf {
    umoci(&["init", "--layout", "layout"], dir);
    umoci(&["new", "--image", "layout:it"], dir);
    umoci(
        &["unpack", "--rootless", "--image", "layout:it", "first"],
        dir,
    );
    let root = dir.join("first/rootfs");
    let long = format!("image/{}/{}", "d".repeat(200), "n".repeat(200));
    write(&root, "image/usr/bin/tool", "#!/bin/sh\n", 0o755);
    symlink("usr/bin", root.join("image/bin")).expect("links");
    write(&root, "image/gone", "g", 0o644);
    write(&root, "image/folder/old", "o", 0o600);
    write(&root, "image/data/old", "o", 0o644);
    write(&root, "image/linked", "linked", 0o644);
    write(&root, &long, "long", 0o640);
    write(&root, "image/naïve☃", "utf", 0o644);
    umoci(&["repack", "--image", "layout:it", "first"], dir);

    umoci(
        &["unpack", "--rootless", "--image", "layout:it", "second"],
        dir,
    );
    let root = dir.join("second/rootfs");
    fs::remove_file(root.join("image/gone")).expect("removes");
    fs::remove_dir_all(root.join("image/folder")).expect("removes");
    write(&root, "image/folder", "now a file", 0o644);
    fs::remove_dir_all(root.join("image/data")).expect("removes");
    write(&root, "image/data/new", "n", 0o644);
    write(&root, "image/usr/bin/su", "s", 0o4755);
    fs::hard_link(root.join("image/linked"), root.join("image/also")).expect("links");
    umoci(&["repack", "--image", "layout:it", "second"], dir);
    umoci(
        &["unpack", "--rootless", "--image", "layout:it", "whole"],
        dir,
    );
    dir.join("whole/rootfs/image")
}

/// What [`LIST`] prints of a folder here.
fn listed(root: &Path) -> String {
    let mut paths = vec![PathBuf::from(".")];
    let mut open = vec![PathBuf::from(".")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root.join(&folder)).expect("a folder") {
            let path = folder.join(entry.expect("readable").file_name());
            if root
                .join(&path)
                .symlink_metadata()
                .expect("is there")
                .is_dir()
            {
                open.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort_by_key(|path| path.as_os_str().to_owned());
    let mut told = String::new();
    for path in paths {
        let meta = root.join(&path).symlink_metadata().expect("is there");
        let (mode, name) = (meta.mode(), path.display());
        let done = if meta.is_symlink() {
            let target = fs::read_link(root.join(&path)).expect("a link");
            writeln!(told, "{mode:x} '{name}' -> '{}'", target.display())
        } else if meta.is_dir() {
            writeln!(told, "{mode:x} {name}")
        } else {
            writeln!(told, "{mode:x} {} {} {name}", meta.size(), meta.nlink())
        };
        done.expect("a string takes all");
    }
    told
}

/// A variant of pc-shell with checks of its own.
fn recipe(name: &str, userland: &str) -> Recipe {
    Recipe::pc_shell(name)
        .without("check")
        .without("budget")
        .with(KERNEL)
        .without("userland")
        .with(userland)
}

#[test]
fn a_container_image_is_what_umoci_unpacks() {
    layers();
}

/// The system of an image of two layers, checked once.
fn layers() {
    static CHECKED: OnceLock<()> = OnceLock::new();
    CHECKED.get_or_init(check_layers);
}

fn check_layers() {
    let dir = folder();
    let root = image(dir.path());
    let recipe = recipe(
        "layers",
        &format!(
            "[userland]\nfrom = \"oci:layout:it\"\nbusybox-usual = true\n\
             busybox = [\"sh\", \"find\", \"sort\", \"stat\", \"diff\", \"id\", \"cat\", \"sleep\"]\n\
             [[userland.file]]\nto = \"/expected\"\ntext = {:?}\n\
             [[check]]\nname = \"the same files\"\nrun = {:?}\n",
            listed(&root),
            format!("({LIST}) > /tmp/seen; diff /expected /tmp/seen")
        ),
    );
    run(&mut check(&recipe.write(dir.path()))).ends_with(0);
}

/// What the image's program does: it tells whose it is and where, and ends.
const PROGRAM: &str = "#!/bin/sh\n\
    echo \"$0 $* as $(id -u):$(id -g) in $(pwd) with $SAYS; $(cat /proc/1/comm)\"\n\
    sleep 2\nexit 3\n";

#[test]
fn an_images_program_is_the_system_and_ends_it() {
    layers();
    let dir = folder();
    let built = fs::read_dir(cache().join("busybox")).expect("that system's BusyBox");
    let programs = built.map(|entry| entry.expect("readable").path().join("busybox"));
    let has_id = |program: &PathBuf| fs::read(program).is_ok_and(|bytes| has(&bytes, b"\0id\0"));
    let program = programs
        .into_iter()
        .find(has_id)
        .expect("a BusyBox with id");

    umoci(&["init", "--layout", "layout"], dir.path());
    umoci(&["new", "--image", "layout:it"], dir.path());
    umoci(
        &["unpack", "--rootless", "--image", "layout:it", "b"],
        dir.path(),
    );
    let root = dir.path().join("b/rootfs");
    write(&root, "app", PROGRAM, 0o755);
    write(
        &root,
        "etc/passwd",
        "root:x:0:0::/:/bin/sh\napp:x:101:102::/:/bin/sh\n",
        0o644,
    );
    write(&root, "work/file", "", 0o644);
    fs::create_dir_all(root.join("bin")).expect("makes");
    fs::copy(program, root.join("bin/busybox")).expect("copies");
    for applet in ["sh", "id", "cat", "sleep"] {
        symlink("busybox", root.join("bin").join(applet)).expect("links");
    }
    umoci(&["repack", "--image", "layout:it", "b"], dir.path());
    let config = [
        "config",
        "--image",
        "layout:it",
        "--config.entrypoint",
        "/app",
    ];
    let more = ["--config.cmd", "one two", "--config.user", "app"];
    let env = ["--config.workingdir", "/work", "--config.env", "SAYS=words"];
    umoci(&[&config[..], &more, &env].concat(), dir.path());

    let checks = "[userland]\nfrom = \"oci:layout:it\"\n\
        [[check]]\nname = \"proc\"\nrun = [\"/bin/cat\", \"/proc/version\"]\n";
    let path = recipe("program", checks).write(dir.path());
    run(&mut check(&path)).ends_with(0);

    // By itself it ends, and the machine with it.
    let mut boot = tuxling();
    boot.current_dir(dir.path())
        .args(["boot", "program.toml"])
        .args(TCG);
    let told = run(&mut boot);
    let lines = [
        "/app one two as 101:102 in /work with words; init",
        "/app ended with status 3",
    ];
    for line in lines {
        assert!(
            told.stdout.contains(line),
            "{line}:\n{}\n{}",
            told.stdout,
            told.stderr
        );
    }
}

fn has(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn an_image_that_cannot_be_taken_is_told_before_anything_is_built() {
    let dir = folder();
    fs::write(dir.path().join("odd.tar"), "no tar").expect("writes");
    let cases = [
        (
            "from = \"odd.tar\"",
            1,
            "odd.tar is damaged behind its entry none",
        ),
        ("from = \"missing.tar\"", 1, "missing.tar"),
        (
            "from = \"oci:.\"",
            1,
            "is no OCI layout: it has no oci-layout",
        ),
        (
            "from = \"odd.tar\"\nfolder = \".\"",
            1,
            "`from` beside `folder`",
        ),
        (
            "from = \"odd.tar\"\ncommand = []",
            1,
            "`command` names no program",
        ),
    ];
    for (userland, code, said) in cases {
        let recipe = recipe("odd", &format!("[userland]\n{userland}\n")).write(dir.path());
        run(&mut check(&recipe)).ends_with(code).says(&[said]);
    }
}

/// A kernel with four modules, of which the user land gets three: one is loaded by
/// name and brings another, one by the kernel's own request.
#[test]
fn modules_are_loaded_by_name_and_by_the_kernel_and_others_stay_away() {
    let dir = folder();
    let recipe = |name: &str, modules: &str| {
        Recipe::pc_shell(name)
            .with(modules)
            .with(
                "kernel.options = \"CONFIG_FUSE_FS=m\\nCONFIG_CUSE=m\\nCONFIG_CONFIGFS_FS=m\\n\
                 CONFIG_AUTOFS_FS=m\\n\"",
            )
            .with(
                r#"
userland.busybox = ["sh", "init", "mount", "reboot", "cat", "find", "modprobe"]
userland.busybox-options = ""
check = [
    { name = "by name", run = "modprobe cuse && cat /proc/modules", match = "(?s)^cuse .*\\nfuse " },
    { name = "by the kernel", run = "mount -t configfs none /etc && cat /proc/filesystems", match = "configfs" },
    { name = "these alone", run = "find /lib/modules -name '*.ko*'; find /lib/modules -name '*.bin'", match = "^([^\n]*(cuse|fuse|configfs)\\.ko\n?){3}$" },
]
"#,
            )
            .write(dir.path())
    };
    run(&mut check(&recipe(
        "wrong",
        "kernel.modules = [\"cuze\", \"autofs4\"]",
    )))
    .ends_with(3)
    .says(&["makes no module", "cuze: did you mean cuse?"]);
    run(&mut check(&recipe(
        "modular",
        "kernel.modules = [\"cuse\", \"configfs\"]",
    )))
    .ends_with(0);
}
