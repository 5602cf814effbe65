//! Types checks at the shell on the console, and reads what it prints.
//!
//! A check is one line:
//!
//! ```text
//! echo tux""ling-NONCE-3-b;(eval 'COMMAND');echo tux""ling-NONCE-3-e $?
//! ```
//!
//! The console echoes what is typed; only a shell takes the two quotes away, so
//! the marks without them are what it printed. `eval` in a shell of its own
//! keeps a syntax error or an `exit` from taking the second mark with it.
//!
//! A session is lines of keys as a person types them: one key after the other,
//! and after each line the shell is called and must answer before the next.
//! Who gets no answer leaves what runs, by Ctrl-C first.
//!
//! Pure: bytes and times come in, bytes and events go out.

use std::time::{Duration, Instant};

use recipe::plan::{CheckKind, CheckPlan, Via};
use recipe::typed::command;

use super::protocol::{End, Ended};

/// How often the shell is called while it doesn't answer.
const CALL_EVERY: Duration = Duration::from_secs(1);

/// What is kept of a command's output, as the agent does.
const OUTPUT_LIMIT: usize = 16384;

/// A person looks at what a line did before the shell is called.
const LOOKED: Duration = Duration::from_millis(150);

/// What a pause within a session's line lasts.
const PAUSED: Duration = Duration::from_millis(400);

/// So often a shell is called before a person has pressed Escape, and waits.
const ESCAPED: u32 = 7;

/// How a person leaves a program that doesn't answer, by how often the shell was
/// called in vain: Ctrl-C, what pagers and editors know, Ctrl-\.
fn leaving(calls: u32) -> &'static [u8] {
    match calls {
        0..3 => b"",
        5 => b"q",
        6 => b"\x1b",
        7 => b":q!\r",
        8 => b"\x1c",
        _ => b"\x03",
    }
}

/// Stands in a session's line for a pause.
pub const PAUSE_KEY: char = '\0';

/// What is kept of the console while a mark is waited for.
const PENDING_LIMIT: usize = 1 << 16;

/// When the shell is called: in QEMU, or on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calling {
    /// Every second: nothing but a shell reads there.
    Freely,
    /// Once, and again when the console has printed something and then been
    /// silent for so long: a boot loader must not take it for a key.
    After(Duration),
    /// Not before that: the board is only just switched on.
    NotBefore(Duration),
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This check was typed and has begun.
    Started(usize),
    /// It ended: its output and how.
    Ended(usize, Vec<u8>, End),
    /// No shell answered within the limit: this one and all after it can't be
    /// typed.
    NoShell(usize),
}

#[derive(Debug)]
struct Typed {
    at: usize,
    what: What,
    limit: Duration,
}

#[derive(Debug)]
enum What {
    /// One command.
    Command(String),
    /// A person's lines.
    Session(Vec<String>),
}

/// Where a session stands.
#[derive(Debug)]
struct SessionPlace {
    /// Which line.
    line: usize,
    /// How many bytes of it are typed.
    typed: usize,
    /// Nothing is typed before this time.
    not_before: Instant,
    /// How often the shell was called since.
    calls: u32,
}

#[derive(Debug)]
enum State {
    /// Not asked for yet.
    Idle,
    /// Waits for a shell's answer.
    Calling {
        since: Instant,
    },
    /// The line is typed; `begun` is when its first mark was seen.
    Running {
        since: Instant,
        begun: Option<Instant>,
    },
    /// A session goes on.
    Session {
        since: Instant,
        place: SessionPlace,
    },
    Done,
}

/// Types the checks that want it, one after the other.
#[derive(Debug)]
pub struct Typist {
    nonce: String,
    queue: Vec<Typed>,
    next: usize,
    calling: Calling,
    patience: Duration,
    state: State,
    called: Option<Instant>,
    printed: Option<Instant>,
    pending: Vec<u8>,
}

impl Typist {
    /// Types those of the checks that are `via = "console"`. A shell must answer
    /// within `patience`.
    pub fn new(nonce: &str, checks: &[CheckPlan], calling: Calling, patience: Duration) -> Self {
        let wanted = |check: &CheckPlan| {
            let qemu = calling == Calling::Freely || !check.kind.needs_qemus_network();
            check.via == Via::Console && qemu
        };
        let typed = |(at, check): (usize, &CheckPlan)| {
            let what = match &check.kind {
                CheckKind::Session { lines } => What::Session(lines.clone()),
                kind => What::Command(command(kind)?),
            };
            wanted(check).then_some(Typed {
                at,
                what,
                limit: check.timeout,
            })
        };
        let queue: Vec<Typed> = checks.iter().enumerate().filter_map(typed).collect();
        Typist {
            nonce: nonce.to_owned(),
            state: if queue.is_empty() {
                State::Done
            } else {
                State::Idle
            },
            queue,
            next: 0,
            calling,
            patience,
            called: None,
            printed: None,
            pending: Vec::new(),
        }
    }

    /// Whether anything is to be typed at all.
    pub fn has_work(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Whether all was typed and has ended.
    pub fn done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The check that runs now.
    pub fn running(&self) -> Option<usize> {
        match self.state {
            State::Running { .. } | State::Session { .. } => {
                self.queue.get(self.next).map(|typed| typed.at)
            }
            _ => None,
        }
    }

    /// Takes what the console printed since the last call, and gives what is to
    /// be typed and what happened. Nothing is typed before `go`.
    pub fn step(&mut self, now: Instant, printed: &[u8], go: bool) -> (Vec<u8>, Vec<Event>) {
        let (mut keys, mut events) = (Vec::new(), Vec::new());
        if !printed.is_empty() {
            self.printed = Some(now);
        }
        match self.state {
            State::Idle if go => self.state = State::Calling { since: now },
            State::Idle | State::Done => return (keys, events),
            _ => {}
        }
        self.pending.extend_from_slice(printed);
        match self.state {
            State::Calling { since } => self.call(now, since, &mut keys, &mut events),
            State::Running { since, begun } => {
                self.attend(now, (since, begun), &mut keys, &mut events)
            }
            State::Session { .. } => self.work(now, &mut keys, &mut events),
            State::Idle | State::Done => {}
        }
        (keys, events)
    }

    fn call(&mut self, now: Instant, since: Instant, keys: &mut Vec<u8>, events: &mut Vec<Event>) {
        if find(&self.pending, &self.mark("r")).is_some() {
            let Some(typed) = self.queue.get(self.next) else {
                return;
            };
            match &typed.what {
                What::Command(command) => {
                    *keys = self.line(typed.at, command).into_bytes();
                    self.state = State::Running {
                        since: now,
                        begun: None,
                    };
                }
                What::Session(_) => {
                    events.push(Event::Started(typed.at));
                    self.state = State::Session {
                        since: now,
                        place: SessionPlace::at_line(0, now),
                    };
                }
            }
            self.pending.clear();
            return;
        }
        let over = self.pending.len().saturating_sub(PENDING_LIMIT);
        self.pending.drain(..over);
        if now.duration_since(since) >= self.patience {
            events.extend(self.queue[self.next..].iter().map(|t| Event::NoShell(t.at)));
            self.state = State::Done;
        } else if self.may_call(now) {
            self.called = Some(now);
            // The first line's end wakes a shell that waits for Enter.
            *keys = format!("\recho {}\r", self.typed_mark("r")).into_bytes();
        }
    }

    fn may_call(&self, now: Instant) -> bool {
        let since_called = |at: Instant| self.called.is_none_or(|called| at > called);
        let silent_for = |quiet| {
            self.printed
                .is_some_and(|at| since_called(at) && now.duration_since(at) >= quiet)
        };
        match (self.calling, self.called) {
            (Calling::Freely | Calling::After(_), None) => true,
            (Calling::Freely, Some(called)) => now.duration_since(called) >= CALL_EVERY,
            (Calling::After(quiet) | Calling::NotBefore(quiet), _) => silent_for(quiet),
        }
    }

    fn attend(
        &mut self,
        now: Instant,
        (since, begun): (Instant, Option<Instant>),
        keys: &mut Vec<u8>,
        events: &mut Vec<Event>,
    ) {
        let Some(typed) = self.queue.get(self.next) else {
            return;
        };
        let (at, limit) = (typed.at, typed.limit);
        let begun = begun.or_else(|| {
            let mark = self.mark(&format!("{at}-b"));
            let end = find(&self.pending, &mark)? + mark.len();
            let line = self.pending[end..].iter().position(|b| *b == b'\n')?;
            self.pending.drain(..end + line + 1);
            events.push(Event::Started(at));
            Some(now)
        });
        self.state = State::Running { since, begun };
        let took = now.duration_since(begun.unwrap_or(since));
        let ended = begun.and_then(|_| self.ended(at));
        let (output, how) = match ended {
            Some((output, status)) => (output, Ended::Status(status)),
            None if took >= limit => {
                // What was cut short must not take the next line for its input.
                keys.push(3);
                (clean(&std::mem::take(&mut self.pending)), Ended::TimedOut)
            }
            None => return,
        };
        self.end(now, at, took, (output, how), events);
    }

    /// Goes on with a session: types, looks, calls.
    fn work(&mut self, now: Instant, keys: &mut Vec<u8>, events: &mut Vec<Event>) {
        let State::Session { since, place } = &mut self.state else {
            return;
        };
        let Some(Typed {
            at,
            what: What::Session(lines),
            limit,
        }) = self.queue.get(self.next)
        else {
            return;
        };
        let (at, limit, took) = (*at, *limit, now.duration_since(*since));
        let Some(line) = lines.get(place.line) else {
            let output = format!("{} lines were typed", lines.len()).into_bytes();
            return self.end(now, at, took, (output, Ended::Status(0)), events);
        };
        if took >= limit {
            let printed = String::from_utf8_lossy(&clean(&self.pending)).into_owned();
            let output = format!("no answer after {line:?}: {printed}").into_bytes();
            keys.push(3);
            return self.end(now, at, took, (output, Ended::TimedOut), events);
        }
        let answer = format!("tuxling-{}-r{}.", self.nonce, place.line);
        if place.calls > 0 && find(&self.pending, answer.as_bytes()).is_some() {
            *place = SessionPlace::at_line(place.line + 1, now);
            self.pending.clear();
            return;
        }
        if now < place.not_before {
            return;
        }
        if let Some(key) = line.get(place.typed..).and_then(next_key) {
            place.typed += key.len();
            place.not_before = now;
            if key.starts_with(PAUSE_KEY) {
                place.not_before += PAUSED;
            } else {
                keys.extend_from_slice(key.as_bytes());
            }
            if place.typed == line.len() {
                place.not_before += LOOKED;
            }
            return;
        }
        let over = self.pending.len().saturating_sub(PENDING_LIMIT);
        self.pending.drain(..over);
        keys.extend_from_slice(leaving(place.calls));
        place.calls += 1;
        if place.calls == ESCAPED {
            // An escape that more keys follow at once is the beginning of one key.
            place.not_before = now + PAUSED;
            return;
        }
        place.not_before = now + CALL_EVERY / 4 * place.calls.min(4);
        // Newlines: a program that was killed may have left the terminal raw, and
        // there Enter ends no line.
        let call = format!("\necho tux\"\"ling-{}-r{}.\n", self.nonce, place.line);
        keys.extend_from_slice(call.as_bytes());
    }

    /// What was typed has ended: goes on to the next.
    fn end(
        &mut self,
        now: Instant,
        at: usize,
        took: Duration,
        (output, how): (Vec<u8>, Ended),
        events: &mut Vec<Event>,
    ) {
        let nanoseconds = took.as_nanos() as u64;
        let lost = output.len().saturating_sub(OUTPUT_LIMIT);
        let end = End {
            how,
            attempts: 1,
            total_ns: nanoseconds,
            last_ns: nanoseconds,
            ticks: 0,
            lost: lost as u64,
        };
        let mut output = output;
        output.truncate(OUTPUT_LIMIT);
        events.push(Event::Ended(at, output, end));
        self.next += 1;
        self.called = None;
        self.pending.clear();
        self.state = if self.next < self.queue.len() {
            State::Calling { since: now }
        } else {
            State::Done
        };
    }

    /// What was printed before the second mark, and the status behind it.
    fn ended(&self, at: usize) -> Option<(Vec<u8>, i32)> {
        let mark = self.mark(&format!("{at}-e "));
        let start = find(&self.pending, &mark)?;
        let rest = &self.pending[start + mark.len()..];
        let line = rest.iter().position(|b| matches!(b, b'\r' | b'\n'))?;
        let status = std::str::from_utf8(&rest[..line])
            .ok()?
            .trim()
            .parse()
            .ok()?;
        Some((clean(&self.pending[..start]), status))
    }

    fn mark(&self, what: &str) -> Vec<u8> {
        format!("tuxling-{}-{what}", self.nonce).into_bytes()
    }

    /// A mark as it is typed.
    fn typed_mark(&self, what: &str) -> String {
        format!("tux\"\"ling-{}-{what}", self.nonce)
    }

    fn line(&self, at: usize, command: &str) -> String {
        let quoted = command.replace('\'', r"'\''");
        let [begin, end] = ["b", "e $?"].map(|what| self.typed_mark(&format!("{at}-{what}")));
        format!("echo {begin};(eval '{quoted}');echo {end}\r")
    }
}

impl SessionPlace {
    fn at_line(line: usize, now: Instant) -> SessionPlace {
        SessionPlace {
            line,
            typed: 0,
            not_before: now,
            calls: 0,
        }
    }
}

/// The first key of a text: a letter, or an escape sequence as a whole, which a
/// terminal sends at once. An escape before a pause is the key of that name.
fn next_key(text: &str) -> Option<&str> {
    let mut letters = text.char_indices();
    let (_, first) = letters.next()?;
    let mut end = letters.next().map_or(text.len(), |(at, _)| at);
    if first == '\x1b' && !text[end..].starts_with(PAUSE_KEY) {
        let is_last = |c: char| c.is_ascii_alphabetic() || c == '~';
        let rest = text[end..].char_indices();
        let last = rest.take(8).find(|(_, c)| is_last(*c));
        end = last.map_or(text.len(), |(at, c)| end + at + c.len_utf8());
    }
    text.get(..end)
}

/// Whether a word is one of a typist's marks: where keys are lost on a line, a
/// shell takes it for a command.
pub(crate) fn is_mark(word: &str) -> bool {
    let nonce = word.strip_prefix("tuxling-");
    nonce
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(nonce, _)| nonce.len() == 16 && nonce.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// A terminal's text as the program wrote it: without the carriage returns
/// that the line discipline adds (ONLCR).
fn clean(text: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    for (at, byte) in text.iter().enumerate() {
        if *byte != b'\r' || text.get(at + 1) != Some(&b'\n') {
            clean.push(*byte);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use recipe::plan::GuestCommand;

    fn check(line: &str) -> CheckPlan {
        CheckPlan {
            via: Via::Console,
            ..CheckPlan::on_channel(
                "typed",
                CheckKind::Run {
                    command: GuestCommand::Shell(line.to_owned()),
                    expect: None,
                },
            )
        }
    }

    fn typist(line: &str) -> Typist {
        let patience = Duration::from_secs(30);
        Typist::new("n1", &[check(line)], Calling::Freely, patience)
    }

    #[test]
    fn a_shell_is_called_before_anything_is_typed_and_its_output_is_read() {
        let mut typist = typist("echo it's");
        let now = Instant::now();
        assert_eq!(typist.step(now, b"booting", false).0, b"");
        let (keys, _) = typist.step(now, b"# ", true);
        assert_eq!(keys, b"\recho tux\"\"ling-n1-r\r");
        // The console's echo is not the shell's answer.
        assert_eq!(typist.step(now, &keys, true).0, b"");
        let (keys, _) = typist.step(now, b"\r\ntuxling-n1-r\r\n# ", true);
        let typed = r#"echo tux""ling-n1-0-b;(eval 'echo it'\''s');echo tux""ling-n1-0-e $?"#;
        assert_eq!(String::from_utf8_lossy(&keys), format!("{typed}\r"));
        let (_, events) = typist.step(
            now,
            format!("{typed}\r\ntuxling-n1-0-b\r\nit").as_bytes(),
            true,
        );
        assert_eq!(events, [Event::Started(0)]);
        let later = now + Duration::from_millis(5);
        let (_, events) = typist.step(later, b"'s\r\ntuxling-n1-0-e 3\r\n# ", true);
        let [Event::Ended(0, output, end)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(output, b"it's\n");
        assert_eq!((end.how, end.last_ns), (Ended::Status(3), 5_000_000));
        assert!(typist.done());
    }

    #[test]
    fn a_command_that_does_not_end_is_interrupted() {
        let mut typist = typist("cat");
        let now = Instant::now();
        typist.step(now, b"", true);
        typist.step(now, b"tuxling-n1-r\r\n", true);
        typist.step(now, b"tuxling-n1-0-b\r\n", true);
        let (keys, events) = typist.step(now + Duration::from_secs(10), b"half", true);
        assert_eq!(keys, [3]);
        assert!(
            matches!(&events[..], [Event::Ended(0, output, end)] if output == b"half" && end.how == Ended::TimedOut),
            "{events:?}"
        );
    }

    #[test]
    fn where_no_shell_answers_the_checks_are_given_up() {
        let mut typist = typist("true");
        let now = Instant::now();
        typist.step(now, b"", true);
        let later = now + Duration::from_secs(30);
        assert_eq!(typist.step(later, b"login: ", true).1, [Event::NoShell(0)]);
        assert!(typist.done());
    }

    #[test]
    fn a_boot_loader_is_left_alone() {
        let mut typist = typist("true");
        typist.calling = Calling::After(Duration::from_secs(2));
        let second = Duration::from_secs(1);
        let now = Instant::now();
        assert!(
            !typist.step(now, b"", true).0.is_empty(),
            "a shell may be there"
        );
        assert_eq!(typist.step(now + 9 * second, b"", true).0, b"");
        assert_eq!(typist.step(now + 10 * second, b"autoboot: 3", true).0, b"");
        assert_eq!(typist.step(now + 11 * second, b"\x08 2", true).0, b"");
        assert_eq!(typist.step(now + 12 * second, b"", true).0, b"");
        assert!(!typist.step(now + 13 * second, b"", true).0.is_empty());
    }

    #[test]
    fn a_board_that_was_only_just_switched_on_is_not_typed_at() {
        let mut typist = typist("true");
        typist.calling = Calling::NotBefore(Duration::from_secs(2));
        let second = Duration::from_secs(1);
        let now = Instant::now();
        assert_eq!(typist.step(now, b"", true).0, b"");
        assert_eq!(typist.step(now + 9 * second, b"", true).0, b"");
        assert_eq!(typist.step(now + 10 * second, b"autoboot: 3", true).0, b"");
        assert!(!typist.step(now + 12 * second, b"", true).0.is_empty());
        assert_eq!(typist.step(now + 19 * second, b"", true).0, b"");
    }

    #[test]
    fn what_a_typist_types_is_known_from_what_others_do() {
        assert!(is_mark("tuxling-4f43fbc1d90815e3-r"));
        assert!(is_mark("tuxling-4f43fbc1d90815e3-0-b"));
        for other in ["tuxling-agent", "tuxling", "tuxling-4f43fbc1d90815e3", "ls"] {
            assert!(!is_mark(other), "{other}");
        }
    }

    #[test]
    fn a_session_types_key_by_key_and_goes_on_when_the_shell_answers() {
        let session = CheckPlan {
            via: Via::Console,
            ..CheckPlan::on_channel(
                "session",
                CheckKind::Session {
                    lines: vec!["ab\x1b[D\r".to_owned(), "cat\r\0\x03".to_owned()],
                },
            )
        };
        let patience = Duration::from_secs(30);
        let mut typist = Typist::new("n1", &[session], Calling::Freely, patience);
        let mut now = Instant::now();
        typist.step(now, b"", true);
        let (_, events) = typist.step(now, b"tuxling-n1-r\r\n", true);
        assert_eq!(events, [Event::Started(0)]);
        let mut keys = Vec::new();
        let mut type_until = |typist: &mut Typist, end: &[u8]| {
            for _ in 0..1000 {
                now += Duration::from_millis(5);
                let (typed, events) = typist.step(now, b"", true);
                assert!(events.is_empty(), "{events:?}");
                if !typed.is_empty() {
                    keys.push(String::from_utf8_lossy(&typed).into_owned());
                }
                if typed.ends_with(end) {
                    return now;
                }
            }
            panic!("{keys:?}");
        };
        type_until(&mut typist, b"-r0.\n");
        // A program that reads has swallowed the call: Ctrl-C ends it.
        let now = type_until(&mut typist, b"\x03\necho tux\"\"ling-n1-r0.\n");
        let (typed, events) = typist.step(now, b"tuxling-n1-r0.\r\n", true);
        assert!(typed.is_empty() && events.is_empty());
        let type_until = |typist: &mut Typist, mut now: Instant, end: &[u8]| {
            while !typist.step(now, b"", true).0.ends_with(end) {
                now += Duration::from_millis(5);
            }
            now
        };
        let asked = type_until(&mut typist, now, b"\r");
        let stopped = type_until(&mut typist, asked, b"\x03");
        assert!(stopped - asked >= PAUSED);
        let now = type_until(&mut typist, stopped, b"-r1.\n");
        typist.step(now, b"tuxling-n1-r1.\r\n", true);
        let (_, events) = typist.step(now, b"", true);
        assert!(
            matches!(&events[..], [Event::Ended(0, _, end)] if end.how == Ended::Status(0)),
            "{events:?}"
        );
        assert!(typist.done());
        assert_eq!(keys[..4], ["a", "b", "\x1b[D", "\r"]);
    }

    #[test]
    fn an_escape_before_a_pause_is_a_key_of_its_own() {
        assert_eq!(next_key("\x1b[3~x"), Some("\x1b[3~"));
        assert_eq!(next_key("\x1b\0:wq\r"), Some("\x1b"));
        assert_eq!(next_key("\0:wq\r"), Some("\0"));
    }

    proptest! {
        #[test]
        fn any_console_is_read_without_a_panic(pieces: Vec<Vec<u8>>) {
            let mut typist = typist("true");
            let mut now = Instant::now();
            for piece in pieces {
                now += Duration::from_millis(700);
                typist.step(now, &piece, true);
            }
        }
    }
}
