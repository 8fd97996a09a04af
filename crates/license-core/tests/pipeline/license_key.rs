//! License keys that identify licenses, and enterprise keys.

use license_core::ids::Company;
use license_core::issue::{LicenseDraft, SigningKey, sign_enterprise_key};
use license_core::key::{EnterpriseKey, EnterpriseTerms, KeyExpiry, ShortEnterpriseKey};
use license_core::policy::Quota;
use license_core::{Code, Context, License, LicenseKey, time};

use crate::support::{HOUR, TRUST, VENDOR, at, id, issue, perpetual};
use crate::{code_at, evaluate, license, matrix, seats};

/// Returns whether the key identifies the license.
fn is_identified_by(license: &License, key: impl ToString) -> bool {
    license.is_identified_by(&LicenseKey::parse(&key.to_string()).unwrap(), matrix())
}

#[test]
fn a_standard_key_identifies_only_its_license() {
    let pro = license(|_| {});
    let key = pro.standard_key().unwrap();
    assert_eq!(key, perpetual("PRO", id(1)).standard_key());
    assert!(is_identified_by(&pro, key));
    let changes: [fn(&mut LicenseDraft); 3] = [
        |draft| draft.id = id(2),
        |draft| draft.customer = "customer-2".to_owned(),
        |draft| draft.expires_at = Some(at("2030-01-01")),
    ];
    for change in changes {
        assert!(!is_identified_by(&license(change), key));
    }
    assert!(!is_identified_by(&issue(&perpetual("TEAM", id(1))), key));
}

fn company_license(set: impl FnOnce(&mut LicenseDraft)) -> License {
    let mut draft = perpetual("ENT", id(1));
    draft.company = Some(Company::parse("ACME").unwrap());
    draft.expires_at = Some(at("2028-01-01"));
    draft.set_seats(seats(100), matrix()).unwrap();
    set(&mut draft);
    issue(&draft)
}

#[test]
fn a_short_enterprise_key_identifies_only_its_license_file() {
    let license = company_license(|_| {});
    let key = license.short_enterprise_key(matrix()).unwrap();
    assert!(
        key.to_string()
            .starts_with("CODITECT-ENT-ACME-100-20271231-"),
        "{key}"
    );
    assert!(is_identified_by(&license, key));
    assert!(
        is_identified_by(&license, license.standard_key().unwrap()),
        "the license also has a standard key"
    );
    assert!(!is_identified_by(
        &company_license(|draft| draft.id = id(2)),
        key
    ));
    let perpetual = company_license(|draft| draft.expires_at = None);
    let key = perpetual.short_enterprise_key(matrix()).unwrap();
    assert!(key.to_string().contains("-99991231-"), "{key}");
    assert!(is_identified_by(&perpetual, key));
}

#[test]
fn a_license_without_the_content_of_an_enterprise_key_has_no_short_key() {
    let none = |license: License| license.short_enterprise_key(matrix()).is_none();
    assert!(none(company_license(|draft| draft.company = None)));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2028-01-01T00:00:01Z"))
    )));
    assert!(none(company_license(
        |draft| draft.expires_at = Some(at("2027-12-31T23:59:59Z"))
    )));
    let mut without_seats = perpetual("ENT", id(1));
    without_seats.company = Some(Company::parse("ACME").unwrap());
    assert!(none(issue(&without_seats)));
    let mut team = perpetual("TEAM", id(1));
    team.company = Some(Company::parse("ACME").unwrap());
    team.set_seats(seats(100), matrix()).unwrap();
    assert!(none(issue(&team)));
}

pub(crate) fn enterprise(company: &str, key: &SigningKey) -> EnterpriseKey {
    let terms = EnterpriseTerms {
        product: matrix().product(),
        company: Company::parse(company).unwrap(),
        seats: seats(100),
        expiry: KeyExpiry::LastDay(time::parse_date("20271231").unwrap()),
    };
    sign_enterprise_key(terms, key).unwrap()
}

#[test]
fn both_forms_of_an_enterprise_key_identify_its_license() {
    let key = enterprise("ACME", &VENDOR);
    let license = key.verify(&TRUST, matrix()).unwrap();
    assert!(is_identified_by(&license, &key));
    assert!(is_identified_by(&license, key.short()));
    assert_eq!(license.standard_key(), None);
    assert_eq!(license.id().as_str(), key.short().to_string());
    let other = enterprise("OTHER", &VENDOR);
    assert!(!is_identified_by(&license, &other));
    assert!(!is_identified_by(&license, other.short()));
    assert!(!is_identified_by(
        &license,
        ShortEnterpriseKey::new(key.unverified_terms(), &[])
    ));
    assert!(
        !is_identified_by(&company_license(|_| {}), key.short()),
        "same terms, another signature"
    );
}

#[test]
fn an_enterprise_key_grants_its_tier_and_seats_without_a_check_in() {
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
        code_at(&license, at("2028-01-01") + HOUR * 168),
        Code::Expired
    );
    assert_eq!(
        code_at(&license, time::MIN),
        Code::Valid,
        "an enterprise key has no start"
    );
}
