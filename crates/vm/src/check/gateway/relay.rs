//! The gateway as a host: answers ARP and pings (smoltcp does), gives leases,
//! and hands connections and datagrams on to this machine's 127.0.0.1.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use super::lease::Server;
use super::{Deeds, Faults, GATEWAY, GATEWAY_MAC, GUEST};

/// So many connections to one port at a time.
const CONNECTIONS: usize = 4;

/// Where the guest hears that a flood is over (guest/adversary.c).
const CALM_PORT: u16 = 4242;

/// What a connection buffers each way.
const BUFFER: usize = 64 << 10;

/// The gateway's network interface, its leases and its ports.
pub(super) struct Host {
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    dhcp: SocketHandle,
    server: Server,
    leased: bool,
    ready: bool,
    connections: Vec<Connection>,
    datagrams: Vec<(SocketHandle, UdpSocket, Option<IpEndpoint>)>,
    calm: SocketHandle,
    resets_left: u32,
    resets: u32,
}

/// One connection that the guest may open, and what it goes on to.
struct Connection {
    socket: SocketHandle,
    port: u16,
    onward: Option<TcpStream>,
    /// What the guest said and 127.0.0.1 hasn't taken yet.
    pending: Vec<u8>,
    closed: bool,
}

impl Host {
    pub(super) fn new(faults: &Faults, tcp_ports: &[u16], udp_ports: &[u16]) -> Host {
        let mut cable = Cable::default();
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(GATEWAY_MAC)));
        config.random_seed = faults.seed;
        let mut interface = Interface::new(config, &mut cable, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for the one address.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(GATEWAY), 24));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let dhcp = sockets.add(datagram_socket(67));
        let calm = sockets.add(datagram_socket(CALM_PORT));
        let connections = tcp_ports
            .iter()
            .flat_map(|port| std::iter::repeat_n(*port, CONNECTIONS))
            .map(|port| Connection::new(&mut sockets, port))
            .collect();
        let datagrams = udp_ports
            .iter()
            .filter_map(|port| {
                let onward = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
                onward.connect((Ipv4Addr::LOCALHOST, *port)).ok()?;
                onward.set_nonblocking(true).ok()?;
                Some((sockets.add(datagram_socket(*port)), onward, None))
            })
            .collect();
        Host {
            cable,
            interface,
            sockets,
            dhcp,
            server: Server::new(faults),
            leased: false,
            ready: false,
            connections,
            datagrams,
            calm,
            resets_left: faults.resets,
            resets: 0,
        }
    }

    /// Whether the guest was given its address.
    pub(super) fn leased(&self) -> bool {
        self.leased
    }

    /// Whether the guest has said that it waits for what nobody asked for.
    pub(super) fn ready(&mut self) -> bool {
        let socket = self.sockets.get_mut::<udp::Socket>(self.calm);
        while let Ok((datagram, _)) = socket.recv() {
            self.ready |= datagram == b"ready";
        }
        self.ready
    }

    /// Tells the guest that a flood is over.
    pub(super) fn say_calm(&mut self) {
        let to = IpEndpoint::new(IpAddress::Ipv4(GUEST), CALM_PORT);
        let socket = self.sockets.get_mut::<udp::Socket>(self.calm);
        let _ = socket.send_slice(b"calm", to); // it is said again
    }

    /// What it did of its own.
    pub(super) fn deeds(&self) -> Deeds {
        Deeds {
            resets: self.resets,
            naks: self.server.refused,
            ignored_renewals: self.server.ignored,
            renewals: self.server.renewed,
            ..Deeds::default()
        }
    }

    /// A frame from the guest.
    pub(super) fn receive(&mut self, frame: Vec<u8>) {
        self.cable.incoming.push_back(frame);
    }

    /// A frame for the guest.
    pub(super) fn transmit(&mut self) -> Option<Vec<u8>> {
        self.cable.outgoing.pop_front()
    }

    /// Does what there is to do; whether there was anything.
    pub(super) fn poll(&mut self, now: Duration) -> bool {
        let now = Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX));
        let polled = self.interface.poll(now, &mut self.cable, &mut self.sockets);
        let mut busy = polled != smoltcp::iface::PollResult::None;
        self.give_leases();
        busy |= self.pass_datagrams();
        for i in 0..self.connections.len() {
            busy |= self.pass_connection(i);
        }
        // What was just written goes out in the same round.
        self.interface.poll(now, &mut self.cable, &mut self.sockets);
        busy
    }

    fn give_leases(&mut self) {
        let socket = self.sockets.get_mut::<udp::Socket>(self.dhcp);
        while let Ok((datagram, _)) = socket.recv() {
            if let Some(answer) = self.server.answer(datagram) {
                let to = IpEndpoint::new(IpAddress::Ipv4(Ipv4Addr::BROADCAST), 68);
                let _ = socket.send_slice(&answer, to); // a full buffer loses it, as a wire would
                self.leased = true;
            }
        }
    }

    fn pass_datagrams(&mut self) -> bool {
        let mut busy = false;
        for (handle, onward, last) in &mut self.datagrams {
            let socket = self.sockets.get_mut::<udp::Socket>(*handle);
            while let Ok((datagram, from)) = socket.recv() {
                *last = Some(from.endpoint);
                let _ = onward.send(datagram);
                busy = true;
            }
            let mut piece = [0; 2048];
            while let (Some(to), Ok(count)) = (*last, onward.recv(&mut piece)) {
                let _ = socket.send_slice(&piece[..count], to);
                busy = true;
            }
        }
        busy
    }

    fn pass_connection(&mut self, i: usize) -> bool {
        let connection = &mut self.connections[i];
        let socket = self.sockets.get_mut::<tcp::Socket>(connection.socket);
        if !socket.is_open() {
            connection.listen(socket);
            return false;
        }
        let flows = socket.may_recv() && socket.recv_queue() > 0;
        if flows && self.resets_left > 0 {
            self.resets_left -= 1;
            self.resets += 1;
            socket.abort();
            connection.onward = None;
            return true;
        }
        connection.pass(socket).unwrap_or_else(|_| {
            socket.abort();
            connection.onward = None;
            true
        })
    }
}

impl Connection {
    fn new(sockets: &mut SocketSet<'static>, port: u16) -> Connection {
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let socket = sockets.add(tcp::Socket::new(buffer(), buffer()));
        Connection {
            socket,
            port,
            onward: None,
            pending: Vec::new(),
            closed: false,
        }
    }

    fn listen(&mut self, socket: &mut tcp::Socket<'_>) {
        self.onward = None;
        self.pending.clear();
        self.closed = false;
        let _ = socket.listen(self.port); // a socket that is closed can listen
    }

    /// Hands on what each side said.
    fn pass(&mut self, socket: &mut tcp::Socket<'_>) -> io::Result<bool> {
        if self.onward.is_none() {
            if !socket.may_send() || self.closed {
                return Ok(false);
            }
            let onward = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            onward.set_nonblocking(true)?;
            self.onward = Some(onward);
        }
        let Some(onward) = &mut self.onward else {
            return Ok(false);
        };
        let mut busy = false;
        if self.pending.is_empty() && socket.can_recv() {
            let taken = socket.recv(|bytes| (bytes.len(), bytes.to_vec()));
            self.pending = taken.map_err(|e| io::Error::other(e.to_string()))?;
        }
        if !self.pending.is_empty() {
            match onward.write(&self.pending) {
                Ok(count) => {
                    self.pending.drain(..count);
                    busy = true;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
        let room = socket.send_capacity() - socket.send_queue();
        if room > 0 && !self.closed {
            let mut piece = vec![0; room.min(16 << 10)];
            match onward.read(&mut piece) {
                Ok(0) => {
                    self.closed = true;
                    self.onward = None;
                    socket.close();
                    busy = true;
                }
                Ok(count) => {
                    let sent = socket.send_slice(&piece[..count]);
                    sent.map_err(|e| io::Error::other(e.to_string()))?;
                    busy = true;
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
        // The guest has said all: the other side hears so too.
        if let (Some(onward), false, true) =
            (&self.onward, socket.may_recv(), self.pending.is_empty())
        {
            let _ = onward.shutdown(std::net::Shutdown::Write);
            if self.closed || !socket.may_send() {
                socket.close();
            }
        }
        Ok(busy)
    }
}

fn datagram_socket(port: u16) -> udp::Socket<'static> {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 32 << 10]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    let _ = socket.bind(port); // a new socket is not bound, and no port here is 0
    socket
}

/// What smoltcp takes for its network card.
#[derive(Default)]
struct Cable {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl phy::Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sent<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Received(frame), Sent(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum.ipv4 = Checksum::Both;
        capabilities
    }
}

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Sent<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}
