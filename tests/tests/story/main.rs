//! End-to-end story of a vendor and a customer.
//!
//! The vendor creates a key and a spare key, and issues licenses of three tiers and an enterprise
//! key. The customer's machine has no private key. The customer verifies, installs and uses the
//! licenses. After a year, the spare key signs the renewal.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod lifetime;
mod product;
mod year;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use license_tests::{Run, RunOutput, Scratch, license, words};
use serde_json::{Value, json};

const ISSUED: &str = "2026-01-01T00:00:00Z";
const NEW_YEARS_NOON: &str = "2026-01-01T12:00:00Z";

/// The files that the vendor sends to customers.
struct VendorFiles {
    trust: String,
    pro: String,
    team: String,
    ent: String,
    enterprise_key: String,
    /// The renewal of the TEAM license, signed with the spare key in the last days of the year.
    renewal: String,
    #[cfg(unix)]
    key_modes: [u32; 2],
}

static VENDOR_FILES: LazyLock<VendorFiles> = LazyLock::new(VendorFiles::create);

impl VendorFiles {
    fn create() -> Self {
        let workstation = Scratch::new();
        workstation.write_private("passphrase", "a long walk in the rain\n");
        for name in ["vendor", "spare"] {
            let (key, jwk) = (format!("{name}.key"), format!("{name}.jwk"));
            keygen(&workstation, &["new-key", "--bits", "2048", "--out", &key]);
            keygen(
                &workstation,
                &["public", "--key", &key, "--format", "jwk", "--out", &jwk],
            );
        }
        let trust = Run::keygen(&workstation).args(["trust", "vendor.jwk", "spare.jwk"]);
        let trust = trust.args(["--out", "trust.jwks"]).run();
        let _ = trust.expect_code(0);
        let year = ["--days", "365"];
        let team = ["--seats", "20", "--offline"];
        Self {
            trust: workstation.read("trust.jwks"),
            pro: issue(&workstation, "vendor", "pro", ISSUED, &year),
            team: issue(
                &workstation,
                "vendor",
                "team",
                ISSUED,
                &[&year[..], &team[..]].concat(),
            ),
            ent: issue(&workstation, "vendor", "ent", ISSUED, &["--perpetual"]),
            enterprise_key: keygen(
                &workstation,
                &words(
                    "enterprise-key --key vendor.key --company ACME --seats 100 --expires 20261231",
                ),
            ),
            renewal: issue(
                &workstation,
                "spare",
                "team",
                "2026-12-20T00:00:00Z",
                &[&["--expires", "2027-12-31"], &team[..]].concat(),
            ),
            #[cfg(unix)]
            key_modes: ["vendor.key", "spare.key"].map(|name| workstation.mode(name)),
        }
    }

    /// Creates a machine of the customer with all files of the vendor.
    fn customer_machine() -> Scratch {
        let machine = Scratch::new();
        let files = &*VENDOR_FILES;
        machine.write("trust.jwks", &files.trust);
        machine.write("pro.lic", &files.pro);
        machine.write("team.lic", &files.team);
        machine.write("ent.lic", &files.ent);
        machine.write("enterprise.key", &files.enterprise_key);
        machine.write("renewal.lic", &files.renewal);
        machine
    }
}

/// Runs `keygen` with the passphrase of the keys, and returns its output.
#[track_caller]
fn keygen(workstation: &Scratch, args: &[&str]) -> String {
    let run = Run::keygen(workstation)
        .args(args)
        .args(["--passphrase-file", "passphrase"]);
    run.run().expect_code(0).stdout
}

#[track_caller]
fn issue(workstation: &Scratch, key: &str, tier: &str, at: &str, options: &[&str]) -> String {
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
    keygen(workstation, &[&base, options].concat())
}

/// Creates a machine of the customer, and installs a license at noon of the issue date.
#[track_caller]
fn machine_with(file: &str) -> Scratch {
    let machine = VendorFiles::customer_machine();
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        NEW_YEARS_NOON,
        file,
    ];
    let _ = license(&machine, &install).expect_code(0);
    machine
}

#[track_caller]
fn status(machine: &Scratch, at: &str) -> RunOutput {
    license(machine, &["status", "--json", "--at", at])
}

/// Returns the code of the decision, and the codes of its warnings.
#[track_caller]
fn codes(outcome: &RunOutput) -> (String, Vec<String>) {
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
fn expect_status(machine: &Scratch, at: &str, exit: i32, code: &str, warnings: &[&str]) {
    let outcome = status(machine, at).expect_code(exit);
    let (found, found_warnings) = codes(&outcome);
    assert_eq!(
        (found.as_str(), found_warnings),
        (code, warnings.iter().map(ToString::to_string).collect()),
        "{at}"
    );
}

#[test]
fn a_machine_verifies_installs_and_uses_each_license() {
    let machine = VendorFiles::customer_machine();
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
        let run = |args: &[&str]| {
            license(
                &machine,
                &[args, &["--json", "--at", NEW_YEARS_NOON]].concat(),
            )
        };
        let verified = run(&["verify", "--trust", "trust.jwks", file])
            .expect_code(0)
            .json();
        let mut installed = run(&["install", "--force", "--trust", "trust.jwks", file])
            .expect_code(0)
            .json();
        let mut status = run(&["status"]).expect_code(0).json();
        for of_installed in [&mut installed, &mut status] {
            // The source is the installed file.
            let source = of_installed["license"]["source"].take();
            assert!(source.as_str().unwrap().contains("license."), "{source}");
        }
        let mut only_installed = |name| installed.as_object_mut().unwrap().remove(name).unwrap();
        assert_eq!(only_installed("dry_run"), false);
        assert!(only_installed("path").is_string());
        let blocks: Vec<_> = only_installed("blocks").as_array().unwrap().clone();
        assert!(
            blocks.iter().all(|block| block["taken"] == true),
            "{blocks:?}"
        );
        // Only the installation knows what the previous license allowed.
        let warnings = installed["warnings"].as_array_mut().unwrap();
        warnings.retain(|warning| warning["code"] != "LOSS");
        assert_eq!(installed, verified);
        assert_eq!(
            status, verified,
            "the installed license differs from the verified one"
        );
        assert_eq!(
            (&status["decision"], &status["code"]),
            (&json!("licensed"), &json!("VALID"))
        );
        assert_eq!(
            (&status["tier"], &status["effective_tier"]),
            (&json!(tier), &json!(tier))
        );
        assert_eq!(status["quotas"]["users"], users);
        assert_eq!(run(&["check", has]).expect_code(0).json()["granted"], true);
        let denied = run(&["check", lacks]).expect_code(1).json();
        // ENT has all features of the product, so its example is a feature that does not exist.
        let expected = match tier {
            "ENT" => "UNKNOWN_FEATURE",
            _ => "FEATURE_NOT_INCLUDED",
        };
        assert_eq!(denied["feature_code"], expected);
        let features = run(&["features"]).expect_code(0).json();
        assert_eq!(granted(&features, has), Some(true));
        assert_ne!(granted(&features, lacks), Some(true));
        let rules = run(&["explain"]).expect_code(0).json()["rules"].clone();
        let failed = |rule: &Value| rule["outcome"] == "denied" || rule["outcome"] == "grace";
        assert!(!rules.as_array().unwrap().iter().any(failed), "{rules:#}");
    }
    assert_no_private_key_in(machine.path());
}

fn granted(features: &Value, name: &str) -> Option<bool> {
    let rows = features["matrix"].as_array().unwrap();
    let row = rows.iter().find(|row| row["feature"] == name)?;
    row["granted"].as_bool()
}

fn assert_no_private_key_in(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_private_key_in(&path);
        } else {
            let content = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&content);
            assert!(!text.contains("PRIVATE KEY"), "{}", path.display());
        }
    }
}

#[test]
fn a_renewal_signed_with_the_spare_key_needs_no_new_trust_set() {
    let machine = machine_with("team.lic");
    let trusted = machine.read("state/trust.jwks");
    expect_status(
        &machine,
        "2027-01-03T00:00:00Z",
        0,
        "GRACE_RENEWAL",
        &["GRACE_RENEWAL"],
    );
    let install = words("install --json renewal.lic --at 2027-01-03T00:00:00Z");
    let installed = license(&machine, &install).expect_code(0).json();
    assert_eq!(installed["code"], "VALID");
    expect_status(&machine, "2027-06-01T00:00:00Z", 0, "VALID", &[]);
    assert_eq!(status(&machine, "2027-06-01").json()["quotas"]["users"], 20);
    assert_eq!(machine.read("state/trust.jwks"), trusted);
}

#[test]
fn a_renewal_signed_with_an_untrusted_key_is_refused_and_changes_nothing() {
    let machine = machine_with("team.lic");
    let stranger = license_tests::Vendor::shared();
    machine.write(
        "forged.lic",
        stranger.issue(&["--tier", "team", "--perpetual"]).file,
    );
    let install = ["install", "--json", "forged.lic", "--at", NEW_YEARS_NOON];
    assert_eq!(
        license(&machine, &install).expect_json_failure(3),
        "UNTRUSTED_KEY"
    );
    let team = ["inspect", "--json", "team.lic"];
    let team = Run::license(&machine)
        .args(team)
        .run()
        .expect_code(0)
        .json();
    let installed = status(&machine, NEW_YEARS_NOON).expect_code(0).json();
    assert_eq!(installed["license_id"], team["tokens"][0]["claims"]["jti"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_keys_and_state() {
    assert_eq!(VENDOR_FILES.key_modes, [0o600, 0o600]);
    for file in ["team.lic", "enterprise.key"] {
        let machine = machine_with(file);
        assert_eq!(machine.mode("state"), 0o700);
        let entries: Vec<_> = fs::read_dir(machine.state()).unwrap().collect();
        assert!(entries.len() >= 2, "expected a license and its trust set");
        for entry in entries {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert_eq!(machine.mode(&format!("state/{name}")), 0o600, "{name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn without_a_variable_the_state_is_in_the_home_directory_and_private() {
    let machine = VendorFiles::customer_machine();
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "--at",
        NEW_YEARS_NOON,
        "team.lic",
    ];
    let install = Run::license(&machine)
        .args(install)
        .without_env("CODITECT_HOME");
    let _ = install.run().expect_code(0);
    assert_eq!(machine.mode("home/.coditect"), 0o700);
    assert_eq!(machine.mode("home/.coditect/license.lic"), 0o600);
    assert!(!machine.state().exists());
}
