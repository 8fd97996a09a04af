//! The notice period, grace period and end of each license during a year.

use serde_json::json;

use crate::{ISSUED, expect_status, license, machine_with, status};

#[test]
fn an_offline_license_has_a_notice_period_and_a_grace_period_and_then_ends() {
    let machine = machine_with("team.lic");
    // The last day is 365 days after the first (UTC). The notice period is 14 days, and the grace
    // period is 72 hours.
    expect_status(&machine, "2026-12-18T23:59:59Z", 0, "VALID", &[]);
    expect_status(
        &machine,
        "2026-12-19T00:00:00Z",
        0,
        "VALID",
        &["EXPIRES_SOON"],
    );
    expect_status(
        &machine,
        "2027-01-01T23:59:59Z",
        0,
        "VALID",
        &["EXPIRES_SOON"],
    );
    expect_status(
        &machine,
        "2027-01-02T00:00:00Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    expect_status(
        &machine,
        "2027-01-04T23:59:59Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    expect_status(&machine, "2027-01-05T00:00:00Z", 1, "EXPIRED", &[]);
}

#[test]
fn status_warns_before_the_end_and_in_grace() {
    let machine = machine_with("team.lic");
    let at = |at| license(&machine, &["status", "--at", at]);
    assert_eq!(at("2026-12-18").expect_code(0).stderr, "");
    let soon = at("2026-12-30").expect_code(0);
    assert!(
        soon.stderr.starts_with("warning: EXPIRES_SOON: "),
        "{}",
        soon.stderr
    );
    assert!(soon.stderr.contains("3 days"), "{}", soon.stderr);
    let grace = at("2027-01-03").expect_code(0);
    assert!(
        grace.stderr.starts_with("warning: GRACE_RENEWAL: "),
        "{}",
        grace.stderr
    );
    assert!(
        grace.stderr.contains("2027-01-05T00:00:00Z"),
        "{}",
        grace.stderr
    );
}

#[test]
fn strict_denies_in_the_grace_period_but_not_in_the_notice_period() {
    let machine = machine_with("team.lic");
    let strict = |args: &[&str]| license(&machine, &[args, &["--strict"]].concat());
    for command in ["status", "explain", "features"] {
        let _ = strict(&[command, "--at", "2026-12-30"]).expect_code(0);
        let _ = strict(&[command, "--at", "2027-01-03"]).expect_code(1);
    }
    let _ = strict(&["verify", "team.lic", "--at", "2027-01-03"]).expect_code(1);
    let _ = strict(&["check", "team_analytics", "--at", "2027-01-03"]).expect_code(1);
    let _ = strict(&["check", "local_execution", "--at", "2027-01-03"]).expect_code(0);
}

#[test]
fn an_expired_license_falls_back_to_the_free_tier() {
    let machine = machine_with("team.lic");
    let after = |args: &[&str]| {
        license(
            &machine,
            &[args, &["--json", "--at", "2027-06-01"]].concat(),
        )
    };
    let status = after(&["status"]).expect_code(1).json();
    assert_eq!(
        (&status["decision"], &status["code"]),
        (&json!("denied"), &json!("EXPIRED"))
    );
    assert_eq!(
        (&status["tier"], &status["effective_tier"]),
        (&json!("TEAM"), &json!("FREE"))
    );
    assert_eq!(status["quotas"]["commands_per_day"], 10);
    assert_eq!(status["evidence"]["expires_at"], "2027-01-02T00:00:00Z");
    assert_eq!(
        after(&["check", "local_execution"]).expect_code(0).json()["granted"],
        true
    );
    let denied = after(&["check", "cloud_sync"]).expect_code(1).json();
    assert_eq!(denied["feature_code"], "EXPIRED");
    let not_included = after(&["check", "sso"]).expect_code(1).json();
    assert_eq!(not_included["feature_code"], "FEATURE_NOT_INCLUDED");
}

#[test]
fn a_check_in_license_is_valid_for_a_week_without_validation() {
    let machine = machine_with("pro.lic");
    expect_status(&machine, "2026-01-01T23:59:59Z", 0, "VALID", &[]);
    expect_status(
        &machine,
        "2026-01-02T00:00:00Z",
        0,
        "GRACE_OFFLINE",
        &["GRACE_OFFLINE"],
    );
    expect_status(
        &machine,
        "2026-01-08T00:00:00Z",
        0,
        "GRACE_OFFLINE",
        &["GRACE_OFFLINE"],
    );
    expect_status(&machine, "2026-01-08T00:00:01Z", 1, "CHECK_IN_OVERDUE", &[]);
    let strict = ["status", "--strict", "--at", "2026-01-02"];
    let _ = license(&machine, &strict).expect_code(1);
    let overdue = status(&machine, "2026-06-01").json();
    assert_eq!(overdue["effective_tier"], "FREE");
    assert_eq!(overdue["evidence"]["counted_from"], ISSUED);
}

#[test]
fn the_first_failed_rule_decides_and_explain_shows_the_others() {
    let machine = machine_with("pro.lic");
    let explain = ["explain", "--json", "--at", "2028-01-01"];
    let explained = license(&machine, &explain).expect_code(1).json();
    assert_eq!(explained["code"], "EXPIRED");
    let code = |name: &str| {
        let rules = explained["rules"].as_array().unwrap();
        rules.iter().find(|rule| rule["rule"] == name).unwrap()["code"].clone()
    };
    assert_eq!(code("expiry"), "EXPIRED");
    assert_eq!(code("check-in"), "CHECK_IN_OVERDUE");
}

#[test]
fn a_perpetual_license_never_ends() {
    let machine = machine_with("ent.lic");
    expect_status(&machine, "9999-12-31T23:59:59Z", 0, "VALID", &[]);
}

#[test]
fn an_enterprise_key_is_valid_through_its_last_day() {
    let machine = machine_with("enterprise.key");
    expect_status(&machine, "2026-11-30T23:59:59Z", 0, "VALID", &[]);
    expect_status(
        &machine,
        "2026-12-31T23:59:59Z",
        0,
        "VALID",
        &["EXPIRES_SOON"],
    );
    assert_ne!(
        status(&machine, "2027-01-01T00:00:00Z").json()["decision"],
        "licensed"
    );
    expect_status(&machine, "2027-02-01T00:00:00Z", 1, "EXPIRED", &[]);
}
