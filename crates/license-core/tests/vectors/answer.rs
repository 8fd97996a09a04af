//! Runs the library on each kind of vector.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use license_core::jose::{Backend, ParseError};
use license_core::key::KeyError;
use license_core::license::{Rotation, Validation, ValidationSigner, VerifiedLicensesError};
use license_core::matrix::ProductFileError;
use license_core::trust::{TrustError, VerifyError};
use license_core::{
    Context, Decision, FeatureMatrix, License, LicenseFile, LicenseKey, TokenKind, TrustSet,
    Unverified, Verifier, with_causes,
};

use crate::vector::{Vector, read};

/// The result for an input that was accepted.
pub(crate) struct Accepted {
    pub(crate) code: &'static str,
    /// Values to compare with the headers of the same name.
    pub(crate) values: Vec<(&'static str, String)>,
    pub(crate) decision: Option<Decision>,
}

impl Accepted {
    fn valid(values: Vec<(&'static str, String)>) -> Self {
        Self {
            code: "VALID",
            values,
            decision: None,
        }
    }

    /// Returns the result for a vector that should be rejected, and therefore has no header `at`.
    pub(crate) fn undecided() -> Self {
        Self {
            code: "verified, but header `at` is missing",
            values: Vec::new(),
            decision: None,
        }
    }

    pub(crate) fn decided(values: Vec<(&'static str, String)>, decision: Decision) -> Self {
        Self {
            code: decision.code().as_str(),
            values,
            decision: Some(decision),
        }
    }
}

/// The error for an input that was rejected.
pub(crate) struct Rejected {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

macro_rules! rejected_from {
    ($($error:ty),+) => {
        $(impl From<$error> for Rejected {
            fn from(error: $error) -> Self {
                Self { code: error.code().as_str(), message: with_causes(&error) }
            }
        })+
    };
}
rejected_from!(
    VerifiedLicensesError,
    KeyError,
    ParseError,
    ProductFileError,
    TrustError,
    VerifyError
);

pub(crate) fn token(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let trust = vector.trust(backend);
    let parsed = Unverified::parse(&vector.body).map_err(VerifyError::from);
    let verified = parsed.and_then(|token| token.verify(&trust));
    let with_verifier = verifier(vector, backend).verify(&vector.body);
    assert_eq!(
        format!("{with_verifier:?}"),
        format!("{verified:?}"),
        "{}",
        vector.name
    );
    Ok(vector.decide(&verified?, backend))
}

/// Returns the verifier that all vectors with the same trust set share.
fn verifier(vector: &Vector, backend: Backend) -> Arc<Verifier> {
    type Verifiers = BTreeMap<String, Arc<Verifier>>;
    static VERIFIERS: LazyLock<Mutex<Verifiers>> = LazyLock::new(Mutex::default);
    let name = format!("{:?} {backend:?}", vector.get("trust"));
    let mut verifiers = VERIFIERS.lock().unwrap();
    let create = || Arc::new(Verifier::with_cache_size(vector.trust(backend), 0));
    Arc::clone(verifiers.entry(name).or_insert_with(create))
}

pub(crate) fn enterprise_key(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let key = match LicenseKey::parse(&vector.body)? {
        LicenseKey::Enterprise(key) => key,
        key => return Ok(without_signature(&key)),
    };
    let license = key.verify(&vector.trust(backend), FeatureMatrix::built_in())?;
    Ok(vector.decide(&license, backend))
}

/// Returns the result for a key without a signature.
fn without_signature(key: &LicenseKey) -> Accepted {
    let values = vec![("canonical", key.to_string())];
    Accepted {
        code: "NEEDS_LICENSE_FILE",
        values,
        decision: None,
    }
}

pub(crate) fn license_key(vector: &Vector, _: Backend) -> Result<Accepted, Rejected> {
    let key = LicenseKey::parse(&vector.body)?;
    assert!(
        !matches!(key, LicenseKey::Enterprise(_)),
        "{}: this vector belongs in directory `enterprise-keys`",
        vector.name
    );
    Ok(without_signature(&key))
}

/// Evaluates the first license of the file with all validation tokens.
pub(crate) fn file(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let (trust, file) = (vector.trust(backend), LicenseFile::parse(&vector.body)?);
    let licenses = file
        .blocks_of_kind(TokenKind::License)
        .map(|block| block.token.verify(&trust));
    let licenses = licenses.collect::<Result<Vec<License>, _>>()?;
    let license = licenses.first().unwrap();
    let validations = file
        .blocks_of_kind(TokenKind::Validation)
        .map(|block| block.token.verify_validation(&trust, license));
    let validations = validations.collect::<Result<Vec<Validation>, _>>()?;
    let Some(at) = vector.instant("at") else {
        return Ok(Accepted::undecided());
    };
    let context = Context::at(at).validations(&validations);
    let values = vec![("blocks", file.blocks().len().to_string())];
    Ok(Accepted::decided(
        values,
        license.evaluate(FeatureMatrix::built_in(), &context),
    ))
}

pub(crate) fn trust(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let set = TrustSet::parse(&vector.body)?;
    let set = set.with_backend(backend)?;
    Ok(Accepted::valid(vec![("keys", set.len().to_string())]))
}

pub(crate) fn matrix(vector: &Vector, _: Backend) -> Result<Accepted, Rejected> {
    FeatureMatrix::parse(&vector.body)?;
    Ok(Accepted::valid(Vec::new()))
}

pub(crate) fn validation(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let trust = vector.trust(backend);
    let license = installed(vector.get("license").unwrap(), &trust);
    let validation = Unverified::parse(&vector.body)?.verify_validation(&trust, &license)?;
    let signer = match validation.signer() {
        ValidationSigner::Vendor => "vendor",
        ValidationSigner::Server => "server",
    };
    Ok(Accepted::valid(vec![("signer", signer.to_owned())]))
}

pub(crate) fn revocations(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let trust = vector.trust(backend);
    let list = Unverified::parse(&vector.body)?.verify_revocations(&trust)?;
    let values = [
        ("seq", list.seq().to_string()),
        ("revoked", list.len().to_string()),
    ];
    Ok(Accepted::valid(values.into()))
}

/// Verifies an activation or a clock repair.
pub(crate) fn answers(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let trust = vector.trust(backend);
    let token = Unverified::parse(&vector.body)?;
    let nonce = match token.unverified_kind() {
        TokenKind::ClockRepair => token.verify_clock_repair(&trust)?.nonce(),
        _ => token.verify_activation(&trust)?.nonce(),
    };
    Ok(Accepted::valid(vec![("nonce", nonce.to_string())]))
}

/// Verifies a lease of a license.
pub(crate) fn lease(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let license = installed(vector.get("license").unwrap(), &vector.trust(backend));
    let lease = license.verify_lease(&Unverified::parse(&vector.body)?)?;
    let values = [
        ("mode", lease.mode().to_string()),
        ("seq", lease.seq().to_string()),
    ];
    Ok(Accepted::valid(values.into()))
}

/// Verifies the request of a license server.
pub(crate) fn server_request(vector: &Vector, _: Backend) -> Result<Accepted, Rejected> {
    let request = Unverified::parse(&vector.body)?.verify_server_request()?;
    Ok(Accepted::valid(vec![("name", request.name().to_owned())]))
}

/// Applies the trust statements of the file and returns the trusted keys.
pub(crate) fn trust_statements(vector: &Vector, backend: Backend) -> Result<Accepted, Rejected> {
    let mut rotation = Rotation::new(vector.trust(backend));
    let before = trusted(&rotation);
    let applied = rotation.apply_file(&vector.body);
    assert!(
        applied.is_ok() || trusted(&rotation) == before,
        "{}",
        vector.name
    );
    assert!(!applied?.is_empty(), "{}", vector.name);
    Ok(Accepted::valid(vec![("trusted", trusted(&rotation))]))
}

fn trusted(rotation: &Rotation) -> String {
    let keys = rotation.keys().iter();
    let kids: Vec<_> = keys.map(|key| key.id().as_str()).collect();
    kids.join(" ")
}

/// Returns a license of `fixtures/tokens/`.
pub(crate) fn installed(name: &str, trust: &TrustSet) -> License {
    let text = read(&format!("tokens/{name}.jwt"));
    Unverified::parse(&text).unwrap().verify(trust).unwrap()
}
