//! The proxy settings of the environment, as `curl` reads them.

use std::ffi::OsString;
use std::net::IpAddr;

use ureq::Proxy;

use super::server_url::ServerUrl;

/// Returns the proxy for a server, with its variable if the URL of the proxy cannot be used.
///
/// The rules are those of `curl`: `https_proxy` or `http_proxy` by the scheme of the URL, then
/// `all_proxy`. A variable in lower case comes before one in upper case. `HTTP_PROXY` does not
/// count in a CGI program, where a client can set it with the header `Proxy`. Hosts in `no_proxy`
/// are reached directly. In addition, this machine is always reached directly.
pub(super) fn proxy_for(
    server: &ServerUrl,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Proxy>, String> {
    if server.is_loopback() {
        return Ok(None);
    }
    let variable = |name: &str| {
        let value = environment(name)?.to_string_lossy().trim().to_owned();
        Some((name.to_owned(), value))
    };
    let either = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_uppercase()));
    let by_scheme = if server.is_https() {
        either("https_proxy")
    } else if environment("REQUEST_METHOD").is_some() {
        variable("http_proxy")
    } else {
        either("http_proxy")
    };
    let Some((name, url)) = by_scheme.or_else(|| either("all_proxy")) else {
        return Ok(None);
    };
    let excluded = either("no_proxy").map(|(_, hosts)| hosts);
    let is_excluded = excluded.is_some_and(|hosts| is_excluded(&hosts, server.host()));
    if url.is_empty() || is_excluded {
        return Ok(None);
    }
    Proxy::new(&url).map(Some).map_err(|_| name)
}

/// Returns whether a list of `no_proxy` names the host. An entry is `*`, a host name, which
/// includes the names below it, an address, or a network such as `10.0.0.0/8`.
fn is_excluded(entries: &str, host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    let mut entries = entries
        .split(|part: char| part == ',' || part.is_whitespace())
        .filter(|entry| !entry.is_empty());
    entries.any(|entry| {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return true;
        }
        if let Some(address) = address {
            let entry = entry.trim_start_matches('[').trim_end_matches(']');
            return match entry.split_once('/') {
                Some((network, bits)) => is_in_network(address, network, bits),
                None => entry.parse() == Ok(address),
            };
        }
        let name = entry.trim_start_matches('.').trim_end_matches('.');
        host == name
            || host
                .strip_suffix(name)
                .is_some_and(|start| start.ends_with('.'))
    })
}

fn is_in_network(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => (
            u128::from(address.to_bits()),
            u128::from(network.to_bits()),
            32,
        ),
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    if bits > width {
        return false;
    }
    let shift = width.saturating_sub(bits);
    let prefix = |value: u128| value.checked_shr(shift).unwrap_or(0);
    prefix(address) == prefix(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the proxy of a server in an environment, without the slash at the end.
    fn proxy(server: &str, environment: &[(&str, &str)]) -> Option<String> {
        let server = ServerUrl::parse(server).unwrap();
        let variable = |name: &str| {
            let found = environment.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let proxy = proxy_for(&server, variable).unwrap();
        proxy.map(|proxy| proxy.uri().to_string().trim_end_matches('/').to_owned())
    }

    const HTTPS: &str = "https://a.acme.example:8443";
    const HTTP: &str = "http://a.acme.example";

    #[test]
    fn the_scheme_of_the_server_selects_the_variable() {
        let both = [
            ("https_proxy", "http://s:1"),
            ("http_proxy", "http://p:2"),
            ("all_proxy", "http://a:3"),
        ];
        assert_eq!(proxy(HTTPS, &both).as_deref(), Some("http://s:1"));
        assert_eq!(proxy(HTTP, &both).as_deref(), Some("http://p:2"));
        assert_eq!(proxy(HTTPS, &both[1..]).as_deref(), Some("http://a:3"));
        assert_eq!(
            proxy(HTTPS, &[("ALL_PROXY", "socks5h://a:3")]).as_deref(),
            Some("socks5h://a:3")
        );
        assert_eq!(proxy(HTTPS, &[]), None);
    }

    #[test]
    fn lower_case_comes_first_and_an_empty_value_means_no_proxy() {
        let both = [
            ("https_proxy", "http://low:1"),
            ("HTTPS_PROXY", "http://up:2"),
        ];
        assert_eq!(proxy(HTTPS, &both).as_deref(), Some("http://low:1"));
        assert_eq!(proxy(HTTPS, &both[1..]).as_deref(), Some("http://up:2"));
        assert_eq!(
            proxy(
                HTTPS,
                &[("https_proxy", ""), ("HTTPS_PROXY", "http://up:2")]
            ),
            None
        );
    }

    #[test]
    fn a_cgi_program_ignores_http_proxy_in_upper_case() {
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil:1")];
        assert_eq!(proxy(HTTP, &cgi), None);
        assert_eq!(proxy(HTTP, &cgi[1..]).as_deref(), Some("http://evil:1"));
        let lower = [("REQUEST_METHOD", "GET"), ("http_proxy", "http://p:1")];
        assert_eq!(proxy(HTTP, &lower).as_deref(), Some("http://p:1"));
    }

    #[test]
    fn this_machine_is_reached_directly() {
        for server in [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "https://[::1]:1",
        ] {
            let all = [("https_proxy", "http://p:1"), ("http_proxy", "http://p:1")];
            assert_eq!(proxy(server, &all), None, "{server}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        for (entries, host, expected) in [
            ("*", "a.example", true),
            ("example", "a.example", true),
            (".example", "a.example", true),
            ("a.example", "a.example", true),
            ("A.Example", "a.example", true),
            ("b.example, a.example", "a.example", true),
            ("b.example a.example", "a.example", true),
            ("xample", "a.example", false),
            ("a.a.example", "a.example", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("0.0.0.0/0", "11.1.2.3", true),
            ("0.0.0.0/33", "11.1.2.3", false),
            ("fd00::/8", "fd12::1", true),
            ("[fd12::1]", "fd12::1", true),
            ("fd00::/8", "fe12::1", false),
            ("10.0.0.0/8", "a.example", false),
            ("", "a.example", false),
        ] {
            assert_eq!(is_excluded(entries, host), expected, "{entries} {host}");
        }
        let all = [("https_proxy", "http://p:1"), ("NO_PROXY", "acme.example")];
        assert_eq!(proxy(HTTPS, &all), None);
    }

    #[test]
    fn a_variable_with_a_url_that_cannot_be_used_is_named() {
        let server = ServerUrl::parse(HTTPS).unwrap();
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "gopher://p".into());
        assert_eq!(proxy_for(&server, variable), Err("HTTPS_PROXY".to_owned()));
    }
}
