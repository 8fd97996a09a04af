//! The whole story. A vendor makes two keys, one of them a spare, and mints licenses of three tiers and an enterprise key. A
//! site that has no key of the vendor's verifies, installs and asks; a year passes; the spare takes over.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use license_tests::{Outcome, Run, Scratch};
use serde_json::{Value, json};

const ISSUED: &str = "2026-01-01T00:00:00Z";
const NEW_YEARS_NOON: &str = "2026-01-01T12:00:00Z";

/// The vendor's own machine, and what leaves it.
struct Office {
    trust: String,
    pro: String,
    team: String,
    ent: String,
    enterprise_key: String,
    /// For TEAM, signed with the spare key in the last days of the year.
    renewal: String,
    #[cfg(unix)]
    key_modes: [u32; 2],
}

static OFFICE: LazyLock<Office> = LazyLock::new(Office::open);

impl Office {
    fn open() -> Self {
        let desk = Scratch::new();
        desk.write_private("passphrase", "a long walk in the rain\n");
        for name in ["vendor", "spare"] {
            let (key, jwk) = (format!("{name}.key"), format!("{name}.jwk"));
            keygen(&desk, &["new-key", "--bits", "2048", "--out", &key]);
            keygen(
                &desk,
                &["public", "--key", &key, "--format", "jwk", "--out", &jwk],
            );
        }
        let trust = Run::keygen(&desk).args(["trust", "vendor.jwk", "spare.jwk"]);
        let trust = trust.args(["--out", "trust.jwks"]).run();
        let _ = trust.expect_code(0);
        let year = ["--days", "365"];
        let team = ["--seats", "20", "--offline"];
        Self {
            trust: desk.read("trust.jwks"),
            pro: issue(&desk, "vendor", "pro", ISSUED, &year),
            team: issue(
                &desk,
                "vendor",
                "team",
                ISSUED,
                &[&year[..], &team[..]].concat(),
            ),
            ent: issue(&desk, "vendor", "ent", ISSUED, &["--perpetual"]),
            enterprise_key: keygen(
                &desk,
                &[
                    "enterprise-key",
                    "--key",
                    "vendor.key",
                    "--company",
                    "ACME",
                    "--seats",
                    "100",
                    "--expires",
                    "20261231",
                ],
            ),
            renewal: issue(
                &desk,
                "spare",
                "team",
                "2026-12-20T00:00:00Z",
                &[&["--expires", "2027-12-31"], &team[..]].concat(),
            ),
            #[cfg(unix)]
            key_modes: ["vendor.key", "spare.key"].map(|name| desk.mode(name)),
        }
    }

    /// Another machine, to which the vendor has sent all of it.
    fn send() -> Scratch {
        let site = Scratch::new();
        let office = &*OFFICE;
        site.write("trust.jwks", &office.trust);
        site.write("pro.lic", &office.pro);
        site.write("team.lic", &office.team);
        site.write("ent.lic", &office.ent);
        site.write("enterprise.key", &office.enterprise_key);
        site.write("renewal.lic", &office.renewal);
        site
    }
}

/// What it prints; every command that reads a private key has to open it.
#[track_caller]
fn keygen(desk: &Scratch, args: &[&str]) -> String {
    let run = Run::keygen(desk)
        .args(args)
        .args(["--passphrase-file", "passphrase"]);
    run.run().expect_code(0).stdout
}

#[track_caller]
fn issue(desk: &Scratch, key: &str, tier: &str, at: &str, terms: &[&str]) -> String {
    let key = format!("{key}.key");
    let base = [
        "issue",
        "--key",
        &key,
        "--tier",
        tier,
        "--customer",
        "ACME Ltd",
        "--issued-at",
        at,
        "--out",
        "-",
    ];
    keygen(desk, &[&base, terms].concat())
}

fn license(site: &Scratch, args: &[&str]) -> Outcome {
    Run::license(site).args(args).run()
}

/// Installs a license at noon of the day on which it was issued.
#[track_caller]
fn site_with(file: &str) -> Scratch {
    let site = Office::send();
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        NEW_YEARS_NOON,
        file,
    ];
    let _ = license(&site, &install).expect_code(0);
    site
}

#[track_caller]
fn status(site: &Scratch, at: &str) -> Outcome {
    license(site, &["status", "--json", "--at", at])
}

/// The decision's code, and the codes of its warnings.
#[track_caller]
fn codes(outcome: &Outcome) -> (String, Vec<String>) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let object = outcome.json();
    let warnings = object["warnings"].as_array().unwrap();
    let warnings = warnings
        .iter()
        .map(|warning| text(&warning["code"]))
        .collect();
    (text(&object["code"]), warnings)
}

#[track_caller]
fn expect_status(site: &Scratch, at: &str, exit: i32, code: &str, warnings: &[&str]) {
    let outcome = status(site, at).expect_code(exit);
    let (found, warned) = codes(&outcome);
    assert_eq!(
        (found.as_str(), warned),
        (code, warnings.iter().map(ToString::to_string).collect()),
        "{at}"
    );
}

#[test]
fn a_site_verifies_installs_and_asks_with_each_license_in_turn() {
    let site = Office::send();
    for (file, tier, users, has, lacks) in [
        ("pro.lic", "PRO", 1, "cloud_sync", "team_analytics"),
        ("team.lic", "TEAM", 20, "team_analytics", "sso"),
        ("ent.lic", "ENT", -1, "sso", "time_travel"),
        (
            "enterprise.key",
            "ENT",
            100,
            "air_gapped_deployment",
            "time_travel",
        ),
    ] {
        let ask =
            |args: &[&str]| license(&site, &[args, &["--json", "--at", NEW_YEARS_NOON]].concat());
        let verified = ask(&["verify", "--trust", "trust.jwks", file])
            .expect_code(0)
            .json();
        let installed = ask(&["install", "--trust", "trust.jwks", file])
            .expect_code(0)
            .json();
        let status = ask(&["status"]).expect_code(0).json();
        assert_eq!(installed, verified);
        assert_eq!(status, verified, "what is installed is what was verified");
        assert_eq!(
            (&status["decision"], &status["code"]),
            (&json!("licensed"), &json!("VALID"))
        );
        assert_eq!(
            (&status["tier"], &status["effective_tier"]),
            (&json!(tier), &json!(tier))
        );
        assert_eq!(status["quotas"]["users"], users);
        assert_eq!(ask(&["check", has]).expect_code(0).json()["granted"], true);
        let denied = ask(&["check", lacks]).expect_code(1).json();
        assert_eq!(denied["feature_code"], "FEATURE_NOT_INCLUDED");
        let features = ask(&["features"]).expect_code(0).json();
        assert_eq!(granted(&features, has), Some(true));
        assert_ne!(granted(&features, lacks), Some(true));
        let rules = ask(&["explain"]).expect_code(0).json()["rules"].clone();
        let failed = |rule: &Value| rule["outcome"] == "denied" || rule["outcome"] == "grace";
        assert!(!rules.as_array().unwrap().iter().any(failed), "{rules:#}");
    }
    assert_no_private_key_in(site.path());
}

fn granted(features: &Value, name: &str) -> Option<bool> {
    let rows = features["matrix"].as_array().unwrap();
    let row = rows.iter().find(|row| row["feature"] == name)?;
    row["granted"].as_bool()
}

fn assert_no_private_key_in(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_private_key_in(&path);
        } else {
            let content = fs::read(&path).unwrap();
            let shown = String::from_utf8_lossy(&content);
            assert!(!shown.contains("PRIVATE KEY"), "{}", path.display());
        }
    }
}

#[test]
fn an_offline_license_goes_through_notice_and_grace_to_its_end() {
    let site = site_with("team.lic");
    // 365 days after the first, through the last in UTC; notice of 14 days, grace of 72 hours.
    expect_status(&site, "2026-12-18T23:59:59Z", 0, "VALID", &[]);
    expect_status(&site, "2026-12-19T00:00:00Z", 0, "VALID", &["EXPIRES_SOON"]);
    expect_status(&site, "2027-01-01T23:59:59Z", 0, "VALID", &["EXPIRES_SOON"]);
    expect_status(
        &site,
        "2027-01-02T00:00:00Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    expect_status(
        &site,
        "2027-01-04T23:59:59Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    expect_status(&site, "2027-01-05T00:00:00Z", 1, "EXPIRED", &[]);
}

#[test]
fn people_are_warned_before_the_end_and_in_grace() {
    let site = site_with("team.lic");
    let at = |at| license(&site, &["status", "--at", at]);
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
fn with_strict_grace_is_a_denial_and_notice_is_none() {
    let site = site_with("team.lic");
    let strict = |args: &[&str]| license(&site, &[args, &["--strict"]].concat());
    for command in ["status", "explain", "features"] {
        let _ = strict(&[command, "--at", "2026-12-30"]).expect_code(0);
        let _ = strict(&[command, "--at", "2027-01-03"]).expect_code(1);
    }
    let _ = strict(&["verify", "team.lic", "--at", "2027-01-03"]).expect_code(1);
    let _ = strict(&["check", "team_analytics", "--at", "2027-01-03"]).expect_code(1);
    let _ = strict(&["check", "local_execution", "--at", "2027-01-03"]).expect_code(0);
}

#[test]
fn an_expired_license_leaves_the_free_tier() {
    let site = site_with("team.lic");
    let after = |args: &[&str]| license(&site, &[args, &["--json", "--at", "2027-06-01"]].concat());
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
    let never_had = after(&["check", "sso"]).expect_code(1).json();
    assert_eq!(never_had["feature_code"], "FEATURE_NOT_INCLUDED");
}

#[test]
fn a_license_that_must_check_in_holds_for_a_week_without() {
    let site = site_with("pro.lic");
    expect_status(&site, "2026-01-01T23:59:59Z", 0, "VALID", &[]);
    expect_status(
        &site,
        "2026-01-02T00:00:00Z",
        0,
        "GRACE_OFFLINE",
        &["GRACE_OFFLINE"],
    );
    expect_status(
        &site,
        "2026-01-08T00:00:00Z",
        0,
        "GRACE_OFFLINE",
        &["GRACE_OFFLINE"],
    );
    expect_status(&site, "2026-01-08T00:00:01Z", 1, "CHECK_IN_OVERDUE", &[]);
    let strict = ["status", "--strict", "--at", "2026-01-02"];
    let _ = license(&site, &strict).expect_code(1);
    let overdue = status(&site, "2026-06-01").json();
    assert_eq!(overdue["effective_tier"], "FREE");
    assert_eq!(overdue["evidence"]["last_validated_at"], ISSUED);
}

#[test]
fn the_first_rule_that_fails_is_the_answer_and_explain_shows_the_others() {
    let site = site_with("pro.lic");
    let explain = ["explain", "--json", "--at", "2028-01-01"];
    let explained = license(&site, &explain).expect_code(1).json();
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
    let site = site_with("ent.lic");
    expect_status(&site, "9999-12-31T23:59:59Z", 0, "VALID", &[]);
}

#[test]
fn an_enterprise_key_holds_through_its_last_day() {
    let site = site_with("enterprise.key");
    expect_status(&site, "2026-11-30T23:59:59Z", 0, "VALID", &[]);
    expect_status(&site, "2026-12-31T23:59:59Z", 0, "VALID", &["EXPIRES_SOON"]);
    assert_ne!(
        status(&site, "2027-01-01T00:00:00Z").json()["decision"],
        "licensed"
    );
    expect_status(&site, "2027-02-01T00:00:00Z", 1, "EXPIRED", &[]);
}

#[test]
fn the_spare_key_takes_over_with_the_same_trust_set() {
    let site = site_with("team.lic");
    let trusted = site.read("state/trust.jwks");
    expect_status(
        &site,
        "2027-01-03T00:00:00Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    let install = [
        "install",
        "--json",
        "renewal.lic",
        "--at",
        "2027-01-03T00:00:00Z",
    ];
    let installed = license(&site, &install).expect_code(0).json();
    assert_eq!(installed["code"], "VALID");
    expect_status(&site, "2027-06-01T00:00:00Z", 0, "VALID", &[]);
    assert_eq!(status(&site, "2027-06-01").json()["quotas"]["users"], 20);
    assert_eq!(site.read("state/trust.jwks"), trusted);
}

#[test]
fn a_renewal_by_a_stranger_is_refused_and_changes_nothing() {
    let site = site_with("team.lic");
    let stranger = license_tests::Vendor::shared();
    site.write(
        "forged.lic",
        stranger.issue(&["--tier", "team", "--perpetual"]).file,
    );
    let install = ["install", "--json", "forged.lic", "--at", NEW_YEARS_NOON];
    assert_eq!(
        license(&site, &install).expect_json_failure(3),
        "UNTRUSTED_KEY"
    );
    let team = ["inspect", "--json", "team.lic"];
    let team = Run::license(&site).args(team).run().expect_code(0).json();
    let installed = status(&site, NEW_YEARS_NOON).expect_code(0).json();
    assert_eq!(installed["license_id"], team["tokens"][0]["claims"]["jti"]);
}

#[cfg(unix)]
#[test]
fn what_both_programs_keep_is_their_owners_alone() {
    assert_eq!(OFFICE.key_modes, [0o600, 0o600]);
    for file in ["team.lic", "enterprise.key"] {
        let site = site_with(file);
        assert_eq!(site.mode("state"), 0o700);
        let kept: Vec<_> = fs::read_dir(site.state()).unwrap().collect();
        assert!(
            kept.len() >= 2,
            "a license and the keys that it was verified with"
        );
        for entry in kept {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert_eq!(site.mode(&format!("state/{name}")), 0o600, "{name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn without_a_variable_the_state_is_in_the_home_directory_and_private() {
    let site = Office::send();
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        NEW_YEARS_NOON,
        "team.lic",
    ];
    let install = Run::license(&site)
        .args(install)
        .without_env("CODITECT_HOME");
    let _ = install.run().expect_code(0);
    assert_eq!(site.mode("home/.coditect"), 0o700);
    assert_eq!(site.mode("home/.coditect/license.lic"), 0o600);
    assert!(!site.state().exists());
}
