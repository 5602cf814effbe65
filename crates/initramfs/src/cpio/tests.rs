//! Archives byte by byte, written and read back, broken ones included.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::entry::{Content, Entry, EntryKind, Mode};
use super::super::path::{ArchivePath, LinkTarget};
use super::super::tree::Tree;
use super::*;

fn path(text: &str) -> ArchivePath {
    ArchivePath::new(text).unwrap()
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = write(tree, &CpioOptions::default(), &mut bytes).unwrap();
    assert_eq!(summary.bytes, bytes.len() as u64);
    assert_eq!(summary.bytes, archive_bytes(tree).unwrap());
    bytes
}

fn tree(entries: impl IntoIterator<Item = Entry>) -> Tree {
    let mut tree = Tree::new();
    tree.extend(entries).unwrap();
    tree
}

/// A header with `size` bytes of data, by hand as the format has it.
fn raw(name: &str, mode: u32, ino: u32, links: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "070701{ino:08X}{mode:08X}{:024x}{:08x}{:024x}{:016x}{:08x}{:08x}{name}\0",
        links,
        data.len(),
        0,
        0,
        name.len() + 1,
        0
    )
    .into_bytes();
    // c_uid, c_gid and c_nlink are one block of 24 digits, c_mtime stands
    // before c_filesize.
    bytes.splice(46..46, *b"00000000");
    bytes.drain(70..78);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn trailer() -> Vec<u8> {
    raw("TRAILER!!!", 0, 0, 1, b"")
}

#[test]
fn an_empty_tree_is_a_trailer() {
    let mut expected = b"070701".to_vec();
    let fields = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0];
    expected.extend(
        fields
            .iter()
            .flat_map(|field| format!("{field:08x}").into_bytes()),
    );
    expected.extend_from_slice(b"TRAILER!!!\0\0\0\0");
    assert_eq!(archive(&Tree::new()), expected);
    assert_eq!(read(&expected).unwrap(), []);
    assert_eq!(trailer(), expected);
}

#[test]
fn a_file_has_the_bytes_of_the_format() {
    let mode = Mode::new(0o4751).unwrap();
    let file = Entry::file(path("su"), *b"hello")
        .with_mode(mode)
        .with_owner(1, 0x1234_5678);
    let mut bytes = Vec::new();
    let summary = write(
        &tree([file]),
        &CpioOptions { mtime: 0xfedc_ba98 },
        &mut bytes,
    )
    .unwrap();
    let expected: &[u8] = b"07070100000001000089e9000000011234567800000001fedcba9800000005\
        000000000000000000000000000000000000000300000000su\0\0\0\0hello\0\0\0";
    assert_eq!(
        bytes[..expected.len()].escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    assert_eq!(
        summary.entries,
        [EntrySize {
            path: path("su"),
            bytes: 124
        }]
    );
}

#[test]
fn the_last_name_carries_the_data_and_all_share_inode_and_count() {
    let link = |at: &str| Entry::new(path(at), EntryKind::HardLink(path("a")));
    let tree = tree([Entry::file(path("a"), *b"data"), link("b"), link("d/c")]);
    let bytes = archive(&tree);
    let field = |name: &str, index: usize| {
        let named = format!("{name}\0");
        let at = bytes
            .windows(named.len())
            .position(|found| found == named.as_bytes())
            .unwrap();
        let from = at - HEADER_BYTES + 6 + index * 8;
        std::str::from_utf8(&bytes[from..from + 8])
            .unwrap()
            .to_owned()
    };
    for (name, size) in [("a", "00000000"), ("b", "00000000"), ("d/c", "00000004")] {
        assert_eq!(
            (&*field(name, 0), &*field(name, 4)),
            ("00000001", "00000003"),
            "{name}"
        );
        assert_eq!(field(name, 6), size, "{name}");
    }
    assert_eq!(
        read(&bytes).unwrap(),
        tree.entries().cloned().collect::<Vec<_>>()
    );
}

#[test]
fn data_may_come_with_any_of_the_names() {
    let regular = file_type::REGULAR | 0o644;
    for carrier in 0..3 {
        let data = |index| if index == carrier { &b"xyz"[..] } else { b"" };
        let names = ["a", "b", "c"].iter().enumerate();
        let mut bytes: Vec<u8> = names
            .flat_map(|(index, name)| raw(name, regular, 7, 3, data(index)))
            .collect();
        bytes.extend(trailer());
        let entries = read(&bytes).unwrap();
        assert_eq!(
            entries[0].kind,
            EntryKind::File(Content::Bytes(b"xyz"[..].into()))
        );
        assert_eq!(entries[1].kind, EntryKind::HardLink(path("a")));
        assert_eq!(entries[2].kind, EntryKind::HardLink(path("a")));
    }
}

#[test]
fn joined_archives_are_read_and_their_inodes_do_not_mix() {
    let one = archive(&tree([Entry::file(path("a"), *b"1")]));
    let two = archive(&tree([Entry::file(path("b"), *b"2")]));
    let entries = read(&[&one[..], &[0; 392], &two[..], &[0; 5]].concat()).unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry.path.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(
        entries
            .iter()
            .all(|entry| matches!(entry.kind, EntryKind::File(_)))
    );
    let error = read(&[&one[..], &[0; 3], &two[..]].concat()).unwrap_err();
    assert_eq!(
        error,
        CpioError {
            offset: one.len() + 3,
            kind: CpioErrorKind::Misaligned
        }
    );
}

#[test]
fn the_entry_of_the_root_is_left_out() {
    let directory = raw(".", file_type::DIRECTORY | 0o755, 1, 2, b"");
    assert_eq!(read(&[directory, trailer()].concat()).unwrap(), []);
    let file = raw("/", file_type::REGULAR | 0o755, 1, 1, b"");
    let error = read(&[file, trailer()].concat()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cpio archive at byte 0: the root is not a directory here (mode 100755)"
    );
}

#[test]
fn an_error_says_where_and_what() {
    let good = archive(&tree([Entry::file(path("abc"), *b"data")]));
    let why = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        why(&bytes)
    };
    assert_eq!(
        why(&good[..50]),
        "cpio archive at byte 0: the archive ends within a header"
    );
    assert_eq!(
        why(&good[..112]),
        "cpio archive at byte 110: the archive ends within a name"
    );
    assert_eq!(
        why(&good[..117]),
        "cpio archive at byte 116: the archive ends within the data"
    );
    assert_eq!(
        why(&good[..120]),
        "cpio archive at byte 120: the archive has no trailer"
    );
    assert_eq!(
        changed(5, b'7'),
        "cpio archive at byte 0: no newc header, but 070707"
    );
    assert_eq!(
        changed(14, b'+'),
        "cpio archive at byte 14: the header's c_mode is not eight hexadecimal digits"
    );
    assert_eq!(
        changed(111, 0),
        "cpio archive at byte 110: the name is not closed by its only NUL"
    );
    assert_eq!(
        changed(115, 1),
        "cpio archive at byte 114: the padding is not zero"
    );
    assert_eq!(
        why(&[raw("../x", 0o100644, 1, 1, b""), trailer()].concat()),
        "cpio archive at byte 0: the path \"../x\" has a \"..\"; write it without"
    );
    assert_eq!(
        why(&[raw("s", 0o140644, 1, 1, b""), trailer()].concat()),
        "cpio archive at byte 0: the file type of mode 140644 is not known"
    );
    assert_eq!(
        why(&[raw("d", 0o040755, 1, 1, b"x"), trailer()].concat()),
        "cpio archive at byte 0: 1 bytes of data where there can be none"
    );
}

#[test]
fn checksums_of_the_crc_format_are_verified() {
    let mut bytes = [raw("x", 0o100644, 1, 1, b"\x01\x02\xff"), trailer()].concat();
    bytes[5] = b'2';
    let at = bytes.len() - 124;
    bytes[at + 5] = b'2';
    bytes[102..110].copy_from_slice(b"00000102");
    assert_eq!(read(&bytes).unwrap().len(), 1);
    bytes[109] = b'3';
    assert_eq!(
        read(&bytes).unwrap_err().to_string(),
        "cpio archive at byte 112: the data's checksum is 00000102, the header says 00000103"
    );
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write_it = |file: &str| {
        let content = Content::Path(folder.path().join(file));
        let tree = tree([Entry::new(path("etc/x"), EntryKind::File(content))]);
        write(&tree, &CpioOptions::default(), &mut std::io::sink())
            .unwrap_err()
            .to_string()
    };
    assert!(write_it("missing").ends_with("missing for the ramdisk's etc/x"));
    let large = fs::File::create(folder.path().join("large")).unwrap();
    large.set_len(1 << 32).unwrap();
    assert_eq!(
        write_it("large"),
        "etc/x has 4294967296 bytes; an entry of a newc archive can have 4294967295"
    );
    assert!(write_it(".").ends_with("for the ramdisk's etc/x"));
}

#[test]
fn equal_trees_give_equal_bytes_wherever_they_come_from() {
    let names = ["z", "b/y", "b-c", "b/x"];
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let fill = |folder: &tempfile::TempDir, order: &mut dyn Iterator<Item = &&str>| {
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in order {
            fs::write(folder.path().join(name), name).unwrap();
        }
        archive(&Tree::from_folder(folder.path(), Default::default()).unwrap())
    };
    let forward = fill(&folders[0], &mut names.iter());
    let backward = fill(&folders[1], &mut names.iter().rev());
    assert_eq!(forward, backward);
    let mode = Mode::of_st_mode(std::os::unix::fs::MetadataExt::mode(
        &fs::metadata(folders[0].path().join("z")).unwrap(),
    ));
    let files = names.map(|name| Entry::file(path(name), name.as_bytes()).with_mode(mode));
    assert_eq!(archive(&tree(files)), forward);
}

fn any_path() -> impl Strategy<Value = ArchivePath> {
    vec("[abc.-]{1,3}|\u{e9}\\PC{0,9}", 1..4)
        .prop_filter_map("not a path", |names| ArchivePath::new(names.join("/")).ok())
}

fn any_kind() -> impl Strategy<Value = EntryKind> {
    let number = || (0..4096u32, 0..1u32 << 20);
    prop_oneof![
        Just(EntryKind::Directory),
        Just(EntryKind::Fifo),
        vec(any::<u8>(), 0..70).prop_map(|bytes| EntryKind::File(Content::Bytes(bytes.into()))),
        vec(1..=255u8, 1..40).prop_map(|bytes| EntryKind::Symlink(LinkTarget::new(bytes).unwrap())),
        number().prop_map(|(major, minor)| EntryKind::CharDevice { major, minor }),
        number().prop_map(|(major, minor)| EntryKind::BlockDevice { major, minor }),
        any_path().prop_map(EntryKind::HardLink),
        any_path().prop_map(EntryKind::HardLink),
    ]
}

prop_compose! {
    fn any_entry()(
        path in any_path(),
        kind in any_kind(),
        mode in 0..=0o7777u32,
        uid in any::<u32>(),
        gid in any::<u32>(),
    ) -> Entry {
        Entry::new(path, kind).with_mode(Mode::new(mode).unwrap()).with_owner(uid, gid)
    }
}

/// What fits of the entries: a refused one must not change the tree.
fn any_tree() -> impl Strategy<Value = Tree> {
    vec(any_entry(), 0..40).prop_map(|entries| {
        let mut tree = Tree::new();
        for entry in entries {
            let before = tree.clone();
            if tree.insert(entry).is_err() {
                assert_eq!(tree, before);
            }
        }
        tree
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(tree in any_tree()) {
        let entries: Vec<_> = tree.entries().cloned().collect();
        prop_assert_eq!(&read(&archive(&tree)).unwrap(), &entries);
        let mut again = Tree::new();
        again.extend(entries).unwrap();
        prop_assert_eq!(again, tree);
    }

    #[test]
    fn arbitrary_bytes_are_an_error_or_entries(bytes in vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes);
        let _ = read(&[&b"070701"[..], &bytes].concat());
    }

    #[test]
    fn a_changed_archive_is_an_error_or_entries(
        tree in any_tree(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = archive(&tree);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = if byte % 2 == 0 { *byte } else { b"0123456789abcdef"[usize::from(byte % 16)] };
        }
        let _ = read(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(&bytes);
    }
}
