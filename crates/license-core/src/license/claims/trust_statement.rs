//! The claims of a trust statement.

use super::check_critical;
use super::reader::{Claim, wrong};
use crate::Timestamp;
use crate::json::{self, Json};
use crate::token::VerifyError;
use crate::trust::TrustedKey;

const INTRODUCES: &str = "introduces";
const RETIRES: &str = "retires";
const STATEMENT: &str = "statement";
const KEYS: &str = "an array of JWKs, each with `kid`, `alg` and `use`";

/// Every claim that a verifier of this version understands, so that `crit` may name it.
const KNOWN: [&str; 6] = ["iss", "iat", INTRODUCES, RETIRES, STATEMENT, "crit"];

/// What one signature of a trust statement is about.
pub(in crate::license) struct Said {
    pub(in crate::license) issuer: Box<str>,
    pub(in crate::license) issued_at: Timestamp,
    pub(in crate::license) what: What,
}

pub(in crate::license) enum What {
    /// These keys are to be trusted.
    Introduces(Vec<TrustedKey>),
    /// The keys of these ids are to be trusted no longer.
    Retires(Vec<Box<str>>),
    /// What another key has signed, as a token.
    Countersigns(Box<str>),
}

/// The claims of what one key has signed: one thing each.
pub(in crate::license) fn trust_statement(payload: &[u8]) -> Result<Said, VerifyError> {
    let members = json::object(payload).map_err(VerifyError::Json)?;
    check_critical(&members, &KNOWN)?;
    let claim = |name| Claim::new(&members, name);
    let all = [INTRODUCES, RETIRES, STATEMENT].map(|name| claim(name).optional());
    let what = match all {
        [Some(keys), None, None] => What::Introduces(introduced(keys)?),
        [None, Some(ids), None] => What::Retires(retired(ids)?),
        [None, None, Some(token)] => What::Countersigns(token.text()?.into()),
        [None, None, None] => {
            return Err(wrong(INTRODUCES, "it, `retires` or `statement`", None));
        }
        _ => {
            let expected = "one of `introduces`, `retires` and `statement`";
            return Err(wrong(INTRODUCES, expected, Some("several")));
        }
    };
    Ok(Said {
        issuer: claim("iss").text()?.into(),
        issued_at: claim("iat").timestamp()?,
        what,
    })
}

/// The keys as strictly as a trust set takes them; and each says what it is.
fn introduced(claim: Claim<'_>) -> Result<Vec<TrustedKey>, VerifyError> {
    let Some(Json::Array(items)) = claim.value() else {
        let found = claim.value().map(Json::type_name);
        return Err(wrong(INTRODUCES, KEYS, found));
    };
    let mut keys: Vec<TrustedKey> = Vec::new();
    for item in items {
        let key = introduced_key(item)?;
        if keys.iter().any(|other| other.id() == key.id()) {
            return Err(wrong(INTRODUCES, "every key once", Some("one twice")));
        }
        keys.push(key);
    }
    match keys.is_empty() {
        true => Err(wrong(INTRODUCES, KEYS, Some("an empty one"))),
        false => Ok(keys),
    }
}

fn introduced_key(item: &Json<'_>) -> Result<TrustedKey, VerifyError> {
    let Json::Object(jwk) = item else {
        let found = "something else in it";
        return Err(wrong(INTRODUCES, KEYS, Some(found)));
    };
    let has = |name: &&str| jwk.iter().any(|(member, _)| member == name);
    let key = TrustedKey::from_jwk(jwk).map_err(|error| VerifyError::Key {
        claim: INTRODUCES,
        error: error.into(),
    })?;
    match ["kid", "use"].iter().all(has) {
        true => Ok(key),
        false => Err(wrong(INTRODUCES, KEYS, Some("one without"))),
    }
}

fn retired(claim: Claim<'_>) -> Result<Vec<Box<str>>, VerifyError> {
    let ids = claim.texts()?;
    match ids.is_empty() {
        true => Err(wrong(RETIRES, "an array of key ids", Some("an empty one"))),
        false => Ok(ids.into_iter().map(Into::into).collect()),
    }
}

/// A statement says of a key what only that key may say.
pub(in crate::license) fn other_retired() -> VerifyError {
    let expected = "the id of the key that signed it, and no other";
    wrong(RETIRES, expected, Some("another value"))
}

/// Whoever steals one key is to retire none.
pub(in crate::license) fn one_signature() -> VerifyError {
    let expected = "the signature of another trusted key over this statement too";
    wrong(RETIRES, expected, Some("one signature"))
}

pub(in crate::license) fn own_introduction() -> VerifyError {
    let expected = "other keys than the one that signed it";
    wrong(INTRODUCES, expected, Some("that key"))
}

/// What is countersigned is the statement of another key that retires it, as it was signed.
pub(in crate::license) fn wrong_statement(found: &'static str) -> VerifyError {
    let expected = "the token of another key that retires that key";
    wrong(STATEMENT, expected, Some(found))
}
