//! The stack: an address by DHCP, pings and answers to them, echo by TCP and UDP
//! on port 7, and one connection to a web server. `main.c` moves frames between it and
//! the card, and calls it whenever one has come or time has passed.
#![no_std]

use core::cell::UnsafeCell;
use core::panic::PanicInfo;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, icmp, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, Icmpv4Packet, Icmpv4Repr, IpAddress, IpCidr, Ipv4Address, Ipv4Cidr,
};

/// The largest frame.
const FRAME: usize = 1514;

/// The port of both echo services (RFC 862).
const ECHO: u16 = 7;

/// What our pings are known by.
const IDENT: u16 = 0x5478;

/// How many connections may be echoed at once.
const ECHOES: usize = 4;

/// Bytes of a connection's buffer, each way.
const BUFFER: usize = 8192;

unsafe extern "C" {
    /// The next frame of the card: its length, 0 when there is none.
    fn frame_read(buffer: *mut u8, room: usize) -> usize;
    /// Sends a frame.
    fn frame_write(frame: *const u8, length: usize);
    /// Ends the program: a panic of the stack's.
    fn stack_broke() -> !;
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    unsafe { stack_broke() }
}

#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The card.
struct Card;

struct Received([u8; FRAME], usize);

struct Sender;

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0[..self.1])
    }
}

impl TxToken for Sender {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = [0; FRAME];
        let result = f(&mut frame[..length]);
        unsafe { frame_write(frame.as_ptr(), length) };
        result
    }
}

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sender;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sender)> {
        let mut frame = [0; FRAME];
        match unsafe { frame_read(frame.as_mut_ptr(), FRAME) } {
            0 => None,
            length => Some((Received(frame, length.min(FRAME)), Sender)),
        }
    }

    fn transmit(&mut self, _: Instant) -> Option<Sender> {
        Some(Sender)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut told = DeviceCapabilities::default();
        told.medium = Medium::Ethernet;
        told.max_transmission_unit = FRAME;
        told
    }
}

/// All that the stack has: it allocates nothing.
struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    dhcp: SocketHandle,
    udp: SocketHandle,
    echoes: [SocketHandle; ECHOES],
    client: SocketHandle,
    pings: SocketHandle,
    address: Option<Ipv4Cidr>,
    next_port: u16,
}

/// One thread uses it.
struct Single<T>(UnsafeCell<T>);

unsafe impl<T> Sync for Single<T> {}

static STACK: Single<Option<Stack>> = Single(UnsafeCell::new(None));
static SOCKETS: Single<[SocketStorage<'static>; ECHOES + 4]> =
    Single(UnsafeCell::new([SocketStorage::EMPTY; ECHOES + 4]));
static BUFFERS: Single<[[[u8; BUFFER]; 2]; ECHOES + 1]> =
    Single(UnsafeCell::new([[[0; BUFFER]; 2]; ECHOES + 1]));
static UDP: Single<[[u8; BUFFER]; 2]> = Single(UnsafeCell::new([[0; BUFFER]; 2]));
static UDP_HEADS: Single<[[udp::PacketMetadata; 8]; 2]> =
    Single(UnsafeCell::new([[udp::PacketMetadata::EMPTY; 8]; 2]));

static PINGS: Single<[[u8; 256]; 2]> = Single(UnsafeCell::new([[0; 256]; 2]));
static PING_HEADS: Single<[[icmp::PacketMetadata; 4]; 2]> =
    Single(UnsafeCell::new([[icmp::PacketMetadata::EMPTY; 4]; 2]));

fn stack() -> Option<&'static mut Stack> {
    unsafe { (*STACK.0.get()).as_mut() }
}

/// Begins, with the card's address.
#[unsafe(no_mangle)]
extern "C" fn stack_start(mac: *const u8, seed: u64, now: i64) {
    let mut octets = [0; 6];
    for (at, octet) in octets.iter_mut().enumerate() {
        *octet = unsafe { *mac.add(at) };
    }
    let mut config = Config::new(EthernetAddress(octets).into());
    config.random_seed = seed;
    let interface = Interface::new(config, &mut Card, Instant::from_millis(now));
    let storage = unsafe { &mut *SOCKETS.0.get() };
    let mut sockets = SocketSet::new(&mut storage[..]);
    let buffers = unsafe { &mut *BUFFERS.0.get() };
    let mut buffers = buffers.iter_mut();
    let mut connection = || {
        let [receive, send] = buffers.next().expect("one for each");
        tcp::Socket::new(
            tcp::SocketBuffer::new(&mut receive[..]),
            tcp::SocketBuffer::new(&mut send[..]),
        )
    };
    let [heads_in, heads_out] = unsafe { &mut *UDP_HEADS.0.get() };
    let [data_in, data_out] = unsafe { &mut *UDP.0.get() };
    let mut udp = udp::Socket::new(
        udp::PacketBuffer::new(&mut heads_in[..], &mut data_in[..]),
        udp::PacketBuffer::new(&mut heads_out[..], &mut data_out[..]),
    );
    let _ = udp.bind(ECHO);
    let [heads_in, heads_out] = unsafe { &mut *PING_HEADS.0.get() };
    let [data_in, data_out] = unsafe { &mut *PINGS.0.get() };
    let mut pings = icmp::Socket::new(
        icmp::PacketBuffer::new(&mut heads_in[..], &mut data_in[..]),
        icmp::PacketBuffer::new(&mut heads_out[..], &mut data_out[..]),
    );
    let _ = pings.bind(icmp::Endpoint::Ident(IDENT));
    let echoes = core::array::from_fn(|_| sockets.add(connection()));
    let client = sockets.add(connection());
    let dhcp = sockets.add(dhcpv4::Socket::new());
    let udp = sockets.add(udp);
    let pings = sockets.add(pings);
    let made = Stack {
        interface,
        sockets,
        dhcp,
        udp,
        echoes,
        client,
        pings,
        address: None,
        next_port: 49152 + (seed % 16000) as u16,
    };
    unsafe { *STACK.0.get() = Some(made) };
}

/// Does what is to be done; gives back after how many milliseconds there is
/// more, unless a frame comes before.
#[unsafe(no_mangle)]
extern "C" fn stack_poll(now: i64) -> i64 {
    let Some(stack) = stack() else { return 1000 };
    let now = Instant::from_millis(now);
    loop {
        stack.interface.poll(now, &mut Card, &mut stack.sockets);
        if !stack.serve() {
            break;
        }
    }
    match stack.interface.poll_delay(now, &stack.sockets) {
        Some(delay) => delay.total_millis() as i64,
        None => 1000,
    }
}

impl Stack {
    /// The services; whether anything of theirs is to be sent.
    fn serve(&mut self) -> bool {
        let mut moved = self.lease();
        let socket = self.sockets.get_mut::<udp::Socket>(self.udp);
        let mut datagram = [0; FRAME];
        while socket.can_send() {
            let Ok((length, from)) = socket.recv_slice(&mut datagram) else {
                break;
            };
            moved |= socket
                .send_slice(&datagram[..length], from.endpoint)
                .is_ok();
        }
        for handle in self.echoes {
            let socket = self.sockets.get_mut::<tcp::Socket>(handle);
            if !socket.is_open() {
                let _ = socket.listen(ECHO);
            }
            let mut bytes = [0; 1024];
            while socket.can_recv() && socket.send_capacity() - socket.send_queue() >= bytes.len() {
                let length = socket.recv_slice(&mut bytes).unwrap_or(0);
                moved |= socket.send_slice(&bytes[..length]).is_ok() && length > 0;
            }
            if socket.may_send() && !socket.may_recv() && !socket.can_recv() {
                socket.close();
                moved = true;
            }
        }
        moved
    }

    fn lease(&mut self) -> bool {
        let event = self.sockets.get_mut::<dhcpv4::Socket>(self.dhcp).poll();
        let (address, router) = match event {
            None => return false,
            Some(dhcpv4::Event::Configured(lease)) => (Some(lease.address), lease.router),
            Some(dhcpv4::Event::Deconfigured) => (None, None),
        };
        self.address = address;
        self.interface.update_ip_addrs(|all| {
            all.clear();
            if let Some(address) = address {
                let _ = all.push(IpCidr::Ipv4(address));
            }
        });
        let routes = self.interface.routes_mut();
        routes.remove_default_ipv4_route();
        if let Some(router) = router {
            let _ = routes.add_default_ipv4_route(router);
        }
        true
    }
}

/// The address and the bits of its network; whether there is one.
#[unsafe(no_mangle)]
extern "C" fn stack_address(octets: *mut u8) -> i32 {
    let Some(address) = stack().and_then(|stack| stack.address) else {
        return -1;
    };
    for (at, octet) in address.address().octets().iter().enumerate() {
        unsafe { *octets.add(at) = *octet };
    }
    i32::from(address.prefix_len())
}

/// Sends an echo request; 0, or -1.
#[unsafe(no_mangle)]
extern "C" fn stack_ping(octets: *const u8, number: u16) -> i32 {
    let Some(stack) = stack() else { return -1 };
    let octet = |at| unsafe { *octets.add(at) };
    let to = IpAddress::v4(octet(0), octet(1), octet(2), octet(3));
    let request = Icmpv4Repr::EchoRequest {
        ident: IDENT,
        seq_no: number,
        data: b"56 bytes, as ping(8) sends them, so that a wire has some",
    };
    let checks = ChecksumCapabilities::default();
    let socket = stack.sockets.get_mut::<icmp::Socket>(stack.pings);
    let Ok(packet) = socket.send(request.buffer_len(), to) else {
        return -1;
    };
    request.emit(&mut Icmpv4Packet::new_unchecked(packet), &checks);
    0
}

/// How many answers to our echo requests have come since it was asked last.
#[unsafe(no_mangle)]
extern "C" fn stack_pongs() -> i32 {
    let Some(stack) = stack() else { return 0 };
    let socket = stack.sockets.get_mut::<icmp::Socket>(stack.pings);
    let mut came = 0;
    while let Ok((bytes, _)) = socket.recv() {
        let is_answer = Icmpv4Packet::new_checked(bytes)
            .is_ok_and(|packet| packet.msg_type() == smoltcp::wire::Icmpv4Message::EchoReply);
        came += i32::from(is_answer);
    }
    came
}

/// Begins a connection to a server; 0, or -1.
#[unsafe(no_mangle)]
extern "C" fn stack_connect(octets: *const u8, port: u16) -> i32 {
    let Some(stack) = stack() else { return -1 };
    let octet = |at| unsafe { *octets.add(at) };
    let to = Ipv4Address::new(octet(0), octet(1), octet(2), octet(3));
    let socket = stack.sockets.get_mut::<tcp::Socket>(stack.client);
    socket.abort();
    stack.next_port = stack.next_port.checked_add(1).unwrap_or(49152);
    let to = (IpAddress::Ipv4(to), port);
    match socket.connect(stack.interface.context(), to, stack.next_port) {
        Ok(()) => 0,
        Err(_) => -1,
    }
}

/// Sends what there is room for; how much, -1 when the connection has ended.
#[unsafe(no_mangle)]
extern "C" fn stack_send(bytes: *const u8, length: usize) -> isize {
    let Some(stack) = stack() else { return -1 };
    let socket = stack.sockets.get_mut::<tcp::Socket>(stack.client);
    if !socket.may_send() {
        return if socket.is_active() { 0 } else { -1 };
    }
    let bytes = unsafe { core::slice::from_raw_parts(bytes, length) };
    socket.send_slice(bytes).map_or(-1, |sent| sent as isize)
}

/// Takes what has come; how much, 0 when there is nothing yet, -1 at the end.
#[unsafe(no_mangle)]
extern "C" fn stack_receive(bytes: *mut u8, room: usize) -> isize {
    let Some(stack) = stack() else { return -1 };
    let socket = stack.sockets.get_mut::<tcp::Socket>(stack.client);
    if socket.can_recv() {
        let bytes = unsafe { core::slice::from_raw_parts_mut(bytes, room) };
        return socket.recv_slice(bytes).map_or(-1, |came| came as isize);
    }
    let waiting = matches!(
        socket.state(),
        tcp::State::SynSent | tcp::State::SynReceived | tcp::State::Established
    );
    if waiting {
        return 0;
    }
    socket.close();
    -1
}
