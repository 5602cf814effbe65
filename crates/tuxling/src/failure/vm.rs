//! Failures of machines and of what is checked in them.

use host::process::ProcessError;
use record::Diagnosis;
use vm::boot::FailedBoot;
use vm::error::{Error, LineProblem};

use super::Failure;

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            Error::Host(error) => error.into(),
            Error::Line { problem, .. } => failure.help(match problem {
                LineProblem::Missing => {
                    "plug the adapter in; `ls /dev/ttyUSB* /dev/ttyACM* /dev/ttyS*` shows the \
                     lines of this machine"
                }
                LineProblem::NotPermitted => {
                    "add yourself to the group that owns it (often dialout) and log in again"
                }
                LineProblem::NotOpened(_) => "check the cable and the device's name",
                LineProblem::InUse => {
                    "end the other one: two readers of a line get half of it each"
                }
                LineProblem::NoTerminal(_) => "a serial line is a terminal device",
            }),
            Error::Medium(error) => error.into(),
            Error::NoFirmware { boots, .. } if boots.is_empty() => {
                failure.help("leave --check out: the image is made all the same")
            }
            Error::NoFirmware { boots, .. } => failure.help(format!(
                "its firmware boots {}; a board file of your own may name another",
                boots.join(", ")
            )),
            Error::FirmwareFile { name, .. } => {
                failure.help(super::medium::install(&[&format!("file:{name}")]))
            }
            Error::Hands { error, .. } => failure
                .detail(told(&error))
                .help("it has to end with status 0; `load-timeout` gives what loads more time"),
            Error::Labgrid { log, .. } => failure.detail(log).help(
                "LG_COORDINATOR says where its coordinator is; `labgrid-client places` lists what \
                 there is",
            ),
            Error::Compile { error, .. } => failure.detail(told(&error)),
            Error::PlanTooLong { limit, .. } => failure.help(format!(
                "shorten the commands to {limit} bytes in all, or put them into a file of the \
                 user land"
            )),
            _ => failure,
        }
    }
}

/// A command's end with what it printed.
fn told(error: &ProcessError) -> String {
    match error {
        ProcessError::Failed { tail, .. } | ProcessError::TimedOut { tail, .. } => {
            format!("{error}\n{tail}")
        }
        _ => error.to_string(),
    }
}

impl Failure {
    /// A boot that did not pass, with what is said of its causes.
    pub(crate) fn diagnosed(boot: FailedBoot, diagnoses: &[Diagnosis]) -> Failure {
        let mut failure = Failure::from(boot);
        if !diagnoses.is_empty() {
            let text = record::diagnoses_text(diagnoses);
            let detail = failure.detail.take().unwrap_or_default();
            failure.detail = Some(format!("{detail}\ndiagnosis:\n{text}"));
        }
        failure
    }
}

impl From<FailedBoot> for Failure {
    fn from(boot: FailedBoot) -> Failure {
        let failure = Failure::new(boot.kind(), boot.to_string());
        let console = match boot.console {
            lines if lines.is_empty() => "the console printed nothing".to_owned(),
            lines => format!("the console's last lines:\n{lines}"),
        };
        let mut detail = format!(
            "{console}\nthe whole console: {}",
            boot.console_log.display()
        );
        if let Some(command) = boot.command {
            detail.push_str(&format!("\nbooted by: {command}"));
        }
        failure.detail(detail)
    }
}

#[cfg(test)]
mod tests {
    use recipe::serial_port::SerialPort;
    use vm::machine::serial::Line;

    use super::*;

    #[test]
    fn a_device_that_is_no_line_is_told_so() {
        let open = |device: &str| {
            let port = SerialPort::parse(&format!("serial:{device}")).expect("is right");
            Failure::from(Line::open(&port).expect_err("no line")).to_string()
        };
        assert!(open("/dev/no-such-line").contains("there is no such device\nhelp: plug"));
        assert!(open("/dev/null").contains("a serial line is a terminal device"));
    }
}
