//! What went over the wire: reads the capture that QEMU's `filter-dump` writes.
//!
//! The file is a classic pcap (the format of libpcap's savefile, pcap-savefile(5)):
//! a header of 24 bytes, then packets with a header of 16 bytes each, in the
//! writer's byte order. QEMU writes Ethernet frames (`net/dump.c`). The layers
//! in them are smoltcp's to read: Ethernet II, IPv4, ICMP echo, DHCP, and of TCP
//! and other UDP the ports.
//!
//! The container is read here: the file grows while it is read, and what counts
//! is where each record ends in it, which pcap-file (whose version 3 is not
//! released yet) doesn't say.

use std::net::Ipv4Addr;

use recipe::plan::EchoProtocol;
use smoltcp::wire::{
    DhcpPacket, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpProtocol,
    Ipv4Packet, TcpPacket, UDP_HEADER_LEN, UdpPacket,
};

use crate::machine::qemu::Mac;

/// No packet is longer: the writer's snapshot length is 65,536.
const PACKET_LIMIT: usize = 1 << 18;

/// What makes a BOOTP message one of DHCP (RFC 2131, 3).
const DHCP_MAGIC: u32 = 0x6382_5363;

/// The option with the message's type: 1 is a DHCPDISCOVER, 3 a DHCPREQUEST,
/// 5 a DHCPACK (RFC 2132, 9.6).
const DHCP_MESSAGE_TYPE: u8 = 53;

/// So many packets are kept: a flood doesn't fill the memory.
const PACKETS_LIMIT: usize = 100_000;

/// What was seen of DHCP on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DhcpTraffic {
    /// The guest's card asked for a lease.
    pub wanted: bool,
    /// A server gave it one.
    pub given: bool,
}

/// A packet that a check is interested in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// An ICMP echo request or reply.
    Echo {
        /// Whether it is the reply.
        reply: bool,
        /// The frame's sender.
        from_mac: Mac,
        /// The frame's receiver.
        to_mac: Mac,
        /// The packet's sender.
        from: Ipv4Addr,
        /// The packet's receiver.
        to: Ipv4Addr,
        /// Identifier and sequence number: equal in request and reply.
        id: (u16, u16),
    },
    /// Bytes of TCP or UDP, to or from a port that is watched.
    Data {
        /// TCP or UDP.
        protocol: EchoProtocol,
        /// The frame's sender.
        from_mac: Mac,
        /// The frame's receiver.
        to_mac: Mac,
        /// The sender's port.
        from_port: u16,
        /// The receiver's port.
        to_port: u16,
        /// How many.
        bytes: usize,
    },
    /// A DHCPACK.
    Lease {
        /// The client that it is for.
        client: Mac,
        /// The address that it gives.
        address: Ipv4Addr,
        /// The transaction.
        transaction: u32,
    },
    /// A DHCPREQUEST or a DHCPDISCOVER.
    LeaseWanted {
        /// The client that asks.
        client: Mac,
        /// The transaction.
        transaction: u32,
    },
}

/// A packet and where its record ends in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Captured {
    /// The offset behind it.
    pub end: u64,
    /// What it is.
    pub packet: Packet,
}

/// Reads a capture as it grows.
#[derive(Debug, Default)]
pub(crate) struct CaptureReader {
    pending: Vec<u8>,
    offset: u64,
    big_endian: Option<bool>,
    broken: bool,
    /// Ports whose data count.
    ports: Vec<u16>,
    /// Where the last whole packet within [`CaptureReader::keep`] bytes ends.
    kept: u64,
    keep: u64,
    /// All packets so far, of whatever kind.
    pub count: u64,
    /// Those that checks are interested in.
    pub packets: Vec<Captured>,
}

impl CaptureReader {
    /// Reads a capture in which the data of these ports count.
    pub(crate) fn watching(ports: Vec<u16>) -> Self {
        CaptureReader {
            ports,
            ..CaptureReader::default()
        }
    }

    /// Remembers where the last whole packet within so many bytes ends.
    pub(crate) fn keep(mut self, bytes: u64) -> Self {
        self.keep = bytes;
        self
    }

    /// The end of the last whole packet within what is kept.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// Takes the next bytes. What is no capture is ignored.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.pending.extend_from_slice(bytes);
        if self.big_endian.is_none() {
            self.read_file_header();
        }
        let Some(big) = self.big_endian else { return };
        let mut at = 0;
        while let Some(length) = word(&self.pending, at + 8, big) {
            let length = length as usize;
            if length > PACKET_LIMIT {
                self.broken = true;
                break;
            }
            let Some(frame) = self.pending.get(at + 16..at + 16 + length) else {
                break;
            };
            let packet = read_frame(frame, &self.ports);
            at += 16 + length;
            self.count += 1;
            if self.offset + at as u64 <= self.keep {
                self.kept = self.offset + at as u64;
            }
            if let Some(packet) = packet.filter(|_| self.packets.len() < PACKETS_LIMIT) {
                let end = self.offset + at as u64;
                self.packets.push(Captured { end, packet });
            }
        }
        self.pending.drain(..at);
        self.offset += at as u64;
    }

    /// How much of the capture has been read, in whole packets.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The packets whose records end in this range of the capture.
    pub(crate) fn between(&self, start: u64, end: u64) -> impl Iterator<Item = &Packet> {
        self.packets
            .iter()
            .filter(move |captured| captured.end > start && captured.end <= end)
            .map(|captured| &captured.packet)
    }

    fn read_file_header(&mut self) {
        let Some(header) = self.pending.get(..24) else {
            return;
        };
        let ethernet = |big| word(header, 20, big) == Some(1);
        match header.first_chunk::<4>() {
            Some([0xd4, 0xc3, 0xb2, 0xa1]) if ethernet(false) => self.big_endian = Some(false),
            Some([0xa1, 0xb2, 0xc3, 0xd4]) if ethernet(true) => self.big_endian = Some(true),
            _ => self.broken = true,
        }
        self.pending.drain(..24);
        self.offset = 24;
    }
}

fn word(bytes: &[u8], at: usize, big: bool) -> Option<u32> {
    let bytes = *bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    })
}

/// Sender and receiver of a frame.
#[derive(Clone, Copy)]
struct Cards {
    from: Mac,
    to: Mac,
}

fn read_frame(frame: &[u8], ports: &[u16]) -> Option<Packet> {
    let frame = EthernetFrame::new_checked(frame).ok()?;
    if frame.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let cards = Cards {
        from: Mac(frame.src_addr().0),
        to: Mac(frame.dst_addr().0),
    };
    let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
    // The second half of a fragmented packet has no header to read.
    if ip.version() != 4 || ip.frag_offset() != 0 {
        return None;
    }
    // Short frames are padded: the packet ends where its header says.
    match ip.next_header() {
        IpProtocol::Icmp => read_echo(&ip, cards),
        IpProtocol::Tcp => {
            let segment = TcpPacket::new_checked(ip.payload()).ok()?;
            let (from, to) = (segment.src_port(), segment.dst_port());
            let bytes = segment.payload().len();
            read_data(EchoProtocol::Tcp, (from, to), cards, bytes, ports)
        }
        IpProtocol::Udp => {
            // The first of several fragments has less than its header says.
            let bytes = ip.payload().len().checked_sub(UDP_HEADER_LEN)?;
            let datagram = UdpPacket::new_unchecked(ip.payload());
            let between = (datagram.src_port(), datagram.dst_port());
            read_data(EchoProtocol::Udp, between, cards, bytes, ports)
                .or_else(|| read_dhcp(between, &ip.payload()[UDP_HEADER_LEN..]))
        }
        _ => None,
    }
}

fn read_echo(ip: &Ipv4Packet<&[u8]>, cards: Cards) -> Option<Packet> {
    let icmp = Icmpv4Packet::new_checked(ip.payload()).ok()?;
    let reply = match (icmp.msg_type(), icmp.msg_code()) {
        (Icmpv4Message::EchoReply, 0) => true,
        (Icmpv4Message::EchoRequest, 0) => false,
        _ => return None,
    };
    Some(Packet::Echo {
        reply,
        from_mac: cards.from,
        to_mac: cards.to,
        from: ip.src_addr(),
        to: ip.dst_addr(),
        id: (icmp.echo_ident(), icmp.echo_seq_no()),
    })
}

fn read_data(
    protocol: EchoProtocol,
    (from_port, to_port): (u16, u16),
    cards: Cards,
    bytes: usize,
    ports: &[u16],
) -> Option<Packet> {
    let watched = ports.contains(&from_port) || ports.contains(&to_port);
    (watched && bytes > 0).then_some(Packet::Data {
        protocol,
        from_mac: cards.from,
        to_mac: cards.to,
        from_port,
        to_port,
        bytes,
    })
}

fn read_dhcp(ports: (u16, u16), message: &[u8]) -> Option<Packet> {
    if !matches!(ports, (67, 68) | (68, 67)) {
        return None;
    }
    let dhcp = DhcpPacket::new_checked(message).ok()?;
    if dhcp.magic_number() != DHCP_MAGIC {
        return None;
    }
    let client = Mac(dhcp.client_hardware_address().0);
    let transaction = dhcp.transaction_id();
    let kind = dhcp.options().find_map(|option| match option.data {
        [kind] if option.kind == DHCP_MESSAGE_TYPE => Some(*kind),
        _ => None,
    });
    match kind? {
        1 | 3 => Some(Packet::LeaseWanted {
            client,
            transaction,
        }),
        5 => Some(Packet::Lease {
            client,
            address: dhcp.your_ip(),
            transaction,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GUEST: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    const HOST: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];

    fn ip(protocol: u8, from: [u8; 4], to: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let total = (20 + payload.len()) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(total.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(from);
        packet.extend(to);
        packet.extend(payload);
        packet
    }

    fn frame(to: [u8; 6], from: [u8; 6], packet: &[u8]) -> Vec<u8> {
        let mut frame = [to, from].concat();
        frame.extend([8, 0]);
        frame.extend(packet);
        frame.resize(frame.len().max(60), 0);
        frame
    }

    fn ack(address: [u8; 4]) -> Vec<u8> {
        let mut bootp = vec![0; 240];
        bootp[0] = 2;
        bootp[4..8].copy_from_slice(&[1, 2, 3, 4]);
        bootp[16..20].copy_from_slice(&address);
        bootp[28..34].copy_from_slice(&GUEST);
        bootp[236..240].copy_from_slice(&[99, 130, 83, 99]);
        bootp.extend([0, 54, 4, 10, 0, 2, 2, 53, 1, 5, 255]);
        let mut udp = vec![0, 67, 0, 68, 0, 0, 0, 0];
        udp.extend(bootp);
        frame([255; 6], HOST, &ip(17, [10, 0, 2, 2], [255; 4], &udp))
    }

    fn echo(reply: bool) -> Vec<u8> {
        let icmp = [if reply { 0 } else { 8 }, 0, 0, 0, 0, 7, 0, 1, 0xaa];
        let (guest, host) = ([10, 0, 2, 15], [10, 0, 2, 2]);
        if reply {
            frame(GUEST, HOST, &ip(1, host, guest, &icmp))
        } else {
            frame(HOST, GUEST, &ip(1, guest, host, &icmp))
        }
    }

    fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        bytes.extend([0; 8]);
        bytes.extend([0, 0, 1, 0, 1, 0, 0, 0]);
        for frame in frames {
            let length = (frame.len() as u32).to_le_bytes();
            bytes.extend([0; 8]);
            bytes.extend(length);
            bytes.extend(length);
            bytes.extend(frame);
        }
        bytes
    }

    #[test]
    fn leases_and_echoes_are_found_with_their_place() {
        let bytes = capture(&[ack([10, 0, 2, 15]), echo(false), echo(true)]);
        let mut reader = CaptureReader::default();
        // Byte by byte: the file is read while it grows.
        for byte in &bytes {
            reader.push(&[*byte]);
        }
        assert_eq!(reader.count, 3);
        assert_eq!(
            reader.packets.last().map(|p| p.end),
            Some(bytes.len() as u64)
        );
        let Packet::Lease {
            client, address, ..
        } = reader.packets[0].packet
        else {
            panic!("{:?}", reader.packets);
        };
        assert_eq!((client, address), (Mac(GUEST), Ipv4Addr::new(10, 0, 2, 15)));
        let first_end = reader.packets[0].end;
        let replies: Vec<bool> = reader
            .between(first_end, bytes.len() as u64)
            .map(|p| {
                matches!(
                    p,
                    Packet::Echo {
                        reply: true,
                        id: (7, 1),
                        ..
                    }
                )
            })
            .collect();
        assert_eq!(replies, [false, true]);
    }

    #[test]
    fn what_is_no_capture_is_ignored() {
        let mut reader = CaptureReader::default();
        reader.push(&[0x55; 4096]);
        reader.push(&capture(&[echo(true)]));
        assert_eq!(reader.packets, []);
    }

    proptest! {
        #[test]
        fn any_frames_are_read_without_a_panic(frames: Vec<Vec<u8>>) {
            let mut reader = CaptureReader::default();
            reader.push(&capture(&frames));
            prop_assert_eq!(reader.count, frames.len() as u64);
        }

        #[test]
        fn a_damaged_lease_is_read_without_a_panic(at in 0usize..330, byte: u8, cut in 0usize..330) {
            let mut frame = ack([10, 0, 2, 15]);
            let at = at.min(frame.len() - 1);
            frame[at] = byte;
            frame.truncate(cut);
            CaptureReader::default().push(&capture(&[frame]));
        }
    }
}
