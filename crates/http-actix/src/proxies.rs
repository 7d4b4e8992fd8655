//! Which client a request comes from when it passed through proxies.

use std::{net::IpAddr, str::FromStr};

use actix_web::http::header::HeaderValue;
use domain::identity::ClientAddress;
use ipnet::IpNet;

/// The proxies whose `X-Forwarded-For` is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Parses addresses and networks, separated by commas: `10.0.0.7,192.168.0.0/16`.
    fn from_str(text: &str) -> Result<Self, String> {
        let network = |text: &str| {
            let address = || text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>().or_else(|_| address())
        };
        text.split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| network(text).map_err(|_| format!("{text:?} is no address or network")))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl TrustedProxies {
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client behind a request from `peer`. Each proxy appends to `X-Forwarded-For` the address
    /// it got the request from: the last one that is not a trusted proxy is the client. Anything
    /// that the client itself wrote comes before it, and is not read.
    pub(crate) fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a HeaderValue>,
    ) -> ClientAddress {
        let mut client = peer;
        let hops = forwarded
            .rev()
            .flat_map(|header| header.to_str().unwrap_or_default().rsplit(','));
        for hop in hops {
            if !self.trusts(client) {
                break;
            }
            // A trusted proxy wrote something that is no address: the client behind it is unknown.
            let Ok(address) = hop.trim().parse() else {
                break;
            };
            client = address;
        }
        ClientAddress::new(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&'static str]) -> ClientAddress {
        let trusted: TrustedProxies = trusted.parse().unwrap();
        let headers: Vec<_> = forwarded
            .iter()
            .map(|text| HeaderValue::from_static(text))
            .collect();
        trusted.client(peer.parse().unwrap(), headers.iter())
    }

    fn address(text: &str) -> ClientAddress {
        ClientAddress::new(text.parse().unwrap())
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let client = client("", "192.0.2.1", &["198.51.100.7"]);
        assert_eq!(client, address("192.0.2.1"));
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_no_proxy_of_ours() {
        let trusted = "10.0.0.0/8, 192.0.2.1";
        for (forwarded, expected) in [
            (&["198.51.100.7"][..], "198.51.100.7"),
            // An entry that the client wrote itself.
            (&["203.0.113.5, 198.51.100.7"], "198.51.100.7"),
            (&["198.51.100.7, 10.1.2.3"], "198.51.100.7"),
            (&["203.0.113.5", "198.51.100.7", "10.1.2.3"], "198.51.100.7"),
            (&["unknown"], "192.0.2.1"),
            (&[], "192.0.2.1"),
        ] {
            assert_eq!(client(trusted, "192.0.2.1", forwarded), address(expected));
        }
    }

    #[test]
    fn what_is_no_address_is_reported() {
        assert!("10.0.0.0/8,proxy".parse::<TrustedProxies>().is_err());
        assert!("10.0.0.0/33".parse::<TrustedProxies>().is_err());
    }
}
