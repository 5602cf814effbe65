//! A cache of its own, small source trees, and calls of `obtain`.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use builder::source::{Context, DebianSources, LockFile, Mode, Network, Request, Source, obtain};
use host::process::{Cancel, Cmd, Processes};
use host::{Cache, Id};
use recipe::package::Package;
use recipe::plan::{OriginWish, SourceWish};
use tuxling::failure::{Failure, Result};

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) cache: Cache,
    pub(crate) processes: Processes,
    pub(crate) network: Network,
    said: RefCell<Vec<String>>,
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        Bench {
            cache: Cache::at(&dir.path().join("cache")).unwrap(),
            processes: Processes::new(env!("CARGO_BIN_EXE_tuxling"), Cancel::default()),
            network: Network {
                connect: Duration::from_secs(5),
                silence: Duration::from_millis(400),
                ..Network::default()
            },
            said: RefCell::default(),
            dir,
        }
    }

    pub(crate) fn run(&self, cmd: Cmd) -> String {
        let output = self.processes.run(&cmd);
        output.unwrap_or_else(|e| panic!("{e:?}")).text()
    }

    /// An archive of a C library, some 100 KB that don't compress.
    pub(crate) fn musl(&self, version: &str) -> Vec<u8> {
        let top = self.dir.path().join(format!("musl-{version}"));
        write_musl(&top, version);
        pack(&self.processes, &top)
    }

    pub(crate) fn obtain(
        &self,
        origins: &[OriginWish],
        mode: Mode,
        lock: &LockFile,
    ) -> Result<Source> {
        let progress = |text: &str| self.said.borrow_mut().push(text.to_owned());
        let context = Context {
            cache: &self.cache,
            processes: &self.processes,
            progress: &progress,
            step: &|_| {},
            debian: &DebianSources::Entries(String::new()),
            network: &self.network,
        };
        let wish = SourceWish::Listed {
            series: "1.2".to_owned(),
            origins: origins.to_vec(),
        };
        let request = Request {
            package: Package::Musl,
            wish: &wish,
            patches: &[],
            lock,
            mode,
        };
        Ok(obtain(&request, &context)?)
    }

    pub(crate) fn fetch(&self, url: &str, sha256: Option<Id>) -> Result<Source> {
        self.obtain(&[at(url, sha256)], Mode::Normal, &nothing())
    }

    #[track_caller]
    pub(crate) fn fails(&self, url: &str, sha256: Option<Id>) -> Failure {
        self.fetch(url, sha256).expect_err("must fail")
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.borrow().iter().any(|line| line.contains(text))
    }

    /// What lies in a folder of the cache, locks aside.
    pub(crate) fn there(&self, topic: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache.root().join(topic));
        let paths = entries.into_iter().flatten().flatten().map(|e| e.path());
        paths
            .filter(|p| p.extension().is_none_or(|e| e != "lock"))
            .collect()
    }
}

pub(crate) fn at(url: &str, sha256: Option<Id>) -> OriginWish {
    OriginWish::Url {
        url: url.to_owned(),
        sha256,
    }
}

pub(crate) fn nothing() -> LockFile {
    LockFile::empty("test.lock")
}

pub(crate) fn lock_of(source: &Source) -> LockFile {
    LockFile::of("test.lock", [source])
}

pub(crate) fn id(bytes: &[u8]) -> Option<Id> {
    Some(Id::of_bytes(bytes))
}

pub(crate) fn write_musl(top: &Path, version: &str) {
    fs::create_dir_all(top.join("include")).unwrap();
    fs::write(top.join("configure"), "#!/bin/sh\n").unwrap();
    fs::write(top.join("include/alltypes.h.in"), "").unwrap();
    fs::write(top.join("VERSION"), format!("{version}\n")).unwrap();
    let mut noise = Vec::new();
    for n in 0..3_000u32 {
        let id = Id::of_bytes(format!("{version} {n}").as_bytes());
        noise.extend(
            id.as_str()
                .as_bytes()
                .chunks(2)
                .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()),
        );
    }
    fs::write(top.join("noise"), noise).unwrap();
}

/// A folder as a `.tar.gz`.
pub(crate) fn pack(processes: &Processes, top: &Path) -> Vec<u8> {
    let file = top.with_extension("tar.gz");
    let cmd = Cmd::new("tar").arg("-czf").arg(&file);
    let cmd = cmd.arg(top.file_name().unwrap()).dir(top.parent().unwrap());
    processes.run(&cmd).unwrap();
    fs::read(file).unwrap()
}
