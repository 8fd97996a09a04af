//! Ledger entries, and the hash that chains each entry to the previous entry.

use std::fmt;

use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use license_core::time;
use license_core::time::rfc3339;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::errors::LedgerError;

/// The kind of a ledger entry. Its name is part of the hash chain and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerEntryKind {
    /// The public half of a signing key.
    SigningKey,
    /// A license.
    License,
    /// An enterprise key.
    EnterpriseKey,
    /// A validation token.
    CheckIn,
    /// The revocation of a license.
    Revocation,
    /// The end of the revocation of a license. Its subject is the license.
    Reinstatement,
    /// An entry of a customer's usage report.
    Usage,
    /// A revocation list. Its subject is the key that signed it.
    RevocationList,
    /// A trust statement. Its subject is the key that signed it.
    TrustStatement,
    /// The activation of a license on a machine. Its subject is the license.
    Activation,
    /// The end of an activation. Its subject is the license.
    Release,
    /// A clock repair. Its subject is the machine.
    ClockRepair,
}

impl LedgerEntryKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::SigningKey,
        Self::License,
        Self::EnterpriseKey,
        Self::CheckIn,
        Self::Revocation,
        Self::Reinstatement,
        Self::Usage,
        Self::RevocationList,
        Self::TrustStatement,
        Self::Activation,
        Self::Release,
        Self::ClockRepair,
    ];

    /// Returns the name in the ledger.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing_key",
            Self::License => "license",
            Self::EnterpriseKey => "enterprise_key",
            Self::CheckIn => "check_in",
            Self::Revocation => "revocation",
            Self::Reinstatement => "reinstatement",
            Self::Usage => "usage",
            Self::RevocationList => "revocation_list",
            Self::TrustStatement => "trust_statement",
            Self::Activation => "activation",
            Self::Release => "release",
            Self::ClockRepair => "clock_repair",
        }
    }

    /// Returns the kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for LedgerEntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An entry that is to be recorded.
#[derive(Clone, Debug)]
pub struct NewLedgerEntry {
    /// The kind.
    pub kind: LedgerEntryKind,
    /// The id of the license, key or machine that the entry is about.
    pub subject: String,
    /// A JSON object of searchable members.
    pub body: Value,
    /// The issued artifact, so that it can be delivered again. Empty if there is no artifact.
    pub artifact: String,
}

impl NewLedgerEntry {
    /// Creates an entry. An empty `artifact` means that the entry has no artifact.
    pub fn new(kind: LedgerEntryKind, subject: &str, artifact: &str, body: Value) -> Self {
        Self {
            kind,
            subject: subject.to_owned(),
            body,
            artifact: artifact.to_owned(),
        }
    }

    /// Returns the entry with one more member.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Returns whether a recorded entry is equal to this one.
    ///
    /// Two entries with an artifact are equal if their kinds and artifacts are equal. Two entries
    /// without an artifact are equal if their kinds and members are equal.
    pub fn is_recorded_as(&self, entry: &LedgerEntry) -> bool {
        let body = || serde_json::from_str::<Value>(&entry.body).ok();
        entry.kind == self.kind.as_str()
            && entry.artifact == self.artifact
            && (!self.artifact.is_empty() || body().as_ref() == Some(&self.body))
    }
}

/// A recorded entry.
#[derive(Clone, Debug)]
pub struct LedgerEntry {
    /// The number of the entry, counted from 1.
    pub seq: i64,
    /// The time of recording, in seconds since 1970.
    pub at: i64,
    /// The name of the kind. A later version of this program may have recorded an unknown kind.
    pub kind: String,
    /// The id of the license, key or machine that the entry is about.
    pub subject: String,
    /// Whether the delivery of the artifact is confirmed.
    pub delivered: bool,
    /// A JSON object of searchable members, as it was hashed.
    pub body: String,
    /// The issued artifact, or an empty string.
    pub artifact: String,
    /// The hash over this entry and the hash of the previous entry.
    pub hash: Vec<u8>,
}

impl LedgerEntry {
    /// Returns the hash that the entry must have after an entry with the hash `previous`.
    ///
    /// The hash is SHA-256 over a version tag, the previous hash and every field. Each field is
    /// preceded by its length in bytes as a big-endian 64-bit number.
    pub fn expected_hash(&self, previous: &[u8]) -> Vec<u8> {
        let (seq, at) = (self.seq.to_string(), self.at.to_string());
        let delivered = if self.delivered { "1" } else { "0" };
        let fields: [&[u8]; 9] = [
            b"license-ledger-v1",
            previous,
            seq.as_bytes(),
            at.as_bytes(),
            self.kind.as_bytes(),
            self.subject.as_bytes(),
            delivered.as_bytes(),
            self.body.as_bytes(),
            self.artifact.as_bytes(),
        ];
        let mut hash = Sha256::new();
        for field in fields {
            // A length in memory always fits 64 bits.
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        hash.finalize().to_vec()
    }

    /// Returns the members of the body as a JSON object.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Inconsistent`] if the body is not a JSON object.
    pub fn members(&self) -> Result<serde_json::Map<String, Value>, LedgerError> {
        serde_json::from_str(&self.body).map_err(|_| LedgerError::Inconsistent {
            expected: "a JSON object as the body of each entry",
            found: format!("another value in entry {}", self.seq),
        })
    }

    /// Returns a member of the body as text. Returns `None` if the member is missing or `null`.
    pub fn member(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        match body.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// Returns the strings in an array of the body. Returns no strings if the member is missing.
    pub fn strings(&self, name: &str) -> Vec<String> {
        let body: Option<Value> = serde_json::from_str(&self.body).ok();
        let array = body.as_ref().and_then(|body| body.get(name)?.as_array());
        let texts = array.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// Returns a member of the body as an instant. Returns `None` if the member is missing or is
    /// not an instant.
    pub fn time(&self, name: &str) -> Option<DateTime<Utc>> {
        let time = self.member(name)?;
        time::parse_instant(&time).ok()
    }

    /// Returns the time of recording, or `?` if it is out of range.
    pub fn recorded_at(&self) -> String {
        let at = u64::try_from(self.at).ok();
        let at = at.and_then(time::from_unix_seconds);
        at.map_or_else(|| "?".to_owned(), |at| rfc3339(at).to_string())
    }

    /// Returns all fields as a JSON object for an export.
    pub fn to_json(&self) -> Value {
        // An export shows a damaged body as `null`. Verification of the chain reports the damage.
        let body: Value = serde_json::from_str(&self.body).unwrap_or(Value::Null);
        json!({
            "seq": self.seq,
            "recorded_at": self.recorded_at(),
            "kind": self.kind,
            "subject": self.subject,
            "delivered": self.delivered,
            "body": body,
            "artefact": self.artifact,
            "hash": hex::encode(&self.hash),
        })
    }
}
