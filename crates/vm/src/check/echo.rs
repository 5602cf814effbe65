//! The servers that an echo is sent to: on the loopback, for one boot.
//!
//! The agent makes the bytes from a key that is fresh for each boot (a 32-bit
//! xorshift, Marsaglia 2003; guest/agent.c has the same), sends them, and tells
//! the SHA-256 of what came back. The host makes the same bytes and compares.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use recipe::plan::{CheckKind, CheckPlan, EchoProtocol};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// How often the threads ask whether they shall end.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection that says nothing for so long is given up.
const IDLE: Duration = Duration::from_secs(60);

/// Ports for boots that shall be equal; those of downloads stand below.
const REPEATABLE_PORTS: RangeInclusive<u16> = 20736..=20991;

/// The key of boots that shall be equal.
const REPEATABLE_KEY: u32 = 0x7478_6c67;

/// What one echo check needs of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// TCP or UDP.
    pub protocol: EchoProtocol,
    /// The server's port.
    pub port: u16,
    /// What the bytes are made from; not 0.
    pub key: u32,
    /// How many bytes are sent.
    pub size: u64,
}

impl Echo {
    /// The SHA-256 of the bytes, in hexadecimal.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut bytes = bytes(self.key);
        let mut left = self.size;
        while left > 0 {
            let piece: Vec<u8> = bytes.by_ref().take(left.min(4096) as usize).collect();
            hash.update(&piece);
            left -= piece.len() as u64;
        }
        hex::encode(hash.finalize())
    }
}

/// The bytes that a key gives.
fn bytes(key: u32) -> impl Iterator<Item = u8> {
    let mut state = key;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Some((state >> 24) as u8)
    })
}

/// Running servers, one for each protocol that a check names; dropping them
/// ends them.
#[derive(Debug, Default)]
pub struct EchoServers {
    /// One for each echo check, in the checks' order.
    echoes: Vec<Echo>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl EchoServers {
    /// Serves the echo checks among these on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(checks: &[CheckPlan]) -> Result<Self> {
        Self::serve(checks, &(0..=0), |random| random)
    }

    /// The same with ports and keys that are the same each time, where the
    /// ports are free.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start_repeatable(checks: &[CheckPlan]) -> Result<Self> {
        Self::serve(checks, &REPEATABLE_PORTS, |_| REPEATABLE_KEY)
    }

    fn serve(
        checks: &[CheckPlan],
        ports: &RangeInclusive<u16>,
        key: impl Fn(u32) -> u32,
    ) -> Result<Self> {
        let mut servers = EchoServers::default();
        let mut open = Vec::new();
        for check in checks {
            let CheckKind::Echo { protocol, size } = check.kind else {
                continue;
            };
            let known = open.iter().find(|(p, _)| *p == protocol);
            let port = match known {
                Some((_, port)) => *port,
                None => servers.listen(protocol, ports)?,
            };
            open.push((protocol, port));
            let random = u32::from_str_radix(&super::http::random_word()?[..8], 16).unwrap_or(0);
            servers.echoes.push(Echo {
                protocol,
                port,
                key: key(random).max(1),
                size: size.0,
            });
        }
        Ok(servers)
    }

    /// One for each echo check, in the checks' order.
    pub fn echoes(&self) -> &[Echo] {
        &self.echoes
    }

    /// The ports that are served.
    pub fn ports(&self) -> Vec<u16> {
        self.echoes.iter().map(|echo| echo.port).collect()
    }

    /// Starts a server on the first port that is free, and gives the port.
    fn listen(&mut self, protocol: EchoProtocol, ports: &RangeInclusive<u16>) -> Result<u16> {
        let mut error = std::io::Error::other("no port is free");
        for port in ports.clone() {
            match self.listen_on(protocol, port) {
                Ok(port) => return Ok(port),
                Err(e) => error = e,
            }
        }
        Err(Error::Echo(error))
    }

    fn listen_on(&mut self, protocol: EchoProtocol, port: u16) -> std::io::Result<u16> {
        let stop = self.stop.clone();
        let (port, thread) = match protocol {
            EchoProtocol::Tcp => {
                let listener = TcpListener::bind(("127.0.0.1", port))?;
                listener.set_nonblocking(true)?;
                let port = listener.local_addr()?.port();
                (port, std::thread::spawn(move || accept(&listener, &stop)))
            }
            EchoProtocol::Udp => {
                let socket = UdpSocket::bind(("127.0.0.1", port))?;
                socket.set_read_timeout(Some(PAUSE))?;
                let port = socket.local_addr()?.port();
                (port, std::thread::spawn(move || datagrams(&socket, &stop)))
            }
        };
        self.threads.push(thread);
        Ok(port)
    }
}

impl Drop for EchoServers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            // A panic of a server's thread shows as a failed echo.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, stop: &Arc<AtomicBool>) {
    let mut connections = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => {
                let stop = stop.clone();
                connections.push(std::thread::spawn(move || stream_echo(stream, &stop)));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    for connection in connections {
        let _ = connection.join();
    }
}

/// Gives back what comes until the other side is at its end. A peer that went
/// away is the check's matter.
fn stream_echo(mut stream: TcpStream, stop: &AtomicBool) {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(PAUSE));
    let _ = stream.set_write_timeout(Some(IDLE));
    let mut piece = [0; 4096];
    let mut idle = Duration::ZERO;
    while idle < IDLE && !stop.load(Ordering::SeqCst) {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                idle = Duration::ZERO;
                if stream.write_all(&piece[..count]).is_err() {
                    return;
                }
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                idle += PAUSE;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn datagrams(socket: &UdpSocket, stop: &AtomicBool) {
    let mut piece = [0; 65536];
    while !stop.load(Ordering::SeqCst) {
        if let Ok((count, from)) = socket.recv_from(&mut piece) {
            // A lost answer is asked for again.
            let _ = socket.send_to(&piece[..count], from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::units::Bytes;

    fn check(protocol: EchoProtocol, size: u64) -> CheckPlan {
        CheckPlan::on_channel(
            "echo",
            CheckKind::Echo {
                protocol,
                size: Bytes(size),
            },
        )
    }

    #[test]
    fn what_is_sent_comes_back() {
        let checks = [check(EchoProtocol::Tcp, 9), check(EchoProtocol::Udp, 9)];
        let servers = EchoServers::start(&checks).expect("starts");
        let [tcp, udp] = servers.echoes() else {
            panic!("two echoes");
        };
        let mut stream = TcpStream::connect(("127.0.0.1", tcp.port)).expect("connects");
        stream.write_all(b"one two").expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("is open");
        let mut back = Vec::new();
        stream.read_to_end(&mut back).expect("answers");
        assert_eq!(back, b"one two");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(("127.0.0.1", udp.port)).expect("has a peer");
        socket.send(b"three").expect("sent");
        let mut back = [0; 9];
        let count = socket.recv(&mut back).expect("answers");
        assert_eq!(&back[..count], b"three");
    }

    #[test]
    fn checks_of_one_protocol_share_a_server_and_have_keys_of_their_own() {
        let checks = [check(EchoProtocol::Tcp, 5), check(EchoProtocol::Tcp, 5)];
        let servers = EchoServers::start(&checks).expect("starts");
        let [one, two] = servers.echoes() else {
            panic!("two echoes");
        };
        assert_eq!(one.port, two.port);
        assert_ne!(one.sha256(), two.sha256());
    }

    #[test]
    fn the_bytes_follow_from_the_key() {
        let echo = |key| Echo {
            protocol: EchoProtocol::Tcp,
            port: 1,
            key,
            size: 10_000,
        };
        assert_eq!(echo(7).sha256(), echo(7).sha256());
        assert_ne!(echo(7).sha256(), echo(8).sha256());
        // The first step of xorshift32 from 1 is 270369 (Marsaglia's shifts 13, 17, 5).
        assert_eq!(bytes(1).next(), Some((270_369u32 >> 24) as u8));
    }
}
