//! Members of exported entries, compared with their signed artifacts.

use serde_json::Value;

use crate::folding::folded;
use crate::ledger::{LedgerEntryKind, NewLedgerEntry};
use crate::records;

/// Returns whether the members of an exported entry match those of its verified artifact.
pub(super) fn members_match(exported: &NewLedgerEntry, verified: &NewLedgerEntry) -> bool {
    let (Some(members), Some(signed)) = (exported.body.as_object(), verified.body.as_object())
    else {
        return false;
    };
    let unsigned = unsigned_members(exported.kind);
    let mut exported_members = members
        .iter()
        .filter(|(name, _)| !unsigned.contains(&name.as_str()));
    let mut signed_names = signed.keys();
    exported.kind == verified.kind
        && exported.subject == verified.subject
        && exported_members.all(|(name, member)| {
            signed
                .get(name)
                .is_some_and(|signed| is_same_member(name, member, signed))
        })
        && signed_names
            .all(|name| members.contains_key(name) || may_be_missing(exported.kind, name))
}

/// Returns whether an exported member is that of the verified artifact.
///
/// Earlier versions folded the name of the customer in `trial_of` in another way.
fn is_same_member(name: &str, exported: &Value, signed: &Value) -> bool {
    match (name, exported, signed) {
        ("trial_of", Value::String(exported), Value::String(signed)) => {
            folded(exported) == folded(signed)
        }
        _ => exported == signed,
    }
}

/// Returns whether a member may be missing, because earlier versions did not record it.
fn may_be_missing(kind: LedgerEntryKind, name: &str) -> bool {
    let is_claim =
        kind == LedgerEntryKind::License && !records::LICENSE_MEMBERS.always.contains(&name);
    is_claim || unsigned_members(kind).contains(&name) || ["trial_of", "activation"].contains(&name)
}

/// Returns the names of members that an artifact does not contain.
fn unsigned_members(kind: LedgerEntryKind) -> &'static [&'static str] {
    match kind {
        LedgerEntryKind::Activation | LedgerEntryKind::ClockRepair => {
            &records::UNSIGNED_ANSWER_MEMBERS
        }
        _ => &records::UNSIGNED_LICENSE_MEMBERS,
    }
}

/// Returns the members of a verified entry, and the members of the exported entry that no artifact
/// contains.
pub(super) fn with_unsigned_members(verified: &NewLedgerEntry, exported: &NewLedgerEntry) -> Value {
    let mut body = verified.body.clone();
    if let Some(body) = body.as_object_mut() {
        for &name in unsigned_members(exported.kind) {
            let member = exported.body.get(name).cloned();
            body.extend(member.map(|member| (name.to_owned(), member)));
        }
    }
    body
}
