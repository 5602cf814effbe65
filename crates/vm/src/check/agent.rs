//! The agent: the program that runs the checks inside the guest, and the
//! archive that brings it there for one boot.
//!
//! The archive is a cpio of its own that stands *before* the shipped ramdisk in
//! the file that QEMU loads: the kernel unpacks one archive after the other
//! (Documentation/driver-api/early-userspace/buffer-format.rst), every
//! distribution's boot puts an uncompressed archive first, and some
//! decompressors don't take kindly to bytes behind their data. The shipped
//! ramdisk's own bytes stay as they are.
//!
//! The plan, `/.tuxling/plan`, is lines of words with single blanks, escaped as
//! in [`super::protocol`]; `-` is the empty word:
//!
//! ```text
//! plan2 NONCE INIT SETTLE_MS QUIET_MS
//! run      LIMIT_MS WANT ARG…      run until status 0 and WANT printed
//! fetch    LIMIT_MS FILE ARG…      the same, then size and SHA-256 of FILE
//! address  LIMIT_MS -    INTERFACE wait for its IPv4 address
//! echo     LIMIT_MS -    PROTOCOL HOST PORT SIZE KEY
//! exercise LIMIT_MS -    ARG…      run once
//! skip                             a check that is typed at the console
//! wait     MS                      nothing is done for so long
//! calm     LIMIT_MS HOST           tell the gateway to begin, wait until it says
//!                                  that it is done
//! leave    IDLE_MS                 idle, then restart the machine
//! ```
//!
//! A `HOST` is an address as one number in decimal digits.
//!
//! A system needs a moment to come up, and the agent starts together with its
//! init: within the first `SETTLE_MS` a command that fails is run again; after
//! that, one failure decides. A jump of the guest's clock, as a stalling host
//! makes it, counts for a second at most. `QUIET_MS` is waited before RAM is
//! measured.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::process::{Cmd, Processes};
use initramfs::cpio::{self, CpioOptions};
use initramfs::{ArchivePath, Content, Entry, EntryKind, Mode, Tree};
use recipe::board::Channel;
use recipe::plan::{
    Access, AskPlan, CheckKind, CheckPlan, EchoProtocol, ExercisePlan, Expectation, GuestCommand,
    RootPlan, Via,
};

use super::asker::{Askers, Asking};
use super::echo::{Echo, EchoServers};
use super::http::FileServer;
use super::protocol::escape;
use crate::error::{Error, Result};

/// The agent's source.
pub const SOURCE: &str = include_str!("../../guest/agent.c");

/// The source of the adversary, which provokes a kernel from inside.
pub const ADVERSARY_SOURCE: &str = include_str!("../../guest/adversary.c");

/// The source of the program that opens connections and says what they take. It
/// stands in the adversary's place.
pub const CONNECTIONS_SOURCE: &str = include_str!("../../guest/connections.c");

/// Where the adversary is in the guest.
pub const ADVERSARY: &str = "/.tuxling/adversary";

/// What the adversary's last line begins with when it is done; its topic follows.
const SURVIVED: &str = "survived ";

/// What the adversary says when the kernel answered a topic as it should.
pub fn survived(topic: &str) -> String {
    format!("{SURVIVED}{topic}")
}

/// The topic of which the adversary says that.
pub(crate) fn survived_topic(said: &str) -> Option<&str> {
    said.strip_prefix(SURVIVED)
}

/// What the kernel is told to start (`rdinit=`).
pub const INIT: &str = "/.tuxling/init";

/// Where a fetched file goes.
const FETCHED: &str = "/.tuxling/fetched";

/// The same where the root file system is on a disk, which the agent's folder is no
/// part of.
const FETCHED_ON_DISK: &str = "/tmp/.tuxling-fetched";

/// During so much guest time after its start a system may still be coming up.
const SETTLE: Duration = Duration::from_secs(3);

/// Every page of the agent counts at the edge of a machine's RAM: no tables for
/// unwinding, no code that nothing calls, no padding between the segments.
const SMALL: [&str; 6] = [
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-Wl,--gc-sections",
    "-Wl,-z,noseparate-code",
];
/// So long a system idles before it leaves, at least: what timers do late is
/// seen.
pub const IDLE: Duration = Duration::from_millis(1500);

/// What the agent's buffer for the plan holds (guest/agent.c).
const PLAN_LIMIT: usize = 65535;

/// What one line of the plan holds (guest/agent.c), without its first words.
const WORDS_LIMIT: usize = 60;

/// The line of a check that the agent has nothing to do with.
const SKIP: &str = "skip\n";

/// A compiler for programs of the guest's, linked statically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestCompiler {
    /// The compiler and its first arguments: `musl-gcc`, or `gcc -m32`.
    pub cc: Vec<String>,
    /// Flags before the source.
    pub cflags: Vec<String>,
    /// Flags and libraries behind it.
    pub ldflags: Vec<String>,
}

impl GuestCompiler {
    /// The command that makes `agent` from `source`.
    pub fn command(&self, source: &Path, agent: &Path) -> Cmd {
        let mut words = self.cc.iter();
        Cmd::new(words.next().map_or("cc", String::as_str))
            .args(words)
            .args(["-std=gnu11", "-Os", "-Wall", "-s", "-static"])
            .args(SMALL)
            .args(&self.cflags)
            .arg("-o")
            .arg(agent)
            .arg(source)
            .args(&self.ldflags)
    }
}

/// Compiles a program of the guest's from its source; both stand in one folder.
/// Takes about a second: the caller keeps the result by its source and the
/// compiler's identity.
pub fn compile(
    processes: &Processes,
    compiler: &GuestCompiler,
    text: &str,
    program: &Path,
) -> Result<PathBuf> {
    let source = program.with_extension("c");
    let dir = program.parent().unwrap_or(program);
    std::fs::create_dir_all(dir).map_err(|e| host::Error::file("create", dir, e))?;
    std::fs::write(&source, text).map_err(|e| host::Error::file("write", &source, e))?;
    processes
        .run(&compiler.command(&source, program))
        .map_err(|error| Error::Compile {
            program: program
                .file_name()
                .unwrap_or_default()
                .display()
                .to_string(),
            error,
        })?;
    Ok(program.to_owned())
}

/// The init that the kernel would have started: what the last `rdinit=` of the
/// command line says, or `/init`.
pub fn real_init(cmdline: &str) -> &str {
    parameters(cmdline)
        .filter_map(|word| word.strip_prefix("rdinit="))
        .last()
        .unwrap_or("/init")
}

/// The command line with the agent as the init. Where the recipe names an init,
/// the agent's takes its place; else it stands first, because the kernel drops
/// what stands before `rdinit=` from its init's arguments (init/main.c,
/// rdinit_setup()).
pub fn cmdline_with_agent(cmdline: &str) -> String {
    let ours = format!("rdinit={INIT}");
    let parameters = parameters(cmdline).count();
    let mut replaced = false;
    let mut words: Vec<&str> = Vec::new();
    for (at, word) in cmdline.split_whitespace().enumerate() {
        if at < parameters && word.starts_with("rdinit=") {
            replaced = true;
            words.push(&ours);
        } else {
            words.push(word);
        }
    }
    if !replaced {
        words.insert(0, &ours);
    }
    words.join(" ")
}

/// The init that a kernel starts from a disk: what the last `init=` of the command
/// line says, or nothing, and then it looks for one.
pub fn init_on_disk(cmdline: &str) -> &str {
    parameters(cmdline)
        .filter_map(|word| word.strip_prefix("init="))
        .last()
        .unwrap_or("")
}

/// The command line of a system on a disk whose kernel starts the agent from the
/// checks' own disk, which comes behind the system's.
pub fn cmdline_from_disk(cmdline: &str, root: &RootPlan) -> String {
    let device = root.drive.device(root.disks(), None);
    let parameters = parameters(cmdline).count();
    let ours = [format!("root={device}"), format!("init={INIT}")];
    let mut words: Vec<String> = Vec::new();
    for (at, word) in cmdline.split_whitespace().enumerate() {
        let replaced = word.starts_with("root=") || word.starts_with("init=");
        match at < parameters && replaced {
            true if word.starts_with("root=") => words.extend(ours.clone()),
            true => {}
            false => words.push(word.to_owned()),
        }
    }
    words.join(" ")
}

/// The words of a command line that are the kernel's: those before `--`.
fn parameters(cmdline: &str) -> impl Iterator<Item = &str> {
    cmdline.split_whitespace().take_while(|word| *word != "--")
}

/// A guest whose idle time is skipped sees its clock run from timer to timer while it
/// waits for this host: what takes a tenth of a second here are minutes there.
pub const SKIPPING: u32 = 360;

/// A time between two checks in which the agent does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The check that comes next, by its number.
    pub before_check: usize,
    /// How long it is.
    pub until: Until,
}

/// What ends a [`Pause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// So much of the guest's time has passed.
    Passed(Duration),
    /// A gateway of ours, told to begin, says that it has sent all that it had to
    /// send; or so much of the guest's time has passed.
    Calm(Duration),
}

impl Pause {
    /// How long it may take, in the guest's time.
    pub fn limit(&self) -> Duration {
        match self.until {
            Until::Passed(time) | Until::Calm(time) => time,
        }
    }

    fn line(&self, host: Ipv4Addr) -> String {
        match self.until {
            Until::Passed(time) => format!("wait {}\n", time.as_millis()),
            Until::Calm(limit) => format!("calm {} {}\n", limit.as_millis(), u32::from(host)),
        }
    }
}

/// What the plan is made from.
#[derive(Debug)]
pub struct PlanInput<'a> {
    /// Fresh for each boot.
    pub nonce: &'a str,
    /// The system's own init.
    pub init: &'a str,
    /// The checks, in order.
    pub checks: &'a [CheckPlan],
    /// What is run behind them.
    pub exercises: &'a [ExercisePlan],
    /// What is waited for between them.
    pub pause: Option<Pause>,
    /// This host as the guest sees it.
    pub host: Ipv4Addr,
    /// Serves one file for each fetch, in order.
    pub server: &'a FileServer,
    /// Has one echo for each echo check, in order.
    pub echoes: &'a EchoServers,
    /// Has one for each check that asks from outside, in order.
    pub(crate) askers: &'a Askers,
    /// Whether it is for a board, on which no check of the network is run.
    pub board: bool,
    /// Whether the root file system is on a disk.
    pub on_disk: bool,
    /// How long nothing is done before RAM is measured.
    pub quiet: Duration,
    /// How long the system idles when all is done, before it restarts the
    /// machine; it stays as it is when `None`.
    pub leave: Option<Duration>,
}

impl PlanInput<'_> {
    /// Where a fetched file goes.
    fn fetched(&self) -> &'static str {
        if self.on_disk {
            FETCHED_ON_DISK
        } else {
            FETCHED
        }
    }

    /// How long this host may take to ask a service, in the guest's time.
    fn patience(&self, check: &CheckPlan) -> Duration {
        let until = self.pause.map(|pause| pause.until);
        match until {
            Some(Until::Passed(_)) => check.timeout * SKIPPING,
            _ => check.timeout,
        }
    }
}

/// The plan's text. A check's number counts all checks, those included that
/// are typed at the console: such a one is a line that does nothing.
pub fn plan(input: &PlanInput<'_>) -> Result<String> {
    let mut text = format!(
        "plan2 {} {} {} {}\n",
        input.nonce,
        word(input.init),
        SETTLE.as_millis(),
        input.quiet.as_millis()
    );
    let mut files = input.server.files().iter();
    let mut echoes = input.echoes.echoes().iter();
    let mut asks = input.askers.askings().iter();
    for (at, check) in input.checks.iter().enumerate() {
        if let Some(pause) = input.pause.filter(|pause| pause.before_check == at) {
            text.push_str(&pause.line(input.host));
        }
        let line = match check.kind {
            _ if check.via == Via::Console => SKIP.to_owned(),
            _ if input.board && check.kind.needs_qemus_network() => SKIP.to_owned(),
            CheckKind::Fetch { .. } => {
                let url = files.next().map(|f| input.server.guest_url(f, input.host));
                check_line(check, &url.unwrap_or_default(), input.fetched())?
            }
            CheckKind::Echo { .. } => match echoes.next() {
                Some(echo) => echo_line(check.timeout, echo, input.host)?,
                None => SKIP.to_owned(),
            },
            CheckKind::Ask(ref ask) => match asks.next() {
                Some(asking) => ask_line(input, check, ask, asking)?,
                None => SKIP.to_owned(),
            },
            _ => check_line(check, "", "")?,
        };
        text.push_str(&line);
    }
    for exercise in input.exercises {
        let arguments = arguments(&exercise.command);
        text.push_str(&line("exercise", exercise.timeout, "", &arguments)?);
    }
    if let Some(idle) = input.leave {
        text.push_str(&format!("leave {}\n", idle.as_millis()));
    }
    if text.len() > PLAN_LIMIT {
        return Err(Error::PlanTooLong {
            bytes: text.len(),
            limit: PLAN_LIMIT,
        });
    }
    Ok(text)
}

fn check_line(check: &CheckPlan, url: &str, file: &str) -> Result<String> {
    let limit = check.timeout;
    match &check.kind {
        CheckKind::Run { command, expect } => {
            let want = match expect {
                Some(Expectation::Contains(text)) => text,
                _ => "",
            };
            line("run", limit, want, &arguments(command))
        }
        CheckKind::Fetch { command, .. } => {
            let command = command.replace("{url}", url).replace("{file}", file);
            line("fetch", limit, file, &shell(&command))
        }
        CheckKind::Dhcp { interface } => {
            line("address", limit, "", std::slice::from_ref(interface))
        }
        CheckKind::Ping { to, count, command } => {
            let command = command
                .replace("{to}", &to.to_string())
                .replace("{count}", &count.to_string());
            line("run", limit, "", &shell(&command))
        }
        CheckKind::Sleep { command, .. } => line("run", limit, "", &arguments(command)),
        // Not lines of this kind.
        CheckKind::Echo { .. } | CheckKind::Ask(_) | CheckKind::Session { .. } => Ok(String::new()),
    }
}

/// The guest tells this host that it may ask, and waits until it has.
fn ask_line(
    input: &PlanInput<'_>,
    check: &CheckPlan,
    ask: &AskPlan,
    asking: &Asking,
) -> Result<String> {
    let limit = input.patience(check);
    let Some(command) = &ask.call else {
        return echo_line(limit, &asking.call, input.host);
    };
    let url = format!("http://{}:{}/", input.host, asking.call.port);
    let command = command
        .replace("{url}", &url)
        .replace("{file}", input.fetched());
    line("run", limit, "", &shell(&command))
}

fn echo_line(limit: Duration, echo: &Echo, host: Ipv4Addr) -> Result<String> {
    let protocol = match echo.protocol {
        EchoProtocol::Tcp => "tcp",
        EchoProtocol::Udp => "udp",
    };
    let words = [
        protocol.to_owned(),
        u32::from(host).to_string(),
        echo.port.to_string(),
        echo.size.to_string(),
        echo.key.to_string(),
    ];
    line("echo", limit, "", &words)
}

fn shell(command: &str) -> Vec<String> {
    ["/bin/sh", "-c", command].map(str::to_owned).to_vec()
}

fn arguments(command: &GuestCommand) -> Vec<String> {
    match command {
        GuestCommand::Shell(line) => shell(line),
        GuestCommand::Argv(words) => words.clone(),
    }
}

fn line(kind: &str, limit: Duration, want: &str, arguments: &[String]) -> Result<String> {
    if arguments.is_empty() || arguments.len() > WORDS_LIMIT {
        return Err(Error::Words {
            words: arguments.to_vec(),
            limit: WORDS_LIMIT,
        });
    }
    let words: Vec<String> = arguments.iter().map(|argument| word(argument)).collect();
    Ok(format!(
        "{kind} {} {} {}\n",
        limit.as_millis(),
        word(want),
        words.join(" ")
    ))
}

fn word(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        "-" => "%2d".to_owned(),
        _ => escape(text.as_bytes()),
    }
}

/// What brings the agent into the guest.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// The agent itself.
    pub agent: &'a [u8],
    /// The adversary, where there is one.
    pub adversary: Option<&'a [u8]>,
    /// The agent's plan.
    pub plan: &'a str,
    /// The board's channel.
    pub channel: &'a Channel,
}

/// Why something can't be packed.
type Unpacked = Box<dyn std::error::Error + Send + Sync>;

impl Parts<'_> {
    /// The archive that stands before the ramdisk.
    pub fn archive(&self) -> Result<Vec<u8>> {
        let pack = || -> Result<_, Unpacked> {
            let mut archive = Vec::new();
            let tree = self.tree(Vec::new())?;
            cpio::write(&tree, &CpioOptions { mtime: 0 }, &mut archive)?;
            Ok(archive)
        };
        pack().map_err(Error::Pack)
    }

    /// What stands on the checks' own disk: besides, folders that are mounted on,
    /// and how the system's root file system is mounted.
    pub fn tree_on_disk(&self, root: &RootPlan) -> Result<Tree> {
        // By how much its device's number is below that of the checks' disk.
        let partition = root.image.as_ref().and_then(|image| image.partition);
        let below = root.drive.minors * root.disks();
        let below = below - partition.unwrap_or(0).min(below);
        let way = if root.is_mounted_writable() {
            "rw"
        } else {
            "ro"
        };
        let mut mount = format!("{below} {} {way}", root.filesystem.name());
        if root.access == Access::Overlay {
            mount.push_str(" /..");
        }
        let data = root.data.as_ref().and_then(|data| data.mount.as_ref());
        if let Some(folder) = data {
            mount.push_str(&format!(" {}", word(folder)));
        }
        mount.push('\n');
        let file = EntryKind::File(Content::Bytes(mount.into_bytes().into()));
        let folder = |name| (name, EntryKind::Directory, 0o700);
        let more = vec![
            folder(".tuxling/dev"),
            folder(".tuxling/proc"),
            folder(".tuxling/root"),
            (".tuxling/mount", file, 0o600),
            // Where the kernel's own console is looked for.
            ("dev", EntryKind::Directory, 0o755),
        ];
        self.tree(more).map_err(Error::Pack)
    }

    fn tree(&self, more: Vec<(&str, EntryKind, u32)>) -> Result<Tree, Unpacked> {
        let (major, minor) = (self.channel.major, self.channel.minor);
        let file = |bytes: &[u8]| EntryKind::File(Content::Bytes(bytes.into()));
        let mut entries = vec![
            (".tuxling", EntryKind::Directory, 0o700),
            (
                ".tuxling/channel",
                EntryKind::CharDevice { major, minor },
                0o600,
            ),
            (".tuxling/init", file(self.agent), 0o700),
            (".tuxling/plan", file(self.plan.as_bytes()), 0o600),
        ];
        let adversary = self.adversary;
        entries.extend(adversary.map(|program| (&ADVERSARY[1..], file(program), 0o700)));
        entries.extend(more);
        let mut tree = Tree::new();
        for (path, kind, mode) in entries {
            let entry = Entry::new(ArchivePath::new(path)?, kind);
            tree.insert(entry.with_mode(Mode::new(mode)?))?;
        }
        Ok(tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::units::Bytes;
    use recipe::board::Port;
    use recipe::drive::Drive;
    use recipe::plan::{GATEWAY, Question};

    #[test]
    fn the_agent_stands_before_what_init_is_told() {
        let with = cmdline_with_agent;
        assert_eq!(
            with("console=ttyS0 single"),
            "rdinit=/.tuxling/init console=ttyS0 single"
        );
        assert_eq!(
            with("a rdinit=/my b -- rdinit=x"),
            "a rdinit=/.tuxling/init b -- rdinit=x"
        );
        assert_eq!(real_init("a rdinit=/my b -- rdinit=x"), "/my");
        assert_eq!(real_init("init=/sbin/init"), "/init");
    }

    #[test]
    fn a_system_on_a_disk_starts_the_agent_from_the_next_disk() {
        let drive = Drive {
            model: "virtio-blk".to_owned(),
            device: "virtio-blk-device,drive={drive}".to_owned(),
            name: "/dev/vda".to_owned(),
            minors: 16,
            cmdline: String::new(),
            options: String::new(),
        };
        let root = RootPlan {
            filesystem: disk::Filesystem::Squashfs,
            compress: initramfs::Compression::Xz,
            access: Access::ReadOnly,
            drive,
            size: None,
            image: None,
            data: None,
        };
        let line = "quiet root=/dev/vda rootfstype=squashfs ro init=/init -- root=x";
        assert_eq!(init_on_disk(line), "/init");
        assert_eq!(init_on_disk("root=/dev/vda -- init=/x"), "");
        assert_eq!(
            cmdline_from_disk(line, &root),
            "quiet root=/dev/vdb init=/.tuxling/init rootfstype=squashfs ro -- root=x"
        );
        let channel = Channel {
            port: Port::Serial(1),
            major: 4,
            minor: 65,
        };
        let parts = Parts {
            agent: b"ELF",
            adversary: None,
            plan: "plan2\n",
            channel: &channel,
        };
        let tree = parts.tree_on_disk(&root).expect("fits");
        let mount = ArchivePath::new(".tuxling/mount").expect("a path");
        let expected = EntryKind::File(Content::Bytes(b"16 squashfs ro\n"[..].into()));
        assert_eq!(tree.get(&mount).map(|entry| &entry.kind), Some(&expected));
    }

    #[test]
    fn a_plan_is_lines_of_escaped_words() {
        let server = FileServer::start(&[Bytes(10)]).expect("starts");
        let check = |kind| CheckPlan {
            timeout: Duration::from_secs(2),
            ..CheckPlan::on_channel("x", kind)
        };
        let checks = [
            check(CheckKind::Run {
                command: GuestCommand::Shell("echo 'a b'".to_owned()),
                expect: Some(Expectation::Contains("a b".to_owned())),
            }),
            check(CheckKind::Fetch {
                size: Bytes(10),
                command: "wget -O {file} {url}".to_owned(),
            }),
            CheckPlan {
                via: Via::Console,
                ..check(CheckKind::Run {
                    command: GuestCommand::Shell("typed".to_owned()),
                    expect: None,
                })
            },
            check(CheckKind::Echo {
                protocol: EchoProtocol::Udp,
                size: Bytes(600),
            }),
            check(CheckKind::Dhcp {
                interface: "eth0".to_owned(),
            }),
        ];
        let echoes = EchoServers::start(&checks).expect("starts");
        let (port, key) = (echoes.echoes()[0].port, echoes.echoes()[0].key);
        let exercises = [ExercisePlan {
            command: GuestCommand::Argv(vec!["cat".to_owned(), "-".to_owned(), String::new()]),
            timeout: Duration::from_millis(1500),
        }];
        let input = PlanInput {
            nonce: "n1",
            init: "/init",
            checks: &checks,
            exercises: &exercises,
            host: GATEWAY,
            server: &server,
            echoes: &echoes,
            askers: &Askers::default(),
            board: false,
            on_disk: false,
            quiet: Duration::ZERO,
            pause: None,
            leave: None,
        };
        let url = server.guest_url(&server.files()[0], GATEWAY);
        assert_eq!(
            plan(&input).expect("fits"),
            format!(
                "plan2 n1 /init 3000 0\n\
                 run 2000 a%20b /bin/sh -c echo%20'a%20b'\n\
                 fetch 2000 /.tuxling/fetched /bin/sh -c wget%20-O%20/.tuxling/fetched%20{url}\n\
                 skip\n\
                 echo 2000 - udp 167772674 {port} 600 {key}\n\
                 address 2000 - eth0\n\
                 exercise 1500 - cat %2d -\n"
            )
        );
    }

    #[test]
    fn this_host_has_long_to_ask_where_idle_time_is_skipped() {
        let kind = CheckKind::Ask(AskPlan {
            port: 7,
            question: Question::Tcp {
                send: String::new(),
            },
            at_once: 1,
            expect: None,
            call: None,
        });
        let check = CheckPlan {
            timeout: Duration::from_secs(2),
            ..CheckPlan::on_channel("x", kind)
        };
        let checks = std::slice::from_ref(&check);
        let askers = Askers::start(checks).expect("starts");
        let limit = |until: Option<Until>| {
            let input = PlanInput {
                nonce: "n1",
                init: "/init",
                checks,
                exercises: &[],
                host: GATEWAY,
                server: &FileServer::start(&[]).expect("starts"),
                echoes: &EchoServers::default(),
                askers: &askers,
                board: false,
                on_disk: false,
                quiet: Duration::ZERO,
                pause: until.map(|until| Pause {
                    before_check: 0,
                    until,
                }),
                leave: None,
            };
            let text = plan(&input).expect("fits");
            let words = text.split_whitespace();
            let mut words = words.skip_while(|word| *word != "echo").skip(1);
            words.next().map(str::to_owned)
        };
        let second = Duration::from_secs(1);
        assert_eq!(limit(None).as_deref(), Some("2000"));
        assert_eq!(limit(Some(Until::Calm(second))).as_deref(), Some("2000"));
        assert_eq!(
            limit(Some(Until::Passed(second))).as_deref(),
            Some("720000")
        );
    }

    #[test]
    fn a_command_of_too_many_words_is_refused() {
        let words = vec!["x".to_owned(); 61];
        let error = line("run", Duration::ZERO, "", &words).expect_err("too long");
        assert!(error.to_string().contains("1 to 60 words, this one 61"));
    }

    #[test]
    fn the_archive_holds_the_agent_its_plan_and_its_device() {
        let channel = Channel {
            port: Port::Serial(1),
            major: 4,
            minor: 65,
        };
        let parts = Parts {
            agent: b"ELF",
            adversary: None,
            plan: "plan2\n",
            channel: &channel,
        };
        let archive = parts.archive().expect("packs");
        assert_eq!(archive.len() % 4, 0, "the next archive follows aligned");
        let entries = cpio::read(&archive).expect("reads back");
        let paths: Vec<_> = entries.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(
            paths,
            [
                ".tuxling",
                ".tuxling/channel",
                ".tuxling/init",
                ".tuxling/plan"
            ]
        );
        assert_eq!(
            entries[1].kind,
            EntryKind::CharDevice {
                major: 4,
                minor: 65
            }
        );
    }
}
