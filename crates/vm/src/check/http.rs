//! The web server that a fetch downloads from: on the loopback, for one boot.
//!
//! Each file has a path and a content that are fresh for each boot, so that
//! nothing but a real download has the right SHA-256.

use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use host::error::{Failure, Kind, Result};
use host::units::Bytes;
use sha2::{Digest, Sha256};
use tiny_http::{Method, Request, Response, Server};

/// Ports of five digits below those that systems give out by themselves.
const REPEATABLE_PORTS: RangeInclusive<u16> = 20480..=20735;

/// A file to be served.
pub struct Served {
    /// Its path.
    path: String,
    content: Vec<u8>,
    requests: AtomicU32,
}

impl Served {
    fn new(size: Bytes, word: &str) -> Result<Self> {
        let size = usize::try_from(size.0).unwrap_or(usize::MAX);
        let mut content = Vec::new();
        content.try_reserve_exact(size).map_err(|_| {
            Failure::new(
                Kind::Machine,
                "not enough memory for the file to be fetched",
            )
        })?;
        content.resize(size, 0);
        fill_random(&mut content)?;
        Ok(Served {
            path: format!("/{word}"),
            content,
            requests: AtomicU32::new(0),
        })
    }

    /// How often it was asked for.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Its size.
    pub fn size(&self) -> u64 {
        self.content.len() as u64
    }

    /// The SHA-256 of its content, in hexadecimal.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.content))
    }
}

/// A running server; dropping it ends it.
pub struct FileServer {
    port: u16,
    files: Arc<Vec<Served>>,
    server: Arc<Server>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves one fresh file of each size on a free port of 127.0.0.1.
    pub fn start(sizes: &[Bytes]) -> Result<Self> {
        let files: Vec<Served> = sizes
            .iter()
            .map(|&size| Served::new(size, &random_word()?))
            .collect::<Result<_>>()?;
        Self::serve(files, 0..=0)
    }

    /// The same, but the URLs are always of one length, and the same ones again
    /// where the port is free: the guest is told of them by a file in its
    /// ramdisk, and shall not boot otherwise for it. The contents are fresh.
    pub fn start_repeatable(sizes: &[Bytes]) -> Result<Self> {
        let files: Vec<Served> = sizes
            .iter()
            .enumerate()
            .map(|(at, &size)| Served::new(size, &format!("{at:016x}")))
            .collect::<Result<_>>()?;
        Self::serve(files, REPEATABLE_PORTS)
    }

    /// Serves on the first port that is free.
    fn serve(files: Vec<Served>, ports: RangeInclusive<u16>) -> Result<Self> {
        let files = Arc::new(files);
        let broken = |error: String| {
            Failure::new(
                Kind::Machine,
                format!("can't serve files on 127.0.0.1: {error}"),
            )
        };
        let mut server = Err("no port is free".into());
        for port in ports {
            server = Server::http(("127.0.0.1", port));
            if server.is_ok() {
                break;
            }
        }
        let server = server.map_err(|e| broken(e.to_string()))?;
        let port = server
            .server_addr()
            .to_ip()
            .ok_or_else(|| broken("no port".to_owned()))?
            .port();
        let server = Arc::new(server);
        let thread = {
            let (server, files) = (server.clone(), files.clone());
            std::thread::spawn(move || {
                for request in server.incoming_requests() {
                    answer(&files, request);
                }
            })
        };
        Ok(FileServer {
            port,
            files,
            server,
            thread: Some(thread),
        })
    }

    /// The files, in the order of their sizes.
    pub fn files(&self) -> &[Served] {
        &self.files
    }

    /// The URL of a file as the guest sees it, to which this host is `host`.
    pub fn guest_url(&self, file: &Served, host: Ipv4Addr) -> String {
        format!("http://{host}:{}{}", self.port, file.path)
    }
}

impl std::fmt::Debug for FileServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileServer")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread shows as a failed download.
            let _ = thread.join();
        }
    }
}

fn answer(files: &[Served], request: Request) {
    let served = files
        .iter()
        .find(|file| *request.method() == Method::Get && file.path == request.url());
    // A client that went away is the check's matter, not the server's.
    let _ = match served {
        Some(file) => {
            file.requests.fetch_add(1, Ordering::SeqCst);
            // With a length, never in chunks: the smallest clients can't do more.
            let response = Response::from_data(file.content.as_slice());
            request.respond(response.with_chunked_threshold(usize::MAX))
        }
        None => request.respond(Response::empty(404)),
    };
}

fn fill_random(bytes: &mut [u8]) -> Result<()> {
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(bytes))
        .map_err(|error| Failure::io("read", source, &error))
}

/// 16 random hexadecimal digits.
pub(crate) fn random_word() -> Result<String> {
    let mut bytes = [0u8; 8];
    fill_random(&mut bytes)?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpStream;

    fn get(server: &FileServer, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("connects");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("asks");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        answer
    }

    #[test]
    fn a_file_is_served_whole_and_counted() {
        let server = FileServer::start(&[Bytes::kib(64), Bytes(0)]).expect("starts");
        let file = &server.files()[0];
        let answer = get(&server, &file.path);
        let body = answer
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map(|at| &answer[at + 4..])
            .expect("has a body");
        assert_eq!(hex::encode(Sha256::digest(body)), file.sha256());
        assert_eq!((file.size(), file.requests()), (65536, 1));
    }

    #[test]
    fn another_path_is_not_found() {
        let server = FileServer::start(&[Bytes(10)]).expect("starts");
        assert!(get(&server, "/other").starts_with(b"HTTP/1.1 404"));
        assert_eq!(server.files()[0].requests(), 0);
    }

    #[test]
    fn repeatable_urls_have_one_length_and_fresh_contents() {
        let sizes = [Bytes(64)];
        let servers = [(), ()].map(|()| FileServer::start_repeatable(&sizes).expect("starts"));
        let [one, two] = servers.each_ref().map(|server| {
            let file = &server.files()[0];
            (server.guest_url(file, recipe::plan::GATEWAY), file.sha256())
        });
        assert_eq!(one.0.len(), "http://10.0.2.2:20480/0000000000000000".len());
        assert_eq!(one.0.len(), two.0.len());
        assert_ne!(one.1, two.1);
    }

    #[test]
    fn contents_differ_from_boot_to_boot() {
        let sizes = [Bytes(64)];
        let (one, two) = (FileServer::start(&sizes), FileServer::start(&sizes));
        let hash = |server: Result<FileServer>| server.expect("starts").files()[0].sha256();
        assert_ne!(hash(one), hash(two));
    }
}
