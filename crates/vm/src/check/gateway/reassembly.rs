//! Packets in fragments that nobody asked for: in order and out of order,
//! doubled, overlapping, with gaps, in the smallest pieces, longer than a packet
//! can be; of every protocol. Each series is made from a seed and a number.
//!
//! Whether they reach the guest's reassembly shows from outside: a ping that
//! comes in fragments is answered only when it was put together. One whose
//! fragments overlap is thrown away (net/ipv4/inet_fragment.c, as RFC 5722 says
//! for IPv6), but where the overlapping one lies wholly within what has come
//! already: that is taken for a double.

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket,
};

use super::hostile::checksum;
use super::{GATEWAY, GATEWAY_MAC, GUEST};
use crate::machine::qemu::GUEST_MAC;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const ICMP: usize = 8;

/// What a frame holds of a packet's payload at most: a multiple of 8.
const MOST: usize = 1480;

/// The identifier of our echo requests.
const IDENT: u16 = 0x7478;

/// One fragment: where it lies in its packet, its bytes, whether more follow.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    at: usize,
    bytes: Vec<u8>,
    more: bool,
}

/// Whether a series is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It is a ping that comes whole.
    Wanted,
    /// It is a ping with an overlap, all of which comes: it may be answered.
    Refused,
    /// Nobody can tell from outside.
    Untold,
}

/// The fragments of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    /// Ethernet frames of at most 1,514 bytes.
    pub frames: Vec<Vec<u8>>,
    /// What becomes of it.
    pub answer: Answer,
}

/// The series of this number of this seed.
pub(super) fn series(seed: u64, number: u64) -> Series {
    let mut random = fastrand::Rng::with_seed(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
    let r = &mut random;
    match r.u8(..60) {
        0 => oversized(r, number),
        1 => gap(r, number),
        2 => odd(r, number),
        3..=10 => overlapping(r, number),
        11..=14 => ipv6(r, number),
        _ => whole(r, number),
    }
}

/// Which of our pings a frame answers, by the number of its series.
pub(super) fn answered(frame: &[u8]) -> Option<u64> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    let icmp = packet.payload();
    let reply = packet.next_header() == IpProtocol::Icmp
        && packet.frag_offset() == 0
        && icmp.first() == Some(&0)
        && icmp.get(4..6) == Some(&IDENT.to_be_bytes()[..]);
    let number = icmp.get(ICMP..ICMP + 8)?;
    reply.then(|| number.try_into().map_or(0, u64::from_be_bytes))
}

/// A packet that comes whole, in some order, some fragments twice.
fn whole(r: &mut fastrand::Rng, number: u64) -> Series {
    let ping = r.u8(..10) < 6;
    let (protocol, payload) = if ping {
        (IpProtocol::Icmp, echo(r, number))
    } else {
        datagram(r)
    };
    let size = piece_size(r, payload.len());
    let mut pieces = cut(&payload, size);
    match r.u8(..4) {
        0 => pieces.reverse(),
        1 => r.shuffle(&mut pieces),
        2 => {
            // One that comes behind the last missing one begins a packet of its own.
            let twice = pieces[r.usize(..pieces.len().max(2) - 1)].clone();
            let at = r.usize(..pieces.len());
            pieces.insert(at, twice);
        }
        _ => {}
    }
    Series {
        frames: frames(&pieces, protocol, number),
        answer: if ping { Answer::Wanted } else { Answer::Untold },
    }
}

/// Fragments of which some overlap; the last one follows now and then.
fn overlapping(r: &mut fastrand::Rng, number: u64) -> Series {
    let payload = echo(r, number);
    let size = piece_size(r, payload.len()).max(16);
    let mut pieces = cut(&payload, size);
    let last = pieces.pop();
    let victim = pieces.get(r.usize(..pieces.len().max(1))).cloned();
    let Some(victim) = victim else {
        return whole(r, number);
    };
    // Shifted by less than its size, so that it is no double of another.
    let shift = 8 * r.usize(1..=(victim.bytes.len() / 8).saturating_sub(1).max(1));
    pieces.push(Piece {
        at: victim.at + shift,
        bytes: victim.bytes,
        more: true,
    });
    let comes_whole = r.u8(..6) == 0;
    pieces.extend(last.filter(|_| comes_whole));
    Series {
        frames: frames(&pieces, IpProtocol::Icmp, number),
        answer: if comes_whole {
            Answer::Refused
        } else {
            Answer::Untold
        },
    }
}

/// Together longer than an IPv4 packet can be (65,535 bytes with its header).
fn oversized(r: &mut fastrand::Rng, number: u64) -> Series {
    let payload: Vec<u8> = std::iter::repeat_with(|| r.u8(..)).take(66_600).collect();
    let pieces = cut(&payload, MOST);
    let protocol = *r
        .choice(&[IpProtocol::Icmp, IpProtocol::Udp, IpProtocol::Tcp])
        .unwrap_or(&IpProtocol::Udp);
    untold(frames(&pieces, protocol, number))
}

/// One fragment never comes.
fn gap(r: &mut fastrand::Rng, number: u64) -> Series {
    let (protocol, payload) = datagram(r);
    let size = piece_size(r, payload.len());
    let mut pieces = cut(&payload, size);
    pieces.remove(r.usize(..pieces.len()));
    pieces.truncate(4);
    untold(frames(&pieces, protocol, number))
}

/// What no sender makes: nothing in it, a length that is no multiple of 8, a
/// last one before others, an end behind the longest packet's.
fn odd(r: &mut fastrand::Rng, number: u64) -> Series {
    let bytes = |r: &mut fastrand::Rng, n| std::iter::repeat_with(|| r.u8(..)).take(n).collect();
    let piece = |at, bytes, more| Piece { at, bytes, more };
    let pieces = match r.u8(..4) {
        0 => vec![piece(8 * r.usize(..100), Vec::new(), true)],
        1 => {
            let n = r.usize(1..700);
            vec![piece(0, bytes(r, n), true)]
        }
        2 => {
            let (first, second) = (bytes(r, 64), bytes(r, 64));
            vec![piece(64, first, false), piece(256, second, true)]
        }
        _ => vec![piece(65_528, bytes(r, 600), false)],
    };
    let protocol = IpProtocol::from(r.u8(..));
    untold(frames(&pieces, protocol, number))
}

/// The same over IPv6 (RFC 8200, 4.5), which a guest without it passes over.
fn ipv6(r: &mut fastrand::Rng, number: u64) -> Series {
    const HEADER: usize = 40;
    const FRAGMENT: usize = 8;
    const FRAGMENT_HEADER: u8 = 44;
    let payload = datagram(r).1;
    let size = piece_size(r, payload.len());
    let mut pieces = cut(&payload, size);
    if r.bool() {
        let shifted = pieces[0].clone();
        pieces.insert(1, Piece { at: 8, ..shifted });
    }
    // The guest's link-local address, made from its MAC (RFC 4291, 2.5.1).
    let mac = GUEST_MAC.0;
    let host = [
        mac[0] ^ 2,
        mac[1],
        mac[2],
        0xff,
        0xfe,
        mac[3],
        mac[4],
        mac[5],
    ];
    let next = *r.choice(&[17u8, 6, 58, 59]).unwrap_or(&17);
    let frame = |piece: &Piece| {
        let length = FRAGMENT + piece.bytes.len();
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        packet.extend([FRAGMENT_HEADER, 64]);
        packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
        packet.extend(host);
        debug_assert_eq!(packet.len(), HEADER);
        let offset = u16::try_from(piece.at).unwrap_or(u16::MAX) & !7;
        packet.extend([next, 0]);
        packet.extend((offset | u16::from(piece.more)).to_be_bytes());
        packet.extend((number as u32).to_be_bytes());
        packet.extend(&piece.bytes);
        ethernet(0x86dd, &packet)
    };
    let short = |piece: &&Piece| piece.bytes.len() + HEADER + FRAGMENT <= 1500;
    untold(pieces.iter().filter(short).map(frame).collect())
}

fn untold(frames: Vec<Vec<u8>>) -> Series {
    Series {
        frames,
        answer: Answer::Untold,
    }
}

/// An echo request (RFC 792) whose data begins with the series' number.
fn echo(r: &mut fastrand::Rng, number: u64) -> Vec<u8> {
    let mut icmp = vec![8, 0, 0, 0];
    icmp.extend(IDENT.to_be_bytes());
    icmp.extend((number as u16).to_be_bytes());
    icmp.extend(number.to_be_bytes());
    let more = r.usize(64..6000);
    icmp.extend(std::iter::repeat_with(|| r.u8(..)).take(more));
    let sum = checksum(&icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    icmp
}

/// A packet of another protocol.
fn datagram(r: &mut fastrand::Rng) -> (IpProtocol, Vec<u8>) {
    let length = r.usize(200..6000);
    let mut payload: Vec<u8> = std::iter::repeat_with(|| r.u8(..)).take(length).collect();
    let protocol = match r.u8(..6) {
        0 | 1 => IpProtocol::Udp,
        2 => IpProtocol::Tcp,
        3 => IpProtocol::Igmp,
        _ => IpProtocol::from(r.u8(..)),
    };
    match protocol {
        IpProtocol::Udp => {
            let mut udp = UdpPacket::new_unchecked(&mut payload);
            udp.set_len(u16::try_from(length).unwrap_or(u16::MAX));
            udp.fill_checksum(&GATEWAY.into(), &GUEST.into());
        }
        IpProtocol::Tcp => {
            let mut tcp = TcpPacket::new_unchecked(&mut payload);
            tcp.set_header_len(20);
            tcp.fill_checksum(&GATEWAY.into(), &GUEST.into());
        }
        _ => {}
    }
    (protocol, payload)
}

/// How large fragments are: most of them as large as they can be, some as small.
fn piece_size(r: &mut fastrand::Rng, length: usize) -> usize {
    let size = match r.u8(..8) {
        0 if length < 1500 => 8,
        0 | 1 => 8 * r.usize(8..32),
        2..=4 => 8 * r.usize(32..=MOST / 8),
        _ => MOST,
    };
    // At least two of them.
    size.min((length / 2).next_multiple_of(8).max(8))
}

fn cut(payload: &[u8], size: usize) -> Vec<Piece> {
    let count = payload.len().div_ceil(size);
    let pieces = payload.chunks(size).enumerate();
    pieces
        .map(|(i, bytes)| Piece {
            at: i * size,
            bytes: bytes.to_vec(),
            more: i + 1 < count,
        })
        .collect()
}

fn frames(pieces: &[Piece], protocol: IpProtocol, number: u64) -> Vec<Vec<u8>> {
    let frame = |piece: &Piece| {
        let mut packet = vec![0; IPV4 + piece.bytes.len()];
        let mut ip = Ipv4Packet::new_unchecked(&mut packet);
        ip.set_version(4);
        ip.set_header_len(20);
        ip.set_total_len(u16::try_from(IPV4 + piece.bytes.len()).unwrap_or(u16::MAX));
        ip.set_ident(number as u16);
        ip.set_hop_limit(64);
        ip.set_next_header(protocol);
        ip.set_src_addr(GATEWAY);
        ip.set_dst_addr(GUEST);
        ip.set_more_frags(piece.more);
        ip.set_frag_offset(u16::try_from(piece.at).unwrap_or(u16::MAX) & !7);
        ip.payload_mut().copy_from_slice(&piece.bytes);
        ip.fill_checksum();
        ethernet(0x0800, &packet)
    };
    pieces.iter().map(frame).collect()
}

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET + payload.len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
    ethernet.set_dst_addr(EthernetAddress(GUEST_MAC.0));
    ethernet.set_src_addr(EthernetAddress(GATEWAY_MAC));
    ethernet.set_ethertype(EthernetProtocol::from(kind));
    ethernet.payload_mut().copy_from_slice(payload);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4(frame: &[u8]) -> Option<Ipv4Packet<&[u8]>> {
        let packet = Ipv4Packet::new_checked(frame.get(ETHERNET..)?).ok()?;
        (frame[12..14] == [8, 0]).then_some(packet)
    }

    #[test]
    fn series_are_the_same_again_and_fit_the_wire() {
        let all = |seed| (0..3000).map(|n| series(seed, n)).collect::<Vec<_>>();
        let (once, again) = (all(1), all(1));
        assert!(once == again && once != all(2));
        for frame in once.iter().flat_map(|series| &series.frames) {
            assert!((ETHERNET + IPV4..=1514).contains(&frame.len()));
        }
        let count = |answer| once.iter().filter(|s| s.answer == answer).count();
        assert!(count(Answer::Wanted) > 800, "{}", count(Answer::Wanted));
        assert!(count(Answer::Refused) > 30, "{}", count(Answer::Refused));
    }

    #[test]
    fn a_ping_that_is_answered_has_every_byte_once_or_the_same_twice() {
        for number in 0..500 {
            let Series { frames, answer } = series(7, number);
            if answer != Answer::Wanted {
                continue;
            }
            let mut bytes: Vec<Option<u8>> = vec![None; 1 << 16];
            for frame in &frames {
                let packet = ipv4(frame).expect("is a packet");
                assert!(packet.verify_checksum());
                let at = usize::from(packet.frag_offset());
                for (i, byte) in packet.payload().iter().enumerate() {
                    assert!(bytes[at + i].is_none_or(|known| known == *byte));
                    bytes[at + i] = Some(*byte);
                }
            }
            let whole: Vec<u8> = bytes.iter().map_while(|b| *b).collect();
            assert!(bytes[whole.len()..].iter().all(Option::is_none));
            assert_eq!(checksum(&whole), 0, "series {number}");
        }
    }

    #[test]
    fn an_overlap_that_comes_whole_overlaps_and_is_no_double() {
        let mut seen = 0;
        for number in 0..2000 {
            let Series { frames, answer } = series(7, number);
            if answer != Answer::Refused {
                continue;
            }
            seen += 1;
            let spans: Vec<(usize, usize)> = frames
                .iter()
                .filter_map(|frame| ipv4(frame))
                .map(|p| (usize::from(p.frag_offset()), p.payload().len()))
                .collect();
            let overlapping = spans[spans.len() - 2];
            let cut_across = spans[..spans.len() - 2].iter().any(|(at, length)| {
                let (from, to) = (overlapping.0, overlapping.0 + overlapping.1);
                from < at + length && *at < to && (from > *at || to > at + length)
            });
            assert!(cut_across, "series {number}: {spans:?}");
        }
        assert!(seen > 20);
    }

    #[test]
    fn an_answer_names_its_series_and_other_frames_none() {
        let mut reply = echo(&mut fastrand::Rng::with_seed(1), 123_456);
        reply[0] = 0;
        let answer = frames(&cut(&reply, MOST), IpProtocol::Icmp, 9);
        assert_eq!(answered(&answer[0]), Some(123_456));
        assert_eq!(answered(&answer[1]), None);
        assert_eq!(answered(&[0; 60]), None);
        assert_eq!(answered(&[]), None);
    }
}
