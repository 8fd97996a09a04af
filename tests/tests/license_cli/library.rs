//! `license` prints the JSON objects of the library.

use std::fs;

use license_core::{Context, FeatureMatrix, TrustSet, Unverified, VerifiedLicenses, time};
use license_tests::programs;

use super::*;

/// An input, and dates at which the decisions differ.
struct Case {
    text: String,
    dates: &'static [&'static str],
}

fn fixture(path: &str) -> String {
    fs::read_to_string(programs::workspace().join("fixtures").join(path)).unwrap()
}

fn cases() -> Vec<Case> {
    let token = |name: &str| fixture(&format!("tokens/{name}"));
    let armor = |name: &str| Unverified::parse(&token(name)).unwrap().to_armor();
    let case = |text, dates| Case { text, dates };
    vec![
        // Valid, before the issue date, at the end, in the grace period, and expired.
        case(
            fixture("files/valid-pro.lic"),
            &[
                "2027-01-15",
                "2026-06-01",
                "2027-12-29",
                "2028-01-02",
                "2028-06-01",
            ],
        ),
        case(
            fixture("files/license-and-validation.lic"),
            &["2027-01-20", "2028-01-02"],
        ),
        // Valid, with a check-in that is due, and with a check-in that is overdue.
        case(
            token("valid-team.jwt"),
            &["2027-01-01T09:00:00Z", "2027-01-03", "2027-06-01"],
        ),
        case(token("valid-trial.jwt"), &["2027-01-03", "2028-01-01"]),
        case(token("valid-ent.jwt"), &["2027-12-15"]),
        case(token("enterprise-key.txt"), &["2026-06-01"]),
        // Revoked, by a list that is current or outdated.
        case(
            armor("valid-pro.jwt") + &armor("valid-revocations.jwt"),
            &["2027-01-09", "2027-06-01"],
        ),
        // Superseded.
        case(
            armor("valid-pro.jwt") + &armor("renewal.jwt"),
            &["2027-01-15"],
        ),
    ]
}

/// Runs `license` on the input of a case and returns the JSON object.
fn printed(machine: &Scratch, command: &[&str], at: &str) -> Value {
    let options = ["--json", "--trust", "vendor.jwks", "--at", at];
    let output = license(machine, &[command, &options].concat());
    serde_json::from_str(&output.stdout).unwrap()
}

/// Calls `check` for each date of each case. The machine contains the input as `input.lic`.
fn for_each_case(mut check: impl FnMut(&Scratch, &VerifiedLicenses, &str)) {
    let jwks = fixture("trust/vendor.jwks");
    let trust = TrustSet::parse(&jwks).unwrap();
    for case in cases() {
        let machine = Scratch::new();
        machine.write("vendor.jwks", &jwks);
        machine.write("input.lic", &case.text);
        let matrix = FeatureMatrix::built_in();
        let verified = VerifiedLicenses::verify(&case.text, &trust, matrix).unwrap();
        for at in case.dates {
            check(&machine, &verified, at);
        }
    }
}

fn context(at: &str) -> Context<'static> {
    Context::at(time::parse_instant(at).unwrap())
}

#[test]
fn verify_prints_the_decision_of_the_library() {
    let mut codes = Vec::new();
    for_each_case(|machine, verified, at| {
        let decision = verified.evaluate(FeatureMatrix::built_in(), &context(at));
        let mut printed = printed(machine, &["verify", "input.lic"], at);
        let members = printed.as_object_mut().unwrap();
        for added in ["revocation_lists", "trust_statements"] {
            assert!(members.remove(added).unwrap().is_array(), "{added}");
        }
        assert!(members.remove("license").unwrap().is_object(), "{at}");
        assert_eq!(printed, serde_json::to_value(&decision).unwrap(), "{at}");
        codes.push(decision.code());
    });
    codes.sort_by_key(|code| code.as_str());
    codes.dedup();
    assert!(
        codes.len() >= 6,
        "expected at least 6 different codes, found {codes:?}"
    );
}

#[test]
fn verify_prints_the_revocation_lists_of_the_library() {
    for_each_case(|machine, verified, at| {
        let printed = printed(machine, &["verify", "input.lic"], at);
        assert_eq!(printed["revocation_lists"], json!(verified.revocations()));
    });
}

#[test]
fn explain_prints_the_rules_of_the_library() {
    for_each_case(|machine, verified, at| {
        let rules = verified.explain(FeatureMatrix::built_in(), &context(at));
        let printed = printed(machine, &["explain", "--license", "input.lic"], at);
        assert_eq!(printed["rules"], json!(rules), "{at}");
    });
}

#[test]
fn check_and_features_print_the_feature_decisions_of_the_library() {
    let matrix = FeatureMatrix::built_in();
    for_each_case(|machine, verified, at| {
        let decision = verified.evaluate(matrix, &context(at));
        for feature in ["local_execution", "cloud_sync", "sso", "cloud-sync"] {
            let answer = json!(decision.feature(feature, matrix));
            let check = ["check", feature, "--license", "input.lic"];
            let printed = printed(machine, &check, at);
            let members = ["granted", "feature_code", "feature_evidence"];
            let printed = members.map(|member| &printed[member]);
            let expected = ["granted", "code", "evidence"].map(|member| &answer[member]);
            assert_eq!(printed, expected, "{feature} {at}");
        }
        let printed = printed(machine, &["features", "--license", "input.lic"], at);
        for row in printed["matrix"].as_array().unwrap() {
            let mut row = row.as_object().unwrap().clone();
            let feature = row.remove("feature").unwrap();
            assert!(row.remove("tiers").unwrap().is_array());
            let answer = decision.feature(feature.as_str().unwrap(), matrix);
            assert_eq!(Value::Object(row), json!(answer), "{feature} {at}");
        }
    });
}
