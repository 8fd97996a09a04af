//! The JSON object of evidence.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::evaluate::{Evidence, Rule};
use crate::time::serde_rfc3339::Rfc3339;

/// Evidence with the rule that it belongs to.
pub(super) struct WithRule<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) rule: Option<Rule>,
}

impl Serialize for WithRule<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        write_texts(self.evidence, &mut members)?;
        write_values(self.evidence, &mut members)?;
        if let Some(rule) = self.rule {
            members.serialize_entry("rule", &rule)?;
        }
        members.end()
    }
}

/// Writes the texts `expected` and `actual`, followed by the named values.
impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let evidence = WithRule {
            evidence: self,
            rule: None,
        };
        evidence.serialize(serializer)
    }
}

fn write_texts<M: SerializeMap>(evidence: &Evidence, members: &mut M) -> Result<(), M::Error> {
    members.serialize_entry("expected", &evidence.expected())?;
    members.serialize_entry("actual", &evidence.actual())
}

/// Writes members, each as `"name" = value`.
macro_rules! write_members {
    ($members:ident, $($name:literal = $value:expr),+ $(,)?) => {{
        $($members.serialize_entry($name, $value)?;)+
    }};
}

fn write_values<M: SerializeMap>(evidence: &Evidence, members: &mut M) -> Result<(), M::Error> {
    match evidence {
        // The texts are the values.
        Evidence::Nothing
        | Evidence::NoLicense
        | Evidence::Product { .. }
        | Evidence::Usage { .. } => {}
        Evidence::Status { actual, at } => {
            write_members!(members, "status" = actual, "at" = &Rfc3339(at))
        }
        Evidence::Revocation {
            license,
            at,
            reason,
            seq,
            now,
        } => write_members!(
            members,
            "license_id" = license,
            "revoked_at" = &Rfc3339(at),
            "reason" = reason,
            "seq" = seq,
            "now" = &Rfc3339(now),
        ),
        Evidence::NotListed {
            seq,
            issued_at,
            next_update,
        } => write_members!(
            members,
            "seq" = seq,
            "issued_at" = &Rfc3339(issued_at),
            "next_update" = &Rfc3339(next_update),
        ),
        Evidence::SupersededBy { license } => write_members!(members, "superseded_by" = license),
        Evidence::NotBefore { not_before, now } => {
            write_members!(
                members,
                "not_before" = &Rfc3339(not_before),
                "now" = &Rfc3339(now)
            );
        }
        Evidence::Machine {
            only,
            actual,
            nearest,
            ..
        } => {
            write_members!(members, "license_machine" = only, "machine" = actual);
            if let Some(nearest) = nearest {
                write_members!(
                    members,
                    "matching" = &nearest.matching,
                    "differing" = &nearest.differing,
                    "missing" = &nearest.missing,
                );
            }
        }
        Evidence::Deactivated { license } => write_members!(members, "license_id" = license),
        Evidence::Activation {
            at,
            ended_at,
            ended_by,
            machine,
        } => write_members!(
            members,
            "activated_at" = &Rfc3339(at),
            "ended_at" = &Rfc3339(ended_at),
            "ended_by" = ended_by,
            "machine" = machine,
        ),
        Evidence::User { expected, actual } => {
            write_members!(members, "users" = expected.as_ref(), "user" = actual);
        }
        Evidence::Version { expected, actual } => {
            write_members!(members, "max_version" = expected, "version" = actual);
        }
        Evidence::BuildDate {
            maintenance_until,
            actual,
        } => write_members!(
            members,
            "maintenance_until" = &Rfc3339(maintenance_until),
            "build_date" = &Rfc3339(actual),
        ),
        Evidence::VersionAndBuildDate {
            expected,
            actual,
            maintenance_until,
            build_date,
        } => write_members!(
            members,
            "max_version" = expected,
            "version" = actual,
            "maintenance_until" = &Rfc3339(maintenance_until),
            "build_date" = &Rfc3339(build_date),
        ),
        Evidence::Expiry {
            expires_at,
            grace_until,
            now,
        } => write_members!(
            members,
            "expires_at" = &Rfc3339(expires_at),
            "grace_until" = &Rfc3339(grace_until),
            "now" = &Rfc3339(now),
        ),
        Evidence::CheckIn {
            last,
            last_validated_at,
            due_at,
            grace_until,
            now,
        } => write_members!(
            members,
            "counted_from" = &Rfc3339(last),
            "last_validated_at" = &Rfc3339(last_validated_at),
            "due_at" = &Rfc3339(due_at),
            "grace_until" = &Rfc3339(grace_until),
            "now" = &Rfc3339(now),
        ),
        Evidence::Seat {
            problem,
            machine,
            until,
            now,
        } => write_members!(
            members,
            "problem" = problem,
            "machine" = machine,
            "until" = &Rfc3339(until),
            "now" = &Rfc3339(now),
        ),
        Evidence::Feature {
            feature,
            included_from,
            included_from_label,
            tier,
            tier_label,
        } => write_members!(
            members,
            "feature" = feature,
            "included_from" = included_from,
            "included_from_label" = included_from_label,
            "tier" = tier,
            "tier_label" = tier_label,
        ),
        Evidence::UnknownFeature {
            feature,
            product,
            tier,
        } => write_members!(
            members,
            "feature" = feature,
            "included_from" = &None::<&str>,
            "tier" = tier,
            "product" = product,
        ),
    }
    Ok(())
}
