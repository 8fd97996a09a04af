//! Tests of the comparison of licenses.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};

use super::*;
use crate::claims::{Confirmation, KNOWN_CLAIMS};
use crate::ids::{Company, ProductCode, Tier};
use crate::issue::LicenseDraft;
use crate::key::LicenseId;
use crate::policy::{CheckIn, Quota, Renewal, UsageType};
use crate::time;

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

fn id(number: u8) -> LicenseId {
    LicenseId::from_random(at("2027-01-01"), &[number; 10])
}

fn draft() -> LicenseDraft {
    let matrix = FeatureMatrix::built_in();
    let tier = matrix.tier(Tier::parse("PRO").unwrap()).unwrap();
    let mut draft = LicenseDraft::for_tier(matrix, tier, id(1), "ACME".into(), at("2027-01-01"));
    draft.expires_at = Some(at("2028-01-01"));
    draft
}

fn changed(change: impl Fn(&mut LicenseDraft)) -> Difference {
    let mut after = draft();
    change(&mut after);
    let (before, after) = (draft().read_back().unwrap(), after.read_back().unwrap());
    Difference::from_claims(&before, &after, FeatureMatrix::built_in())
}

/// Returns a public key in the form of the claim `cnf`.
fn confirmation() -> Confirmation {
    let keys = include_str!("../../fixtures/trust/vendor.jwks");
    let trust = crate::trust::TrustSet::parse(keys).unwrap();
    let jwk = trust.iter().next().unwrap().to_jwk();
    serde_json::from_value(serde_json::json!({ "jwk": jwk })).unwrap()
}

type Edit = fn(&mut LicenseDraft);

/// Returns an edit of a claim and the names of the expected changes, which are empty if the claim
/// is not compared.
fn claim(name: &str) -> Option<(Edit, &'static [&'static str])> {
    let case: (Edit, &'static [&'static str]) = match name {
        // There is only one format version.
        "ver" => (|_| (), &[]),
        // The key is derived from other claims.
        "key" => (|_| (), &[]),
        // The claim concerns the verifier and not the customer.
        "crit" => (|draft| draft.critical = vec!["exp".into()], &[]),
        "jti" => (|draft| draft.id = id(2), &[]),
        "serial" => (|draft| draft.serial = Some(7), &[]),
        "iat" => (|draft| draft.issued_at = Some(at("2027-02-01")), &[]),
        // The claim is reported as the succession.
        "supersedes" => (|draft| draft.supersedes = vec![id(3)], &[]),
        "iss" => (|draft| draft.issuer = Some("Acme Inc".into()), &["issuer"]),
        "aud" => (
            |draft| draft.product = ProductCode::parse("WIDGET").unwrap(),
            &["product"],
        ),
        "sub" => (|draft| draft.customer = "Ann".into(), &["customer"]),
        "nbf" => (
            |draft| draft.not_before = Some(at("2027-03-01")),
            &["not_before"],
        ),
        "exp" => (|draft| draft.expires_at = None, &["expires_at"]),
        "tier" => (|draft| draft.tier = Tier::parse("TEAM").unwrap(), &["tier"]),
        "features" => (|draft| draft.add_feature("sso").unwrap(), &["feature"]),
        "quotas" => (
            |draft| draft.set_quota("agents", Quota::Limit(3)).unwrap(),
            &["quota"],
        ),
        "seats" => (
            |draft| {
                let seats = NonZeroU32::new(20).unwrap();
                draft.set_seats(seats, FeatureMatrix::built_in()).unwrap();
            },
            &["seats", "quota"],
        ),
        "devices" => (
            |draft| draft.set_devices(NonZeroU32::new(3).unwrap(), FeatureMatrix::built_in()),
            &["devices", "quota"],
        ),
        "activation" => (|draft| draft.must_activate = true, &["activation"]),
        // The claim requires a license server.
        "floating" => (
            |draft| {
                draft.confirmation = Some(confirmation());
                draft.requires_seat = true;
            },
            &["floating", "license_server"],
        ),
        "usage_type" => (
            |draft| draft.usage_type = Some(UsageType::Runtime),
            &["usage_type"],
        ),
        "trial" => (|draft| draft.trial = true, &["trial"]),
        "check_in" => (|draft| draft.check_in = None, &["check_in"]),
        "renewal" => (
            |draft| draft.renewal = Renewal::from_days_and_hours(7, 24),
            &["renewal_notify_days", "renewal_grace_hours"],
        ),
        "maintenance_until" => (
            |draft| draft.maintenance_until = Some(at("2027-06-01")),
            &["maintenance_until"],
        ),
        "max_version" => (
            |draft| draft.max_version = Some("<3".parse().unwrap()),
            &["max_version"],
        ),
        "machines" => (
            |draft| draft.machines = vec!["m1".parse().unwrap()],
            &["machines"],
        ),
        "users" => (|draft| draft.users = vec!["ann".into()], &["users"]),
        "company" => (
            |draft| draft.company = Some(Company::parse("ACME").unwrap()),
            &["company"],
        ),
        "cnf" => (
            |draft| draft.confirmation = Some(confirmation()),
            &["license_server"],
        ),
        "ext" => (
            |draft| draft.extension = Some(serde_json::Map::new()),
            &["ext"],
        ),
        _ => return None,
    };
    Some(case)
}

#[test]
fn every_claim_is_compared_or_explicitly_ignored() {
    for name in KNOWN_CLAIMS {
        let (edit, expected) = claim(name).unwrap_or_else(|| panic!("claim {name} has no case"));
        let difference = changed(edit);
        let found: Vec<_> = difference.changes().iter().map(Change::what).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn a_license_does_not_differ_from_itself() {
    let difference = changed(|_| ());
    assert!(difference.is_empty() && !difference.is_worse());
    assert_eq!(difference.succession(), Succession::Same);
}

fn sentences(change: impl Fn(&mut LicenseDraft)) -> Vec<(Effect, String)> {
    let difference = changed(change);
    let changes = difference.changes().iter();
    changes
        .map(|change| (change.effect(), change.to_string()))
        .collect()
}

#[track_caller]
fn assert_change(change: impl Fn(&mut LicenseDraft), effect: Effect, sentence: &str) {
    let found = sentences(change);
    assert_eq!(found, [(effect, sentence.to_owned())]);
}

#[test]
fn a_change_has_a_sentence_and_an_effect() {
    use Effect::{Gain, Loss};
    assert_change(
        |draft| draft.expires_at = Some(at("2028-12-31")),
        Gain,
        "it ends 365 days later: at 2028-12-31T00:00:00Z instead of 2028-01-01T00:00:00Z",
    );
    assert_change(
        |draft| draft.expires_at = Some(at("2027-12-31")),
        Loss,
        "it ends 24 hours earlier: at 2027-12-31T00:00:00Z instead of 2028-01-01T00:00:00Z",
    );
    assert_change(
        |draft| draft.expires_at = None,
        Gain,
        "it is perpetual instead of ending at 2028-01-01T00:00:00Z",
    );
    assert_change(
        |draft| draft.set_quota("agents", Quota::Unlimited).unwrap(),
        Gain,
        "quota agents is raised from 52 to unlimited",
    );
    assert_change(
        |draft| draft.set_quota("agents", Quota::Limit(51)).unwrap(),
        Loss,
        "quota agents is lowered from 52 to 51",
    );
    assert_change(
        |draft| draft.remove_feature("hooks").unwrap(),
        Loss,
        "feature hooks is removed",
    );
    assert_change(
        |draft| draft.check_in = CheckIn::from_hours(48, 168),
        Gain,
        "it must check in every 48 hours instead of every 24",
    );
    assert_change(
        |draft| draft.check_in = CheckIn::from_hours(24, 96),
        Loss,
        "without a check-in it stays valid for 96 hours instead of 168",
    );
    assert_change(|draft| draft.trial = true, Loss, "it is now a trial");
    assert_change(
        |draft| draft.usage_type = Some(UsageType::Runtime),
        Loss,
        "use as builder is no longer permitted",
    );
    assert_change(
        |draft| draft.users = vec!["ann".into(), "bob".into()],
        Loss,
        "only these users may use it: ann, bob",
    );
}

#[test]
fn each_added_and_removed_user_and_machine_is_a_change() {
    let named = |users: &[&str], machines: &[&str]| {
        let mut draft = draft();
        draft.users = users.iter().map(|&user| user.into()).collect();
        draft.machines = machines
            .iter()
            .map(|machine| machine.parse().unwrap())
            .collect();
        draft.read_back().unwrap()
    };
    let (before, after) = (
        named(&["ann", "bob"], &["m1"]),
        named(&["cyd", "bob"], &["m1", "m2"]),
    );
    let difference = Difference::from_claims(&before, &after, FeatureMatrix::built_in());
    let found: Vec<_> = difference.changes().iter().map(Change::to_string).collect();
    assert_eq!(
        found,
        [
            "user ann is removed",
            "user cyd is added",
            "machine m2 is added"
        ]
    );
}

#[test]
fn the_feature_matrix_defines_the_order_of_tiers() {
    let effect = |tier: &'static str| {
        let difference = changed(|draft| draft.tier = Tier::parse(tier).unwrap());
        difference.changes().first().map(Change::effect)
    };
    assert_eq!(effect("TEAM"), Some(Effect::Gain));
    assert_eq!(effect("FREE"), Some(Effect::Loss));
    assert_eq!(effect("GOLD"), Some(Effect::Other));
}

#[test]
fn the_labels_of_the_product_name_what_changed() {
    let mut labels = serde_json::to_value(FeatureMatrix::built_in()).unwrap();
    labels["tiers"][1]["label"] = "Professional".into();
    labels["features"]["cloud_sync"]["label"] = "Synchronization".into();
    labels["quotas"]["agents"]["label"] = "Agents".into();
    let mut other = labels.clone();
    other["product"] = "WIDGET".into();
    let mut after = draft();
    after.tier = Tier::parse("TEAM").unwrap();
    after.remove_feature("cloud_sync").unwrap();
    after.set_quota("agents", Quota::Limit(60)).unwrap();
    let (before, after) = (draft().read_back().unwrap(), after.read_back().unwrap());
    let texts = |matrix: &serde_json::Value| {
        let matrix: FeatureMatrix = serde_json::from_value(matrix.clone()).unwrap();
        let difference = Difference::from_claims(&before, &after, &matrix);
        let changes = difference.changes().iter();
        let texts: Vec<_> = changes.clone().map(ToString::to_string).collect();
        let names = changes.filter_map(|change| Some((change.name()?, change.label()?)));
        let names = names.map(|(name, label)| format!("{name}={label}"));
        (texts, names.collect::<Vec<_>>())
    };
    let (sentences, names) = texts(&labels);
    assert_eq!(
        sentences,
        [
            "the tier is TEAM instead of Professional",
            "feature Synchronization is removed",
            "quota Agents is raised from 52 to 60",
        ]
    );
    assert_eq!(names, ["cloud_sync=Synchronization", "agents=Agents"]);
    // The labels of another product do not apply.
    let (sentences, names) = texts(&other);
    assert_eq!(sentences[0], "the tier is TEAM instead of PRO");
    assert_eq!(names, ["cloud_sync=cloud_sync", "agents=agents"]);
}

#[test]
fn succession_depends_on_ids_products_and_customers() {
    let succession = |change: Edit| changed(change).succession();
    assert_eq!(succession(|draft| draft.id = id(2)), Succession::SideBySide);
    let replaces = |draft: &mut LicenseDraft| {
        draft.supersedes = vec![draft.id.clone()];
        draft.id = id(2);
    };
    assert_eq!(succession(replaces), Succession::Replaces);
    let other_product = |draft: &mut LicenseDraft| {
        draft.supersedes = vec![draft.id.clone()];
        draft.id = id(2);
        draft.product = ProductCode::parse("WIDGET").unwrap();
    };
    assert_eq!(succession(other_product), Succession::Unrelated);
    let other_customer = |draft: &mut LicenseDraft| {
        draft.id = id(2);
        draft.customer = "Ann".into();
    };
    assert_eq!(succession(other_customer), Succession::Unrelated);
    let mut newer = draft();
    replaces(&mut newer);
    let (older, newer) = (draft().read_back().unwrap(), newer.read_back().unwrap());
    let back = Difference::from_claims(&newer, &older, FeatureMatrix::built_in());
    assert_eq!(back.succession(), Succession::ReplacedBy);
}

#[test]
fn a_later_start_is_a_loss_unless_the_license_continues_until_then() {
    let renewed = |start: &str, supersedes: &[LicenseId]| {
        let difference = changed(|draft| {
            draft.id = id(2);
            draft.supersedes = supersedes.to_vec();
            draft.not_before = Some(at(start));
            draft.expires_at = Some(at("2029-01-01"));
        });
        let mut changes = difference.changes().iter();
        changes
            .find(|change| change.what() == "not_before")
            .unwrap()
            .effect()
    };
    assert_eq!(renewed("2028-01-01", &[id(1)]), Effect::Other);
    assert_eq!(renewed("2027-06-01", &[id(1)]), Effect::Other);
    assert_eq!(renewed("2028-01-02", &[id(1)]), Effect::Loss);
    assert_eq!(renewed("2028-01-01", &[]), Effect::Loss);
}
