//! The checks' agent itself, compiled for this machine: against servers that a
//! guest's network doesn't have.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use recipe::plan::EchoProtocol;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use vm::check::echo::Echo;
use vm::check::protocol::{Ended, Message, MessageReader};

use crate::fixture::{command, folder, run, until};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../vm/guest/agent.c");

/// An agent with what it took for its system's init.
struct Agent {
    init: Child,
    dir: TempDir,
}

impl Agent {
    /// Runs a plan of one line.
    fn run(line: &str) -> Agent {
        let dir = folder();
        let program = dir.path().join("agent");
        let mut cc = command("gcc");
        cc.args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])
            .arg(format!("-DHOME=\"{}\"", dir.path().display()))
            .arg("-o")
            .args([&program, &PathBuf::from(SOURCE)]);
        run(&mut cc).ends_with(0);
        fs::write(dir.path().join("channel"), "").expect("writable");
        let plan = format!("plan2 n1 /bin/cat 0 0\n{line}\n");
        fs::write(dir.path().join("plan"), plan).expect("writable");
        let init = command(&program)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .expect("starts");
        Agent { init, dir }
    }

    /// What it said, when it has said all.
    fn messages(&self) -> Vec<Message> {
        until("the agent's last word", || {
            let said = fs::read(self.dir.path().join("channel")).expect("is there");
            let messages = MessageReader::new("n1").push(&said);
            (messages.last() == Some(&Message::Done)).then_some(messages)
        })
    }

    /// How an echo ended, and the size and hash of what came back.
    fn echo(&self) -> (Ended, Result<(u64, String), i32>) {
        let messages = self.messages();
        let end = messages.iter().find_map(|message| match message {
            Message::End(_, end) => Some(end.how),
            _ => None,
        });
        let digest = messages.iter().find_map(|message| match message {
            Message::Digest(_, digest) => Some(digest.clone()),
            _ => None,
        });
        (end.expect("an end"), digest.expect("a digest"))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let pid = self.init.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for child in children.unwrap_or_default().split_whitespace() {
            let child = child.parse().ok().and_then(Pid::from_raw);
            let _ = child.map(|pid| kill_process(pid, Signal::KILL));
        }
        let _ = self.init.kill();
        let _ = self.init.wait();
    }
}

fn line(echo: &Echo, limit: u32) -> String {
    let protocol = match echo.protocol {
        EchoProtocol::Tcp => "tcp",
        EchoProtocol::Udp => "udp",
    };
    let host = u32::from(Ipv4Addr::LOCALHOST);
    let Echo {
        port, key, size, ..
    } = echo;
    format!("echo {limit} - {protocol} {host} {port} {size} {key}")
}

/// Sends an echo by TCP to a server that does this with the connection.
fn stream(serve: impl Fn(TcpStream) + Send + 'static) -> (Echo, Agent) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let echo = Echo {
        protocol: EchoProtocol::Tcp,
        port: listener.local_addr().expect("bound").port(),
        key: 77,
        size: 100_000,
    };
    std::thread::spawn(move || serve(listener.accept().expect("a client").0));
    let agent = Agent::run(&line(&echo, 3000));
    (echo, agent)
}

fn all_of(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("readable");
    bytes
}

#[test]
fn an_echo_that_comes_back_has_the_hash_of_what_was_sent() {
    let (echo, agent) = stream(|mut stream| {
        let bytes = all_of(&stream);
        stream.write_all(&bytes).expect("sent");
    });
    let told = agent.echo();
    assert_eq!(told, (Ended::Status(0), Ok((echo.size, echo.sha256()))));
}

#[test]
fn a_wrong_a_cut_and_a_longer_echo_are_told_apart_from_a_right_one() {
    let (echo, agent) = stream(|mut stream| {
        let mut bytes = all_of(&stream);
        bytes[50_000] ^= 1;
        stream.write_all(&bytes).expect("sent");
    });
    let (how, digest) = agent.echo();
    let (size, sha256) = digest.expect("came back");
    assert_eq!((how, size), (Ended::Status(0), echo.size));
    assert_ne!(sha256, echo.sha256());

    let (_, agent) = stream(|mut stream| {
        let bytes = all_of(&stream);
        stream.write_all(&bytes[..99_999]).expect("sent");
    });
    assert_eq!(agent.echo().1.expect("came back").0, 99_999);

    let (_, agent) = stream(|mut stream| {
        let bytes = all_of(&stream);
        stream.write_all(&bytes).expect("sent");
        stream.write_all(b"!").expect("sent");
    });
    assert_eq!(agent.echo().1.expect("came back").0, 100_001);
}

#[test]
fn an_echo_that_does_not_end_is_given_up_at_its_limit() {
    let (_, agent) = stream(|mut stream| {
        let bytes = all_of(&stream);
        stream.write_all(&bytes[..10]).expect("sent");
        std::thread::sleep(Duration::from_secs(60));
    });
    let (how, digest) = agent.echo();
    assert_eq!(how, Ended::TimedOut);
    assert_eq!(digest.expect("a part").0, 10);
}

#[test]
fn a_closed_port_is_told_by_its_error() {
    let echo = Echo {
        protocol: EchoProtocol::Tcp,
        port: 1, // tcpmux: nobody's
        key: 1,
        size: 10,
    };
    let told = Agent::run(&line(&echo, 3000)).echo();
    assert_eq!(told, (Ended::Status(0), Err(111)));
}

#[test]
fn a_lost_datagram_is_sent_again() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let echo = Echo {
        protocol: EchoProtocol::Udp,
        port: socket.local_addr().expect("bound").port(),
        key: 9,
        size: 1300,
    };
    std::thread::spawn(move || {
        let mut bytes = [0; 2000];
        let mut count = 0;
        while let Ok((size, from)) = socket.recv_from(&mut bytes) {
            count += 1;
            if count != 2 {
                socket.send_to(&bytes[..size], from).expect("sent");
            }
        }
    });
    let told = Agent::run(&line(&echo, 9000)).echo();
    assert_eq!(told, (Ended::Status(0), Ok((1300, echo.sha256()))));
}
