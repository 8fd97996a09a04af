//! Reads claims, after the signature has held. A known claim of the wrong type is an error, never absent.

mod reader;
mod revocations;
mod trust_statement;
mod usual;

use std::sync::Arc;

use super::activation::ActivationFacts;
use super::clock_repair::RepairFacts;
use super::validation::{Signer, Status, Validation};
use super::{Facts, LicenseId};
use crate::entitlements::KnownEntitlements;
use crate::json::{self, Json};
use crate::key::{LicenseKey, StandardKey};
use crate::letter::{Commitment, Nonce};
use crate::token::{Unverified, VerifyError};
use crate::{Entitlements, Machine, UsageType};
use reader::{Claim, wrong};
pub(super) use revocations::revocations;
pub(super) use trust_statement::{
    What, one_signature, other_retired, own_introduction, trust_statement, wrong_statement,
};

/// The format that is understood (claim `ver`).
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Every claim that a verifier of this version understands, so that `crit` may name it.
pub(crate) const KNOWN: [&str; 29] = [
    "ver",
    "iss",
    "aud",
    "sub",
    "jti",
    "serial",
    "supersedes",
    "iat",
    "nbf",
    "exp",
    "tier",
    "features",
    "quotas",
    "seats",
    "devices",
    "activation",
    "usage_type",
    "trial",
    "check_in",
    "renewal",
    "maintenance_until",
    "max_version",
    "machines",
    "users",
    "company",
    "key",
    "cnf",
    "crit",
    "ext",
];

pub(super) fn license(payload: &[u8]) -> Result<Facts, VerifyError> {
    license_among(payload, None)
}

/// Reads a license whose features and quotas may be those of others.
pub(super) fn license_among(
    payload: &[u8],
    known: Option<&KnownEntitlements>,
) -> Result<Facts, VerifyError> {
    match usual::license(payload, known) {
        Some(facts) => Ok(facts),
        None => any_license(payload),
    }
}

/// Reads a license however it is spelled.
fn any_license(payload: &[u8]) -> Result<Facts, VerifyError> {
    let members = json::object(payload).map_err(VerifyError::Json)?;
    let critical = check_format(&members)?;
    let claim = |name| Claim::new(&members, name);
    let issued_at = claim("iat").timestamp()?;
    let facts = Facts {
        issuer: Some(claim("iss").text()?.into()),
        product: claim("aud").product()?,
        customer: claim("sub").text()?.into(),
        id: claim("jti").uuid()?,
        serial: claim("serial")
            .optional()
            .map(|serial| serial.count())
            .transpose()?,
        supersedes: claim("supersedes").license_ids()?,
        issued_at: Some(issued_at),
        not_before: Some(claim("nbf").optional_timestamp()?.unwrap_or(issued_at)),
        expires_at: claim("exp").optional_timestamp()?,
        entitlements: Arc::new(entitlements(claim)?),
        seats: claim("seats").optional_positive()?,
        devices: claim("devices").optional_positive()?,
        must_activate: claim("activation").flag()?,
        usage_type: claim("usage_type")
            .optional_named(UsageType::parse, "`builder` or `runtime`")?,
        trial: claim("trial").flag()?,
        check_in: claim("check_in").check_in()?,
        renewal: claim("renewal").renewal()?,
        maintenance_until: claim("maintenance_until").optional_timestamp()?,
        max_version: claim("max_version").version_requirement()?,
        machines: claim("machines").machines()?,
        users: claim("users").names()?.map(Into::into),
        company: claim("company").company()?,
        confirmation: claim("cnf").confirmation()?.map(Box::new),
        critical: critical.into_iter().map(Into::into).collect(),
        extension: claim("ext").extension()?.map(Box::new),
    };
    check_key(&members, &facts)?;
    Ok(facts)
}

pub(super) fn validation(
    token: &Unverified<'_>,
    payload: &[u8],
    signer: Signer,
) -> Result<Validation, VerifyError> {
    let members = json::object(payload).map_err(VerifyError::Json)?;
    let claim = |name| Claim::new(&members, name);
    claim("iss").text()?;
    const STATUS: &str = "`active`, `suspended`, `revoked` or `canceled`";
    Ok(Validation {
        token: token.clone().into_owned(),
        id: claim("jti").text()?.into(),
        license: claim("lic").license_id()?,
        product: claim("aud").product()?,
        issued_at: claim("iat").timestamp()?,
        expires_at: claim("exp").optional_timestamp()?,
        machine: claim("machine").optional_text()?.map(Machine::parse),
        nonce: claim("nonce").optional_text()?.map(Into::into),
        status: claim("status")
            .optional_named(Status::parse, STATUS)?
            .ok_or(wrong("status", STATUS, None))?,
        entitlements: Arc::new(entitlements(claim)?),
        signer,
    })
}

/// Every claim of an activation or a clock repair that a verifier of this version understands, so that `crit` may name it.
const KNOWN_OF_ANSWER: [&str; 9] = [
    "iss",
    "aud",
    "jti",
    "iat",
    "lic",
    "machine",
    "nonce",
    "commitment",
    "crit",
];

pub(super) fn activation(payload: &[u8]) -> Result<ActivationFacts, VerifyError> {
    let members = json::object(payload).map_err(VerifyError::Json)?;
    check_critical(&members, &KNOWN_OF_ANSWER)?;
    let claim = |name| Claim::new(&members, name);
    claim("iss").text()?;
    const COMMITMENT: &str = "64 hexadecimal digits in lower case";
    Ok(ActivationFacts {
        id: claim("jti").uuid()?,
        license: claim("lic").license_id()?,
        product: claim("aud").product()?,
        issued_at: claim("iat").timestamp()?,
        machine: Machine::parse(claim("machine").text()?),
        nonce: claim("nonce").nonce()?,
        commitment: claim("commitment")
            .optional_named(Commitment::parse, COMMITMENT)?
            .ok_or(wrong("commitment", COMMITMENT, None))?,
    })
}

pub(super) fn clock_repair(payload: &[u8]) -> Result<RepairFacts, VerifyError> {
    let members = json::object(payload).map_err(VerifyError::Json)?;
    check_critical(&members, &KNOWN_OF_ANSWER)?;
    let claim = |name| Claim::new(&members, name);
    claim("iss").text()?;
    Ok(RepairFacts {
        id: claim("jti").uuid()?,
        product: claim("aud").product()?,
        issued_at: claim("iat").timestamp()?,
        machine: Machine::parse(claim("machine").text()?),
        nonce: claim("nonce").nonce()?,
    })
}

/// First of all, so that a newer format is told from a damaged one. Returns the claims that must be understood, and are.
fn check_format<'j>(members: &'j json::Object<'_>) -> Result<Vec<&'j str>, VerifyError> {
    match Claim::new(members, "ver").integer()? {
        found if found == i64::from(FORMAT_VERSION) => {}
        found if found > i64::from(FORMAT_VERSION) => {
            return Err(VerifyError::Version {
                supported: FORMAT_VERSION,
                found,
            });
        }
        _ => return Err(wrong("ver", "1", Some("another integer"))),
    }
    check_critical(members, &KNOWN)
}

/// Returns the claims that must be understood, if they are.
fn check_critical<'j>(
    members: &'j json::Object<'_>,
    known: &[&str],
) -> Result<Vec<&'j str>, VerifyError> {
    let critical = Claim::new(members, "crit").optional_texts()?;
    let critical = critical.unwrap_or_default();
    match critical.iter().find(|name| !known.contains(name)) {
        None => Ok(critical),
        Some(name) => Err(VerifyError::CriticalClaim {
            found: name.chars().take(32).collect(),
        }),
    }
}

fn entitlements<'j>(
    claim: impl Fn(&'static str) -> Claim<'j>,
) -> Result<Entitlements, VerifyError> {
    let tier = claim("tier").tier()?;
    let features = claim("features").texts()?;
    Ok(Entitlements::of(tier, features, claim("quotas").quotas()?))
}

pub(super) fn standard_key(facts: &Facts) -> StandardKey {
    let Facts {
        product,
        entitlements,
        id,
        customer,
        expires_at,
        ..
    } = facts;
    StandardKey::of_license(*product, entitlements.tier(), id, customer, *expires_at)
}

/// The key in a token is a convenience for people; it must be the one that the other claims give.
fn check_key(members: &json::Object<'_>, facts: &Facts) -> Result<(), VerifyError> {
    const EXPECTED: &str = "the standard key that names this license";
    let Some(text) = Claim::new(members, "key").optional_text()? else {
        return Ok(());
    };
    match LicenseKey::parse(text) {
        Ok(LicenseKey::Standard(key)) if key == standard_key(facts) => Ok(()),
        _ => Err(wrong("key", EXPECTED, Some("another text"))),
    }
}

impl Claim<'_> {
    /// The id of this license token.
    fn uuid(self) -> Result<LicenseId, VerifyError> {
        let expected = LicenseId::EXPECTED;
        let id = LicenseId::parse_uuid(self.text()?);
        id.ok_or(wrong(self.name(), expected, Some("another text")))
    }

    /// The id of a license of any kind.
    fn license_id(self) -> Result<LicenseId, VerifyError> {
        let expected = LicenseId::EXPECTED_OF_ANY;
        let id = LicenseId::parse(self.text()?);
        id.ok_or(wrong(self.name(), expected, Some("another text")))
    }

    fn nonce(self) -> Result<Nonce, VerifyError> {
        let nonce = Nonce::parse(self.text()?);
        let expected = "32 hexadecimal digits in lower case";
        nonce.ok_or(wrong(self.name(), expected, Some("another text")))
    }

    fn license_ids(self) -> Result<Box<[LicenseId]>, VerifyError> {
        let ids = self.optional_texts()?.unwrap_or_default();
        let ids: Option<_> = ids.iter().map(|id| LicenseId::parse(id)).collect();
        let expected = "an array of license ids";
        ids.ok_or(wrong(self.name(), expected, Some("another text in it")))
    }

    fn machines(self) -> Result<Option<Box<[Machine]>>, VerifyError> {
        let names = self.names()?;
        Ok(names.map(|names| names.iter().map(|name| Machine::parse(name)).collect()))
    }

    fn extension(self) -> Result<Option<serde_json::Value>, VerifyError> {
        match self.value() {
            None => Ok(None),
            Some(object @ Json::Object(_)) => Ok(Some(object.to_value())),
            Some(other) => Err(wrong("ext", "an object", Some(other.type_name()))),
        }
    }
}
