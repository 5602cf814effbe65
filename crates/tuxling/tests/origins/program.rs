//! `tuxling fetch` itself: TLS, upstream's own addresses through a proxy, and
//! what is left when it is killed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

use crate::bench::{Bench, id, pack, write_musl};
use crate::server::{Request, Server, head, serve};

/// The head of a program for i386, linked statically: an init that the kernel
/// would start.
const PROGRAM: &[u8] =
    b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// A recipe's folder.
struct Desk {
    bench: Bench,
    linux: Vec<u8>,
}

impl Desk {
    fn new() -> Desk {
        let bench = Bench::new();
        write_musl(&bench.dir.path().join("musl"), "1.2.5");
        let top = bench.dir.path().join("linux-6.12.58");
        fs::create_dir_all(top.join("init")).unwrap();
        let makefile = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 58\n";
        let noise: String = (0..40_000)
            .map(|n| format!("{}\n", n * n % 99_991))
            .collect();
        for (name, text) in [
            ("Makefile", makefile),
            ("Kbuild", ""),
            ("Kconfig", ""),
            ("init/main.c", &noise),
        ] {
            fs::write(top.join(name), text).unwrap();
        }
        let linux = pack(&bench.processes, &top);
        Desk { bench, linux }
    }

    fn folder(&self) -> &Path {
        self.bench.dir.path()
    }

    /// The recipe with this list of origins, and the command that fetches it.
    #[allow(clippy::disallowed_methods)] // the tests stand outside: they start tuxling itself
    fn fetch(&self, sources: &str) -> Command {
        let recipe = format!(
            "board = \"pc\"\n[kernel]\nversion = \"6.12.58\"\nsources = [{sources}]\n\
             [userland]\nlibc-path = \"musl\"\n[[userland.file]]\nto = \"/init\"\nfrom = \"init\"\nmode = \"0755\"\n"
        );
        fs::write(self.folder().join("mine.toml"), recipe).unwrap();
        fs::write(self.folder().join("init"), PROGRAM).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuxling"));
        command
            .args(["fetch", "mine.toml"])
            .current_dir(self.folder());
        command.env("TUXLING_CACHE", self.bench.cache.root());
        for key in [
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "SSL_CERT_FILE",
            "all_proxy",
        ] {
            command.env_remove(key).env_remove(key.to_uppercase());
        }
        command.stdin(Stdio::null());
        command
    }

    fn sha256(&self) -> String {
        id(&self.linux).unwrap().to_string()
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An authority, and the configuration of a server for one host.
fn authority(dir: &Path, host: &str) -> (PathBuf, Arc<ServerConfig>) {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().unwrap();
    let file = dir.join("authority.pem");
    fs::write(&file, root.self_signed(&root_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .unwrap();
    (file, Arc::new(config))
}

/// A proxy that answers for all hosts by itself, with TLS.
fn proxy(config: Arc<ServerConfig>, bytes: Vec<u8>) -> Server {
    Server::start(move |_, stream: &mut TcpStream| {
        head(stream, "200 OK", &[])?;
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        let mut secure = Stream::new(&mut connection, stream);
        let Some(request) = Request::read(&mut secure) else {
            return Ok(());
        };
        assert_eq!(
            request.target(),
            "/pub/linux/kernel/v6.x/linux-6.12.58.tar.xz"
        );
        serve(&request, &mut secure, &bytes, "\"v1\"", usize::MAX)?;
        secure.conn.send_close_notify();
        secure.flush()
    })
}

#[test]
fn upstreams_archive_comes_through_a_proxy_from_a_server_that_proves_who_it_is() {
    let desk = Desk::new();
    let (file, config) = authority(desk.folder(), "cdn.kernel.org");
    let server = proxy(config, desk.linux.clone());
    let proxy = format!("http://{}", server.address());
    let unknown = desk
        .fetch("\"upstream\"")
        .env("https_proxy", &proxy)
        .output()
        .unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    assert!(
        stderr(&unknown).contains("can't prove who it is"),
        "{}",
        stderr(&unknown)
    );
    assert!(stderr(&unknown).contains("SSL_CERT_FILE"));

    let known = |sources: &str, flags: &[&str]| {
        let mut fetch = desk.fetch(sources);
        fetch.env("https_proxy", &proxy).env("SSL_CERT_FILE", &file);
        fetch.args(flags).output().unwrap()
    };
    let unpinned = known("\"upstream\"", &[]);
    assert_eq!(unpinned.status.code(), Some(1), "{}", stderr(&unpinned));
    assert!(stderr(&unpinned).contains(&format!("sha256 = \"{}\"", desk.sha256())));
    let trusted = known("\"upstream\"", &["--trust-new"]);
    assert_eq!(trusted.status.code(), Some(0), "{}", stderr(&trusted));
    let lock = fs::read_to_string(desk.folder().join("mine.lock")).unwrap();
    assert!(lock.contains("url:https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.12.58.tar.xz"));
    assert!(lock.contains(&desk.sha256()) && lock.contains("version = \"6.12.58\""));
    let pinned = format!("{{ from = \"upstream\", sha256 = \"{}\" }}", desk.sha256());
    let locked = known(&pinned, &["--locked", "--json"]);
    assert_eq!(locked.status.code(), Some(0), "{}", stderr(&locked));
    let json: serde_json::Value = serde_json::from_slice(&locked.stdout).unwrap();
    assert_eq!(json["sources"][0]["sha256"], desk.sha256());
    assert!(
        server.seen()[0]
            .line
            .starts_with("CONNECT cdn.kernel.org:443")
    );
}

#[test]
fn a_certificate_for_another_host_is_refused() {
    let desk = Desk::new();
    let (file, config) = authority(desk.folder(), "elsewhere.example.org");
    let server = proxy(config, desk.linux.clone());
    let mut fetch = desk.fetch("\"upstream\"");
    fetch.env("https_proxy", format!("http://{}", server.address()));
    let output = fetch.env("SSL_CERT_FILE", file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("can't prove who it is"),
        "{}",
        stderr(&output)
    );
}

/// Half of the file at once, then nothing for a long time; the rest to those
/// who ask for it.
fn slow(bytes: Vec<u8>) -> Server {
    Server::start(move |request, stream| match request.from() {
        None => {
            serve(request, stream, &bytes, "\"v1\"", bytes.len() / 2)?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
        Some(_) => serve(request, stream, &bytes, "\"v1\"", usize::MAX),
    })
}

#[test]
fn what_came_before_an_end_by_a_signal_is_kept() {
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let desk = Desk::new();
        let server = slow(desk.linux.clone());
        let url = server.url("linux-6.12.58.tar.gz");
        let sources = format!("{{ url = \"{url}\", sha256 = \"{}\" }}", desk.sha256());
        let mut fetch = desk.fetch(&sources);
        let mut child = fetch.stderr(Stdio::piped()).spawn().unwrap();
        let half = desk.linux.len() as u64 / 2;
        let part = || {
            let parts = desk.bench.there("downloads");
            let part = parts
                .iter()
                .find(|p| p.extension().is_some_and(|e| e == "part"));
            part.and_then(|p| p.metadata().ok()).map_or(0, |m| m.len())
        };
        for _ in 0..600 {
            if part() == half {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut told = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut told)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), code, "{told}");
        assert_eq!(part(), half);
        if code.is_some() {
            assert!(told.contains("the next call goes on from there"), "{told}");
        }
        let again = desk.fetch(&sources).output().unwrap();
        assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
        assert_eq!(server.seen().last().unwrap().from(), Some(half as usize));
    }
}
