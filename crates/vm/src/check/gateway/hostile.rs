//! Packets that nobody asked for: malformed, misdirected, untimely. Each is
//! made from a seed and a number, so that a flood can be sent again.

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol,
    Ipv4Address, Ipv4Packet, TcpPacket, UdpPacket,
};

use super::{GATEWAY, GATEWAY_MAC, GUEST};
use crate::machine::qemu::GUEST_MAC;

const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// The packet of this number in the flood of this seed: an Ethernet frame of at
/// most 1,514 bytes.
pub(super) fn packet(seed: u64, number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let r = &mut random;
    match r.u8(..10) {
        0 => noise(r),
        1 => arp(r),
        2 => udp(r),
        3 | 4 => tcp(r),
        5 => icmp(r),
        6 => bad_header(r),
        7 => fragment(r),
        8 => options(r),
        _ => other_protocol(r),
    }
}

fn bytes(r: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let length = r.usize(..=most);
    std::iter::repeat_with(|| r.u8(..)).take(length).collect()
}

fn frame(r: &mut fastrand::Rng, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET + payload.len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
    let to = match r.u8(..8) {
        0 => EthernetAddress::BROADCAST,
        1 => EthernetAddress([0x01, 0, 0x5e, 0, 0, 1]), // all hosts' multicast
        _ => EthernetAddress(GUEST_MAC.0),
    };
    ethernet.set_dst_addr(to);
    ethernet.set_src_addr(EthernetAddress(GATEWAY_MAC));
    ethernet.set_ethertype(EthernetProtocol::from(kind));
    ethernet.payload_mut().copy_from_slice(payload);
    frame
}

/// An address that a packet may claim: the gateway's, a stranger's, nonsense.
fn source(r: &mut fastrand::Rng) -> Ipv4Address {
    match r.u8(..6) {
        0 => GUEST,
        1 => Ipv4Address::BROADCAST,
        2 => Ipv4Address::new(127, 0, 0, 1),
        3 => Ipv4Address::from(r.u32(..)),
        _ => GATEWAY,
    }
}

fn ipv4(r: &mut fastrand::Rng, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; IPV4 + payload.len()];
    let mut ip = Ipv4Packet::new_unchecked(&mut packet);
    ip.set_version(4);
    ip.set_header_len(20);
    ip.set_total_len(u16::try_from(IPV4 + payload.len()).unwrap_or(u16::MAX));
    ip.set_ident(r.u16(..));
    ip.set_hop_limit(r.u8(..));
    ip.set_next_header(protocol);
    ip.set_src_addr(source(r));
    ip.set_dst_addr(GUEST);
    ip.payload_mut().copy_from_slice(payload);
    ip.fill_checksum();
    packet
}

fn noise(r: &mut fastrand::Rng) -> Vec<u8> {
    let (kind, payload) = (r.u16(..), bytes(r, 1500));
    frame(r, kind, &payload)
}

fn arp(r: &mut fastrand::Rng) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: if r.bool() {
            ArpOperation::Request
        } else {
            ArpOperation::Reply
        },
        source_hardware_addr: EthernetAddress(GATEWAY_MAC),
        // Never a wrong address of the gateway: ARP believes whoever speaks.
        source_protocol_addr: Ipv4Address::new(10, 0, 2, r.u8(100..200)),
        target_hardware_addr: EthernetAddress(GUEST_MAC.0),
        target_protocol_addr: if r.bool() {
            GUEST
        } else {
            Ipv4Address::from(r.u32(..))
        },
    };
    let mut payload = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut payload));
    if r.u8(..4) == 0 {
        let cut = r.usize(..payload.len());
        payload.truncate(cut);
    }
    frame(r, 0x0806, &payload)
}

fn udp(r: &mut fastrand::Rng) -> Vec<u8> {
    let data = bytes(r, 1400);
    let mut payload = vec![0; 8 + data.len()];
    let mut udp = UdpPacket::new_unchecked(&mut payload);
    udp.set_src_port(r.u16(..));
    udp.set_dst_port(if r.bool() { 68 } else { r.u16(..) });
    let right = u16::try_from(8 + data.len()).unwrap_or(u16::MAX);
    udp.set_len(if r.u8(..4) == 0 { r.u16(8..) } else { right });
    payload[8..].copy_from_slice(&data);
    let packet = ipv4(r, IpProtocol::Udp, &payload);
    frame(r, 0x0800, &packet)
}

fn tcp(r: &mut fastrand::Rng) -> Vec<u8> {
    let data = bytes(r, 600);
    let mut payload = vec![0; 20 + data.len()];
    let mut tcp = TcpPacket::new_unchecked(&mut payload);
    tcp.set_src_port(r.u16(1..));
    tcp.set_dst_port(r.u16(1..));
    tcp.set_seq_number(smoltcp::wire::TcpSeqNumber(r.i32(..)));
    tcp.set_ack_number(smoltcp::wire::TcpSeqNumber(r.i32(..)));
    tcp.set_header_len(20);
    tcp.set_window_len(r.u16(..));
    // Any combination of flags, those that mean nothing included.
    let flags = r.u8(..);
    payload[13] = flags;
    payload[20..].copy_from_slice(&data);
    let mut packet = ipv4(r, IpProtocol::Tcp, &payload);
    let claimed = Ipv4Packet::new_unchecked(&packet[..]).src_addr();
    if r.u8(..4) != 0 {
        TcpPacket::new_unchecked(&mut packet[IPV4..]).fill_checksum(&claimed.into(), &GUEST.into());
    }
    frame(r, 0x0800, &packet)
}

fn icmp(r: &mut fastrand::Rng) -> Vec<u8> {
    let mut payload = vec![r.u8(..20), r.u8(..16), 0, 0];
    payload.extend(bytes(r, 600));
    if r.u8(..4) != 0 {
        let sum = checksum(&payload);
        payload[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    let packet = ipv4(r, IpProtocol::Icmp, &payload);
    frame(r, 0x0800, &packet)
}

/// The Internet checksum (RFC 1071).
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX)
}

/// A header whose fields don't fit what follows, checksum right or wrong.
fn bad_header(r: &mut fastrand::Rng) -> Vec<u8> {
    let data = bytes(r, 200);
    let mut packet = ipv4(r, IpProtocol::Udp, &data);
    let at = r.usize(..IPV4);
    packet[at] = r.u8(..);
    if r.bool() && packet.len() >= IPV4 {
        packet[10..12].fill(0);
        let sum = checksum(&packet[..IPV4]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let cut = r.usize(IPV4 / 2..=packet.len());
    frame(r, 0x0800, &packet[..cut])
}

/// Fragments that overlap, leave gaps, or never become whole.
fn fragment(r: &mut fastrand::Rng) -> Vec<u8> {
    let data = bytes(r, 600);
    let mut packet = ipv4(r, IpProtocol::Udp, &data);
    let mut ip = Ipv4Packet::new_unchecked(&mut packet);
    ip.set_ident(r.u16(..8));
    ip.set_more_frags(r.bool());
    ip.set_frag_offset(r.u16(..8189) * 8);
    ip.fill_checksum();
    frame(r, 0x0800, &packet)
}

/// A header with options: source routes, timestamps, nonsense.
fn options(r: &mut fastrand::Rng) -> Vec<u8> {
    let words = r.usize(1..=10);
    let data = bytes(r, 100);
    let plain = ipv4(r, IpProtocol::Icmp, &data);
    let mut packet = plain[..IPV4].to_vec();
    packet.extend(
        std::iter::repeat_with(|| {
            *r.choice(&[0, 1, 3, 4, 7, 8, 68, 131, 137, 148, 200])
                .unwrap_or(&0)
        })
        .take(words * 4),
    );
    packet.extend(&plain[IPV4..]);
    packet[0] = 0x40 | u8::try_from(5 + words).unwrap_or(15);
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[10..12].fill(0);
    let sum = checksum(&packet[..IPV4 + words * 4]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    frame(r, 0x0800, &packet)
}

fn other_protocol(r: &mut fastrand::Rng) -> Vec<u8> {
    let data = bytes(r, 300);
    let protocol = IpProtocol::from(r.u8(..));
    let packet = ipv4(r, protocol, &data);
    frame(r, 0x0800, &packet)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_flood_is_the_same_again_and_fits_the_wire() {
        let flood = |seed| (0..20_000).map(|n| packet(seed, n)).collect::<Vec<_>>();
        let (once, again, other) = (flood(1), flood(1), flood(2));
        assert_eq!(once, again);
        assert_ne!(once, other);
        assert!(once.iter().all(|p| (ETHERNET..=1514).contains(&p.len())));
        let kinds: BTreeSet<_> = once
            .iter()
            .map(|p| (p[12], p[13], p.get(23).copied()))
            .collect();
        assert!(kinds.len() > 500, "{} kinds", kinds.len());
    }
}
