//! Sources from a Debian archive in a folder: what is chosen, what is
//! refused, and what is left behind.

#![allow(clippy::unwrap_used)] // a failed set-up ends the test

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use builder::source::{Context, DebianSources, LockFile, Mode, Network, Request, Source, obtain};
use host::error::Kind;
use host::process::{Cancel, Cmd, Processes};
use host::{Cache, Id};
use recipe::package::Package;
use recipe::plan::{BaseConfig, PatchFile, SourceWish};
use tuxling::failure::Result;

/// An archive in a folder (unsigned and trusted: by tests only), and a cache.
struct Bench {
    dir: tempfile::TempDir,
    cache: Cache,
    processes: Processes,
    debian: DebianSources,
    said: RefCell<Vec<String>>,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let archive = dir.path().join("archive");
        fs::create_dir(&archive).unwrap();
        // `copy:`, so that apt makes a file of its own of what it fetches.
        let entries = format!(
            "Types: deb deb-src\nURIs: copy:{}\nSuites: ./\nTrusted: yes\n",
            archive.display()
        );
        let bench = Bench {
            cache: Cache::at(&dir.path().join("cache")).unwrap(),
            processes: Processes::new(env!("CARGO_BIN_EXE_tuxling"), Cancel::default()),
            debian: DebianSources::Entries(entries),
            said: RefCell::default(),
            dir,
        };
        bench.index();
        bench
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    fn run(&self, cmd: Cmd) -> String {
        let output = self.processes.run(&cmd);
        output.unwrap_or_else(|e| panic!("{e:?}")).text()
    }

    /// Lays out a kernel of a few files and packs it as Debian does.
    fn add_linux(&self, version: &str, motto: &str) {
        let work = self.dir.path().join(format!("work-{version}-{motto}"));
        let upstream = version.split('-').next().unwrap();
        write_linux(&work.join("linux-source-6.12"), upstream, motto);
        let source = work.join("pkg/usr/src/linux-source-6.12.tar.xz");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        let tar = Cmd::new("tar").arg("-cJf").arg(&source);
        self.run(tar.arg("linux-source-6.12").dir(&work));
        let control = format!(
            "Package: linux-source-6.12\nVersion: {version}\nArchitecture: all\n\
             Maintainer: Nobody <nobody@example.org>\nDescription: test\n"
        );
        fs::create_dir_all(work.join("pkg/DEBIAN")).unwrap();
        fs::write(work.join("pkg/DEBIAN/control"), control).unwrap();
        let pack = Cmd::new("dpkg-deb").args(["--root-owner-group", "-Znone", "--build"]);
        self.run(pack.arg(work.join("pkg")).arg(self.deb(version)));
        self.index();
    }

    /// A package of configurations, one of them of each flavour.
    fn add_config(&self, version: &str, architecture: &str, flavours: &[&str]) {
        let work = self
            .dir
            .path()
            .join(format!("work-config-{version}-{architecture}"));
        let folder = work.join("usr/src/linux-config-6.12");
        fs::create_dir_all(&folder).unwrap();
        for flavour in flavours {
            let file = folder.join(format!("config.{architecture}_none_{flavour}"));
            fs::write(&file, format!("CONFIG_OF_{version}_{flavour}=y\n")).unwrap();
            self.run(Cmd::new("xz").arg(&file));
        }
        let control = format!(
            "Package: linux-config-6.12\nVersion: {version}\nArchitecture: {architecture}\n\
             Maintainer: Nobody <nobody@example.org>\nDescription: test\n"
        );
        fs::create_dir_all(work.join("DEBIAN")).unwrap();
        fs::write(work.join("DEBIAN/control"), control).unwrap();
        let name = format!("linux-config-6.12_{version}_{architecture}.deb");
        let pack = Cmd::new("dpkg-deb").args(["--root-owner-group", "--build"]);
        self.run(pack.arg(&work).arg(self.archive().join(name)));
        self.index();
    }

    /// The package of the configuration beside a kernel, and the text of one.
    fn configuration(
        &self,
        linux: &Source,
        wanted: (&'static str, &str),
        followed: (&LockFile, Mode),
    ) -> Result<(Source, String)> {
        let progress = |text: &str| self.said.borrow_mut().push(text.to_owned());
        let context = Context {
            cache: &self.cache,
            processes: &self.processes,
            progress: &progress,
            step: &|_| {},
            debian: &self.debian,
            network: &Network::default(),
        };
        let found = builder::source::configuration(linux, wanted, followed, &context);
        let (package, base) = found.map_err(tuxling::failure::Failure::from)?;
        match &*base {
            BaseConfig::File { text, .. } => Ok((package, text.clone())),
            other => panic!("{other:?}"),
        }
    }

    fn deb(&self, version: &str) -> PathBuf {
        self.archive()
            .join(format!("linux-source-6.12_{version}_all.deb"))
    }

    /// A source package with its upstream tarball.
    fn add_musl(&self, version: &str) {
        let upstream = version.split('-').next().unwrap();
        let work = self.dir.path().join("work-musl");
        let top = format!("musl-{upstream}");
        fs::create_dir_all(work.join(&top)).unwrap();
        fs::write(work.join(&top).join("VERSION"), upstream).unwrap();
        let name = format!("musl_{upstream}.orig.tar.gz");
        let tarball = self.archive().join(&name);
        self.run(
            Cmd::new("tar")
                .arg("-czf")
                .arg(&tarball)
                .arg(&top)
                .dir(&work),
        );
        let bytes = fs::read(&tarball).unwrap();
        let (sha256, size) = (Id::of_bytes(&bytes), bytes.len());
        let md5 = self.run(Cmd::new("md5sum").arg(&tarball));
        let md5 = md5.split(' ').next().unwrap();
        let sources = format!(
            "Package: musl\nFormat: 3.0 (quilt)\nBinary: musl\nArchitecture: any\n\
             Version: {version}\nDirectory: .\nChecksums-Sha256:\n {sha256} {size} {name}\n\
             Files:\n {md5} {size} {name}\n\n"
        );
        fs::write(self.dir.path().join("Sources"), sources).unwrap();
        self.index();
    }

    fn index(&self) {
        let archive = self.archive();
        let scan = Cmd::new("dpkg-scanpackages").args(["--multiversion", "."]);
        let packages = match self.run(scan.dir(&archive)) {
            none if none.is_empty() => none, // apt refuses an empty paragraph
            some => some + "\n\n",
        };
        let sources = fs::read(self.dir.path().join("Sources")).unwrap_or_default();
        let mut release = String::from("Suite: test\nSHA256:\n");
        for (name, bytes) in [("Packages", packages.as_bytes()), ("Sources", &sources)] {
            fs::write(archive.join(name), bytes).unwrap();
            let line = format!(" {} {} {name}\n", Id::of_bytes(bytes), bytes.len());
            release.push_str(&line);
        }
        fs::write(archive.join("Release"), release).unwrap();
    }

    fn obtain(&self, mode: Mode, lock: &LockFile, patches: &[PatchFile]) -> Result<Source> {
        let wish = SourceWish::Series("6.12".into());
        self.obtain_of(Package::Linux, &wish, mode, lock, patches)
    }

    fn obtain_of(
        &self,
        package: Package,
        wish: &SourceWish,
        mode: Mode,
        lock: &LockFile,
        patches: &[PatchFile],
    ) -> Result<Source> {
        let progress = |text: &str| self.said.borrow_mut().push(text.to_owned());
        let context = Context {
            cache: &self.cache,
            processes: &self.processes,
            progress: &progress,
            step: &|_| {},
            debian: &self.debian,
            network: &Network::default(),
        };
        let request = Request {
            package,
            wish,
            patches,
            lock,
            mode,
        };
        Ok(obtain(&request, &context)?)
    }

    fn said(&self, text: &str) -> bool {
        self.said.borrow().iter().any(|line| line.contains(text))
    }

    /// Removes topics of the cache.
    fn forget(&self, topics: &[&str]) {
        for topic in topics {
            let _ = fs::remove_dir_all(self.cache.root().join(topic));
        }
    }

    /// The folders in a topic of the cache.
    fn folders(&self, topic: &str) -> usize {
        let entries = fs::read_dir(self.cache.root().join(topic)).unwrap();
        entries.flatten().filter(|e| e.path().is_dir()).count()
    }
}

fn write_linux(top: &Path, version: &str, motto: &str) {
    let mut parts = version.split('.');
    let mut next = || parts.next().unwrap_or("0").to_owned();
    let (version, patchlevel, sublevel) = (next(), next(), next());
    for folder in ["init", "scripts"] {
        fs::create_dir_all(top.join(folder)).unwrap();
    }
    for (name, text) in [
        (
            "Makefile",
            format!("VERSION = {version}\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = {sublevel}\n"),
        ),
        ("Kbuild", String::new()),
        ("Kconfig", String::new()),
        ("init/main.c", format!("one\ntwo\n{motto}\nfour\nfive\n")),
        ("scripts/run.sh", "#!/bin/sh\n".into()),
    ] {
        fs::write(top.join(name), text).unwrap();
    }
    std::os::unix::fs::symlink("../Makefile", top.join("init/link")).unwrap();
}

fn lock_of(source: &Source) -> LockFile {
    LockFile::of("test.lock", [source])
}

fn nothing() -> LockFile {
    LockFile::empty("test.lock")
}

#[test]
fn the_newest_of_the_series_is_taken_and_then_kept() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "old");
    bench.add_linux("6.12.10-1~deb12u1", "new");
    let source = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap();
    assert_eq!(source.version, "6.12.10-1~deb12u1");
    assert_eq!(source.origin.to_string(), "debian:linux-source-6.12");
    assert!(!source.cached);
    let sha256 = Id::of_file(&bench.deb("6.12.10-1~deb12u1")).unwrap();
    assert_eq!(source.sha256, sha256);
    let text = fs::read_to_string(source.tree.join("init/main.c")).unwrap();
    assert!(text.contains("new"));

    // A newer one appears, then the archive is gone: the lock holds.
    bench.add_linux("6.12.11-1", "newest");
    fs::remove_dir_all(bench.archive()).unwrap();
    let lock = lock_of(&source);
    for mode in [Mode::Normal, Mode::Locked] {
        let again = bench.obtain(mode, &lock, &[]).unwrap();
        assert!(again.cached);
        assert_eq!((&again.tree, &again.digest), (&source.tree, &source.digest));
    }
    bench.forget(&["sources", "apt"]);
    let unpacked = bench.obtain(Mode::Locked, &lock, &[]).unwrap();
    assert!(!unpacked.cached && unpacked.tree.join("Makefile").exists());
}

#[test]
fn the_locked_version_is_taken_while_it_is_offered() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "old");
    let old = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap();
    bench.add_linux("6.12.10-1", "new");
    bench.forget(&["sources", "archives"]);
    let again = bench.obtain(Mode::Normal, &lock_of(&old), &[]).unwrap();
    assert_eq!(again.version, "6.12.9-1");
    let update = bench.obtain(Mode::Update, &lock_of(&old), &[]).unwrap();
    assert_eq!(update.version, "6.12.10-1");
}

#[test]
fn a_version_that_is_gone_is_replaced_or_refused() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "old");
    let lock = lock_of(&bench.obtain(Mode::Normal, &nothing(), &[]).unwrap());
    bench.add_linux("6.12.10-1", "new");
    fs::remove_file(bench.deb("6.12.9-1")).unwrap();
    bench.index();
    bench.forget(&["sources", "archives", "apt"]);
    let failure = bench.obtain(Mode::Locked, &lock, &[]).unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    for version in ["6.12.9-1", "6.12.10-1"] {
        assert!(failure.message.contains(version), "{failure}");
    }
    let newer = bench.obtain(Mode::Normal, &lock, &[]).unwrap();
    assert_eq!(newer.version, "6.12.10-1");
    assert!(bench.said("linux: 6.12.9-1 is no longer offered; using 6.12.10-1"));
}

#[test]
fn other_bytes_under_the_locked_version_are_refused() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "good");
    let lock = lock_of(&bench.obtain(Mode::Normal, &nothing(), &[]).unwrap());
    bench.add_linux("6.12.9-1", "evil");
    bench.forget(&["sources", "archives", "apt"]);
    for mode in [Mode::Normal, Mode::Locked] {
        let failure = bench.obtain(mode, &lock, &[]).unwrap_err();
        assert_eq!(failure.kind, Kind::Source);
        let expected = "is not what test.lock records";
        assert!(failure.message.contains(expected), "{failure}");
    }
}

#[test]
fn locked_refuses_what_the_lock_does_not_name() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "x");
    let failure = bench.obtain(Mode::Locked, &nothing(), &[]).unwrap_err();
    let expected = "test.lock records nothing of linux";
    assert!(failure.message.contains(expected), "{failure}");
    let lock = lock_of(&bench.obtain(Mode::Normal, &nothing(), &[]).unwrap());
    let wish = SourceWish::Series("6.1".into());
    let other = bench.obtain_of(Package::Linux, &wish, Mode::Locked, &lock, &[]);
    let failure = other.unwrap_err();
    assert!(failure.message.contains("6.12.9-1"), "{failure}");
}

#[test]
fn a_damaged_download_is_an_error_and_leaves_nothing() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "x");
    let deb = bench.deb("6.12.9-1");
    let bytes = fs::read(&deb).unwrap();
    let more = [&bytes[..], b"more"].concat();
    for damaged in [&bytes[..bytes.len() / 2], &more] {
        fs::write(&deb, damaged).unwrap();
        let failure = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap_err();
        assert_eq!(failure.kind, Kind::Source, "{failure}");
        assert_eq!(bench.folders("archives"), 0);
    }
}

#[test]
fn a_damaged_archive_in_the_cache_is_fetched_anew() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "x");
    let source = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap();
    let folder = bench.cache.root().join("archives");
    let folder = folder.join(source.sha256.as_str());
    let file = fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    fs::write(file.path(), "rotten").unwrap();
    bench.forget(&["sources"]);
    bench.obtain(Mode::Locked, &lock_of(&source), &[]).unwrap();
    assert!(bench.said("is damaged; it is fetched anew"));
}

#[test]
fn a_source_package_gives_its_upstream_tarball() {
    let bench = Bench::new();
    bench.add_musl("1.2.3-1");
    let of = |series: &str| {
        let wish = SourceWish::Series(series.into());
        bench.obtain_of(Package::Musl, &wish, Mode::Normal, &nothing(), &[])
    };
    let source = of("").unwrap();
    assert_eq!(source.origin.to_string(), "debian:musl");
    assert_eq!(source.version, "1.2.3-1");
    let version = fs::read_to_string(source.tree.join("VERSION")).unwrap();
    assert_eq!(version, "1.2.3");
    let failure = of("9").unwrap_err();
    let expected = "offers no musl of series 9";
    assert!(failure.message.contains(expected), "{failure}");
}

#[test]
fn an_unsigned_archive_is_refused() {
    let mut bench = Bench::new();
    bench.add_linux("6.12.9-1", "x");
    let DebianSources::Entries(entries) = &bench.debian else {
        panic!("set above");
    };
    bench.debian = DebianSources::Entries(entries.replace("Trusted: yes\n", ""));
    let failure = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    let detail = failure.detail.unwrap();
    assert!(detail.contains("not signed"), "{detail}");
}

fn patch(name: &str, text: &str) -> PatchFile {
    PatchFile {
        name: name.into(),
        content: text.as_bytes().to_vec(),
    }
}

const THREE: &str = "\
--- a/init/main.c
+++ b/init/main.c
@@ -2,3 +2,3 @@
 two
-x
+THREE
 four
";

const MODE: &str = "\
diff --git a/scripts/run.sh b/scripts/run.sh
old mode 100644
new mode 100755
";

/// Some files' contents, modes and times.
fn state(tree: &Path) -> Vec<(PathBuf, Vec<u8>, u32, i64)> {
    let mut all = Vec::new();
    for name in ["Makefile", "init/main.c", "scripts/run.sh"] {
        let path = tree.join(name);
        let meta = path.metadata().unwrap();
        let content = fs::read(&path).unwrap();
        all.push((path, content, meta.mode(), meta.mtime()));
    }
    all
}

#[test]
fn patches_go_to_a_copy_and_the_original_stays() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "x");
    let plain = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap();
    let lock = lock_of(&plain);
    let before = state(&plain.tree);
    let patches = [patch("three.patch", THREE), patch("mode.patch", MODE)];
    let patched = bench.obtain(Mode::Normal, &lock, &patches).unwrap();
    assert_eq!(state(&plain.tree), before);
    assert_ne!(patched.tree, plain.tree);
    assert_ne!(patched.digest, plain.digest);
    assert_eq!(patched.lock_entry(), plain.lock_entry());
    let text = fs::read_to_string(patched.tree.join("init/main.c")).unwrap();
    assert_eq!(text, "one\ntwo\nTHREE\nfour\nfive\n");
    let meta = |tree: &Path, name: &str| tree.join(name).metadata().unwrap();
    let shared = |name| meta(&plain.tree, name).ino() == meta(&patched.tree, name).ino();
    assert!(shared("Makefile") && !shared("init/main.c") && !shared("scripts/run.sh"));
    assert_eq!(meta(&patched.tree, "scripts/run.sh").mode() & 0o777, 0o755);
    assert!(!patched.cached);
    assert!(bench.obtain(Mode::Normal, &lock, &patches).unwrap().cached);
}

#[test]
fn a_patch_that_does_not_apply_is_told_by_name() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "other");
    for bad in [THREE, "no patch at all\n"] {
        let patches = [patch("bad.patch", bad)];
        let failure = bench
            .obtain(Mode::Normal, &nothing(), &patches)
            .unwrap_err();
        assert_eq!(failure.kind, Kind::Build);
        let expected = "the patch bad.patch does not apply to linux 6.12.9-1";
        assert!(failure.message.contains(expected), "{failure}");
        assert!(failure.detail.is_some());
    }
    assert_eq!(bench.folders("sources"), 1, "the unpatched one only");
}

#[test]
fn a_tree_of_the_users_is_used_in_place_and_locked_by_its_digest() {
    let bench = Bench::new();
    let tree = bench.dir.path().join("mine");
    write_linux(&tree, "6.13.1", "x");
    let wish = SourceWish::Path(tree.clone());
    let of = |mode, lock: &LockFile, patches: &[PatchFile]| {
        bench.obtain_of(Package::Linux, &wish, mode, lock, patches)
    };
    let source = of(Mode::Normal, &nothing(), &[]).unwrap();
    assert_eq!(source.origin.to_string(), "path");
    assert_eq!(source.version, "6.13.1");
    assert_eq!(source.tree, tree);
    let lock = lock_of(&source);
    of(Mode::Locked, &lock, &[]).unwrap();
    let before = state(&tree);
    let patched = of(Mode::Locked, &lock, &[patch("three.patch", THREE)]).unwrap();
    assert_eq!(state(&tree), before);
    let text = fs::read_to_string(patched.tree.join("init/main.c")).unwrap();
    assert!(text.contains("THREE"));
    fs::write(tree.join("Kbuild"), "# changed").unwrap();
    let failure = of(Mode::Locked, &lock, &[]).unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    assert_ne!(of(Mode::Normal, &lock, &[]).unwrap().digest, source.digest);
}

#[test]
fn versions_are_ordered_as_dpkg_itself_orders_them() {
    use builder::source::version::compare;
    use std::cmp::Ordering;
    let bench = Bench::new();
    let versions = [
        "1.0~rc1-1",
        "1.0-1",
        "1.0-1~x",
        "1:0.9",
        "1.0+b1-1",
        "1.0a",
        "1.00-1",
        "1.10-1",
    ];
    let pairs = versions
        .iter()
        .flat_map(|a| versions.iter().map(move |b| (a, b)));
    for (a, b) in pairs {
        let is = |relation: &str| {
            let cmd = Cmd::new("dpkg").args(["--compare-versions", a, relation, b]);
            bench.processes.run(&cmd).is_ok()
        };
        let expected = match compare(a, b) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        assert!(is(expected), "{a} {b}");
    }
}

#[test]
fn the_distributions_configuration_is_that_of_its_kernel_and_is_locked() {
    let bench = Bench::new();
    bench.add_linux("6.12.9-1", "old");
    let linux = bench.obtain(Mode::Normal, &nothing(), &[]).unwrap();
    bench.add_config("6.12.9-1", "amd64", &["amd64", "cloud-amd64"]);
    bench.add_config("6.12.9-1", "i386", &["686"]);
    bench.forget(&["apt"]);
    let of = |wanted, lock: &LockFile, mode| bench.configuration(&linux, wanted, (lock, mode));
    let (package, text) = of(("amd64", "cloud-amd64"), &nothing(), Mode::Normal).unwrap();
    assert_eq!(text, "CONFIG_OF_6.12.9-1_cloud-amd64=y\n");
    assert_eq!(package.name, "linux-config");
    assert_eq!(package.origin.to_string(), "debian:linux-config-6.12:amd64");
    let (other, text) = of(("i386", "686"), &lock_of(&package), Mode::Normal).unwrap();
    assert_eq!(text, "CONFIG_OF_6.12.9-1_686=y\n");
    assert_eq!(other.origin.to_string(), "debian:linux-config-6.12:i386");

    let failure = of(("amd64", "kloud"), &nothing(), Mode::Normal).unwrap_err();
    let help = failure.help.unwrap_or_default();
    assert_eq!(
        (failure.kind, &*help),
        (Kind::Usage, "it has amd64, cloud-amd64")
    );

    // The archive is gone: the lock and what is kept do, but not for another machine.
    fs::remove_dir_all(bench.archive()).unwrap();
    bench.forget(&["apt"]);
    let (again, _) = of(("amd64", "amd64"), &lock_of(&package), Mode::Locked).unwrap();
    assert!(again.cached);
    let refused = of(("i386", "686"), &lock_of(&package), Mode::Locked).unwrap_err();
    assert!(refused.message.contains("--locked"), "{refused}");
    let kept = bench
        .cache
        .root()
        .join("archives")
        .join(package.sha256.as_str());
    let file = fs::read_dir(&kept)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    fs::write(file, "damaged").unwrap();
    of(("amd64", "amd64"), &lock_of(&package), Mode::Locked).unwrap_err();
    assert!(bench.said("is damaged; it is fetched anew"));
}
