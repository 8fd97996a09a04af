//! A vendor in this process: a key, and a license like those of `keygen issue --tier pro`.

use std::time::SystemTime;

use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::{KeyBits, LicenseDraft, RandomError, Signer, SigningKey};
use license_core::jose::Algorithm;
use license_core::{Context, FeatureMatrix, License, LicenseId, Tier, TrustSet, Unverified, time};
use zeroize::Zeroizing;

/// A signing key in all measured forms, and a license.
pub struct SampleVendor {
    /// The key as PKCS#8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// The key as the type of `license-core`.
    pub key: SigningKey,
    /// The trust set with only this key.
    pub trust: TrustSet,
    /// The draft of the license.
    pub draft: LicenseDraft,
    /// The signed license.
    pub token: String,
}

/// Fills a buffer with random bytes from AWS-LC.
///
/// # Errors
///
/// Returns an error if AWS-LC fails.
pub fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    aws_lc_rs::rand::fill(bytes).map_err(RandomError::new)
}

impl SampleVendor {
    /// Creates a vendor with a new key.
    ///
    /// # Panics
    ///
    /// Panics if the key cannot be generated.
    pub fn new(bits: KeyBits) -> Self {
        let pkcs8 = SigningKey::generate(bits, Algorithm::Rs256, &random).expect("a key");
        let key = SigningKey::from_pkcs8(&pkcs8, None, random).expect("a key");
        let jwk = key.public().to_jwk().to_string();
        let draft = draft(1);
        Self {
            token: draft.sign(&key).expect("a license"),
            trust: TrustSet::parse(&jwk).expect("a trust set"),
            draft,
            key,
            pkcs8,
        }
    }

    /// Returns the key pair as the type of AWS-LC.
    ///
    /// # Panics
    ///
    /// Panics if AWS-LC refuses the key.
    pub fn pair(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(&self.pkcs8).expect("the generated key")
    }

    /// Returns the public key as the type of AWS-LC.
    ///
    /// # Panics
    ///
    /// Panics if AWS-LC refuses the key.
    pub fn parsed(&self) -> ParsedPublicKey {
        let key = self.pair();
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key()).expect("a key")
    }

    /// Verifies the license.
    ///
    /// # Panics
    ///
    /// Panics if the license does not verify.
    pub fn license(&self) -> License {
        let token = Unverified::parse(&self.token).expect("a token");
        token.verify(&self.trust).expect("a license")
    }

    /// Returns the signed text of the license, and the signature.
    ///
    /// # Panics
    ///
    /// Panics if the token is not valid.
    pub fn signed(&self) -> (&[u8], Vec<u8>) {
        signed(&self.token)
    }

    /// Signs `count` different licenses.
    ///
    /// # Panics
    ///
    /// Panics if a license cannot be signed.
    pub fn tokens(&self, count: u64) -> Vec<String> {
        let sign = |number| draft(number).sign(&self.key).expect("a license");
        (1..=count).map(sign).collect()
    }
}

/// Returns the signed text of a token, and the signature.
///
/// # Panics
///
/// Panics if the text is not a token.
pub fn signed(token: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').expect("three segments");
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature);
    (signed.as_bytes(), signature.expect("base64url"))
}

/// Returns the draft of a PRO license for one year, with a serial like those of the ledger.
fn draft(number: u64) -> LicenseDraft {
    let matrix = FeatureMatrix::built_in();
    let pro = Tier::parse("PRO").expect("a tier's name");
    let tier = matrix.tier(pro).expect("a tier of the matrix");
    let [.., a, b, c, d, e, f] = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let at = now();
    let id = LicenseId::from_random(at, &[a, b, c, d, e, f, a, c, e, b]);
    let mut draft = LicenseDraft::for_tier(matrix, tier, id, "ACME Ltd".to_owned(), at);
    draft.serial = Some(number);
    let last = at.date_naive() + TimeDelta::days(365);
    draft.expires_at = Some(time::end_of_day(last));
    draft
}

/// Returns the current time. A fixed time would not work, because third-party verifiers compare
/// `exp` with the system clock.
///
/// # Panics
///
/// Panics if the clock is before 1970 or after 9999.
pub fn now() -> DateTime<Utc> {
    time::from_system_time(SystemTime::now()).expect("a clock between 1970 and 9999")
}

impl SampleVendor {
    /// Returns the issue date of the license.
    ///
    /// # Panics
    ///
    /// Panics if the draft has no issue date.
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.draft.issued_at.expect("an issue date")
    }

    /// Returns a context one hour after the issue date, at which the license is valid without
    /// warnings.
    pub fn context(&self) -> Context<'static> {
        Context::at(self.issued_at() + TimeDelta::hours(1))
    }
}
