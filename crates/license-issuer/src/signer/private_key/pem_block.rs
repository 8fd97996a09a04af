//! PEM blocks (RFC 7468).

use pkcs8::der::pem;
use zeroize::Zeroizing;

use super::PrivateKeyError;

/// The label of an unencrypted private key (RFC 7468 section 10).
pub(super) const PLAIN: &str = "PRIVATE KEY";
/// The label of an encrypted private key (RFC 7468 section 11).
pub(super) const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// The label of parameters, which OpenSSL writes before an elliptic curve key.
const PARAMETERS: &str = "EC PARAMETERS";

pub(super) const BEGIN: &str = "-----BEGIN ";
pub(super) const DASHES: &str = "-----";
/// The maximum length of the label of a PEM block, in bytes.
const MAX_LABEL: usize = 40;

/// A PEM block with its label. Text around the block is ignored, as RFC 7468 section 2 permits.
pub(super) struct PemBlock<'a> {
    pub(super) label: &'a str,
    text: &'a str,
}

impl<'a> PemBlock<'a> {
    /// Finds the only private key in a text.
    pub(super) fn find(pem: &'a str) -> Result<Self, PrivateKeyError> {
        let no_block = || PrivateKeyError::NoBlock;
        let (_, rest) = pem.split_once(BEGIN).ok_or_else(no_block)?;
        let (label, body) = rest.split_once(DASHES).ok_or_else(no_block)?;
        if label.len() > MAX_LABEL || label.contains(['\r', '\n']) {
            return Err(no_block());
        }
        let end = format!("{DASHES}END {label}{DASHES}");
        let (body, after) = body
            .split_once(&end)
            .ok_or_else(|| PrivateKeyError::Truncated(label.to_owned()))?;
        let has_key = after.contains(&format!("{PLAIN}{DASHES}"));
        if label == PARAMETERS && has_key {
            return Self::find(after);
        }
        if has_key {
            return Err(PrivateKeyError::SeveralKeys);
        }
        let length = BEGIN.len() + label.len() + DASHES.len() + body.len() + end.len();
        let start = pem.len() - BEGIN.len() - rest.len();
        let text = pem.get(start..start + length).ok_or_else(no_block)?;
        Ok(Self { label, text })
    }

    /// Decodes the block into one buffer, which is wiped even if decoding fails.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PrivateKeyError> {
        let mut buffer = Zeroizing::new(vec![0; self.text.len()]);
        let length = pem::decode(self.text.as_bytes(), &mut buffer)
            .map(|(_, bytes)| bytes.len())
            .map_err(|error| PrivateKeyError::Pem(error.into()))?;
        buffer.truncate(length);
        Ok(buffer)
    }
}
