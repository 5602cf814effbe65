//! One file over HTTP, resumable: what has come stands in a part file, beside
//! it what is known of the server's version of the file. The next attempt asks
//! for the rest, on the condition that the file is still the same (RFC 9110,
//! 13.1.5 `If-Range` and 14.2 `Range`). What came in pieces is whole only when
//! its SHA-256 says so; that is the caller's to compare.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use host::cache::write_whole;
use host::process::Cancel;
use host::session::{Step, Unit};
use host::units::Bytes;
use serde::{Deserialize, Serialize};

use super::network::{MOST_REDIRECTS, Network};
use crate::error::{Error, FetchProblem, Result};

/// Larger than any source's archive.
const LARGEST: u64 = 16 << 30;
/// How much is handed over at a time, and how many such pieces ahead.
const PIECE: usize = 64 << 10;
const PIECES_AHEAD: usize = 16;
/// How often it is looked whether the user wants to stop.
const LOOK: Duration = Duration::from_millis(100);
/// How often a transfer that breaks off is taken up again within one call.
const MOST_BREAKS: usize = 4;
/// The pause before it is.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A file to be fetched.
pub(super) struct Download<'a> {
    /// Its address.
    pub url: &'a str,
    /// Whose it is, for messages: `linux`.
    pub name: &'a str,
    /// Where it grows. Beside it, with `.json` behind its name, stands what is
    /// known of it.
    pub part: PathBuf,
    /// How servers are reached.
    pub network: &'a Network,
    /// Whether the user wants to stop.
    pub cancel: &'a Cancel,
    /// Is told what is being done.
    pub progress: &'a dyn Fn(&str),
    /// Is told how far it is.
    pub step: &'a dyn Fn(&Step<'_>),
}

/// What is known of the server's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct KnownFile {
    url: String,
    /// `ETag` when it is strong, else `Last-Modified`.
    validator: Option<String>,
    /// The size of the whole file.
    size: Option<u64>,
}

/// Why an attempt ended.
enum Broken {
    /// The connection: what has come stays, and the rest can be asked for.
    Connection(String),
    /// Anything else.
    For(Error),
}

/// The head of a response, as far as it matters here.
struct Head {
    status: u16,
    known: KnownFile,
    /// Where the body begins in the file.
    start: u64,
}

enum Event {
    Head(Head),
    Piece(Vec<u8>),
    End,
    Failed(ureq::Error),
}

impl Download<'_> {
    /// Fetches the file into its part file, from where an earlier attempt
    /// ended. Says whether what came is of more than one attempt.
    pub(super) fn run(&self) -> Result<bool> {
        let mut resumed = false;
        let mut breaks = 0;
        loop {
            let before = self.length();
            resumed |= before > 0;
            match self.attempt(before) {
                Ok(()) => return Ok(resumed),
                Err(Broken::For(error)) => return Err(error),
                Err(Broken::Connection(why)) => {
                    breaks += 1;
                    let here = self.length();
                    if breaks > MOST_BREAKS || here <= before {
                        return Err(self.gave_up(why, here));
                    }
                    (self.progress)(&format!(
                        "{}: {why} after {}; going on from there",
                        self.name,
                        Bytes(here)
                    ));
                    self.pause()?;
                }
            }
        }
    }

    /// Forgets what has come.
    pub(super) fn forget(&self) -> Result<()> {
        for path in [&self.part, &self.known_at()] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(host::Error::file("remove", path, e).into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn known_at(&self) -> PathBuf {
        beside(&self.part)
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |m| m.len())
    }

    fn known(&self) -> Option<KnownFile> {
        let bytes = fs::read(self.known_at()).ok()?;
        let known: KnownFile = serde_json::from_slice(&bytes).ok()?;
        (known.url == self.url).then_some(known)
    }

    fn pause(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PAUSE {
            self.go_on()?;
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// An error once the user wants to stop.
    fn go_on(&self) -> Result<()> {
        match self.cancel.signal() {
            Some(signal) => Err(Error::FetchInterrupted {
                signal,
                kept: Bytes(self.length()),
                url: self.url.to_owned(),
            }),
            None => Ok(()),
        }
    }

    fn attempt(&self, have: u64) -> std::result::Result<(), Broken> {
        let known = self.known().filter(|_| have > 0);
        let (from, validator) = match &known {
            Some(known) if known.size == Some(have) => return Ok(()),
            Some(KnownFile {
                validator: Some(validator),
                ..
            }) => (have, Some(validator.clone())),
            // Without a validator the rest could be another file's.
            _ => (0, None),
        };
        let agent = self
            .network
            .agent(self.url)
            .map_err(|e| self.broken_for(self.problem(&e)))?;
        let mut request = agent.get(self.url).header("Accept-Encoding", "identity");
        if let Some(validator) = &validator {
            request = request
                .header("Range", format!("bytes={from}-"))
                .header("If-Range", validator);
        }
        let (sender, events) = sync_channel(PIECES_AHEAD);
        let url = self.url.to_owned();
        // A thread of its own: a server may be silent for long, and the user
        // must not wait for it.
        std::thread::spawn(move || transfer(request, &url, &sender));
        self.receive(&events, from)
    }

    fn receive(&self, events: &Receiver<Event>, from: u64) -> std::result::Result<(), Broken> {
        let head = match self.next(events)? {
            Event::Head(head) => head,
            Event::Failed(error) => return Err(self.broken(error)),
            Event::Piece(_) | Event::End => return Err(Broken::Connection("no answer".into())),
        };
        let start = match head.status {
            200 => 0,
            206 if head.start == from => from,
            // The part file is longer than the file, or the server can't tell.
            206 | 416 => {
                self.forget().map_err(Broken::For)?;
                let why = "the server has another file now";
                return match from {
                    0 => Err(self.broken_for(FetchProblem::Status(head.status))),
                    _ => {
                        (self.progress)(&format!("{}: {why}; from the start", self.name));
                        self.attempt(0)
                    }
                };
            }
            status => return Err(self.broken_for(FetchProblem::Status(status))),
        };
        if from > 0 && start == 0 {
            let why = "the server sends the whole file again (it changed, or can't be resumed)";
            (self.progress)(&format!("{}: {why}", self.name));
        }
        self.write(events, &head, start)
    }

    fn write(
        &self,
        events: &Receiver<Event>,
        head: &Head,
        start: u64,
    ) -> std::result::Result<(), Broken> {
        let io = |e| Broken::For(host::Error::file("write", &self.part, e).into());
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.part)
            .map_err(io)?;
        file.set_len(start)
            .and_then(|()| file.seek(SeekFrom::Start(start)).map(drop))
            .map_err(io)?;
        self.remember(&head.known).map_err(Broken::For)?;
        let mut meter = Meter::new(self, head.known.size, start);
        let mut length = start;
        loop {
            match self.next(events)? {
                Event::Piece(piece) => {
                    length += piece.len() as u64;
                    if length > LARGEST || head.known.size.is_some_and(|size| length > size) {
                        let _ = self.forget(); // nothing of it is of use
                        return Err(self.broken_for(FetchProblem::TooLong));
                    }
                    file.write_all(&piece).map_err(io)?;
                    meter.tell(length);
                }
                Event::Failed(error) => return Err(self.broken(error)),
                Event::End if head.known.size.is_some_and(|size| length < size) => {
                    return Err(Broken::Connection("the connection was cut off".into()));
                }
                Event::End | Event::Head(_) => break,
            }
        }
        // Whole now: what the server said of its size doesn't matter any more.
        file.sync_all().map_err(io)?;
        let known = KnownFile {
            size: Some(length),
            ..head.known.clone()
        };
        self.remember(&known).map_err(Broken::For)
    }

    fn next(&self, events: &Receiver<Event>) -> std::result::Result<Event, Broken> {
        loop {
            self.go_on().map_err(Broken::For)?;
            match events.recv_timeout(LOOK) {
                Ok(event) => return Ok(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Event::End),
            }
        }
    }

    fn remember(&self, known: &KnownFile) -> Result<()> {
        let json = serde_json::to_vec(known).map_err(Error::Json)?;
        Ok(write_whole(&self.known_at(), &json)?)
    }

    fn broken(&self, error: ureq::Error) -> Broken {
        match &error {
            ureq::Error::Io(e) if !is_about_certificates(&error) => {
                Broken::Connection(format!("the connection broke ({e})"))
            }
            ureq::Error::Timeout(which) => Broken::Connection(match which {
                ureq::Timeout::Connect | ureq::Timeout::Resolve => {
                    format!("no connection within {:?}", self.network.connect)
                }
                _ => format!("the server said nothing for {:?}", self.network.silence),
            }),
            // A body that ends early, or isn't HTTP.
            ureq::Error::Protocol(e) => Broken::Connection(format!("the answer broke off ({e})")),
            error => self.broken_for(self.problem(error)),
        }
    }

    fn gave_up(&self, why: String, here: u64) -> Error {
        self.failed(FetchProblem::Broke {
            why,
            here: Bytes(here),
            proxy: self.network.proxy_for(self.url).map(without_password),
        })
    }

    fn failed(&self, problem: FetchProblem) -> Error {
        Error::Fetch {
            url: self.url.to_owned(),
            problem,
        }
    }

    fn broken_for(&self, problem: FetchProblem) -> Broken {
        Broken::For(self.failed(problem))
    }

    /// What can't be mended by asking again.
    fn problem(&self, error: &ureq::Error) -> FetchProblem {
        if is_about_certificates(error) {
            return FetchProblem::Certificate(error.to_string());
        }
        match error {
            ureq::Error::TooManyRedirects => FetchProblem::Redirects(MOST_REDIRECTS),
            ureq::Error::RequireHttpsOnly(to) => FetchProblem::WithoutTls(to.clone()),
            ureq::Error::HostNotFound => FetchProblem::UnknownHost,
            ureq::Error::ConnectProxyFailed(why) => {
                let proxy = self.network.proxy_for(self.url).unwrap_or_default();
                FetchProblem::Refused {
                    proxy: without_password(proxy),
                    why: why.clone(),
                }
            }
            ureq::Error::InvalidProxyUrl => FetchProblem::ProxyAddress,
            other => FetchProblem::Other(other.to_string()),
        }
    }
}

/// Tells how far a transfer is.
struct Meter<'a> {
    download: &'a Download<'a>,
    what: String,
    size: Option<u64>,
    told: Instant,
}

impl<'a> Meter<'a> {
    fn new(download: &'a Download<'a>, size: Option<u64>, start: u64) -> Self {
        let of = size.map_or(String::new(), |size| format!(" ({})", Bytes(size)));
        let what = match start {
            0 => format!("downloading {}{of}", download.url),
            _ => format!("going on with {} after {}{of}", download.url, Bytes(start)),
        };
        (download.progress)(&format!("{}: {what}", download.name));
        let meter = Meter {
            download,
            what: format!("fetching {}", download.name),
            size,
            told: Instant::now(),
        };
        meter.step(start);
        meter
    }

    fn step(&self, length: u64) {
        (self.download.step)(&Step {
            what: &self.what,
            done: length,
            total: self.size,
            unit: Unit::Bytes,
        });
    }

    fn tell(&mut self, length: u64) {
        if self.told.elapsed() >= TELL_EVERY || self.size == Some(length) {
            self.told = Instant::now();
            self.step(length);
        }
    }
}

/// Runs a request and hands over what comes.
fn transfer(
    request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
    url: &str,
    events: &SyncSender<Event>,
) {
    let mut response = match request.call() {
        Ok(response) => response,
        Err(error) => return drop(events.send(Event::Failed(error))),
    };
    if events.send(Event::Head(head_of(url, &response))).is_err() {
        return;
    }
    let mut body = response.body_mut().as_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let event = match body.read(&mut piece) {
            Ok(0) => Event::End,
            Ok(n) => {
                piece.truncate(n);
                Event::Piece(piece)
            }
            Err(error) => Event::Failed(error.into()),
        };
        let last = !matches!(event, Event::Piece(_));
        // Nobody listens any more once the user has stopped it.
        if events.send(event).is_err() || last {
            return;
        }
    }
}

fn head_of(url: &str, response: &ureq::http::Response<ureq::Body>) -> Head {
    let text = |name: &str| response.headers().get(name)?.to_str().ok();
    let status = response.status().as_u16();
    let length = text("content-length").and_then(|v| v.trim().parse::<u64>().ok());
    let range = text("content-range").and_then(content_range);
    let (start, size) = match (status, range) {
        (206, Some((start, size))) => (start, size.or_else(|| Some(start + length?))),
        // Without a start it can't be the rest of anything.
        (206, None) => (u64::MAX, None),
        _ => (0, length),
    };
    // A weak one doesn't promise the same bytes (RFC 9110, 8.8.1).
    let etag = text("etag").filter(|tag| tag.starts_with('"'));
    let validator = etag.or_else(|| text("last-modified")).map(str::to_owned);
    Head {
        status,
        start,
        known: KnownFile {
            url: url.to_owned(),
            validator,
            size,
        },
    }
}

/// `bytes 100-199/200`: where it starts, and the size of the whole.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}

fn is_about_certificates(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(e) => {
            let text = e.to_string().to_lowercase();
            text.contains("certificate") || text.contains("tls")
        }
        _ => false,
    }
}

/// A proxy's address as it may be shown.
fn without_password(proxy: &str) -> String {
    match proxy.rsplit_once('@') {
        Some((head, host)) => {
            let scheme = head.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://…@{host}")
        }
        None => proxy.to_owned(),
    }
}

/// Where it stands what is known of a part file.
fn beside(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_as_far_as_they_go() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for bad in [
            "",
            "bytes",
            "bytes */10",
            "bytes x-9/10",
            "items 1-2/3",
            "bytes -/",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_proxys_password_is_not_shown() {
        assert_eq!(
            without_password("http://me:secret@p:8080"),
            "http://…@p:8080"
        );
        assert_eq!(without_password("http://p:8080"), "http://p:8080");
    }
}
