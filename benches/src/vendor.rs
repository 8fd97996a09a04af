//! A vendor in this process: a key, and a license as `keygen issue --tier pro` mints it.

use std::time::SystemTime;

use aws_lc_rs::signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair};
use license_core::issue::{KeyBits, LicenseDraft, RandomError, Sign, SigningKey};
use license_core::{
    Algorithm, Context, License, LicenseId, Matrix, Tier, Timestamp, TrustSet, Unverified,
};
use zeroize::Zeroizing;

/// A signing key in all forms that are measured, and a license.
pub struct Vendor {
    /// The key as PKCS#8.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// The key as we hold it.
    pub key: SigningKey,
    /// The set of that key alone.
    pub trust: TrustSet,
    /// The license before it is signed.
    pub draft: LicenseDraft,
    /// The license.
    pub token: String,
}

/// Random bytes for keys, which AWS-LC draws itself.
///
/// # Errors
///
/// When AWS-LC has none.
pub fn random(bytes: &mut [u8]) -> Result<(), RandomError> {
    aws_lc_rs::rand::fill(bytes).map_err(RandomError::new)
}

impl Vendor {
    /// A vendor with a new key.
    ///
    /// # Panics
    ///
    /// When no key can be made.
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

    /// The pair as AWS-LC holds it.
    ///
    /// # Panics
    ///
    /// When AWS-LC refuses what it made.
    pub fn pair(&self) -> RsaKeyPair {
        RsaKeyPair::from_pkcs8(&self.pkcs8).expect("the key that was made")
    }

    /// The public half as AWS-LC holds it.
    ///
    /// # Panics
    ///
    /// As [`Vendor::pair`].
    pub fn parsed(&self) -> ParsedPublicKey {
        let key = self.pair();
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key()).expect("a key")
    }

    /// The license, verified.
    ///
    /// # Panics
    ///
    /// When it does not verify.
    pub fn license(&self) -> License {
        let token = Unverified::parse(&self.token).expect("a token");
        token.verify(&self.trust).expect("a license")
    }

    /// What is signed, and the signature.
    ///
    /// # Panics
    ///
    /// When the token is none.
    pub fn signed(&self) -> (&[u8], Vec<u8>) {
        signed(&self.token)
    }

    /// So many different licenses.
    ///
    /// # Panics
    ///
    /// When one can't be signed.
    pub fn tokens(&self, count: u64) -> Vec<String> {
        let sign = |number| draft(number).sign(&self.key).expect("a license");
        (1..=count).map(sign).collect()
    }
}

/// What is signed of a token, and the signature.
///
/// # Panics
///
/// When it is no token.
pub fn signed(token: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').expect("three segments");
    use base64::Engine as _;
    let signature = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature);
    (signed.as_bytes(), signature.expect("base64url"))
}

/// A PRO license of a year, with what the ledger adds to it.
fn draft(number: u64) -> LicenseDraft {
    let matrix = Matrix::built_in();
    let pro = Tier::parse("PRO").expect("a tier's name");
    let tier = matrix.tier(pro).expect("a tier of the matrix");
    let [.., a, b, c, d, e, f] = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let at = now();
    let id = LicenseId::from_random(at.unix_seconds() * 1000, &[a, b, c, d, e, f, a, c, e, b]);
    let mut draft = LicenseDraft::of_tier(matrix, tier, id, "ACME Ltd".to_owned(), at);
    draft.serial = Some(number);
    let last = at.date().and_then(|day| day.plus_days(365));
    draft.expires_at = last.map(license_core::Date::end);
    draft
}

/// This moment, which other people's verifiers ask the clock for.
///
/// # Panics
///
/// When the clock is before 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock after 1970");
    Timestamp::from_unix_seconds(since.as_secs()).expect("a clock before the year 10000")
}

impl Vendor {
    /// When the license is issued.
    ///
    /// # Panics
    ///
    /// When the draft does not say.
    pub fn issued_at(&self) -> Timestamp {
        self.draft.issued_at.expect("an instant of issue")
    }

    /// An hour after the license was issued, when it holds without any warning.
    pub fn context(&self) -> Context<'static> {
        Context::at(self.issued_at().plus(3600))
    }
}
