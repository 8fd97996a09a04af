//! What the code under test says of each kind of input.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, LazyLock, Mutex};

use license_core::{
    Artefacts, Backend, BundleError, Context, Decision, KeyError, License, LicenseKey, Matrix,
    ParseError, Rotation, Signer, TokenKind, TrustSet, Unverified, Validation, Verifier,
    VerifyError,
};

use crate::vector::{Vector, read};

/// What came of an input that was read, and verified where it is signed.
pub(crate) struct Answer {
    pub(crate) code: &'static str,
    /// Values to compare with the headers of the same name.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) decision: Option<Decision>,
}

impl Answer {
    fn valid(facts: Vec<(&'static str, String)>) -> Self {
        Self {
            code: "VALID",
            facts,
            decision: None,
        }
    }

    /// The vector is to be refused, so that it says no instant for a decision.
    pub(crate) fn undecided() -> Self {
        Self {
            code: "verified, and no `at`",
            facts: Vec::new(),
            decision: None,
        }
    }

    pub(crate) fn decided(facts: Vec<(&'static str, String)>, decision: Decision) -> Self {
        Self {
            code: decision.code().as_str(),
            facts,
            decision: Some(decision),
        }
    }
}

pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    /// Trust sets and matrices have no codes of their own.
    fn malformed(error: impl Display) -> Self {
        Self {
            code: "MALFORMED",
            message: error.to_string(),
        }
    }
}

macro_rules! refusals {
    ($($error:ty),+) => {
        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self { code: error.code().as_str(), message: error.to_string() }
            }
        })+
    };
}
refusals!(BundleError, KeyError, ParseError, VerifyError);

pub(crate) fn token(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let trust = vector.trust(backend);
    let parsed = Unverified::parse(&vector.body).map_err(VerifyError::from);
    let verified = parsed.and_then(|token| token.verify(&trust));
    let by_verifier = verifier(vector, backend).verify(&vector.body);
    assert_eq!(
        format!("{by_verifier:?}"),
        format!("{verified:?}"),
        "{}",
        vector.name
    );
    Ok(vector.decide(&verified?, backend))
}

/// One verifier for all vectors that trust the same keys, so that it has seen others like each.
fn verifier(vector: &Vector, backend: Backend) -> Arc<Verifier> {
    type All = BTreeMap<String, Arc<Verifier>>;
    static ALL: LazyLock<Mutex<All>> = LazyLock::new(Mutex::default);
    let name = format!("{:?} {backend:?}", vector.get("trust"));
    let mut all = ALL.lock().unwrap();
    let make = || Arc::new(Verifier::with_memory(vector.trust(backend), 0));
    Arc::clone(all.entry(name).or_insert_with(make))
}

pub(crate) fn enterprise_key(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let key = match LicenseKey::parse(&vector.body)? {
        LicenseKey::Enterprise(key) => key,
        key => return Ok(named(&key)),
    };
    let license = key.verify(&vector.trust(backend), Matrix::built_in())?;
    Ok(vector.decide(&license, backend))
}

/// A key that only names a license.
fn named(key: &LicenseKey) -> Answer {
    let facts = vec![("canonical", key.to_string())];
    Answer {
        code: "NEEDS_LICENSE_FILE",
        facts,
        decision: None,
    }
}

pub(crate) fn license_key(vector: &Vector, _: Backend) -> Result<Answer, Refusal> {
    let key = LicenseKey::parse(&vector.body)?;
    assert!(
        !matches!(key, LicenseKey::Enterprise(_)),
        "{}: belongs to enterprise-keys",
        vector.name
    );
    Ok(named(&key))
}

/// Decides on the first license of the file, with all its validation tokens.
pub(crate) fn file(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let (trust, file) = (vector.trust(backend), Artefacts::parse(&vector.body)?);
    let licenses = file
        .of_kind(TokenKind::License)
        .map(|block| block.token.verify(&trust));
    let licenses = licenses.collect::<Result<Vec<License>, _>>()?;
    let license = licenses.first().unwrap();
    let validations = file
        .of_kind(TokenKind::Validation)
        .map(|block| block.token.verify_validation(&trust, license));
    let validations = validations.collect::<Result<Vec<Validation>, _>>()?;
    let Some(at) = vector.instant("at") else {
        return Ok(Answer::undecided());
    };
    let context = Context::at(at).validations(&validations);
    let facts = vec![("blocks", file.blocks().len().to_string())];
    Ok(Answer::decided(
        facts,
        license.evaluate(Matrix::built_in(), &context),
    ))
}

pub(crate) fn trust(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let set = TrustSet::parse(&vector.body).map_err(Refusal::malformed)?;
    let set = set.with_backend(backend).map_err(Refusal::malformed)?;
    Ok(Answer::valid(vec![("keys", set.len().to_string())]))
}

pub(crate) fn matrix(vector: &Vector, _: Backend) -> Result<Answer, Refusal> {
    Matrix::parse(&vector.body).map_err(Refusal::malformed)?;
    Ok(Answer::valid(Vec::new()))
}

pub(crate) fn validation(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let trust = vector.trust(backend);
    let license = installed(vector.get("license").unwrap(), &trust);
    let validation = Unverified::parse(&vector.body)?.verify_validation(&trust, &license)?;
    let signer = match validation.signer() {
        Signer::Vendor => "vendor",
        Signer::Server => "server",
    };
    Ok(Answer::valid(vec![("signer", signer.to_owned())]))
}

pub(crate) fn revocations(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let trust = vector.trust(backend);
    let list = Unverified::parse(&vector.body)?.verify_revocations(&trust)?;
    let facts = [
        ("seq", list.seq().to_string()),
        ("revoked", list.len().to_string()),
    ];
    Ok(Answer::valid(facts.into()))
}

/// An activation or a clock repair, as its header says.
pub(crate) fn answers(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let trust = vector.trust(backend);
    let token = Unverified::parse(&vector.body)?;
    let nonce = match token.unverified_kind() {
        TokenKind::ClockRepair => token.verify_clock_repair(&trust)?.nonce(),
        _ => token.verify_activation(&trust)?.nonce(),
    };
    Ok(Answer::valid(vec![("nonce", nonce.to_string())]))
}

/// Every statement of the file in its order, and the keys that are trusted then.
pub(crate) fn trust_statements(vector: &Vector, backend: Backend) -> Result<Answer, Refusal> {
    let mut rotation = Rotation::new(vector.trust(backend));
    let before = trusted(&rotation);
    let applied = rotation.apply_file(&vector.body);
    assert!(
        applied.is_ok() || trusted(&rotation) == before,
        "{}",
        vector.name
    );
    assert!(!applied?.is_empty(), "{}", vector.name);
    Ok(Answer::valid(vec![("trusted", trusted(&rotation))]))
}

fn trusted(rotation: &Rotation) -> String {
    let keys = rotation.keys().iter();
    let kids: Vec<_> = keys.map(|key| key.id().as_str()).collect();
    kids.join(" ")
}

/// A license of `fixtures/tokens/`.
pub(crate) fn installed(name: &str, trust: &TrustSet) -> License {
    let text = read(&format!("tokens/{name}.jwt"));
    Unverified::parse(&text).unwrap().verify(trust).unwrap()
}
