//! `license status` as a plugin of Nagios, and `license metrics` for Prometheus.

use std::collections::BTreeMap;
use std::fs;

use super::*;

/// Runs the plugin. Checks that it prints one line on standard output and nothing else, and that
/// the exit code belongs to the status in the line.
#[track_caller]
fn plugin(machine: &Scratch, args: &[&str]) -> (i32, String) {
    of_plugin(&license(machine, &[&["status"], args].concat()))
}

#[track_caller]
fn of_plugin(outcome: &RunOutput) -> (i32, String) {
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
    let vendor = Vendor::shared();
    let (workstation, machine) = (vendor.workstation(), vendor.customer_machine());
    for (args, out) in [
        (
            "issue --tier team --customer ACME --offline --issued-at 2025-07-01 --expires 2026-06-30",
            "acme.lic",
        ),
        (
            "renew acme.lic --days 365 --issued-at 2026-06-01",
            "next.lic",
        ),
    ] {
        let args = [&words(args)[..], &["--key", "vendor.key", "--out", out]].concat();
        let _ = keygen(&workstation, &args).expect_code(0);
        machine.write(out, workstation.read(out));
    }
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
        &["--warn", "7d", "--at", "soon|later"],
        &["--warn", "7d", "--product-file", "missing.toml"],
    ] {
        let (code, line) = plugin(&machine, args);
        assert_eq!(code, 3, "{args:?}: {line}");
        assert!(!line.contains('|'), "{line}");
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
    fs::set_permissions(&file, fs::Permissions::from_mode(0)).unwrap();
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

/// Parses metrics strictly: each metric has HELP, then TYPE, then its samples. Returns the samples.
#[track_caller]
fn metrics(outcome: &RunOutput) -> BTreeMap<String, String> {
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    samples(&outcome.stdout)
}

#[track_caller]
fn samples(text: &str) -> BTreeMap<String, String> {
    assert!(text.ends_with('\n') && !text.contains("ACME"), "{text}");
    let mut lines = text.lines().peekable();
    let (mut samples, mut names) = (BTreeMap::new(), Vec::new());
    while let Some(help) = lines.next() {
        let (name, help) = help
            .strip_prefix("# HELP ")
            .unwrap()
            .split_once(' ')
            .unwrap();
        assert!(!help.is_empty() && !names.contains(&name), "{name}");
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        assert!(
            name.starts_with("license_") && name.chars().all(is_name),
            "{name}"
        );
        names.push(name);
        assert_eq!(lines.next(), Some(&*format!("# TYPE {name} gauge")));
        let is_sample = |line: &&str| !line.starts_with('#');
        while let Some(sample) = lines.next_if(is_sample) {
            let (series, value) = sample.rsplit_once(' ').unwrap();
            let labels = series.strip_prefix(name).unwrap();
            assert!(
                labels.starts_with(r#"{product="CODITECT""#) && labels.ends_with('}'),
                "{sample}"
            );
            assert!(value == "+Inf" || value.parse::<f64>().is_ok(), "{sample}");
            let earlier = samples.insert(series.to_owned(), value.to_owned());
            assert_eq!(earlier, None, "{sample} is there twice");
        }
    }
    samples
}

/// Returns the one state whose metric is 1.
#[track_caller]
fn state(samples: &BTreeMap<String, String>) -> &'static str {
    let states = ["licensed", "grace", "denied", "indeterminate"];
    let value =
        |state: &str| &*samples[&format!(r#"license_state{{product="CODITECT",state="{state}"}}"#)];
    let current: Vec<_> = states
        .into_iter()
        .filter(|state| value(state) == "1")
        .collect();
    let [current] = *current else {
        panic!("expected one state: {current:?}");
    };
    let is_zero = |other: &&str| *other == current || value(other) == "0";
    assert!(states.iter().all(|other| is_zero(&other)));
    current
}

#[test]
fn the_state_of_the_license_is_a_metric_and_never_an_error() {
    let machine = machine_with("pro.lic");
    let of = |series: &str| format!(r#"{series}{{product="CODITECT"}}"#);
    for (at, expected, code) in [
        (AT, "licensed", "VALID"),
        ("2020-01-03", "grace", "GRACE_OFFLINE"),
        ("2020-06-01", "denied", "CHECK_IN_OVERDUE"),
        ("2030-01-01", "denied", "EXPIRED"),
    ] {
        let found = metrics(&license(&machine, &["metrics", "--at", at]));
        assert_eq!(state(&found), expected, "{at}");
        let reason = format!(r#"license_decision_info{{product="CODITECT",code="{code}","#);
        assert!(
            found.keys().any(|series| series.starts_with(&reason)),
            "{found:#?}"
        );
        assert_eq!(found[&of("license_expiry_timestamp_seconds")], "1609459200");
        assert_eq!(
            found[&of("license_check_in_due_timestamp_seconds")],
            "1577923200"
        );
        assert_eq!(
            found[&of("license_check_in_grace_end_timestamp_seconds")],
            "1578441600"
        );
        assert!(!found.contains_key(&of("license_last_check_in_timestamp_seconds")));
        let is_valid = expected != "denied";
        assert_eq!(
            found.contains_key(&of("license_valid_until_timestamp_seconds")),
            is_valid
        );
        let id = PRO.claims()["jti"].as_str().unwrap().to_owned();
        let info = format!(
            r#"license_info{{product="CODITECT",license_id="{id}",tier="PRO",trial="false"}}"#
        );
        assert_eq!(found[&info], "1");
        assert!(
            !found.keys().any(|series| series.contains(PRO.key())),
            "{found:#?}"
        );
    }
    let strict = ["metrics", "--strict", "--at", "2020-01-03"];
    assert_eq!(state(&metrics(&license(&machine, &strict))), "denied");
    let quota = |name: &str| format!(r#"license_quota_limit{{product="CODITECT",quota="{name}"}}"#);
    let valid = metrics(&license(&machine, &["metrics", "--at", AT]));
    assert_eq!(valid[&quota("agents")], "52");
    assert_eq!(valid[&quota("commands_per_day")], "+Inf");
    assert_eq!(valid[&of("license_clock_behind_seconds")], "0");
    let used = quota("agents").replace("limit", "used");
    assert_eq!(valid[&used], "0");
    let validation = Vendor::shared().check_in(&PRO, &["--issued-at", "2020-01-02"]);
    machine.write("validation.lic", validation);
    let _ = license(
        &machine,
        &["install", "validation.lic", "--at", "2020-01-02"],
    )
    .expect_code(0);
    let checked_in = metrics(&license(&machine, &["metrics", "--at", "2020-01-02"]));
    assert_eq!(
        checked_in[&of("license_last_check_in_timestamp_seconds")],
        "1577923200"
    );

    assert_eq!(
        state(&metrics(&license(&Scratch::new(), &["metrics"]))),
        "denied"
    );
    for damage in [tampered(&PRO), "noise".to_owned(), String::new()] {
        machine.write("state/license.lic", damage);
        let damaged = metrics(&license(&machine, &["metrics"]));
        assert_eq!(state(&damaged), "indeterminate");
        let warning = r#"license_warning{product="CODITECT",code="#;
        assert!(
            damaged.keys().any(|series| series.starts_with(warning)),
            "{damaged:#?}"
        );
    }
    let json = license(&machine, &["metrics", "--json"])
        .expect_code(0)
        .json();
    let names: Vec<_> = json["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| &sample["name"])
        .collect();
    assert!(names.contains(&&json!("license_state")), "{names:?}");
}

#[test]
fn a_clock_that_is_behind_is_a_metric_and_a_warning() {
    let Some(faketime) = tools::faketime() else {
        return;
    };
    let machine = machine_with("ent.lic");
    let _ = license(&machine, &["status"]).expect_code(0);
    let run = |args: &[&str]| {
        tools::license_at_time(faketime, &machine, "-3d")
            .args(args)
            .run()
    };
    let found = metrics(&run(&["metrics"]));
    let behind: i64 = found[r#"license_clock_behind_seconds{product="CODITECT"}"#]
        .parse()
        .unwrap();
    assert!((259_000..260_000).contains(&behind), "{behind}");
    assert_eq!(
        found[r#"license_warning{product="CODITECT",code="CLOCK_BEHIND"}"#],
        "1"
    );
    let (code, line) = of_plugin(&run(&["status", "--warn", "1d"]));
    assert!(code == 1 && line.contains("CLOCK_BEHIND"), "{line}");
}

#[test]
#[cfg(unix)]
fn the_file_for_node_exporter_is_replaced_as_a_whole_and_readable_by_all_users() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let machine = machine_with("team.lic");
    let program = license_tests::programs::license().to_str().unwrap();
    let script = format!("umask 077; exec {program} metrics --at {AT} --out license.prom");
    let mut inodes = Vec::new();
    for _ in 0..2 {
        let written = Run::new("sh", &machine).args(["-c", &script]).run();
        let written = written.expect_code(0);
        assert_eq!((&*written.stdout, &*written.stderr), ("", ""));
        let found = fs::metadata(machine.file("license.prom")).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o644);
        inodes.push(found.ino());
        assert_eq!(state(&samples(&machine.read("license.prom"))), "licensed");
    }
    assert_ne!(inodes[0], inodes[1], "the file is replaced, not rewritten");
    let left = fs::read_dir(machine.path()).unwrap();
    let is_unfinished = |name: String| name.starts_with(".writing-");
    assert!(
        !left
            .into_iter()
            .any(|entry| is_unfinished(entry.unwrap().file_name().into_string().unwrap()))
    );

    let other = license(&machine, &["metrics", "--output", "license.txt"]).expect_code(0);
    assert!(other.stderr.contains(".prom"), "{other:?}");
    let json = license(&machine, &["metrics", "--out", "license.prom", "--json"]);
    assert_eq!(json.expect_code(0).json()["path"], "license.prom");
    license(&machine, &["metrics", "--out", "missing/license.prom"]).expect_failure(4);
    symlink(machine.file("license.txt"), machine.file("link.prom")).unwrap();
    license(&machine, &["metrics", "--out", "link.prom"]).expect_failure(2);
}
