//! Kinds of text that people confuse with a license, a key or a request.

use super::armor::MachineRequestKind;
use super::layout::is_gap;
use super::pasted::{is_invisible, plain_dash, without_wrapping};
use super::qr_text;

/// The kind of a text, by its first words. A message names it without repeating the text.
///
/// ```
/// use license_core::encoding::TextKind;
///
/// let kind = TextKind::detect("ssh-rsa AAAAB3NzaC1yc2E= vendor@example.com");
/// assert_eq!(kind, Some(TextKind::SshPublicKey));
/// assert_eq!(TextKind::detect("CODITECT-PRO-D4424EFC5184-3730"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// A private key in PEM or as a JWK.
    PrivateKey,
    /// A private key in the format of OpenSSH.
    SshPrivateKey,
    /// A private key in the format of PuTTY.
    PuttyKey,
    /// A public key in the format of OpenSSH.
    SshPublicKey,
    /// An X.509 certificate.
    Certificate,
    /// A request for an X.509 certificate.
    CertificateRequest,
    /// A key or message of OpenPGP.
    OpenPgp,
    /// Public keys in PEM, or as a JWK or JWK Set.
    PublicKeys,
    /// A request or receipt of a machine.
    MachineRequest(MachineRequestKind),
    /// A license file or a token.
    License,
    /// A web page, such as an error page that was saved in place of a file.
    WebPage,
}

/// Labels of armor blocks. A label that contains another one comes first.
const LABELS: [(&str, TextKind); 9] = [
    ("BEGIN OPENSSH PRIVATE KEY", TextKind::SshPrivateKey),
    ("PRIVATE KEY-", TextKind::PrivateKey),
    ("BEGIN CERTIFICATE REQUEST", TextKind::CertificateRequest),
    (
        "BEGIN NEW CERTIFICATE REQUEST",
        TextKind::CertificateRequest,
    ),
    ("BEGIN CERTIFICATE", TextKind::Certificate),
    ("BEGIN TRUSTED CERTIFICATE", TextKind::Certificate),
    ("BEGIN SSH2 PUBLIC KEY", TextKind::SshPublicKey),
    ("BEGIN PGP ", TextKind::OpenPgp),
    ("PUBLIC KEY-", TextKind::PublicKeys),
];

/// The number of characters that show the kind.
const START: usize = 4096;

impl TextKind {
    /// Returns the kind of a text, or `None` if the text is of no kind that this type knows.
    ///
    /// Only the first 4096 characters decide.
    pub fn detect(text: &str) -> Option<Self> {
        let start = without_wrapping(text).trim_start_matches(['>', ' ']);
        let start: String = start.chars().take(START).map(plain).collect();
        let words = single_spaced(&start);
        let is_label = |(label, _): &&(&str, Self)| words.contains(label);
        let lower = start.to_ascii_lowercase();
        if start.starts_with("PuTTY-User-Key-File") {
            Some(Self::PuttyKey)
        } else if let Some((_, kind)) = LABELS.iter().find(is_label) {
            Some(*kind)
        } else if let Some(kind) = machine_request(&start, &words) {
            Some(Self::MachineRequest(kind))
        } else if words.contains("BEGIN LICENSE") || is_token(&start) {
            Some(Self::License)
        } else if lower.starts_with("ssh-") || lower.starts_with("ecdsa-sha2-") {
            Some(Self::SshPublicKey)
        } else if lower.starts_with('<') {
            Some(Self::WebPage)
        } else {
            start.starts_with('{').then(|| json_web_key(&start))?
        }
    }

    /// Returns a noun phrase for messages, such as `a certificate`.
    ///
    /// ```
    /// use license_core::encoding::TextKind;
    ///
    /// assert_eq!(TextKind::Certificate.name(), "a certificate");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "a private key",
            Self::SshPrivateKey => "a private key of OpenSSH",
            Self::PuttyKey => "a private key of PuTTY",
            Self::SshPublicKey => "a public key of OpenSSH",
            Self::Certificate => "a certificate",
            Self::CertificateRequest => "a certificate request",
            Self::OpenPgp => "a block of OpenPGP",
            Self::PublicKeys => "public keys (a trust set)",
            Self::MachineRequest(kind) => kind.name(),
            Self::License => "a license",
            Self::WebPage => "a web page",
        }
    }

    /// Returns whether the text is a secret that must not leave its owner.
    ///
    /// ```
    /// use license_core::encoding::TextKind;
    ///
    /// assert!(TextKind::PuttyKey.is_secret());
    /// assert!(!TextKind::Certificate.is_secret());
    /// ```
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::PrivateKey | Self::SshPrivateKey | Self::PuttyKey
        )
    }
}

/// Replaces a typographic dash with `-`, and a space of another kind with a space.
fn plain(character: char) -> char {
    if is_gap(character) {
        ' '
    } else {
        plain_dash(character)
    }
}

/// Returns the text without invisible characters, without the space before a dash, and with one
/// space in place of several.
fn single_spaced(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for character in text.chars().filter(|character| !is_invisible(*character)) {
        if matches!(character, ' ' | '-') && words.ends_with(' ') {
            words.pop();
        }
        words.push(character);
    }
    words
}

/// Returns the kind of a request. `words` is the same text with single spaces, for its label.
fn machine_request(start: &str, words: &str) -> Option<MachineRequestKind> {
    use MachineRequestKind::{Activation, Clock, Deactivation};
    let kinds = [Activation, Clock, Deactivation];
    // The second byte of the compact form is the number of the kind.
    let bytes = qr_text::first_bytes(qr_text::REQUEST, start);
    let number = bytes.and_then(|bytes| bytes.get(1).copied());
    let is_found = |kind: &MachineRequestKind| {
        words.contains(&format!("{}-", kind.label())) || number == Some(kind.number())
    };
    kinds.into_iter().find(is_found)
}

/// Returns the kind of a JWK or JWK Set. Returns `None` for other JSON.
fn json_web_key(start: &str) -> Option<TextKind> {
    let has = |name: &str| start.contains(&format!("\"{name}\""));
    if !has("kty") && !has("keys") {
        None
    } else if has("d") || has("k") {
        Some(TextKind::PrivateKey)
    } else {
        Some(TextKind::PublicKeys)
    }
}

/// Returns whether this is the start of a token, or of the text of a QR code with a token.
fn is_token(start: &str) -> bool {
    start.starts_with("eyJ") || start.starts_with(qr_text::TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_of_a_text_show_its_kind() {
        for (text, expected) in [
            ("-----BEGIN PRIVATE KEY-----\nMII", TextKind::PrivateKey),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII",
                TextKind::PrivateKey,
            ),
            ("> —BEGIN RSA PRIVATE KEY—\n> MII", TextKind::PrivateKey),
            (
                "-----BEGIN\u{a0}PRIVATE\u{a0}KEY-----\nMII",
                TextKind::PrivateKey,
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3",
                TextKind::SshPrivateKey,
            ),
            ("PuTTY-User-Key-File-3: ssh-rsa\n", TextKind::PuttyKey),
            ("ssh-rsa AAAA me@here\n", TextKind::SshPublicKey),
            ("---- BEGIN SSH2 PUBLIC KEY ----\n", TextKind::SshPublicKey),
            ("-----BEGIN CERTIFICATE-----\nMII", TextKind::Certificate),
            (
                "-----BEGIN CERTIFICATE REQUEST-----\n",
                TextKind::CertificateRequest,
            ),
            ("-----BEGIN PGP MESSAGE-----\n", TextKind::OpenPgp),
            ("-----BEGIN PUBLIC KEY-----\nMII", TextKind::PublicKeys),
            (r#"{"keys":[{"kty":"RSA"}]}"#, TextKind::PublicKeys),
            (r#"{"kty":"RSA","d":"x"}"#, TextKind::PrivateKey),
            ("<!DOCTYPE html><title>404</title>", TextKind::WebPage),
            ("-----BEGIN LICENSE-----\neyJ", TextKind::License),
            (
                "-----BEGIN  PRIVATE \u{200b} KEY-----\nMII",
                TextKind::PrivateKey,
            ),
            ("-----BEGIN  PUBLIC  KEY -----\nMII", TextKind::PublicKeys),
            ("eyJhbGciOiJSUzI1NiJ9.e30.AA", TextKind::License),
            (
                "-----BEGIN LICENSE CLOCK REQUEST-----\n{",
                TextKind::MachineRequest(MachineRequestKind::Clock),
            ),
        ] {
            assert_eq!(TextKind::detect(text), Some(expected), "{text}");
        }
        for text in ["", r#"{"ver":1}"#, "CODITECT-PRO-A7F3"] {
            assert_eq!(TextKind::detect(text), None, "{text}");
        }
    }
}
