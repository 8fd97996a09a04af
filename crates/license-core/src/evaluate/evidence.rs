//! Expected and actual values of the rules.

use std::fmt::Display;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use semver::{Version, VersionReq};

use super::SeatProblem;
use crate::claims::Status;
use crate::ids::{ProductCode, Tier};
use crate::key::LicenseId;
use crate::machine::{FingerprintComparison, Machine};
use crate::policy::UsageType;
use crate::time::rfc3339;

/// Expected and actual values of a rule.
///
/// [`Evidence::expected`] and [`Evidence::actual`] return the values as text. The JSON form is an
/// object with these two texts, followed by the values under their names.
///
/// ```
/// use license_core::{Context, FeatureMatrix, TrustSet, Unverified, time};
/// use license_core::evaluate::Evidence;
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// let matrix = FeatureMatrix::built_in();
/// let context = Context::at(time::parse_instant("2027-01-15T00:00:00Z")?);
/// let answer = license.evaluate(matrix, &context).feature("sso", matrix);
///
/// assert_eq!(answer.evidence.expected(), "tier ENT or higher");
/// assert_eq!(answer.evidence.actual(), "tier PRO");
/// let Evidence::Feature { included_from, .. } = &answer.evidence else {
///     return Err("expected evidence about a feature".into());
/// };
/// assert_eq!(included_from.map(|tier| tier.to_string()).as_deref(), Some("ENT"));
/// assert_eq!(serde_json::to_value(&answer.evidence)?["included_from"], "ENT");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// The rule does not apply.
    Nothing,
    /// There is no license.
    NoLicense,
    /// The product.
    Product {
        /// The product of the application.
        expected: ProductCode,
        /// The product of the license.
        actual: ProductCode,
    },
    /// The status in the newest validation token.
    Status {
        /// The status.
        actual: Status,
        /// The issue date of the token.
        at: DateTime<Utc>,
    },
    /// A license on a revocation list.
    Revocation {
        /// The license.
        license: LicenseId,
        /// The first instant at which the license is revoked.
        at: DateTime<Utc>,
        /// The reason that the vendor gives.
        reason: Box<str>,
        /// The number of the list.
        seq: u64,
        /// The instant of the evaluation.
        now: DateTime<Utc>,
    },
    /// A license that is not on a revocation list.
    NotListed {
        /// The number of the newest list.
        seq: u64,
        /// The issue date of the list.
        issued_at: DateTime<Utc>,
        /// The instant at which the next list is due.
        next_update: DateTime<Utc>,
    },
    /// A license that replaces this one.
    SupersededBy {
        /// The newer license.
        license: LicenseId,
    },
    /// The start of the license.
    NotBefore {
        /// The first instant at which the license is valid.
        not_before: DateTime<Utc>,
        /// The instant of the evaluation.
        now: DateTime<Utc>,
    },
    /// The machine.
    Machine {
        /// The number of machines in the license.
        named: usize,
        /// The machine in the license, if there is only one.
        only: Option<Machine>,
        /// This machine.
        actual: Option<Machine>,
        /// The comparison with the most similar fingerprint in the license.
        nearest: Option<FingerprintComparison>,
    },
    /// A license that is deactivated on this machine.
    Deactivated {
        /// The license.
        license: LicenseId,
    },
    /// The activation of the license on this machine.
    Activation {
        /// The date of the activation, if there is one.
        at: Option<DateTime<Utc>>,
        /// The instant at which the vendor ended a previous activation.
        ended_at: Option<DateTime<Utc>>,
        /// The number of the revocation list that ended the activation.
        ended_by: Option<u64>,
        /// This machine.
        machine: Option<Machine>,
    },
    /// The user.
    User {
        /// The users in the license.
        expected: Arc<[Box<str>]>,
        /// The current user.
        actual: Option<Box<str>>,
    },
    /// The usage type.
    Usage {
        /// The usage type of the license.
        expected: UsageType,
        /// The usage type of the application.
        actual: UsageType,
    },
    /// The version of the application.
    Version {
        /// The versions that the license covers.
        expected: VersionReq,
        /// The version of the application.
        actual: Option<Version>,
    },
    /// The build date of the application.
    BuildDate {
        /// The last build date that the license covers.
        maintenance_until: DateTime<Utc>,
        /// The build date of the application.
        actual: Option<DateTime<Utc>>,
    },
    /// The version and the build date of the application, if the license covers both.
    VersionAndBuildDate {
        /// The versions that the license covers.
        expected: VersionReq,
        /// The version of the application.
        actual: Option<Version>,
        /// The last build date that the license covers.
        maintenance_until: DateTime<Utc>,
        /// The build date of the application.
        build_date: Option<DateTime<Utc>>,
    },
    /// The end of the license.
    Expiry {
        /// The first instant after the end of the license, or `None` if the license is perpetual.
        expires_at: Option<DateTime<Utc>>,
        /// The first instant after the renewal grace period.
        grace_until: Option<DateTime<Utc>>,
        /// The instant of the evaluation.
        now: DateTime<Utc>,
    },
    /// The last validation.
    CheckIn {
        /// The later of two instants: the start of the license, and the last validation of the
        /// license or of a license that it replaces.
        last: DateTime<Utc>,
        /// The last validation, unless it was before the start of the license.
        last_validated_at: Option<DateTime<Utc>>,
        /// The first instant at which a validation is due.
        due_at: DateTime<Utc>,
        /// The last instant at which the license is valid without a validation.
        grace_until: DateTime<Utc>,
        /// The instant of the evaluation.
        now: DateTime<Utc>,
    },
    /// The lease of a floating seat.
    Seat {
        /// The reason why no lease counts, or `None` if the session holds a seat.
        problem: Option<SeatProblem>,
        /// This machine.
        machine: Option<Machine>,
        /// The end of the lease, if there is one.
        until: Option<DateTime<Utc>>,
        /// The instant with which the end is compared.
        now: DateTime<Utc>,
    },
    /// A feature.
    Feature {
        /// The feature.
        feature: Box<str>,
        /// The lowest tier with the feature.
        included_from: Option<Tier>,
        /// The label of the lowest tier with the feature.
        included_from_label: Option<Box<str>>,
        /// The current tier.
        tier: Tier,
        /// The label of the current tier.
        tier_label: Box<str>,
    },
    /// A feature that neither the product nor the license has.
    UnknownFeature {
        /// The feature.
        feature: Box<str>,
        /// The product.
        product: ProductCode,
        /// The current tier.
        tier: Tier,
    },
}

impl Evidence {
    /// Returns the instant at which the rule ends the license, after a grace period. A license on a
    /// revocation list ends without a grace period.
    ///
    /// For a check-in, the instant is the last at which the license is valid. For an expiry or a
    /// revocation, it is the first at which the license is no longer valid.
    pub(super) fn end(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::CheckIn { grace_until, .. } => Some(*grace_until),
            Self::Expiry { grace_until, .. } => *grace_until,
            Self::Revocation { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Returns a description of the expected values.
    ///
    /// ```
    /// use license_core::evaluate::Evidence;
    ///
    /// assert_eq!(Evidence::NoLicense.expected(), "a license");
    /// ```
    pub fn expected(&self) -> String {
        match self {
            Self::Nothing => "no requirement".to_owned(),
            Self::NoLicense => "a license".to_owned(),
            Self::Product { expected, .. } => expected.to_string(),
            Self::Status { .. } => "status active".to_owned(),
            Self::Revocation { at, now, .. } if now < at => {
                format!("before {}, when the license is revoked", rfc3339(*at))
            }
            Self::Revocation { .. } | Self::NotListed { .. } => {
                "a license that is not on a revocation list".to_owned()
            }
            Self::SupersededBy { .. } => "no newer license that replaces this one".to_owned(),
            Self::NotBefore { not_before, .. } => format!("{} or later", rfc3339(*not_before)),
            Self::Machine {
                only: Some(only), ..
            } => format!("the machine in the license, {}", machine_name(only)),
            Self::Machine { named, .. } => format!("one of the {named} machines in the license"),
            Self::Deactivated { .. } => {
                "a license that is not deactivated on this machine".to_owned()
            }
            Self::Activation { .. } => "an activation for this machine".to_owned(),
            Self::User { expected, .. } => format!("one of {}", expected.join(", ")),
            Self::Usage { expected, .. } => expected.to_string(),
            Self::Version { expected, .. } => format!("a version that matches {expected}"),
            Self::BuildDate {
                maintenance_until, ..
            } => {
                format!("a build date up to {}", rfc3339(*maintenance_until))
            }
            Self::VersionAndBuildDate {
                expected,
                maintenance_until,
                ..
            } => format!(
                "a version that matches {expected}, and a build date up to {}",
                rfc3339(*maintenance_until)
            ),
            Self::Expiry {
                expires_at: None, ..
            } => "any time (perpetual license)".to_owned(),
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
                let [due_at, grace_until] = [*due_at, *grace_until].map(rfc3339);
                format!("a check-in before {due_at}, or up to {grace_until} in the grace period")
            }
            Self::Seat { .. } => "a floating seat of this license".to_owned(),
            Self::Feature {
                included_from_label: Some(tier),
                ..
            } => format!("tier {tier} or higher"),
            Self::Feature { .. } => "a license that includes the feature".to_owned(),
            Self::UnknownFeature { product, .. } => format!("a feature of product {product}"),
        }
    }

    /// Returns a description of the actual values.
    ///
    /// ```
    /// use license_core::evaluate::Evidence;
    ///
    /// assert_eq!(Evidence::NoLicense.actual(), "none");
    /// ```
    pub fn actual(&self) -> String {
        match self {
            Self::Nothing => "not checked".to_owned(),
            Self::NoLicense => "none".to_owned(),
            Self::Product { actual, .. } => actual.to_string(),
            Self::Status { actual, at } => format!("status {actual} as of {}", rfc3339(*at)),
            Self::Revocation { at, now, .. } if now < at => rfc3339(*now).to_string(),
            Self::Revocation {
                license,
                at,
                reason,
                seq,
                ..
            } => {
                let at = rfc3339(*at);
                format!("license {license} on revocation list {seq}, revoked at {at}: {reason}")
            }
            Self::NotListed {
                seq,
                issued_at,
                next_update,
            } => {
                let [issued_at, next_update] = [*issued_at, *next_update].map(rfc3339);
                format!(
                    "no entry in revocation list {seq} of {issued_at} (next list due by \
                     {next_update})"
                )
            }
            Self::SupersededBy { license } => format!("license {license}"),
            Self::NotBefore { now, .. } | Self::Expiry { now, .. } => rfc3339(*now).to_string(),
            Self::Machine {
                actual, nearest, ..
            } => machine(actual.as_ref(), nearest.as_ref()),
            Self::Deactivated { license } => {
                format!("license {license}, deactivated on this machine")
            }
            Self::Activation { at: Some(at), .. } => {
                format!("an activation at {}", rfc3339(*at))
            }
            Self::Activation {
                ended_at: Some(at),
                ended_by,
                ..
            } => {
                let list =
                    ended_by.map_or_else(String::new, |seq| format!(", on revocation list {seq}"));
                format!(
                    "an activation that the vendor ended at {}{list}",
                    rfc3339(*at)
                )
            }
            Self::Activation { machine, .. } => match machine {
                Some(_) => format!(
                    "no activation for {}",
                    self::machine(machine.as_ref(), None)
                ),
                None => "no activation, and no fingerprint of this machine".to_owned(),
            },
            Self::User { actual, .. } => or_none(actual.as_deref()),
            Self::Usage { actual, .. } => actual.to_string(),
            Self::Version { actual, .. } => or_none(actual.as_ref()),
            Self::BuildDate { actual, .. } => or_none(actual.map(rfc3339)),
            Self::VersionAndBuildDate {
                actual, build_date, ..
            } => format!(
                "version {}, build date {}",
                or_none(actual.as_ref()),
                or_none(build_date.map(rfc3339))
            ),
            Self::CheckIn {
                last_validated_at: Some(last),
                now,
                ..
            } => {
                let [last, now] = [*last, *now].map(rfc3339);
                format!("the last check-in at {last}, now {now}")
            }
            Self::CheckIn { last, now, .. } => {
                let [last, now] = [*last, *now].map(rfc3339);
                format!("no check-in since the license started at {last}, now {now}")
            }
            Self::Seat {
                problem,
                machine,
                until,
                now,
            } => {
                let machine = machine.as_ref().map(machine_name);
                SeatProblem::describe(*problem, machine.as_deref(), *until, *now)
            }
            Self::Feature { tier_label, .. } => format!("tier {tier_label}"),
            Self::UnknownFeature { .. } => "an unknown feature".to_owned(),
        }
    }
}

fn before_end(end: DateTime<Utc>, grace_until: Option<DateTime<Utc>>) -> String {
    let end = rfc3339(end);
    match grace_until.map(rfc3339) {
        None => format!("before {end}"),
        Some(grace) => format!("before {end}, or before {grace} in the grace period"),
    }
}

fn machine(actual: Option<&Machine>, nearest: Option<&FingerprintComparison>) -> String {
    match nearest {
        None => or_none(actual.map(machine_name)),
        Some(nearest) => format!(
            "{}; compared with the most similar machine in the license: {nearest}",
            or_none(actual.map(machine_name))
        ),
    }
}

/// Returns the digest of a machine, which is shorter than its fingerprint, or its name.
fn machine_name(machine: &Machine) -> String {
    match machine.digest() {
        Some(digest) => digest.to_string(),
        None => machine.to_string(),
    }
}

fn or_none(actual: Option<impl Display>) -> String {
    actual.map_or_else(|| "none".to_owned(), |actual| actual.to_string())
}
