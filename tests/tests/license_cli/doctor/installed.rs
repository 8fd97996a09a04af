//! What `license doctor` says of what is installed, and of what ends next.

use super::*;

/// An instant so many days from now.
fn days_from_now(days: &str) -> String {
    let scratch = Scratch::new();
    let date = Run::of("date", &scratch).args(["-u", "-d", days, "+%Y-%m-%dT%H:%M:%SZ"]);
    date.run().expect_code(0).stdout.trim().to_owned()
}

#[test]
fn a_license_that_does_not_verify_is_a_problem_and_stays() {
    let site = healthy();
    site.write("state/license.lic", tampered(&ENT));
    for _ in 0..2 {
        let told = examine(&site).expect_code(1).json();
        expect(&told, "license", "problem", &["state/license.lic"]);
        assert!(!check(&told, "license")[1].contains("set aside"), "{told}");
        assert_eq!(told["next"], Value::Null);
    }
    let _ = on(HERE, &site, &["status"]).expect_code(3);
    let told = examine(&site).expect_code(0).json();
    let words = ["NO_LICENSE", "set aside as", "license.lic.damaged-1"];
    expect(&told, "license", "warning", &words);
}

#[test]
fn keys_are_counted_and_damaged_ones_told() {
    let site = healthy();
    fs::create_dir(site.file("etc")).unwrap();
    site.write("etc/trust.jwks", &Vendor::shared().trust);
    let told = examine(&site).expect_code(0).json();
    expect(
        &told,
        "trust",
        "ok",
        &["1 key: ", "; the administrator's 1 key: "],
    );
    expect(&told, "system", "ok", &["holds trust.jwks"]);
    site.write("etc/trust.jwks", "noise");
    let told = examine(&site).expect_code(0).json();
    expect(&told, "trust", "warning", &["etc/trust.jwks"]);
    site.write("state/trust.jwks", "noise");
    let told = examine(&site).expect_code(1).json();
    expect(&told, "trust", "problem", &["state/trust.jwks"]);
}

#[test]
fn the_administrators_license_counts_and_a_damaged_one_beside_the_users_is_a_warning() {
    let site = site();
    fs::create_dir(site.file("etc")).unwrap();
    fs::copy(site.file("trust.jwks"), site.file("etc/trust.jwks")).unwrap();
    fs::copy(site.file("ent.lic"), site.file("etc/license.lic")).unwrap();
    let told = examine(&site).expect_code(0).json();
    expect(&told, "license", "ok", &["VALID", "ENT"]);
    expect(&told, "system", "ok", &["holds license.lic, trust.jwks"]);
    let _ = on(
        HERE,
        &site,
        &["install", "--trust", "trust.jwks", "ent.lic"],
    )
    .expect_code(0);
    site.write("etc/license.lic", tampered(&ENT));
    let told = examine(&site).expect_code(0).json();
    expect(&told, "license", "warning", &["etc/license.lic"]);
    let run = Run::license(&site).env("CODITECT_SYSTEM_DIR", "relative");
    let told = run.args(["doctor", "--json"]).run().json();
    expect(&told, "system", "warning", &[]);
}

#[test]
fn a_license_that_has_ended_is_a_problem_and_grace_a_warning() {
    for (days, status, code) in [
        // It ends with the last of these days, and holds for 72 hours after that.
        ("8", "warning", "GRACE_RENEWAL"),
        ("1", "problem", "EXPIRED"),
    ] {
        let site = site();
        let issued = days_from_now("-10 days");
        let terms = [
            "--tier",
            "pro",
            "--issued-at",
            &issued,
            "--days",
            days,
            "--offline",
        ];
        site.write("short.lic", minted(&terms).file);
        let _ = on(
            HERE,
            &site,
            &["install", "--trust", "trust.jwks", "short.lic"],
        );
        let told = examine(&site).json();
        expect(
            &told,
            "license",
            status,
            &[code, "PRO", "ACME Ltd", "expired 20"],
        );
        let what = &told["next"]["what"];
        match status {
            "warning" => assert_eq!(what, "end of the renewal grace period"),
            _ => assert_eq!(told["next"], Value::Null),
        }
    }
}

#[test]
fn the_next_thing_is_the_earliest_of_all() {
    let site = site();
    let now = days_from_now("-90 minutes");
    let terms = ["--tier", "pro", "--issued-at", &now, "--days", "365"];
    site.write("year.lic", minted(&terms).file);
    let _ = on(
        HERE,
        &site,
        &["install", "--trust", "trust.jwks", "year.lic"],
    )
    .expect_code(0);
    let told = examine(&site).expect_code(0).json();
    let due = days_from_now(&format!("{now} 24 hours"));
    let next = json!({ "what": "check-in due", "at": due });
    assert_eq!(told["next"], next);
    expect(&told, "next", "ok", &["check-in due at ", "in 22 hours"]);
    expect(
        &told,
        "check-in",
        "ok",
        &["none is installed", "every 24 hours"],
    );
    site.write(
        "offline.lic",
        minted(&[&terms[..], &["--offline"]].concat()).file,
    );
    let _ = on(
        HERE,
        &site,
        &["install", "--trust", "trust.jwks", "offline.lic"],
    )
    .expect_code(0);
    let told = examine(&site).expect_code(0).json();
    assert_eq!(told["next"]["what"], "notice of the end");
    let terms = [
        "--tier",
        "pro",
        "--issued-at",
        &now,
        "--days",
        "7",
        "--offline",
    ];
    site.write("week.lic", minted(&terms).file);
    let _ = on(
        HERE,
        &site,
        &["install", "--trust", "trust.jwks", "week.lic"],
    )
    .expect_code(0);
    let told = examine(&site).expect_code(0).json();
    assert_eq!(told["next"]["what"], "end of the license");
    expect(&told, "license", "warning", &["VALID", "EXPIRES_SOON"]);
}

#[test]
fn the_newest_check_in_is_told() {
    let site = site();
    let issued = days_from_now("-10 days");
    let license = minted(&["--tier", "pro", "--issued-at", &issued, "--perpetual"]);
    site.write("pro.lic", &license.file);
    let _ = on(
        HERE,
        &site,
        &["install", "--trust", "trust.jwks", "pro.lic"],
    )
    .expect_code(1);
    let told = examine(&site).expect_code(1).json();
    expect(&told, "license", "problem", &["CHECK_IN_OVERDUE"]);
    let here = digest_of(HERE);
    let ago = |days: &str, options: &[&str]| {
        let at = days_from_now(days);
        let options = [&["--issued-at", &at, "--machine", &here], options].concat();
        site.write(
            "validation.lic",
            Vendor::shared().check_in(&license, &options),
        );
        let _ = on(HERE, &site, &["install", "validation.lic"]);
        (at, examine(&site).json())
    };
    let (at, told) = ago("-2 days", &[]);
    expect(
        &told,
        "check-in",
        "ok",
        &[&format!("the newest is of {at}, active")],
    );
    expect(
        &told,
        "license",
        "warning",
        &["GRACE_OFFLINE", "valid for "],
    );
    assert_eq!(told["next"]["what"], "end of the check-in grace period");
    let (at, told) = ago("-1 minute", &[]);
    expect(&told, "check-in", "ok", &[&at]);
    expect(&told, "license", "ok", &["VALID"]);
    let (_, told) = ago("-1 second", &["--status", "suspended"]);
    expect(&told, "license", "problem", &["SUSPENDED"]);
    expect(&told, "check-in", "ok", &["suspended"]);
}

#[test]
fn a_check_in_for_another_machine_counts_for_nothing_and_is_told() {
    let site = site();
    let elsewhere = digest_of(ELSEWHERE);
    let validation = Vendor::shared().check_in(&PRO, &["--machine", &elsewhere]);
    site.write("both.lic", format!("{}{validation}", PRO.file));
    let install = ["install", "--trust", "trust.jwks", "--force", "both.lic"];
    let _ = on(HERE, &site, &install);
    let told = examine(&site).expect_code(1).json();
    expect(
        &told,
        "check-in",
        "warning",
        &["1 installed for another machine"],
    );
}

#[test]
fn what_only_an_application_can_say_is_no_problem_of_the_machine() {
    let site = site();
    let terms = ["--tier", "pro", "--perpetual", "--offline", "--user", "ann"];
    site.write("named.lic", minted(&terms).file);
    let install = words("install --trust trust.jwks --user ann named.lic");
    let _ = on(HERE, &site, &install).expect_code(0);
    let told = examine(&site).expect_code(0).json();
    expect(
        &told,
        "license",
        "warning",
        &["USER_MISMATCH", "nobody said the user"],
    );
    assert!(check(&told, "license")[2].contains("--user"), "{told}");
}

#[test]
fn a_usage_type_that_is_none_is_told_and_not_failed_with() {
    let site = site();
    let terms = ["--tier", "pro", "--perpetual", "--usage-type", "runtime"];
    site.write(
        "runtime.lic",
        minted(&[&terms[..], &["--offline"]].concat()).file,
    );
    let install = words("install --trust trust.jwks --usage-type runtime");
    let _ = on(HERE, &site, &[&install[..], &["runtime.lic"]].concat()).expect_code(0);
    let run = Run::license(&site).env("CODITECT_USAGE_TYPE", "both");
    let told = run.args(["doctor", "--json"]).run().expect_code(1).json();
    expect(&told, "license", "problem", &["CODITECT_USAGE_TYPE"]);
}
