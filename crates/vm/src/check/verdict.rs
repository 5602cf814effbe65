//! The verdict: from what was seen inside and outside of the guest to the
//! result of each check. Pure.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use host::units::{grouped, show_duration};
use recipe::plan::{CheckKind, CheckPlan, Expectation, GuestCommand};
use record::{CheckOutcome, CheckRecord};
use regex::bytes::Regex;

use super::agent;
use super::asker::{Answer, Asked};
use super::echo::Echo;
use super::protocol::{End, Ended};
use super::wire::{self, Packet};
use crate::machine::qemu::Mac;

/// How much of an unexpected output a detail shows.
const SHOWN: usize = 300;

/// What was seen of one check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The last attempt's output.
    pub output: Vec<u8>,
    /// The interface's address or the errno.
    pub address: Option<Result<Ipv4Addr, i32>>,
    /// Size and SHA-256 of the fetched file, or the errno.
    pub digest: Option<Result<(u64, String), i32>>,
    /// How it ended.
    pub end: Option<End>,
    /// The part of the wire's capture that was written while it ran.
    pub window: (u64, u64),
}

/// What was seen outside of the guest.
#[derive(Debug)]
pub(crate) struct Outside<'a> {
    /// The wire, up to now.
    pub wire: &'a wire::CaptureReader,
    /// The guest's network card.
    pub guest: Mac,
    /// The file that this check was to fetch.
    pub served: Option<ServedFile>,
    /// The echo that this check was to send.
    pub echo: Option<Echo>,
    /// What came of asking the guest from outside.
    pub asked: Option<Asked>,
}

/// A file that was there to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServedFile {
    /// Its size.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// How often it was asked for.
    pub requests: u32,
}

/// What shows that a check passed.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// It ended with status 0, and nothing more was asked.
    Ended,
    /// It printed what was expected; for a pattern what fits it.
    Printed(String),
    /// The adversary says that the kernel survived a topic.
    Survived(String),
    /// The shell answered so many lines.
    Answered(usize),
    /// A file arrived whole.
    Fetched {
        /// Its size.
        bytes: u64,
        /// How fast.
        kib_per_second: u64,
    },
    /// So many bytes came back over the wire as they were sent.
    CameBack(u64),
    /// The interface has an address that it was given on the wire.
    Leased(Ipv4Addr),
    /// Echo requests that were answered on the wire.
    Echoed {
        /// Who was asked.
        to: Ipv4Addr,
        /// How often.
        asked: usize,
        /// How often that was answered.
        answered: usize,
    },
    /// What a service of the guest's said to this host.
    Replied(String),
    /// How long it slept, by the guest's clock.
    Slept(Duration),
}

impl std::fmt::Display for Evidence {
    /// As a check's detail has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Evidence::Ended => write!(f, "status 0"),
            Evidence::Printed(text) => write!(f, "printed {text:?}"),
            Evidence::Survived(topic) => write!(f, "printed {:?}", agent::survived(topic)),
            Evidence::Answered(lines) => write!(f, "the shell answered {lines} times"),
            Evidence::Fetched {
                bytes,
                kib_per_second,
            } => {
                let (bytes, rate) = (grouped(*bytes), grouped(*kib_per_second));
                write!(f, "{bytes} B, SHA-256 right, {rate} KiB/s")
            }
            Evidence::CameBack(bytes) => write!(
                f,
                "{} B came back as they were sent, over the wire",
                grouped(*bytes)
            ),
            Evidence::Leased(address) => write!(f, "{address}, as given on the wire"),
            Evidence::Echoed {
                to,
                asked,
                answered,
            } => write!(
                f,
                "{answered} of {asked} echo requests to {to} were answered on the wire"
            ),
            Evidence::Replied(said) => write!(f, "{said}"),
            Evidence::Slept(took) => write!(f, "{:.3} s of guest time", took.as_secs_f64()),
        }
    }
}

/// A check that was judged.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    /// Its record.
    pub record: CheckRecord,
    /// What shows that it passed; `None` when it didn't.
    pub evidence: Option<Evidence>,
}

/// Judges a check that ended.
pub(crate) fn judge(check: &CheckPlan, seen: &Seen, outside: &Outside<'_>) -> Judgement {
    let Some(end) = seen.end else {
        return Judgement {
            record: not_ended(check, CheckOutcome::Skipped, "was not reached"),
            evidence: None,
        };
    };
    let (outcome, detail, evidence) = match judge_end(check, &end, seen, outside) {
        Ok(evidence) => (CheckOutcome::Passed, evidence.to_string(), Some(evidence)),
        Err((outcome, detail)) => (outcome, detail, None),
    };
    let detail = match end.attempts {
        0 | 1 => detail,
        n => format!("{detail} (attempt {n})"),
    };
    let record = CheckRecord {
        name: check.name.clone(),
        via: check.via,
        outcome,
        seconds: Some(end.total_ns as f64 / 1e9),
        detail,
    };
    Judgement { record, evidence }
}

/// The record of a check that has no end.
pub(crate) fn not_ended(check: &CheckPlan, outcome: CheckOutcome, why: &str) -> CheckRecord {
    CheckRecord {
        name: check.name.clone(),
        via: check.via,
        outcome,
        seconds: None,
        detail: why.to_owned(),
    }
}

type Judged = Result<Evidence, (CheckOutcome, String)>;

fn failed<T>(detail: impl Into<String>) -> Result<T, (CheckOutcome, String)> {
    Err((CheckOutcome::Failed, detail.into()))
}

fn judge_end(check: &CheckPlan, end: &End, seen: &Seen, outside: &Outside<'_>) -> Judged {
    if let CheckKind::Dhcp { interface } = &check.kind {
        return judge_lease(interface, seen, outside);
    }
    if let CheckKind::Echo { .. } = check.kind
        && !matches!(end.how, Ended::NotStarted(_))
    {
        return judge_echo(check, end, seen, outside);
    }
    if let CheckKind::Ask(ask) = &check.kind
        && !matches!(end.how, Ended::NotStarted(_))
    {
        return judge_answer(check, ask.port, outside);
    }
    match end.how {
        Ended::Status(0) => {}
        Ended::Status(status) => {
            return failed(with_output(&format!("ended with status {status}"), seen));
        }
        Ended::Signal(signal) => {
            return failed(with_output(&format!("was ended by signal {signal}"), seen));
        }
        Ended::TimedOut => {
            let limit = show_duration(check.timeout);
            let detail = with_output(&format!("took longer than {limit}"), seen);
            return Err((CheckOutcome::TimedOut, detail));
        }
        Ended::NotStarted(errno) => {
            return failed(format!("could not be started: {}", errno_text(errno)));
        }
    }
    match &check.kind {
        CheckKind::Run { command, expect } => {
            judge_output(command, expect.as_ref(), seen, end.lost)
        }
        CheckKind::Fetch { .. } => judge_file(end, seen, outside),
        CheckKind::Ping { to, count, .. } => judge_echoes(*to, *count, seen, outside),
        CheckKind::Sleep {
            at_least, at_most, ..
        } => judge_sleep(Duration::from_nanos(end.last_ns), *at_least, *at_most),
        CheckKind::Session { lines } => Ok(Evidence::Answered(lines.len())),
        // Judged above.
        CheckKind::Dhcp { .. } | CheckKind::Echo { .. } | CheckKind::Ask(_) => Ok(Evidence::Ended),
    }
}

fn judge_output(
    command: &GuestCommand,
    expect: Option<&Expectation>,
    seen: &Seen,
    lost: u64,
) -> Judged {
    let found = match expect {
        None => return Ok(Evidence::Ended),
        Some(Expectation::Contains(text)) => {
            contains(&seen.output, text.as_bytes()).then(|| printed(command, text))
        }
        Some(Expectation::Matches(pattern)) => match Regex::new(pattern) {
            Err(error) => return failed(format!("{pattern:?} is no regular expression: {error}")),
            Ok(regex) => regex
                .find(&seen.output)
                .map(|found| Evidence::Printed(shown(found.as_bytes()))),
        },
    };
    match found {
        Some(evidence) => Ok(evidence),
        None => {
            let wanted = match expect {
                Some(Expectation::Matches(pattern)) => format!("nothing that matches {pattern:?}"),
                Some(Expectation::Contains(text)) => format!("no {text:?}"),
                None => String::new(),
            };
            let cut = match lost {
                0 => String::new(),
                lost => format!(
                    " in the first part (the last {} bytes were not kept)",
                    grouped(lost)
                ),
            };
            failed(with_output(&format!("printed {wanted}{cut}"), seen))
        }
    }
}

/// What it means that a command printed what was expected.
fn printed(command: &GuestCommand, text: &str) -> Evidence {
    let by_adversary = matches!(command, GuestCommand::Argv(words)
        if words.first().is_some_and(|word| word == agent::ADVERSARY));
    match agent::survived_topic(text).filter(|_| by_adversary) {
        Some(topic) => Evidence::Survived(topic.to_owned()),
        None => Evidence::Printed(text.to_owned()),
    }
}

fn judge_file(end: &End, seen: &Seen, outside: &Outside<'_>) -> Judged {
    let Some(served) = &outside.served else {
        return failed("no file was served");
    };
    let (size, sha256) = match &seen.digest {
        Some(Ok(digest)) if served.requests > 0 => digest,
        _ if served.requests == 0 => {
            return failed(with_output("the file was never asked for", seen));
        }
        Some(Err(errno)) => {
            return failed(with_output(
                &format!("left no file to read: {}", errno_text(*errno)),
                seen,
            ));
        }
        _ => return failed("its result did not arrive"),
    };
    if *size != served.size {
        let (got, all) = (grouped(*size), grouped(served.size));
        return failed(with_output(&format!("{got} of {all} B arrived"), seen));
    }
    if *sha256 != served.sha256 {
        return failed(format!(
            "the SHA-256 is wrong: {sha256} arrived, {} was sent",
            served.sha256
        ));
    }
    let rate = *size as f64 / 1024.0 / (end.last_ns.max(1) as f64 / 1e9);
    Ok(Evidence::Fetched {
        bytes: *size,
        kib_per_second: rate as u64,
    })
}

fn judge_answer(check: &CheckPlan, port: u16, outside: &Outside<'_>) -> Judged {
    let asked = outside.asked.clone().unwrap_or_default();
    let times = match asked.times {
        0 | 1 => String::new(),
        times => format!(" (asked {times} times)"),
    };
    match asked.last {
        Some(Answer::Right(said)) => Ok(Evidence::Replied(format!("port {port} {said}{times}"))),
        Some(Answer::Wrong(said)) => {
            let limit = show_duration(check.timeout);
            let detail = format!("within {limit} port {port} {said}{times}");
            Err((CheckOutcome::TimedOut, detail))
        }
        None => failed("the guest did not reach this host, which waited for it to ask"),
    }
}

fn judge_echo(check: &CheckPlan, end: &End, seen: &Seen, outside: &Outside<'_>) -> Judged {
    let Some(echo) = &outside.echo else {
        return failed("no echo was served");
    };
    let (size, sha256) = match &seen.digest {
        Some(Ok(digest)) => digest,
        Some(Err(errno)) => {
            return failed(format!("could not be sent: {}", errno_text(*errno)));
        }
        None => return failed("its result did not arrive"),
    };
    let (got, all) = (grouped(*size), grouped(echo.size));
    if end.how == Ended::TimedOut {
        let limit = show_duration(check.timeout);
        let detail = format!("{got} of {all} B came back within {limit}");
        return Err((CheckOutcome::TimedOut, detail));
    }
    if *size != echo.size {
        return failed(format!("{got} of {all} B came back"));
    }
    if *sha256 != echo.sha256() {
        return failed(format!("{got} B came back, but not those that were sent"));
    }
    let (sent, back) = bytes_on_the_wire(echo, seen, outside);
    if sent < echo.size || back < echo.size {
        return failed(format!(
            "{all} B came back, but on the wire only {} B went out and {} B came in",
            grouped(sent),
            grouped(back)
        ));
    }
    Ok(Evidence::CameBack(echo.size))
}

/// How many bytes of an echo the guest's card sent and got while it ran.
fn bytes_on_the_wire(echo: &Echo, seen: &Seen, outside: &Outside<'_>) -> (u64, u64) {
    let (mut sent, mut back) = (0u64, 0u64);
    for packet in outside.wire.between(seen.window.0, seen.window.1) {
        match packet {
            Packet::Data {
                protocol,
                from_mac,
                to_mac,
                from_port,
                to_port,
                bytes,
            } if *protocol == echo.protocol => {
                if *from_mac == outside.guest && *to_port == echo.port {
                    sent += *bytes as u64;
                } else if *to_mac == outside.guest && *from_port == echo.port {
                    back += *bytes as u64;
                }
            }
            _ => {}
        }
    }
    (sent, back)
}

fn judge_lease(interface: &str, seen: &Seen, outside: &Outside<'_>) -> Judged {
    let (mut wanted, mut given) = (false, BTreeSet::new());
    for packet in outside.wire.between(0, seen.window.1) {
        match packet {
            Packet::LeaseWanted { client, .. } if *client == outside.guest => wanted = true,
            Packet::Lease {
                client, address, ..
            } if *client == outside.guest => {
                given.insert(*address);
            }
            _ => {}
        }
    }
    let on_the_wire = match (wanted, given.iter().next()) {
        (_, Some(address)) => format!("on the wire it was given {address}"),
        (true, None) => "it asked on the wire and was given nothing".to_owned(),
        (false, None) => "it never asked on the wire".to_owned(),
    };
    match seen.address {
        Some(Ok(address)) if given.contains(&address) => Ok(Evidence::Leased(address)),
        Some(Ok(address)) => failed(format!("{interface} has {address}, but {on_the_wire}")),
        Some(Err(errno)) => Err((
            CheckOutcome::TimedOut,
            format!(
                "{interface} got no address ({}); {on_the_wire}",
                errno_text(errno)
            ),
        )),
        None => failed("its result did not arrive"),
    }
}

fn judge_echoes(to: Ipv4Addr, count: u32, seen: &Seen, outside: &Outside<'_>) -> Judged {
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for packet in outside.wire.between(seen.window.0, seen.window.1) {
        let Packet::Echo {
            reply,
            from_mac,
            to_mac,
            from,
            to: receiver,
            id,
        } = packet
        else {
            continue;
        };
        if !reply && *from_mac == outside.guest && *receiver == to {
            asked.insert(*id);
        } else if *reply && *to_mac == outside.guest && *from == to && asked.contains(id) {
            answered.insert(*id);
        }
    }
    let evidence = Evidence::Echoed {
        to,
        asked: asked.len(),
        answered: answered.len(),
    };
    if answered.len() < count as usize {
        return failed(format!("{evidence}, {count} needed"));
    }
    Ok(evidence)
}

fn judge_sleep(took: Duration, at_least: Duration, at_most: Duration) -> Judged {
    let evidence = Evidence::Slept(took);
    if took < at_least || took > at_most {
        return failed(format!(
            "{evidence}, not between {} and {}",
            show_duration(at_least),
            show_duration(at_most)
        ));
    }
    Ok(evidence)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|window| window == part)
}

fn with_output(what: &str, seen: &Seen) -> String {
    let text = shown(&seen.output);
    if text.is_empty() {
        format!("{what}, and printed nothing")
    } else {
        format!("{what}; it printed: {text}")
    }
}

/// The last part of an output, as text in one line.
fn shown(output: &[u8]) -> String {
    let output = output.trim_ascii();
    let from = output.len().saturating_sub(SHOWN);
    let text = String::from_utf8_lossy(&output[from..]).replace('\n', " | ");
    if from > 0 { format!("…{text}") } else { text }
}

/// What an errno of the guest's means; Linux has the same numbers nearly
/// everywhere (include/uapi/asm-generic/errno.h).
pub(super) fn errno_text(errno: i32) -> String {
    std::io::Error::from_raw_os_error(errno).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use recipe::plan::{EchoProtocol, GATEWAY};

    const GUEST: Mac = Mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    const OTHER: Mac = Mac([1; 6]);
    const LEASED: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);

    fn command() -> GuestCommand {
        GuestCommand::Shell("x".to_owned())
    }

    fn check(kind: CheckKind) -> CheckPlan {
        CheckPlan::on_channel("it", kind)
    }

    fn prints(expect: Expectation) -> CheckPlan {
        check(CheckKind::Run {
            command: command(),
            expect: Some(expect),
        })
    }

    fn ended(how: Ended) -> Seen {
        Seen {
            end: Some(End {
                how,
                attempts: 1,
                total_ns: 1_500_000_000,
                last_ns: 1_000_000_000,
                ticks: 0,
                lost: 0,
            }),
            window: (0, u64::MAX),
            ..Seen::default()
        }
    }

    fn wire(packets: &[Packet]) -> wire::CaptureReader {
        let captured = |(at, packet): (usize, &Packet)| wire::Captured {
            end: 100 * (at as u64 + 1),
            packet: *packet,
        };
        let mut reader = wire::CaptureReader::default();
        reader.packets = packets.iter().enumerate().map(captured).collect();
        reader
    }

    fn judged(check: &CheckPlan, seen: &Seen, packets: &[Packet]) -> (CheckOutcome, String) {
        let outside = Outside {
            wire: &wire(packets),
            guest: GUEST,
            served: Some(ServedFile {
                size: 10,
                sha256: "abc".to_owned(),
                requests: 1,
            }),
            echo: Some(ECHO),
            asked: None,
        };
        let record = judge(check, seen, &outside).record;
        (record.outcome, record.detail)
    }

    #[test]
    fn a_command_must_end_well_and_print_what_is_expected() {
        let check = prints(Expectation::Matches("^Linux version 6".to_owned()));
        let mut seen = ended(Ended::Status(0));
        seen.output = b"Linux version 6.12".to_vec();
        assert_eq!(judged(&check, &seen, &[]).0, CheckOutcome::Passed);
        seen.output = b"Linux version 5.4\n".to_vec();
        let (outcome, detail) = judged(&check, &seen, &[]);
        assert_eq!(outcome, CheckOutcome::Failed);
        assert_eq!(
            detail,
            "printed nothing that matches \"^Linux version 6\"; it printed: Linux version 5.4"
        );
        seen.output = b"Linux version 6.12".to_vec();
        seen.end = ended(Ended::Status(1)).end;
        assert_eq!(judged(&check, &seen, &[]).0, CheckOutcome::Failed);
        seen.end = ended(Ended::TimedOut).end;
        assert_eq!(judged(&check, &seen, &[]).0, CheckOutcome::TimedOut);
    }

    #[test]
    fn only_what_the_adversary_says_is_survived() {
        let says = |program: &str| {
            let words = [program, "signals"].map(str::to_owned).to_vec();
            check(CheckKind::Run {
                command: GuestCommand::Argv(words),
                expect: Some(Expectation::Contains(agent::survived("signals"))),
            })
        };
        let mut seen = ended(Ended::Status(0));
        seen.output = b"survived signals: 9 provocations, 0 wrong\n".to_vec();
        let outside = Outside {
            wire: &wire(&[]),
            guest: GUEST,
            served: None,
            echo: None,
            asked: None,
        };
        let judged = |program| judge(&says(program), &seen, &outside);
        let survived = judged(agent::ADVERSARY);
        assert_eq!(
            survived.evidence,
            Some(Evidence::Survived("signals".to_owned()))
        );
        assert_eq!(survived.record.detail, "printed \"survived signals\"");
        let printed = judged("/bin/echo");
        assert_eq!(
            printed.evidence,
            Some(Evidence::Printed("survived signals".to_owned()))
        );
        assert_eq!(printed.record.detail, survived.record.detail);
    }

    #[test]
    fn a_file_must_arrive_whole() {
        let check = check(CheckKind::Fetch {
            size: host::units::Bytes(10),
            command: String::new(),
        });
        let mut seen = ended(Ended::Status(0));
        let mut with = |digest| {
            seen.digest = digest;
            judged(&check, &seen, &[])
        };
        assert_eq!(
            with(Some(Ok((10, "abc".to_owned())))).0,
            CheckOutcome::Passed
        );
        let (outcome, detail) = with(Some(Ok((10, "abd".to_owned()))));
        assert_eq!(outcome, CheckOutcome::Failed);
        assert!(detail.starts_with("the SHA-256 is wrong: abd arrived"));
        assert!(
            with(Some(Ok((9, "abc".to_owned()))))
                .1
                .starts_with("9 of 10 B arrived")
        );
        assert_eq!(with(Some(Err(2))).0, CheckOutcome::Failed);
        assert_eq!(with(None).0, CheckOutcome::Failed);
    }

    #[test]
    fn a_lease_must_have_been_given_to_the_guest_on_the_wire() {
        let check = check(CheckKind::Dhcp {
            interface: "eth0".to_owned(),
        });
        let mut seen = ended(Ended::Status(0));
        seen.address = Some(Ok(LEASED));
        let lease = |client| Packet::Lease {
            client,
            address: LEASED,
            transaction: 1,
        };
        assert_eq!(
            judged(&check, &seen, &[lease(GUEST)]).0,
            CheckOutcome::Passed
        );
        let (outcome, detail) = judged(&check, &seen, &[lease(OTHER)]);
        assert_eq!(outcome, CheckOutcome::Failed);
        assert_eq!(detail, "eth0 has 10.0.2.15, but it never asked on the wire");
        seen.address = Some(Err(19));
        let asked = Packet::LeaseWanted {
            client: GUEST,
            transaction: 1,
        };
        let (outcome, detail) = judged(&check, &seen, &[asked]);
        assert_eq!(outcome, CheckOutcome::TimedOut);
        assert!(detail.contains("asked on the wire and was given nothing"));
    }

    #[test]
    fn pings_are_counted_on_the_wire_and_in_their_time() {
        let check = check(CheckKind::Ping {
            to: GATEWAY,
            count: 1,
            command: String::new(),
        });
        let echo = |reply, id| {
            let (from, to) = if reply {
                (GATEWAY, LEASED)
            } else {
                (LEASED, GATEWAY)
            };
            let (from_mac, to_mac) = if reply {
                (OTHER, GUEST)
            } else {
                (GUEST, OTHER)
            };
            Packet::Echo {
                reply,
                from_mac,
                to_mac,
                from,
                to,
                id,
            }
        };
        let mut seen = ended(Ended::Status(0));
        let both = [echo(false, (1, 1)), echo(true, (1, 1))];
        assert_eq!(judged(&check, &seen, &both).0, CheckOutcome::Passed);
        // A command that only says so.
        assert_eq!(judged(&check, &seen, &[]).0, CheckOutcome::Failed);
        // An answer to another question.
        let other = [echo(false, (1, 1)), echo(true, (1, 2))];
        assert_eq!(judged(&check, &seen, &other).0, CheckOutcome::Failed);
        // Before the check was started.
        seen.window.0 = 1000;
        assert_eq!(judged(&check, &seen, &both).0, CheckOutcome::Failed);
    }

    #[test]
    fn a_sleep_is_judged_by_its_last_attempt() {
        let check = check(CheckKind::Sleep {
            command: command(),
            at_least: Duration::from_millis(900),
            at_most: Duration::from_millis(1200),
        });
        let seen = ended(Ended::Status(0));
        assert_eq!(
            judged(&check, &seen, &[]),
            (CheckOutcome::Passed, "1.000 s of guest time".to_owned())
        );
    }

    const ECHO: Echo = Echo {
        protocol: EchoProtocol::Tcp,
        port: 7000,
        key: 5,
        size: 1500,
    };

    fn data(out: bool, bytes: usize) -> Packet {
        let [from, to] = if out { [GUEST, OTHER] } else { [OTHER, GUEST] };
        let [from_port, to_port] = if out { [1024, 7000] } else { [7000, 1024] };
        Packet::Data {
            protocol: EchoProtocol::Tcp,
            from_mac: from,
            to_mac: to,
            from_port,
            to_port,
            bytes,
        }
    }

    #[test]
    fn an_echo_is_the_right_bytes_and_over_the_wire() {
        let check = check(CheckKind::Echo {
            protocol: EchoProtocol::Tcp,
            size: host::units::Bytes(1500),
        });
        let wire = [data(true, 1000), data(true, 500), data(false, 1500)];
        let mut seen = ended(Ended::Status(0));
        seen.digest = Some(Ok((1500, ECHO.sha256())));
        assert_eq!(judged(&check, &seen, &wire).0, CheckOutcome::Passed);
        // Not all of it was on the wire, in one direction or the other.
        for wire in [&wire[1..], &wire[..2], &[]] {
            let (outcome, detail) = judged(&check, &seen, wire);
            assert_eq!(outcome, CheckOutcome::Failed);
            assert!(detail.contains("on the wire only"), "{detail}");
        }
        seen.digest = Some(Ok((1499, ECHO.sha256())));
        let cut = judged(&check, &seen, &wire);
        assert_eq!(
            cut,
            (
                CheckOutcome::Failed,
                "1,499 of 1,500 B came back".to_owned()
            )
        );
        seen.digest = Some(Ok((1500, "0".repeat(64))));
        let (outcome, detail) = judged(&check, &seen, &wire);
        assert_eq!(outcome, CheckOutcome::Failed);
        assert!(detail.contains("not those that were sent"), "{detail}");
        seen.digest = Some(Err(111));
        let (_, detail) = judged(&check, &seen, &wire);
        assert!(detail.contains("Connection refused"), "{detail}");
        let mut late = ended(Ended::TimedOut);
        late.digest = Some(Ok((7, String::new())));
        assert_eq!(judged(&check, &late, &wire).0, CheckOutcome::TimedOut);
    }
}
