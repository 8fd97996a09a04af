//! Tiers, features and quotas as data. No code knows a feature by its name.

mod error;
mod file;
mod table;

pub use error::MatrixError;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::ids::{ProductCode, Tier};
use crate::policy::{CheckIn, Entitlements, Quota, Renewal};

const BUILT_IN: &str = include_str!("matrix/coditect.toml");
const SCHEMA: &str = include_str!("matrix/schema.json");

/// What the tiers of a product allow.
///
/// ```
/// use license_core::{Matrix, Quota, Tier};
///
/// let matrix = Matrix::built_in();
/// assert_eq!(matrix.product().as_str(), "CODITECT");
/// assert_eq!(matrix.base_tier().entitlements().quota("commands_per_day"), Some(Quota::Limit(10)));
/// assert_eq!(matrix.first_tier_with("sso").unwrap().name(), Tier::parse("ENT")?);
/// # Ok::<(), license_core::NameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matrix {
    product: ProductCode,
    issuer: Box<str>,
    tiers: Vec<TierTerms>,
    base: TierTerms,
    enterprise: Option<TierTerms>,
    trial: Option<Trial>,
    user_cool_down_days: u64,
    seats_quota: Option<Box<str>>,
    devices_quota: Option<Box<str>>,
}

/// What a tier brings, before a license adds or removes anything.
#[derive(Clone, Debug)]
pub struct TierTerms {
    entitlements: Arc<Entitlements>,
    check_in: Option<CheckIn>,
    offline_grace_hours: u64,
    renewal: Option<Renewal>,
}

impl TierTerms {
    /// The tier.
    pub fn name(&self) -> Tier {
        self.entitlements.tier()
    }

    /// Its features and quotas.
    pub fn entitlements(&self) -> &Arc<Entitlements> {
        &self.entitlements
    }

    /// How often its licenses must be validated; none means never.
    pub fn check_in(&self) -> Option<CheckIn> {
        self.check_in
    }

    /// Hours for which a license that must be validated holds without.
    pub fn offline_grace_hours(&self) -> u64 {
        self.offline_grace_hours
    }

    /// When to warn before the end, and for how long its licenses hold after it.
    pub fn renewal(&self) -> Option<Renewal> {
        self.renewal
    }
}

/// What a trial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its tier.
    pub tier: Tier,
    /// Its days, 1 to 3660.
    pub days: u64,
}

impl Matrix {
    /// Returns the matrix of the default product, parsed at the first call.
    pub fn built_in() -> &'static Self {
        #[allow(
            clippy::expect_used,
            reason = "the text is compiled in, and every test parses it"
        )]
        static MATRIX: LazyLock<Matrix> =
            LazyLock::new(|| Matrix::parse(BUILT_IN).expect("the built-in matrix is well formed"));
        &MATRIX
    }

    /// The text of the built-in matrix, to start another product's from.
    pub fn built_in_text() -> &'static str {
        BUILT_IN
    }

    /// The JSON Schema (draft 2020-12) of product files, for editors. It takes all that `Matrix::parse` takes; that a tier is named before
    /// it is used, and other things that lie between members, it can't check.
    pub fn schema() -> &'static str {
        SCHEMA
    }

    /// Parses a product file (TOML).
    ///
    /// # Errors
    /// [`MatrixError`] if it is no TOML of this form, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        file::parse(text)
    }

    /// The product.
    pub fn product(&self) -> ProductCode {
        self.product
    }

    /// The vendor's name for claim `iss`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The tiers from the least to the most.
    pub fn tiers(&self) -> &[TierTerms] {
        &self.tiers
    }

    /// The terms of a tier.
    pub fn tier(&self, name: Tier) -> Option<&TierTerms> {
        self.tiers.iter().find(|tier| tier.name() == name)
    }

    /// What is left when a license does not hold.
    pub fn base_tier(&self) -> &TierTerms {
        &self.base
    }

    /// What an enterprise key stands for.
    pub fn enterprise_tier(&self) -> Option<&TierTerms> {
        self.enterprise.as_ref()
    }

    /// For so many days after a user was named in a license, their place in it is not given to another; 0 to 3660.
    pub fn user_cool_down_days(&self) -> u64 {
        self.user_cool_down_days
    }

    /// What a trial is, if the product has one.
    pub fn trial(&self) -> Option<Trial> {
        self.trial
    }

    /// The least tier that has the feature.
    pub fn first_tier_with(&self, feature: &str) -> Option<&TierTerms> {
        self.tiers
            .iter()
            .find(|tier| tier.entitlements.allows(feature))
    }

    /// Every feature of every tier, in the order of the tiers, then of the alphabet, with the tier that
    /// brings it.
    pub fn features(&self) -> Vec<(&str, Tier)> {
        let mut features: Vec<(&str, Tier)> = Vec::new();
        let mut seen = BTreeMap::new();
        for tier in &self.tiers {
            for feature in tier.entitlements.features() {
                if seen.insert(feature, ()).is_none() {
                    features.push((feature, tier.name()));
                }
            }
        }
        features
    }

    /// The quota that seats set, as in `users`.
    pub fn seats_quota(&self) -> Option<&str> {
        self.seats_quota.as_deref()
    }

    /// The quota that devices set, as in `devices`.
    pub fn devices_quota(&self) -> Option<&str> {
        self.devices_quota.as_deref()
    }

    /// A tier's features and quotas, with the quota that seats set: never below what the tier includes.
    pub(crate) fn entitlements_with_seats(&self, tier: &TierTerms, seats: u64) -> Entitlements {
        let entitlements = &tier.entitlements;
        let quotas = entitlements
            .quotas()
            .map(|(name, quota)| (name.to_owned(), quota));
        let seats = self.seats_quota().map(|name| {
            let seats = Quota::Limit(seats);
            let included = entitlements
                .quota(name)
                .filter(|quota| *quota != Quota::Unlimited);
            (
                name.to_owned(),
                included.map_or(seats, |included| included.max(seats)),
            )
        });
        let features = entitlements.features().map(str::to_owned);
        Entitlements::new(tier.name(), features, quotas.chain(seats))
    }
}

/// Whether the text can name a feature or a quota.
pub(crate) fn is_snake(name: &str) -> bool {
    let letters = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    letters && (1..=64).contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str) -> &'static TierTerms {
        Matrix::built_in().tier(Tier::parse(name).unwrap()).unwrap()
    }

    fn quotas(name: &str) -> [i64; 5] {
        [
            "commands_per_day",
            "agents",
            "slash_commands",
            "users",
            "devices",
        ]
        .map(|quota| tier(name).entitlements().quota(quota).unwrap().to_number())
    }

    #[test]
    fn the_built_in_matrix_is_that_of_the_specification() {
        assert_eq!(quotas("FREE"), [10, 10, 81, 1, 1]);
        assert_eq!(quotas("PRO"), [-1, 52, 81, 1, -1]);
        assert_eq!(quotas("TEAM"), [-1, 52, 81, 5, 5]);
        assert_eq!(quotas("ENT"), [-1, 52, 81, -1, -1]);
        let counts =
            ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).entitlements().features().len());
        assert_eq!(counts, [3, 12, 18, 26]);
        let check_ins = ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).check_in());
        let daily = CheckIn::new(24, 168);
        assert_eq!(check_ins, [None, daily, daily, None]);
        let renewals = ["FREE", "PRO", "TEAM", "ENT"].map(|name| tier(name).renewal());
        let fortnight = Renewal::new(14, 72);
        assert_eq!(
            renewals,
            [None, fortnight, fortnight, Renewal::new(30, 168)]
        );
    }
}
