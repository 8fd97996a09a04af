//! What a rule looked at: expected and actual.

use std::fmt::Display;
use std::sync::Arc;

use semver::{Version, VersionReq};
use serde_json::json;

use crate::claims::Status;
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::machine::{Comparison, ComponentKind, Machine};
use crate::policy::UsageType;
use crate::time::Timestamp;

/// The facts behind a finding. [`Evidence::expected`] and [`Evidence::actual`] say them in words,
/// [`Evidence::to_json`] by name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// There was nothing to look at.
    Nothing,
    /// No license was given.
    NoLicense,
    /// The product.
    Product {
        /// The product that asks.
        expected: ProductCode,
        /// The license's product.
        actual: ProductCode,
    },
    /// What the newest validation token says.
    Status {
        /// The status.
        actual: Status,
        /// When it was said.
        at: Timestamp,
    },
    /// A license that a revocation list names.
    Revocation {
        /// The license.
        license: LicenseId,
        /// The first instant at which it no longer holds.
        at: Timestamp,
        /// Why, as the vendor says it.
        reason: Box<str>,
        /// The list's number.
        seq: u64,
        /// The instant of the evaluation.
        now: Timestamp,
    },
    /// A license that no revocation list names.
    NotListed {
        /// The number of the newest list.
        seq: u64,
        /// When it was issued.
        issued_at: Timestamp,
        /// Until when it counts as recent.
        next_update: Timestamp,
    },
    /// A license that replaces this one.
    SupersededBy {
        /// The newer license.
        license: LicenseId,
    },
    /// The start.
    NotBefore {
        /// The first instant at which the license holds.
        not_before: Timestamp,
        /// The instant of the evaluation.
        now: Timestamp,
    },
    /// The machine.
    Machine {
        /// How many machines the license names.
        named: usize,
        /// This machine.
        actual: Option<Machine>,
        /// How it compares with the one of those that is most like it, where both are fingerprints.
        nearest: Option<Comparison>,
    },
    /// A license that this machine has given up.
    Deactivated {
        /// The license.
        license: LicenseId,
    },
    /// The activation of the license on this machine.
    Activation {
        /// When it was activated; none if it is not.
        at: Option<Timestamp>,
        /// When the vendor ended the activation that there was.
        ended_at: Option<Timestamp>,
        /// This machine.
        machine: Option<Machine>,
    },
    /// The user.
    User {
        /// The users that the license names.
        expected: Arc<[Box<str>]>,
        /// The user.
        actual: Option<Box<str>>,
    },
    /// The kind of use.
    Usage {
        /// What the license is for.
        expected: UsageType,
        /// What the application is used for.
        actual: UsageType,
    },
    /// The application's version.
    Version {
        /// What the license covers.
        expected: VersionReq,
        /// The application's version.
        actual: Option<Version>,
    },
    /// The application's build date.
    BuildDate {
        /// Versions built up to here are covered.
        maintenance_until: Timestamp,
        /// When the application was built.
        actual: Option<Timestamp>,
    },
    /// The end.
    Expiry {
        /// The first instant at which the license no longer holds.
        expires_at: Option<Timestamp>,
        /// The first instant after the renewal grace period.
        grace_until: Option<Timestamp>,
        /// The instant of the evaluation.
        now: Timestamp,
    },
    /// The last validation.
    CheckIn {
        /// When the license, or one that it replaces, was last validated; its start if that is later.
        last: Timestamp,
        /// Whether it was validated since it began.
        is_validated: bool,
        /// The first instant at which a validation is due.
        due_at: Timestamp,
        /// The last instant at which the license holds without.
        grace_until: Timestamp,
        /// The instant of the evaluation.
        now: Timestamp,
    },
    /// A feature.
    Feature {
        /// The feature.
        feature: Box<str>,
        /// The least tier that has it.
        included_from: Option<Tier>,
        /// The tier in effect.
        tier: Tier,
    },
}

impl Evidence {
    /// Until when the license holds though the rule is broken, or will be.
    pub(super) fn grace_until(&self) -> Option<Timestamp> {
        match self {
            Self::CheckIn { grace_until, .. } => Some(*grace_until),
            Self::Expiry { grace_until, .. } => *grace_until,
            Self::Revocation { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// What would have been right, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Nothing => "nothing in particular".to_owned(),
            Self::NoLicense => "a license".to_owned(),
            Self::Product { expected, .. } => expected.to_string(),
            Self::Status { .. } => "status active".to_owned(),
            Self::Revocation { at, now, .. } if now < at => {
                format!("before {at}, when it is revoked")
            }
            Self::Revocation { .. } | Self::NotListed { .. } => {
                "not on a revocation list".to_owned()
            }
            Self::SupersededBy { .. } => "no newer license that replaces this one".to_owned(),
            Self::NotBefore { not_before, .. } => format!("{not_before} or later"),
            Self::Machine { named, .. } => {
                format!("one of the {named} machines that the license names")
            }
            Self::Deactivated { .. } => "a license that this machine has not given up".to_owned(),
            Self::Activation { .. } => "activated for this machine".to_owned(),
            Self::User { expected, .. } => format!("one of {}", expected.join(", ")),
            Self::Usage { expected, .. } => expected.to_string(),
            Self::Version { expected, .. } => format!("a version {expected}"),
            Self::BuildDate {
                maintenance_until, ..
            } => {
                format!("a build up to {maintenance_until}")
            }
            Self::Expiry {
                expires_at: None, ..
            } => "any time: perpetual".to_owned(),
            Self::Expiry {
                expires_at: Some(end),
                grace_until,
                ..
            } => before_end(*end, grace_until.filter(|grace| grace > end)),
            Self::CheckIn {
                due_at,
                grace_until,
                ..
            } => {
                format!("validated by {due_at}, or at most {grace_until}")
            }
            Self::Feature {
                included_from: Some(tier),
                ..
            } => format!("tier {tier} or higher"),
            Self::Feature { .. } => "a license that names the feature".to_owned(),
        }
    }

    /// What there was, in words.
    pub fn actual(&self) -> String {
        match self {
            Self::Nothing => "nothing in particular".to_owned(),
            Self::NoLicense => "none".to_owned(),
            Self::Product { actual, .. } => actual.to_string(),
            Self::Status { actual, at } => format!("status {actual}, said at {at}"),
            Self::Revocation { at, now, .. } if now < at => now.to_string(),
            Self::Revocation {
                license,
                at,
                reason,
                seq,
                ..
            } => format!("license {license} on list {seq}, revoked at {at}: {reason}"),
            Self::NotListed {
                seq,
                issued_at,
                next_update,
            } => format!(
                "not on list {seq} of {issued_at}, the next of which is due by {next_update}"
            ),
            Self::SupersededBy { license } => format!("license {license}"),
            Self::NotBefore { now, .. } | Self::Expiry { now, .. } => now.to_string(),
            Self::Machine {
                actual, nearest, ..
            } => machine(actual.as_ref(), nearest.as_ref()),
            Self::Deactivated { license } => format!("license {license} was deactivated here"),
            Self::Activation { at: Some(at), .. } => format!("activated at {at}"),
            Self::Activation {
                ended_at: Some(at), ..
            } => format!("an activation that the vendor ended at {at}"),
            Self::Activation { machine, .. } => match machine {
                Some(_) => format!(
                    "no activation for {}",
                    self::machine(machine.as_ref(), None)
                ),
                None => "no activation, and nothing that names this machine".to_owned(),
            },
            Self::User { actual, .. } => or_not_given(actual.as_deref()),
            Self::Usage { actual, .. } => actual.to_string(),
            Self::Version { actual, .. } => or_not_given(actual.as_ref()),
            Self::BuildDate { actual, .. } => or_not_given(actual.as_ref()),
            Self::CheckIn {
                last,
                is_validated: true,
                now,
                ..
            } => format!("validated at {last}, now {now}"),
            Self::CheckIn { last, now, .. } => {
                format!("not validated since it began at {last}, now {now}")
            }
            Self::Feature { tier, .. } => format!("tier {tier}"),
        }
    }

    /// The facts as a JSON object: `expected` and `actual` in words, then each fact under its name.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = json!({ "expected": self.expected(), "actual": self.actual() });
        let facts = self.facts();
        if let (Some(object), serde_json::Value::Object(facts)) = (object.as_object_mut(), facts) {
            object.extend(facts);
        }
        object
    }

    fn facts(&self) -> serde_json::Value {
        let text = |instant: &Timestamp| instant.to_string();
        match self {
            Self::Nothing | Self::NoLicense | Self::Product { .. } | Self::Usage { .. } => {
                json!({})
            }
            Self::Status { actual, at } => json!({ "status": actual.as_str(), "at": text(at) }),
            Self::Revocation {
                license,
                at,
                reason,
                seq,
                now,
            } => json!({
                "license_id": license.as_str(),
                "revoked_at": text(at),
                "reason": reason,
                "seq": seq,
                "now": text(now),
            }),
            Self::NotListed {
                seq,
                issued_at,
                next_update,
            } => json!({
                "seq": seq,
                "issued_at": text(issued_at),
                "next_update": text(next_update),
            }),
            Self::SupersededBy { license } => json!({ "superseded_by": license.as_str() }),
            Self::NotBefore { not_before, now } => {
                json!({ "not_before": text(not_before), "now": text(now) })
            }
            Self::Machine {
                actual, nearest, ..
            } => machine_facts(actual.as_ref(), nearest.as_ref()),
            Self::Deactivated { license } => json!({ "license_id": license.as_str() }),
            Self::Activation {
                at,
                ended_at,
                machine,
            } => json!({
                "activated_at": at.as_ref().map(text),
                "ended_at": ended_at.as_ref().map(text),
                "machine": machine.as_ref().map(ToString::to_string),
            }),
            Self::User { expected, actual } => json!({ "users": **expected, "user": actual }),
            Self::Version { expected, actual } => json!({
                "max_version": expected.to_string(),
                "version": actual.as_ref().map(ToString::to_string),
            }),
            Self::BuildDate {
                maintenance_until,
                actual,
            } => json!({
                "maintenance_until": text(maintenance_until),
                "build_date": actual.as_ref().map(text),
            }),
            Self::Expiry {
                expires_at,
                grace_until,
                now,
            } => json!({
                "expires_at": expires_at.as_ref().map(text),
                "grace_until": grace_until.as_ref().map(text),
                "now": text(now),
            }),
            Self::CheckIn {
                last,
                is_validated,
                due_at,
                grace_until,
                now,
            } => json!({
                "counted_from": text(last),
                "last_validated_at": is_validated.then(|| text(last)),
                "due_at": text(due_at),
                "grace_until": text(grace_until),
                "now": text(now),
            }),
            Self::Feature {
                feature,
                included_from,
                tier,
            } => json!({
                "feature": feature,
                "included_from": included_from.as_ref().map(Tier::as_str),
                "tier": tier.as_str(),
            }),
        }
    }
}

fn before_end(end: Timestamp, grace_until: Option<Timestamp>) -> String {
    match grace_until {
        None => format!("before {end}"),
        Some(grace) => format!("before {end}, with grace before {grace}"),
    }
}

fn machine(actual: Option<&Machine>, nearest: Option<&Comparison>) -> String {
    // A digest names a machine well enough for a person.
    let name = |machine: &Machine| match machine.digest() {
        Some(digest) => digest.to_string(),
        None => machine.to_string(),
    };
    match nearest {
        None => or_not_given(actual.map(name)),
        Some(nearest) => format!(
            "{}; beside the one most like it, {nearest}",
            or_not_given(actual.map(name))
        ),
    }
}

fn machine_facts(actual: Option<&Machine>, nearest: Option<&Comparison>) -> serde_json::Value {
    let mut facts = json!({ "machine": actual.map(ToString::to_string) });
    let names =
        |kinds: &[ComponentKind]| -> Vec<_> { kinds.iter().map(|kind| kind.as_str()).collect() };
    if let (Some(facts), Some(nearest)) = (facts.as_object_mut(), nearest) {
        facts.insert("matching".to_owned(), names(&nearest.matching).into());
        facts.insert("differing".to_owned(), names(&nearest.differing).into());
        facts.insert("missing".to_owned(), names(&nearest.missing).into());
    }
    facts
}

fn or_not_given(actual: Option<impl Display>) -> String {
    actual.map_or_else(|| "not given".to_owned(), |actual| actual.to_string())
}
