//! Unpacking: what every archive gives, and what is refused of hostile ones.

use std::os::unix::fs::MetadataExt;

use super::*;

/// A tar of entries: kind, name, target or content.
fn tar_of(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(if name.ends_with(".sh") { 0o4777 } else { 0o600 });
        header.set_mtime(1_000_000_000);
        // The crate's own setters refuse what is tested here.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        let content = if is_link { "" } else { *text };
        if is_link {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder
            .append(&header, content.as_bytes())
            .expect("appends");
    }
    builder.into_inner().expect("ends")
}

/// Unpacks bytes below a folder of its own; what is outside must stay as it is.
fn unpacked(bytes: &[u8]) -> (tempfile::TempDir, Result<(), UnpackError>) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("archive");
    fs::write(&file, bytes).expect("writes");
    fs::create_dir(dir.path().join("into")).expect("a folder");
    let result = archive(&file, &dir.path().join("into"), &|_, _| {});
    let names: Vec<_> = fs::read_dir(dir.path())
        .expect("readable")
        .flatten()
        .collect();
    assert_eq!(names.len(), 2, "something was written outside: {names:?}");
    (dir, result)
}

fn refused(entries: &[(EntryType, &str, &str)]) -> String {
    let (_dir, result) = unpacked(&tar_of(entries));
    result.expect_err("must be refused").to_string()
}

use EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};

const GOOD: &[(EntryType, &str, &str)] = &[
    (EntryType::Directory, "top/", ""),
    (EntryType::Regular, "top/run.sh", "#!/bin/sh\n"),
    (EntryType::Regular, "top/a/b/deep.c", "int x;\n"),
    (EntryType::Symlink, "top/a/up", "../run.sh"),
    (EntryType::Link, "top/same", "top/run.sh"),
];

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    liblzma::read::XzEncoder::new(bytes, 1)
        .read_to_end(&mut out)
        .expect("compresses");
    out
}

fn compressed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut gz = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast())
        .read_to_end(&mut gz)
        .expect("compresses");
    let mut bz2 = Vec::new();
    bzip2::read::BzEncoder::new(bytes, bzip2::Compression::fast())
        .read_to_end(&mut bz2)
        .expect("compresses");
    let zst = zstd::encode_all(bytes, 1).expect("compresses");
    vec![
        ("tar", bytes.to_vec()),
        ("xz", xz(bytes)),
        ("gz", gz),
        ("bz2", bz2),
        ("zst", zst),
    ]
}

/// A Debian package with `inner` as its kernel sources.
fn deb_of(inner: &[u8]) -> Vec<u8> {
    let mut data = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(inner.len() as u64);
    header.set_mode(0o644);
    let name = "./usr/src/linux-source-6.12.tar.xz";
    data.append_data(&mut header, name, inner).expect("appends");
    let data = xz(&data.into_inner().expect("ends"));
    let mut package = ar::Builder::new(Vec::new());
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("data.tar.xz", &data)] {
        let header = ar::Header::new(name.as_bytes().to_vec(), content.len() as u64);
        package.append(&header, content).expect("appends");
    }
    package.into_inner().expect("ends")
}

fn assert_good(root: &Path) {
    let meta = |name: &str| fs::symlink_metadata(root.join(name)).expect("is there");
    assert_eq!(
        fs::read(root.join("a/b/deep.c")).expect("readable"),
        b"int x;\n"
    );
    assert_eq!(
        fs::read_link(root.join("a/up")).expect("a link"),
        Path::new("../run.sh")
    );
    assert_eq!(meta("run.sh").mode() & 0o7777, 0o755);
    assert_eq!(meta("a/b/deep.c").mode() & 0o7777, 0o644);
    assert_eq!(meta("same").ino(), meta("run.sh").ino());
    for name in ["run.sh", "a/b/deep.c", "a/up"] {
        assert_eq!(meta(name).mtime(), 1_000_000_000, "{name}");
    }
}

#[test]
fn every_compression_and_a_package_are_unpacked() {
    let tar = tar_of(GOOD);
    let mut archives = compressed(&tar);
    archives.push(("deb", deb_of(&xz(&tar))));
    for (name, bytes) in archives {
        let (dir, result) = unpacked(&bytes);
        result.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_good(&dir.path().join("into"));
    }
}

#[test]
fn names_that_lead_outside_are_refused() {
    assert!(refused(&[(Regular, "top/../../evil", "x")]).contains("\"..\""));
    assert!(refused(&[(Regular, "../evil", "x")]).contains("\"..\""));
    assert!(refused(&[(Regular, "/tmp/evil", "x")]).contains("absolute"));
    let two = [(Regular, "top/a", "x"), (Regular, "other/b", "x")];
    assert!(refused(&two).contains("other/b"));
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let error = refused(&[(Symlink, "top/l", "a"), (Regular, "top/l/evil", "x")]);
    assert!(error.contains("through a symbolic link"), "{error}");
    let error = refused(&[(Symlink, "top/l", "a"), (Regular, "top/l", "x")]);
    assert!(error.contains("there twice"), "{error}");
    let error = refused(&[(Directory, "top/l/", ""), (Symlink, "top/l", "a")]);
    assert!(error.contains("there twice"), "{error}");
}

#[test]
fn links_that_lead_outside_are_refused() {
    let outside = "leads outside";
    assert!(refused(&[(Symlink, "top/l", "../../archive")]).contains(outside));
    assert!(refused(&[(Symlink, "top/l", "/etc/passwd")]).contains("absolute"));
    // Each by itself stays inside: a/b/x is the top folder, and "up from x".
    let chain = [
        (Symlink, "top/a/b/x", "../.."),
        (Symlink, "top/y", "a/b/x/../archive"),
    ];
    assert!(refused(&chain).contains(outside));
    let round = [(Symlink, "top/a", "b"), (Symlink, "top/b", "a")];
    assert!(refused(&round).contains("too many"));
    assert!(refused(&[(Link, "top/l", "/etc/passwd")]).contains("absolute"));
    assert!(refused(&[(Link, "top/l", "top/../../x")]).contains("\"..\""));
    assert!(refused(&[(Link, "top/l", "top/none")]).contains("hard link"));
    let by_link = [(Symlink, "top/s", "a"), (Link, "top/l", "top/s")];
    assert!(refused(&by_link).contains("hard link"));
}

#[test]
fn devices_and_pipes_are_refused() {
    assert!(refused(&[(Char, "top/null", "")]).contains("a device node"));
    assert!(refused(&[(Fifo, "top/pipe", "")]).contains("a named pipe"));
}

#[test]
fn an_archive_that_is_cut_off_is_an_error() {
    let long = "int x;\n".repeat(5000);
    let tar = tar_of(&[
        (Regular, "top/a.c", "a"),
        (Regular, "top/b.c", long.as_str()),
    ]);
    let mut archives = compressed(&tar);
    archives.push(("deb", deb_of(&xz(&tar))));
    for (name, bytes) in archives {
        for part in [1, 2, 3, 7] {
            let cut = &bytes[..bytes.len() * part / 8];
            let (_dir, result) = unpacked(cut);
            let error = result.expect_err(name).to_string();
            assert!(
                error.contains("damaged or incomplete"),
                "{name} {part}/8: {error}"
            );
        }
    }
    // Between two entries, where a tar looks whole.
    let (_dir, result) = unpacked(&tar[..1024]);
    result.expect_err("the end is missing");
}

proptest::proptest! {
    #[test]
    fn hostile_names_never_write_outside(
        entries in proptest::collection::vec(
            (0..4usize, "(top/)?(a|b|l|\\.\\.|\\.|/){1,4}", "(a|b|l|\\.\\.|/|archive){1,4}"),
            1..8,
        )
    ) {
        let kinds = [Regular, Directory, Symlink, Link];
        let entries: Vec<_> =
            entries.iter().map(|(k, n, t)| (kinds[*k], n.as_str(), t.as_str())).collect();
        let (dir, result) = unpacked(&tar_of(&entries));
        let root = dir.path().join("into").canonicalize().expect("is there");
        if result.is_ok() {
            for path in walk(&root) {
                if let Ok(real) = path.canonicalize() {
                    proptest::prop_assert!(real.starts_with(&root), "{path:?} is {real:?}");
                }
            }
        }
    }

    #[test]
    fn damaged_archives_never_panic(flips in proptest::collection::vec((0..4096usize, 1..=255u8), 1..6)) {
        for (_, mut bytes) in compressed(&tar_of(GOOD)) {
            for (at, by) in &flips {
                let at = at % bytes.len();
                bytes[at] ^= by;
            }
            let _ = unpacked(&bytes);
        }
    }
}

fn walk(root: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            if entry.file_type().expect("known").is_dir() {
                folders.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    all
}
