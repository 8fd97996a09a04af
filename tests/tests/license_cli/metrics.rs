//! `license metrics`, which prints metrics for Prometheus.

use std::collections::BTreeMap;
use std::fs;

use super::monitor::of_plugin;
use super::*;

/// Parses metrics strictly: each metric has HELP, then TYPE, then its samples. Returns the samples.
#[track_caller]
pub(crate) fn metrics(outcome: &RunOutput) -> BTreeMap<String, String> {
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
pub(crate) fn state(samples: &BTreeMap<String, String>) -> &'static str {
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
    assert!(states.iter().all(is_zero));
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

/// Returns the section of the guide about monitoring.
fn guide() -> String {
    let path = license_tests::programs::workspace().join("docs/enterprise.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## Monitor a license\n").unwrap();
    section.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn the_guide_describes_every_metric() {
    let machine = Vendor::shared().customer_machine();
    let terms = words("--tier pro --expires 2020-12-31 --maintenance-until 2020-12-31");
    let issued = issue_license(&terms);
    machine.write("pro.lic", &issued.file);
    let validation = Vendor::shared().check_in(&issued, &["--issued-at", "2020-12-20"]);
    machine.write("validation.lic", validation);
    for (file, at) in [("pro.lic", AT), ("validation.lic", "2020-12-20")] {
        let install = ["install", "--trust", "trust.jwks", file, "--at", at];
        let _ = license(&machine, &install).expect_code(0);
    }
    let printed = license(&machine, &["metrics", "--at", "2020-12-20"]);
    let printed = printed.expect_code(0).stdout;
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    let names = |text: &str| -> std::collections::BTreeSet<String> {
        let words = text.split(|letter| !is_part(letter));
        let is_metric = |word: &&str| word.starts_with("license_") && *word != "license_id";
        words.filter(is_metric).map(str::to_owned).collect()
    };
    let guide = guide();
    let (_, guide) = guide.split_once("### Prometheus").unwrap();
    assert_eq!(names(&printed), names(guide));
}

#[test]
fn the_commands_of_the_guide_for_monitors_run() {
    let machine = machine_with("ent.lic");
    let guide = guide();
    let mut count = 0;
    for line in guide.lines().filter(|line| line.starts_with("    ")) {
        let Some((_, command)) = line.split_once("/usr/local/bin/license ") else {
            continue;
        };
        let command = command.split(')').next().unwrap();
        let directory = format!("{}/", machine.path().display());
        let command = command.replace("/var/lib/prometheus/node-exporter/", &directory);
        let command = command.replace("$ARG1$", "30d").replace("$ARG2$", "7d");
        let _ = license(&machine, &words(&command)).expect_code(0);
        count += 1;
    }
    assert_eq!(count, 5, "Nagios, NRPE, cron, systemd and cron again");
    assert_eq!(state(&samples(&machine.read("license.prom"))), "licensed");
}
