//! Compares the claims of two licenses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde::Serialize;

use super::{Change, Effect, describe, is_continued};
use crate::claims::LicenseClaims;
use crate::ids::Tier;
use crate::machine::Machine;
use crate::matrix::FeatureMatrix;
use crate::policy::UsageType;

/// Returns the changes of all claims. The pattern lists every field, so that a new claim does not
/// compile until it is handled here.
pub(super) fn compare(
    before: &LicenseClaims,
    after: &LicenseClaims,
    matrix: &FeatureMatrix,
) -> Vec<Change> {
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
        requires_seat,
        usage_type,
        trial,
        check_in: _,
        renewal: _,
        maintenance_until,
        max_version,
        machines,
        users,
        company,
        key: _,
        confirmation,
        critical: _,
        extension,
        unknown: _,
    } = before;
    // The labels and the order of the tiers are those of the product of both licenses.
    let is_known = [before, after].map(|claims| claims.product == matrix.product());
    let matrix = (is_known == [true; 2]).then_some(matrix);
    let mut changes = Vec::new();
    let mut add = |change: Option<Change>| changes.extend(change);
    add(replaced("product", "the product", product, &after.product));
    add(replaced(
        "customer",
        "the customer",
        customer,
        &after.customer,
    ));
    add(Change::between(
        "company",
        company,
        &after.company,
        |before, after| {
            let text = match (before, after) {
                (Some(before), Some(after)) => {
                    format!("the company is {after} instead of {before}")
                }
                (None, Some(after)) => format!("the company is {after}; none was named before"),
                (before, None) => format!("no company is named; it was {}", describe::text(before)),
            };
            (Effect::Other, text)
        },
    ));
    // An enterprise key does not name the vendor.
    if let (Some(before), Some(after)) = (issuer, &after.issuer) {
        add(replaced("issuer", "the vendor", before, after));
    }
    add(duty(
        "trial",
        *trial,
        after.trial,
        "it is now a trial",
        "it is no longer a trial",
    ));
    add(Change::between("tier", tier, &after.tier, |old, new| {
        let effect = matrix.map_or(Effect::Other, |matrix| tier_effect(*old, *new, matrix));
        let [old, new] = [old, new].map(|tier| match matrix {
            Some(matrix) => matrix.tier_label(tier),
            None => tier.as_str(),
        });
        (effect, format!("the tier is {new} instead of {old}"))
    }));
    // Two licenses that start when they are issued are both valid as soon as the customer receives
    // them, so their starts are not compared.
    if before.starts_at().is_some() || after.starts_at().is_some() {
        let starts = [before, after].map(LicenseClaims::valid_from);
        let describe = |old, new| describe::start(old, new, is_continued(before, after));
        let [old, new] = starts;
        add(Change::between_instants("not_before", old, new, describe));
    }
    add(Change::between_instants(
        "expires_at",
        *expires_at,
        after.expires_at,
        describe::end,
    ));
    add(count("seats", seats, &after.seats));
    add(count("devices", devices, &after.devices));
    add(duty(
        "activation",
        *must_activate,
        after.must_activate,
        "each machine must now be activated",
        "machines no longer have to be activated",
    ));
    add(duty(
        "floating",
        *requires_seat,
        after.requires_seat,
        "each session must now hold a floating seat",
        "sessions no longer have to hold a floating seat",
    ));
    add(Change::between_instants(
        "maintenance_until",
        *maintenance_until,
        after.maintenance_until,
        describe::maintenance,
    ));
    add(Change::between(
        "max_version",
        max_version,
        &after.max_version,
        describe::versions,
    ));
    add(Change::between(
        "ext",
        extension,
        &after.extension,
        |_, _| (Effect::Other, "the vendor's own data differs".to_owned()),
    ));
    let key_id = |confirmation: &Option<crate::claims::Confirmation>| {
        let id = confirmation
            .as_ref()
            .map(|confirmation| confirmation.key().id());
        id.map(ToString::to_string)
    };
    let (old, new) = (key_id(confirmation), key_id(&after.confirmation));
    add(Change::between(
        "license_server",
        &old,
        &new,
        describe::license_server,
    ));
    for kind in [UsageType::Builder, UsageType::Runtime] {
        let allows = |usage_type: &Option<UsageType>| usage_type.is_none_or(|only| only == kind);
        let (before, after) = (allows(usage_type), allows(&after.usage_type));
        let [yes, no] = [
            format!("use as {kind} is now permitted"),
            format!("use as {kind} is no longer permitted"),
        ];
        add(included(
            "usage_type",
            &kind.to_string(),
            before,
            after,
            [yes, no],
        ));
    }
    changes.extend(features(before, after, matrix));
    changes.extend(quotas(before, after, matrix));
    changes.extend(check_in(before, after));
    changes.extend(renewal(before, after));
    changes.extend(list(
        ["users", "user"],
        users,
        &after.users,
        ToString::to_string,
    ));
    changes.extend(list(
        ["machines", "machine"],
        machines,
        &after.machines,
        label,
    ));
    changes.extend(unknown_claims(before, after));
    changes
}

/// Compares the ids of the keys that signed the licenses.
pub(super) fn signing_key(before: &str, after: &str) -> Option<Change> {
    Change::between("signing_key", &before, &after, |before, after| {
        let text = format!(
            "the signing key is {after} instead of {before}; verifiers must trust the new key"
        );
        (Effect::Other, text)
    })
}

fn replaced<T>(what: &'static str, noun: &str, before: &T, after: &T) -> Option<Change>
where
    T: PartialEq + Serialize + Display,
{
    Change::between(what, before, after, |before, after| {
        (
            Effect::Other,
            format!("{noun} is {after} instead of {before}"),
        )
    })
}

/// Compares whether a duty or restriction applies.
fn duty(what: &'static str, before: bool, after: bool, yes: &str, no: &str) -> Option<Change> {
    Change::between(what, &before, &after, |before, after| {
        (
            Effect::gain_if(*before),
            if *after { yes } else { no }.to_owned(),
        )
    })
}

/// Compares whether a license includes a feature, kind of use, user or machine.
fn included(
    what: &'static str,
    name: &str,
    before: bool,
    after: bool,
    [yes, no]: [String; 2],
) -> Option<Change> {
    let change = Change::between(what, &before, &after, |_, after| {
        (Effect::gain_if(*after), if *after { yes } else { no })
    });
    change.map(|change| change.named(name))
}

/// Returns the effect of a changed tier. The effect is [`Effect::Other`] if the matrix does not
/// contain both tiers.
fn tier_effect(before: Tier, after: Tier, matrix: &FeatureMatrix) -> Effect {
    let rank = |tier| {
        let mut tiers = matrix.tiers().iter();
        tiers.position(|terms| terms.name() == tier)
    };
    match (rank(before), rank(after)) {
        (Some(before), Some(after)) => Effect::gain_if(after > before),
        _ => Effect::Other,
    }
}

fn count(what: &'static str, before: &Option<u64>, after: &Option<u64>) -> Option<Change> {
    Change::between(what, before, after, |before, after| match (before, after) {
        (Some(before), Some(after)) => {
            let text = format!("{after} {what} instead of {before}");
            (Effect::gain_if(after > before), text)
        }
        // Without this claim, the quotas apply.
        (None, Some(after)) => {
            let text = format!("{after} {what}; no number was set before");
            (Effect::Other, text)
        }
        (before, None) => {
            let text = format!(
                "no number of {what} is set; it was {}",
                describe::text(before)
            );
            (Effect::Other, text)
        }
    })
}

fn features(
    before: &LicenseClaims,
    after: &LicenseClaims,
    matrix: Option<&FeatureMatrix>,
) -> Vec<Change> {
    let names = before.features.union(&after.features);
    let change = |name: &String| {
        let [old, new] = [before, after].map(|claims| claims.features.contains(name));
        let label = matrix.map_or(name.as_str(), |matrix| matrix.feature_label(name));
        let [yes, no] = ["added", "removed"].map(|how| format!("feature {label} is {how}"));
        let change = included("feature", name, old, new, [yes, no]);
        change.map(|change| change.labeled(label))
    };
    names.filter_map(change).collect()
}

fn quotas(
    before: &LicenseClaims,
    after: &LicenseClaims,
    matrix: Option<&FeatureMatrix>,
) -> Vec<Change> {
    let names: BTreeSet<_> = before.quotas.keys().chain(after.quotas.keys()).collect();
    let change = |name: &String| {
        let label = matrix.map_or(name.as_str(), |matrix| matrix.quota_label(name));
        let [old, new] = [before, after].map(|claims| claims.quotas.get(name).copied());
        let change = Change::between("quota", &old, &new, |before, after| {
            let text = match (before, after) {
                (Some(before), Some(after)) => {
                    let how = if after > before { "raised" } else { "lowered" };
                    format!("quota {label} is {how} from {before} to {after}")
                }
                (None, Some(after)) => format!("quota {label} is added: {after}"),
                (before, None) => {
                    format!(
                        "quota {label} is removed; it was {}",
                        describe::text(before)
                    )
                }
            };
            (Effect::gain_if(after > before), text)
        });
        change.map(|change| change.named(name).labeled(label))
    };
    names.into_iter().filter_map(change).collect()
}

/// Compares a number for which larger is better.
fn larger(
    what: &'static str,
    before: i64,
    after: i64,
    describe: impl FnOnce(i64, i64) -> String,
) -> Option<Change> {
    Change::between(what, &before, &after, |before, after| {
        (Effect::gain_if(after > before), describe(*before, *after))
    })
}

fn check_in(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let changes = match (before.check_in, after.check_in) {
        (Some(before), Some(after)) => [
            larger(
                "check_in_every_hours",
                before.every().num_hours(),
                after.every().num_hours(),
                |before, after| {
                    format!("it must check in every {after} hours instead of every {before}")
                },
            ),
            larger(
                "check_in_grace_hours",
                before.grace().num_hours(),
                after.grace().num_hours(),
                |before, after| {
                    format!(
                        "without a check-in it stays valid for {after} hours instead of {before}"
                    )
                },
            ),
        ],
        (before, after) => {
            let change = Change::between("check_in", &before, &after, |before, after| {
                let text = match after {
                    Some(terms) => format!("it must now check in {terms}"),
                    None => "it no longer has to check in".to_owned(),
                };
                (Effect::from_restriction(before, after), text)
            });
            [change, None]
        }
    };
    changes.into_iter().flatten().collect()
}

/// Compares the renewal terms. Without them, there is neither a warning nor a grace period.
fn renewal(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let [before, after] = [before, after].map(|claims| claims.renewal.unwrap_or_default());
    let notice = larger(
        "renewal_notify_days",
        before.notify().num_days(),
        after.notify().num_days(),
        |before, after| format!("it warns {after} days before its end instead of {before}"),
    );
    let grace = larger(
        "renewal_grace_hours",
        before.grace().num_hours(),
        after.grace().num_hours(),
        |before, after| {
            format!("after its end it stays valid for {after} hours instead of {before}")
        },
    );
    notice.into_iter().chain(grace).collect()
}

/// Compares two lists that restrict who may use a license. An empty list permits everyone.
fn list<T: PartialEq + Serialize + ToString>(
    [what, member]: [&'static str; 2],
    before: &[T],
    after: &[T],
    label: impl Fn(&T) -> String,
) -> Vec<Change> {
    if before.is_empty() || after.is_empty() {
        let [before, after] = [before, after].map(|list| (!list.is_empty()).then_some(list));
        let names = |list: &[T]| list.iter().map(&label).collect::<Vec<_>>().join(", ");
        let change = Change::between(what, &before, &after, |before, after| {
            let text = match (before, after) {
                (_, Some(after)) => format!("only these {what} may use it: {}", names(after)),
                (before, None) => {
                    let before = names(before.unwrap_or_default());
                    format!("any {member} may use it, not only {before}")
                }
            };
            (Effect::from_restriction(before, after), text)
        });
        return change.into_iter().collect();
    }
    let all = before.iter().chain(after);
    let all: BTreeMap<_, _> = all.map(|item| (item.to_string(), item)).collect();
    let changes = all.into_iter().filter_map(|(name, item)| {
        let [old, new] = [before, after].map(|list| list.contains(item));
        let [yes, no] =
            ["added", "removed"].map(|how| format!("{member} {} is {how}", label(item)));
        included(member, &name, old, new, [yes, no])
    });
    changes.collect()
}

/// Returns a name for a machine: its digest, which is shorter than a fingerprint.
fn label(machine: &Machine) -> String {
    match (machine, machine.digest()) {
        (Machine::Fingerprint(_), Some(digest)) => format!("{digest} (matched by its fingerprint)"),
        (Machine::Digest(digest), _) => format!("{digest} (matched exactly)"),
        (other, _) => other.to_string(),
    }
}

/// Compares the claims that this version does not understand.
fn unknown_claims(before: &LicenseClaims, after: &LicenseClaims) -> Vec<Change> {
    let names: BTreeSet<&String> = before.unknown.keys().chain(after.unknown.keys()).collect();
    let change = |name: &String| {
        let [old, new] = [before, after].map(|claims| claims.unknown.get(name));
        let change = Change::between("unknown_claim", &old, &new, |before, after| {
            let how = match (before, after) {
                (None, _) => "is added",
                (_, None) => "is removed",
                _ => "has another value",
            };
            (Effect::Other, format!("the unknown claim {name} {how}"))
        });
        change.map(|change| change.named(name))
    };
    names.into_iter().filter_map(change).collect()
}
