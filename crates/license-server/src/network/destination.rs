//! The addresses to which the server sends requests for an organization.

use std::net::IpAddr;

use super::{Network, is_public};

/// The addresses to which the server sends requests whose URL an administrator of an organization
/// has chosen.
///
/// Such a URL must not reach the services of the server's own network, such as the metadata of a
/// cloud. Only public addresses are permitted, and the networks of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct DestinationPolicy {
    /// Networks that are permitted, although their addresses are not public.
    pub(crate) networks: Vec<Network>,
    /// Whether `http` is permitted to these networks.
    pub(crate) allows_http: bool,
}

impl DestinationPolicy {
    /// Returns whether a request to an address is permitted.
    pub(crate) fn permits(&self, address: IpAddr, is_https: bool) -> bool {
        let is_configured = self
            .networks
            .iter()
            .any(|network| network.contains(address));
        if is_https {
            is_configured || is_public(address)
        } else {
            is_configured && self.allows_http
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_permitted() {
        let policy = DestinationPolicy::default();
        for (address, expected) in [
            ("1.1.1.1", true),
            ("8.8.8.8", true),
            ("100.63.255.255", true),
            ("100.128.0.0", true),
            ("172.15.255.255", true),
            ("172.32.0.0", true),
            ("192.0.1.1", true),
            ("198.17.255.255", true),
            ("198.20.0.0", true),
            ("223.255.255.255", true),
            ("2606:4700::1111", true),
            ("2001:200::1", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::808:808", true),
            // IPv4.
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.1", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("239.255.255.255", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            // IPv6.
            ("::", false),
            ("::1", false),
            ("::2", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:2::1", false),
            ("2001:10::1", false),
            ("2001:db8::1", false),
            ("3fff::1", false),
            ("4000::1", false),
            ("5f00::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            // IPv4 in IPv6: mapped, compatible, NAT64 and 6to4.
            ("::ffff:127.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("::127.0.0.1", false),
            ("::8.8.8.8", false),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::10.0.0.1", false),
            ("64:ff9b:1::8.8.8.8", false),
            ("64:ff9b:0:0:1::8.8.8.8", false),
            ("2002:7f00:1::1", false),
            ("2002:808:808::1", false),
            ("2002:a00:1::1", false),
            ("2002:a9fe:a9fe::", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(policy.permits(address, true), expected, "{address}");
            assert!(!policy.permits(address, false), "http to {address}");
        }
    }

    #[test]
    fn the_configuration_permits_networks_and_http_to_them() {
        let policy = |allows_http| DestinationPolicy {
            networks: vec!["10.1.0.0/16".parse().unwrap(), "fd00::/8".parse().unwrap()],
            allows_http,
        };
        for (address, is_configured) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", true),
            ("10.2.0.1", false),
            ("127.0.0.1", false),
            // The network of the configuration does not include its embedded forms.
            ("64:ff9b::10.1.2.3", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(
                policy(false).permits(address, true),
                is_configured,
                "{address}"
            );
            assert_eq!(
                policy(true).permits(address, false),
                is_configured,
                "{address}"
            );
            assert!(!policy(false).permits(address, false), "{address}");
        }
        // Without TLS, public addresses are refused in any case.
        assert!(!policy(true).permits("8.8.8.8".parse().unwrap(), false));
    }
}
