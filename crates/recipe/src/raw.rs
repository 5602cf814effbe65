//! A recipe as it was typed: every key that was given, with its place, of the
//! right type, words and quantities understood. Nothing is filled in, no file
//! is read, and what contradicts what is not asked yet: that is
//! [`super::resolve`].
//!
//! docs/recipe.md describes every key; a test holds that.

mod cflags;
mod read;
mod read_check;
mod read_source;
mod schema;

use std::net::Ipv4Addr;
use std::time::Duration;

use disk::Filesystem;
use host::Id;
use host::units::Bytes;
use initramfs::Compression;

use super::diagnostic::{Place, Placed};
use super::plan::{
    Access, AskPlan, EchoProtocol, Expectation, GuestCommand, Libc, MissingCode, ModulesPlan,
    OnTrap, Placement, PruneLevel, Security, Via,
};
use crate::also::MadeAs;
use crate::serial_port::SerialPort;
use crate::toolchain::Toolchain;

pub use read::{COMPRESSIONS, read};
pub use schema::SCHEMAS;

/// How the network's address is got, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `none`
    None,
    /// `dhcp`
    Dhcp,
    /// `static`
    Static,
}

/// A value that may be left out.
pub type Given<T> = Option<Placed<T>>;

/// A recipe as typed.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Recipe {
    pub place: Place,
    pub name: Given<String>,
    pub board: Given<String>,
    pub security: Given<Security>,
    pub kernel: Kernel,
    pub also: Vec<Placed<String>>,
    /// `as` in `[hardware]`
    pub also_as: Given<MadeAs>,
    pub userland: Userland,
    pub ramdisk_compress: Given<Compression>,
    pub placement: Given<Placement>,
    pub root: Option<Root>,
    pub network: Network,
    pub machine: Machine,
    pub checks: Vec<Check>,
    pub exercises: Vec<Exercise>,
    pub budget: Budget,
    pub survive: Given<Vec<Placed<String>>>,
    pub prune: Prune,
}

/// `[prune]`
#[derive(Debug, Default)]
pub struct Prune {
    /// `level`
    pub level: Given<PruneLevel>,
    /// `keep`
    pub keep: Vec<String>,
    /// `drop`
    pub drop: Vec<String>,
    /// `whole-functions`
    pub whole_functions: Given<bool>,
    /// `names`
    pub names: Given<bool>,
    /// `on-trap`
    pub on_trap: Given<OnTrap>,
    /// `missing`
    pub missing: Given<MissingCode>,
    /// `reserve`
    pub reserve: Given<Bytes>,
    /// `certificate`
    pub certificate: Given<String>,
}

/// `[kernel]`
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Kernel {
    pub version: Given<String>,
    pub path: Given<String>,
    pub sources: Given<Vec<Source>>,
    pub config: Given<String>,
    pub fragments: Vec<Placed<String>>,
    pub options: Given<String>,
    pub must: Vec<Placed<String>>,
    pub must_not: Vec<Placed<String>>,
    pub modules: Given<ModulesPlan>,
    pub patches: Vec<Placed<String>>,
    pub device_tree: Given<String>,
    pub toolchain: Given<Toolchain>,
    pub cflags: Vec<String>,
    pub compress: Given<Compression>,
    pub cmdline: Given<String>,
}

/// `[userland]`
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Userland {
    pub place: Option<Place>,
    pub busybox: Given<Vec<Placed<String>>>,
    /// `busybox = "defconfig"`: the list is then empty
    pub busybox_defconfig: bool,
    pub busybox_version: Given<String>,
    pub busybox_path: Given<String>,
    pub busybox_sources: Given<Vec<Source>>,
    pub busybox_options: Given<String>,
    pub busybox_usual: Given<bool>,
    pub folder: Given<String>,
    pub from: Given<String>,
    pub command: Given<Vec<Placed<String>>>,
    pub libc: Given<Libc>,
    pub libc_version: Given<String>,
    pub libc_path: Given<String>,
    pub libc_sources: Given<Vec<Source>>,
    pub init: Option<Init>,
    pub files: Vec<File>,
}

/// One of `sources`
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it was typed.
    pub place: Place,
    /// Which origin.
    pub origin: SourceOrigin,
}

/// An origin as typed.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub enum SourceOrigin {
    Distribution,
    Upstream { sha256: Option<Id> },
    Url { url: String, sha256: Option<Id> },
    Git { url: String, commit: String },
    Path(String),
}

/// `init` in `[userland]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Init {
    pub place: Place,
    pub inittab: Option<Text>,
    pub rc_s: Option<Text>,
    pub fstab: Option<Text>,
    pub path: Given<String>,
}

/// A text, or the file that has it.
#[derive(Debug)]
pub enum Text {
    /// The path of the file.
    File(Placed<String>),
    /// The text itself.
    Inline(Placed<String>),
}

/// `[[userland.file]]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct File {
    pub place: Place,
    pub to: Given<String>,
    pub text: Given<String>,
    pub from: Given<String>,
    pub compile: Given<String>,
    pub symlink: Given<String>,
    pub directory: Given<bool>,
    pub char: Given<(u32, u32)>,
    pub block: Given<(u32, u32)>,
    pub mode: Given<u32>,
    pub owner: Given<(u32, u32)>,
}

/// `[root]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Root {
    pub place: Place,
    pub filesystem: Given<Filesystem>,
    pub on: Given<String>,
    pub access: Given<Access>,
    pub compress: Given<Compression>,
    pub size: Given<Bytes>,
    pub image: Given<String>,
    pub partition: Given<u32>,
    pub data: Option<RootData>,
}

/// `data` in `[root]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct RootData {
    pub filesystem: Given<Filesystem>,
    pub size: Given<Bytes>,
    pub mount: Given<String>,
}

/// `[network]`
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Network {
    pub mode: Given<Mode>,
    pub nic: Given<String>,
    pub address: Given<(Ipv4Addr, Option<u32>)>,
    pub gateway: Given<Ipv4Addr>,
    pub nameserver: Given<Ipv4Addr>,
}

/// `[machine]`
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Machine {
    pub memory: Given<Bytes>,
    pub timeout: Given<Duration>,
    pub silence: Given<Duration>,
    pub cpu: Given<String>,
    pub cpus: Given<u32>,
    pub console: Given<SerialPort>,
    pub channel: Given<SerialPort>,
    pub load: Given<Vec<String>>,
    pub load_timeout: Given<Duration>,
    pub power: Given<Vec<String>>,
    pub labgrid: Given<String>,
    pub labgrid_environment: Given<String>,
}

/// `[[check]]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Check {
    pub place: Place,
    pub name: Given<String>,
    pub what: Option<What>,
    pub timeout: Given<Duration>,
    pub via: Given<Via>,
}

/// What a check does, as typed.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub enum What {
    Run {
        command: Placed<GuestCommand>,
        expect: Option<Expectation>,
    },
    Fetch {
        place: Place,
        size: Given<Bytes>,
        command: Given<String>,
    },
    Dhcp {
        place: Place,
        interface: Given<String>,
    },
    Ping {
        place: Place,
        to: Given<std::net::Ipv4Addr>,
        count: Given<u32>,
        command: Given<String>,
    },
    Echo {
        place: Place,
        protocol: EchoProtocol,
        size: Given<Bytes>,
    },
    Ask {
        place: Place,
        plan: AskPlan,
    },
    Sleep {
        place: Place,
        command: Given<GuestCommand>,
        at_least: Given<Duration>,
        at_most: Given<Duration>,
    },
}

/// `[[exercise]]`
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Exercise {
    pub command: Placed<GuestCommand>,
    pub timeout: Given<Duration>,
}

/// `[budget]`
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are the keys: docs/recipe.md")]
pub struct Budget {
    pub image: Given<Bytes>,
    pub ramdisk: Given<Bytes>,
    pub total: Given<Bytes>,
    pub ram: Given<Bytes>,
}
