//! Rules of an evaluation, one function per rule. The machine rule is in `machine.rs`, and the seat
//! rule in `seat.rs`.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::validation_history::ValidationHistory;
use super::{Context, Evidence, Rule, RuleOutcome, machine, seat};
use crate::claims::Status;
use crate::code::Code;
use crate::key::LicenseId;
use crate::license::{Activation, License, RevocationList, Validation, ValidationSigner};
use crate::machine::Machine;
use crate::matrix::FeatureMatrix;
use crate::time;
use crate::trust::KeyId;

/// A license, its context, and values derived from both, as input of the rules.
pub(super) struct Evaluation<'a> {
    pub(super) license: &'a License,
    pub(super) matrix: &'a FeatureMatrix,
    pub(super) context: &'a Context<'a>,
    /// The latest of the clock, the clock high-water mark, and the issue dates of all verified
    /// artifacts. Leases do not count, because the clock of a license server can be wrong.
    pub(super) now: DateTime<Utc>,
    pub(super) newest_validation: Option<&'a Validation>,
    pub(super) newest_vendor_validation: Option<&'a Validation>,
    history: ValidationHistory<'a>,
}

/// A revocation, with the key and the number of the list that contains it.
pub(super) struct ListedRevocation<'a> {
    pub(super) at: DateTime<Utc>,
    reason: &'a str,
    key: &'a KeyId,
    pub(super) seq: u64,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        license: &'a License,
        matrix: &'a FeatureMatrix,
        context: &'a Context<'a>,
    ) -> Self {
        let validations = context.all_validations();
        let issued = validations.clone().map(|validation| validation.issued_at());
        let installed = context.all_installed().filter_map(License::issued_at);
        let lists = context.all_revocations().map(RevocationList::issued_at);
        let activations = context.all_activations().map(Activation::issued_at);
        let seen = issued
            .chain(installed)
            .chain(lists)
            .chain(activations)
            .chain(license.issued_at())
            .chain(context.high_water);
        let matching = validations
            .clone()
            .filter(|validation| matches(validation, license, context));
        let is_by_vendor =
            |validation: &&Validation| validation.signer() == ValidationSigner::Vendor;
        Self {
            license,
            matrix,
            context,
            now: seen.fold(context.clock(), DateTime::max),
            newest_validation: newest(matching.clone()),
            newest_vendor_validation: newest(matching.filter(is_by_vendor)),
            history: ValidationHistory::new(license, validations, context),
        }
    }

    /// Returns the revocation lists that apply.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'a RevocationList> {
        let product = self.license.product();
        let is_for_product = move |list: &&RevocationList| list.product() == product;
        RevocationList::newest(self.context.all_revocations().filter(is_for_product))
    }

    /// Returns the revocations of a license or activation: those of the lists that apply, and those
    /// that this machine has recorded from lists which are missing now.
    pub(super) fn revocations(&self, id: &LicenseId) -> impl Iterator<Item = ListedRevocation<'a>> {
        let on_lists = self.lists().filter_map(move |list| {
            let revocation = list.revoked(id)?;
            Some(ListedRevocation {
                at: revocation.at,
                reason: &revocation.reason,
                key: list.key_id(),
                seq: list.seq(),
            })
        });
        let recorded = self.context.all_recorded().filter(move |recorded| {
            let mut lists = self.lists();
            recorded.license == *id && !lists.any(|list| recorded.is_replaced_by(list))
        });
        on_lists.chain(recorded.map(|recorded| ListedRevocation {
            at: recorded.at,
            reason: &recorded.reason,
            key: &recorded.key,
            seq: recorded.seq,
        }))
    }

    /// Returns the status that decides, and its date: a denial of the validation history, or
    /// otherwise the newest validation.
    fn status(&self) -> Option<(Status, DateTime<Utc>)> {
        let decisive = self.history.denial().or(self.newest_validation)?;
        Some((decisive.status(), decisive.issued_at()))
    }
}

/// Returns the newest validation. Among validations of the same second, a denial takes precedence,
/// then the largest id, so that the result does not depend on their order.
fn newest<'a>(validations: impl Iterator<Item = &'a Validation>) -> Option<&'a Validation> {
    validations.max_by_key(|validation| {
        (
            validation.issued_at(),
            validation.status().denial().is_some(),
            validation.id(),
        )
    })
}

fn matches(validation: &Validation, license: &License, context: &Context<'_>) -> bool {
    validation.is_for(license) && applies_to_machine(validation, context)
}

/// Returns whether the validation is for this machine or for all machines.
pub(super) fn applies_to_machine(validation: &Validation, context: &Context<'_>) -> bool {
    let is_this = |machine: &Machine| context.machine.is_some_and(|this| machine.matches(this));
    validation.machine().is_none_or(is_this)
}

/// Result of a rule. `None` means that the rule does not apply to the license.
pub(super) type OptionalResult = Option<(RuleOutcome, Evidence)>;

/// Returns the result of a rule: passed if `condition` is true, else denied with `code`.
pub(super) fn require(condition: bool, code: Code, evidence: Evidence) -> OptionalResult {
    let outcome = if condition {
        RuleOutcome::Passed
    } else {
        RuleOutcome::Denied(code)
    };
    Some((outcome, evidence))
}

impl Rule {
    /// Checks the rule.
    pub(super) fn check(self, evaluation: &Evaluation<'_>) -> OptionalResult {
        match self {
            Self::Product => product(evaluation),
            Self::Revoked => revoked(evaluation),
            Self::Superseded => superseded(evaluation),
            Self::Status => status(evaluation),
            Self::NotBefore => not_before(evaluation),
            Self::Machine => machine::check(evaluation),
            Self::User => user(evaluation),
            Self::Usage => usage(evaluation),
            Self::Version => version(evaluation),
            Self::Expiry => expiry(evaluation),
            Self::CheckIn => check_in(evaluation),
            Self::Seat => seat::check(evaluation),
        }
    }
}

fn product(evaluation: &Evaluation<'_>) -> OptionalResult {
    let (expected, actual) = (evaluation.matrix.product(), evaluation.license.product());
    require(
        expected == actual,
        Code::ProductMismatch,
        Evidence::Product { expected, actual },
    )
}

/// Denies a license that the deciding validation or a revocation list revokes. A validation does
/// not cancel a revocation by a list, and a list does not cancel a revocation by a validation.
fn revoked(evaluation: &Evaluation<'_>) -> OptionalResult {
    let status = evaluation
        .status()
        .map(|(actual, at)| (actual, Evidence::Status { actual, at }));
    match (status, revoked_by_list(evaluation)) {
        (Some((Status::Revoked, evidence)), _) => {
            Some((RuleOutcome::Denied(Code::Revoked), evidence))
        }
        (_, Some(result)) => Some(result),
        (status, None) => Some((RuleOutcome::Passed, status?.1)),
    }
}

/// Denies a license on a revocation list from the instant of its revocation. If several lists
/// contain the license, the earliest instant applies. A recorded revocation counts like its list.
fn revoked_by_list(evaluation: &Evaluation<'_>) -> OptionalResult {
    let (license, now) = (evaluation.license, evaluation.now);
    let revocations = evaluation.revocations(license.id());
    let first = revocations.min_by_key(|listed| (listed.at, listed.key, listed.seq));
    let Some(revocation) = first else {
        let list = evaluation.lists().max_by_key(|list| list.issued_at())?;
        let evidence = Evidence::NotListed {
            seq: list.seq(),
            issued_at: list.issued_at(),
            next_update: list.next_update(),
        };
        return Some((RuleOutcome::Passed, evidence));
    };
    let evidence = Evidence::Revocation {
        license: license.id().clone(),
        at: revocation.at,
        reason: revocation.reason.into(),
        seq: revocation.seq,
        now,
    };
    require(now < revocation.at, Code::Revoked, evidence)
}

/// Returns whether `newer` replaces `license` once `newer` has started.
pub(super) fn replaces(newer: &License, license: &License) -> bool {
    newer.product() == license.product() && newer.supersedes().contains(license.id())
}

fn superseded(evaluation: &Evaluation<'_>) -> OptionalResult {
    let replaces = |newer: &&License| {
        replaces(newer, evaluation.license)
            // A renewal can be installed before it starts.
            && newer.not_before().is_none_or(|start| start <= evaluation.now)
    };
    let newer = evaluation.context.all_installed().find(replaces)?;
    let evidence = Evidence::SupersededBy {
        license: newer.id().clone(),
    };
    Some((RuleOutcome::Denied(Code::Superseded), evidence))
}

fn status(evaluation: &Evaluation<'_>) -> OptionalResult {
    let (actual, at) = evaluation.status()?;
    let denial = actual.denial().map(RuleOutcome::Denied);
    let evidence = Evidence::Status { actual, at };
    Some((denial.unwrap_or(RuleOutcome::Passed), evidence))
}

fn not_before(evaluation: &Evaluation<'_>) -> OptionalResult {
    let not_before = evaluation.license.not_before()?;
    let now = evaluation.now;
    require(
        now >= not_before,
        Code::NotYetValid,
        Evidence::NotBefore { not_before, now },
    )
}

fn user(evaluation: &Evaluation<'_>) -> OptionalResult {
    if evaluation.context.is_any_application {
        return None;
    }
    let users = evaluation.license.shared_users()?;
    let actual = evaluation.context.user;
    let met = actual.is_some_and(|actual| users.iter().any(|user| user.as_ref() == actual));
    let evidence = Evidence::User {
        expected: Arc::clone(users),
        actual: actual.map(Into::into),
    };
    require(met, Code::UserMismatch, evidence)
}

fn usage(evaluation: &Evaluation<'_>) -> OptionalResult {
    if evaluation.context.is_any_application {
        return None;
    }
    let expected = evaluation.license.usage_type()?;
    let actual = evaluation.context.usage_type;
    require(
        expected == actual,
        Code::UsageMismatch,
        Evidence::Usage { expected, actual },
    )
}

/// Checks version and build date. If the license restricts a value that the context lacks, the rule
/// fails, so that an application cannot pass the rule by omitting the value. A context for any
/// version passes.
fn version(evaluation: &Evaluation<'_>) -> OptionalResult {
    if evaluation.context.is_any_application {
        return None;
    }
    let requirement = evaluation.license.max_version();
    let actual = &evaluation.context.app_version;
    let is_unset_accepted = evaluation.context.is_for_any_version;
    let is_met = |requirement: &semver::VersionReq| match actual {
        Some(version) => covers(requirement, version),
        None => is_unset_accepted,
    };
    let evidence = |expected: &semver::VersionReq| Evidence::Version {
        expected: expected.clone(),
        actual: actual.clone(),
    };
    if let Some(expected) = requirement.filter(|requirement| !is_met(requirement)) {
        return require(false, Code::VersionNotCovered, evidence(expected));
    }
    match (evaluation.license.maintenance_until(), requirement) {
        (Some(maintenance_until), requirement) => {
            let build_date = evaluation.context.build_date;
            let met = build_date.map_or(is_unset_accepted, |date| date <= maintenance_until);
            let evidence = match requirement.filter(|_| met) {
                Some(expected) => Evidence::VersionAndBuildDate {
                    expected: expected.clone(),
                    actual: actual.clone(),
                    maintenance_until,
                    build_date,
                },
                None => Evidence::BuildDate {
                    maintenance_until,
                    actual: build_date,
                },
            };
            require(met, Code::VersionNotCovered, evidence)
        }
        (None, expected) => Some((RuleOutcome::Passed, evidence(expected?))),
    }
}

/// Returns whether the requirement matches the version or, for a pre-release such as `2.0.0-beta`,
/// its release `2.0.0`.
fn covers(requirement: &semver::VersionReq, version: &semver::Version) -> bool {
    let release = semver::Version::new(version.major, version.minor, version.patch);
    requirement.matches(version) || requirement.matches(&release)
}

fn expiry(evaluation: &Evaluation<'_>) -> OptionalResult {
    let now = evaluation.now;
    let ends = evaluation.license.expires_at();
    let Some((end, grace_until)) = ends.zip(evaluation.license.ends_at()) else {
        let evidence = Evidence::Expiry {
            expires_at: None,
            grace_until: None,
            now,
        };
        return Some((RuleOutcome::Passed, evidence));
    };
    let outcome = match now {
        now if now < end => RuleOutcome::Passed,
        now if now < grace_until => RuleOutcome::Grace(Code::GraceRenewal),
        _ => RuleOutcome::Denied(Code::Expired),
    };
    let evidence = Evidence::Expiry {
        expires_at: Some(end),
        grace_until: Some(grace_until),
        now,
    };
    Some((outcome, evidence))
}

/// Checks the time since the last check-in, or since the start of the license if that is later. A
/// license that has not started cannot be overdue.
fn check_in(evaluation: &Evaluation<'_>) -> OptionalResult {
    if evaluation.context.is_any_application {
        return None;
    }
    let start = evaluation
        .license
        .not_before()
        .max(evaluation.license.issued_at());
    let checked_in_at = evaluation.history.checked_in_at();
    let validated = checked_in_at.filter(|at| Some(*at) >= start);
    let last = validated.or(start);
    let (check_in, last) = evaluation.license.check_in().zip(last)?;
    let now = evaluation.now;
    let outcome = match time::duration_since(now, last) {
        age if age < check_in.every() => RuleOutcome::Passed,
        age if age <= check_in.grace() => RuleOutcome::Grace(Code::GraceOffline),
        _ => RuleOutcome::Denied(Code::CheckInOverdue),
    };
    let due_at = time::saturating_add(last, check_in.every());
    let grace_until = time::saturating_add(last, check_in.grace());
    let evidence = Evidence::CheckIn {
        last,
        last_validated_at: validated,
        due_at,
        grace_until,
        now,
    };
    Some((outcome, evidence))
}
