//! Licenses of the test vendor.

use std::fmt;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::machine::Machine;
use license_core::matrix::TierPolicy;
use license_core::policy::{CheckIn, Quota, Renewal, UsageType};
use license_core::{FeatureMatrix, License, Tier, Unverified, VersionReq};

use super::{KEY, START, TRUST, TimeArgument, next_id, require, unwrap};
use crate::client::Setting;

/// A license of the test vendor, see [`license`].
///
/// Most methods set a claim, as the corresponding option of `keygen issue` does. A license is
/// signed when it is installed, or by [`token`](Self::token), [`file`](Self::file) or
/// [`issue`](Self::issue).
#[must_use = "install the license on a machine, or call `token`"]
pub struct TestLicense {
    tier: String,
    product: Option<FeatureMatrix>,
    issued_at: Option<DateTime<Utc>>,
    changes: Vec<Change>,
}

/// Changes a draft.
type Change = Box<dyn FnOnce(&mut LicenseDraft)>;

/// Returns a builder for a license of a tier, with the features, quotas and conditions of this tier
/// in the product file. By default, the license is perpetual, and valid for every user and every
/// machine. Its time of issue is the time of its installation.
///
/// The product is that of the machine on which the license is installed, or
/// [`product`](TestLicense::product).
///
/// ```
/// use license_client::{FeatureMatrix, testing};
///
/// let machine = testing::TestMachine::new(FeatureMatrix::built_in());
/// let license = machine.install(testing::license("TEAM").user("ann").expires("2027-03-01"));
/// assert_eq!(license.tier().as_str(), "TEAM");
/// ```
pub fn license(tier: impl Into<String>) -> TestLicense {
    TestLicense {
        tier: tier.into(),
        product: None,
        issued_at: None,
        changes: Vec::new(),
    }
}

impl TestLicense {
    /// Sets the product: the text of a product file, or a [`FeatureMatrix`].
    ///
    /// # Panics
    ///
    /// Panics if the text is not a product file.
    #[track_caller]
    pub fn product(mut self, product: impl Into<Setting<FeatureMatrix>>) -> Self {
        self.product = Some(unwrap("cannot use the product", product.into().value()));
        self
    }

    /// Sets the time of issue. The default is the time of the machine, or else
    /// [`START`](super::START). A date means its first instant in UTC.
    #[track_caller]
    pub fn issued(mut self, at: impl Into<TimeArgument>) -> Self {
        self.issued_at = Some(at.into().start());
        self
    }

    /// Sets the start of the license. The default is the time of issue. A date means its first
    /// instant in UTC.
    #[track_caller]
    pub fn starts(self, at: impl Into<TimeArgument>) -> Self {
        let at = at.into().start();
        self.draft(move |draft| draft.not_before = Some(at))
    }

    /// Sets the end of the license. A date is the last day: the license is valid through the end of
    /// the day in UTC.
    #[track_caller]
    pub fn expires(self, at: impl Into<TimeArgument>) -> Self {
        let at = at.into().end();
        self.draft(move |draft| draft.expires_at = Some(at))
    }

    /// Adds a named user. Without one, every user may use the license.
    pub fn user(self, user: impl Into<String>) -> Self {
        let user = user.into();
        self.draft(move |draft| draft.users.push(user))
    }

    /// Adds a machine to which the license is locked: [`TestMachine::id`](super::TestMachine::id),
    /// or a text. Without one, every machine may use the license.
    pub fn machine(self, machine: impl Into<Machine>) -> Self {
        let machine = machine.into();
        self.draft(move |draft| draft.machines.push(machine))
    }

    /// Makes the license valid only on machines for which it is activated, see
    /// [`TestMachine::activate`](super::TestMachine::activate).
    pub fn must_activate(self) -> Self {
        self.draft(|draft| draft.must_activate = true)
    }

    /// Adds a feature that the tier does not have.
    pub fn add_feature(self, feature: impl Into<String>) -> Self {
        let feature = feature.into();
        self.draft(move |draft| {
            let added = draft.add_feature(&feature);
            unwrap("cannot add the feature", added);
        })
    }

    /// Removes a feature of the tier.
    pub fn remove_feature(self, feature: impl Into<String>) -> Self {
        let feature = feature.into();
        self.draft(move |draft| {
            let removed = draft.remove_feature(&feature);
            unwrap("cannot remove the feature", removed);
        })
    }

    /// Sets a quota.
    pub fn quota(self, name: impl Into<String>, quota: Quota) -> Self {
        let name = name.into();
        self.draft(move |draft| unwrap("cannot set the quota", draft.set_quota(&name, quota)))
    }

    /// Sets the kind of use that the license permits. Without it, every kind is permitted.
    pub fn usage_type(self, usage_type: UsageType) -> Self {
        self.draft(move |draft| draft.usage_type = Some(usage_type))
    }

    /// Sets the requirement that the version of the application must meet, such as `<3.0.0`.
    ///
    /// # Panics
    ///
    /// Panics if the text is not a requirement.
    #[track_caller]
    pub fn max_version(self, requirement: &str) -> Self {
        let parsed = VersionReq::parse(requirement);
        let requirement = unwrap("cannot use the version requirement", parsed);
        self.draft(move |draft| draft.max_version = Some(requirement))
    }

    /// Sets the end of maintenance: later builds are not covered. A date is the last day that is
    /// covered (UTC).
    #[track_caller]
    pub fn maintenance_until(self, at: impl Into<TimeArgument>) -> Self {
        let last = at.into().last_second();
        self.draft(move |draft| draft.maintenance_until = Some(last))
    }

    /// Replaces the check-in terms of the tier: `every` is the time until the next validation token
    /// is due, and `grace` is the time for which the license stays valid without a new token. Both
    /// start at the last validation.
    ///
    /// # Panics
    ///
    /// Panics if [`CheckIn::new`] does not accept the durations.
    #[track_caller]
    pub fn check_in(self, every: TimeDelta, grace: TimeDelta) -> Self {
        let Some(terms) = CheckIn::new(every, grace) else {
            panic!("expected whole hours with every <= grace, found {every} and {grace}");
        };
        self.draft(move |draft| draft.check_in = Some(terms))
    }

    /// Removes the check-in terms of the tier, so that the license needs no validation token.
    pub fn without_check_in(self) -> Self {
        self.draft(|draft| draft.check_in = None)
    }

    /// Replaces the renewal terms of the tier: the notice period before the end, and the grace
    /// period after it.
    ///
    /// # Panics
    ///
    /// Panics if [`Renewal::new`] does not accept the durations.
    #[track_caller]
    pub fn renewal(self, notify: TimeDelta, grace: TimeDelta) -> Self {
        let Some(terms) = Renewal::new(notify, grace) else {
            panic!(
                "expected whole days of notice and whole hours of grace; found {notify} and {grace}"
            );
        };
        self.draft(move |draft| draft.renewal = Some(terms))
    }

    /// Changes the draft of the license, for claims without a method.
    ///
    /// ```
    /// use license_client::{FeatureMatrix, testing};
    ///
    /// let license = testing::license("PRO").product(FeatureMatrix::built_in());
    /// let license = license.draft(|draft| draft.trial = true).issue();
    /// assert!(license.is_trial());
    /// ```
    pub fn draft(mut self, change: impl FnOnce(&mut LicenseDraft) + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Signs the license and returns the token.
    ///
    /// # Panics
    ///
    /// Panics if no product is set, if the product does not have the tier, or if the license cannot
    /// be signed.
    #[track_caller]
    pub fn token(mut self) -> String {
        let product = require(self.product.take(), &self);
        self.sign(&product, START)
    }

    /// Signs the license and returns the content of a license file.
    ///
    /// # Panics
    ///
    /// Same as [`TestLicense::token`].
    #[track_caller]
    pub fn file(self) -> String {
        unverified(&self.token()).to_armor()
    }

    /// Signs the license, and verifies it as an application does.
    ///
    /// # Panics
    ///
    /// Same as [`TestLicense::token`].
    #[track_caller]
    pub fn issue(self) -> License {
        verified(&self.token())
    }

    /// Signs the license for this product, unless it has another product. `now` is the default of
    /// the time of issue.
    #[track_caller]
    pub(super) fn sign(self, product: &FeatureMatrix, now: DateTime<Utc>) -> String {
        let product = self.product.as_ref().unwrap_or(product);
        let tier = tier(product, &self.tier);
        let issued_at = self.issued_at.unwrap_or(now);
        let (id, customer) = (next_id(issued_at), "Test Customer".to_owned());
        let mut draft = LicenseDraft::for_tier(product, tier, id, customer, issued_at);
        for change in self.changes {
            change(&mut draft);
        }
        unwrap("cannot sign the license", draft.sign(&*KEY))
    }
}

#[track_caller]
fn tier<'p>(product: &'p FeatureMatrix, name: &str) -> &'p TierPolicy {
    let parsed = Tier::parse(name).ok();
    match parsed.and_then(|tier| product.tier(tier)) {
        Some(tier) => tier,
        None => {
            let all: Vec<String> = product
                .tiers()
                .iter()
                .map(|tier| tier.name().to_string())
                .collect();
            let (product, all) = (product.product(), all.join(", "));
            panic!("product {product} has no tier {name:?}; its tiers are {all}")
        }
    }
}

/// Parses a token that this module has signed.
#[track_caller]
pub(super) fn unverified(token: &str) -> Unverified<'_> {
    unwrap("cannot parse the token", Unverified::parse(token))
}

#[track_caller]
pub(super) fn verified(token: &str) -> License {
    unwrap(
        "the license does not verify",
        unverified(token).verify(&TRUST),
    )
}

/// Omits the changes, which are functions.
impl fmt::Debug for TestLicense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "license({:?})", self.tier)
    }
}
