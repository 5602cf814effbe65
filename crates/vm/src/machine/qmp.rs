//! What QEMU is told and asked while it runs, by its machine protocol (QEMU's
//! documentation, "QEMU Machine Protocol"): one JSON value a line, on a socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::aside::{self, Aside};
use serde_json::{Value, json};

/// So many lines are read while waiting for an answer: events come between.
const LINES: usize = 1024;

/// Why QEMU didn't do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket can't be reached, read or written, or nothing comes in time.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The connection ended before the answer.
    #[error("it hung up")]
    HungUp,
    /// A line is no JSON.
    #[error(transparent)]
    Line(#[from] serde_json::Error),
    /// QEMU refused, and said why.
    #[error("{0}")]
    Refused(Value),
    /// Much was said, and no answer.
    #[error("no answer in {LINES} lines")]
    Unanswered,
}

/// A folder for a socket of its own: the path of a socket has to be short
/// (unix(7)), which the folder of a boot need not be.
#[derive(Debug)]
pub struct MonitorSocket {
    /// The socket.
    pub path: PathBuf,
    _folder: Aside,
}

impl MonitorSocket {
    /// Makes the folder, where temporary files are kept.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn new() -> io::Result<MonitorSocket> {
        let folder = aside::scratch("qmp")?;
        Ok(MonitorSocket {
            path: folder.path().join("monitor"),
            _folder: folder,
        })
    }
}

/// QEMU's arguments for a monitor that listens at a socket.
pub fn arguments(socket: &Path) -> Vec<String> {
    let path = socket.to_string_lossy().replace(',', ",,");
    vec!["-qmp".to_owned(), format!("unix:{path},server=on,wait=off")]
}

/// A connection to a monitor.
#[derive(Debug)]
pub struct QmpClient {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl QmpClient {
    /// Connects, and makes QEMU ready for commands. No answer may take longer
    /// than the limit.
    ///
    /// # Errors
    /// When QEMU isn't there or doesn't answer.
    pub fn connect(socket: &Path, limit: Duration) -> Result<QmpClient, QmpError> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let lines = BufReader::new(stream.try_clone()?);
        let mut client = QmpClient { stream, lines };
        client.ask("qmp_capabilities", &json!({}))?;
        Ok(client)
    }

    /// Gives a command, and waits for its answer.
    ///
    /// # Errors
    /// When QEMU refuses or doesn't answer.
    pub fn ask(&mut self, command: &str, arguments: &Value) -> Result<Value, QmpError> {
        let line = json!({ "execute": command, "arguments": arguments });
        self.stream.write_all(format!("{line}\n").as_bytes())?;
        answer(&mut self.lines)
    }
}

/// The next answer. Greetings and events are passed over.
fn answer(lines: &mut impl BufRead) -> Result<Value, QmpError> {
    for _ in 0..LINES {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(QmpError::HungUp);
        }
        let mut value: Value = serde_json::from_str(&line)?;
        if let Some(error) = value.get_mut("error") {
            let why = error.get_mut("desc").map(Value::take);
            return Err(QmpError::Refused(why.unwrap_or_default()));
        }
        if let Some(answer) = value.get_mut("return") {
            return Ok(answer.take());
        }
    }
    Err(QmpError::Unanswered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_found_behind_events_and_a_refusal_has_its_reason() {
        let mut lines: &[u8] = b"{\"event\": \"STOP\"}\n{\"return\": \"x\"}\n";
        assert_eq!(answer(&mut lines).expect("an answer"), json!("x"));
        let mut lines: &[u8] = b"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}\n";
        let refused = answer(&mut lines).expect_err("a refusal");
        assert_eq!(refused.to_string(), "\"no\"");
        let mut lines: &[u8] = b"{\"error\": {\"class\": \"GenericError\"}}\n";
        let refused = answer(&mut lines).expect_err("a refusal");
        assert_eq!(refused.to_string(), "null");
        let ended = answer(&mut io::empty()).expect_err("an end");
        assert_eq!(ended.to_string(), "it hung up");
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_it() {
        let [option, value] = arguments(Path::new("/a,b"))
            .try_into()
            .expect("an option and its value");
        assert_eq!(option, "-qmp");
        assert_eq!(value, "unix:/a,,b,server=on,wait=off");
    }

    #[test]
    fn a_command_is_sent_after_the_greeting_and_answered() {
        let monitor = MonitorSocket::new().expect("a folder");
        let listener = std::os::unix::net::UnixListener::bind(&monitor.path).expect("listens");
        let qemu = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("is called");
            let mut heard = BufReader::new(stream.try_clone().expect("a handle")).lines();
            let mut said = Vec::new();
            writeln!(stream, "{{\"QMP\": {{}}}}").expect("greets");
            for _ in 0..2 {
                said.push(heard.next().expect("a line").expect("is read"));
                writeln!(stream, "{{\"event\": \"X\"}}\n{{\"return\": {{}}}}").expect("answers");
            }
            said
        });
        let mut client =
            QmpClient::connect(&monitor.path, Duration::from_secs(60)).expect("connects");
        let link = json!({ "name": "net0", "up": false });
        assert_eq!(client.ask("set_link", &link).expect("is done"), json!({}));
        let said = qemu.join().expect("ended");
        assert_eq!(
            serde_json::from_str::<Value>(&said[1]).expect("JSON"),
            json!({ "execute": "set_link", "arguments": { "name": "net0", "up": false } })
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(bytes: Vec<u8>) {
            let _ = answer(&mut bytes.as_slice());
        }
    }
}
