//! The checks' part of a plan.

use std::net::Ipv4Addr;
use std::time::Duration;

use host::units::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that the booted system must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckPlan {
    /// Unique in the recipe.
    pub name: String,
    /// What.
    pub kind: CheckKind,
    /// How long it may take, in the guest's time.
    pub timeout: Duration,
    /// How it is run.
    pub via: Via,
}

impl CheckPlan {
    /// A check that the agent runs, with ten seconds to do it.
    pub fn on_channel(name: &str, kind: CheckKind) -> Self {
        CheckPlan {
            name: name.to_owned(),
            kind,
            timeout: Duration::from_secs(10),
            via: Via::Channel,
        }
    }
}

/// How a check is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By the checks' agent, which tells over its channel.
    #[default]
    Channel,
    /// Typed at the shell on the console.
    Console,
}

/// How an echo is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoProtocol {
    /// As one stream.
    Tcp,
    /// As datagrams.
    Udp,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A command ends with status 0 and prints what is expected.
    Run {
        /// The command.
        command: GuestCommand,
        /// What its output must hold.
        expect: Option<Expectation>,
    },
    /// A file is downloaded over HTTP and arrives whole.
    Fetch {
        /// The file's size.
        size: Bytes,
        /// The command that downloads; `{url}` and `{file}` are replaced.
        command: String,
    },
    /// An interface has the address that a DHCP server gave out on the wire.
    Dhcp {
        /// Its name: `eth0`.
        interface: String,
    },
    /// A host answers on the wire.
    Ping {
        /// Its IPv4 address.
        to: Ipv4Addr,
        /// How many answers are needed.
        count: u32,
        /// The command; `{to}` and `{count}` are replaced.
        command: String,
    },
    /// Bytes that the agent sends to this host come back as they were.
    Echo {
        /// TCP or UDP.
        protocol: EchoProtocol,
        /// How many bytes.
        size: Bytes,
    },
    /// A service of the guest's answers when it is asked from this host.
    Ask(AskPlan),
    /// Sleeping takes as long as it should.
    Sleep {
        /// The command.
        command: GuestCommand,
        /// At least this long.
        at_least: Duration,
        /// At most this long.
        at_most: Duration,
    },
    /// Somebody works at the console: lines of keys, and the shell must answer
    /// after each ([`crate::check::console_session`]).
    Session {
        /// The keys of each line.
        lines: Vec<String>,
    },
}

impl CheckKind {
    /// Whether it is judged by what QEMU captures of the wire, or by a server
    /// that only QEMU's network leads to.
    pub fn needs_qemus_network(&self) -> bool {
        match self {
            CheckKind::Run { .. } | CheckKind::Sleep { .. } | CheckKind::Session { .. } => false,
            CheckKind::Fetch { .. }
            | CheckKind::Dhcp { .. }
            | CheckKind::Ping { .. }
            | CheckKind::Echo { .. }
            | CheckKind::Ask(_) => true,
        }
    }
}

/// What a service of the guest's is asked from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AskPlan {
    /// The guest's port.
    pub port: u16,
    /// What is asked.
    pub question: Question,
    /// How often at once.
    pub at_once: u32,
    /// What the answer must hold.
    pub expect: Option<Expectation>,
    /// The command that tells this host in the guest that it may ask, by
    /// downloading `{url}` to `{file}`; the agent connects by itself without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
}

/// What is asked, and over which protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// This is sent over TCP.
    Tcp {
        /// The bytes, as a text.
        send: String,
    },
    /// This is sent in a datagram.
    Udp {
        /// The bytes, as a text.
        send: String,
    },
    /// A GET.
    Http {
        /// The path, with a leading `/`.
        path: String,
        /// The status that it must give.
        status: u16,
        /// The SHA-256 that the body must have, in hexadecimal.
        sha256: Option<String>,
    },
}

impl Question {
    /// What it goes over.
    pub fn protocol(&self) -> EchoProtocol {
        match self {
            Question::Tcp { .. } | Question::Http { .. } => EchoProtocol::Tcp,
            Question::Udp { .. } => EchoProtocol::Udp,
        }
    }
}

/// A command in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestCommand {
    /// A line for the guest's `/bin/sh`.
    Shell(String),
    /// A program and its arguments, started without a shell.
    Argv(Vec<String>),
}

/// What a command must print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// This text somewhere.
    Contains(String),
    /// A text that this regular expression finds (checked when the recipe is
    /// read).
    Matches(String),
}

/// A command that only widens coverage; nothing it prints is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExercisePlan {
    /// The command.
    pub command: GuestCommand,
    /// How long it may take, in the guest's time.
    pub timeout: Duration,
}
