//! The one thing that is told to QEMU while it runs: the network cable is drawn
//! or plugged in, by QEMU's machine protocol (docs/interop/qmp-spec.txt).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::error::{Failure, Kind, Result};
use serde_json::{Value, json};
use vm::machine::qemu::Machine;

/// QEMU answers at once, or there is something wrong with it.
const LIMIT: Duration = Duration::from_secs(20);

/// A folder for a socket of its own: the path of a socket has to be short
/// (unix(7)), which the folder of a boot need not be.
#[derive(Debug)]
pub(super) struct Socket {
    /// The socket.
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Socket {
    /// Makes the folder.
    pub(super) fn new() -> Result<Socket> {
        let folder = tempfile::Builder::new().prefix("tuxling-qmp-").tempdir();
        let folder =
            folder.map_err(|e| Failure::io("make a folder in", &std::env::temp_dir(), &e))?;
        Ok(Socket {
            path: folder.path().join("monitor"),
            _folder: folder,
        })
    }
}

/// Gives a machine a monitor at this socket.
pub(super) fn plug(machine: &mut Machine, socket: &Path) {
    let path = socket.to_string_lossy().replace(',', ",,");
    machine.extra.extend([
        "-chardev".to_owned(),
        format!("socket,id=qmp,path={path},server=on,wait=off"),
        "-mon".to_owned(),
        "chardev=qmp,mode=control".to_owned(),
    ]);
}

/// Draws the cable of the machine's one card, or plugs it in.
pub(super) fn set_link(socket: &Path, up: bool) -> Result<()> {
    let broken = |e: &dyn std::fmt::Display| {
        Failure::new(
            Kind::Machine,
            format!("can't tell QEMU about the network cable: {e}"),
        )
    };
    let mut stream = UnixStream::connect(socket).map_err(|e| broken(&e))?;
    stream
        .set_read_timeout(Some(LIMIT))
        .map_err(|e| broken(&e))?;
    let mut answers = BufReader::new(stream.try_clone().map_err(|e| broken(&e))?).lines();
    let orders = [
        json!({ "execute": "qmp_capabilities" }),
        json!({ "execute": "set_link", "arguments": { "name": "net0", "up": up } }),
    ];
    for order in orders {
        writeln!(stream, "{order}").map_err(|e| broken(&e))?;
        loop {
            let line = answers
                .next()
                .ok_or_else(|| broken(&"it hung up"))?
                .map_err(|e| broken(&e))?;
            let answer: Value = serde_json::from_str(&line).map_err(|e| broken(&e))?;
            if answer.get("error").is_some() {
                return Err(broken(&answer["error"]["desc"]));
            }
            if answer.get("return").is_some() {
                break; // greetings and events have neither
            }
        }
    }
    Ok(())
}
