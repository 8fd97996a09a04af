//! E-mail addresses.

use std::fmt;

/// An e-mail address in its normal form: ASCII in lower case, without quotes and comments.
///
/// Two addresses that differ only in the case of their letters are the same address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The longest address, in bytes (RFC 5321, section 4.5.3.1.3, without the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// A description of the accepted addresses, for messages.
    pub const EXPECTED: &'static str =
        "an e-mail address of ASCII characters, such as ann@example.com, with at most 254 bytes";

    /// The longest part before the `@`, in bytes (RFC 5321, section 4.5.3.1.1).
    const MAX_LOCAL: usize = 64;

    /// Parses an address, and brings it to its normal form. Returns `None` for a text that is not a
    /// plain address, such as one with a line break, a display name or letters outside ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        let (local, domain) = text.rsplit_once('@')?;
        let is_accepted = text.len() <= Self::MAX_BYTES && is_local(local) && is_domain(domain);
        is_accepted.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns the address of the mailbox: without the part after `+`. Many mail servers deliver
    /// `ann+x@` to `ann@`, so one person could otherwise have any number of addresses.
    pub fn mailbox(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let mailbox = match local.split_once('+') {
            Some((mailbox, _)) if !mailbox.is_empty() => mailbox,
            _ => local,
        };
        format!("{mailbox}@{domain}")
    }

    /// Reads an address from the database.
    pub(crate) fn from_column(text: String) -> Self {
        Self(text)
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a text is a dot-atom (RFC 5322, section 3.2.3).
fn is_local(text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.len() <= EmailAddress::MAX_LOCAL
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(is_atom))
}

/// Returns whether a text is a domain name of letters, digits and hyphens.
fn is_domain(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Omits the address, which is personal data.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_has_any_number_of_addresses() {
        for (text, expected) in [
            ("ann@example.com", "ann@example.com"),
            ("Ann+News+x@example.com", "ann@example.com"),
            ("+ann@example.com", "+ann@example.com"),
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().mailbox(), expected);
        }
    }

    #[test]
    fn an_address_has_one_form_and_no_room_for_headers() {
        let parsed = |text: &str| EmailAddress::parse(text).map(|email| email.to_string());
        for (text, expected) in [
            ("Ann@Example.COM", "ann@example.com"),
            (" ann@example.com ", "ann@example.com"),
            (
                "ann.o'neil+tag@mail.example.co",
                "ann.o'neil+tag@mail.example.co",
            ),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(parsed(text).as_deref(), Some(expected));
        }
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "a".repeat(64));
        let long = format!("a@{}com", "abcdefgh.".repeat(30));
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com\r\nBcc: eve@example.com",
            "ann\n@example.com",
            "ann@example.com\n",
            "ann@exa mple.com",
            "ann@@example.com",
            "Ann <ann@example.com>",
            "ann@example.com,eve@example.com",
            "\"ann\"@example.com",
            "ann..o@example.com",
            ".ann@example.com",
            "ann@-example.com",
            "ann@example..com",
            "änn@example.com",
            "ann@exämple.com",
            "ann@[127.0.0.1]",
            "ann\0@example.com",
            // Letters of other scripts, compatibility forms, and invisible characters.
            "\u{430}nn@example.com",
            "ann@ex\u{430}mple.com",
            "\u{ff41}nn@example.com",
            "a\u{308}nn@example.com",
            "ann\u{200b}@example.com",
            "\u{131}an@example.com",
            "ann@example\u{3002}com",
            "\u{212a}im@example.com",
            "ann\u{a0}@example.com",
            &long_local,
            &long_label,
            &long,
        ] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }
}
