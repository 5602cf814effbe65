//! The web server that a fetch downloads from: on the loopback, for one boot.
//!
//! Each file has a path and a content that are fresh for each boot, so that
//! nothing but a real download has the right SHA-256.
//!
//! What the guest sends is hyper's to read: it may be anything. All connections
//! share one thread, and their number and the time for a request are limited.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use host::units::Bytes;
use http_body_util::Full;
use hyper::body::{Bytes as Content, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Error, Result};

/// Ports of five digits below those that systems give out by themselves.
const REPEATABLE_PORTS: RangeInclusive<u16> = 20480..=20735;

/// So many connections are served at once. Further ones wait until one ends: a
/// guest that opens them without end doesn't use up this process's files.
const CONNECTIONS: usize = 128;

/// A client that has not sent its request after so long is hung up on: a guest
/// that is traced may be slow.
const REQUEST_LIMIT: Duration = Duration::from_secs(300);

/// After a connection that could not be taken (no file is free), so long is
/// waited.
const RETRY: Duration = Duration::from_millis(50);

/// A file to be served.
pub struct Served {
    /// Its path.
    path: String,
    content: Content,
    requests: AtomicU32,
}

impl Served {
    fn new(size: Bytes, word: &str) -> Result<Self> {
        let size = usize::try_from(size.0).unwrap_or(usize::MAX);
        let mut content = Vec::new();
        content
            .try_reserve_exact(size)
            .map_err(|_| Error::NoMemory)?;
        content.resize(size, 0);
        fill_random(&mut content)?;
        Ok(Served {
            path: format!("/{word}"),
            content: content.into(),
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
    /// The thread ends once this is dropped.
    running: Option<oneshot::Sender<Infallible>>,
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
        let mut listener = Err(std::io::Error::other("no port is free"));
        for port in ports {
            listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            if listener.is_ok() {
                break;
            }
        }
        let listener = listener.map_err(Error::Files)?;
        let port = listener.local_addr().map_err(Error::Files)?.port();
        let (runtime, listener) = enter(listener).map_err(Error::Files)?;
        let (running, stopped) = oneshot::channel::<Infallible>();
        let thread = {
            let files = files.clone();
            std::thread::spawn(move || {
                runtime.block_on(async {
                    tokio::spawn(accept(listener, files));
                    // Nothing is ever sent: the sender's end is the signal.
                    let _ = stopped.await;
                });
            })
        };
        Ok(FileServer {
            port,
            files,
            running: Some(running),
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
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread shows as a failed download.
            let _ = thread.join();
        }
    }
}

/// A runtime for one thread, and the listener in it.
fn enter(listener: TcpListener) -> std::io::Result<(Runtime, tokio::net::TcpListener)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    listener.set_nonblocking(true)?;
    let guard = runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    drop(guard);
    Ok((runtime, listener))
}

/// Takes connections until the runtime ends.
async fn accept(listener: tokio::net::TcpListener, files: Arc<Vec<Served>>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(permit) = free.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RETRY).await;
            continue;
        };
        let files = files.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&files, &request);
                async { Ok::<_, Infallible>(response) }
            });
            // A client that went away, or that speaks no HTTP, is the check's
            // matter, not the server's.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_LIMIT)
                // Clients that halve a connection still get their answer.
                .half_close(true)
                // As the smallest clients know them from other servers.
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

/// The answer to a request. Its length is known: it is never sent in chunks,
/// which the smallest clients can't read.
fn answer(files: &[Served], request: &Request<Incoming>) -> Response<Full<Content>> {
    let wanted = request.uri().path_and_query().map(|path| path.as_str());
    let served = files
        .iter()
        .find(|file| *request.method() == Method::GET && Some(&*file.path) == wanted);
    match served {
        Some(file) => {
            file.requests.fetch_add(1, Ordering::SeqCst);
            Response::new(Full::new(file.content.clone()))
        }
        None => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

fn fill_random(bytes: &mut [u8]) -> Result<()> {
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(bytes))
        .map_err(|error| host::Error::file("read", source, error).into())
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
    use proptest::prelude::*;
    use std::io::Write;
    use std::net::{Shutdown, TcpStream};

    fn connect(server: &FileServer) -> TcpStream {
        TcpStream::connect(("127.0.0.1", server.port)).expect("connects")
    }

    fn get(server: &FileServer, path: &str) -> Vec<u8> {
        let mut stream = connect(server);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("asks");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        answer
    }

    fn body(answer: &[u8]) -> &[u8] {
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
        &answer[end.expect("has a body") + 4..]
    }

    #[test]
    fn a_file_is_served_whole_and_counted() {
        let server = FileServer::start(&[Bytes::kib(64), Bytes(0)]).expect("starts");
        let file = &server.files()[0];
        let answer = get(&server, &file.path);
        assert_eq!(hex::encode(Sha256::digest(body(&answer))), file.sha256());
        assert_eq!((file.size(), file.requests()), (65536, 1));
    }

    #[test]
    fn another_path_is_not_found() {
        let server = FileServer::start(&[Bytes(10)]).expect("starts");
        assert!(get(&server, "/other").starts_with(b"HTTP/1.1 404"));
        assert_eq!(server.files()[0].requests(), 0);
    }

    #[test]
    fn an_answer_has_a_length_and_no_chunks_and_only_a_get_counts() {
        let server = FileServer::start(&[Bytes(300_000)]).expect("starts");
        let path = &server.files()[0].path;
        let answer = get(&server, path);
        let head = String::from_utf8_lossy(&answer[..answer.len() - 300_000]);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 300000\r\n"), "{head}");
        assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
        let mut stream = connect(&server);
        write!(stream, "HEAD {path} HTTP/1.0\r\n\r\n").expect("asks");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        assert!(answer.starts_with(b"HTTP/1.0 404"));
        assert_eq!(server.files()[0].requests(), 1);
    }

    #[test]
    fn a_client_of_http_1_0_gets_a_file_as_well() {
        let server = FileServer::start(&[Bytes(100)]).expect("starts");
        let mut stream = connect(&server);
        write!(stream, "GET {} HTTP/1.0\r\n\r\n", server.files()[0].path).expect("asks");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answers");
        assert_eq!(body(&answer), &server.files()[0].content[..]);
    }

    #[test]
    fn a_server_ends_although_clients_hold_their_connections() {
        let server = FileServer::start(&[Bytes(1 << 24)]).expect("starts");
        let mut idle: Vec<TcpStream> = (0..8).map(|_| connect(&server)).collect();
        // Asks, and never reads what comes.
        write!(idle[0], "GET {} HTTP/1.1\r\n\r\n", server.files()[0].path).expect("asks");
        get(&server, "/other");
        drop(server);
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_a_guest_sends_the_next_one_is_served(
            start in prop::sample::select(vec![
                "", "GET ", "GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
                "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ]),
            bytes in prop::collection::vec(any::<u8>(), 0..2000),
            answered: bool,
        ) {
            let server = FileServer::start(&[Bytes(100)]).expect("starts");
            let mut stream = connect(&server);
            // The server may hang up at any byte.
            let _ = stream.write_all(start.as_bytes());
            let _ = stream.write_all(&bytes);
            if answered {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
            let file = &server.files()[0];
            let answer = get(&server, &file.path);
            prop_assert_eq!(body(&answer), &file.content[..]);
        }
    }
}
