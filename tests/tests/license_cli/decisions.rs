//! `license status`, `features`, `check` and `explain`.

use super::*;
use license_tests::programs;

#[test]
fn without_a_license_the_free_tier_is_in_effect() {
    let machine = machine();
    let status = license(&machine, &["status", "--json", "--at", AT])
        .expect_code(1)
        .json();
    assert_eq!(
        (&status["code"], &status["effective_tier"]),
        (&json!("NO_LICENSE"), &json!("FREE"))
    );
    for member in [
        "tier",
        "license_id",
        "customer",
        "product",
        "issued_at",
        "expires_at",
    ] {
        assert_eq!(status[member], Value::Null, "{member}");
    }
    assert_eq!(status["quotas"]["commands_per_day"], 10);
    let output = license(&machine, &["status"]).expect_code(1).stdout;
    assert!(
        output.contains("NO_LICENSE") && output.contains("FREE"),
        "{output}"
    );
    for (feature, exit) in [("local_execution", 0), ("cloud_sync", 1)] {
        let _ = license(&machine, &["check", feature]).expect_code(exit);
    }
    let _ = license(&machine, &["features"]).expect_code(1);
    let _ = license(&machine, &["explain"]).expect_code(1);
}

#[test]
fn without_a_license_the_output_explains_how_to_install_one() {
    let outcome = license(&machine(), &["status"]).expect_code(1);
    assert!(
        outcome.all_output().contains("license install"),
        "{}",
        outcome.all_output()
    );
}

#[test]
fn a_denied_feature_is_reported_with_the_tier_that_includes_it() {
    let machine = machine_with("pro.lic");
    let check = |feature: &str| license(&machine, &["check", "--at", AT, feature]);
    assert_eq!(
        check("cloud_sync").expect_code(0).stdout,
        "granted: cloud_sync (tier PRO)\n"
    );
    let denied = check("sso").expect_code(1).stdout;
    for word in ["denied: sso", "FEATURE_NOT_INCLUDED", "ENT", "PRO"] {
        assert!(denied.contains(word), "{denied}");
    }
}

#[test]
fn an_unknown_feature_is_denied_with_a_suggestion() {
    let machine = machine_with("pro.lic");
    let check = |feature: &str| license(&machine, &["check", "--at", AT, feature]).expect_code(1);
    for misspelled in ["cloud-sync", "Cloud_Sync", "CLOUD SYNC", "cloud"] {
        assert!(check(misspelled).stderr.contains("cloud_"), "{misspelled}");
    }
    let unknown = check("time_travel").stderr;
    assert!(
        unknown.contains("`license features` lists them"),
        "{unknown}"
    );
    for invalid in [String::new(), "x".repeat(65)] {
        license(&machine, &["check", "--at", AT, &invalid]).expect_failure(2);
    }
}

#[test]
fn a_feature_that_a_license_adds_is_granted_and_a_removed_feature_is_denied() {
    let machine = machine();
    let terms = words("--add-feature time_travel --remove-feature hooks --offline");
    machine.write(
        "own.lic",
        issue_license(&[&["--tier", "pro", "--perpetual"], &terms[..]].concat()).file,
    );
    let _ = license(&machine, &["install", "--trust", "trust.jwks", "own.lic"]).expect_code(0);
    let _ = license(&machine, &["check", "time_travel"]).expect_code(0);
    let _ = license(&machine, &["check", "hooks"]).expect_code(1);
    let features = license(&machine, &["features", "--json"])
        .expect_code(0)
        .json();
    let row = |name: &str| {
        let rows = features["matrix"].as_array().unwrap();
        rows.iter()
            .find(|row| row["feature"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&row("time_travel")["granted"], &row("time_travel")["tiers"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(row("hooks")["granted"], false);
}

#[test]
fn a_removed_feature_is_not_reported_as_part_of_the_tier() {
    let machine = machine();
    machine.write(
        "own.lic",
        issue_license(&words(
            "--tier pro --perpetual --offline --remove-feature hooks",
        ))
        .file,
    );
    let _ = license(&machine, &["install", "--trust", "trust.jwks", "own.lic"]).expect_code(0);
    let checked = license(&machine, &["check", "hooks"]).expect_code(1);
    let wrong = "expected tier PRO or higher, found tier PRO";
    assert!(!checked.stdout.contains(wrong), "{checked:?}");
    let hint = "hint: ask the vendor to add this feature to the license\n";
    assert!(checked.stderr.contains(hint), "{checked:?}");
    let features = license(&machine, &["features"]).expect_code(0).stdout;
    let row = features.lines().find(|line| line.starts_with("hooks "));
    let row = row.unwrap();
    assert!(
        row.ends_with("no: in PRO, but not in this license"),
        "{row}"
    );
}

#[test]
fn the_json_of_a_check_contains_the_decision_and_the_feature() {
    let machine = machine_with("pro.lic");
    let checked = license(&machine, &["check", "--json", "--at", AT, "sso"])
        .expect_code(1)
        .json();
    assert_eq!(checked["decision"], "licensed");
    let feature = ["feature", "granted", "feature_code"].map(|member| &checked[member]);
    assert_eq!(
        feature,
        [&json!("sso"), &json!(false), &json!("FEATURE_NOT_INCLUDED")]
    );
    assert_eq!(checked["feature_evidence"]["included_from"], "ENT");
}

#[test]
fn the_matrix_has_every_feature_once_with_tiers_grants_and_reasons() {
    let machine = machine_with("pro.lic");
    let features = license(&machine, &["features", "--json", "--at", AT])
        .expect_code(0)
        .json();
    let rows = features["matrix"].as_array().unwrap();
    assert_eq!(rows.len(), 26);
    let granted = rows.iter().filter(|row| row["granted"] == true).count();
    assert_eq!(granted, PRO.claims()["features"].as_array().unwrap().len());
    let sso = rows.iter().find(|row| row["feature"] == "sso").unwrap();
    assert_eq!(
        (&sso["tiers"], &sso["code"]),
        (&json!(["ENT"]), &json!("FEATURE_NOT_INCLUDED"))
    );
}

#[test]
fn the_expiry_is_the_reason_if_the_tier_has_the_feature() {
    let machine = machine_with("pro.lic");
    let features = license(&machine, &["features", "--at", LATER])
        .expect_code(1)
        .stdout;
    let row = features
        .lines()
        .find(|line| line.starts_with("cloud_sync "))
        .unwrap();
    assert!(row.contains("EXPIRED"), "{row}");
    let row = features
        .lines()
        .find(|line| line.starts_with("sso "))
        .unwrap();
    assert!(row.contains("included from ENT"), "{row}");
}

#[test]
fn every_rule_is_explained_in_its_order() {
    let machine = machine_with("pro.lic");
    let explained = license(&machine, &["explain", "--json", "--at", AT])
        .expect_code(0)
        .json();
    let rules = explained["rules"].as_array().unwrap();
    let names: Vec<_> = rules
        .iter()
        .map(|rule| rule["rule"].as_str().unwrap())
        .collect();
    let order = [
        "product",
        "revoked",
        "superseded",
        "status",
        "not before",
        "machine",
        "user",
        "usage type",
        "version",
        "expiry",
        "check-in",
        "seat",
    ];
    assert_eq!(names, order);
    let text = license(&machine, &["explain", "--at", LATER])
        .expect_code(1)
        .stdout;
    let id = PRO.report["license_id"].as_str().unwrap();
    let start =
        format!("denied: EXPIRED; tier FREE is in effect\n  license id  {id}\n  customer    ");
    assert!(text.starts_with(&start), "{text}");
    for field in [
        "\n  tier        PRO\n  rule        10. expiry\n  expected    ",
        "\n  hint        ask the vendor for a renewal\n",
    ] {
        assert!(text.contains(field), "{field}: {text}");
    }
    for word in ["actual", "10. expiry      EXPIRED", "CHECK_IN_OVERDUE"] {
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_license_can_be_evaluated_without_installing_it() {
    let machine = machine_with("pro.lic");
    for (file, exit) in [("ent.lic", 0), ("team.lic", 1), ("enterprise.key", 0)] {
        let check = ["check", "sso", "--at", AT, "--license", file];
        let _ = license(&machine, &check).expect_code(exit);
    }
    let features = license(
        &machine,
        &["features", "--json", "--at", AT, "--license", "ent.lic"],
    );
    assert_eq!(features.expect_code(0).json()["tier"], "ENT");
    let explain = license(
        &machine,
        &["explain", "--json", "--at", AT, "--license", "ent.lic"],
    );
    assert_eq!(explain.expect_code(0).json()["tier"], "ENT");
    let status = license(&machine, &["status", "--json", "--at", AT])
        .expect_code(0)
        .json();
    assert_eq!(status["tier"], "PRO");
}

#[test]
fn the_error_for_an_invalid_value_names_the_option() {
    let machine = machine_with("pro.lic");
    for [flag, value] in [
        ["--at", "yesterday"],
        ["--at", "2020-02-30"],
        ["--app-version", "two"],
        ["--build-date", "soon"],
        ["--usage-type", "both"],
    ] {
        let error = license(&machine, &["status", flag, value]).expect_failure(2);
        assert!(error.message.contains(flag), "{error:?}");
        let json = license(&machine, &["status", "--json", flag, value]);
        assert_eq!(json.expect_json_failure(2), "USAGE");
    }
}

#[test]
fn a_license_that_requires_a_seat_is_denied_with_the_way_to_a_seat() {
    let machine = machine();
    let token = programs::workspace().join("fixtures/tokens/valid-floating.jwt");
    let keys = programs::workspace().join("fixtures/trust/vendor.jwks");
    machine.write("floating.lic", std::fs::read(token).unwrap());
    machine.write("vendor.jwks", std::fs::read(keys).unwrap());
    let run = |command: &[&str]| {
        let options = ["--trust", "vendor.jwks", "--at", "2027-01-15"];
        license(&machine, &[command, &options].concat())
    };
    let denied = run(&["verify", "floating.lic"]).expect_code(1);
    assert!(
        denied.stdout.contains("denied: SEAT_REQUIRED"),
        "{denied:?}"
    );
    assert!(denied.stdout.contains("floating"), "{denied:?}");
    assert!(
        denied.stderr.contains("`license run -- PROGRAM`"),
        "{denied:?}"
    );
    let object = run(&["verify", "floating.lic", "--json"])
        .expect_code(1)
        .json();
    let evidence = &object["evidence"];
    assert_eq!(
        (&evidence["rule"], &evidence["problem"]),
        (&json!("seat"), &json!("no_lease"))
    );
    let rules = run(&["explain", "--license", "floating.lic", "--json"]);
    let rules = rules.expect_code(1).json()["rules"].clone();
    let last = rules.as_array().and_then(|rules| rules.last()).unwrap();
    assert_eq!(
        (&last["rule"], &last["code"]),
        (&json!("seat"), &json!("SEAT_REQUIRED"))
    );
}
