//! What is told before a boot refuses nothing that boots.

mod corpus;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use builder::error::Error;
use builder::userland::foreseen::foreseen;
use corpus::{Content, HEAD, USER_LANDS, UserLand};
use proptest::prelude::*;
use startup::foresee::Finding;

/// The head of a program for i386, linked statically.
const PROGRAM: &[u8] =
    b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn write(folder: &Path, land: &UserLand) {
    let text = format!("{HEAD}{}", land.recipe);
    fs::write(folder.join("land.toml"), text).expect("writable");
    for (path, content) in land.folder {
        let path = folder.join("root").join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
        let bytes = match content {
            Content::Link(to) => {
                symlink(to, &path).expect("writable");
                continue;
            }
            Content::Text(text) => text.as_bytes(),
            Content::Program => PROGRAM,
        };
        fs::write(&path, bytes).expect("writable");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("ours");
    }
}

/// What is told of the recipe in a folder.
fn told(folder: &Path) -> Result<Vec<Finding>, Error> {
    foreseen(&recipe::load("land.toml", folder).expect("a recipe"))
}

#[test]
fn no_user_land_that_boots_is_refused() {
    assert!(USER_LANDS.len() >= 30);
    for land in USER_LANDS {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), land);
        if let Err(failure) = told(folder.path()) {
            panic!("{}: {failure:?}", land.name);
        }
    }
}

#[test]
fn what_is_well_is_told_nothing_and_what_is_not_is_told_its_mend() {
    let texts = |name: &str| -> Vec<String> {
        let land = USER_LANDS.iter().find(|land| land.name == name);
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), land.expect("one of them"));
        let all = told(folder.path()).expect("is not refused");
        all.iter()
            .map(|one| format!("{one}; {}", one.mend))
            .collect()
    };
    for well in [
        "usual",
        "inittab-usual",
        "inittab-terminal",
        "inittab-shell-line",
        "inittab-comments",
        "inittab-continued",
        "rcs-that-counts",
        "rcs-that-looks-first",
        "script-as-init",
        "script-with-blanks",
        "script-with-a-mark-inside",
        "init-of-the-command-line",
        "shell-as-init",
        "init-by-links",
        "merged-usr",
        "merged-usr-without-folders",
        "program-in-a-folder",
        "program-behind-a-link",
        "busybox-with-its-defaults",
        "shell-with-its-applets-inside",
    ] {
        assert_eq!(texts(well), [""; 0], "{well}");
    }
    for (name, part) in [
        ("inittab-of-system-v", "leave the field empty"),
        ("inittab-of-a-missing-program", "write /etc/init.d/rcS"),
        ("inittab-dos", "a carriage return"),
        ("inittab-no-break-space", "a no-break space"),
        (
            "rcs-of-missing-applets",
            "/etc/init.d/rcS, line 3: calls mdev",
        ),
        ("rcs-without-a-first-line", "let it begin with #!/bin/sh"),
        ("rcs-not-executable", "mode = \"0755\""),
        (
            "text-as-init",
            "its first bytes are `mount`; the kernel starts /sbin/init instead",
        ),
        ("mark-before-the-script", "EF BB BF"),
        ("empty-init", "/init is no program: it is empty"),
        ("init-without-its-interpreter", "a script for /bin/bash"),
        ("init-not-executable", "mode 0644"),
        (
            "start-scripts-in-a-folder",
            "/etc/init.d/S01syslogd, line 3: calls start-stop-daemon",
        ),
        (
            "start-scripts-in-a-folder",
            "/etc/functions, line 1: calls ifconfig",
        ),
    ] {
        let all = texts(name);
        assert!(
            all.iter().any(|text| text.contains(part)),
            "{name}: {all:#?}"
        );
    }
}

#[test]
fn what_leaves_nothing_to_start_is_refused_with_its_mend() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |init: &str, mode: &str| {
        let text = format!(
            "{HEAD}[[userland.file]]\nto = \"/init\"\nmode = \"{mode}\"\ntext = {init:?}\n"
        );
        fs::write(folder.path().join("land.toml"), text).expect("writable");
        match told(folder.path()).expect_err("the kernel can start nothing") {
            Error::Foreseen(finding) => format!("{}; {}", finding.what, finding.mend),
            other => panic!("{other}"),
        }
    };
    assert_eq!(
        refused("mount -a\n", "0755"),
        "/init is no program: its first bytes are `mount`; the kernel can start nothing; let it \
         begin with #!/bin/sh"
    );
    assert!(refused("", "0755").contains("it is empty"));
    assert!(refused("#!/bin/sh\n", "0755").contains("/bin/sh, which isn't in the ramdisk"));
    assert!(refused("#!/bin/sh\n", "0644").contains("mode 0644"));
}

#[test]
fn all_that_is_in_the_way_of_a_folder_is_told_before_anything_is_built() {
    use std::os::unix::net::UnixListener;
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root");
    fs::create_dir(&root).expect("writable");
    let text = format!("{HEAD}[userland]\nbusybox = [\"sh\"]\nfolder = \"root\"\n");
    fs::write(folder.path().join("land.toml"), text).expect("writable");
    let sockets = ["a", "b"].map(|name| UnixListener::bind(root.join(name)).expect("binds"));
    let error = told(folder.path()).expect_err("sockets can't be packed");
    assert!(
        error.to_string().ends_with("2 files are in the way"),
        "{error}"
    );
    let Error::Folder { errors, .. } = error else {
        panic!("{error}");
    };
    let detail = errors.to_string();
    let sockets_told = detail
        .lines()
        .filter(|line| line.ends_with("its program makes it anew"));
    assert!(detail.lines().count() == 2, "{detail}");
    assert_eq!(sockets_told.count() + sockets.len(), 2, "{detail}");

    for name in ["a", "b"] {
        fs::remove_file(root.join(name)).expect("ours");
    }
    fs::write(root.join("bin"), "").expect("writable");
    let error = told(folder.path()).expect_err("a file in the place of a folder");
    let Error::NotPlaced(wrong) = error else {
        panic!("{error}");
    };
    let told = "/bin/busybox: bin/busybox can't be placed: bin is not a directory";
    assert!(wrong.iter().any(|line| line.contains(told)), "{wrong:?}");
    assert!(wrong.len() > 2, "{wrong:?}");
}

proptest! {
    /// Whatever stands in these files, BusyBox' init comes up.
    #[test]
    fn no_inittab_and_no_rc_s_is_refused(inittab in "[ -~\n\t:#]{0,80}", rc_s in "[ -~\n]{0,120}") {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let recipe = format!(
            "{HEAD}[userland]\nbusybox = [\"sh\"]\ninit = {{ inittab = {{ text = {} }}, rcS = {{ text = {} }} }}\n",
            text(&inittab).replace('\n', "\\n"),
            text(&rc_s).replace('\n', "\\n"),
        );
        fs::write(folder.path().join("land.toml"), recipe).expect("writable");
        if let Ok(plan) = recipe::load("land.toml", folder.path()) {
            prop_assert!(foreseen(&plan).is_ok());
        }
    }
}
