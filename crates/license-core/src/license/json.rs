//! JSON objects of verified artifacts.
//!
//! A license and a validation token are written as their claims. The other artifacts are written as
//! `docs/codes.md` documents them.

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::{Activation, ClockRepair, License, RevocationList, TrustStatement, Validation};
use crate::ids::{Nonce, ProductCode};
use crate::key::LicenseId;
use crate::machine::Machine;
use crate::time::serde_rfc3339;
use crate::trust::KeySummary;

/// Writes the claims, as in the token.
impl Serialize for License {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

/// Writes the claims, as in the token.
impl Serialize for Validation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.claims().serialize(serializer)
    }
}

#[derive(Serialize)]
struct ListMembers<'a> {
    seq: u64,
    product: ProductCode,
    issuer: &'a str,
    revoked: usize,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    issued_at: DateTime<Utc>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    next_update: DateTime<Utc>,
    kid: &'a str,
}

/// Writes a summary, with the number of revoked licenses and activations.
impl Serialize for RevocationList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = ListMembers {
            seq: self.seq(),
            product: self.product(),
            issuer: self.issuer(),
            revoked: self.len(),
            issued_at: self.issued_at(),
            next_update: self.next_update(),
            kid: self.key_id().as_str(),
        };
        members.serialize(serializer)
    }
}

#[derive(Serialize)]
struct StatementMembers<'a> {
    kid: &'a str,
    introduces: Vec<KeySummary<'a>>,
    retires: Option<&'a str>,
    successor: Option<&'a str>,
    issuer: &'a str,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    issued_at: DateTime<Utc>,
}

/// Writes the ids of the keys, with the algorithm and size of each introduced key, without the
/// token.
impl Serialize for TrustStatement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = StatementMembers {
            kid: self.signer().as_str(),
            introduces: self.introduces().map(KeySummary::from).collect(),
            retires: self.retires().map(|key| key.as_str()),
            successor: self.countersigner().map(|key| key.as_str()),
            issuer: self.issuer(),
            issued_at: self.issued_at(),
        };
        members.serialize(serializer)
    }
}

/// The members of an answer to a machine request.
#[derive(Serialize)]
struct AnswerMembers<'a> {
    kind: &'a str,
    id: &'a LicenseId,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_id: Option<&'a LicenseId>,
    machine: String,
    nonce: Nonce,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    issued_at: DateTime<Utc>,
}

/// Writes a summary without the token. The machine is written as its digest.
impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = AnswerMembers {
            kind: "activation",
            id: self.id(),
            license_id: Some(self.license_id()),
            machine: digest(self.machine()),
            nonce: self.nonce(),
            issued_at: self.issued_at(),
        };
        members.serialize(serializer)
    }
}

/// Writes a summary without the token. The machine is written as its digest.
impl Serialize for ClockRepair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = AnswerMembers {
            kind: "clock repair",
            id: self.id(),
            license_id: None,
            machine: digest(self.machine()),
            nonce: self.nonce(),
            issued_at: self.issued_at(),
        };
        members.serialize(serializer)
    }
}

/// Returns the digest of a machine, or the text of the machine if the machine has no digest.
fn digest(machine: &Machine) -> String {
    let digest = machine.digest().map(|digest| digest.to_string());
    digest.unwrap_or_else(|| machine.to_string())
}
