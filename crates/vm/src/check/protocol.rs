//! What the agent in the guest writes to its channel.
//!
//! One message is one line of ASCII:
//!
//! ```text
//! tuxling1 NONCE SEQUENCE KIND [ARGUMENT…] CRC
//! ```
//!
//! with single blanks. `NONCE` is fresh for each boot and known to the plan
//! alone, `CRC` is the CRC-32 (IEEE 802.3) of all before the last blank, as
//! eight hexadecimal digits. `SEQUENCE` is a letter, `a` for the agent and `i`
//! for the process that becomes the real init, and a number that counts from 0
//! for each letter. Texts are ASCII without blanks; any other byte and `%` are
//! written as `%XX`. A line that is not a message (foreign, cut, altered) is
//! counted and otherwise ignored; a gap in the sequence is counted too.
//!
//! | kind and arguments | meaning |
//! |---|---|
//! | `hello 1` | the agent runs; the version of this protocol |
//! | `noinit ERRNO` | the system's real init can't be executed |
//! | `memory WHEN TOTAL FREE BUFFERS` | sysinfo(2), in KiB; `WHEN` is `before` or `after` the checks |
//! | `meminfo WHEN TEXT`, `zoneinfo WHEN TEXT` | a piece of /proc/meminfo, of /proc/zoneinfo |
//! | `start ID` | `cN` is check number N, `xN` exercise number N |
//! | `output ID TEXT` | a piece of the last attempt's output |
//! | `address ID A.B.C.D`, `address ID error ERRNO` | the interface's address |
//! | `digest ID SIZE SHA256`, `digest ID error ERRNO` | the file that a fetch left |
//! | `end ID HOW VALUE ATTEMPTS TOTAL_NS LAST_NS TICKS LOST` | `HOW` is `status`, `signal`, `timeout` or `error` (errno of fork or pipe); guest time since `start` and of the last attempt; the cycle counter; bytes of output that were not kept |
//! | `agent FILE_KIB ANONYMOUS_KIB` | what the agent itself costs |
//! | `done` | all is said |

use std::net::Ipv4Addr;

/// No message is longer: what is, is no message.
const LINE_LIMIT: usize = 4096;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Check number so-and-so, from 0.
    Check(usize),
    /// Exercise number so-and-so, from 0.
    Exercise(usize),
}

/// When memory was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the first check.
    Before,
    /// After the last check.
    After,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// At its limit.
    TimedOut,
    /// It was not even started; the errno.
    NotStarted(i32),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The agent runs.
    Hello,
    /// The system's init can't be executed; the errno.
    NoInit(i32),
    /// RAM in KiB.
    Memory {
        /// When.
        when: When,
        /// All that the kernel manages.
        total: u64,
        /// Free.
        free: u64,
    },
    /// A piece of /proc/meminfo.
    Meminfo {
        /// When.
        when: When,
        /// The piece.
        text: Vec<u8>,
    },
    /// A piece of /proc/zoneinfo.
    Zoneinfo {
        /// When.
        when: When,
        /// The piece.
        text: Vec<u8>,
    },
    /// A check or an exercise starts.
    Start(Subject),
    /// A piece of its output.
    Output(Subject, Vec<u8>),
    /// The interface's address, or the errno.
    Address(Subject, Result<Ipv4Addr, i32>),
    /// Size and SHA-256 of what was fetched, or the errno.
    Digest(Subject, Result<(u64, String), i32>),
    /// A check or an exercise ended.
    End(Subject, End),
    /// What the agent itself costs, in KiB.
    Agent {
        /// Its files in the page cache.
        files: u64,
        /// Its anonymous memory.
        anonymous: u64,
    },
    /// All is said.
    Done,
}

/// The end of a check or an exercise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How the last attempt ended.
    pub how: Ended,
    /// How often it was tried.
    pub attempts: u32,
    /// Guest nanoseconds from the start of the first attempt.
    pub total_ns: u64,
    /// Guest nanoseconds of the last attempt.
    pub last_ns: u64,
    /// The cycle counter, 0 where there is none.
    pub ticks: u64,
    /// Bytes of output that were not kept.
    pub lost: u64,
}

/// Reads the channel as it grows.
#[derive(Debug)]
pub struct MessageReader {
    nonce: String,
    line: Vec<u8>,
    agent_next: u64,
    init_next: u64,
    /// Lines that were no messages of this boot.
    pub foreign: u64,
    /// Messages that must have been lost, by their numbers.
    pub missing: u64,
}

impl MessageReader {
    /// Takes messages with this nonce only.
    pub fn new(nonce: impl Into<String>) -> Self {
        MessageReader {
            nonce: nonce.into(),
            line: Vec::new(),
            agent_next: 0,
            init_next: 0,
            foreign: 0,
            missing: 0,
        }
    }

    /// Takes the next bytes and gives the messages that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                // One byte more than allowed marks a line as too long.
                if self.line.len() <= LINE_LIMIT {
                    self.line.push(byte);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            match self.read_line(&line) {
                Some(message) => messages.push(message),
                None => self.foreign += 1,
            }
        }
        messages
    }

    fn read_line(&mut self, line: &[u8]) -> Option<Message> {
        if line.len() > LINE_LIMIT {
            return None;
        }
        let line = std::str::from_utf8(line).ok()?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (body, crc) = line.rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32(body.as_bytes()) {
            return None;
        }
        let mut words = body.split(' ');
        if words.next()? != "tuxling1" || words.next()? != self.nonce {
            return None;
        }
        let sequence = words.next()?;
        let words: Vec<&str> = words.collect();
        let message = read_message(&words)?;
        let number: u64 = sequence.get(1..)?.parse().ok()?;
        let next = match sequence.as_bytes().first()? {
            b'a' => &mut self.agent_next,
            b'i' => &mut self.init_next,
            _ => return None,
        };
        if number < *next {
            return None; // said already
        }
        self.missing = self.missing.saturating_add(number - *next);
        *next = number.saturating_add(1);
        Some(message)
    }
}

fn read_message(words: &[&str]) -> Option<Message> {
    Some(match *words {
        ["hello", "1"] => Message::Hello,
        ["noinit", errno] => Message::NoInit(errno.parse().ok()?),
        ["memory", when, total, free, _buffers] => Message::Memory {
            when: read_when(when)?,
            total: total.parse().ok()?,
            free: free.parse().ok()?,
        },
        ["meminfo", when, text] => Message::Meminfo {
            when: read_when(when)?,
            text: unescape(text)?,
        },
        ["zoneinfo", when, text] => Message::Zoneinfo {
            when: read_when(when)?,
            text: unescape(text)?,
        },
        ["start", subject] => Message::Start(read_subject(subject)?),
        ["output", subject, text] => Message::Output(read_subject(subject)?, unescape(text)?),
        ["address", subject, "error", errno] => {
            Message::Address(read_subject(subject)?, Err(errno.parse().ok()?))
        }
        ["address", subject, address] => {
            Message::Address(read_subject(subject)?, Ok(address.parse().ok()?))
        }
        ["digest", subject, "error", errno] => {
            Message::Digest(read_subject(subject)?, Err(errno.parse().ok()?))
        }
        ["digest", subject, size, sha256] => Message::Digest(
            read_subject(subject)?,
            Ok((size.parse().ok()?, sha256.to_owned())),
        ),
        ["end", subject, ref rest @ ..] => Message::End(read_subject(subject)?, read_end(rest)?),
        ["agent", files, anonymous] => Message::Agent {
            files: files.parse().ok()?,
            anonymous: anonymous.parse().ok()?,
        },
        ["done"] => Message::Done,
        _ => return None,
    })
}

fn read_when(word: &str) -> Option<When> {
    match word {
        "before" => Some(When::Before),
        "after" => Some(When::After),
        _ => None,
    }
}

fn read_subject(word: &str) -> Option<Subject> {
    let number = word.get(1..)?.parse().ok()?;
    match word.as_bytes().first()? {
        b'c' => Some(Subject::Check(number)),
        b'x' => Some(Subject::Exercise(number)),
        _ => None,
    }
}

fn read_end(words: &[&str]) -> Option<End> {
    let [how, value, attempts, total, last, ticks, lost] = *words else {
        return None;
    };
    let value = value.parse().ok()?;
    Some(End {
        how: match how {
            "status" => Ended::Status(value),
            "signal" => Ended::Signal(value),
            "timeout" => Ended::TimedOut,
            "error" => Ended::NotStarted(value),
            _ => return None,
        },
        attempts: attempts.parse().ok()?,
        total_ns: total.parse().ok()?,
        last_ns: last.parse().ok()?,
        ticks: ticks.parse().ok()?,
        lost: lost.parse().ok()?,
    })
}

/// A text as one word: printable ASCII except `%` stays, other bytes become
/// `%XX`.
pub fn escape(text: &[u8]) -> String {
    let mut word = String::with_capacity(text.len());
    for &byte in text {
        if byte.is_ascii_graphic() && byte != b'%' {
            word.push(char::from(byte));
        } else {
            word.push_str(&format!("%{byte:02x}"));
        }
    }
    word
}

/// The text of a word that [`escape`] or the agent wrote.
pub fn unescape(word: &str) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(word.len());
    let mut bytes = word.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            text.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let mut value = [0u8];
        hex::decode_to_slice(digits, &mut value).ok()?;
        text.push(value[0]);
    }
    Some(text)
}

/// CRC-32 as in IEEE 802.3, of a short text.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(body: &str) -> Vec<u8> {
        format!("{body} {:08x}\n", crc32(body.as_bytes())).into_bytes()
    }

    fn read(lines: &[&str]) -> (Vec<Message>, MessageReader) {
        let mut reader = MessageReader::new("n1");
        let bytes: Vec<u8> = lines.iter().flat_map(|body| line(body)).collect();
        (reader.push(&bytes), reader)
    }

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn messages_are_read() {
        let (messages, reader) = read(&[
            "tuxling1 n1 a0 hello 1",
            "tuxling1 n1 i0 noinit 2",
            "tuxling1 n1 a1 start c3",
            "tuxling1 n1 a2 output c3 a%20b%25%0a",
            "tuxling1 n1 a3 address c3 10.0.2.15",
            "tuxling1 n1 a4 digest c3 error 2",
            "tuxling1 n1 a5 end c3 status 0 2 1000 500 99 0",
            "tuxling1 n1 a6 done",
        ]);
        let c3 = Subject::Check(3);
        assert_eq!(
            messages,
            [
                Message::Hello,
                Message::NoInit(2),
                Message::Start(c3),
                Message::Output(c3, b"a b%\n".to_vec()),
                Message::Address(c3, Ok(Ipv4Addr::new(10, 0, 2, 15))),
                Message::Digest(c3, Err(2)),
                Message::End(
                    c3,
                    End {
                        how: Ended::Status(0),
                        attempts: 2,
                        total_ns: 1000,
                        last_ns: 500,
                        ticks: 99,
                        lost: 0
                    }
                ),
                Message::Done,
            ]
        );
        assert_eq!((reader.foreign, reader.missing), (0, 0));
    }

    #[test]
    fn a_message_of_another_boot_or_with_a_wrong_sum_is_ignored() {
        let mut reader = MessageReader::new("n1");
        let mut bytes = line("tuxling1 n2 a0 done");
        bytes.extend_from_slice(b"tuxling1 n1 a0 done 00000000\n");
        bytes.extend_from_slice(b"a user's own text\n");
        assert_eq!(reader.push(&bytes), []);
        assert_eq!(reader.foreign, 3);
    }

    #[test]
    fn a_lost_message_is_noticed_by_its_number() {
        let (messages, reader) = read(&["tuxling1 n1 a0 hello 1", "tuxling1 n1 a3 done"]);
        assert_eq!(messages, [Message::Hello, Message::Done]);
        assert_eq!(reader.missing, 2);
    }

    #[test]
    fn a_message_is_taken_once_only() {
        let (messages, reader) = read(&["tuxling1 n1 a0 done", "tuxling1 n1 a0 done"]);
        assert_eq!(messages, [Message::Done]);
        assert_eq!(reader.foreign, 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            MessageReader::new("n1").push(&bytes);
        }

        #[test]
        fn any_words_with_a_right_sum_are_read_without_a_panic(words in "[ -~é\r]{0,80}") {
            MessageReader::new("n1").push(&line(&format!("tuxling1 n1 {words}")));
        }

        #[test]
        fn messages_survive_any_cut_into_pieces(cut in 0usize..60) {
            let bytes = [line("tuxling1 n1 a0 hello 1"), line("tuxling1 n1 a1 done")].concat();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut reader = MessageReader::new("n1");
            let mut messages = reader.push(head);
            messages.extend(reader.push(tail));
            prop_assert_eq!(messages, [Message::Hello, Message::Done]);
        }

        #[test]
        fn texts_survive_escaping(text: Vec<u8>) {
            let word = escape(&text);
            prop_assert!(!word.contains(' '));
            prop_assert_eq!(unescape(&word), Some(text));
        }
    }
}
