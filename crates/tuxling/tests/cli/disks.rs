//! Images of every file system, made twice by the real tools and read back by those
//! tools: the same bytes, and what the tree says.

use std::fs;
use std::path::Path;
use std::process::Command;

use disk::{Filesystem, Image, detect, make};
use host::process::{Cancel, Processes};
use initramfs::{ArchivePath, Compression, Entry, EntryKind, LinkTarget, Mode, Tree};

/// A file's capabilities: CAP_NET_BIND_SERVICE, permitted and effective
/// (struct vfs_cap_data of include/uapi/linux/capability.h).
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn path(text: &str) -> ArchivePath {
    ArchivePath::new(text).expect("a path")
}

/// A tree with all that a tree can have.
fn tree() -> Tree {
    let mut tree = Tree::new();
    let mut add = |entry| tree.insert(entry).expect("fits");
    let setuid = Mode::new(0o4755).expect("a mode");
    let bytes = b"some text, again and again\n".repeat(2000);
    add(Entry::file(path("bin/tool"), bytes)
        .with_mode(setuid)
        .with_owner(101, 102));
    add(Entry::new(
        path("bin/tool again"),
        EntryKind::HardLink(path("bin/tool")),
    ));
    let attributes = [("security.capability".to_owned(), CAPABILITY.to_vec())];
    add(Entry::file(path("bin/able"), &b"x"[..]).with_attributes(attributes.into()));
    let device = EntryKind::CharDevice {
        major: 4,
        minor: 65,
    };
    add(Entry::new(path("dev/ttyS1"), device));
    let link = LinkTarget::new("bin/tool").expect("a target");
    add(Entry::new(path("link"), EntryKind::Symlink(link)));
    add(Entry::file(path("na\u{ef}ve \u{2603}"), &b"utf"[..]));
    let long = format!("{}/{}", "d".repeat(200), "n".repeat(200));
    add(Entry::file(path(&long), &b"long"[..]));
    tree
}

fn processes() -> Processes {
    Processes::new(env!("CARGO_BIN_EXE_tuxling"), Cancel::default())
}

fn image(filesystem: Filesystem, compression: Compression, to: &Path) {
    let wanted = Image {
        filesystem,
        compression,
        uuid: *b"0123456789abcdef",
        bytes: None,
        writable: false,
    };
    let scratch = tempfile::tempdir().expect("makes");
    let made = make(&tree(), &wanted, scratch.path(), to, &processes());
    made.unwrap_or_else(|e| panic!("{}: {e}", filesystem.name()));
}

#[allow(clippy::disallowed_methods)] // the peers: other people's tools
fn said(program: &str, arguments: &[&str], image: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(image).output();
    String::from_utf8_lossy(&output.expect("starts").stdout).into_owned()
}

#[test]
fn every_file_system_is_made_twice_with_the_same_bytes_and_known_again() {
    let dir = tempfile::tempdir().expect("makes");
    for filesystem in Filesystem::ALL {
        for compression in filesystem.compressions() {
            let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
            image(filesystem, *compression, &first);
            // What is taken from the clock differs now.
            std::thread::sleep(std::time::Duration::from_millis(1100));
            image(filesystem, *compression, &second);
            let same = fs::read(&first).expect("reads") == fs::read(&second).expect("reads");
            assert!(same, "{} {compression:?}", filesystem.name());
            let found = detect::of_file(&first, 0).expect("reads");
            let found = found.expect("it is known");
            assert_eq!(
                (found.filesystem, found.compression),
                (filesystem, Some(*compression))
            );
            fs::remove_file(&first).expect("removes");
            fs::remove_file(&second).expect("removes");
        }
    }
}

#[test]
fn owners_modes_nodes_links_and_capabilities_are_what_the_tree_says() {
    let dir = tempfile::tempdir().expect("makes");
    let squashfs = dir.path().join("squashfs");
    image(Filesystem::Squashfs, Compression::Xz, &squashfs);
    let list = said("unsquashfs", &["-lln"], &squashfs);
    for line in [
        "-rwsr-xr-x 101/102               54000 1970-01-01 00:00 squashfs-root/bin/tool",
        "crw------- 0/0                   4, 65 1970-01-01 00:00 squashfs-root/dev/ttyS1",
        "squashfs-root/link -> bin/tool",
    ] {
        assert!(list.contains(line), "{line}\n{list}");
    }
    let ext4 = dir.path().join("ext4");
    image(Filesystem::Ext4, Compression::None, &ext4);
    let told = |request: &str| said("/usr/sbin/debugfs", &["-R", request], &ext4);
    let tool = told("stat /bin/tool");
    for part in ["Mode:  04755", "User:   101   Group:   102", "Links: 2"] {
        assert!(tool.contains(part), "{part}\n{tool}");
    }
    assert!(told("stat /dev/ttyS1").contains("character special"));
    let able = told("ea_list /bin/able");
    assert!(
        able.contains("security.capability (20) = 01 00 00 02"),
        "{able}"
    );
}

#[test]
fn files_that_dont_fit_are_told_with_the_size() {
    let dir = tempfile::tempdir().expect("makes");
    let mut tree = Tree::new();
    let bytes = vec![1; 3 << 20];
    tree.insert(Entry::file(path("large"), bytes))
        .expect("fits");
    let wanted = Image {
        filesystem: Filesystem::Ext4,
        compression: Compression::None,
        uuid: [0; 16],
        bytes: Some(2 << 20),
        writable: false,
    };
    let scratch = tempfile::tempdir().expect("makes");
    let made = make(
        &tree,
        &wanted,
        scratch.path(),
        &dir.path().join("image"),
        &processes(),
    );
    let told = made.expect_err("too small").to_string();
    assert_eq!(
        told,
        "the files need more than the 2097152 bytes that the file system may have"
    );
}
