//! Lines of an exported ledger.

use license_core::machine::MachineDigest;
use license_core::{LicenseId, TokenKind, TrustSet, Unverified, time};
use serde_json::Value;

use crate::ledger::{LedgerEntryKind, NewLedgerEntry};
use crate::records;

/// Parses a line of an export. Returns `None` if the line is not an entry, or an entry whose
/// subject and artifact do not match its kind. Does not verify the signature.
#[must_use]
pub fn parse_line(line: &str) -> Option<NewLedgerEntry> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let member = |name: &str| entry.get(name).and_then(Value::as_str);
    let record = NewLedgerEntry {
        kind: LedgerEntryKind::parse(member("kind")?)?,
        subject: member("subject")?.to_owned(),
        body: entry.get("body").filter(|body| body.is_object())?.clone(),
        artifact: member("artefact")?.to_owned(),
    };
    let is_license = || LicenseId::parse(&record.subject).is_some();
    let (is_valid, has_artifact) = match record.kind {
        LedgerEntryKind::SigningKey => (is_key(&record), false),
        LedgerEntryKind::License | LedgerEntryKind::EnterpriseKey => (is_license(), true),
        LedgerEntryKind::CheckIn => (
            is_license() && is_token(&record, TokenKind::Validation),
            true,
        ),
        LedgerEntryKind::Activation => (
            is_license() && is_token(&record, TokenKind::Activation),
            true,
        ),
        LedgerEntryKind::ClockRepair => {
            let is_machine = MachineDigest::parse(&record.subject).is_some();
            (
                is_machine && is_token(&record, TokenKind::ClockRepair),
                true,
            )
        }
        LedgerEntryKind::Usage => (records::usage_matches_line(&record), true),
        LedgerEntryKind::TrustStatement => (is_statement(&record), true),
        LedgerEntryKind::RevocationList => (is_list(&record), false),
        LedgerEntryKind::Revocation | LedgerEntryKind::Reinstatement => (is_license(), false),
        LedgerEntryKind::Release => (is_license() && is_release(&record), false),
    };
    (is_valid && has_artifact != record.artifact.is_empty()).then_some(record)
}

/// Returns whether an entry contains the public key that its subject names.
fn is_key(record: &NewLedgerEntry) -> bool {
    let jwk = record.body.get("jwk").map(Value::to_string);
    let keys = jwk.and_then(|jwk| TrustSet::parse(&jwk).ok());
    keys.is_some_and(|keys| keys.get(&record.subject).is_some())
}

fn is_token(record: &NewLedgerEntry, kind: TokenKind) -> bool {
    Unverified::parse(&record.artifact).is_ok_and(|token| token.unverified_kind() == kind)
}

/// Returns whether an entry has the id of the ended activation, the time and the reason.
fn is_release(record: &NewLedgerEntry) -> bool {
    let member = |name: &str| record.body.get(name).and_then(Value::as_str);
    let is_id = |name: &str| member(name).is_some_and(|id| LicenseId::parse(id).is_some());
    let at = member("at").is_some_and(|at| time::parse_instant(at).is_ok());
    let reason = member("reason").is_some_and(|reason| !reason.is_empty());
    is_id("activation_id") && at && reason
}

/// Returns whether an entry has the number and the key of a revocation list.
fn is_list(record: &NewLedgerEntry) -> bool {
    let member = |name: &str| record.body.get(name);
    let seq = member("seq").and_then(Value::as_u64);
    let kid = member("kid").and_then(Value::as_str);
    seq.is_some() && kid == Some(&record.subject)
}

/// Returns whether the token of an entry is a trust statement by the key that the subject names.
///
/// Does not verify the signature.
fn is_statement(record: &NewLedgerEntry) -> bool {
    let Ok(token) = Unverified::parse(&record.artifact) else {
        return false;
    };
    let Ok(claims) = token.unverified_claims() else {
        return false;
    };
    let member = |name: &str| record.body.get(name).and_then(Value::as_str);
    let key = Some(token.unverified_key_id());
    let signer = match claims.get("statement") {
        None => key,
        Some(_) if member("successor") != key => None,
        Some(_) => member("retires"),
    };
    token.unverified_kind() == TokenKind::TrustStatement && signer == Some(&record.subject)
}
