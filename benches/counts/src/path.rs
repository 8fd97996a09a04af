//! The hot code paths of an application.

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::trust::TrustedKey;
use license_core::{Context, FeatureMatrix, License, TrustSet, Unverified, Verifier};
use rsa::{BoxedUint, Pkcs1v15Sign, PublicKey};
use sha2::{Digest, Sha256};

/// A PRO license that `keygen issue` signed with an RSA-2048 key.
const TOKEN: &str = include_str!("../pro.jwt");
const KEYS: &str = include_str!("../../../fixtures/trust/vendor.jwks");

/// A function that applications call often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodePath {
    /// Verification by a verifier whose cache contains the license.
    Cached,
    /// Verification by a verifier whose cache does not contain the license.
    Uncached,
    /// Parsing and verification without a verifier.
    Verify,
    /// The signature check alone. It belongs to another library and is subtracted.
    Signature,
    /// Evaluation of a verified license.
    Evaluate,
    /// Query of a feature in a decision.
    Allows,
}

impl CodePath {
    /// The code paths with a baseline.
    pub(crate) const WATCHED: [Self; 5] = [
        Self::Verify,
        Self::Uncached,
        Self::Cached,
        Self::Evaluate,
        Self::Allows,
    ];

    const ALL: [Self; 6] = [
        Self::Cached,
        Self::Uncached,
        Self::Verify,
        Self::Signature,
        Self::Evaluate,
        Self::Allows,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Uncached => "uncached",
            Self::Verify => "verify",
            Self::Signature => "signature",
            Self::Evaluate => "evaluate",
            Self::Allows => "allows",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|path| path.name() == name)
    }

    /// Returns the part of this code path that belongs to another library.
    pub(crate) fn foreign_part(self) -> Option<Self> {
        matches!(self, Self::Verify | Self::Uncached).then_some(Self::Signature)
    }

    /// Runs the code path `times` times. The setup does not depend on `times`.
    pub(crate) fn run(self, times: u64) {
        let trust = TrustSet::parse(KEYS).expect("a trust set");
        let token = TOKEN.trim_end();
        let license = verify(token, &trust);
        let at = license.issued_at().expect("a date") + TimeDelta::hours(1);
        match self {
            Self::Cached => repeat(times, verified(token, Verifier::new(trust))),
            Self::Uncached => repeat(times, verified(token, Verifier::with_cache_size(trust, 0))),
            Self::Verify => repeat(times, || drop(black_box(verify(black_box(token), &trust)))),
            Self::Signature => {
                let key = trust.get(license.key_id().as_str()).expect("a key");
                repeat(times, signature(token, key));
            }
            Self::Evaluate => repeat(times, || evaluate(&license, at)),
            Self::Allows => {
                let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(at));
                repeat(times, || {
                    black_box(black_box(&decision).allows(black_box("cloud_sync")));
                });
            }
        }
    }
}

fn repeat(times: u64, call: impl Fn()) {
    (0..times).for_each(|_| call());
}

fn verify(token: &str, trust: &TrustSet) -> License {
    let token = Unverified::parse(token).expect("a token");
    token.verify(trust).expect("a license")
}

fn verified(token: &str, verifier: Verifier) -> impl Fn() {
    move || {
        let license = verifier.verify(black_box(token));
        drop(black_box(license.expect("a license")));
    }
}

fn evaluate(license: &License, at: DateTime<Utc>) {
    let context = Context::at(black_box(at));
    drop(black_box(
        license.evaluate(FeatureMatrix::built_in(), &context),
    ));
}

/// Verifies the signature in the same way as the core.
fn signature(token: &str, public: &TrustedKey) -> impl Fn() + use<> {
    let [n, e] = [public.modulus(), public.exponent()].map(BoxedUint::from_be_slice_vartime);
    let key = PublicKey::new(n, e).expect("a key");
    let (signed, signature) = token.rsplit_once('.').expect("three segments");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let signed = signed.to_owned();
    move || {
        let digest = Sha256::digest(black_box(&signed));
        let scheme = Pkcs1v15Sign::new::<Sha256>();
        key.verify(scheme, &digest, &signature)
            .expect("a signature");
    }
}
