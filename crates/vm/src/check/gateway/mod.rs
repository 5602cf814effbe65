//! A gateway of our own, behind QEMU's socket network. QEMU's own gateway never
//! misbehaves; this one loses, doubles, delays, reorders, fragments and corrupts
//! what passes, resets connections, refuses leases, lets them expire, and sends
//! what nobody asked for: as much of each as its [`Faults`] say, from a seed.
//!
//! The guest sees the same network as behind QEMU's: it is 10.0.2.15, the
//! gateway 10.0.2.2. A TCP connection or a datagram to one of the gateway's open
//! ports goes on to the same port of this host's 127.0.0.1, where the checks'
//! servers are; all other ports are closed, all other hosts don't answer.
//!
//! Frames go over a TCP connection to QEMU, each behind its length in four bytes,
//! most significant first (QEMU's net/socket.c).

mod faults;
mod hostile;
mod lease;
mod reassembly;
mod relay;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use faults::Mischief;
use faults::Wire;
use reassembly::{Answer, Series};
use relay::Host;

/// The guest's address.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The gateway's address.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
const GATEWAY_MAC: [u8; 6] = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];

/// How the gateway behaves. Chances are in per mille, for each frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Where all chances come from.
    pub seed: u64,
    /// A frame is lost.
    pub drop: u16,
    /// A frame arrives twice.
    pub duplicate: u16,
    /// A frame arrives late, by up to `longest_delay`: others overtake it.
    pub delay: u16,
    /// The longest delay.
    pub longest_delay: Duration,
    /// One bit of a frame arrives turned round.
    pub corrupt: u16,
    /// A packet arrives in fragments.
    pub fragment: u16,
    /// So many connections are reset once data flows.
    pub resets: u32,
    /// So many requests for a lease are refused.
    pub naks: u32,
    /// How long a lease is.
    pub lease: Duration,
    /// So many renewals are answered; all where it is `None`.
    pub renewals: Option<u32>,
    /// So many packets are sent that nobody asked for, once the guest has its
    /// lease.
    pub flood: u64,
    /// So many fragments of packets are sent that nobody asked for, once the
    /// guest says that it is ready.
    pub fragments: u64,
}

impl Default for Faults {
    /// Fair: what QEMU's own gateway does.
    fn default() -> Self {
        Faults {
            seed: 1,
            drop: 0,
            duplicate: 0,
            delay: 0,
            longest_delay: Duration::from_millis(20),
            corrupt: 0,
            fragment: 0,
            resets: 0,
            naks: 0,
            lease: Duration::from_secs(86_400),
            renewals: None,
            flood: 0,
            fragments: 0,
        }
    }
}

impl Faults {
    /// A wire that does a little of everything to frames.
    pub fn storm() -> Faults {
        Faults {
            drop: 30,
            duplicate: 20,
            delay: 50,
            corrupt: 10,
            fragment: 200,
            ..Faults::default()
        }
    }
}

/// What the gateway did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deeds {
    /// To frames for the guest.
    pub to_guest: Mischief,
    /// To frames from the guest.
    pub from_guest: Mischief,
    /// Packets that nobody asked for.
    pub flooded: u64,
    /// Connections that were reset.
    pub resets: u32,
    /// Requests for a lease that were refused.
    pub naks: u32,
    /// Renewals that were not answered.
    pub ignored_renewals: u32,
    /// Renewals that were answered.
    pub renewals: u32,
    /// Packets in fragments that nobody asked for.
    pub reassembly: Reassembly,
}

/// Packets in fragments, and what the guest made of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reassembly {
    /// Fragments that were sent.
    pub fragments: u64,
    /// Pings that came whole.
    pub whole: u64,
    /// Those of them that were answered: they were put together.
    pub answered: u64,
    /// Pings whose fragments overlap, all of which came.
    pub overlapping: u64,
    /// Those of them that were answered.
    pub overlapping_answered: u64,
}

/// A gateway that runs until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    deeds: Arc<Mutex<Deeds>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Gateway {
    /// Starts a gateway whose open ports are these.
    ///
    /// # Errors
    /// When no port of 127.0.0.1 can be had, or no thread.
    pub fn start(faults: Faults, tcp_ports: &[u16], udp_ports: &[u16]) -> io::Result<Gateway> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let deeds = Arc::new(Mutex::new(Deeds::default()));
        let mut work = Work {
            faults,
            stop: stop.clone(),
            deeds: deeds.clone(),
            started: Instant::now(),
            host: Host::new(&faults, tcp_ports, udp_ports),
            to_guest: Wire::new(faults, 1),
            from_guest: Wire::new(faults, 2),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            flooded: 0,
            series: 0,
            expected: BTreeMap::new(),
            acknowledged: 0,
            answered_at: Duration::ZERO,
            reassembly: Reassembly::default(),
            calm_at: Duration::ZERO,
        };
        let thread = std::thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || work.serve(&listener))?;
        Ok(Gateway {
            address,
            stop,
            deeds,
            thread: Some(thread),
        })
    }

    /// Where QEMU connects: the value of `connect=`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it did so far.
    pub fn deeds(&self) -> Deeds {
        *self.deeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // its error is a connection that QEMU ended
        }
    }
}

/// How long to wait when there is nothing to do.
const PAUSE: Duration = Duration::from_millis(1);

/// How often the guest is told that the flood is over.
const CALM_AGAIN: Duration = Duration::from_millis(200);

/// More than this isn't put on the way to a guest that doesn't read.
const MOST_OUTGOING: usize = 256 << 10;

/// So many fragments are sent ahead of the guest's answers: with those of one
/// packet more, no more than a card's ring has places for.
const FRAGMENTS_UNDER_WAY: u64 = 60;

/// Who doesn't answer for so long won't.
const ANSWER_LIMIT: Duration = Duration::from_millis(400);

/// The longest frame that is taken.
const LONGEST_FRAME: usize = 64 << 10;

/// What the thread has.
struct Work {
    faults: Faults,
    stop: Arc<AtomicBool>,
    deeds: Arc<Mutex<Deeds>>,
    started: Instant,
    host: Host,
    to_guest: Wire,
    from_guest: Wire,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    flooded: u64,
    /// How many packets in fragments were sent.
    series: u64,
    /// Their pings that have not been answered yet, and how many fragments were
    /// sent up to the end of each.
    expected: BTreeMap<u64, (Answer, u64)>,
    /// So many fragments the guest has taken, as its answers show.
    acknowledged: u64,
    answered_at: Duration,
    reassembly: Reassembly,
    calm_at: Duration,
}

impl Work {
    fn serve(&mut self, listener: &TcpListener) -> io::Result<()> {
        let mut guest = None;
        while !self.stop.load(Ordering::SeqCst) {
            let Some(stream) = &mut guest else {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(true)?;
                        stream.set_nodelay(true)?;
                        guest = Some(stream);
                    }
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                    Err(e) => return Err(e),
                }
                continue;
            };
            let busy = self.step(stream)?;
            *self.deeds.lock().unwrap_or_else(PoisonError::into_inner) = Deeds {
                to_guest: self.to_guest.mischief(),
                from_guest: self.from_guest.mischief(),
                flooded: self.flooded,
                reassembly: self.reassembly,
                ..self.host.deeds()
            };
            if !busy {
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// One round; whether there was anything to do.
    fn step(&mut self, guest: &mut TcpStream) -> io::Result<bool> {
        let mut busy = self.read(guest)?;
        let now = self.started.elapsed();
        while let Some(frame) = self.take_frame()? {
            self.note_answer(&frame, now);
            self.from_guest.send(now, frame);
            busy = true;
        }
        while let Some(frame) = self.from_guest.arrived(now) {
            self.host.receive(frame);
        }
        busy |= self.host.poll(now);
        while let Some(frame) = self.host.transmit() {
            self.to_guest.send(now, frame);
        }
        self.flood(now);
        while let Some(frame) = self.to_guest.arrived(now) {
            put_frame(&mut self.outgoing, &frame);
        }
        Ok(busy | self.write(guest)?)
    }

    /// Hostile packets go out as fast as the guest takes them, and arrive as
    /// they are.
    fn flood(&mut self, now: Duration) {
        while self.host.leased()
            && self.flooded < self.faults.flood
            && self.outgoing.len() < MOST_OUTGOING
        {
            put_frame(
                &mut self.outgoing,
                &hostile::packet(self.faults.seed, self.flooded),
            );
            self.flooded += 1;
        }
        while self.host.ready()
            && self.reassembly.fragments < self.faults.fragments
            && self.outgoing.len() < MOST_OUTGOING
            && self.may_send(now)
        {
            self.send_series();
        }
        let wanted = self.faults.flood + self.faults.fragments;
        let over = wanted > 0
            && self.flooded == self.faults.flood
            && self.reassembly.fragments >= self.faults.fragments;
        if over && self.outgoing.is_empty() && now >= self.calm_at {
            self.calm_at = now + CALM_AGAIN;
            self.host.say_calm();
        }
    }

    /// Sends the next packet in fragments.
    fn send_series(&mut self) {
        let Series { frames, answer } = reassembly::series(self.faults.seed, self.series);
        for frame in &frames {
            put_frame(&mut self.outgoing, frame);
        }
        self.reassembly.fragments += frames.len() as u64;
        match answer {
            Answer::Wanted => self.reassembly.whole += 1,
            Answer::Refused => self.reassembly.overlapping += 1,
            Answer::Untold => {}
        }
        if answer != Answer::Untold {
            let sent = self.reassembly.fragments;
            self.expected.insert(self.series, (answer, sent));
        }
        self.series += 1;
    }

    /// Whether few fragments are under way: a guest's card drops what comes
    /// faster than it is taken, and then nothing would be shown. A guest takes
    /// frames in order, so an answer tells of all that was sent before it.
    fn may_send(&mut self, now: Duration) -> bool {
        if self.reassembly.fragments - self.acknowledged <= FRAGMENTS_UNDER_WAY {
            return true;
        }
        let silent = now >= self.answered_at + ANSWER_LIMIT;
        if silent {
            self.acknowledged = self.reassembly.fragments;
            self.answered_at = now;
        }
        silent
    }

    /// Counts what shows that fragments were put together.
    fn note_answer(&mut self, frame: &[u8], now: Duration) {
        let number = reassembly::answered(frame);
        let Some((answer, sent)) = number.and_then(|number| self.expected.remove(&number)) else {
            return;
        };
        match answer {
            Answer::Wanted => self.reassembly.answered += 1,
            Answer::Refused => self.reassembly.overlapping_answered += 1,
            Answer::Untold => {}
        }
        self.acknowledged = self.acknowledged.max(sent);
        self.answered_at = now;
    }

    fn read(&mut self, guest: &mut TcpStream) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        match guest.read(&mut piece) {
            Ok(0) => {
                self.stop.store(true, Ordering::SeqCst); // QEMU has gone
                Ok(false)
            }
            Ok(count) => {
                self.incoming.extend_from_slice(&piece[..count]);
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, guest: &mut TcpStream) -> io::Result<bool> {
        if self.outgoing.is_empty() {
            return Ok(false);
        }
        match guest.write(&self.outgoing) {
            Ok(count) => {
                self.outgoing.drain(..count);
                Ok(count > 0)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The next whole frame that QEMU sent.
    fn take_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((head, rest)) = self.incoming.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head) as usize;
        if length > LONGEST_FRAME {
            let problem = format!("QEMU sent a frame of {length} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let Some(frame) = rest.get(..length) else {
            return Ok(None);
        };
        let frame = frame.to_vec();
        self.incoming.drain(..4 + length);
        Ok(Some(frame))
    }
}

fn put_frame(to: &mut Vec<u8>, frame: &[u8]) {
    to.extend(u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(frame);
}
