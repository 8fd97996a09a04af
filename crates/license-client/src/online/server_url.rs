//! URLs of license servers.

use std::net::IpAddr;

use ureq::http::Uri;

/// The URL of a license server: `https://HOST[:PORT][/PREFIX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerUrl {
    /// The URL without a slash at the end.
    base: String,
    host: String,
    is_https: bool,
}

impl ServerUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// Returns a description of the text that was found, without a password in it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "text that is not a URL")?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err("a URL with another scheme"),
            None => return Err("text without https://"),
        };
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err("a URL without a host");
        };
        if authority.as_str().contains('@') {
            return Err("a URL with a user name");
        }
        if uri.query().is_some() || text.contains('#') {
            return Err("a URL with a query or a fragment");
        }
        let has_port = authority
            .as_str()
            .strip_prefix(host)
            .is_some_and(|port| !port.is_empty());
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err("a URL with a port that does not exist");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            base: text.trim_end_matches('/').to_owned(),
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            is_https,
        })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.base
    }

    /// Returns the host in lower case, without brackets and without a dot at the end.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns whether the host is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.parse();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Returns whether an answer proves that it is from the server: over TLS, or from this machine.
    pub(super) fn is_authenticated(&self) -> bool {
        self.is_https || self.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host_and_may_have_a_path() {
        for (text, base, host, is_authenticated) in [
            ("https://A.example/", "https://A.example", "a.example", true),
            (
                "https://a.example.:8443/licenses/",
                "https://a.example.:8443/licenses",
                "a.example",
                true,
            ),
            (
                "http://127.0.0.1:8443",
                "http://127.0.0.1:8443",
                "127.0.0.1",
                true,
            ),
            ("http://[::1]:80", "http://[::1]:80", "::1", true),
            ("http://localhost", "http://localhost", "localhost", true),
            (
                "http://localhost.example",
                "http://localhost.example",
                "localhost.example",
                false,
            ),
        ] {
            let url = ServerUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.host()), (base, host));
            assert_eq!(url.is_authenticated(), is_authenticated, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "",
            "a.example",
            "a.example:8443",
            "ftp://a.example",
            "https://ann:secret@a.example",
            "https://a.example/?q",
            "https://a.example/#f",
            "https://a.example:0",
            "https://a.example:99999",
            "https://",
            "https:///path",
        ] {
            let found = ServerUrl::parse(text).expect_err(text);
            assert!(!found.contains("secret"));
        }
    }
}
