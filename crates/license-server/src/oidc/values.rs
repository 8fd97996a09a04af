//! Values of an authorization request: random texts, PKCE, URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The longest path to which a sign-in returns, in bytes.
pub(crate) const MAX_PATH: usize = 512;

/// All characters except the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the challenge of a verifier by the method S256 (RFC 7636, section 4.2).
pub(super) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Returns a text of the unreserved characters, as a part of a URL or a form.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Adds parameters to the query of a URL.
pub(super) fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let mut all = url.to_owned();
    for (name, value) in parameters {
        let separator = match all.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        all.push_str(separator);
        all.push_str(name);
        all.push('=');
        all.push_str(&encoded(value));
    }
    all
}

/// Returns whether a text is a path on this server, to which a redirect cannot leave the server.
///
/// Browsers take `//` and `/\` for the start of a host, and remove tabs and line breaks from a URL
/// before they read it.
pub(crate) fn is_own_path(text: &str) -> bool {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    text.len() <= MAX_PATH && is_plain && text.starts_with('/') && !text.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_specification() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let expected = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert_eq!(challenge(verifier), expected);
    }

    #[test]
    fn parameters_cannot_add_others() {
        let add = |url| with_query(url, &[("a", "1&b=2#\r\n é"), ("c", "~")]);
        let query = "a=1%26b%3D2%23%0D%0A%20%C3%A9&c=~";
        for (url, expected) in [
            (
                "https://a.example/x",
                format!("https://a.example/x?{query}"),
            ),
            (
                "https://a.example/x?",
                format!("https://a.example/x?{query}"),
            ),
            (
                "https://a.example/x?p=1",
                format!("https://a.example/x?p=1&{query}"),
            ),
        ] {
            assert_eq!(add(url), expected);
        }
    }

    #[test]
    fn a_redirect_stays_on_this_server() {
        for path in [
            "/",
            "/licenses",
            "/a?b=c&d=%2F%2Fevil.example#e",
            "/a//b",
            "/@evil.example",
        ] {
            assert!(is_own_path(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(MAX_PATH));
        for path in [
            "",
            "licenses",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: a=b",
            "/a b",
            "/é",
            "/\u{0}",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            " /a",
            ".",
            &long,
        ] {
            assert!(!is_own_path(path), "{path:?}");
        }
    }
}
