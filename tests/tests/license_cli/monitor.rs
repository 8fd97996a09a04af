//! `license status` as a plugin of Nagios.

use std::collections::BTreeMap;
use std::fs;

use super::metrics::{metrics, state};
use super::*;

/// Runs the plugin. Checks that it prints one line on standard output and nothing else, and that
/// the exit code belongs to the status in the line.
#[track_caller]
fn plugin(machine: &Scratch, args: &[&str]) -> (i32, String) {
    of_plugin(&license(machine, &[&["status"], args].concat()))
}

#[track_caller]
pub(crate) fn of_plugin(outcome: &RunOutput) -> (i32, String) {
    assert_eq!(outcome.stderr, "", "monitors do not read standard error");
    let line = outcome.stdout.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    let code = outcome.code.unwrap();
    let status = ["OK", "WARNING", "CRITICAL", "UNKNOWN"][usize::try_from(code).unwrap()];
    assert!(line.starts_with(&format!("LICENSE {status} - ")), "{line}");
    assert!(!line.contains("ACME"), "the customer is not named: {line}");
    (code, line.to_owned())
}

/// Parses performance data strictly. Returns the value with its unit and the limits.
fn performance(line: &str) -> BTreeMap<String, String> {
    let (_, data) = line.split_once(" | ").unwrap();
    let value = |item: &str| {
        let (label, values) = item.split_once('=').unwrap();
        let is_label = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        assert!(label.chars().all(is_label), "{item}");
        let fields: Vec<&str> = values.split(';').collect();
        assert!(fields.len() <= 5, "{item}");
        let number = fields[0].trim_end_matches('s');
        assert!(number == "U" || number.parse::<f64>().is_ok(), "{item}");
        for field in &fields[1..] {
            let bound = field.trim_end_matches(':');
            assert!(bound.is_empty() || bound.parse::<f64>().is_ok(), "{item}");
        }
        (label.to_owned(), values.to_owned())
    };
    let items: Vec<_> = data.split(' ').map(value).collect();
    let count = items.len();
    let parsed: BTreeMap<_, _> = items.into_iter().collect();
    assert_eq!(parsed.len(), count, "each label is there once: {line}");
    parsed
}

#[test]
fn the_plugin_compares_the_rest_of_the_term_with_both_thresholds() {
    let machine = machine_with("team.lic");
    let both = &["--warn", "30d", "--critical", "7d"][..];
    for (at, options, code, expected) in [
        ("2020-12-02", both, 0, "TEAM license VALID; 30 days left"),
        (
            "2020-12-02T00:00:01Z",
            both,
            1,
            "29 days left, less than 30 days;",
        ),
        ("2020-12-25", both, 1, "7 days left, less than 30 days"),
        (
            "2020-12-25T00:00:01Z",
            both,
            2,
            "6 days left, less than 7 days",
        ),
        ("2020-12-31", &["--warn", "12h"], 0, "24 hours left"),
        ("2020-12-31T13:00:00Z", &["--warn=12h"], 1, "11 hours left"),
        (
            "2020-12-25T00:00:01Z",
            &["--critical", "7d"],
            2,
            "less than 7 days",
        ),
        (
            "2020-12-25T00:00:01Z",
            &["--warn", "30d"],
            1,
            "less than 30 days",
        ),
        (
            "2021-01-02",
            &["--warn", "0h"],
            1,
            "GRACE_RENEWAL, valid for 2 more days",
        ),
        ("2021-01-02", both, 2, "expired 24 hours ago"),
        (
            "2021-01-02",
            &["--warn", "0d", "--strict"],
            2,
            "GRACE_RENEWAL",
        ),
        (
            "2021-02-01",
            both,
            2,
            "TEAM license denied, EXPIRED; expired 31 days ago",
        ),
    ] {
        let (found, line) = plugin(&machine, &[options, &["--at", at]].concat());
        assert_eq!(found, code, "{at} {options:?}: {line}");
        assert!(line.contains(expected), "{at} {options:?}: {line}");
    }
    let (_, line) = plugin(
        &machine,
        &[both, &["--at", "2020-12-01T12:00:00Z"]].concat(),
    );
    let data = performance(&line);
    assert_eq!(data["days"], "30.5;30:;7:");
    assert_eq!(data["valid_days"], "33.5");
    let (_, line) = plugin(&machine, &["--warn", "12h", "--at", "2021-02-01"]);
    assert_eq!(performance(&line)["days"], "-31;0.5:");
    assert!(!performance(&line).contains_key("valid_days"), "{line}");
    // The rest of the term of a denied license is of no use.
    machine.write("list.lic", revocations::list(7, &[&TEAM]));
    let _ = license(&machine, &["install", "--at", AT, "list.lic"]).expect_code(1);
    let (code, line) = plugin(&machine, &[both, &["--at", "2020-06-01"]].concat());
    assert_eq!(code, 2, "{line}");
    let text = line.split(" | ").next().unwrap();
    assert!(text.contains("TEAM license denied, REVOKED"), "{line}");
    assert!(!text.contains("left"), "{line}");
}

#[test]
fn a_check_in_has_the_limits_of_the_license() {
    let machine = machine_with("pro.lic");
    for (at, code, expected, data) in [
        (AT, 0, "check-in due in 23 hours", "82800s;0:;-518400:"),
        (
            "2020-01-02T01:00:00Z",
            1,
            "check-in overdue by 1 hour",
            "-3600s;0:;-518400:",
        ),
        ("2020-01-20", 2, "CHECK_IN_OVERDUE", "-1555200s;0:;-518400:"),
    ] {
        let args = ["--warn", "30d", "--critical", "7d", "--at", at];
        let (found, line) = plugin(&machine, &args);
        assert_eq!(found, code, "{at}: {line}");
        assert!(line.contains(expected), "{line}");
        assert_eq!(performance(&line)["check_in"], data, "{at}");
    }
}

#[test]
fn an_installed_renewal_continues_the_term() {
    let machine = machine_with_renewal();
    let install = |file: &str| {
        let install = [
            "install",
            file,
            "--trust",
            "trust.jwks",
            "--at",
            "2026-06-20",
        ];
        let _ = license(&machine, &install).expect_code(0);
    };
    let check = ["--warn", "30d", "--critical", "7d", "--at", "2026-06-28"];
    install("acme.lic");
    assert_eq!(plugin(&machine, &check).0, 2);
    install("next.lic");
    let (code, line) = plugin(&machine, &check);
    assert_eq!(
        (code, &*performance(&line)["days"]),
        (0, "368;30:;7:"),
        "{line}"
    );
    let end = metrics(&license(&machine, &["metrics", "--at", "2026-06-28"]));
    let end = end[r#"license_expiry_timestamp_seconds{product="CODITECT"}"#].clone();
    assert_eq!(end, "1814400000", "2027-07-01");
}

#[test]
fn updates_quotas_and_users_are_checked() {
    let machine = Vendor::shared().customer_machine();
    let terms = "--tier ent --perpetual --quota commands_per_day=10 --maintenance-until 2020-12-31";
    machine.write("ent.lic", issue_license(&words(terms)).file);
    let _ = license(&machine, &["install", "--trust", "trust.jwks", "ent.lic"]).expect_code(0);
    for (at, code, expected) in [
        ("2020-06-01", 0, "perpetual; updates for 213 more days"),
        ("2020-12-10", 1, "updates for 21 more days"),
        ("2021-06-01", 0, "updates ended 151 days ago"),
    ] {
        let args = ["--warn", "30d", "--critical", "25d", "--at", at];
        let (found, line) = plugin(&machine, &args);
        assert_eq!(found, code, "{at}: {line}");
        assert!(line.contains(expected), "{line}");
        assert!(
            performance(&line)["updates_days"].ends_with(";30:"),
            "{line}"
        );
    }
    for (used, code, data) in [
        (7, 0, "7;7;9;0;10"),
        (8, 1, "8;7;9;0;10"),
        (10, 2, "10;7;9;0;10"),
    ] {
        let (found, line) = loop {
            let (found, line) = plugin(&machine, &["--critical", "1d"]);
            let data = performance(&line);
            if data["quota_commands_per_day"].starts_with(&format!("{used};")) {
                break (found, line);
            }
            let one = license(
                &machine,
                &[
                    "use",
                    "commands_per_day",
                    "--app-version",
                    "1.0.0",
                    "--build-date",
                    "2020-06-01",
                ],
            );
            let _ = one.expect_code(0);
        };
        assert_eq!(found, code, "{line}");
        assert_eq!(performance(&line)["quota_commands_per_day"], data, "{line}");
    }
    let named = Vendor::shared().customer_machine();
    named.write(
        "named.lic",
        issue_license(&words("--tier ent --perpetual --user ann")).file,
    );
    let install = [
        "install",
        "--trust",
        "trust.jwks",
        "named.lic",
        "--user",
        "ann",
    ];
    let _ = license(&named, &install).expect_code(0);
    let (code, line) = plugin(&named, &["--warn", "30d"]);
    assert!(code == 3 && line.contains("--user"), "{line}");
    assert!(!line.contains("ann"), "{line}");
    assert_eq!(plugin(&named, &["--warn", "30d", "--user", "ann"]).0, 0);
    assert_eq!(plugin(&named, &["--warn", "30d", "--user", "bob"]).0, 2);
}

#[test]
fn without_a_usable_license_the_status_is_critical_and_without_an_answer_it_is_unknown() {
    let machine = machine_with("team.lic");
    let missing = Scratch::new();
    let (code, line) = plugin(&missing, &["--warn", "30d"]);
    assert!(code == 2 && line.contains("NO_LICENSE"), "{line}");
    assert!(!missing.state().exists(), "nothing is written");

    for args in [
        &["--warn", "30"][..],
        &["--warn"],
        &["--warn", "-1d"],
        &["--critical", "1x", "--warn", "3d"],
        &["--warn", "7d", "--critical", "30d"],
        &["--wrn", "7d", "--critical", "30d"],
        &["--warn", "7d", "--warn", "8d"],
        &["--warn", "7d", "surplus"],
        &["-w", "30"],
        &["-c7"],
        &["--warning", "soon"],
        &["-w", "7d", "-t", "10"],
        &["--warn", "7d", "--at", "soon|later"],
        &["--warn", "7d", "--product-file", "missing.toml"],
    ] {
        let (code, line) = plugin(&machine, args);
        assert_eq!(code, 3, "{args:?}: {line}");
        assert!(!line.contains('|'), "{line}");
    }
    // The short names are those of other plugins.
    let at = ["--at", "2020-12-10"];
    let long = plugin(
        &machine,
        &[&["--warn", "30d", "--critical", "7d"], &at[..]].concat(),
    );
    for short in [["-w", "30d", "-c", "7d"], ["--warning", "30d", "-c", "7d"]] {
        assert_eq!(plugin(&machine, &[&short, &at[..]].concat()), long);
    }
    let json = license(&machine, &["status", "--warn", "x", "--json"]);
    assert_eq!(json.expect_json_failure(3), "USAGE");
    // Without the options, the exit codes are those of the other commands.
    license(&machine, &["status", "surplus"]).expect_failure(2);

    machine.write("state/license.lic", tampered(&TEAM));
    let names = || {
        let entries = fs::read_dir(machine.state()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let (code, line) = plugin(&machine, &["--warn", "30d"]);
    assert!(code == 2 && line.contains("BAD_SIGNATURE"), "{line}");
    assert_eq!(names(), before, "the file is not quarantined");
}

#[test]
#[cfg(unix)]
fn a_license_that_cannot_be_read_is_unknown_and_a_metric() {
    use std::os::unix::fs::PermissionsExt;
    let machine = machine_with("team.lic");
    let Some(user) = UnprivilegedUser::on(&machine) else {
        return;
    };
    let file = machine.state().join("license.lic");
    fs::set_permissions(machine.state(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let (code, line) = of_plugin(&user.license(&["status", "--warn", "30d"]));
    assert!(code == 3 && line.contains("license.lic"), "{line}");
    let found = metrics(&user.license(&["metrics"]));
    assert_eq!(state(&found), "indeterminate");
}

#[test]
fn json_contains_the_decision_and_the_result_of_the_plugin() {
    let machine = machine_with("team.lic");
    let args = ["status", "--warn", "30d", "--json", "--at", "2020-12-10"];
    let report = license(&machine, &args).expect_code(1).json();
    assert_eq!(report["code"], "VALID");
    let monitor = &report["monitor"];
    assert_eq!(
        (&monitor["status"], &monitor["exit_code"]),
        (&json!("WARNING"), &json!(1))
    );
    let (_, line) = plugin(
        &machine,
        &args[1..]
            .iter()
            .filter(|arg| **arg != "--json")
            .copied()
            .collect::<Vec<_>>(),
    );
    let text = format!(
        "{} | {}",
        monitor["text"].as_str().unwrap(),
        monitor["performance_data"].as_str().unwrap()
    );
    assert_eq!(text, line);
}
