//! The whole story. A vendor makes two keys, one of them a spare, and mints licenses of three tiers and an enterprise key. A
//! site that has no key of the vendor's verifies, installs and asks; a year passes; the spare takes over.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod lifetime;
mod year;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use license_tests::{Outcome, Run, Scratch, license, words};
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
                &words(
                    "enterprise-key --key vendor.key --company ACME --seats 100 --expires 20261231",
                ),
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
        let mut installed = ask(&["install", "--trust", "trust.jwks", file])
            .expect_code(0)
            .json();
        let status = ask(&["status"]).expect_code(0).json();
        let blocks = installed.as_object_mut().unwrap().remove("blocks");
        let kept: Vec<_> = blocks.unwrap().as_array().unwrap().clone();
        assert!(kept.iter().all(|block| block["taken"] == true), "{kept:?}");
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
    let install = words("install --json renewal.lic --at 2027-01-03T00:00:00Z");
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
