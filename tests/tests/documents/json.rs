//! The JSON objects of the libraries have the members that `docs/codes.md` documents.

use std::collections::BTreeSet;
use std::fs;

use license_core::license::{RevocationList, Rotation};
use license_core::{
    Context, Decision, FeatureMatrix, TrustSet, Unverified, VerifiedLicenses, time,
};
use license_tests::programs;
use serde_json::{Value, json};

use super::document;

const HEADER: &str = "| member | type | meaning |";
const FACTS_HEADER: &str = "| code | member | type | meaning |";

/// Returns the rows of the table with the given header in a section. A row is a list of cells.
fn rows(section: &str, header: &str) -> Vec<Vec<String>> {
    let text = document("docs/codes.md");
    let heading = format!("\n### {section}\n");
    let (_, section) = text.split_once(&heading).unwrap();
    let section = section.split("\n#").next().unwrap();
    let (_, table) = section.split_once(&format!("{header}\n")).unwrap();
    let rows = table
        .lines()
        .take_while(|line| line.starts_with('|'))
        .skip(1);
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(trim).collect();
    rows.map(cells).collect()
}

fn trim(cell: &str) -> String {
    cell.trim().to_owned()
}

/// Returns the names in a cell, such as `` `issued_at`, `expires_at` ``.
fn names(cell: &str) -> impl Iterator<Item = String> {
    cell.split(", ")
        .map(|name| name.trim_matches('`').to_owned())
}

/// Returns the members that a section documents, in the order of the document.
fn documented(section: &str) -> Vec<String> {
    let rows = rows(section, HEADER);
    rows.iter().flat_map(|cells| names(&cells[0])).collect()
}

fn members(object: &Value) -> Vec<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn fixture(path: &str) -> String {
    let path = programs::workspace().join("fixtures").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn trust() -> TrustSet {
    TrustSet::parse(&fixture("trust/vendor.jwks")).unwrap()
}

fn revocations() -> RevocationList {
    let token = fixture("tokens/valid-revocations.jwt");
    let token = Unverified::parse(&token).unwrap();
    token.verify_revocations(&trust()).unwrap()
}

/// Evaluates the licenses of a fixture at a date, with revocation lists.
fn decide(path: &str, at: &str, lists: &[RevocationList]) -> Decision {
    let matrix = FeatureMatrix::built_in();
    let verified = VerifiedLicenses::verify(&fixture(path), &trust(), matrix).unwrap();
    let context = Context::at(time::parse_instant(at).unwrap()).revocations(lists);
    verified.evaluate(matrix, &context)
}

#[test]
fn decisions_have_the_documented_members_in_the_documented_order() {
    let expected = documented("Decision");
    for (path, at) in [
        ("tokens/valid-pro.jwt", "2027-01-15"),
        ("tokens/valid-team.jwt", "2027-01-03"),
        ("tokens/valid-trial.jwt", "2028-01-01"),
        ("tokens/enterprise-key.txt", "2027-01-15"),
    ] {
        assert_eq!(members(&json!(decide(path, at, &[]))), expected, "{path}");
    }
    let matrix = FeatureMatrix::built_in();
    let context = Context::at(time::parse_instant("2027-01-15").unwrap());
    assert_eq!(
        members(&json!(Decision::without_license(matrix, &context))),
        expected
    );
}

#[test]
fn the_check_in_of_a_decision_has_the_documented_members() {
    let decision = decide("tokens/valid-team.jwt", "2027-01-03", &[]);
    let found: BTreeSet<_> = members(&json!(decision.check_in())).into_iter().collect();
    let expected: BTreeSet<_> = documented("Check-in").into_iter().collect();
    assert_eq!(found, expected);
}

#[test]
fn warnings_have_the_documented_members() {
    let facts = rows("Warning", FACTS_HEADER);
    let codes: BTreeSet<_> = facts.iter().flat_map(|cells| names(&cells[0])).collect();
    let list = [revocations()];
    let decisions = [
        decide("tokens/valid-team.jwt", "2027-01-03", &[]),
        decide("tokens/valid-team.jwt", "2026-01-01", &[]),
        decide("tokens/valid-pro.jwt", "2027-12-29", &[]),
        decide("tokens/valid-pro.jwt", "2028-01-02", &[]),
        decide("tokens/valid-pro.jwt", "2027-12-29", &list),
        decide("tokens/valid-trial.jwt", "2027-01-03", &[]),
    ];
    let mut seen = BTreeSet::new();
    for warning in decisions.iter().flat_map(Decision::warnings) {
        let code = warning.code().as_str();
        let facts = facts
            .iter()
            .filter(|cells| names(&cells[0]).any(|name| name == code));
        let mut expected = documented("Warning");
        expected.extend(facts.flat_map(|cells| names(&cells[1])));
        assert_eq!(members(&json!(warning)), expected, "{code}");
        assert_eq!(json!(warning)["code"], code);
        assert_eq!(json!(warning)["message"], warning.to_string());
        seen.insert(code.to_owned());
    }
    assert_eq!(seen, codes);
}

#[test]
fn features_and_rules_have_the_documented_members() {
    let matrix = FeatureMatrix::built_in();
    let decision = decide("tokens/valid-pro.jwt", "2027-01-15", &[]);
    for name in ["cloud_sync", "sso", "no_such_feature"] {
        let mut expected = documented("Feature");
        expected.retain(|member| !["feature", "tiers"].contains(&member.as_str()));
        assert_eq!(
            members(&json!(decision.feature(name, matrix))),
            expected,
            "{name}"
        );
    }
    let license = decision.license().unwrap();
    let context = Context::at(decision.evaluated_at());
    for result in license.explain(matrix, &context) {
        assert_eq!(
            members(&json!(result)),
            documented("Rule"),
            "{}",
            result.rule
        );
    }
}

#[test]
fn artifacts_have_the_documented_members() {
    assert_eq!(
        members(&json!(revocations())),
        documented("Revocation list")
    );
    let mut rotation = Rotation::new(trust());
    let statement = fixture("tokens/valid-trust-statement.jwt");
    let _ = rotation
        .apply(&Unverified::parse(&statement).unwrap())
        .unwrap();
    for statement in rotation.statements() {
        assert_eq!(members(&json!(statement)), documented("Trust statement"));
    }
    assert!(!rotation.statements().is_empty());

    let [activation, repair] = ["ok", "ok-clock-repair"].map(|name| {
        let vector = fixture(&format!("vectors/answers/{name}"));
        vector.lines().last().unwrap().to_owned()
    });
    let activation = Unverified::parse(&activation).unwrap();
    let activation = activation.verify_activation(&trust()).unwrap();
    let repair = Unverified::parse(&repair).unwrap();
    let repair = repair.verify_clock_repair(&trust()).unwrap();
    let mut answer = documented("Answer");
    assert_eq!(members(&json!(activation)), answer);
    answer.retain(|member| member != "license_id");
    assert_eq!(members(&json!(repair)), answer);
}
