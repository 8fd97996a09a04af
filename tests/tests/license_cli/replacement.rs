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
        assert_eq!(error.code, "LOSS", "{error:?}");
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
        let restore = ["restore", "--json", "--at", AT, "--user", "ann"];
        for expected in [&before, &after, &before] {
            if expected == &after {
                // Restoring the license that allows less needs `--force`.
                let refused = license(&machine, &restore).expect_json_failure(1);
                assert_eq!(refused, "LOSS");
                assert_eq!(status(), before);
            }
            let forced = [&restore[..], &["--force"]].concat();
            let restored = expect_valid(license(&machine, &forced));
            assert_eq!(restored["license_id"], *expected);
            assert_eq!(status(), *expected);
        }
    }
}

#[test]
fn no_user_can_replace_a_license_of_a_named_user_with_a_worse_one() {
    let machine = machine();
    let terms = "--tier ent --expires 2020-06-30 --user ann --company ACME --seats 9";
    machine.write("named.lic", &NAMED.file);
    machine.write("old.lic", &issue_license(&words(terms)).file);
    let _ = install(&machine, &["named.lic"]).expect_code(1);
    machine.write("offline-pro.lic", &OFFLINE_PRO.file);
    for user in [&[][..], &["--user", "ann"], &["--user", "bob"]] {
        // For other users, the license is denied. It still allows its user more than a valid
        // license of a lower tier.
        let lower = install(&machine, &[&["offline-pro.lic"], user].concat());
        assert_eq!(lower.expect_failure(1).code, "LOSS");
        let late = ["install", "--at", "2020-08-01", "old.lic"];
        let error = license(&machine, &[&late[..], user].concat()).expect_failure(1);
        assert!(error.message.contains("not valid now"), "{error:?}");
        assert_eq!(machine.read("state/license.lic"), NAMED.file);
    }
}

/// Returns an ENT license with these additional terms.
fn ent(terms: &str) -> IssuedLicense {
    let ent = "--tier ent --company ACME --seats 9";
    issue_license(&words(&format!("{ent} {terms}")))
}

#[test]
fn a_license_that_is_valid_in_another_context_is_replaced_only_with_force_and_is_kept() {
    let until = "--issued-at 2020-01-01 --expires";
    let elsewhere = digest_of(ELSEWHERE);
    for (terms, context) in [
        ("--perpetual --usage-type builder", "--usage-type runtime"),
        (
            &format!("--perpetual --machine {}", digest_of(HERE)),
            &format!("--machine {elsewhere}"),
        ),
        ("--perpetual --activation", "--user ann"),
        (
            &format!("{until} 2098-12-31 --check-in 24 --grace 48"),
            "--at 2020-07-01",
        ),
        (&format!("{until} 2098-12-31"), "--at 2099-06-01"),
    ] {
        let machine = machine();
        let context = [&words("--json")[..], &words(context)].concat();
        let at: &[&str] = if context.contains(&"--at") {
            &[]
        } else {
            &["--at", AT]
        };
        machine.write("best.lic", &ent(terms).file);
        let lower = issue_license(&words("--tier team --offline --expires 2099-12-31"));
        machine.write("lower.lic", &lower.file);
        let first = ["install", "--trust", "trust.jwks", "--at", AT, "best.lic"];
        let _ = on(HERE, &machine, &first);
        let installed = machine.read("state/license.lic");
        let replace = ["install", "--trust", "trust.jwks", "lower.lic"];
        let replace = [&replace[..], at, &context].concat();
        let refused = on(HERE, &machine, &replace).expect_json_failure(1);
        assert_eq!(refused, "LOSS", "{terms}");
        assert_eq!(machine.read("state/license.lic"), installed);
        let _ = on(HERE, &machine, &[&replace[..], &["--force"]].concat()).expect_code(0);
        assert_eq!(machine.read("state/license.replaced"), installed);
        let lower = machine.read("state/license.lic");
        let _ = on(HERE, &machine, &["restore", "--force", "--at", AT]);
        assert_eq!(machine.read("state/license.lic"), installed, "{terms}");
        assert_eq!(machine.read("state/license.replaced"), lower, "{terms}");
    }
}

#[test]
fn a_license_that_is_not_valid_is_kept_unless_a_better_one_is_kept() {
    let machine = machine();
    machine.write(
        "old.lic",
        &ent("--expires 2019-06-30 --issued-at 2019-01-01").file,
    );
    let _ = install(&machine, &["pro.lic"]).expect_code(0);
    let error = license(&machine, &["restore", "--at", AT]).expect_failure(1);
    assert!(error.message.contains("found none"), "{error:?}");

    // The valid license is kept. Replacing the expired license does not displace it.
    let pro = machine.read("state/license.lic");
    let _ = install(&machine, &["--force", "old.lic"]).expect_code(1);
    let old = machine.read("state/license.lic");
    assert_eq!(machine.read("state/license.replaced"), pro);
    let replaced = install(&machine, &["team.lic"]).expect_code(0);
    assert!(
        replaced.stderr.contains("it cannot be restored"),
        "{}",
        replaced.stderr
    );
    assert_eq!(machine.read("state/license.replaced"), pro);

    let machine = self::machine();
    machine.write("old.lic", &old);
    let long = "--tier pro --offline --expires 2098-12-31";
    machine.write("long.lic", &issue_license(&words(long)).file);
    let _ = install(&machine, &["old.lic"]).expect_code(1);
    let _ = install(&machine, &["long.lic"]).expect_code(0);
    let pro = machine.read("state/license.lic");
    assert_eq!(machine.read("state/license.replaced"), old);
    for at in [AT, "2099-01-01"] {
        license(&machine, &["restore", "--at", at]).expect_failure(1);
        assert_eq!(machine.read("state/license.lic"), pro);
        assert_eq!(machine.read("state/license.replaced"), old);
    }
    let _ = license(&machine, &["remove"]).expect_code(0);
    license(&machine, &["restore", "--at", AT]).expect_failure(1);
}

#[test]
fn a_license_that_starts_later_is_kept_by_what_it_allows_from_its_start() {
    let later = "--customer Other --offline --not-before 2090-01-01 --expires 2098-12-31";
    let best = ent(later).file;
    let lower = issue_license(&words(&format!("--tier free {later}"))).file;
    for (order, kept, restorable) in [
        (["best.lic", "team.lic"], &best, "ENT"),
        (["team.lic", "best.lic"], &best, "ENT"),
        (["lower.lic", "team.lic"], &TEAM.file, "TEAM"),
        (["team.lic", "lower.lic"], &TEAM.file, "TEAM"),
    ] {
        let machine = machine();
        machine.write("best.lic", &best);
        machine.write("lower.lic", &lower);
        for file in order {
            let _ = install(&machine, &["--force", file]);
        }
        let output = install(&machine, &["--force", "pro.lic"]).expect_code(0);
        assert_eq!(machine.read("state/license.replaced"), *kept, "{order:?}");
        let note = output
            .stderr
            .lines()
            .find(|line| line.contains("`license restore"));
        let is_now = order[1]
            == if restorable == "ENT" {
                "best.lic"
            } else {
                "team.lic"
            };
        assert_eq!(note.is_some(), is_now, "{output:?}");
        let _ = license(&machine, &["restore", "--force", "--at", AT]);
        assert_eq!(machine.read("state/license.lic"), *kept, "{order:?}");
    }
}

#[test]
fn a_directory_in_place_of_the_kept_license_is_named_and_nothing_is_removed() {
    let machine = machine_with("ent.lic");
    let directory = machine.path().join("state/license.replaced");
    std::fs::create_dir(&directory).unwrap();
    let before = machine.read("state/license.lic");
    for args in [
        &[
            "install",
            "--trust",
            "trust.jwks",
            "--at",
            AT,
            "--force",
            "team.lic",
        ][..],
        &["restore", "--at", AT],
        &["remove"],
    ] {
        let error = license(&machine, args).expect_failure(4);
        assert!(error.message.contains("license.replaced"), "{error:?}");
        assert_eq!(machine.read("state/license.lic"), before);
    }
    assert!(machine.path().join("state/trust.jwks").exists());
    std::fs::remove_dir(directory).unwrap();
    let _ = license(&machine, &["remove"]).expect_code(0);
}

#[test]
fn of_two_license_files_one_can_be_restored() {
    let machine = machine_with("team.lic");
    machine.write("state/license.key", &*ENTERPRISE_KEY);
    let output = install(&machine, &["--force", "pro.lic"]).expect_code(0);
    let has_line = |words: [&str; 2]| {
        let mut lines = output.stderr.lines();
        lines.any(|line| words.iter().all(|word| line.contains(word)))
    };
    assert!(has_line(["ENT", "`license restore`"]), "{}", output.stderr);
    assert!(
        has_line(["TEAM", "it cannot be restored"]),
        "{}",
        output.stderr
    );
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
    let sets = [&trust, &rotation::NEXT.trust];
    let keys = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"].clone();
    for set in sets {
        let key = keys(set)[0].clone();
        assert!(keys(&restored).as_array().unwrap().contains(&key));
    }
    machine.write("state/license.replaced", tampered(&TEAM));
    let error = license(&machine, &["restore"]).expect_failure(3);
    assert!(error.message.contains("license.replaced"), "{error:?}");
    assert_eq!(installed_tier(&machine), "ENT");
}

#[test]
fn other_installed_licenses_are_not_lost_silently() {
    let current = "--tier pro --offline --issued-at 2020-01-01 --expires 2020-12-31";
    let later = "--offline --not-before 2021-01-01 --expires 2098-12-31";
    let now = issue_license(&words(current)).file;
    let ent = format!("--tier ent --seats 9 --company ACME {later}");
    for (name, customer, new, is_refused) in [
        ("the same license", "ACME Limited", "now.lic", true),
        ("key of a higher tier", "ACME Ltd", "enterprise.key", false),
        ("another license", "ACME Ltd", "long.lic", true),
    ] {
        let later = [&words(&ent)[..], &["--customer", customer]].concat();
        let later = issue_license(&later).file;
        let machine = machine();
        machine.write("now.lic", &now);
        let long = "--tier pro --offline --issued-at 2020-01-01 --expires 2099-12-31";
        let long = [&words(long)[..], &["--customer", "Other Ltd"]].concat();
        machine.write("long.lic", issue_license(&long).file);
        let both = format!("{now}{later}");
        machine.write("both.lic", &both);
        let _ = install(&machine, &["--force", "both.lic"]).expect_code(0);
        let installed = machine.read("state/license.lic");
        if is_refused {
            let error = install(&machine, &[new]).expect_failure(1);
            assert!(
                error.message.contains("no longer installed"),
                "{name}: {error:?}"
            );
            assert_eq!(machine.read("state/license.lic"), installed, "{name}");
        }
        let report = expect_valid(install(&machine, &[new, "--force", "--json"]));
        let losses = report["warnings"].as_array().unwrap().iter();
        let mut losses = losses.filter(|warning| warning["code"] == "LOSS");
        let loss = losses.next().unwrap()["message"].as_str().unwrap();
        assert!(loss.contains("2021-01-01"), "{name}: {loss}");
        assert_eq!(machine.read("state/license.replaced"), installed, "{name}");
    }
}

#[test]
fn a_license_that_starts_later_is_not_lost_silently_if_no_license_is_valid_until_then() {
    let later = "--customer Other --offline --not-before 2090-01-01 --expires 2098-12-31";
    let machine = machine();
    machine.write("later.lic", &ent(later).file);
    let _ = install(&machine, &["later.lic"]).expect_code(1);
    let installed = machine.read("state/license.lic");
    let error = install(&machine, &["team.lic"]).expect_failure(1);
    assert_eq!(error.code, "LOSS");
    for part in ["starts at 2090-01-01", "no longer installed"] {
        assert!(error.message.contains(part), "{error:?}");
    }
    assert_eq!(machine.read("state/license.lic"), installed);
    let report = expect_valid(install(&machine, &["team.lic", "--force", "--json"]));
    assert!(warnings(&report).contains(&"LOSS"), "{report}");
    assert_eq!(machine.read("state/license.replaced"), installed);
}

#[test]
fn a_kept_license_that_is_displaced_is_named() {
    let machine = machine_with("pro.lic");
    let _ = install(&machine, &["team.lic"]).expect_code(0);
    let output = install(&machine, &["ent.lic"]).expect_code(0);
    let note = "the PRO license of ACME Ltd, which was replaced earlier, can no longer be restored";
    assert!(output.stderr.contains(note), "{}", output.stderr);
}

#[test]
fn a_second_license_that_is_not_valid_is_kept_and_one_that_ends_earlier_is_no_loss() {
    let machine = machine();
    let current = "--tier pro --offline --issued-at 2020-01-01 --expires 2020-12-31";
    let ended = "--tier ent --seats 9 --company ACME --issued-at 2019-01-01 --expires 2019-06-30";
    let [current, ended] = [current, ended].map(|terms| issue_license(&words(terms)).file);
    machine.write("current.lic", &current);
    machine.write("both.lic", format!("{current}{ended}"));
    let _ = install(&machine, &["both.lic"]).expect_code(0);
    let both = machine.read("state/license.lic");
    let report = expect_valid(install(&machine, &["current.lic", "--json"]));
    assert!(!warnings(&report).contains(&"LOSS"), "{report}");
    assert_eq!(machine.read("state/license.lic"), current);
    assert_eq!(machine.read("state/license.replaced"), both);

    // A license of another customer that lasts longer than the license and its renewal.
    let machine = machine_with_renewal();
    let at = ["--at", "2026-06-01T00:00:00Z"];
    let install = |file: &str| {
        let args = ["install", "--trust", "trust.jwks", "--json", file];
        license(&machine, &[&args[..], &at].concat())
    };
    let _ = install("acme.lic").expect_code(0);
    let _ = install("next.lic").expect_code(0);
    let longer =
        "--tier team --offline --customer Other --issued-at 2026-06-01 --expires 2098-12-31";
    machine.write("longer.lic", issue_license(&words(longer)).file);
    let report = expect_valid(install("longer.lic"));
    assert!(!warnings(&report).contains(&"LOSS"), "{report}");
}
