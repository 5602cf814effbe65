//! Tests against the tools that others use: what they can't read, we don't
//! write. A missing tool is a failure, not a skip.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use super::cpio::{self, CpioOptions};
use super::*;

const SETTINGS: Settings = Settings {
    machine_ram: 64 << 20,
    bcj: None,
};

/// Runs `program` in `folder` with `input` and gives what it printed.
// A unit test of a library that knows nothing of the process module; the tool
// reads its input to the end and exits by itself.
#[allow(clippy::disallowed_methods)]
fn run(program: &str, arguments: &[&str], folder: &Path, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("this test needs the program {program} (apt install {program}): {error}")
        });
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}: {said}",
        output.status
    );
    output.stdout
}

fn path(text: &str) -> ArchivePath {
    ArchivePath::new(text).unwrap()
}

fn sample_tree() -> Tree {
    let mut tree = Tree::new();
    let entry = |at: &str, kind| Entry::new(path(at), kind);
    tree.extend([
        Entry::file(path("bin/busybox"), b"\x7fELF".repeat(5000)).with_mode(Mode::EXECUTABLE),
        entry("bin/sh", EntryKind::HardLink(path("bin/busybox"))),
        entry("bin/ash", EntryKind::HardLink(path("bin/busybox"))),
        entry(
            "init",
            EntryKind::Symlink(LinkTarget::new("bin/busybox").unwrap()),
        ),
        Entry::file(path("etc/motd"), *b"tiny\n").with_owner(3, 4),
        Entry::file(path("etc/empty"), *b""),
        entry("tmp", EntryKind::Directory).with_mode(Mode::new(0o1777).unwrap()),
    ])
    .unwrap();
    tree
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    cpio::write(tree, &CpioOptions::default(), &mut bytes).unwrap();
    bytes
}

#[test]
fn cpio_lists_our_archive_with_device_nodes() {
    let mut tree = sample_tree();
    let console = EntryKind::CharDevice { major: 5, minor: 1 };
    let disk = EntryKind::BlockDevice {
        major: 254,
        minor: 300,
    };
    tree.insert(Entry::new(path("dev/console"), console))
        .unwrap();
    tree.insert(Entry::new(path("dev/vda"), disk)).unwrap();
    tree.insert(Entry::new(path("dev/pipe"), EntryKind::Fifo))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let listed = run(
        "cpio",
        &["-t", "-v", "-n", "--quiet"],
        folder.path(),
        &archive(&tree),
    );
    let listed = String::from_utf8(listed).unwrap();
    let lines: Vec<String> = listed
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 bin",
            "-rwxr-xr-x 3 0 0 0 Jan 1 1970 bin/ash",
            "-rwxr-xr-x 3 0 0 0 Jan 1 1970 bin/busybox",
            "-rwxr-xr-x 3 0 0 20000 Jan 1 1970 bin/sh",
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 dev",
            "crw------- 1 0 0 5, 1 Jan 1 1970 dev/console",
            "prw------- 1 0 0 0 Jan 1 1970 dev/pipe",
            "brw------- 1 0 0 254, 300 Jan 1 1970 dev/vda",
            "drwxr-xr-x 2 0 0 0 Jan 1 1970 etc",
            "-rw-r--r-- 1 0 0 0 Jan 1 1970 etc/empty",
            "-rw-r--r-- 1 3 4 5 Jan 1 1970 etc/motd",
            "lrwxrwxrwx 1 0 0 11 Jan 1 1970 init -> bin/busybox",
            "drwxrwxrwt 2 0 0 0 Jan 1 1970 tmp",
        ]
    );
}

#[test]
fn cpio_extracts_our_archive_and_we_read_its_archive() {
    let folder = tempfile::tempdir().unwrap();
    let tree = sample_tree();
    let arguments = [
        "-i",
        "-d",
        "--quiet",
        "--no-preserve-owner",
        "--no-absolute-filenames",
    ];
    run("cpio", &arguments, folder.path(), &archive(&tree));
    let at = |name: &str| folder.path().join(name);
    assert_eq!(
        fs::read(at("bin/busybox")).unwrap(),
        b"\x7fELF".repeat(5000)
    );
    assert_eq!(fs::read_link(at("init")).unwrap(), Path::new("bin/busybox"));
    let inode = |name: &str| fs::metadata(at(name)).unwrap().ino();
    assert_eq!(inode("bin/sh"), inode("bin/ash"));
    assert_eq!(inode("bin/sh"), inode("bin/busybox"));
    assert_eq!(
        fs::metadata(at("tmp")).unwrap().permissions().mode() & 0o7777,
        0o1777
    );

    let names = ".\0tmp\0bin\0bin/sh\0bin/busybox\0bin/ash\0etc\0./etc/motd\0etc/empty\0init\0";
    for format in ["newc", "crc"] {
        let arguments = [
            "-o",
            "-0",
            "--quiet",
            "--reproducible",
            "-R",
            "0:0",
            "-H",
            format,
        ];
        let theirs = run("cpio", &arguments, folder.path(), names.as_bytes());
        let mut read = Tree::new();
        read.extend(cpio::read(&theirs).unwrap()).unwrap();
        let mut expected = tree.clone();
        expected
            .insert(Entry::file(path("etc/motd"), *b"tiny\n"))
            .unwrap();
        assert_eq!(read, expected, "{format}");
    }
}

#[test]
fn the_tools_of_each_format_accept_ours() {
    let folder = tempfile::tempdir().unwrap();
    let large = [archive(&sample_tree()), vec![7; 9 << 20], b"end".to_vec()].concat();
    for data in [&b""[..], b"x", &large] {
        for (kind, program, arguments) in [
            (Compression::Gzip, "gzip", &["-d", "-c"][..]),
            (Compression::Xz, "xz", &["-d", "-c", "--format=xz"]),
            (Compression::Lzma, "xz", &["-d", "-c", "--format=lzma"]),
            (Compression::Zstd, "zstd", &["-d", "-c", "-q"]),
            (Compression::Lz4, "lz4", &["-d", "-c", "-q"]),
        ] {
            let packed = compress::compress(kind, data, &SETTINGS).unwrap();
            let mut test = arguments.to_vec();
            test[0] = "-t";
            run(program, &test, folder.path(), &packed);
            assert!(
                run(program, arguments, folder.path(), &packed) == data,
                "{kind:?}"
            );
        }
    }
}

#[test]
fn xz_says_crc32_one_block_and_the_chosen_dictionary() {
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<u8> = (0..9_000_000u32).map(|at| (at >> 12) as u8).collect();
    for (ram, dictionary) in [(16 << 20, "2MiB"), (32 << 20, "4MiB"), (1 << 30, "12MiB")] {
        let settings = Settings {
            machine_ram: ram,
            bcj: None,
        };
        let packed = compress::compress(Compression::Xz, &data, &settings).unwrap();
        fs::write(folder.path().join("x.xz"), &packed).unwrap();
        let listed = run(
            "xz",
            &["--robot", "--list", "-vv", "x.xz"],
            folder.path(),
            b"",
        );
        let listed = String::from_utf8(listed).unwrap();
        let blocks: Vec<&str> = listed
            .lines()
            .filter(|line| line.starts_with("block"))
            .collect();
        assert_eq!(blocks.len(), 1, "{listed}");
        let columns: Vec<&str> = blocks[0].split('\t').collect();
        assert!(columns.contains(&"CRC32"), "{listed}");
        let filters = format!("--lzma2=dict={dictionary}");
        assert_eq!(columns.last(), Some(&&*filters), "{listed}");
    }
}
