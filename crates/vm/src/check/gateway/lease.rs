//! The DHCP server of the gateway (RFC 2131), and how it misbehaves: it refuses
//! a number of requests, gives short leases, and stops answering renewals.

use std::time::Duration;

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, Ipv4Address};

use super::{DNS, Faults, GATEWAY, GUEST, MASK};

/// The server's state.
#[derive(Debug)]
pub(super) struct Server {
    lease: Duration,
    naks_left: u32,
    renewals_left: Option<u32>,
    bound: bool,
    /// Messages that were refused.
    pub refused: u32,
    /// Renewals that were not answered.
    pub ignored: u32,
    /// Renewals that were answered.
    pub renewed: u32,
}

impl Server {
    /// A server with these faults.
    pub(super) fn new(faults: &Faults) -> Server {
        Server {
            lease: faults.lease,
            naks_left: faults.naks,
            renewals_left: faults.renewals,
            bound: false,
            refused: 0,
            ignored: 0,
            renewed: 0,
        }
    }

    /// The answer to a message, as the payload of a UDP datagram to the
    /// broadcast address; none where there is nothing to say.
    pub(super) fn answer(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let packet = DhcpPacket::new_checked(datagram).ok()?;
        let asked = DhcpRepr::parse(&packet).ok()?;
        let kind = match asked.message_type {
            DhcpMessageType::Discover => DhcpMessageType::Offer,
            DhcpMessageType::Request => self.request(&asked)?,
            DhcpMessageType::Release | DhcpMessageType::Decline => {
                self.bound = false;
                return None;
            }
            _ => return None,
        };
        let refused = kind == DhcpMessageType::Nak;
        let lease = u32::try_from(self.lease.as_secs()).unwrap_or(u32::MAX);
        let answer = DhcpRepr {
            message_type: kind,
            your_ip: if refused {
                Ipv4Address::UNSPECIFIED
            } else {
                GUEST
            },
            server_ip: GATEWAY,
            router: (!refused).then_some(GATEWAY),
            subnet_mask: (!refused).then_some(MASK),
            dns_servers: (!refused).then(|| [DNS].into_iter().collect()),
            lease_duration: (!refused).then_some(lease),
            server_identifier: Some(GATEWAY),
            client_ip: Ipv4Address::UNSPECIFIED,
            requested_ip: None,
            client_identifier: None,
            parameter_request_list: None,
            max_size: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
            ..asked
        };
        let mut bytes = vec![0; answer.buffer_len()];
        answer
            .emit(&mut DhcpPacket::new_unchecked(&mut bytes))
            .ok()?;
        Some(bytes)
    }

    /// A client that has its address names it as `ciaddr`: that is a renewal
    /// (RFC 2131, 4.3.2).
    fn request(&mut self, asked: &DhcpRepr<'_>) -> Option<DhcpMessageType> {
        let renewal = self.bound && asked.client_ip == GUEST;
        if renewal {
            match &mut self.renewals_left {
                Some(0) => {
                    self.ignored += 1;
                    return None;
                }
                Some(left) => *left -= 1,
                None => {}
            }
        }
        if self.naks_left > 0 {
            self.naks_left -= 1;
            self.refused += 1;
            self.bound = false;
            return Some(DhcpMessageType::Nak);
        }
        self.bound = true;
        self.renewed += u32::from(renewal);
        Some(DhcpMessageType::Ack)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smoltcp::wire::EthernetAddress;

    use super::*;

    fn message(kind: DhcpMessageType, client_ip: Ipv4Address) -> Vec<u8> {
        let repr = DhcpRepr {
            message_type: kind,
            transaction_id: 7,
            secs: 0,
            client_hardware_address: EthernetAddress([2; 6]),
            client_ip,
            your_ip: Ipv4Address::UNSPECIFIED,
            server_ip: Ipv4Address::UNSPECIFIED,
            router: None,
            subnet_mask: None,
            relay_agent_ip: Ipv4Address::UNSPECIFIED,
            broadcast: false,
            requested_ip: None,
            client_identifier: None,
            server_identifier: None,
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut bytes = vec![0; repr.buffer_len()];
        repr.emit(&mut DhcpPacket::new_unchecked(&mut bytes))
            .expect("fits");
        bytes
    }

    fn kind(answer: Option<Vec<u8>>) -> Option<DhcpMessageType> {
        let bytes = answer?;
        let packet = DhcpPacket::new_checked(&bytes[..]).expect("is a message");
        Some(DhcpRepr::parse(&packet).expect("is valid").message_type)
    }

    #[test]
    fn a_lease_is_refused_so_often_then_given_then_not_renewed() {
        use DhcpMessageType::{Ack, Discover, Nak, Offer, Request};
        let mut server = Server::new(&Faults {
            naks: 1,
            renewals: Some(1),
            ..Faults::default()
        });
        let mut say = |message_type, from| kind(server.answer(&message(message_type, from)));
        let nobody = Ipv4Address::UNSPECIFIED;
        assert_eq!(say(Discover, nobody), Some(Offer));
        assert_eq!(say(Request, nobody), Some(Nak));
        assert_eq!(say(Request, nobody), Some(Ack));
        assert_eq!(say(Request, GUEST), Some(Ack));
        assert_eq!(say(Request, GUEST), None);
        assert_eq!((server.refused, server.ignored), (1, 1));
    }

    proptest! {
        #[test]
        fn any_datagram_is_answered_or_left_alone(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Server::new(&Faults::default()).answer(&bytes);
        }
    }
}
