//! A file of several licenses: which of them decides, and what may stand in it.
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod support;

use license_core::issue::LicenseDraft;
use license_core::{Bundle, BundleError, Code, Context, Matrix, Status, Timestamp, Unverified};
use proptest::prelude::*;
use support::{DAY, STRANGER, TRUST, VENDOR, at, draft, id, issued, mint, statement, timeless};

fn armor(drafts: &[LicenseDraft]) -> String {
    let file = |draft: &LicenseDraft| {
        let token = draft.sign(&*VENDOR).unwrap();
        Unverified::parse(&token).unwrap().to_armor()
    };
    drafts.iter().map(file).collect()
}

fn bundle(drafts: &[LicenseDraft]) -> Bundle {
    Bundle::verify(&armor(drafts), &TRUST, Matrix::built_in()).unwrap()
}

fn until(tier: &str, number: u64, end: Timestamp) -> LicenseDraft {
    let mut draft = draft(tier, id(number));
    draft.check_in = None;
    draft.expires_at = Some(end);
    draft
}

fn tier_at(bundle: &Bundle, now: Timestamp) -> String {
    let decision = bundle.evaluate(Matrix::built_in(), &Context::at(now));
    decision.entitlements().tier().to_string()
}

#[test]
fn the_highest_tier_that_holds_decides_even_in_grace() {
    let free = timeless("FREE", id(1));
    let pro = until("PRO", 2, at("2027-06-01"));
    for drafts in [[free.clone(), pro.clone()], [pro, free]] {
        let bundle = bundle(&drafts);
        assert_eq!(tier_at(&bundle, at("2027-05-31")), "PRO");
        assert_eq!(tier_at(&bundle, at("2027-06-02")), "PRO", "in grace");
        assert_eq!(tier_at(&bundle, at("2027-06-04")), "FREE");
    }
}

#[test]
fn a_tier_that_the_vendor_has_lowered_counts_as_lowered() {
    let team = mint(&timeless("TEAM", id(1)));
    let free = support::entitlements("FREE", &["local_execution"], &[]);
    let mut lowered = statement(&team, Status::Active, at("2027-02-01"));
    lowered.entitlements = &free;
    let lowered = [support::validated(&lowered, &VENDOR, &team).unwrap()];
    let bundle = bundle(&[timeless("TEAM", id(1)), timeless("PRO", id(2))]);
    let context = Context::at(at("2027-03-01")).validations(&lowered);
    let decision = bundle.evaluate(Matrix::built_in(), &context);
    assert_eq!(decision.entitlements().tier().as_str(), "PRO");
}

#[test]
fn of_two_licenses_of_a_tier_the_one_that_holds_longer_decides() {
    let drafts = [
        until("PRO", 1, at("2027-06-01")),
        until("PRO", 2, at("2028-06-01")),
    ];
    let decision = bundle(&drafts).evaluate(Matrix::built_in(), &Context::at(at("2027-05-30")));
    assert_eq!(decision.license().unwrap().id(), &id(2));
    assert_eq!(decision.warnings(), []);
}

#[test]
fn an_early_renewal_starts_when_it_should_and_leaves_no_gap() {
    let old = until("PRO", 1, at("2027-06-01"));
    let mut new = until("PRO", 2, at("2028-06-01"));
    new.not_before = Some(at("2027-06-01"));
    new.supersedes = vec![id(1)];
    let bundle = bundle(&[old, new]);
    let on = |date| bundle.evaluate(Matrix::built_in(), &Context::at(at(date)));
    let before = on("2027-05-31");
    assert_eq!(
        (before.code(), before.license().unwrap().id()),
        (Code::Valid, &id(1))
    );
    let after = on("2027-06-01");
    assert_eq!(
        (after.code(), after.license().unwrap().id()),
        (Code::Valid, &id(2))
    );
}

#[test]
fn what_the_caller_brings_counts_beside_what_is_in_the_file() {
    let license = mint(&timeless("PRO", id(1)));
    let revoked = statement(&license, Status::Revoked, at("2027-02-01"));
    let revoked = [support::validated(&revoked, &VENDOR, &license).unwrap()];
    let bundle = bundle(&[timeless("PRO", id(1))]);
    let context = Context::at(at("2027-03-01")).validations(&revoked);
    assert_eq!(
        bundle.evaluate(Matrix::built_in(), &context).code(),
        Code::Revoked
    );
    let newer = {
        let mut draft = timeless("PRO", id(2));
        draft.supersedes = vec![id(1)];
        [mint(&draft)]
    };
    let context = Context::at(at("2027-03-01")).installed(&newer);
    assert_eq!(
        bundle.evaluate(Matrix::built_in(), &context).code(),
        Code::Superseded
    );
}

#[test]
fn a_file_is_taken_whole_or_not_at_all_and_the_error_names_the_block() {
    let good = armor(&[timeless("PRO", id(1))]);
    let foreign = timeless("PRO", id(2)).sign(&*STRANGER).unwrap();
    let foreign = Unverified::parse(&foreign).unwrap().to_armor();
    let error = Bundle::verify(&format!("{good}\n{foreign}"), &TRUST, Matrix::built_in());
    let error = error.unwrap_err();
    let line = good.lines().count() + 2;
    assert!(
        matches!(error, BundleError::Block { line: found, .. } if found == line),
        "{error}"
    );
    assert_eq!(error.code(), Code::UntrustedKey);
}

#[test]
fn a_statement_needs_its_license_beside_it() {
    let (one, other) = (mint(&timeless("PRO", id(1))), timeless("PRO", id(2)));
    let said = statement(&one, Status::Active, at("2027-02-01"))
        .sign(&*VENDOR)
        .unwrap();
    let said = Unverified::parse(&said).unwrap().to_armor();
    let alone = Bundle::verify(&said, &TRUST, Matrix::built_in()).unwrap_err();
    assert!(matches!(alone, BundleError::NoLicense), "{alone}");
    let beside_another = format!("{}{said}", armor(&[other]));
    let error = Bundle::verify(&beside_another, &TRUST, Matrix::built_in()).unwrap_err();
    assert!(error.to_string().contains("another license"), "{error}");
}

/// The largest token is still a token when it is wrapped.
#[test]
fn what_can_be_minted_can_be_read_from_its_armor() {
    let with_features = |count: usize| {
        let mut draft = timeless("PRO", id(1));
        for number in 0..count {
            draft.add_feature(&format!("feature_{number:050}")).unwrap();
        }
        draft
    };
    let (mut fits, mut too_many) = (0, 2000);
    while too_many - fits > 1 {
        let middle = (fits + too_many) / 2;
        match with_features(middle).sign(&*VENDOR) {
            Ok(_) => fits = middle,
            Err(_) => too_many = middle,
        }
    }
    assert!(fits > 500);
    let largest = armor(&[with_features(fits)]);
    for file in [largest.clone(), largest.replace('\n', "\r\n")] {
        assert!(Bundle::verify(&file, &TRUST, Matrix::built_in()).is_ok());
    }
}

/// Each of these took minutes where reading was quadratic in its blanks.
#[test]
fn hostile_blanks_are_refused_like_others() {
    let blanks = " ".repeat(60_000);
    let armored = format!("-----BEGIN LICENSE-----\nA{blanks}B\n-----END LICENSE-----");
    let lines = format!(
        "-----BEGIN LICENSE-----\n{}-----END LICENSE-----",
        "A\n \n".repeat(60_000)
    );
    for text in [format!("e{blanks}.B.C"), armored, lines] {
        assert!(Bundle::verify(&text, &TRUST, Matrix::built_in()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Terms run out one after the other; what is allowed only ever shrinks.
    #[test]
    fn what_a_file_allows_never_grows_by_the_passing_of_time(
        terms in prop::collection::vec((0_usize..4, prop::option::of(1_u64..40), any::<bool>()), 1..4),
        mut days in prop::collection::vec(0_u64..60, 2..8),
    ) {
        let names = ["FREE", "PRO", "TEAM", "ENT"];
        let drafts: Vec<_> = (1..).zip(&terms).map(|(number, (tier, end, checked))| {
            let mut draft = draft(names[*tier], id(number));
            draft.expires_at = end.map(|days| issued().plus(days * DAY));
            if !checked {
                draft.check_in = None;
            }
            draft
        }).collect();
        let bundle = bundle(&drafts);
        days.sort_unstable();
        let matrix = Matrix::built_in();
        let ranks = days.iter().map(|days| {
            let decision = bundle.evaluate(matrix, &Context::at(issued().plus(days * DAY)));
            let tier = decision.entitlements().tier();
            matrix.tiers().iter().position(|terms| terms.name() == tier)
        });
        let ranks: Vec<_> = ranks.collect();
        prop_assert!(ranks.is_sorted_by(|earlier, later| earlier >= later), "{ranks:?}");
    }
}
