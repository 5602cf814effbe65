//! What the wire does to frames: loses, doubles, delays, reorders, corrupts and
//! fragments them. A function of the frames and a seed: the same frames at the
//! same times come out the same way again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use smoltcp::wire::{EthernetFrame, EthernetProtocol, Ipv4Packet};

use super::Faults;

/// Frames under way, in both directions alike.
#[derive(Debug)]
pub(super) struct Wire {
    faults: Faults,
    random: fastrand::Rng,
    sent: u64,
    underway: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    done: Mischief,
}

/// What was done to frames, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mischief {
    /// Frames that came in.
    pub frames: u64,
    /// Lost.
    pub dropped: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Delivered later, and so behind frames that were sent after them.
    pub delayed: u64,
    /// Delivered with a bit turned round.
    pub corrupted: u64,
    /// Delivered in several pieces.
    pub fragmented: u64,
}

impl Wire {
    /// A wire with these faults.
    pub(super) fn new(faults: Faults, salt: u64) -> Wire {
        Wire {
            faults,
            random: fastrand::Rng::with_seed(faults.seed ^ salt),
            sent: 0,
            underway: BinaryHeap::new(),
            done: Mischief::default(),
        }
    }

    /// What was done so far.
    pub(super) fn mischief(&self) -> Mischief {
        self.done
    }

    /// Puts a frame on the wire at a time since its beginning.
    pub(super) fn send(&mut self, now: Duration, frame: Vec<u8>) {
        self.done.frames += 1;
        if self.happens(self.faults.drop) {
            self.done.dropped += 1;
            return;
        }
        let twice = self.happens(self.faults.duplicate);
        if twice {
            self.done.duplicated += 1;
            self.deliver(now, frame.clone());
        }
        self.deliver(now, frame);
    }

    /// The next frame that has arrived by this time.
    pub(super) fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        let Reverse((at, _, _)) = self.underway.peek()?;
        if *at > now {
            return None;
        }
        self.underway.pop().map(|Reverse((_, _, frame))| frame)
    }

    fn deliver(&mut self, now: Duration, mut frame: Vec<u8>) {
        if self.happens(self.faults.corrupt) && !frame.is_empty() {
            self.done.corrupted += 1;
            let bit = self.random.usize(..frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
        }
        let pieces = if self.happens(self.faults.fragment) {
            fragments(&frame)
        } else {
            None
        };
        if pieces.is_some() {
            self.done.fragmented += 1;
        }
        for piece in pieces.unwrap_or_else(|| vec![frame]) {
            let late = self.happens(self.faults.delay);
            let mut at = now;
            if late {
                self.done.delayed += 1;
                at += self.faults.longest_delay.mul_f64(self.random.f64());
            }
            self.sent += 1;
            self.underway.push(Reverse((at, self.sent, piece)));
        }
    }

    fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.random.u16(..1000) < per_mille
    }
}

/// The payload of each fragment but the last: a multiple of 8 (RFC 791, 3.2).
const FRAGMENT: usize = 256;

/// An IPv4 packet as fragments (RFC 791); nothing where it is none, is one
/// already or is short. Its sender's wish that it may not be fragmented is not
/// heeded: every TCP stack has it, and nothing would ever come in fragments.
fn fragments(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    let whole = !packet.more_frags() && packet.frag_offset() == 0;
    let (head, payload) = (usize::from(packet.header_len()), packet.payload());
    if !whole || payload.len() <= FRAGMENT {
        return None;
    }
    let header = frame.get(..EthernetFrame::<&[u8]>::header_len() + head)?;
    let count = payload.len().div_ceil(FRAGMENT);
    let pieces = payload.chunks(FRAGMENT).enumerate().map(|(i, chunk)| {
        let mut piece = header.to_vec();
        piece.extend_from_slice(chunk);
        let mut packet =
            Ipv4Packet::new_unchecked(&mut piece[EthernetFrame::<&[u8]>::header_len()..]);
        packet.set_total_len(u16::try_from(head + chunk.len()).unwrap_or(u16::MAX));
        packet.set_dont_frag(false);
        packet.set_more_frags(i + 1 < count);
        packet.set_frag_offset(u16::try_from(i * FRAGMENT).unwrap_or(u16::MAX));
        packet.fill_checksum();
        piece
    });
    Some(pieces.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smoltcp::wire::{EthernetAddress, IpProtocol};

    use super::*;

    fn drained(wire: &mut Wire) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| wire.arrived(Duration::MAX)).collect()
    }

    fn ipv4(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 34 + payload.len()];
        let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
        ethernet.set_src_addr(EthernetAddress([2; 6]));
        ethernet.set_ethertype(EthernetProtocol::Ipv4);
        let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
        packet.set_version(4);
        packet.set_header_len(20);
        packet.set_total_len(u16::try_from(20 + payload.len()).expect("short"));
        packet.set_next_header(IpProtocol::Udp);
        packet.payload_mut().copy_from_slice(payload);
        packet.fill_checksum();
        frame
    }

    #[test]
    fn the_fragments_of_a_packet_put_together_are_the_packet() {
        let payload: Vec<u8> = (0..1000u32).map(|i| i.to_le_bytes()[0]).collect();
        let pieces = fragments(&ipv4(&payload)).expect("is fragmented");
        let mut together = vec![0; payload.len()];
        for piece in &pieces {
            let packet = Ipv4Packet::new_checked(&piece[14..]).expect("is a packet");
            assert!(packet.verify_checksum());
            let at = usize::from(packet.frag_offset());
            together[at..at + packet.payload().len()].copy_from_slice(packet.payload());
        }
        assert_eq!((pieces.len(), together), (4, payload));
    }

    proptest! {
        #[test]
        fn in_fair_weather_every_frame_arrives_once_in_order(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..30)
        ) {
            let mut wire = Wire::new(Faults::default(), 1);
            frames.iter().for_each(|f| wire.send(Duration::ZERO, f.clone()));
            prop_assert_eq!(drained(&mut wire), frames);
        }

        #[test]
        fn the_same_seed_does_the_same_to_any_frames(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..700), 0..30),
            seed: u64,
        ) {
            let faults = Faults { seed, ..Faults::storm() };
            let run = || {
                let mut wire = Wire::new(faults, 1);
                frames.iter().for_each(|f| wire.send(Duration::ZERO, f.clone()));
                (drained(&mut wire), wire.mischief())
            };
            prop_assert_eq!(run(), run());
        }
    }
}
