//! `license verify`: the forms of a license, and the decision on each.

use super::*;

#[test]
fn a_license_verifies_as_a_file_an_argument_or_standard_input() {
    let machine = machine();
    machine.write("token", TEAM.token());
    for argument in ["team.lic", "token", &TEAM.token()] {
        let decision = expect_valid(verify(&machine, &["--json", argument]));
        assert_eq!(
            (&decision["tier"], &decision["license_id"]),
            (&json!("TEAM"), &TEAM.report["license_id"])
        );
    }
    for argument in ["enterprise.key", &ENTERPRISE_KEY] {
        let decision = expect_valid(verify(&machine, &["--json", argument]));
        assert_eq!(
            (&decision["tier"], &decision["quotas"]["users"]),
            (&json!("ENT"), &json!(100))
        );
    }
    for input in [&TEAM.file, &TEAM.token(), &*ENTERPRISE_KEY] {
        let verify = ["verify", "--json", "--trust", "trust.jwks", "--at", AT, "-"];
        expect_valid(
            Run::license(&machine)
                .args(verify)
                .stdin(input.as_str())
                .run(),
        );
    }
}

#[test]
fn json_has_the_documented_members() {
    let machine = machine();
    let decision = verify(&machine, &["--json", "pro.lic"]).json();
    let members: Vec<_> = decision.as_object().unwrap().keys().collect();
    let documented = [
        "decision",
        "code",
        "tier",
        "effective_tier",
        "features",
        "quotas",
        "license_id",
        "customer",
        "product",
        "issued_at",
        "expires_at",
        "holds_until",
        "check_in",
        "evaluated_at",
        "warnings",
        "evidence",
        "revocation_lists",
        "trust_statements",
        "license",
    ];
    assert_eq!(members, documented);
    let texts = [
        "decision",
        "customer",
        "product",
        "issued_at",
        "expires_at",
        "evaluated_at",
    ];
    let expected = [
        "licensed",
        "ACME Ltd",
        "CODITECT",
        "2020-01-01T00:00:00Z",
        "2021-01-01T00:00:00Z",
        AT,
    ];
    assert_eq!(
        texts.map(|member| decision[member].as_str().unwrap()),
        expected
    );
    assert_eq!(decision["features"], PRO.claims()["features"]);
    assert_eq!(decision["quotas"], PRO.claims()["quotas"]);
    assert_eq!(decision["warnings"], json!([]));
    assert!(decision["evidence"].is_object());
    let perpetual = verify(&machine, &["--json", "ent.lic"]).json();
    assert_eq!(perpetual["expires_at"], Value::Null);
}

#[test]
fn a_warning_has_a_code_and_a_message() {
    let machine = machine();
    let soon = words("verify --json --trust trust.jwks --at 2020-12-25 team.lic");
    let decision = expect_valid(license(&machine, &soon));
    assert_eq!(decision["warnings"][0]["code"], "EXPIRES_SOON");
    assert!(
        decision["warnings"][0]["message"]
            .as_str()
            .unwrap()
            .contains("7 days")
    );
}

#[test]
fn a_denial_is_a_decision_and_not_an_error() {
    let machine = machine();
    let expired = ["verify", "--trust", "trust.jwks", "--at", LATER, "team.lic"];
    let output = license(&machine, &expired).expect_code(1);
    assert!(
        output.stdout.starts_with("denied: EXPIRED\n"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("2021-01-01T00:00:00Z"),
        "{}",
        output.stdout
    );
    assert_eq!(output.stderr, "hint: ask the vendor for a renewal\n");
    let early = [
        "verify",
        "--json",
        "--trust",
        "trust.jwks",
        "--at",
        AT,
        "later.lic",
    ];
    machine.write(
        "later.lic",
        issue_license(&["--tier", "pro", "--perpetual", "--not-before", "2020-06-01"]).file,
    );
    assert_eq!(
        license(&machine, &early).expect_code(1).json()["code"],
        "NOT_YET_VALID"
    );
}

#[test]
fn a_license_id_can_come_from_another_system() {
    let machine = Vendor::of_fixtures().customer_machine();
    let vector =
        license_tests::programs::workspace().join("fixtures/vectors/tokens/ok-jti-version-4");
    let vector = std::fs::read_to_string(vector).unwrap();
    machine.write("other.lic", vector.split_once("\n\n").unwrap().1);
    let args = words("verify --trust trust.jwks --at 2027-01-15 --json other.lic");
    let decision = expect_valid(license(&machine, &args));
    assert_eq!(
        decision["license_id"],
        "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    );
}

#[test]
fn explain_names_the_machine_of_the_license_and_both_limits_on_versions() {
    let machine = machine();
    let here = digest_of(HERE);
    let terms =
        "--tier pro --perpetual --offline --max-version <3.0.0 --maintenance-until 2020-06-30";
    let terms = [&words(terms)[..], &["--machine", &here]].concat();
    machine.write("bound.lic", issue_license(&terms).file);
    let args = words("explain --trust trust.jwks --license bound.lic --app-version 2.9.1");
    let explained = on(HERE, &machine, &args).expect_code(0).stdout;
    for line in [
        &*format!("expected  the machine in the license, {here}"),
        "expected  a version that matches <3.0.0, and a build date up to 2020-06-30T23:59:59Z",
        "actual    version 2.9.1, build date none",
    ] {
        assert!(explained.contains(line), "{line}: {explained}");
    }
}

#[test]
fn user_usage_type_version_and_build_date_are_checked() {
    let machine = machine();
    let terms = words(
        "--user alice --usage-type builder --max-version <3.0.0 --maintenance-until 2020-06-30",
    );
    machine.write(
        "bound.lic",
        issue_license(&[&["--tier", "pro", "--perpetual"], &terms[..]].concat()).file,
    );
    let matching =
        words("--user alice --usage-type builder --app-version 2.9.1 --build-date 2020-06-30");
    let code = |changes: &[[&str; 2]]| {
        let mut context = matching.clone();
        for [flag, value] in changes {
            let at = context.iter().position(|word| word == flag).unwrap();
            context[at + 1] = value;
        }
        let outcome = verify(&machine, &[&["--json", "bound.lic"], &context[..]].concat());
        (
            outcome.code.unwrap(),
            outcome.json()["code"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(code(&[]), (0, "VALID".to_owned()));
    assert_eq!(code(&[["--user", "bob"]]), (1, "USER_MISMATCH".to_owned()));
    assert_eq!(
        code(&[["--usage-type", "runtime"]]),
        (1, "USAGE_MISMATCH".to_owned())
    );
    assert_eq!(
        code(&[["--app-version", "3.0.0"]]),
        (1, "VERSION_NOT_COVERED".to_owned())
    );
    assert_eq!(
        code(&[["--build-date", "2020-07-01"]]),
        (1, "VERSION_NOT_COVERED".to_owned())
    );
    let without_context = verify(&machine, &["--json", "bound.lic"])
        .expect_code(1)
        .json();
    assert_eq!(
        without_context["code"], "USER_MISMATCH",
        "missing context does not match"
    );
}

#[test]
fn a_standard_key_requires_its_license_file() {
    let machine = machine();
    assert_eq!(
        verify(&machine, &["--json", PRO.key()]).expect_json_failure(3),
        "NEEDS_LICENSE_FILE"
    );
    let error = verify(&machine, &[PRO.key()]).expect_failure(3);
    assert!(error.message.contains("PRO"), "{error:?}");
    assert!(error.hint.contains("--license"), "{error:?}");
    expect_valid(verify(
        &machine,
        &["--json", PRO.key(), "--license", "pro.lic"],
    ));
    let other = verify(&machine, &["--json", PRO.key(), "--license", "team.lic"]);
    assert_eq!(other.expect_json_failure(3), "NEEDS_LICENSE_FILE");
    let error = verify(&machine, &[PRO.key(), "--license", "team.lic"]).expect_failure(3);
    assert!(error.message.contains(TEAM.key()), "{error:?}");
}

#[test]
fn a_short_enterprise_key_requires_its_full_key_or_license_file() {
    let machine = machine();
    let inspect = license(&machine, &["inspect", "--json", "enterprise.key"]).json();
    let short = inspect["short_key"].as_str().unwrap();
    assert_eq!(
        verify(&machine, &["--json", short]).expect_json_failure(3),
        "NEEDS_LICENSE_FILE"
    );
    let decision = expect_valid(verify(
        &machine,
        &["--json", short, "--license", "enterprise.key"],
    ));
    assert_eq!(decision["license_id"], short);
    let ent_short = ENT.report["short_key"].as_str().unwrap();
    expect_valid(verify(
        &machine,
        &["--json", ent_short, "--license", "ent.lic"],
    ));
    verify(&machine, &[short, "--license", "ent.lic"]).expect_failure(3);
    verify(&machine, &[ent_short, "--license", "enterprise.key"]).expect_failure(3);
}

#[test]
fn the_best_of_several_licenses_in_a_file_decides() {
    let machine = machine();
    machine.write("both.lic", format!("{}{}", PRO.file, ENT.file));
    let at = |at| {
        license(
            &machine,
            &[
                "verify",
                "--json",
                "--trust",
                "trust.jwks",
                "--at",
                at,
                "both.lic",
            ],
        )
    };
    assert_eq!(expect_valid(at(AT))["tier"], "ENT");
    assert_eq!(expect_valid(at(LATER))["tier"], "ENT");
    machine.write("both.lic", format!("{}{}", PRO.file, PRO.file));
    assert_eq!(expect_valid(at(AT))["tier"], "PRO");
}
