//! The address that a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName};

use super::App;
use crate::network::{Network, peer_of};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// Returns the address of the connection, or the address that a trusted proxy names.
    pub(super) fn find(request: &Request, app: &App) -> Self {
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = connection.map_or(Ipv4Addr::UNSPECIFIED.into(), |info| info.0.ip());
        Self(forwarded(address, request.headers(), app.trusted_proxies()))
    }

    /// Returns the address.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }

    /// Returns the address by which limits count: for an IPv6 address, that of its /64 network.
    pub(super) fn limited_as(self) -> IpAddr {
        peer_of(self.0)
    }
}

/// Returns the last address of `X-Forwarded-For` that is not a trusted proxy. A client can send the
/// addresses before it.
fn forwarded(connection: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|proxy| proxy.contains(address));
    let mut found = connection.to_canonical();
    if !is_proxy(found) {
        return found;
    }
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let values = values.filter_map(|value| value.to_str().ok());
    for text in values.flat_map(|value| value.rsplit(',')) {
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            break;
        };
        found = address.to_canonical();
        if !is_proxy(found) {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_another_address() {
        let proxies: Vec<Network> = vec!["10.0.0.0/8".parse().unwrap()];
        for (connection, values, expected) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            (
                "10.0.0.1",
                &["1.1.1.1, 203.0.113.9, 10.9.9.9"],
                "203.0.113.9",
            ),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9, nonsense"], "10.0.0.1"),
            ("::ffff:10.0.0.1", &["2001:db8::1"], "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            let found = forwarded(connection.parse().unwrap(), &headers, &proxies);
            assert_eq!(
                found,
                expected.parse::<IpAddr>().unwrap(),
                "{connection} {values:?}"
            );
        }
    }
}
