//! The serial line to a board of the user's, as a recipe names it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::diagnostic::Wrong;

/// What a recipe names: `serial:/dev/ttyUSB0,115200`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SerialPort {
    /// The device.
    pub device: PathBuf,
    /// Bits a second.
    pub speed: u32,
}

impl SerialPort {
    /// Reads `serial:DEVICE,SPEED`; without a speed it is 115200.
    ///
    /// # Errors
    /// When it is not written so.
    pub fn parse(typed: &str) -> std::result::Result<Self, Wrong> {
        let help = "write it as in \"serial:/dev/ttyUSB0,115200\"";
        let wrong = |what: &str| Wrong::new(format!("`{typed}` {what}")).help(help);
        let rest = typed.strip_prefix("serial:");
        let rest = rest.ok_or_else(|| wrong("is not a serial line"))?;
        let (device, speed) = match rest.rsplit_once(',') {
            Some((device, speed)) => (device, speed),
            None => (rest, "115200"),
        };
        if !device.starts_with('/') {
            return Err(wrong("doesn't name a device by its whole path"));
        }
        let digits = !speed.is_empty() && speed.bytes().all(|b| b.is_ascii_digit());
        match speed.parse() {
            Ok(speed @ 50..=4_000_000) if digits => Ok(SerialPort {
                device: device.into(),
                speed,
            }),
            _ => Err(wrong("has no speed from 50 to 4000000")),
        }
    }
}

impl fmt::Display for SerialPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serial:{},{}", self.device.display(), self.speed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_device_and_a_speed() {
        let port = SerialPort::parse("serial:/dev/ttyUSB0,9600").expect("is right");
        assert_eq!(port.device, PathBuf::from("/dev/ttyUSB0"));
        assert_eq!(port.to_string(), "serial:/dev/ttyUSB0,9600");
        let usual = SerialPort::parse("serial:/dev/ttyS1").expect("is right");
        assert_eq!(usual.speed, 115_200);
        for bad in [
            "",
            "qemu",
            "serial:",
            "serial:ttyS0,9600",
            "serial:/dev/ttyS0,",
            "serial:/dev/ttyS0,fast",
            "serial:/dev/ttyS0,+9600",
            "serial:/dev/ttyS0,1",
        ] {
            assert!(SerialPort::parse(bad).is_err(), "{bad}");
        }
    }
}
