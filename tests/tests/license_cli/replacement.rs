//! Replacing the installed license with one that allows less, and restoring it.

use super::*;

fn install(machine: &Scratch, args: &[&str]) -> RunOutput {
    license(
        machine,
        &[&["install", "--trust", "trust.jwks", "--at", AT], args].concat(),
    )
}

#[track_caller]
fn installed_tier(machine: &Scratch) -> Value {
    expect_valid(license(machine, &["status", "--json", "--at", AT]))["tier"].clone()
}

/// A TEAM license for 2020 and one user.
static NAMED: LazyLock<IssuedLicense> = LazyLock::new(|| {
    let terms = "--tier team --expires 2020-12-31 --offline --user ann";
    issue_license(&words(terms))
});

/// A PRO license with the same end as [`TEAM`].
static OFFLINE_PRO: LazyLock<IssuedLicense> =
    LazyLock::new(|| issue_license(&words("--tier pro --expires 2020-12-31 --offline")));

#[test]
fn a_license_that_allows_less_replaces_a_valid_license_only_with_force() {
    let lower_tier = "the tier is TEAM instead of ENT";
    let shorter = "it ends at 2031-01-01T00:00:00Z instead of being perpetual";
    let narrower = "only these users may use it: ann";
    for (installed, new, losses) in [
        ("ent.lic", "team.lic", &[lower_tier, "sso"][..]),
        ("ent.lic", "enterprise.key", &[shorter]),
        ("team.lic", "named.lic", &[narrower]),
        ("team.lic", "offline-pro.lic", &["PRO instead of TEAM"]),
    ] {
        let machine = machine();
        machine.write("named.lic", &NAMED.file);
        machine.write("offline-pro.lic", &OFFLINE_PRO.file);
        let _ = install(&machine, &[installed, "--user", "ann"]).expect_code(0);
        let status = || {
            let status = ["status", "--json", "--at", AT, "--user", "ann"];
            expect_valid(license(&machine, &status))["license_id"].clone()
        };
        let before = status();
        let error = install(&machine, &[new, "--user", "ann"]).expect_failure(1);
        assert!(error.message.starts_with("LOSS: "), "{error:?}");
        for loss in losses {
            assert!(error.message.contains(loss), "{error:?}");
        }
        for command in ["--force", "license restore"] {
            assert!(error.hint.contains(command), "{error:?}");
        }
        let json = install(&machine, &[new, "--json", "--user", "ann"]);
        assert_eq!(json.expect_json_failure(1), "LOSS");
        assert_eq!(status(), before);

        let args = [new, "--force", "--json", "--user", "ann"];
        let forced = expect_valid(install(&machine, &args));
        assert!(warnings(&forced).contains(&"LOSS"), "{forced}");
        let after = status();
        assert_ne!(after, before);
        // A restoration is a replacement, and can be undone as well.
        for expected in [&before, &after, &before] {
            let restore = ["restore", "--json", "--at", AT, "--user", "ann"];
            let restored = expect_valid(license(&machine, &restore));
            assert_eq!(restored["license_id"], *expected);
            assert_eq!(status(), *expected);
        }
    }
}

#[test]
fn without_the_user_of_a_license_no_worse_license_replaces_it() {
    let machine = machine();
    let terms = "--tier ent --expires 2020-06-30 --user ann --company ACME --seats 9";
    machine.write("named.lic", &NAMED.file);
    machine.write("old.lic", &issue_license(&words(terms)).file);
    let _ = install(&machine, &["named.lic"]).expect_code(1);
    machine.write("offline-pro.lic", &OFFLINE_PRO.file);
    for user in [&[][..], &["--user", "ann"], &["--user", "bob"]] {
        // The license of the named user also allows more than a valid license of a lower tier.
        let lower = install(&machine, &[&["offline-pro.lic"], user].concat());
        assert!(lower.expect_failure(1).message.starts_with("LOSS: "));
        let late = ["install", "--at", "2020-08-01", "old.lic"];
        let error = license(&machine, &[&late[..], user].concat()).expect_failure(1);
        assert!(error.message.contains("not valid now"), "{error:?}");
        assert_eq!(machine.read("state/license.lic"), NAMED.file);
    }
}

#[test]
fn only_a_valid_license_that_is_not_superseded_is_kept() {
    let restore = ["restore", "--at", AT];
    for (first, second) in [(None, "pro.lic"), (Some("old.lic"), "pro.lic")] {
        let machine = machine();
        let terms =
            "--tier ent --expires 2019-06-30 --issued-at 2019-01-01 --company ACME --seats 9";
        machine.write("old.lic", &issue_license(&words(terms)).file);
        if let Some(first) = first {
            let _ = install(&machine, &[first]).expect_code(1);
        }
        let _ = install(&machine, &[second]).expect_code(0);
        let error = license(&machine, &restore).expect_failure(1);
        assert!(error.message.contains("found none"), "{error:?}");
        assert_eq!(installed_tier(&machine), "PRO");
    }
    let machine = machine_with("ent.lic");
    let _ = install(&machine, &["--force", "team.lic"]).expect_code(0);
    let _ = license(&machine, &["remove"]).expect_code(0);
    license(&machine, &restore).expect_failure(1);
}

#[test]
fn a_restored_license_is_verified_with_the_keys_that_were_installed_with_it() {
    let machine = machine_with("ent.lic");
    let trust = machine.read("state/trust.jwks");
    let other = rotation::BY_NEXT.file.as_str();
    machine.write("other.jwks", &rotation::NEXT.trust);
    machine.write("other.lic", other);
    let args = [
        "install",
        "--force",
        "--trust",
        "other.jwks",
        "--at",
        AT,
        "other.lic",
    ];
    let _ = license(&machine, &args).expect_code(0);
    assert_eq!(machine.read("state/trust.jwks"), rotation::NEXT.trust);
    let _ = license(&machine, &["restore", "--at", AT]).expect_code(0);
    assert_eq!(installed_tier(&machine), "ENT");
    let restored = machine.read("state/trust.jwks");
    let ids = [&trust, &rotation::NEXT.trust];
    let keys = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"].clone();
    for part in ids {
        let key = keys(part)[0].clone();
        assert!(keys(&restored).as_array().unwrap().contains(&key));
    }
    machine.write("state/license.replaced", tampered(&TEAM));
    let error = license(&machine, &["restore"]).expect_failure(3);
    assert!(error.message.contains("license.replaced"), "{error:?}");
    assert_eq!(installed_tier(&machine), "ENT");
}
