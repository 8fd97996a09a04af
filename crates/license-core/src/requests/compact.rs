//! Compact form of a machine request, for readback lines and for the check value.
//!
//! The compact form consists of the version, the kind, the product, and the members of the kind in
//! the order of `docs/format.md`. A text is preceded by its length in one byte. An instant has
//! seven bytes in big-endian order.

use chrono::{DateTime, Utc};

use super::{
    ActivationRequest, ActivationSecret, ClockRequest, DeactivationReceipt, MachineRequest,
    MachineRequestError,
};
use crate::encoding::armor::MachineRequestKind;
use crate::encoding::hex;
use crate::ids::{Commitment, Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::{ComponentKind, Fingerprint, MachineDigest};
use crate::time;

/// Format version.
const VERSION: u8 = 1;
/// Prefix of a license id that is written as the 16 bytes of its UUID.
const UUID: u8 = 0;
/// Length of an instant, sufficient for 2^53 seconds.
const INSTANT_BYTES: usize = 7;

impl MachineRequest {
    /// Returns the compact form, about 150 bytes.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::{MachineRequest, readback};
    ///
    /// let request = MachineRequest::parse(text)?;
    /// // Lines to read out on the phone.
    /// let lines = readback::to_lines(&request.to_bytes())?;
    /// assert_eq!(MachineRequest::parse(&lines.join("\n"))?, request);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = CompactWriter(vec![VERSION, self.kind().number()]);
        bytes.text(self.product().as_str());
        match self {
            Self::Activation(request) => {
                bytes.license(&request.license);
                bytes.fingerprint(&request.machine);
                bytes.0.extend(request.nonce.bytes());
                bytes.0.extend(request.commitment.bytes());
                bytes.instant(request.made_at);
            }
            Self::Clock(request) => {
                bytes.fingerprint(&request.machine);
                bytes.0.extend(request.nonce.bytes());
                bytes.instant(request.mark);
                bytes.instant(request.made_at);
            }
            Self::Deactivation(receipt) => {
                bytes.license(&receipt.license);
                bytes.text(&receipt.machine.to_string());
                bytes.0.extend(receipt.nonce.bytes());
                bytes.0.extend(receipt.secret.bytes());
                bytes.instant(receipt.made_at);
            }
        }
        bytes.0
    }

    /// Parses the compact form.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let text = &fixture::request()?;
    /// use license_core::requests::MachineRequest;
    ///
    /// let request = MachineRequest::parse(text)?;
    /// assert_eq!(MachineRequest::from_bytes(&request.to_bytes())?, request);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`MachineRequestError`] if `bytes` is not the result of
    /// [`MachineRequest::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MachineRequestError> {
        let mut bytes = CompactReader(bytes);
        let [version] = bytes.array()?;
        if version != VERSION {
            return Err(MachineRequestError::Version {
                supported: VERSION.into(),
                found: version.into(),
            });
        }
        let [number] = bytes.array()?;
        let mut kinds = MachineRequestKind::ALL.iter().copied();
        let kind = kinds.find(|kind| kind.number() == number);
        let product = bytes.product()?;
        let request = match kind.ok_or(MachineRequestError::Compact)? {
            MachineRequestKind::Activation => Self::Activation(ActivationRequest {
                product,
                license: bytes.license()?,
                machine: bytes.fingerprint()?,
                nonce: Nonce::from_random(bytes.array()?),
                commitment: Commitment::from_bytes(bytes.array()?),
                made_at: bytes.instant()?,
            }),
            MachineRequestKind::Clock => Self::Clock(ClockRequest {
                product,
                machine: bytes.fingerprint()?,
                nonce: Nonce::from_random(bytes.array()?),
                mark: bytes.instant()?,
                made_at: bytes.instant()?,
            }),
            MachineRequestKind::Deactivation => Self::Deactivation(DeactivationReceipt {
                product,
                license: bytes.license()?,
                machine: bytes.digest()?,
                nonce: Nonce::from_random(bytes.array()?),
                secret: ActivationSecret::from_random(bytes.array()?),
                made_at: bytes.instant()?,
            }),
        };
        match bytes.0 {
            [] => Ok(request),
            _ => Err(MachineRequestError::Compact),
        }
    }
}

struct CompactWriter(Vec<u8>);

impl CompactWriter {
    /// Writes a text of at most 255 bytes. The texts in requests are shorter.
    fn text(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        self.0.extend(text.bytes().take(usize::from(u8::MAX)));
    }

    fn license(&mut self, id: &LicenseId) {
        match id.uuid_bytes() {
            Some(uuid) => {
                self.0.push(UUID);
                self.0.extend(uuid);
            }
            None => self.text(id.as_str()),
        }
    }

    fn fingerprint(&mut self, machine: &Fingerprint) {
        let count = machine.raw_components().count();
        self.0.push(u8::try_from(count).unwrap_or(u8::MAX));
        for (kind, hash) in machine.raw_components() {
            let index = ComponentKind::ALL.iter().position(|other| *other == kind);
            let index = index.and_then(|index| u8::try_from(index).ok());
            self.0.push(index.unwrap_or(u8::MAX));
            self.0.extend(hash);
        }
    }

    fn instant(&mut self, at: DateTime<Utc>) {
        let bytes = time::unix_seconds(at).to_be_bytes();
        self.0
            .extend(bytes.iter().skip(bytes.len() - INSTANT_BYTES));
    }
}

struct CompactReader<'a>(&'a [u8]);

impl<'a> CompactReader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], MachineRequestError> {
        let (first, rest) = self
            .0
            .split_first_chunk()
            .ok_or(MachineRequestError::Compact)?;
        self.0 = rest;
        Ok(*first)
    }

    fn take(&mut self, count: u8) -> Result<&'a str, MachineRequestError> {
        let split = self.0.split_at_checked(count.into());
        let (first, rest) = split.ok_or(MachineRequestError::Compact)?;
        self.0 = rest;
        std::str::from_utf8(first).map_err(|_| MachineRequestError::Compact)
    }

    fn text(&mut self) -> Result<&'a str, MachineRequestError> {
        let [count] = self.array()?;
        self.take(count)
    }

    fn product(&mut self) -> Result<ProductCode, MachineRequestError> {
        ProductCode::parse(self.text()?).map_err(|_| MachineRequestError::Compact)
    }

    fn license(&mut self) -> Result<LicenseId, MachineRequestError> {
        let [count] = self.array()?;
        let id = match count {
            UUID => LicenseId::from_uuid_bytes(self.array()?),
            count => LicenseId::parse(self.take(count)?),
        };
        id.ok_or(MachineRequestError::Compact)
    }

    fn fingerprint(&mut self) -> Result<Fingerprint, MachineRequestError> {
        let [count] = self.array()?;
        let mut components = Vec::new();
        for _ in 0..count {
            let [index] = self.array()?;
            let hash: [u8; 12] = self.array()?;
            let kind = ComponentKind::ALL.get(usize::from(index));
            let kind = kind.ok_or(MachineRequestError::Compact)?;
            components.push(format!("{kind}={}", hex::encode(&hash)));
        }
        // The parser also checks the order of the components.
        let text = format!("fp1:{}", components.join(","));
        Fingerprint::parse(&text).ok_or(MachineRequestError::Compact)
    }

    fn digest(&mut self) -> Result<MachineDigest, MachineRequestError> {
        MachineDigest::parse(self.text()?).ok_or(MachineRequestError::Compact)
    }

    fn instant(&mut self) -> Result<DateTime<Utc>, MachineRequestError> {
        let seconds: [u8; INSTANT_BYTES] = self.array()?;
        let seconds = seconds
            .iter()
            .fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
        time::from_unix_seconds(seconds).ok_or(MachineRequestError::Compact)
    }
}
