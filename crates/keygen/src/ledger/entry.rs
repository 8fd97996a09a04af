//! What is entered, and the hash that chains it to what was entered before.

use std::fmt;

use rusqlite::Row;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use license_core::Timestamp;

/// What an entry is about. The names are stable: they are in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A signing key: its public half.
    SigningKey,
    License,
    EnterpriseKey,
    /// A validation token.
    CheckIn,
    Revocation,
    /// An entry of a customer's usage report.
    Usage,
    /// A revocation list; its subject is the key that signed it.
    RevocationList,
    /// What a key says of keys; its subject is that key.
    TrustStatement,
    /// An activation of a license on a machine; its subject is the license.
    Activation,
    /// That an activation ended; its subject is the license too.
    Release,
    /// A clock repair; its subject is the machine.
    ClockRepair,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::SigningKey,
        Self::License,
        Self::EnterpriseKey,
        Self::CheckIn,
        Self::Revocation,
        Self::Usage,
        Self::RevocationList,
        Self::TrustStatement,
        Self::Activation,
        Self::Release,
        Self::ClockRepair,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing_key",
            Self::License => "license",
            Self::EnterpriseKey => "enterprise_key",
            Self::CheckIn => "check_in",
            Self::Revocation => "revocation",
            Self::Usage => "usage",
            Self::RevocationList => "revocation_list",
            Self::TrustStatement => "trust_statement",
            Self::Activation => "activation",
            Self::Release => "release",
            Self::ClockRepair => "clock_repair",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something to enter.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// The id of what it is about: a license id, a key's, or a machine's digest.
    pub(crate) subject: String,
    /// A JSON object of facts to look for.
    pub(crate) body: Value,
    /// What was handed out, so that it can be handed out again; empty for what is no artefact.
    pub(crate) artefact: String,
}

impl Record {
    /// What it is entered as, once it has a time, a number and a hash.
    pub(crate) fn into_entry(self) -> Entry {
        Entry {
            seq: 0,
            at: 0,
            kind: self.kind.as_str().to_owned(),
            subject: self.subject,
            delivered: true,
            body: self.body.to_string(),
            artefact: self.artefact,
            hash: Vec::new(),
        }
    }
}

/// A row of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) kind: String,
    pub(crate) subject: String,
    /// Whether it is certain that the artefact was handed out.
    pub(crate) delivered: bool,
    pub(crate) body: String,
    pub(crate) artefact: String,
    pub(crate) hash: Vec<u8>,
}

pub(crate) const COLUMNS: &str = "seq, at, kind, subject, delivered, body, artefact, hash";

impl Entry {
    /// Reads a row of [`COLUMNS`].
    pub(crate) fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            at: row.get(1)?,
            kind: row.get(2)?,
            subject: row.get(3)?,
            delivered: row.get(4)?,
            body: row.get(5)?,
            artefact: row.get(6)?,
            hash: row.get(7)?,
        })
    }

    /// SHA-256 over a version tag, the hash before it and every field, each preceded by its length in bytes as eight bytes, big-endian.
    pub(crate) fn expected_hash(&self, previous: &[u8]) -> Vec<u8> {
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
            self.artefact.as_bytes(),
        ];
        let mut hash = Sha256::new();
        for field in fields {
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        hash.finalize().to_vec()
    }

    /// A fact of its body.
    pub(crate) fn fact(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        match body.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    pub(crate) fn recorded_at(&self) -> String {
        let at = u64::try_from(self.at).ok();
        let at = at.and_then(Timestamp::from_unix_seconds);
        at.map_or_else(|| "?".to_owned(), |at| at.to_string())
    }

    /// Everything by name, as it is exported.
    pub(crate) fn to_json(&self) -> Value {
        let body: Value = serde_json::from_str(&self.body).unwrap_or(Value::Null);
        json!({
            "seq": self.seq,
            "recorded_at": self.recorded_at(),
            "kind": self.kind,
            "subject": self.subject,
            "delivered": self.delivered,
            "body": body,
            "artefact": self.artefact,
            "hash": hex(&self.hash),
        })
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or('?');
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(digit).collect()
}
