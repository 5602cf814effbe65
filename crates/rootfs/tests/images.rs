//! Images made here, entry by entry: what becomes of them, and what is refused.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use initramfs::{ArchivePath, Content, EntryKind, Tree};
use proptest::prelude::*;
use rootfs::{Error, Limits, Rootfs, Source};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// A layer that grows entry by entry.
struct Layer(Builder<Vec<u8>>);

impl Layer {
    fn new() -> Layer {
        Layer(Builder::new(Vec::new()))
    }

    fn header(kind: EntryType, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(0);
        header
    }

    fn file(mut self, path: &str, content: &str) -> Layer {
        let mut header = Layer::header(EntryType::Regular, 0o644);
        header.set_size(content.len() as u64);
        let done = self.0.append_data(&mut header, path, content.as_bytes());
        done.expect("writes");
        self
    }

    fn folder(mut self, path: &str) -> Layer {
        let mut header = Layer::header(EntryType::Directory, 0o750);
        self.0
            .append_data(&mut header, path, &[][..])
            .expect("writes");
        self
    }

    fn link(mut self, kind: EntryType, path: &str, to: &str) -> Layer {
        let mut header = Layer::header(kind, 0o777);
        self.0.append_link(&mut header, path, to).expect("writes");
        self
    }

    fn symlink(self, path: &str, to: &str) -> Layer {
        self.link(EntryType::Symlink, path, to)
    }

    fn hard_link(self, path: &str, to: &str) -> Layer {
        self.link(EntryType::Link, path, to)
    }

    /// A name that the writer would refuse itself.
    fn raw(mut self, name: &[u8], kind: EntryType) -> Layer {
        let mut header = Layer::header(kind, 0o644);
        if let Some(old) = header.as_gnu_mut() {
            old.name[..name.len()].copy_from_slice(name);
        }
        header.set_cksum();
        self.0.append(&header, &[][..]).expect("writes");
        self
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().expect("writes")
    }
}

/// Puts a blob into a layout and gives its descriptor.
fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> serde_json::Value {
    let hex = hex::encode(Sha256::digest(bytes));
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("makes");
    fs::write(blobs.join(&hex), bytes).expect("writes");
    serde_json::json!({
        "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() })
}

/// An OCI layout of one image called `it`.
fn layout(folder: &Path, layers: Vec<Vec<u8>>, process: serde_json::Value) {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| blob(folder, "application/vnd.oci.image.layer.v1.tar", layer))
        .collect();
    let config = serde_json::json!({ "architecture": "386", "os": "linux", "config": process });
    let config = blob(
        folder,
        "application/vnd.oci.image.config.v1+json",
        config.to_string().as_bytes(),
    );
    let manifest = serde_json::json!({ "schemaVersion": 2, "config": config, "layers": layers });
    let manifest = manifest.to_string();
    let mut manifest = blob(
        folder,
        "application/vnd.oci.image.manifest.v1+json",
        manifest.as_bytes(),
    );
    manifest["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": "it" });
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), index.to_string()).expect("writes");
    fs::write(
        folder.join("oci-layout"),
        "{\"imageLayoutVersion\":\"1.0.0\"}",
    )
    .expect("writes");
}

fn read_layout(layers: Vec<Vec<u8>>) -> Result<Rootfs, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    layout(folder.path(), layers, serde_json::json!({}));
    let source = Source::Layout {
        path: folder.path().to_owned(),
        tag: Some("it".to_owned()),
    };
    rootfs::read(&source, "386", &Limits::default())
}

/// One file with these bytes.
fn archive(folder: &Path, bytes: &[u8]) -> Source {
    let path = folder.join("rootfs.tar");
    fs::write(&path, bytes).expect("writes");
    Source::Archive { path, tag: None }
}

fn read_tar(bytes: &[u8]) -> Result<Rootfs, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    rootfs::read(&archive(folder.path(), bytes), "386", &Limits::default())
}

/// Every entry as `PATH KIND`.
fn told(tree: &Tree) -> Vec<String> {
    let kind = |kind: &EntryKind| match kind {
        EntryKind::Directory => "/".to_owned(),
        EntryKind::File(Content::Bytes(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        EntryKind::File(Content::Path(_)) => "a file of this machine".to_owned(),
        EntryKind::Symlink(to) => format!("-> {}", String::from_utf8_lossy(to.as_bytes())),
        EntryKind::HardLink(to) => format!("= {to}"),
        EntryKind::CharDevice { major, minor } => format!("c{major}:{minor}"),
        EntryKind::BlockDevice { major, minor } => format!("b{major}:{minor}"),
        EntryKind::Fifo => "|".to_owned(),
    };
    tree.entries()
        .map(|entry| format!("{} {}", entry.path, kind(&entry.kind)))
        .collect()
}

/// An error with all that stands behind it.
fn why(result: Result<Rootfs, Error>) -> String {
    let error: &dyn std::error::Error = &result.expect_err("is refused");
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn layers_are_laid_one_over_the_other() {
    let below = Layer::new()
        .folder("bin/")
        .file("bin/one", "1")
        .file("bin/two", "2")
        .folder("data/")
        .file("data/old", "o")
        .folder("data/deep/")
        .file("data/deep/old", "o")
        .file("gone", "g")
        .file("linked", "l");
    let above = Layer::new()
        .file("bin/one", "one")
        .file("bin/.wh.two", "")
        // A layer's own file stays, whichever comes first.
        .file("data/new", "n")
        .file("data/.wh..wh..opq", "")
        .file(".wh.gone", "")
        .hard_link("also", "linked");
    let rootfs = read_layout(vec![below.bytes(), above.bytes()]).expect("reads");
    assert_eq!(
        told(&rootfs.tree),
        [
            "also l",
            "bin /",
            "bin/one one",
            "data /",
            "data/new n",
            "linked = also",
        ]
    );
}

#[test]
fn a_file_takes_a_folders_place_and_a_folder_a_links() {
    let below = Layer::new().folder("a/").file("a/b", "b").symlink("c", "a");
    let above = Layer::new().file("a", "file").folder("c/").file("c/d", "d");
    let rootfs = read_layout(vec![below.bytes(), above.bytes()]).expect("reads");
    assert_eq!(told(&rootfs.tree), ["a file", "c /", "c/d d"]);
}

#[test]
fn a_merged_usr_takes_what_is_placed_through_its_links() {
    let below = Layer::new().folder("usr/bin/").symlink("bin", "usr/bin");
    let above = Layer::new()
        .file("bin/sh", "sh")
        .symlink("usr/bin/x", "/bin/sh");
    let again = Layer::new().file("bin/.wh.x", "");
    let layers = vec![below.bytes(), above.bytes(), again.bytes()];
    let rootfs = read_layout(layers).expect("reads");
    assert_eq!(
        told(&rootfs.tree),
        ["bin -> usr/bin", "usr /", "usr/bin /", "usr/bin/sh sh"]
    );
}

#[test]
fn owners_modes_devices_long_names_and_what_is_lost_are_known() {
    let long = format!("{}/{}", "d".repeat(200), "n".repeat(99));
    let mut layer = Layer::new().file(&long, "long").file("naïve", "utf");
    let mut header = Layer::header(EntryType::Char, 0o620);
    header.set_device_major(5).expect("a number");
    header.set_device_minor(1).expect("a number");
    let console = layer.0.append_data(&mut header, "dev/console", &[][..]);
    console.expect("writes");
    let capability = ("SCHILY.xattr.security.capability", &b"\x01\0\0\x02"[..]);
    layer.0.append_pax_extensions([capability]).expect("writes");
    let mut header = Layer::header(EntryType::Regular, 0o4755);
    header.set_size(2);
    layer
        .0
        .append_data(&mut header, "bin/ping", &b"hi"[..])
        .expect("writes");

    let rootfs = read_tar(&layer.bytes()).expect("reads");
    assert_eq!(
        told(&rootfs.tree),
        [
            "bin /".to_owned(),
            "bin/ping hi".to_owned(),
            format!("{} /", "d".repeat(200)),
            format!("{long} long"),
            "dev /".to_owned(),
            "dev/console c5:1".to_owned(),
            "naïve utf".to_owned(),
        ]
    );
    let ping = ArchivePath::new("bin/ping").expect("a path");
    let ping = rootfs.tree.get(&ping).expect("is there");
    assert_eq!((ping.mode.bits(), ping.uid, ping.gid), (0o4755, 7, 8));
    let capability = ("security.capability".to_owned(), b"\x01\0\0\x02".to_vec());
    assert_eq!(ping.attributes, [capability].into());
    assert_eq!(rootfs.start, None);
}

#[test]
fn archives_of_docker_save_and_of_layouts_are_images() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = serde_json::json!({
        "Entrypoint": ["/init.sh"], "Cmd": ["-v"], "Env": ["A=b"], "User": "5:6", "WorkingDir": "/w" });
    let config = serde_json::json!({ "architecture": "386", "os": "linux", "config": process });
    let saved = serde_json::json!([{
        "Config": "c.json", "RepoTags": ["it:1"], "Layers": ["l/layer.tar"] }]);
    let mut image = Layer::new();
    for (name, bytes) in [
        ("c.json", config.to_string().into_bytes()),
        ("l/layer.tar", Layer::new().file("a", "b").bytes()),
        ("manifest.json", saved.to_string().into_bytes()),
    ] {
        let mut header = Layer::header(EntryType::Regular, 0o644);
        header.set_size(bytes.len() as u64);
        image
            .0
            .append_data(&mut header, name, &bytes[..])
            .expect("writes");
    }
    let rootfs = read_tar(&image.bytes()).expect("reads");
    assert_eq!(told(&rootfs.tree), ["a b"]);
    let start = rootfs.start.expect("it says");
    assert_eq!(start.arguments, ["/init.sh", "-v"]);
    assert_eq!(
        (&*start.environment, &*start.user, &*start.directory),
        (&["A=b".to_owned()][..], "5:6", "/w")
    );

    // The layout as one compressed file.
    layout(
        folder.path(),
        vec![Layer::new().file("c", "d").bytes()],
        process,
    );
    let mut tar = Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    tar.append_dir_all(".", folder.path()).expect("writes");
    let gz = tar.into_inner().expect("writes").finish().expect("writes");
    let rootfs = read_tar(&gz).expect("reads");
    assert_eq!(told(&rootfs.tree), ["c d"]);
    assert!(rootfs.start.is_some());
}

#[test]
fn of_several_images_one_has_to_be_named() {
    let folder = tempfile::tempdir().expect("a folder");
    layout(
        folder.path(),
        vec![Layer::new().file("a", "b").bytes()],
        serde_json::json!({}),
    );
    let path = folder.path().join("index.json");
    let text = fs::read_to_string(&path).expect("reads");
    let mut index: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
    let mut other = index["manifests"][0].clone();
    other["annotations"]["org.opencontainers.image.ref.name"] = "other".into();
    index["manifests"]
        .as_array_mut()
        .expect("a list")
        .push(other);
    fs::write(&path, index.to_string()).expect("writes");
    let read = |tag: Option<&str>| {
        let source = Source::Layout {
            path: folder.path().to_owned(),
            tag: tag.map(str::to_owned),
        };
        rootfs::read(&source, "386", &Limits::default())
    };
    assert!(read(Some("it")).is_ok());
    assert!(why(read(None)).ends_with("holds it, other: name one of them behind a colon"));
    assert!(why(read(Some("that"))).ends_with("holds it, other; there is no that"));
}

#[test]
fn what_would_lead_out_is_refused_and_links_are_followed_inside() {
    let up = Layer::new().raw(b"../evil", EntryType::Regular).bytes();
    assert!(why(read_tar(&up)).contains("the path \"../evil\" has a \"..\""));
    let up = Layer::new()
        .raw(b"a/../../evil", EntryType::Regular)
        .bytes();
    assert!(why(read_tar(&up)).contains(".."));
    // A link to the root's root is the root.
    let through = Layer::new()
        .symlink("out", "../../..")
        .symlink("far", "/etc")
        .file("out/a", "a")
        .file("far/passwd", "p");
    let rootfs = read_tar(&through.bytes()).expect("reads");
    assert_eq!(
        told(&rootfs.tree),
        [
            "a a",
            "etc /",
            "etc/passwd p",
            "far -> /etc",
            "out -> ../../.."
        ]
    );
    let absolute = Layer::new().raw(b"/etc/x", EntryType::Regular).bytes();
    assert_eq!(
        told(&read_tar(&absolute).expect("reads").tree),
        ["etc /", "etc/x "]
    );
    let circle = Layer::new()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("a/x", "x");
    assert!(why(read_tar(&circle.bytes())).contains("leads nowhere"));
    let nowhere = Layer::new().hard_link("a", "etc/shadow").bytes();
    assert!(why(read_tar(&nowhere)).contains("the hard link a needs etc/shadow"));
    let out = Layer::new().hard_link("a", "../../etc/shadow").bytes();
    assert!(why(read_tar(&out)).contains(".."));
}

#[test]
fn bombs_end_at_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = "\0".repeat(1 << 20);
    let bomb = Layer::new().file("a", &zeros).file("b", &zeros).bytes();
    gz.write_all(&bomb).expect("writes");
    let source = archive(folder.path(), &gz.finish().expect("writes"));
    let read = |bytes, entries| rootfs::read(&source, "386", &Limits { bytes, entries });
    assert!(read(2 << 20, 2).is_ok());
    assert!(why(read(1 << 20, 2)).ends_with("with b the image holds more than 1 MiB of files"));
    assert!(why(read(2 << 20, 1)).ends_with("with b the image holds more than 1 entries"));
    // A header that promises what isn't there allocates nothing of it.
    let mut header = Layer::header(EntryType::Regular, 0o644);
    header.set_path("huge").expect("fits");
    header.set_size(900 << 20);
    header.set_cksum();
    let cut = [header.as_bytes().as_slice(), &[0; 512]].concat();
    assert!(why(read_tar(&cut)).contains("huge"));
}

#[test]
fn damage_is_told_with_its_place() {
    let layer = Layer::new()
        .file("one", "1")
        .file("two", &"2".repeat(2000))
        .bytes();
    assert!(why(read_tar(&layer[..1900])).contains("two"));
    assert!(why(read_tar(b"no tar at all")).contains("rootfs.tar"));
    assert!(why(read_tar(b"")).contains("holds nothing"));

    let folder = tempfile::tempdir().expect("a folder");
    layout(folder.path(), vec![layer], serde_json::json!({}));
    let blobs = folder.path().join("blobs/sha256");
    let paths = fs::read_dir(&blobs)
        .expect("a folder")
        .map(|e| e.expect("reads").path());
    let large = |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.len() > 2000);
    let layer = paths.into_iter().find(large).expect("the layer");
    let mut bytes = fs::read(&layer).expect("reads");
    bytes[600] ^= 1;
    fs::write(&layer, bytes).expect("writes");
    let source = || Source::Layout {
        path: folder.path().to_owned(),
        tag: None,
    };
    let flipped = why(rootfs::read(&source(), "386", &Limits::default()));
    assert!(flipped.contains("have another digest"), "{flipped}");
    fs::remove_file(&layer).expect("removes");
    let missing = why(rootfs::read(&source(), "386", &Limits::default()));
    assert!(missing.contains("which isn't in it"), "{missing}");
    fs::write(folder.path().join("index.json"), "{\"manifests\": 5}").expect("writes");
    let json = why(rootfs::read(&source(), "386", &Limits::default()));
    assert!(
        json.contains("can't read index.json") && json.contains("line 1"),
        "{json}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_are_too_odd(mut bytes in Just(Layer::new()
        .folder("a/").file("a/b", "content").symlink("l", "a").hard_link("h", "a/b").bytes()),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        keep in any::<prop::sample::Index>(),
    ) {
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len() + 1));
        if let Ok(rootfs) = read_tar(&bytes) {
            // Whatever came of it can be packed.
            let out = initramfs::cpio::CpioOptions { mtime: 0 };
            initramfs::pack(&rootfs.tree, initramfs::Compression::None,
                &initramfs::Settings { machine_ram: 1 << 25, bcj: None }, &out, std::io::sink())
                .expect("packs");
        }
    }
}
