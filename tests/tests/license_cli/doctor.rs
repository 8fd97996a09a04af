//! `license doctor`: what is wrong, in one line each, and nothing is changed.

mod installed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::*;

const CHECKS: [&str; 12] = [
    "home",
    "permissions",
    "state",
    "clock",
    "machine",
    "container",
    "trust",
    "license",
    "check-in",
    "revocations",
    "system",
    "next",
];

/// `license doctor --json` on [`HERE`], with the administrator's folder `etc`.
fn examine(site: &Scratch) -> Outcome {
    doctor(site, &["--json"])
}

fn doctor(site: &Scratch, args: &[&str]) -> Outcome {
    let run = Run::license(site).env("CODITECT_MACHINE_ID", HERE);
    let run = run.env("CODITECT_SYSTEM_DIR", site.file("etc"));
    run.arg("doctor").args(args).run()
}

/// One check: its status, message and hint.
#[track_caller]
fn check<'a>(told: &'a Value, name: &str) -> [&'a str; 3] {
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["check"] == name).unwrap();
    ["status", "message", "hint"].map(|member| found[member].as_str().unwrap_or_default())
}

/// Expects this of one check, with a hint where it is not ok.
#[track_caller]
fn expect(told: &Value, name: &str, status: &str, words: &[&str]) {
    let [found, message, hint] = check(told, name);
    assert_eq!(found, status, "{name}: {message}");
    for word in words {
        assert!(
            message.contains(word),
            "{name}: expected {word:?} in {message:?}"
        );
    }
    assert_eq!(
        hint.is_empty(),
        status == "ok",
        "{name}: {message}; hint: {hint}"
    );
}

/// A machine with ENT installed now, for ever, and one use counted.
fn healthy() -> Scratch {
    let site = site();
    let install = ["install", "--trust", "trust.jwks", "ent.lic"];
    let _ = on(HERE, &site, &install).expect_code(0);
    let _ = on(HERE, &site, &["use", "commands_per_day"]).expect_code(0);
    site
}

/// Every file below with what is in it and when it was written.
fn files(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            found.insert(path.clone(), (fs::read(&path).unwrap(), written));
        }
    }
    found
}

#[test]
fn where_all_is_well_every_check_is_ok() {
    let site = healthy();
    let told = doctor(&site, &["--json", "--strict"]).expect_code(0).json();
    let checks = told["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, CHECKS);
    assert_eq!(
        (&told["status"], &told["next"]),
        (&json!("ok"), &Value::Null)
    );
    let state = site.state();
    let state = state.to_str().unwrap();
    expect(
        &told,
        "home",
        "ok",
        &[state, "from CODITECT_HOME", "can be written"],
    );
    expect(&told, "permissions", "ok", &["0700", "4 files are 0600"]);
    expect(&told, "state", "ok", &["license.cache and quota are whole"]);
    expect(
        &told,
        "machine",
        "ok",
        &[&digest_of(HERE), "stable", "The machine id is configured"],
    );
    expect(
        &told,
        "trust",
        "ok",
        &["1 key", &Vendor::shared().kid, "RS256"],
    );
    expect(
        &told,
        "license",
        "ok",
        &["VALID", "ENT", "ACME Ltd", "perpetual"],
    );
    expect(&told, "check-in", "ok", &["the license needs none"]);
    expect(
        &told,
        "system",
        "ok",
        &["etc", "from CODITECT_SYSTEM_DIR", "is not there"],
    );
    for check in ["clock", "container", "next"] {
        expect(&told, check, "ok", &[]);
    }
}

#[test]
fn the_text_has_a_line_each_and_a_hint_under_what_is_not_ok() {
    let site = healthy();
    let text = doctor(&site, &[]).expect_code(0);
    assert_eq!(text.stderr, "");
    let lines: Vec<_> = text.stdout.lines().collect();
    assert_eq!(lines.len(), CHECKS.len(), "{}", text.stdout);
    for (line, check) in lines.iter().zip(CHECKS) {
        assert!(line.starts_with(&format!("ok       {check} ")), "{line}");
    }
    fs::remove_file(site.file("state/trust.jwks")).unwrap();
    let text = doctor(&site, &[]).expect_code(1).stdout;
    let mut lines = text.lines();
    let problem = lines
        .find(|line| line.starts_with("problem  license "))
        .unwrap();
    assert!(problem.contains("no keys to verify it with"), "{text}");
    let hint = lines.next().unwrap();
    assert_eq!(hint, "  hint: install the license again with --trust FILE");
}

#[test]
fn no_license_at_all_is_a_warning_and_strict_counts_it() {
    let site = Scratch::new();
    let told = examine(&site).expect_code(0).json();
    assert_eq!(told["status"], "warning");
    expect(&told, "license", "warning", &["NO_LICENSE", "FREE"]);
    expect(&told, "home", "ok", &["is not there yet"]);
    expect(&told, "permissions", "ok", &[]);
    expect(&told, "state", "ok", &["nothing is kept of this machine"]);
    expect(&told, "trust", "ok", &["none is installed"]);
    let _ = doctor(&site, &["--strict"]).expect_code(1);
    assert!(!site.state().exists());
}

#[test]
fn nothing_is_ever_changed() {
    let site = healthy();
    site.write("state/license.lic", tampered(&ENT));
    site.write("state/quota", "noise");
    site.write("state/license.lic.damaged-1", "noise");
    site.write("state/.unfinished-1", "noise");
    let before = files(site.path());
    let _ = examine(&site).expect_code(1);
    let _ = doctor(&site, &[]).expect_code(1);
    assert!(files(site.path()) == before);
    let fresh = Scratch::new();
    let _ = examine(&fresh).expect_code(0);
    assert_eq!(files(fresh.path()).len(), 0);
    assert!(!fresh.state().exists());
}

#[test]
fn the_home_is_told_with_the_variable_that_names_it() {
    let site = Scratch::new();
    site.write("file", "");
    let home = |value: &Path| {
        let run = Run::license(&site).env("CODITECT_HOME", value);
        run.args(["doctor", "--json"]).run()
    };
    for (value, words) in [
        (
            "file",
            &["from CODITECT_HOME", "is a file and not a folder"][..],
        ),
        ("file/below", &["from CODITECT_HOME", "is a file"]),
    ] {
        let told = home(&site.file(value)).expect_code(1).json();
        expect(&told, "home", "problem", words);
        assert!(check(&told, "home")[2].contains("CODITECT_HOME"), "{told}");
    }
    let told = home(Path::new("relative")).expect_code(1).json();
    expect(
        &told,
        "home",
        "problem",
        &["CODITECT_HOME must be an absolute path"],
    );
    let run = Run::license(&site).without_env("CODITECT_HOME");
    let told = run.args(["doctor", "--json"]).run().expect_code(0).json();
    let default = site.home().join(".coditect");
    let default = default.to_str().unwrap();
    expect(&told, "home", "ok", &[default, "CODITECT_HOME is not set"]);
}

#[cfg(unix)]
#[test]
fn a_home_that_is_a_link_to_nowhere_is_a_problem() {
    let site = Scratch::new();
    std::os::unix::fs::symlink("nowhere", site.state()).unwrap();
    let told = examine(&site).expect_code(1).json();
    expect(
        &told,
        "home",
        "problem",
        &["CODITECT_HOME", "symbolic link", "nowhere"],
    );
    fs::create_dir(site.file("nowhere")).unwrap();
    let told = examine(&site).expect_code(0).json();
    expect(&told, "home", "ok", &["is there and can be written"]);
}

#[cfg(unix)]
#[test]
fn a_lock_that_is_a_link_is_followed_by_nobody_and_told() {
    let site = healthy();
    let (lock, elsewhere) = (site.state().join(".lock"), site.file("elsewhere"));
    fs::remove_file(&lock).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
    let told = examine(&site).expect_code(0).json();
    let words = ["can't be written", ".lock in it is not a regular file"];
    expect(&told, "home", "warning", &words);
    let used = on(HERE, &site, &["use", "commands_per_day", "--json"]);
    let used = used.expect_code(0).json();
    let warning = state_warning(&used);
    assert!(warning.contains("not a regular file"), "{warning}");
    let install = ["install", "--trust", "trust.jwks", "ent.lic"];
    let complaint = on(HERE, &site, &install).expect_failure(4);
    assert!(complaint.message.contains(".lock"), "{complaint:?}");
    assert!(!elsewhere.exists());
}

#[cfg(unix)]
#[test]
fn a_home_that_may_not_be_written_is_a_warning() {
    let site = Scratch::new();
    fs::create_dir(site.state()).unwrap();
    let Some(user) = Nobody::on(&site) else {
        return;
    };
    let told = user.license(&["doctor", "--json"]).expect_code(0).json();
    expect(
        &told,
        "home",
        "warning",
        &["can't be written", "counts are not kept"],
    );
    fs::remove_dir(site.state()).unwrap();
    if fs::metadata(site.path())
        .is_ok_and(|folder| std::os::unix::fs::MetadataExt::uid(&folder) == 0)
    {
        let told = user.license(&["doctor", "--json"]).expect_code(0).json();
        expect(&told, "home", "warning", &["can't be written"]);
    }
}

#[cfg(unix)]
#[test]
fn what_others_may_use_or_own_is_a_warning() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let site = healthy();
    let open = |path: &str, mode| {
        fs::set_permissions(site.file(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    open("state", 0o755);
    let told = examine(&site).expect_code(0).json();
    expect(&told, "permissions", "warning", &["is 0755, expected 0700"]);
    assert!(
        check(&told, "permissions")[2].starts_with("chmod 700 "),
        "{told}"
    );
    open("state", 0o700);
    open("state/quota", 0o644);
    let told = examine(&site).expect_code(0).json();
    expect(
        &told,
        "permissions",
        "warning",
        &["quota is 0644, expected 0600"],
    );
    open("state/quota", 0o600);
    if chown(site.file("state/quota"), Some(65_534), None).is_ok() {
        let told = examine(&site).expect_code(0).json();
        let words = ["quota belongs to user 65534, and this is user 0"];
        expect(&told, "permissions", "warning", &words);
    }
}

#[test]
fn what_the_machine_remembers_is_whole_or_it_is_said_why_not() {
    let site = healthy();
    let whole = fs::read(site.file("state/quota")).unwrap();
    let mut edited = whole.clone();
    *edited.last_mut().unwrap() ^= 1;
    site.write("state/quota", edited);
    let told = examine(&site).expect_code(1).json();
    let words = ["quota", "the file was changed outside this program"];
    expect(&told, "state", "problem", &words);
    site.write("state/quota", whole);
    let elsewhere = on(ELSEWHERE, &site, &["doctor", "--json"])
        .expect_code(1)
        .json();
    expect(
        &elsewhere,
        "state",
        "problem",
        &["the file was sealed on another machine"],
    );
    for file in ["quota", "license.cache"] {
        let site = healthy();
        fs::remove_file(site.state().join(file)).unwrap();
        let told = examine(&site).expect_code(0).json();
        expect(&told, "state", "warning", &[&format!("{file} is missing")]);
    }
    site.write("state/.unfinished-x", "");
    site.write("state/quota.damaged-3", "");
    let told = examine(&site).expect_code(0).json();
    expect(
        &told,
        "state",
        "warning",
        &["quota.damaged-3", ".unfinished-x was not finished"],
    );
}

#[test]
fn a_clock_that_is_behind_is_told_with_by_how_much() {
    let Some(faketime) = license_tests::tools::faketime() else {
        return;
    };
    let site = healthy();
    let at = |by: &str| {
        let run = faketime
            .run(&site)
            .args(["-f", by])
            .env("CODITECT_MACHINE_ID", HERE);
        let run = run
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
        let run = run.arg(license_tests::programs::license());
        run.args(["doctor", "--json"]).run().expect_code(0).json()
    };
    let told = at("-10d");
    expect(
        &told,
        "clock",
        "warning",
        &[" days behind the latest time seen here"],
    );
    expect(&at("-3h"), "clock", "ok", &[" hours behind", "tolerated"]);
    fs::remove_file(site.file("state/quota")).unwrap();
    fs::remove_file(site.file("state/license.cache")).unwrap();
    expect(&at("-10d"), "clock", "ok", &[]);
    let words = [" days behind the date of a signed artefact"];
    expect(&at("-40000d"), "clock", "warning", &words[..0]);
    expect(&at("-9000d"), "clock", "warning", &words);
}

#[test]
fn an_id_of_the_machine_that_does_not_count_is_told() {
    let site = healthy();
    let zeros = on(
        "00000000000000000000000000000000",
        &site,
        &["doctor", "--json"],
    )
    .json();
    let words = ["CODITECT_MACHINE_ID does not count", "it repeats one digit"];
    expect(&zeros, "machine", "warning", &words);
    let run = Run::license(&site).env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let told = run.args(["doctor", "--json"]).run().json();
    let container = check(&told, "container")[1];
    if container == "kubernetes" && check(&told, "machine")[1].contains(", none: ") {
        expect(
            &told,
            "machine",
            "warning",
            &["Nothing in this kubernetes container"],
        );
    }
}
