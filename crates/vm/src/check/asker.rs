//! Asks the guest's services from outside: over TCP, UDP or HTTP, at a port of this
//! host's loopback that QEMU leads to the guest's (`hostfwd`).
//!
//! When it is a check's turn, the agent connects to a port of this host, sends a
//! few bytes and waits until they come back, as in an echo; or a command of the
//! recipe's downloads a page there. They come back when
//! the service has answered as it should; so the guest's own clock limits how long
//! that may take, and the next check begins when this one is done.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use host::units::grouped;
use recipe::plan::{AskPlan, CheckKind, CheckPlan, EchoProtocol, Expectation, Question};
use regex::bytes::Regex;
use sha2::{Digest, Sha256};

use super::echo::Echo;
use crate::error::{Error, Result};
use crate::machine::qemu::Forward;

/// How often the threads ask whether they shall end, and a service is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// So long one answer may take; without KVM a guest is slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// After an answer's first bytes so long is waited for more.
const MORE: Duration = Duration::from_millis(200);

/// So much of an answer is read at most, in bytes.
const LARGEST: u64 = 64 << 20;

/// How many bytes the agent sends.
const CALL_BYTES: u64 = 16;

/// More than any request for a page.
const LONGEST_CALL: usize = 8192;

/// What the request for a page begins with.
const GET: &[u8] = b"GET ";

/// What a command gets that downloads a page.
const PAGE: &[u8] = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\
Connection: close\r\n\r\nanswered\n";

/// What came of asking.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// How often.
    pub(crate) times: u32,
    /// The last answer.
    pub(crate) last: Option<Answer>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// As it should be: what a detail says of it.
    Right(String),
    /// Another one, or none: what a detail says of it.
    Wrong(String),
}

/// One check that asks.
#[derive(Debug)]
pub(crate) struct Asking {
    /// Where the agent says that it is this check's turn.
    pub(crate) call: Echo,
    asked: Arc<Mutex<Asked>>,
}

impl Asking {
    /// What came of it so far.
    pub(crate) fn asked(&self) -> Asked {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// All checks of a boot that ask; dropping them ends their threads.
#[derive(Debug, Default)]
pub(crate) struct Askers {
    /// One for each such check, in the checks' order.
    askings: Vec<Asking>,
    forwards: Vec<Forward>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// The ports of a guest that these checks ask; those of this host are 0.
pub fn planned(checks: &[CheckPlan]) -> Vec<Forward> {
    let mut found: Vec<Forward> = Vec::new();
    for check in checks {
        let CheckKind::Ask(ask) = &check.kind else {
            continue;
        };
        let protocol = ask.question.protocol();
        let same = |f: &Forward| f.protocol == protocol && f.guest_port == ask.port;
        if !found.iter().any(same) {
            found.push(Forward {
                protocol,
                host_port: 0,
                guest_port: ask.port,
            });
        }
    }
    found
}

/// The same, led to by ports of this host that are free.
///
/// # Errors
/// When no port can be had.
pub fn forwards(checks: &[CheckPlan]) -> Result<Vec<Forward>> {
    let mut planned = planned(checks);
    for forward in &mut planned {
        forward.host_port = free_port(forward.protocol).map_err(Error::Ask)?;
    }
    Ok(planned)
}

/// QEMU opens it a moment later.
fn free_port(protocol: EchoProtocol) -> std::io::Result<u16> {
    let address = (Ipv4Addr::LOCALHOST, 0);
    match protocol {
        EchoProtocol::Tcp => Ok(TcpListener::bind(address)?.local_addr()?.port()),
        EchoProtocol::Udp => Ok(UdpSocket::bind(address)?.local_addr()?.port()),
    }
}

impl Askers {
    /// Gets ready to ask what these checks ask.
    pub(crate) fn start(checks: &[CheckPlan]) -> Result<Askers> {
        let mut askers = Askers::default();
        askers.forwards = forwards(checks)?;
        for check in checks {
            if let CheckKind::Ask(ask) = &check.kind {
                askers.add(ask).map_err(Error::Ask)?;
            }
        }
        Ok(askers)
    }

    /// One for each check that asks, in the checks' order.
    pub(crate) fn askings(&self) -> &[Asking] {
        &self.askings
    }

    /// The ports that QEMU is to lead to the guest.
    pub(crate) fn forwards(&self) -> &[Forward] {
        &self.forwards
    }

    fn add(&mut self, ask: &AskPlan) -> std::io::Result<()> {
        let protocol = ask.question.protocol();
        let same = |f: &&Forward| f.protocol == protocol && f.guest_port == ask.port;
        let port = self.forwards.iter().find(same).map_or(0, |f| f.host_port);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let call = Echo {
            protocol: EchoProtocol::Tcp,
            port: listener.local_addr()?.port(),
            key: 1,
            size: CALL_BYTES,
        };
        let asked = Arc::<Mutex<Asked>>::default();
        let turn = Turn {
            ask: ask.clone(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            asked: asked.clone(),
            stop: self.stop.clone(),
        };
        self.threads
            .push(std::thread::spawn(move || turn.wait(&listener)));
        self.askings.push(Asking { call, asked });
        Ok(())
    }
}

impl Drop for Askers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // A panic of its shows as a check that was not answered.
            let _ = thread.join();
        }
    }
}

/// What one check's thread has.
struct Turn {
    ask: AskPlan,
    address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
    stop: Arc<AtomicBool>,
}

impl Turn {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Waits for the agent, as often as it calls.
    fn wait(&self, listener: &TcpListener) {
        while !self.stopped() {
            match listener.accept() {
                Ok((agent, _)) => self.take(agent),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Asks until the answer is right or the agent has gone, and lets it go on.
    fn take(&self, mut agent: TcpStream) {
        let _ = agent.set_nonblocking(false);
        let _ = agent.set_read_timeout(Some(PAUSE));
        let mut call = Vec::new();
        while !self.stopped() {
            let mut piece = [0; 512];
            match agent.read(&mut piece) {
                // It has gone, or has said all.
                Ok(0) if !is_whole(&call) => return,
                Ok(count) if call.len() < LONGEST_CALL => call.extend_from_slice(&piece[..count]),
                Ok(_) => return,
                Err(e) if waits(&e) => {}
                Err(_) => return,
            }
            if !is_whole(&call) {
                continue;
            }
            if self.is_right() {
                let reply = if call.starts_with(GET) { PAGE } else { &call };
                let _ = agent.write_all(reply);
                let _ = agent.shutdown(Shutdown::Write);
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Asks once, as often at once as the check says.
    fn is_right(&self) -> bool {
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..self.ask.at_once)
                .map(|_| scope.spawn(|| answer(&self.ask, self.address)))
                .collect();
            let ended = all.into_iter().map(|one| one.join());
            let broken = |_| Answer::Wrong("could not be asked".to_owned());
            ended.map(|answer| answer.unwrap_or_else(broken)).collect()
        });
        let wrong = answers.iter().find(|a| matches!(a, Answer::Wrong(_)));
        let right = wrong.is_none();
        let told = wrong.or(answers.first()).cloned();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.times += 1;
        asked.last = told;
        right
    }
}

/// Whether all has come of what the agent or a command sends: what is left unread
/// when it is closed would end a download.
fn is_whole(call: &[u8]) -> bool {
    let begins_as_page = call.iter().zip(GET).all(|(came, get)| came == get);
    !begins_as_page || (call.len() > GET.len() && call.ends_with(b"\r\n\r\n"))
}

fn waits(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

/// Asks once.
fn answer(ask: &AskPlan, at: SocketAddr) -> Answer {
    let wanted = ask.expect.as_ref();
    let answered = match &ask.question {
        Question::Tcp { send } => over_tcp(at, send.as_bytes(), wanted),
        Question::Udp { send } => over_udp(at, send.as_bytes()),
        Question::Http {
            path,
            status,
            sha256,
        } => return over_http(at, path, *status, sha256.as_deref(), wanted),
    };
    match answered {
        Err(error) => Answer::Wrong(format!("gave no answer: {error}")),
        Ok(bytes) if bytes.is_empty() => Answer::Wrong("gave an empty answer".to_owned()),
        Ok(bytes) => judged(wanted, &bytes, || {
            format!("{} B", grouped(bytes.len() as u64))
        }),
    }
}

/// Holds an answer against what is expected.
fn judged(wanted: Option<&Expectation>, bytes: &[u8], plain: impl Fn() -> String) -> Answer {
    let found = match wanted {
        None => return Answer::Right(format!("answered {}", plain())),
        Some(wanted) => found(wanted, bytes),
    };
    match found {
        Some(text) => Answer::Right(format!("answered {text:?}")),
        None => {
            let start = &bytes[..bytes.len().min(200)];
            Answer::Wrong(format!("answered {:?}", String::from_utf8_lossy(start)))
        }
    }
}

fn found(wanted: &Expectation, bytes: &[u8]) -> Option<String> {
    match wanted {
        Expectation::Contains(text) => {
            let text_bytes = text.as_bytes();
            let has = bytes
                .windows(text_bytes.len().max(1))
                .any(|w| w == text_bytes);
            has.then(|| text.clone())
        }
        Expectation::Matches(pattern) => {
            let found = Regex::new(pattern).ok()?.find(bytes)?.as_bytes();
            let start = &found[..found.len().min(80)];
            Some(String::from_utf8_lossy(start).into_owned())
        }
    }
}

/// What comes until what is wanted is there, the other side ends, or nothing more
/// comes.
fn over_tcp(at: SocketAddr, send: &[u8], wanted: Option<&Expectation>) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(send)?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while (answer.len() as u64) < LARGEST {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(e) if waits(&e) && !answer.is_empty() => break,
            Err(e) => return Err(e),
        }
        if wanted.is_some_and(|wanted| found(wanted, &answer).is_some()) {
            break;
        }
        stream.set_read_timeout(Some(if wanted.is_some() { PATIENCE } else { MORE }))?;
    }
    Ok(answer)
}

fn over_udp(at: SocketAddr, send: &[u8]) -> std::io::Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(at)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send(send)?;
    let mut answer = vec![0; 65536];
    let count = socket.recv(&mut answer)?;
    answer.truncate(count);
    Ok(answer)
}

fn over_http(
    at: SocketAddr,
    path: &str,
    status: u16,
    sha256: Option<&str>,
    wanted: Option<&Expectation>,
) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let wrong = |error: &dyn std::fmt::Display| Answer::Wrong(format!("gave no answer: {error}"));
    let mut response = match agent.get(format!("http://{at}{path}")).call() {
        Ok(response) => response,
        Err(error) => return wrong(&error),
    };
    let got = response.status().as_u16();
    let body = match response
        .body_mut()
        .with_config()
        .limit(LARGEST)
        .read_to_vec()
    {
        Ok(body) => body,
        Err(error) => return wrong(&error),
    };
    let size = format!("status {got}, {} B", grouped(body.len() as u64));
    if got != status {
        return Answer::Wrong(format!("answered {size}"));
    }
    if let Some(wanted) = sha256 {
        let found = hex::encode(Sha256::digest(&body));
        if found != wanted {
            return Answer::Wrong(format!("answered {size}, SHA-256 {found}"));
        }
        return Answer::Right(format!("answered {size}, SHA-256 right"));
    }
    judged(wanted, &body, || size.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: Question, expect: Option<&str>, at_once: u32) -> AskPlan {
        AskPlan {
            port: 7,
            question,
            at_once,
            call: None,
            expect: expect.map(|text| Expectation::Contains(text.to_owned())),
        }
    }

    /// A server that answers each connection with what it is told to.
    fn server(answers: Vec<&'static str>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let at = listener.local_addr().expect("has one");
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().expect("connects");
                let mut asked = [0; 256];
                let _ = stream.read(&mut asked);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        at
    }

    #[test]
    fn answers_are_held_against_what_is_expected() {
        let tcp = |expect| {
            let question = Question::Tcp {
                send: "PING\r\n".to_owned(),
            };
            ask(question, expect, 1)
        };
        let right = Answer::Right("answered \"+PONG\"".to_owned());
        assert_eq!(
            answer(&tcp(Some("+PONG")), server(vec!["+PONG\r\n"])),
            right
        );
        let wrong = Answer::Wrong("answered \"-ERR\"".to_owned());
        assert_eq!(answer(&tcp(Some("+PONG")), server(vec!["-ERR"])), wrong);
        let any = Answer::Right("answered 4 B".to_owned());
        assert_eq!(answer(&tcp(None), server(vec!["-ERR"])), any);
        let empty = Answer::Wrong("gave an empty answer".to_owned());
        assert_eq!(answer(&tcp(None), server(vec![""])), empty);
        let closed = SocketAddr::from(([127, 0, 0, 1], free_port(EchoProtocol::Tcp).expect("one")));
        assert!(matches!(answer(&tcp(None), closed), Answer::Wrong(w) if w.contains("refused")));
    }

    #[test]
    fn pages_are_judged_by_status_body_and_digest() {
        let page = |status, sha256: Option<&str>| {
            let question = Question::Http {
                path: "/a".to_owned(),
                status,
                sha256: sha256.map(str::to_owned),
            };
            ask(question, None, 1)
        };
        let reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
        let serve = || server(vec![reply]);
        let of = |text: &str| Answer::Right(format!("answered status 404, 2 B{text}"));
        assert_eq!(answer(&page(404, None), serve()), of(""));
        let digest = hex::encode(Sha256::digest(b"no"));
        assert_eq!(
            answer(&page(404, Some(&digest)), serve()),
            of(", SHA-256 right")
        );
        let wrong = |answer| matches!(answer, Answer::Wrong(_));
        assert!(wrong(answer(&page(200, None), serve())));
        assert!(wrong(answer(&page(404, Some("00")), serve())));
    }

    #[test]
    fn the_agent_goes_on_when_the_answer_is_right() {
        let question = Question::Tcp {
            send: String::new(),
        };
        let plan = CheckPlan::on_channel("it", CheckKind::Ask(ask(question, Some("yes"), 1)));
        let askers = Askers::start(std::slice::from_ref(&plan)).expect("starts");
        let port = askers.forwards()[0].host_port;
        let asking = &askers.askings()[0];
        let mut agent = TcpStream::connect(("127.0.0.1", asking.call.port)).expect("connects");
        agent.write_all(b"0123456789abcdef").expect("sent");
        // Nobody is there yet.
        while asking.asked().times == 0 {
            std::thread::sleep(PAUSE);
        }
        let service = TcpListener::bind(("127.0.0.1", port)).expect("is free");
        let (mut stream, _) = service.accept().expect("is asked");
        stream.write_all(b"yes").expect("sent");
        let mut back = Vec::new();
        agent.read_to_end(&mut back).expect("comes back");
        assert_eq!(back, b"0123456789abcdef");
        let last = asking.asked().last;
        assert_eq!(last, Some(Answer::Right("answered \"yes\"".to_owned())));
    }

    #[test]
    fn a_command_that_downloads_tells_that_it_may_be_asked() {
        let question = Question::Tcp {
            send: String::new(),
        };
        let called = AskPlan {
            call: Some("get {url}".to_owned()),
            ..ask(question, Some("yes"), 1)
        };
        let plan = CheckPlan::on_channel("it", CheckKind::Ask(called));
        let askers = Askers::start(std::slice::from_ref(&plan)).expect("starts");
        let service = TcpListener::bind(("127.0.0.1", askers.forwards()[0].host_port));
        let service = service.expect("is free");
        let asking = &askers.askings()[0];
        let connected = || TcpStream::connect(("127.0.0.1", asking.call.port)).expect("connects");
        // One that goes before it has said all is no call.
        connected().write_all(b"GET / HTTP").expect("sent");
        let mut command = connected();
        command.write_all(b"GET / HTTP/1.0\r\n").expect("sent");
        command.write_all(b"Host: it\r\n\r\n").expect("sent");
        let (mut stream, _) = service.accept().expect("is asked");
        stream.write_all(b"yes").expect("sent");
        let mut page = Vec::new();
        command.read_to_end(&mut page).expect("comes");
        assert_eq!(page, PAGE);
        assert_eq!(asking.asked().times, 1);
    }

    #[test]
    fn a_call_is_whole_when_no_more_of_it_can_come() {
        for part in [&b""[..], b"G", b"GET ", b"GET / HTTP/1.0\r\n"] {
            assert!(!is_whole(part), "{part:?}");
        }
        for whole in [&b"\x07"[..], b"GO", b"GET / HTTP/1.0\r\n\r\n"] {
            assert!(is_whole(whole), "{whole:?}");
        }
    }
}
