//! The ledger entries of artifacts.

use license_core::usage_report::{Hash, UsageEntry};
use license_core::{
    Activation, ClockRepair, EnterpriseKey, License, LicenseId, LicenseKey, Machine, Matrix,
    ProductCode, RevocationList, Timestamp, TrustStatement, TrustedKey, Validation,
};
use serde_json::{Map, Value, json};

use crate::hex;
use crate::ledger::{EntryKind, NewEntry};

/// Facts of a license's entry that no license contains: they tell how it was issued.
pub const UNSIGNED_LICENSE_FACTS: [&str; 3] = ["order", "again", "reassigned"];

/// Facts of an answer's entry that no token contains: they come from the license or the request.
pub const UNSIGNED_ANSWER_FACTS: [&str; 3] = ["customer", "mark", "requested_at"];

/// Returns the name under which the trials of a customer and product are found. Letter case and
/// spacing of the customer's name do not matter.
pub fn trial_key(product: ProductCode, customer: &str) -> String {
    let words: Vec<_> = customer.split_whitespace().map(str::to_lowercase).collect();
    format!("{product} {}", words.join(" "))
}

/// Returns the entry of the public half of a signing key.
pub fn signing_key(key: &TrustedKey) -> NewEntry {
    NewEntry {
        kind: EntryKind::SigningKey,
        subject: key.id().as_str().to_owned(),
        body: json!({ "alg": key.algorithm().as_str(), "bits": key.bits(), "jwk": key.to_jwk() }),
        artifact: String::new(),
    }
}

/// Returns the entry of a license.
pub fn license(license: &License, token: &str, matrix: &Matrix) -> NewEntry {
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    let short_key = license.short_enterprise_key(matrix);
    let supersedes = license.supersedes().iter().map(|id| id.as_str());
    let machines = license.machines().into_iter().flatten();
    let body = json!({
        "license_id": license.id().as_str(),
        "key": license.standard_key().map(|key| key.to_string()),
        "short_key": short_key.map(|key| key.to_string()),
        "product": license.product().as_str(),
        "tier": license.tier().as_str(),
        "customer": license.customer(),
        "company": license.company().map(|company| company.as_str().to_owned()),
        "seats": license.seats(),
        "devices": license.devices(),
        "users": license.users().map(|users| users.collect::<Vec<_>>()),
        "machines": machines.map(Machine::to_string).collect::<Vec<_>>(),
        "activation": license.must_activate(),
        "trial": license.is_trial(),
        "trial_of": license.is_trial().then(|| trial_key(license.product(), license.customer())),
        "serial": license.serial(),
        "supersedes": supersedes.collect::<Vec<_>>(),
        "issued_at": at(license.issued_at()),
        "not_before": at(license.not_before()),
        "expires_at": at(license.expires_at()),
        "maintenance_until": at(license.maintenance_until()),
        "kid": license.key_id().as_str(),
    });
    NewEntry {
        kind: EntryKind::License,
        subject: license.id().as_str().to_owned(),
        body,
        artifact: token.to_owned(),
    }
}

/// Returns the entry of an enterprise key that the key `kid` has signed.
pub fn enterprise_key(key: &EnterpriseKey, kid: &str, tier: Option<&str>) -> NewEntry {
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
        "expires_at": terms.expiry.ends_at().map(|end| end.to_string()),
        "kid": kid,
    });
    NewEntry {
        kind: EntryKind::EnterpriseKey,
        subject: short.to_string(),
        body,
        artifact: key.to_string(),
    }
}

/// Returns the entry of a validation token.
pub fn check_in(license: &License, validation: &Validation, token: &str) -> NewEntry {
    let body = json!({
        "license_id": validation.license_id().as_str(),
        "customer": license.customer(),
        "validation_id": validation.id(),
        "status": validation.status().as_str(),
        "machine": validation.machine().map(Machine::to_string),
        "nonce": validation.nonce(),
        "issued_at": validation.issued_at().to_string(),
    });
    NewEntry {
        kind: EntryKind::CheckIn,
        subject: validation.license_id().as_str().to_owned(),
        body,
        artifact: token.to_owned(),
    }
}

/// Returns the entry of an activation, with the facts that its token contains.
pub fn activation(activation: &Activation, token: &str) -> NewEntry {
    let license = activation.license_id().as_str();
    let body = json!({
        "license_id": license,
        "product": activation.product().as_str(),
        "activation_id": activation.id().as_str(),
        "machine": activation.machine().digest().map(|digest| digest.to_string()),
        "fingerprint": activation.machine().to_string(),
        "nonce": activation.nonce().to_string(),
        "commitment": activation.commitment().to_string(),
        "issued_at": activation.issued_at().to_string(),
    });
    NewEntry {
        kind: EntryKind::Activation,
        subject: license.to_owned(),
        body,
        artifact: token.to_owned(),
    }
}

/// Returns the entry of a clock repair, with the facts that its token contains. `None` means that
/// the token names no machine.
pub fn clock_repair(repair: &ClockRepair, token: &str) -> Option<NewEntry> {
    let machine = repair.machine().digest()?.to_string();
    let body = json!({
        "repair_id": repair.id().as_str(),
        "product": repair.product().as_str(),
        "machine": machine,
        "fingerprint": repair.machine().to_string(),
        "nonce": repair.nonce().to_string(),
        "issued_at": repair.issued_at().to_string(),
    });
    Some(NewEntry {
        kind: EntryKind::ClockRepair,
        subject: machine,
        body,
        artifact: token.to_owned(),
    })
}

/// Returns the entry of the revocation of a license.
pub fn revocation(id: &str, reason: &str, at: Timestamp) -> NewEntry {
    NewEntry {
        kind: EntryKind::Revocation,
        subject: id.to_owned(),
        body: json!({ "license_id": id, "reason": reason, "at": at.to_string() }),
        artifact: String::new(),
    }
}

/// Returns the entry of a revocation list, without the list itself.
pub fn revocation_list(list: &RevocationList) -> NewEntry {
    let body = json!({
        "kid": list.key_id().as_str(),
        "seq": list.seq(),
        "product": list.product().as_str(),
        "revoked": list.len(),
        "issued_at": list.issued_at().to_string(),
        "next_update": list.next_update().to_string(),
        "sha256": hex::encode(&list.digest()),
    });
    NewEntry {
        kind: EntryKind::RevocationList,
        subject: list.key_id().as_str().to_owned(),
        body,
        artifact: String::new(),
    }
}

/// Returns the entry of a trust statement.
pub fn trust_statement(statement: &TrustStatement) -> NewEntry {
    let introduces = statement.introduces().map(|key| key.id().as_str());
    let body = json!({
        "kid": statement.signer().as_str(),
        "introduces": introduces.collect::<Vec<_>>(),
        "retires": statement.retires().map(|key| key.as_str()),
        "successor": statement.countersigner().map(|key| key.as_str()),
        "issued_at": statement.issued_at().to_string(),
    });
    NewEntry {
        kind: EntryKind::TrustStatement,
        subject: statement.signer().as_str().to_owned(),
        body,
        artifact: statement.as_str().to_owned(),
    }
}

/// The subject of usage entries without a license.
pub const UNLICENSED: &str = "unlicensed";

/// Returns the entry of a line of a usage report, without its private part, because an entry cannot
/// be deleted. `gap` is a range of missing numbers before the line. `fork` tells whether the line
/// contradicts another one.
pub fn usage(line: &str, entry: &UsageEntry, gap: Option<(u64, u64)>, fork: bool) -> NewEntry {
    let gap = gap.map(|(first, last)| json!({ "first": first, "last": last }));
    let mut body = usage_facts(line, entry);
    body.insert("gap".to_owned(), gap.into());
    body.insert("fork".to_owned(), fork.into());
    NewEntry {
        kind: EntryKind::Usage,
        subject: usage_subject(entry),
        body: Value::Object(body),
        artifact: line.to_owned(),
    }
}

/// Returns the license of a usage entry, or [`UNLICENSED`].
pub fn usage_subject(entry: &UsageEntry) -> String {
    let id = entry.license.as_ref().map(LicenseId::as_str);
    id.unwrap_or(UNLICENSED).to_owned()
}

/// Returns the facts of a usage entry, under the names that other entries have for them.
fn usage_facts(line: &str, entry: &UsageEntry) -> Map<String, Value> {
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
    let hash = Hash::of_entry(line).to_string();
    named.chain([("hash".to_owned(), hash.into())]).collect()
}

/// Returns whether an exported usage entry contains the facts of its line.
pub fn is_usage_of_its_line(stated: &NewEntry) -> bool {
    let Ok(entry) = UsageEntry::parse(&stated.artifact) else {
        return false;
    };
    let mut body = stated.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.shift_remove("gap");
        members.shift_remove("fork");
    }
    let facts = Value::Object(usage_facts(&stated.artifact, &entry));
    stated.subject == usage_subject(&entry) && body == facts
}
