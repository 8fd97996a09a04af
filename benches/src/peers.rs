//! `jsonwebtoken`, used well: keys are parsed once, claims have types, and `exp` and `aud` are
//! validated.

use std::collections::BTreeMap;

use jsonwebtoken::crypto::{aws_lc, rust_crypto};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use license_core::issue::Signer as _;
use serde::{Deserialize, Serialize};

use crate::SampleVendor;

/// The cryptography library of `jsonwebtoken`. A process can install only one.
#[derive(Clone, Copy, Debug)]
pub enum Provider {
    /// AWS-LC.
    AwsLc,
    /// RustCrypto.
    RustCrypto,
}

impl Provider {
    /// Installs the library for this process.
    ///
    /// # Panics
    ///
    /// Panics if a library is already installed.
    pub fn install(self) {
        let provider = match self {
            Self::AwsLc => &aws_lc::DEFAULT_PROVIDER,
            Self::RustCrypto => &rust_crypto::DEFAULT_PROVIDER,
        };
        provider
            .install_default()
            .expect("no other provider is installed");
    }
}

/// A vendor's key and license for `jsonwebtoken`.
pub struct Peer {
    decoding: DecodingKey,
    encoding: EncodingKey,
    validation: Validation,
    header: Header,
    claims: PeerClaims,
}

impl Peer {
    /// Converts the key and the license of a vendor.
    ///
    /// # Panics
    ///
    /// Panics if `jsonwebtoken` refuses the key or the license.
    pub fn new(vendor: &SampleVendor) -> Self {
        let public = vendor.key.public();
        let private = pkcs8::PrivateKeyInfoRef::try_from(vendor.pkcs8.as_slice());
        let private = private.expect("the generated key").private_key.as_bytes();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[vendor.draft.product]);
        let mut peer = Self {
            decoding: DecodingKey::from_rsa_raw_components(public.modulus(), public.exponent()),
            encoding: EncodingKey::from_rsa_der(private),
            header: Header {
                kid: Some(public.id().as_str().to_owned()),
                typ: Some("license+jwt".to_owned()),
                ..Header::new(Algorithm::RS256)
            },
            claims: PeerClaims::default(),
            validation,
        };
        peer.claims = peer.decode(&vendor.token);
        peer
    }

    /// Verifies a license.
    ///
    /// # Panics
    ///
    /// Panics if `jsonwebtoken` refuses the license.
    pub fn decode(&self, token: &str) -> PeerClaims {
        let data = decode(token, &self.decoding, &self.validation);
        data.expect("a license").claims
    }

    /// Signs the license.
    ///
    /// # Panics
    ///
    /// Panics if `jsonwebtoken` fails.
    pub fn encode(&self) -> String {
        encode(&self.header, &self.claims, &self.encoding).expect("a license")
    }
}

/// The claims of the license.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct PeerClaims {
    ver: u32,
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    serial: u64,
    iat: u64,
    exp: u64,
    tier: String,
    features: Vec<String>,
    quotas: BTreeMap<String, i64>,
    check_in: Option<CheckIn>,
    renewal: Option<Renewal>,
    key: String,
}

#[derive(Debug, Deserialize, Serialize)]
struct CheckIn {
    every_hours: u64,
    grace_hours: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct Renewal {
    notify_days: u64,
    grace_hours: u64,
}
