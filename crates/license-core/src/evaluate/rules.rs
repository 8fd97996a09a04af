//! The rules of evaluation, in their order.

use std::sync::Arc;

use super::said::Said;
use super::{Context, Evidence, machine};
use crate::claims::Status;
use crate::code::Code;
use crate::license::{Activation, License, RevocationList, Signer, Validation};
use crate::machine::Machine;
use crate::matrix::Matrix;
use crate::time::Timestamp;

/// A rule of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The license is for this product.
    Product,
    /// The license is not revoked.
    Revoked,
    /// No newer license replaces it.
    Superseded,
    /// It is neither suspended nor canceled.
    Status,
    /// It has started.
    NotBefore,
    /// It is not locked to other machines, nor given up on this one, and activated where it must be.
    Machine,
    /// It does not name other users.
    User,
    /// It is for this kind of use.
    Usage,
    /// It covers this version of the application.
    Version,
    /// It has not expired.
    Expiry,
    /// It has been validated lately.
    CheckIn,
}

/// What came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleOutcome {
    /// The license sets no such term.
    NotApplicable,
    /// The rule is met.
    Passed,
    /// The rule is broken, and the license holds for the rest of a grace period.
    Grace(Code),
    /// The rule is broken.
    Denied(Code),
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// What came of it.
    pub outcome: RuleOutcome,
    /// What it looked at.
    pub evidence: Evidence,
}

/// A license and its context, with what follows from both.
pub(super) struct Case<'a> {
    pub(super) license: &'a License,
    pub(super) matrix: &'a Matrix,
    pub(super) context: &'a Context<'a>,
    /// Time never runs backwards: the latest of the clock, the mark, and every verified artefact's issue date.
    pub(super) now: Timestamp,
    pub(super) newest_validation: Option<&'a Validation>,
    pub(super) newest_vendor_validation: Option<&'a Validation>,
    said: Said<'a>,
}

impl<'a> Case<'a> {
    pub(super) fn new(license: &'a License, matrix: &'a Matrix, context: &'a Context<'a>) -> Self {
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
        let is_by_vendor = |validation: &&Validation| validation.signer() == Signer::Vendor;
        Self {
            license,
            matrix,
            context,
            now: seen.fold(context.clock(), Timestamp::max),
            newest_validation: newest(matching.clone()),
            newest_vendor_validation: newest(matching.filter(is_by_vendor)),
            said: Said::of(license, validations, context),
        }
    }

    /// The revocation lists that count.
    pub(super) fn lists(&self) -> impl Iterator<Item = &'a RevocationList> {
        let product = self.license.product();
        let of_product = move |list: &&RevocationList| list.product() == product;
        RevocationList::newest(self.context.all_revocations().filter(of_product))
    }

    /// What was said last.
    fn status(&self) -> Option<(Status, Timestamp)> {
        let decisive = self.said.denial().or(self.newest_validation)?;
        Some((decisive.status(), decisive.issued_at()))
    }
}

fn newest<'a>(validations: impl Iterator<Item = &'a Validation>) -> Option<&'a Validation> {
    // Of two said in the same second the denial counts, else that with the later id, in whatever order they come.
    validations.max_by_key(|said| {
        (
            said.issued_at(),
            said.status().denial().is_some(),
            said.id(),
        )
    })
}

fn matches(validation: &Validation, license: &License, context: &Context<'_>) -> bool {
    validation.is_for(license) && is_here(validation, context)
}

pub(super) fn is_here(validation: &Validation, context: &Context<'_>) -> bool {
    let is_here = |named: &Machine| context.machine.is_some_and(|here| named.is(here));
    validation.machine().is_none_or(is_here)
}

/// What came of a rule, and what it looked at; none where the license sets no such term.
pub(super) type Found = Option<(RuleOutcome, Evidence)>;

pub(super) fn require(met: bool, code: Code, evidence: Evidence) -> Found {
    let outcome = match met {
        true => RuleOutcome::Passed,
        false => RuleOutcome::Denied(code),
    };
    Some((outcome, evidence))
}

impl Rule {
    /// Every rule, in the order in which they are tried. The first that fails denies.
    pub const ALL: [Self; 11] = [
        Self::Product,
        Self::Revoked,
        Self::Superseded,
        Self::Status,
        Self::NotBefore,
        Self::Machine,
        Self::User,
        Self::Usage,
        Self::Version,
        Self::Expiry,
        Self::CheckIn,
    ];

    /// The rule's name, as `explain` prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
            Self::Status => "status",
            Self::NotBefore => "not before",
            Self::Machine => "machine",
            Self::User => "user",
            Self::Usage => "usage type",
            Self::Version => "version",
            Self::Expiry => "expiry",
            Self::CheckIn => "check-in",
        }
    }

    pub(super) fn find(self, case: &Case<'_>) -> Found {
        match self {
            Self::Product => product(case),
            Self::Revoked => revoked(case),
            Self::Superseded => superseded(case),
            Self::Status => status(case),
            Self::NotBefore => not_before(case),
            Self::Machine => machine::find(case),
            Self::User => user(case),
            Self::Usage => usage(case),
            Self::Version => version(case),
            Self::Expiry => expiry(case),
            Self::CheckIn => check_in(case),
        }
    }
}

fn product(case: &Case<'_>) -> Found {
    let (expected, actual) = (case.matrix.product(), case.license.product());
    require(
        expected == actual,
        Code::ProductMismatch,
        Evidence::Product { expected, actual },
    )
}

/// What was said last, and what the lists say, each by itself: neither takes back what the other denies.
fn revoked(case: &Case<'_>) -> Found {
    let said = case
        .status()
        .map(|(actual, at)| (actual, Evidence::Status { actual, at }));
    match (said, by_list(case)) {
        (Some((Status::Revoked, said)), _) => Some((RuleOutcome::Denied(Code::Revoked), said)),
        (_, Some(found)) => Some(found),
        (said, None) => Some((RuleOutcome::Passed, said?.1)),
    }
}

/// A license that any of the lists names is revoked from that instant on, the earliest if several name it.
fn by_list(case: &Case<'_>) -> Found {
    let (license, now) = (case.license, case.now);
    let naming = case.lists().filter_map(|list| {
        let revocation = list.revoked(license.id())?;
        Some((revocation, list))
    });
    let first = naming.min_by_key(|(revocation, list)| (revocation.at, list.key_id(), list.seq()));
    let Some((revocation, list)) = first else {
        let list = case.lists().max_by_key(|list| list.issued_at())?;
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
        reason: revocation.reason.clone(),
        seq: list.seq(),
        now,
    };
    require(now < revocation.at, Code::Revoked, evidence)
}

/// Whether one takes the place of the other, once it has begun.
pub(super) fn replaces(newer: &License, license: &License) -> bool {
    newer.product() == license.product() && newer.supersedes().contains(license.id())
}

fn superseded(case: &Case<'_>) -> Found {
    let replaces = |newer: &&License| {
        replaces(newer, case.license)
            // A renewal that is installed early starts when it should.
            && newer.not_before().is_none_or(|start| start <= case.now)
    };
    let newer = case.context.all_installed().find(replaces)?;
    let evidence = Evidence::SupersededBy {
        license: newer.id().clone(),
    };
    Some((RuleOutcome::Denied(Code::Superseded), evidence))
}

fn status(case: &Case<'_>) -> Found {
    let (actual, at) = case.status()?;
    let denial = actual.denial().map(RuleOutcome::Denied);
    let evidence = Evidence::Status { actual, at };
    Some((denial.unwrap_or(RuleOutcome::Passed), evidence))
}

fn not_before(case: &Case<'_>) -> Found {
    let not_before = case.license.not_before()?;
    let now = case.now;
    require(
        now >= not_before,
        Code::NotYetValid,
        Evidence::NotBefore { not_before, now },
    )
}

fn user(case: &Case<'_>) -> Found {
    let users = case.license.shared_users()?;
    let actual = case.context.user;
    let met = actual.is_some_and(|actual| users.iter().any(|user| user.as_ref() == actual));
    let evidence = Evidence::User {
        expected: Arc::clone(users),
        actual: actual.map(Into::into),
    };
    require(met, Code::UserMismatch, evidence)
}

fn usage(case: &Case<'_>) -> Found {
    let expected = case.license.usage_type()?;
    let actual = case.context.usage_type;
    require(
        expected == actual,
        Code::UsageMismatch,
        Evidence::Usage { expected, actual },
    )
}

/// A version that was not given is not covered: a program that forgets to say it must not pass.
fn version(case: &Case<'_>) -> Found {
    let requirement = case.license.max_version();
    let actual = &case.context.app_version;
    let is_met = |requirement: &semver::VersionReq| {
        actual
            .as_ref()
            .is_some_and(|version| covers(requirement, version))
    };
    let evidence = |expected: &semver::VersionReq| Evidence::Version {
        expected: expected.clone(),
        actual: actual.clone(),
    };
    if let Some(expected) = requirement.filter(|requirement| !is_met(requirement)) {
        return require(false, Code::VersionNotCovered, evidence(expected));
    }
    match (case.license.maintenance_until(), requirement) {
        (Some(maintenance_until), _) => {
            let actual = case.context.build_date;
            let met = actual.is_some_and(|date| date <= maintenance_until);
            let evidence = Evidence::BuildDate {
                maintenance_until,
                actual,
            };
            require(met, Code::VersionNotCovered, evidence)
        }
        (None, expected) => Some((RuleOutcome::Passed, evidence(expected?))),
    }
}

/// A pre-release counts as the version it leads up to: `2.0.0-beta` is covered where `2.0.0` is.
fn covers(requirement: &semver::VersionReq, version: &semver::Version) -> bool {
    let release = semver::Version::new(version.major, version.minor, version.patch);
    requirement.matches(version) || requirement.matches(&release)
}

fn expiry(case: &Case<'_>) -> Found {
    let now = case.now;
    let Some(end) = case.license.expires_at() else {
        let evidence = Evidence::Expiry {
            expires_at: None,
            grace_until: None,
            now,
        };
        return Some((RuleOutcome::Passed, evidence));
    };
    let grace = case.license.renewal().unwrap_or_default().grace_seconds();
    let grace_until = end.plus(grace);
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

/// It counts from the last check-in, and not from before the license begins: it can't be overdue before it may be used.
fn check_in(case: &Case<'_>) -> Found {
    let start = case.license.not_before().max(case.license.issued_at());
    let validated = case.said.checked_in_at().filter(|at| Some(*at) >= start);
    let last = validated.or(start);
    let (check_in, last) = case.license.check_in().zip(last)?;
    let now = case.now;
    let outcome = match now.seconds_since(last) {
        age if age < check_in.every_seconds() => RuleOutcome::Passed,
        age if age <= check_in.grace_seconds() => RuleOutcome::Grace(Code::GraceOffline),
        _ => RuleOutcome::Denied(Code::CheckInOverdue),
    };
    let due_at = last.plus(check_in.every_seconds());
    let grace_until = last.plus(check_in.grace_seconds());
    let evidence = Evidence::CheckIn {
        last,
        last_validated_at: validated,
        due_at,
        grace_until,
        now,
    };
    Some((outcome, evidence))
}
