//! The checks' and exercises' part of a recipe.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use host::units::Bytes;

use super::Context;
use crate::Board;
use crate::diagnostic::{Place, Problem, Wrong};
use crate::plan::{
    CheckKind, CheckPlan, ExercisePlan, Expectation, GuestCommand, NetworkMode, NetworkPlan,
    Question, UserlandPlan, Via,
};
use crate::raw::{self, What};
use crate::typed;

/// The limit of a check or an exercise that sets none.
const TIMEOUT: Duration = Duration::from_secs(10);

struct Checks<'a> {
    context: &'a Context<'a>,
    mode: &'a NetworkMode,
    host: Ipv4Addr,
    userland: &'a UserlandPlan,
    memory: Bytes,
    mute: bool,
    has_console: bool,
}

/// What checks are checked against.
pub(super) struct Surroundings<'a> {
    /// The network.
    pub network: &'a NetworkPlan,
    /// The user land.
    pub userland: &'a UserlandPlan,
    /// The machine's RAM.
    pub memory: Bytes,
    /// The board.
    pub board: Option<&'a Board>,
}

impl Surroundings<'_> {
    /// Whether the board has no channel, and so no agent.
    pub(super) fn is_mute(&self) -> bool {
        self.board.is_some_and(|board| board.channel.is_none())
    }

    /// Whether the board has a console that something can be typed at.
    fn has_console(&self) -> bool {
        self.board.is_none_or(|board| board.console.is_some())
    }
}

/// The checks, in order.
pub(super) fn plan(
    context: &Context<'_>,
    raw: &raw::Recipe,
    surroundings: &Surroundings<'_>,
) -> Vec<CheckPlan> {
    let checks = Checks {
        context,
        mode: &surroundings.network.mode,
        host: surroundings.network.host(),
        userland: surroundings.userland,
        memory: surroundings.memory,
        mute: surroundings.is_mute(),
        has_console: surroundings.has_console(),
    };
    let mut plans: Vec<CheckPlan> = Vec::new();
    let mut names: HashSet<&str> = HashSet::new();
    let mut room = Room::new(context);
    for check in &raw.checks {
        let name = checks.name(check, &mut names);
        let kind = check.what.as_ref().and_then(|what| checks.kind(what));
        let via = checks.via(check);
        checks.can_be_typed(check, kind.as_ref(), via);
        if let Some(kind) = &kind {
            room.take(check_words(kind), &check.place);
        }
        if let (Some(name), Some(kind)) = (name, kind) {
            plans.push(CheckPlan {
                name,
                kind,
                timeout: check.timeout.as_ref().map_or(TIMEOUT, |t| t.value),
                via,
            });
        }
    }
    for exercise in &raw.exercises {
        room.take(
            command_words(&exercise.command.value),
            &exercise.command.place,
        );
    }
    plans
}

/// The exercises, in order.
pub(super) fn exercises(
    context: &Context<'_>,
    raw: &[raw::Exercise],
    mute: bool,
) -> Vec<ExercisePlan> {
    if let (Some(first), true) = (raw.first(), mute) {
        let message = "exercises are run by the checks' agent, for which the board has no channel";
        let help = "make it a check: it is typed at the console";
        context.problem(Problem::at(&first.command.place, message).help(help));
    }
    let plan = |exercise: &raw::Exercise| ExercisePlan {
        command: exercise.command.value.clone(),
        timeout: exercise.timeout.as_ref().map_or(TIMEOUT, |t| t.value),
    };
    raw.iter().map(plan).collect()
}

/// What the agent in the guest is told of all checks and exercises
/// (guest/agent.c): so many bytes in all, and so many words each.
const ROOM: usize = 64 * 1024 - 1024;
const WORDS: usize = 60;
/// What stands on a line besides: the kind, its time limit, a port, a key.
const LINE: usize = 96;

/// The room that is left for checks and exercises.
struct Room<'a> {
    context: &'a Context<'a>,
    taken: usize,
}

impl<'a> Room<'a> {
    fn new(context: &'a Context<'a>) -> Self {
        Room { context, taken: 0 }
    }

    /// Takes room for one line; the first that finds none is a problem.
    fn take(&mut self, words: Vec<&str>, place: &Place) {
        if words.len() > WORDS {
            let message = format!("the command has {} words", words.len());
            let help = format!("{WORDS} at most; put more into a file of the user land");
            self.context.problem(Problem::at(place, message).help(help));
        }
        let before = self.taken;
        self.taken += LINE + words.iter().map(|word| escaped(word)).sum::<usize>();
        if before <= ROOM && self.taken > ROOM {
            let message = "the checks and exercises are too long from here on";
            let help = format!(
                "their commands have {} KiB in all, blanks and non-ASCII counted three times; \
                 put them into a file of the user land",
                ROOM / 1024
            );
            self.context.problem(Problem::at(place, message).help(help));
        }
    }
}

/// How long a word is when it is escaped as the agent reads it.
fn escaped(word: &str) -> usize {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    let bytes = word.bytes();
    1 + bytes
        .map(|byte| if plain(byte) { 1 } else { 3 })
        .sum::<usize>()
}

fn command_words(command: &GuestCommand) -> Vec<&str> {
    match command {
        GuestCommand::Shell(line) => vec!["/bin/sh", "-c", line],
        GuestCommand::Argv(words) => words.iter().map(|word| &**word).collect(),
    }
}

fn check_words(kind: &CheckKind) -> Vec<&str> {
    match kind {
        CheckKind::Run { command, expect } => {
            let mut words = command_words(command);
            if let (Some(Expectation::Contains(text)), true) = (expect, words.len() <= WORDS) {
                words.insert(0, text);
                words.truncate(WORDS);
            }
            words
        }
        CheckKind::Sleep { command, .. } => command_words(command),
        CheckKind::Fetch { command, .. } | CheckKind::Ping { command, .. } => {
            vec!["/bin/sh", "-c", command]
        }
        _ => Vec::new(),
    }
}

impl Checks<'_> {
    fn problem(&self, place: &Place, message: &str, help: &str) {
        self.context.problem(Problem::at(place, message).help(help));
    }

    fn name<'r>(&self, check: &'r raw::Check, before: &mut HashSet<&'r str>) -> Option<String> {
        let Some(name) = &check.name else {
            self.problem(&check.place, "the check has no name", "add name = \"NAME\"");
            return None;
        };
        self.context.take(&name.place, check_name(&name.value))?;
        if !before.insert(&name.value) {
            let message = format!("there is another check named `{}`", name.value);
            self.problem(&name.place, &message, "give each check a name of its own");
        }
        Some(name.value.clone())
    }

    /// What is typed is one line that a shell reads, and what it did must show
    /// on the console or on the wire.
    fn can_be_typed(&self, check: &raw::Check, kind: Option<&CheckKind>, via: Via) {
        let Some(kind) = kind.filter(|_| via == Via::Console) else {
            return;
        };
        let place = check.via.as_ref().map_or(&check.place, |via| &via.place);
        let Some(line) = typed::command(kind) else {
            let message = "only `run`, `ping` and `sleep` can be typed at the console";
            let help = if self.mute {
                "the board has no channel for the checks' agent"
            } else {
                "remove `via`: the checks' agent tells more than a console can"
            };
            return self.problem(place, message, help);
        };
        if line.len() > typed::LINE_LIMIT || line.chars().any(char::is_control) {
            let message = "the command can't be typed at the console";
            let help = format!(
                "it must be one line of at most {} bytes; put more into a file of the user land",
                typed::LINE_LIMIT
            );
            self.problem(place, message, &help);
        }
    }

    /// How a check is run: by the agent, or typed where there is none.
    fn via(&self, check: &raw::Check) -> Via {
        let Some(via) = &check.via else {
            return if self.mute {
                Via::Console
            } else {
                Via::Channel
            };
        };
        if self.mute && via.value == Via::Channel {
            let message = "the board has no channel for the checks' agent";
            let help = "remove `via`: the check is typed at the console";
            self.problem(&via.place, message, help);
        }
        if !self.has_console && via.value == Via::Console {
            let message = "the board has no console";
            let help = "remove `via`: the checks' agent does it";
            self.problem(&via.place, message, help);
        }
        via.value
    }

    fn kind(&self, what: &What) -> Option<CheckKind> {
        match what {
            What::Run { command, expect } => {
                self.shell(&command.place, &command.value);
                Some(CheckKind::Run {
                    command: command.value.clone(),
                    expect: expect.clone(),
                })
            }
            What::Sleep {
                place,
                command,
                at_least,
                at_most,
            } => {
                let given = command.as_ref().map(|c| c.value.clone());
                let command = given.unwrap_or_else(|| GuestCommand::Shell("sleep 1".to_owned()));
                self.shell(place, &command);
                let limit = |given: &raw::Given<Duration>, usual| {
                    given
                        .as_ref()
                        .map_or(Duration::from_millis(usual), |d| d.value)
                };
                let (at_least, at_most) = (limit(at_least, 900), limit(at_most, 2000));
                if at_least > at_most {
                    let help = "`at-least` must not be longer than `at-most`";
                    self.problem(place, "no sleep can take so long and so short", help);
                }
                Some(CheckKind::Sleep {
                    command,
                    at_least,
                    at_most,
                })
            }
            What::Fetch { .. }
            | What::Dhcp { .. }
            | What::Ping { .. }
            | What::Echo { .. }
            | What::Ask { .. } => self.network_kind(what),
        }
    }

    fn network_kind(&self, what: &What) -> Option<CheckKind> {
        match what {
            What::Fetch {
                place,
                size,
                command,
            } => {
                self.network("fetch", place);
                let usual = "wget -q -O {file} {url}";
                Some(CheckKind::Fetch {
                    size: self.fetch_size(size),
                    command: self.command(place, command, usual, &["url", "file"]),
                })
            }
            What::Ping {
                place,
                to,
                count,
                command,
            } => {
                self.network("ping", place);
                Some(CheckKind::Ping {
                    to: to.as_ref().map_or(self.host, |t| t.value),
                    count: count.as_ref().map_or(1, |c| c.value),
                    command: self.command(place, command, "ping -c {count} {to}", &["to"]),
                })
            }
            What::Dhcp { place, interface } => Some(self.dhcp(place, interface)),
            What::Echo {
                place,
                protocol,
                size,
            } => {
                self.network("echo", place);
                Some(CheckKind::Echo {
                    protocol: *protocol,
                    size: self.echo_size(size),
                })
            }
            What::Ask { place, plan } => {
                let kind = match plan.question {
                    Question::Http { .. } => "http",
                    Question::Tcp { .. } | Question::Udp { .. } => "serve",
                };
                self.network(kind, place);
                Some(CheckKind::Ask(plan.clone()))
            }
            What::Run { .. } | What::Sleep { .. } => None,
        }
    }

    fn dhcp(&self, place: &Place, interface: &raw::Given<String>) -> CheckKind {
        self.network("dhcp", place);
        if matches!(self.mode, NetworkMode::Static(_)) {
            let message = "nothing asks for a lease: the address is static";
            let help = "set mode = \"dhcp\" in [network], or remove the check";
            self.problem(place, message, help);
        }
        let interface = interface.as_ref().map(|i| i.value.clone());
        CheckKind::Dhcp {
            interface: interface.unwrap_or_else(|| "eth0".to_owned()),
        }
    }

    fn network(&self, kind: &str, place: &Place) {
        if *self.mode == NetworkMode::None {
            let message = format!("a `{kind}` check without a network");
            let help = "set mode = \"dhcp\" in [network], or remove the check";
            self.problem(place, &message, help);
        }
    }

    fn echo_size(&self, size: &raw::Given<Bytes>) -> Bytes {
        let Some(size) = size else {
            return Bytes::kib(4);
        };
        if size.value > Bytes::mib(64) {
            let help = "the bytes are made and compared one by one: \"64MiB\" at most";
            self.problem(&size.place, "the echo is very large", help);
        }
        size.value
    }

    fn fetch_size(&self, size: &raw::Given<Bytes>) -> Bytes {
        let Some(size) = size else {
            return Bytes::kib(64);
        };
        if size.value >= self.memory {
            let message = "the download is larger than the machine's RAM";
            let help = "it is written to the ramdisk: make it smaller, or machine.memory larger";
            self.problem(&size.place, message, help);
        }
        size.value
    }

    /// A command line with its placeholders, the usual one where none is given.
    fn command(
        &self,
        place: &Place,
        given: &raw::Given<String>,
        usual: &str,
        placeholders: &[&str],
    ) -> String {
        let Some(given) = given else {
            // Without a network the missing program is not what is wrong.
            if *self.mode != NetworkMode::None {
                self.applet(place, usual.split(' ').next().unwrap_or_default());
            }
            return usual.to_owned();
        };
        for name in placeholders {
            if !given.value.contains(&format!("{{{name}}}")) {
                let message = format!("the command has no `{{{name}}}`");
                let help =
                    format!("it is replaced when the check runs; the usual one is {usual:?}");
                self.problem(&given.place, &message, &help);
            }
        }
        given.value.clone()
    }

    fn shell(&self, place: &Place, command: &GuestCommand) {
        if let GuestCommand::Shell(line) = command {
            self.applet(place, "sh");
            let program = line.split_whitespace().next().unwrap_or_default();
            if ["sleep", "wget", "ping", "cat", "ls"].contains(&program) {
                self.applet(place, program);
            }
        }
    }

    /// Where BusyBox is all there is, a program must be one of its applets.
    fn applet(&self, place: &Place, program: &str) {
        let Some(busybox) = &self.userland.busybox else {
            return;
        };
        let file = |name: &str| name.rsplit('/').next() == Some(program);
        let known = busybox.defconfig
            || busybox.applets.iter().any(|a| a == program)
            || self.userland.files.iter().any(|f| file(&f.to))
            || self.userland.folder.is_some()
            || self.userland.rootfs.is_some();
        if !known {
            let message = format!("the check calls `{program}`, which the system lacks");
            let help = format!("add \"{program}\" to busybox in [userland]");
            self.problem(place, &message, &help);
        }
    }
}

fn check_name(name: &str) -> Result<(), Wrong> {
    let fits = |c: char| c.is_alphanumeric() || " ._-".contains(c);
    let good = !name.is_empty() && name.trim() == name && name.len() <= 64;
    if good && name.chars().all(fits) {
        Ok(())
    } else {
        Err(Wrong::new(format!("`{name}` can't name a check"))
            .help("a name has up to 64 letters, digits, spaces, `.`, `_` and `-`"))
    }
}
