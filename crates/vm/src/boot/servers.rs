//! What a boot's checks need of this host: who serves files and echoes, who asks,
//! and a gateway where QEMU's own is too kind.

use host::units::Bytes;
use recipe::plan::{CheckKind, CheckPlan, EchoProtocol};

use super::BootRequest;
use crate::check::asker::Askers;
use crate::check::echo::EchoServers;
use crate::check::gateway::{Faults, Gateway};
use crate::check::http::{FileServer, random_word};
use crate::error::{Error, Result};
use crate::machine::qemu::Clock;

/// They run until this is dropped.
#[derive(Debug)]
pub(super) struct Servers {
    /// Serves the downloads.
    pub(super) files: FileServer,
    /// Sends echoes back.
    pub(super) echoes: EchoServers,
    /// Asks the guest's services.
    pub(super) askers: Askers,
    /// Misbehaves.
    pub(super) gateway: Option<Gateway>,
    /// The boot's own word, by which its messages are known.
    pub(super) nonce: String,
}

impl Servers {
    /// Starts what these checks need. Counting wants equal boots more than it fears
    /// old messages and files.
    pub(super) fn start(request: &BootRequest<'_>, clock: Clock) -> Result<Servers> {
        let checks = request.checks;
        let sizes: Vec<Bytes> = checks.iter().filter_map(fetched).collect();
        let (files, echoes, askers, nonce) = match clock {
            Clock::Host => (
                FileServer::start(&sizes)?,
                EchoServers::start(checks)?,
                Askers::start(checks)?,
                random_word()?,
            ),
            // Who comes in from outside comes at another moment each time.
            Clock::Instructions => (
                FileServer::start_repeatable(&sizes)?,
                EchoServers::start_repeatable(checks)?,
                Askers::default(),
                "0".repeat(16),
            ),
        };
        let gateway = request
            .faults
            .map(|faults| start_gateway(faults, &echoes, &files))
            .transpose()?;
        Ok(Servers {
            askers,
            files,
            echoes,
            gateway,
            nonce,
        })
    }
}

/// A gateway that misbehaves, before the servers of these checks.
fn start_gateway(faults: Faults, echoes: &EchoServers, server: &FileServer) -> Result<Gateway> {
    let of = |protocol| {
        let echoes = echoes.echoes().iter();
        echoes
            .filter(move |echo| echo.protocol == protocol)
            .map(|echo| echo.port)
    };
    let tcp: Vec<u16> = of(EchoProtocol::Tcp).chain([server.port()]).collect();
    let udp: Vec<u16> = of(EchoProtocol::Udp).collect();
    Gateway::start(faults, &tcp, &udp).map_err(Error::Gateway)
}

fn fetched(check: &CheckPlan) -> Option<Bytes> {
    match check.kind {
        CheckKind::Fetch { size, .. } => Some(size),
        _ => None,
    }
}
