//! Keys that name licenses, and the enterprise key, which is one.

use license_core::issue::{LicenseDraft, SigningKey, enterprise_key};
use license_core::{
    Code, Company, Context, Date, EnterpriseKey, EnterpriseTerms, KeyExpiry, License, LicenseKey,
    Quota, ShortEnterpriseKey, Timestamp,
};

use crate::support::{HOUR, TRUST, VENDOR, at, id, mint, timeless};
use crate::{code_at, evaluate, license, matrix, seats};

fn is_named(license: &License, key: impl ToString) -> bool {
    license.is_named_by(&LicenseKey::parse(&key.to_string()).unwrap(), matrix())
}

#[test]
fn a_standard_key_names_the_license_of_which_it_was_made() {
    let pro = license(|_| {});
    let key = pro.standard_key().unwrap();
    assert_eq!(key, timeless("PRO", id(1)).standard_key());
    assert!(is_named(&pro, key));
    let changes: [fn(&mut LicenseDraft); 3] = [
        |draft| draft.id = id(2),
        |draft| draft.customer = "customer-2".to_owned(),
        |draft| draft.expires_at = Some(at("2030-01-01")),
    ];
    for change in changes {
        assert!(!is_named(&license(change), key));
    }
    assert!(!is_named(&mint(&timeless("TEAM", id(1))), key));
}

fn company_license(set: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = timeless("ENT", id(1));
    draft.company = Some(Company::parse("ACME").unwrap());
    draft.expires_at = Some(at("2028-01-01"));
    draft.set_seats(seats(100), matrix()).unwrap();
    set(&mut draft);
    mint(&draft)
}

#[test]
fn a_short_enterprise_key_names_the_license_file_of_which_it_was_made() {
    let license = company_license(|_| {});
    let key = license.short_enterprise_key(matrix()).unwrap();
    assert!(
        key.to_string()
            .starts_with("CODITECT-ENT-ACME-100-20271231-"),
        "{key}"
    );
    assert!(is_named(&license, key));
    assert!(
        is_named(&license, license.standard_key().unwrap()),
        "it has a standard key too"
    );
    assert!(!is_named(&company_license(|draft| draft.id = id(2)), key));
    let perpetual = company_license(|draft| draft.expires_at = None);
    let key = perpetual.short_enterprise_key(matrix()).unwrap();
    assert!(key.to_string().contains("-99991231-"), "{key}");
    assert!(is_named(&perpetual, key));
}

#[test]
fn a_license_that_does_not_say_what_an_enterprise_key_says_has_none() {
    let none = |license: License| license.short_enterprise_key(matrix()).is_none();
    assert!(none(company_license(|draft| draft.company = None)));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2028-01-01T00:00:01Z"))
    )));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2027-12-31T23:59:59Z"))
    )));
    let mut without_seats = timeless("ENT", id(1));
    without_seats.company = Some(Company::parse("ACME").unwrap());
    assert!(none(mint(&without_seats)));
    let mut team = timeless("TEAM", id(1));
    team.company = Some(Company::parse("ACME").unwrap());
    team.set_seats(seats(100), matrix()).unwrap();
    assert!(none(mint(&team)));
}

pub(crate) fn enterprise(company: &str, key: &SigningKey) -> EnterpriseKey {
    let terms = EnterpriseTerms {
        product: matrix().product(),
        company: Company::parse(company).unwrap(),
        seats: seats(100),
        expiry: KeyExpiry::LastDay(Date::parse("20271231").unwrap()),
    };
    enterprise_key(terms, key).unwrap()
}

#[test]
fn an_enterprise_key_is_a_license_named_by_both_of_its_forms() {
    let key = enterprise("ACME", &VENDOR);
    let license = key.verify(&TRUST, matrix()).unwrap();
    assert!(is_named(&license, &key));
    assert!(is_named(&license, key.short()));
    assert_eq!(license.standard_key(), None);
    assert_eq!(license.id().as_str(), key.short().to_string());
    let other = enterprise("OTHER", &VENDOR);
    assert!(!is_named(&license, &other));
    assert!(!is_named(&license, other.short()));
    assert!(!is_named(
        &license,
        ShortEnterpriseKey::new(key.unverified_terms(), &[])
    ));
    assert!(
        !is_named(&company_license(|_| {}), key.short()),
        "same terms, another signature"
    );
}

#[test]
fn an_enterprise_key_stands_for_its_tier_and_seats_and_needs_no_check_in() {
    let license = enterprise("ACME", &VENDOR)
        .verify(&TRUST, matrix())
        .unwrap();
    let decision = evaluate(&license, &Context::at(at("2027-12-31T23:59:59Z")));
    assert_eq!(decision.code(), Code::Valid);
    assert!(decision.allows("sso") && decision.allows("air_gapped_deployment"));
    assert_eq!(decision.quota("users"), Some(Quota::Limit(100)));
    assert_eq!(license.check_in(), None);
    assert_eq!(code_at(&license, at("2028-01-01")), Code::GraceRenewal);
    assert_eq!(
        code_at(&license, at("2028-01-01").plus(168 * HOUR)),
        Code::Expired
    );
    assert_eq!(
        code_at(&license, Timestamp::MIN),
        Code::Valid,
        "it has no start"
    );
}
