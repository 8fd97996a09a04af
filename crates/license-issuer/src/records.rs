//! The ledger entries of artifacts.

use std::fmt::Display;

use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use license_core::key::EnterpriseKey;
use license_core::license::{Activation, ClockRepair, RevocationList, TrustStatement, Validation};
use license_core::machine::Machine;
use license_core::time::rfc3339;
use license_core::trust::TrustedKey;
use license_core::usage::{UsageEntry, UsageHash};
use license_core::{FeatureMatrix, License, LicenseId, LicenseKey, ProductCode};
use serde_json::{Map, Value, json};

use crate::folding::folded;
use crate::ledger::{LedgerEntryKind, NewLedgerEntry};
use crate::members::MemberLayout;

/// Members of a license's entry that no license contains. They describe how the license was issued.
pub const UNSIGNED_LICENSE_MEMBERS: [&str; 6] = [
    "order",
    "again",
    "reassigned",
    "server_name",
    ISSUED_BY,
    ISSUED_FROM,
];

/// The member that names who ordered a license or statement from a license server.
pub const ISSUED_BY: &str = "issued_by";

/// The member with the address from which this order came.
pub const ISSUED_FROM: &str = "issued_from";

/// Members of an answer's entry that no token contains. They come from the license or the request.
pub const UNSIGNED_ANSWER_MEMBERS: [&str; 3] = ["customer", "mark", "requested_at"];

/// Returns the key under which the ledger finds the trials of a customer and product. Names that
/// [fold](folded()) to the same text have the same key.
pub fn trial_key(product: ProductCode, customer: &str) -> String {
    format!("{product} {}", folded(customer))
}

/// Returns the entry of the public half of a signing key.
pub fn signing_key(key: &TrustedKey) -> NewLedgerEntry {
    NewLedgerEntry::new(
        LedgerEntryKind::SigningKey,
        key.id().as_str(),
        "",
        json!({ "alg": key.algorithm().as_str(), "bits": key.bits(), "jwk": key.to_jwk() }),
    )
}

/// The members of a license's entry. The ledger is a public format, so these members stay.
pub const LICENSE_MEMBERS: MemberLayout = MemberLayout {
    always: &[
        "license_id",
        "key",
        "short_key",
        "product",
        "tier",
        "customer",
        "company",
        "seats",
        "devices",
        "users",
        "machines",
        "activation",
        "trial",
        "trial_of",
        "serial",
        "supersedes",
        "issued_at",
        "not_before",
        "expires_at",
        "maintenance_until",
        "kid",
    ],
    // The first versions did not record these claims. The token of the entry contains them. The
    // member `server_key` has the key id of `cnf`.
    omitted: &[
        "ver",
        "iss",
        "features",
        "quotas",
        "usage_type",
        "check_in",
        "renewal",
        "max_version",
        "cnf",
        "crit",
        "ext",
    ],
};

/// Returns the entry of a license.
///
/// # Errors
///
/// Returns an error if the claims cannot be written as JSON.
pub fn license(
    license: &License,
    token: &str,
    matrix: &FeatureMatrix,
) -> Result<NewLedgerEntry, serde_json::Error> {
    let claims = license.claims();
    let trial_of = || trial_key(claims.product, &claims.customer);
    let text = |key: &dyn Display| key.to_string();
    let short_key = license.short_enterprise_key(matrix);
    let derived = [
        ("key", license.standard_key().map(|key| text(&key)).into()),
        ("short_key", short_key.map(|key| text(&key)).into()),
        ("machines", json!(claims.machines)),
        ("trial_of", claims.trial.then(trial_of).into()),
        ("kid", license.key_id().as_str().into()),
    ];
    let mut members = LICENSE_MEMBERS.describe(claims, derived)?;
    if let Some(key) = license.confirmation_key() {
        members.insert("server_key".to_owned(), key.id().as_str().into());
    }
    Ok(NewLedgerEntry::new(
        LedgerEntryKind::License,
        license.id().as_str(),
        token,
        Value::Object(members),
    ))
}

/// Returns the entry of an enterprise key that the key `kid` signed.
pub fn enterprise_key(key: &EnterpriseKey, kid: &str, tier: Option<&str>) -> NewLedgerEntry {
    let terms = key.unverified_terms();
    let short = key.short();
    let id = LicenseKey::EnterpriseShort(short).license_id();
    let body = json!({
        "license_id": id.map(|id| id.as_str().to_owned()),
        "key": Value::Null,
        "short_key": short.to_string(),
        "product": terms.product.as_str(),
        "tier": tier,
        "customer": terms.company.as_str(),
        "company": terms.company.as_str(),
        "seats": terms.seats,
        "supersedes": [],
        "expires_at": terms.expiry.ends_at().map(|end| rfc3339(end).to_string()),
        "kid": kid,
    });
    NewLedgerEntry::new(
        LedgerEntryKind::EnterpriseKey,
        &short.to_string(),
        &key.to_string(),
        body,
    )
}

/// Returns the entry of a validation token.
pub fn check_in(license: &License, validation: &Validation, token: &str) -> NewLedgerEntry {
    let body = json!({
        "license_id": validation.license_id().as_str(),
        "customer": license.customer(),
        "validation_id": validation.id(),
        "status": validation.status().as_str(),
        "machine": validation.machine().map(Machine::to_string),
        "nonce": validation.nonce(),
        "issued_at": rfc3339(validation.issued_at()).to_string(),
    });
    NewLedgerEntry::new(
        LedgerEntryKind::CheckIn,
        validation.license_id().as_str(),
        token,
        body,
    )
}

/// Returns the entry of an activation, with the members that its token contains.
pub fn activation(activation: &Activation, token: &str) -> NewLedgerEntry {
    let license = activation.license_id().as_str();
    let body = json!({
        "license_id": license,
        "product": activation.product().as_str(),
        "activation_id": activation.id().as_str(),
        "machine": activation.machine().digest().map(|digest| digest.to_string()),
        "fingerprint": activation.machine().to_string(),
        "nonce": activation.nonce().to_string(),
        "commitment": activation.commitment().to_string(),
        "issued_at": rfc3339(activation.issued_at()).to_string(),
    });
    NewLedgerEntry::new(LedgerEntryKind::Activation, license, token, body)
}

/// Returns the entry of a clock repair, with the members that its token contains. `None` means that
/// the token names no machine.
pub fn clock_repair(repair: &ClockRepair, token: &str) -> Option<NewLedgerEntry> {
    let machine = repair.machine().digest()?.to_string();
    let body = json!({
        "repair_id": repair.id().as_str(),
        "product": repair.product().as_str(),
        "machine": machine,
        "fingerprint": repair.machine().to_string(),
        "nonce": repair.nonce().to_string(),
        "issued_at": rfc3339(repair.issued_at()).to_string(),
    });
    Some(NewLedgerEntry::new(
        LedgerEntryKind::ClockRepair,
        &machine,
        token,
        body,
    ))
}

/// Returns the entry of the revocation of a license.
pub fn revocation(id: &str, reason: &str, at: DateTime<Utc>) -> NewLedgerEntry {
    statement(LedgerEntryKind::Revocation, id, reason, at)
}

/// Returns the entry that ends the revocation of a license.
pub fn reinstatement(id: &str, reason: &str, at: DateTime<Utc>) -> NewLedgerEntry {
    statement(LedgerEntryKind::Reinstatement, id, reason, at)
}

/// Returns the entry of a vendor's statement about a license.
fn statement(kind: LedgerEntryKind, id: &str, reason: &str, at: DateTime<Utc>) -> NewLedgerEntry {
    let body = json!({ "license_id": id, "reason": reason, "at": rfc3339(at).to_string() });
    NewLedgerEntry::new(kind, id, "", body)
}

/// Returns the entry of a revocation list, without the list itself.
pub fn revocation_list(list: &RevocationList) -> NewLedgerEntry {
    let body = json!({
        "kid": list.key_id().as_str(),
        "seq": list.seq(),
        "product": list.product().as_str(),
        "revoked": list.len(),
        "issued_at": rfc3339(list.issued_at()).to_string(),
        "next_update": rfc3339(list.next_update()).to_string(),
        "sha256": hex::encode(&list.digest()),
    });
    NewLedgerEntry::new(
        LedgerEntryKind::RevocationList,
        list.key_id().as_str(),
        "",
        body,
    )
}

/// Returns the entry of a trust statement.
pub fn trust_statement(statement: &TrustStatement) -> NewLedgerEntry {
    let introduces = statement.introduces().map(|key| key.id().as_str());
    let body = json!({
        "kid": statement.signer().as_str(),
        "introduces": introduces.collect::<Vec<_>>(),
        "retires": statement.retires().map(|key| key.as_str()),
        "successor": statement.countersigner().map(|key| key.as_str()),
        "issued_at": rfc3339(statement.issued_at()).to_string(),
    });
    NewLedgerEntry::new(
        LedgerEntryKind::TrustStatement,
        statement.signer().as_str(),
        statement.as_str(),
        body,
    )
}

/// The subject of usage entries without a license.
pub const UNLICENSED: &str = "unlicensed";

/// Returns the entry of one line of a usage report.
///
/// The entry omits the private part of the line, because an entry cannot be deleted. `gap` is a
/// range of missing numbers before the line. `fork` is true if the line contradicts another line.
pub fn usage(
    line: &str,
    entry: &UsageEntry,
    gap: Option<(u64, u64)>,
    fork: bool,
) -> NewLedgerEntry {
    let gap = gap.map(|(first, last)| json!({ "first": first, "last": last }));
    let mut body = usage_members(line, entry);
    body.insert("gap".to_owned(), gap.into());
    body.insert("fork".to_owned(), fork.into());
    NewLedgerEntry::new(
        LedgerEntryKind::Usage,
        &usage_subject(entry),
        line,
        Value::Object(body),
    )
}

/// Returns the license of a usage entry, or [`UNLICENSED`].
pub fn usage_subject(entry: &UsageEntry) -> String {
    let id = entry.license.as_ref().map(LicenseId::as_str);
    id.unwrap_or(UNLICENSED).to_owned()
}

/// Returns the members of a usage entry, with the member names that other entries use.
fn usage_members(line: &str, entry: &UsageEntry) -> Map<String, Value> {
    let members = match entry.to_json() {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    let named = members
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "license" => ("license_id".to_owned(), value),
            _ => (name, value),
        });
    let hash = UsageHash::from_entry(line).to_string();
    named.chain([("hash".to_owned(), hash.into())]).collect()
}

/// Returns whether an exported usage entry matches the line that it contains.
pub fn usage_matches_line(exported: &NewLedgerEntry) -> bool {
    let Ok(entry) = UsageEntry::parse(&exported.artifact) else {
        return false;
    };
    let mut body = exported.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.shift_remove("gap");
        members.shift_remove("fork");
    }
    let members = Value::Object(usage_members(&exported.artifact, &entry));
    exported.subject == usage_subject(&entry) && body == members
}
