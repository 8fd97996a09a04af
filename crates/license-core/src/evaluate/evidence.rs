//! What a rule looked at: expected and actual.

use std::fmt::Display;
use std::sync::Arc;

use semver::{Version, VersionReq};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::claims::Status;
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::machine::{Comparison, Machine};
use crate::policy::UsageType;
use crate::time::Timestamp;

/// The facts behind a finding. [`Evidence::expected`] and [`Evidence::actual`] say them in words,
/// [`Evidence::to_json`] by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Evidence {
    /// There was nothing to look at.
    Nothing,
    /// No license was given.
    NoLicense,
    /// The product.
    Product {
        /// The product that asks.
        #[serde(skip)]
        expected: ProductCode,
        /// The license's product.
        #[serde(skip)]
        actual: ProductCode,
    },
    /// What the newest validation token says.
    Status {
        /// The status.
        #[serde(rename = "status")]
        actual: Status,
        /// When it was said.
        at: Timestamp,
    },
    /// A license that a revocation list names.
    Revocation {
        /// The license.
        #[serde(rename = "license_id")]
        license: LicenseId,
        /// The first instant at which it no longer holds.
        #[serde(rename = "revoked_at")]
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
        #[serde(rename = "superseded_by")]
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
        #[serde(skip)]
        named: usize,
        /// This machine.
        #[serde(rename = "machine")]
        actual: Option<Machine>,
        /// How it compares with the one of those that is most like it, where both are fingerprints.
        #[serde(flatten)]
        nearest: Option<Comparison>,
    },
    /// A license that this machine has given up.
    Deactivated {
        /// The license.
        #[serde(rename = "license_id")]
        license: LicenseId,
    },
    /// The activation of the license on this machine.
    Activation {
        /// When it was activated; none if it is not.
        #[serde(rename = "activated_at")]
        at: Option<Timestamp>,
        /// When the vendor ended the activation that there was.
        ended_at: Option<Timestamp>,
        /// This machine.
        machine: Option<Machine>,
    },
    /// The user.
    User {
        /// The users that the license names.
        #[serde(rename = "users", serialize_with = "slice")]
        expected: Arc<[Box<str>]>,
        /// The user.
        #[serde(rename = "user")]
        actual: Option<Box<str>>,
    },
    /// The kind of use.
    Usage {
        /// What the license is for.
        #[serde(skip)]
        expected: UsageType,
        /// What the application is used for.
        #[serde(skip)]
        actual: UsageType,
    },
    /// The application's version.
    Version {
        /// What the license covers.
        #[serde(rename = "max_version")]
        expected: VersionReq,
        /// The application's version.
        #[serde(rename = "version")]
        actual: Option<Version>,
    },
    /// The application's build date.
    BuildDate {
        /// Versions built up to here are covered.
        maintenance_until: Timestamp,
        /// When the application was built.
        #[serde(rename = "build_date")]
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
        #[serde(rename = "counted_from")]
        last: Timestamp,
        /// When it was last validated, unless that was before it began.
        last_validated_at: Option<Timestamp>,
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
                last_validated_at: Some(last),
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
        if let (Some(object), serde_json::Value::Object(facts)) =
            (object.as_object_mut(), json!(self))
        {
            object.extend(facts);
        }
        object
    }
}

fn slice<T: Serialize, S: Serializer>(items: &Arc<[T]>, serializer: S) -> Result<S::Ok, S::Error> {
    items.as_ref().serialize(serializer)
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

fn or_not_given(actual: Option<impl Display>) -> String {
    actual.map_or_else(|| "not given".to_owned(), |actual| actual.to_string())
}
