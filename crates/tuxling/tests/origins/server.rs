//! An HTTP server that does to each request what a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A request as far as the tests look at it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// What is asked for: the path, or the host and port of a CONNECT.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// Where the rest begins that is asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }

    /// Reads the head of a request; `None` when the client has gone.
    pub(crate) fn read(stream: &mut impl Read) -> Option<Request> {
        let mut lines = BufReader::with_capacity(1, stream).lines();
        let line = lines.next()?.ok()?;
        let mut headers = Vec::new();
        for next in lines {
            let header = next.ok()?;
            let Some((key, value)) = header.split_once(':') else {
                return Some(Request { line, headers });
            };
            headers.push((key.to_lowercase(), value.trim().to_owned()));
        }
        None
    }
}

/// What a server does with a request.
pub(crate) type Answer = dyn Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// A server that ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Starts one; each connection is one request.
    pub(crate) fn start(
        answer: impl Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            ended: Arc::default(),
        };
        let (seen, ended) = (server.seen.clone(), server.ended.clone());
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (seen, answer) = (seen.clone(), answer.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    if let Some(request) = Request::read(&mut stream) {
                        seen.lock().unwrap().push(request.clone());
                        // The client may be gone already.
                        let _ = answer(&request, &mut stream);
                    }
                });
            }
        });
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the listener
    }
}

/// The head of an answer.
pub(crate) fn head(
    stream: &mut impl Write,
    status: &str,
    headers: &[(&str, String)],
) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
    for (key, value) in headers {
        write!(stream, "{key}: {value}\r\n")?;
    }
    write!(stream, "\r\n")
}

/// An answer of a server that knows ranges: the whole, or the rest when the
/// file is still the one that the client knows. `most` cuts the body off.
pub(crate) fn serve(
    request: &Request,
    stream: &mut impl Write,
    bytes: &[u8],
    etag: &str,
    most: usize,
) -> std::io::Result<()> {
    let same = request.header("if-range") == Some(etag);
    let from = request.from().filter(|from| same && *from < bytes.len());
    let body = &bytes[from.unwrap_or(0)..];
    let mut headers = vec![
        ("Content-Length", body.len().to_string()),
        ("ETag", etag.to_owned()),
        ("Accept-Ranges", "bytes".to_owned()),
    ];
    if let Some(from) = from {
        let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
        headers.push(("Content-Range", range));
        head(stream, "206 Partial Content", &headers)?;
    } else {
        head(stream, "200 OK", &headers)?;
    }
    stream.write_all(&body[..body.len().min(most)])
}

/// The whole, whatever is asked for.
pub(crate) fn whole(stream: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    head(
        stream,
        "200 OK",
        &[("Content-Length", bytes.len().to_string())],
    )?;
    stream.write_all(bytes)
}
