//! URLs of endpoints.

use std::fmt;
use std::net::IpAddr;

use axum::http::Uri;
use license_core::encoding::hex;
use sha2::{Digest, Sha256};

/// The URL of an endpoint.
///
/// Some receivers have a secret in the path or the query, so the whole URL is in no log, error or
/// audit entry.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl {
    text: String,
    origin: String,
    host: String,
    is_https: bool,
}

impl WebhookUrl {
    /// The longest URL in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// Parses a URL with the scheme `https` or `http`, a host, and neither credentials nor a
    /// fragment. Returns `None` for other texts.
    pub fn parse(text: &str) -> Option<Self> {
        // A space, a line break or a control character would end the header in which the URL is.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || text.len() > Self::MAX_BYTES || text.contains(['#', '\\']) {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = authority.host();
        let port = authority.port_u16();
        // A port that is not a number from 1 to 65535 is not read as one.
        let has_port = authority.as_str().len() > host.len();
        if host.is_empty() || authority.as_str().contains('@') || has_port != port.is_some() {
            return None;
        }
        if port == Some(0) {
            return None;
        }
        Some(Self {
            text: text.to_owned(),
            origin: format!("{scheme}://{authority}"),
            host: host.trim_matches(['[', ']']).to_owned(),
            is_https,
        })
    }

    /// Returns the whole URL.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the scheme, the host and the port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns the address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Returns the SHA-256 digest of the URL in hexadecimal digits.
    pub fn digest(&self) -> String {
        hex::encode(&Sha256::digest(self.text.as_bytes()))
    }
}

/// Omits the path and the query.
impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({}/…)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_host_and_neither_credentials_nor_line_breaks() {
        for text in [
            "https://hooks.example.com/services/T0/secret?a=b",
            "https://hooks.example.com",
            "http://10.0.0.5:8080/x",
            "https://[2001:db8::1]:8443/",
        ] {
            let url = WebhookUrl::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(url.expose(), text);
        }
        for text in [
            "",
            "hooks.example.com",
            "/path",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "gopher://hooks.example.com/",
            "https://",
            "https:///path",
            "https://ann:secret@hooks.example.com/",
            "https://ann@hooks.example.com/",
            "https://hooks.example.com@evil.example/",
            "https://hooks.example.com:0/",
            "https://hooks.example.com:/",
            "https://hooks.example.com:99999/",
            "https://hooks.example.com/#fragment",
            "https://hooks.example.com\\@evil.example/",
            "https://hooks.example.com/a b",
            "https://hooks.example.com/\r\nHost: evil.example",
            "https://hooks.example.com/\nX: y",
            "https://hooks.example.com\r\n/",
            "https://hooks.example.com/\0",
            "https://hooks.example.com/\u{e4}",
            "https://h\u{f6}oks.example.com/",
            " https://hooks.example.com/",
        ] {
            assert_eq!(WebhookUrl::parse(text), None, "{text:?}");
        }
        let long = |length: usize| format!("https://h/{}", "a".repeat(length - 10));
        assert!(WebhookUrl::parse(&long(2048)).is_some());
        assert_eq!(WebhookUrl::parse(&long(2049)), None);
    }

    #[test]
    fn only_the_origin_is_shown() {
        let url =
            WebhookUrl::parse("https://hooks.example.com:8443/T0/secret?key=hunter2").unwrap();
        assert_eq!(url.origin(), "https://hooks.example.com:8443");
        let shown = format!("{url:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("hunter2"),
            "{shown}"
        );
        let other = WebhookUrl::parse("https://[::1]/x").unwrap();
        assert_eq!(other.address(), "::1".parse().ok());
        assert_eq!(url.address(), None);
    }
}
