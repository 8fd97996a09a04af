//! Revocation lists and validation tokens of the test vendor, and the trait for their installation.

use std::fmt;
use std::ops::Deref;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::Status;
use license_core::issue::{RevocationEntry, RevocationListDraft, ValidationDraft};
use license_core::license::{RevocationList, Validation};
use license_core::machine::Machine;
use license_core::{FeatureMatrix, License, LicenseId, time};

use super::license::{TestLicense, unverified, verified};
use super::{KEY, START, TRUST, TimeArgument, next_id, next_number, require, unwrap};
use crate::client::Setting;

/// How long a revocation list is current, unless a test sets the next update.
const LIST_VALIDITY: TimeDelta = TimeDelta::days(365);

/// A license, a revocation list or a validation token that
/// [`TestMachine::install`](super::TestMachine::install) signs and installs.
pub trait Artifact: private::Sealed {
    /// The verified content of the artifact.
    type Verified;

    /// Signs the artifact for a machine with this product, at the time of the machine. Returns the
    /// token and its verified content.
    #[doc(hidden)]
    #[track_caller]
    fn sign_at(self, product: &FeatureMatrix, now: DateTime<Utc>) -> (String, Self::Verified);
}

/// The result of a step on a [`TestMachine`](super::TestMachine), such as an installed license. A
/// test can ignore the result.
#[derive(Debug, Clone)]
pub struct Installed<T>(T);

impl<T> Installed<T> {
    pub(super) fn new(installed: T) -> Self {
        Self(installed)
    }

    /// Returns the result.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Installed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::TestLicense {}
    impl Sealed for super::TestRevocationList {}
    impl Sealed for super::TestValidation<'_> {}
}

impl Artifact for TestLicense {
    type Verified = License;

    #[track_caller]
    fn sign_at(self, product: &FeatureMatrix, now: DateTime<Utc>) -> (String, License) {
        let token = self.sign(product, now);
        let license = verified(&token);
        (token, license)
    }
}

/// A revocation list of the test vendor, see [`revocation_list`].
#[must_use = "install the list on a machine, or call `token`"]
pub struct TestRevocationList {
    product: Option<FeatureMatrix>,
    issued_at: Option<DateTime<Utc>>,
    next_update: Option<DateTime<Utc>>,
    seq: u64,
    revoked: Vec<(LicenseId, Option<DateTime<Utc>>)>,
}

/// Returns a builder for a revocation list without entries. The number of the list is higher than
/// the numbers of all lists for which this process has called the function before.
///
/// ```
/// use license_client::{FeatureMatrix, testing};
///
/// let machine = testing::TestMachine::new(FeatureMatrix::built_in());
/// let license = machine.install(testing::license("PRO"));
/// machine.install(testing::revocation_list().revoke(license.id()));
/// assert_eq!(machine.client().decide()?.code().as_str(), "REVOKED");
/// # Ok::<(), license_client::ClientError>(())
/// ```
pub fn revocation_list() -> TestRevocationList {
    TestRevocationList {
        product: None,
        issued_at: None,
        next_update: None,
        seq: next_number(),
        revoked: Vec::new(),
    }
}

impl TestRevocationList {
    /// Adds a license or an activation, which is revoked from the time of issue of the list.
    pub fn revoke(mut self, id: &LicenseId) -> Self {
        self.revoked.push((id.clone(), None));
        self
    }

    /// Adds a license or an activation, which is revoked from this time on. A date means its
    /// first instant in UTC.
    #[track_caller]
    pub fn revoke_from(mut self, id: &LicenseId, at: impl Into<TimeArgument>) -> Self {
        self.revoked.push((id.clone(), Some(at.into().start())));
        self
    }

    /// Sets the product, see [`TestLicense::product`].
    ///
    /// # Panics
    ///
    /// Panics if the text is not a product file.
    #[track_caller]
    pub fn product(mut self, product: impl Into<Setting<FeatureMatrix>>) -> Self {
        self.product = Some(unwrap("cannot use the product", product.into().value()));
        self
    }

    /// Sets the time of issue, see [`TestLicense::issued`].
    #[track_caller]
    pub fn issued(mut self, at: impl Into<TimeArgument>) -> Self {
        self.issued_at = Some(at.into().start());
        self
    }

    /// Sets the time at which the next list is due. The default is 365 days after the time of
    /// issue.
    #[track_caller]
    pub fn next_update(mut self, at: impl Into<TimeArgument>) -> Self {
        self.next_update = Some(at.into().start());
        self
    }

    /// Sets the number of the list. A machine refuses a list with a lower number than that of a
    /// list that it has seen.
    pub fn seq(self, seq: u64) -> Self {
        Self { seq, ..self }
    }

    /// Signs the list and returns the token.
    ///
    /// # Panics
    ///
    /// Panics if no product is set.
    #[track_caller]
    pub fn token(mut self) -> String {
        let product = require(self.product.take(), &self);
        self.sign(&product, START)
    }

    /// Signs the list and returns the content of a file.
    ///
    /// # Panics
    ///
    /// Same as [`TestRevocationList::token`].
    #[track_caller]
    pub fn file(self) -> String {
        unverified(&self.token()).to_armor()
    }

    #[track_caller]
    fn sign(self, product: &FeatureMatrix, now: DateTime<Utc>) -> String {
        let product = self.product.as_ref().unwrap_or(product);
        let issued_at = self.issued_at.unwrap_or(now);
        let default = || time::saturating_add(issued_at, LIST_VALIDITY);
        let entry = |(license, at): (LicenseId, Option<_>)| RevocationEntry {
            license,
            at: at.unwrap_or(issued_at),
            reason: "revoked in a test".to_owned(),
        };
        let draft = RevocationListDraft {
            issuer: product.issuer().to_owned(),
            product: product.product(),
            issued_at,
            seq: self.seq,
            next_update: self.next_update.unwrap_or_else(default),
            revoked: self.revoked.into_iter().map(entry).collect(),
        };
        unwrap("cannot sign the revocation list", draft.sign(&*KEY))
    }
}

impl fmt::Debug for TestRevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revocation_list() with number {}", self.seq)
    }
}

impl Artifact for TestRevocationList {
    type Verified = RevocationList;

    #[track_caller]
    fn sign_at(self, product: &FeatureMatrix, now: DateTime<Utc>) -> (String, RevocationList) {
        let token = self.sign(product, now);
        let list = unverified(&token).verify_revocations(&TRUST);
        let list = unwrap("the revocation list does not verify", list);
        (token, list)
    }
}

/// A validation token of the test vendor, see [`validation`].
#[derive(Debug)]
#[must_use = "install the token on a machine, or call `token`"]
pub struct TestValidation<'l> {
    license: &'l License,
    issued_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    machine: Option<Machine>,
    status: Status,
}

/// Returns a builder for a validation token of a license: the answer to a check-in. By default, the
/// token states that the license is active, on all machines, until the next check-in is due.
///
/// ```
/// use license_client::license_core::claims::Status;
/// use license_client::{FeatureMatrix, testing};
///
/// let machine = testing::TestMachine::new(FeatureMatrix::built_in());
/// let license = machine.install(testing::license("PRO"));
/// machine.install(testing::validation(&license).status(Status::Suspended));
/// assert_eq!(machine.client().decide()?.code().as_str(), "SUSPENDED");
/// # Ok::<(), license_client::ClientError>(())
/// ```
pub fn validation(license: &License) -> TestValidation<'_> {
    TestValidation {
        license,
        issued_at: None,
        expires_at: None,
        machine: None,
        status: Status::Active,
    }
}

impl TestValidation<'_> {
    /// Sets the status of the license.
    pub fn status(self, status: Status) -> Self {
        Self { status, ..self }
    }

    /// Sets the machine for which the token is issued.
    pub fn machine(mut self, machine: impl Into<Machine>) -> Self {
        self.machine = Some(machine.into());
        self
    }

    /// Sets the time of issue, see [`TestLicense::issued`].
    #[track_caller]
    pub fn issued(mut self, at: impl Into<TimeArgument>) -> Self {
        self.issued_at = Some(at.into().start());
        self
    }

    /// Sets the end of the token. A date is the last day on which the token is valid (UTC).
    #[track_caller]
    pub fn expires(mut self, at: impl Into<TimeArgument>) -> Self {
        self.expires_at = Some(at.into().end());
        self
    }

    /// Signs the token.
    ///
    /// # Panics
    ///
    /// Panics if the token cannot be signed, for example because a machine has no digest.
    #[track_caller]
    pub fn token(self) -> String {
        self.sign(START)
    }

    #[track_caller]
    fn sign(self, now: DateTime<Utc>) -> String {
        let issued_at = self.issued_at.unwrap_or(now);
        let issuer = self.license.issuer().unwrap_or("Test Vendor").to_owned();
        let id = next_id(issued_at);
        let draft = ValidationDraft::for_license(self.license, issuer, id, issued_at);
        let machine = self.machine.map(|machine| match machine.digest() {
            Some(digest) => digest.to_string(),
            None => panic!("expected a machine with a digest, found {machine}"),
        });
        let draft = ValidationDraft {
            machine,
            status: self.status,
            expires_at: self.expires_at.or(draft.expires_at),
            ..draft
        };
        unwrap("cannot sign the validation token", draft.sign(&*KEY))
    }
}

impl Artifact for TestValidation<'_> {
    type Verified = Validation;

    #[track_caller]
    fn sign_at(self, _: &FeatureMatrix, now: DateTime<Utc>) -> (String, Validation) {
        let license = self.license;
        let token = self.sign(now);
        let validation = unverified(&token).verify_validation(&TRUST, license);
        let validation = unwrap("the validation token does not verify", validation);
        (token, validation)
    }
}
