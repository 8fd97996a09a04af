//! `keygen ledger expiring`: licenses that end soon, and whether they need a renewal.

use super::*;

#[test]
fn expiring_lists_valid_licenses_by_their_end() {
    let vendor = vendor();
    for (customer, days) in [
        ("in 40", "40"),
        ("in 30", "30"),
        ("in 20", "20"),
        ("in 3", "3"),
        ("gone", "5"),
    ] {
        issue(
            &vendor,
            &format!("{customer}.lic"),
            &["--customer", customer, "--days", days],
        );
    }
    issue(&vendor, "never.lic", &["--customer", "never"]);
    issue(
        &vendor,
        "ended.lic",
        &words("--customer ended --issued-at 2020-01-01 --days 1"),
    );
    let gone = licenses(&vendor, &["list", "--customer", "gone"]);
    let revoke = ["revoke", text(&gone[0]["license_id"]), "--reason", "unpaid"];
    let _ = keygen(&vendor, &revoke).expect_code(0);
    for (within, expected) in [
        (&[][..], &["in 3", "in 20", "in 30"][..]),
        (&["--within", "30d"], &["in 3", "in 20", "in 30"]),
        (&["--within", "29d"], &["in 3", "in 20"]),
        (&["--within", "60d"], &["in 3", "in 20", "in 30", "in 40"]),
        (&["--within", "120h"], &["in 3"]),
        (&["--within", "0d"], &[]),
        // This period ends after the last date that can be represented.
        (
            &["--within", "4294967295d"],
            &["in 3", "in 20", "in 30", "in 40"],
        ),
    ] {
        assert_eq!(
            customers(&vendor, &[&["expiring"], within].concat()),
            expected,
            "{within:?}"
        );
    }
    for option in ["--within", "--ended-within"] {
        for wrong in ["30", "d", "-1d", "30m", "1.5d", "", "é"] {
            let _ = keygen(&vendor, &["ledger", "expiring", option, wrong]).expect_failure(2);
        }
    }
    let csv = keygen(&vendor, &["ledger", "expiring", "--csv"])
        .expect_code(0)
        .stdout;
    assert_eq!(csv.lines().count(), 4);
}

/// Returns a vendor's directory with a license for each reason to renew or not to renew it.
fn ending() -> Scratch {
    let vendor = vendor();
    let ids: Vec<_> = [
        ("due", "--tier team --seats 10 --days 20"),
        ("renewed", "--tier pro --days 21"),
        ("upgraded", "--tier pro --days 22"),
        ("revoked", "--tier pro --days 23"),
        ("ended", "--tier pro --issued-at 2020-01-01 --days 1"),
    ]
    .into_iter()
    .map(|(customer, terms)| {
        let terms = [&["--customer", customer], &words(terms)[..]].concat();
        let report = issue(&vendor, &format!("{customer}.lic"), &terms);
        text(&report["license_id"]).to_owned()
    })
    .collect();
    let trial = words("trial --key vendor.key --customer trial --days 24 --out trial.lic");
    for args in [
        &words("renew --key vendor.key --days 365 --out next.lic")[..],
        &words("upgrade --key vendor.key --tier team --seats 5 --out team.lic"),
        &words("revoke --reason unpaid"),
    ]
    .into_iter()
    .zip(&ids[1..4])
    .map(|(args, id)| [args, &[id]].concat())
    .chain([trial])
    {
        let _ = keygen(&vendor, &args).expect_code(0);
    }
    vendor
}

/// Returns the customers and states of the licenses in a member of the report.
fn states(report: &Value, member: &str) -> Vec<String> {
    let licenses = report[member].as_array().unwrap().iter();
    let state = |license: &Value| {
        let successor = if license["successor"].is_null() {
            ""
        } else {
            "+"
        };
        let (customer, renewal) = (text(&license["customer"]), text(&license["renewal"]));
        format!("{customer}: {renewal}{successor}")
    };
    licenses.map(state).collect()
}

#[test]
fn a_license_is_listed_if_it_needs_a_renewal_and_otherwise_omitted_with_the_reason() {
    let vendor = ending();
    let open = ["due: due", "upgraded: due", "trial: trial"];
    let omitted = [
        "renewed: renewed+",
        "upgraded: superseded+",
        "revoked: revoked",
    ];
    for (options, expected_open, expected_omitted) in [
        ("--within 30d", &open[..], &omitted[..]),
        ("--customer UPGRADE", &open[1..2], &omitted[1..2]),
        ("--tier team", &open[..2], &[]),
        ("--product coditect", &open, &omitted),
        ("--product OTHER", &[], &[]),
        ("--within 480h", &open[..1], &[]),
        ("--ended-within 36h", &open, &omitted),
    ] {
        let args = [&["ledger", "expiring"], &words(options)[..]].concat();
        let report = keygen_json(&vendor, &args);
        assert_eq!(states(&report, "licenses"), expected_open, "{options}");
        assert_eq!(report["count"], expected_open.len(), "{options}");
        assert_eq!(states(&report, "omitted"), expected_omitted, "{options}");
    }
    let report = keygen_json(&vendor, &words("ledger expiring --ended-within 4000d"));
    assert_eq!(states(&report, "licenses")[0], "ended: due");
    assert_eq!(text(&report["licenses"][0]["status"]), "expired");
}

#[test]
fn a_table_shows_the_omitted_licenses_on_request_and_counts_them_otherwise() {
    let vendor = ending();
    let shown = keygen(&vendor, &["ledger", "expiring"]).expect_code(0);
    let lines: Vec<_> = shown.stdout.lines().map(|line| &line[..8]).collect();
    assert_eq!(lines, ["CUSTOMER", "due     ", "upgraded", "trial (t"]);
    let counts = "not listed: 1 renewed, 1 superseded, 1 revoked; --all shows them";
    assert!(shown.stderr.contains(counts), "{shown:?}");
    assert!(shown.stderr.contains("keygen renew --from"), "{shown:?}");
    let all = keygen(&vendor, &["ledger", "expiring", "--all"]).expect_code(0);
    assert!(
        all.stdout.contains("\n\nno renewal needed:\nCUSTOMER"),
        "{all:?}"
    );
    assert!(all.stdout.contains("revoked"), "{all:?}");
    let csv = keygen(&vendor, &["ledger", "expiring", "--csv"]).expect_code(0);
    assert_eq!(csv.stdout.lines().count(), 4, "{csv:?}");
    let none = keygen(&vendor, &["ledger", "expiring", "--tier", "free"]).expect_code(0);
    assert_eq!(none.stdout, "");
    assert!(
        none.stderr.contains("no license needs a renewal"),
        "{none:?}"
    );
    let both = ["ledger", "expiring", "--all", "--csv"];
    let _ = keygen(&vendor, &both).expect_failure(2);
}
