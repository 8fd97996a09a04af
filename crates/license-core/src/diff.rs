//! What changes for the customer from one license to another.

mod change;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use change::{Change, Effect, Shift};

use crate::claims::LicenseClaims;
use crate::license::License;
use crate::machine::Machine;
use crate::matrix::Matrix;
use crate::policy::{Entitlements, UsageType};

/// What changes for the customer when one license takes the place of another.
///
/// The license id, the serial and the date of issue are no difference.
///
/// ```
/// use license_core::{Difference, Matrix, Succession, TrustSet, Unverified};
///
/// # const JWKS: &str = include_str!("../../../fixtures/trust/vendor.jwks");
/// # const BEFORE: &str = include_str!("../../../fixtures/tokens/valid-pro.jwt");
/// # const AFTER: &str = include_str!("../../../fixtures/tokens/renewal.jwt");
/// let trust = TrustSet::parse(JWKS)?;
/// let before = Unverified::parse(BEFORE)?.verify(&trust)?;
/// let after = Unverified::parse(AFTER)?.verify(&trust)?;
/// let difference = Difference::of_licenses(&before, &after, Matrix::built_in());
/// assert_eq!(difference.succession(), Succession::Replaces);
/// assert!(!difference.is_worse());
/// for change in difference.changes() {
///     println!("{change}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    changes: Vec<Change>,
    succession: Succession,
}

/// How the second license stands to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Succession {
    /// It is the same license.
    Same,
    /// It supersedes the first.
    Replaces,
    /// The first supersedes it: they are the other way round.
    ReplacedBy,
    /// Both are this customer's for this product, and neither supersedes the other: installed side by side, the one that allows more
    /// decides.
    SideBySide,
    /// They are for different products or customers.
    Unrelated,
}

impl Succession {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Replaces => "replaces",
            Self::ReplacedBy => "replaced_by",
            Self::SideBySide => "side_by_side",
            Self::Unrelated => "unrelated",
        }
    }

    fn between(before: &LicenseClaims, after: &LicenseClaims) -> Self {
        let same_product = before.product == after.product;
        let same_company = before.company.is_some() && before.company == after.company;
        if before.id == after.id {
            Self::Same
        } else if same_product && after.supersedes.contains(&before.id) {
            Self::Replaces
        } else if same_product && before.supersedes.contains(&after.id) {
            Self::ReplacedBy
        } else if same_product && (before.customer == after.customer || same_company) {
            Self::SideBySide
        } else {
            Self::Unrelated
        }
    }
}

impl Difference {
    /// Compares two verified licenses, with the keys that signed them.
    pub fn of_licenses(before: &License, after: &License, matrix: &Matrix) -> Self {
        let keys = [before, after].map(|license| Some(license.key_id().as_str()));
        Self::between(before.claims(), after.claims(), matrix).with_signing_keys(keys)
    }

    /// Compares what two licenses say. The matrix tells which of two tiers is the higher.
    pub fn between(before: &LicenseClaims, after: &LicenseClaims, matrix: &Matrix) -> Self {
        let mut changes = Vec::new();
        compare(before, after, matrix, &mut changes);
        Self {
            changes,
            succession: Succession::between(before, after),
        }
    }

    /// Compares the keys that signed both too, by their ids; none is not known.
    #[must_use]
    pub fn with_signing_keys(mut self, [before, after]: [Option<&str>; 2]) -> Self {
        if let (Some(before), Some(after)) = (before, after)
            && before != after
        {
            let shift = Shift::new(before.into(), after.into());
            self.changes.push(Change::SigningKey(shift));
        }
        self
    }

    /// Everything that changes.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What changes with this effect.
    pub fn with_effect(&self, effect: Effect) -> impl Iterator<Item = &Change> {
        self.changes
            .iter()
            .filter(move |change| change.effect() == effect)
    }

    /// Whether nothing changes for the customer.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether the second is less than the first in any way.
    pub fn is_worse(&self) -> bool {
        self.with_effect(Effect::Loss).next().is_some()
    }

    /// How the second license stands to the first.
    pub fn succession(&self) -> Succession {
        self.succession
    }
}

/// Adds the changes of all claims. Each claim is named, so that the compiler asks for a decision
/// about a new one.
fn compare(
    before: &LicenseClaims,
    after: &LicenseClaims,
    matrix: &Matrix,
    changes: &mut Vec<Change>,
) {
    let LicenseClaims {
        format_version: _,
        issuer,
        product,
        customer,
        id: _,
        serial: _,
        supersedes: _,
        issued_at: _,
        not_before: _,
        expires_at,
        tier,
        features: _,
        quotas: _,
        seats,
        devices,
        must_activate,
        usage_type,
        trial,
        check_in: _,
        renewal: _,
        maintenance_until,
        max_version,
        machines: _,
        users: _,
        company,
        key: _,
        confirmation: _,
        critical: _,
        extension,
        unknown: _,
    } = before;
    let mut add = |change: Option<Change>| changes.extend(change);
    add(shift(product, &after.product).map(Change::Product));
    add(shift_text(customer, &after.customer).map(Change::Customer));
    add(shift(company, &after.company).map(Change::Company));
    // An enterprise key does not name the vendor.
    let issuers = issuer.as_deref().zip(after.issuer.as_deref());
    add(issuers.and_then(|(one, other)| shift_text(one, other).map(Change::Issuer)));
    add(shift(trial, &after.trial).map(Change::Trial));
    add(shift(tier, &after.tier).map(|tiers| {
        let effect = rise(&tiers, before, after, matrix);
        Change::Tier(tiers, effect)
    }));
    add(start(before, after).map(Change::Start));
    add(shift(expires_at, &after.expires_at).map(Change::End));
    add(shift(seats, &after.seats).map(Change::Seats));
    add(shift(devices, &after.devices).map(Change::Devices));
    add(shift(must_activate, &after.must_activate).map(Change::Activation));
    let maintenance = shift(maintenance_until, &after.maintenance_until);
    add(maintenance.map(Change::Maintenance));
    add(shift(max_version, &after.max_version).map(Change::Versions));
    add(shift(extension, &after.extension).map(Change::Extension));
    let server = |claims: &LicenseClaims| {
        let confirmation = claims.confirmation.as_ref();
        confirmation.map(|confirmation| confirmation.key().id().clone())
    };
    add(shift(&server(before), &server(after)).map(Change::Server));
    for kind in [UsageType::Builder, UsageType::Runtime] {
        let allows = |usage_type: &Option<UsageType>| usage_type.is_none_or(|only| only == kind);
        let allowed = shift(&allows(usage_type), &allows(&after.usage_type));
        add(allowed.map(|allowed| Change::Usage(kind, allowed)));
    }
    changes.extend(entitled(&before.entitlements(), &after.entitlements()));
    changes.extend(check_in(before, after));
    changes.extend(renewal(before, after));
    changes.extend(users(before, after));
    changes.extend(machines(before, after));
    changes.extend(unknown_claims(before, after));
}

/// Compares the claims that this version does not understand.
fn unknown_claims(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let names: BTreeSet<&String> = before.unknown.keys().chain(after.unknown.keys()).collect();
    let claim = |name: &String| {
        let of = |claims: &LicenseClaims| claims.unknown.get(name).cloned().map(Box::new);
        let values = shift(&of(before), &of(after))?;
        Some(Change::UnknownClaim(name.as_str().into(), values))
    };
    names.into_iter().filter_map(claim).collect()
}

fn shift_text(before: &str, after: &str) -> Option<Shift<Box<str>>> {
    (before != after).then(|| Shift::new(before.into(), after.into()))
}

fn shift<T: Clone + PartialEq>(before: &T, after: &T) -> Option<Shift<T>> {
    (before != after).then(|| Shift::new(before.clone(), after.clone()))
}

/// Whether the tier is a higher one.
fn rise(
    tiers: &Shift<crate::ids::Tier>,
    before: &LicenseClaims,
    after: &LicenseClaims,
    matrix: &Matrix,
) -> Effect {
    let rank = |claims: &LicenseClaims, tier| {
        let mut tiers = matrix.tiers().iter();
        let rank = tiers.position(|terms| terms.name() == tier);
        rank.filter(|_| claims.product == matrix.product())
    };
    match (rank(before, tiers.before), rank(after, tiers.after)) {
        (Some(before), Some(after)) => Effect::of_more(&Shift::new(before, after)),
        _ => Effect::Other,
    }
}

/// One that starts when it is issued starts when the customer has it, and so does one that does not say.
fn start(
    before: &LicenseClaims,
    after: &LicenseClaims,
) -> Option<Shift<Option<crate::time::Timestamp>>> {
    match (before.starts_at(), after.starts_at()) {
        (None, None) => None,
        _ => shift(&before.valid_from(), &after.valid_from()),
    }
}

fn entitled(before: &Entitlements, after: &Entitlements) -> Vec<Change> {
    let features: BTreeSet<&str> = before.features().chain(after.features()).collect();
    let features = features.into_iter().filter_map(|name| {
        let included = shift(&before.allows(name), &after.allows(name))?;
        Some(Change::Feature(name.into(), included))
    });
    let quotas = before.quotas().chain(after.quotas());
    let quotas: BTreeSet<&str> = quotas.map(|(name, _)| name).collect();
    let quotas = quotas.into_iter().filter_map(|name| {
        let quota = shift(&before.quota(name), &after.quota(name))?;
        Some(Change::Quota(name.into(), quota))
    });
    features.chain(quotas).collect()
}

fn check_in(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let (Some(one), Some(other)) = (before.check_in, after.check_in) else {
        let terms = shift(&before.check_in, &after.check_in);
        return terms.map(Change::CheckIn).into_iter().collect();
    };
    let every = shift(&one.every_hours(), &other.every_hours()).map(Change::CheckInEvery);
    let grace = shift(&one.grace_hours(), &other.grace_hours()).map(Change::OfflineGrace);
    every.into_iter().chain(grace).collect()
}

/// Without terms there is neither warning nor grace.
fn renewal(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let (one, other) = (
        before.renewal.unwrap_or_default(),
        after.renewal.unwrap_or_default(),
    );
    let notice = shift(&one.notify_days(), &other.notify_days()).map(Change::RenewalNotice);
    let grace = shift(&one.grace_hours(), &other.grace_hours()).map(Change::RenewalGrace);
    notice.into_iter().chain(grace).collect()
}

fn users(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    match (before.users.as_slice(), after.users.as_slice()) {
        ([], []) => Vec::new(),
        (one @ [], other) | (one, other @ []) => {
            let list = |users: &[String]| -> Option<Box<[Box<str>]>> {
                let list = users.iter().map(|user| user.as_str().into());
                (!users.is_empty()).then(|| list.collect())
            };
            vec![Change::Users(Shift::new(list(one), list(other)))]
        }
        (one, other) => {
            let users: BTreeSet<&String> = one.iter().chain(other).collect();
            let member = |user: &String| {
                let named = shift(&one.contains(user), &other.contains(user))?;
                Some(Change::User(user.as_str().into(), named))
            };
            users.into_iter().filter_map(member).collect()
        }
    }
}

fn machines(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    match (before.machines.as_slice(), after.machines.as_slice()) {
        ([], []) => Vec::new(),
        (one @ [], other) | (one, other @ []) => {
            let list = |machines: &[Machine]| (!machines.is_empty()).then(|| machines.into());
            vec![Change::Machines(Shift::new(list(one), list(other)))]
        }
        (one, other) => {
            let machines: BTreeMap<_, _> = one
                .iter()
                .chain(other)
                .map(|machine| (machine.to_string(), machine))
                .collect();
            let member = |machine: &Machine| {
                let named = shift(&one.contains(machine), &other.contains(machine))?;
                Some(Change::Machine(machine.clone(), named))
            };
            machines.into_values().filter_map(member).collect()
        }
    }
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests;
