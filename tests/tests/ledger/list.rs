//! `keygen ledger list` and `stats`.

use super::*;

fn filled() -> Scratch {
    let vendor = vendor();
    for (customer, terms) in [
        (
            "beta GmbH",
            &["--tier", "team", "--seats", "10", "--expires", "2098-12-31"][..],
        ),
        ("Alpha Ltd", &["--tier", "pro", "--expires", "2097-12-31"]),
        ("Gamma", &["--tier", "pro"]),
        (
            "Old",
            &["--tier", "free", "--issued-at", "2020-01-01", "--days", "1"],
        ),
        ("Later", &["--tier", "pro", "--not-before", "2097-01-01"]),
    ] {
        issue(
            &vendor,
            &format!("{customer}.lic"),
            &[terms, &["--customer", customer]].concat(),
        );
    }
    let gone = licenses(&vendor, &["list", "--customer", "gamma"]);
    let id = text(&gone[0]["license_id"]);
    let _ = keygen(&vendor, &["revoke", id, "--reason", "unpaid"]).expect_code(0);
    vendor
}

#[test]
fn licenses_are_filtered() {
    let vendor = filled();
    for (options, expected) in [
        (
            &[][..],
            &["beta GmbH", "Alpha Ltd", "Gamma", "Old", "Later"][..],
        ),
        (&["--customer", "LTD"], &["Alpha Ltd"]),
        (&["--customer", "unknown"], &[]),
        (&["--tier", "pro"], &["Alpha Ltd", "Gamma", "Later"]),
        (&["--product", "coditect", "--tier", "TEAM"], &["beta GmbH"]),
        (&["--product", "OTHER"], &[]),
        (&["--status", "active"], &["beta GmbH", "Alpha Ltd"]),
        (&["--status", "revoked"], &["Gamma"]),
        (&["--status", "expired"], &["Old"]),
        (&["--status", "FUTURE"], &["Later"]),
        (&["--status", "superseded"], &[]),
        (&["--tier", "pro", "--status", "active"], &["Alpha Ltd"]),
    ] {
        assert_eq!(
            customers(&vendor, &[&["list"], options].concat()),
            expected,
            "{options:?}"
        );
    }
    let _ = keygen(&vendor, &["ledger", "list", "--status", "lost"]).expect_failure(2);
    let _ = keygen(&vendor, &["ledger", "list", "--sort", "color"]).expect_failure(2);
}

#[test]
fn licenses_are_sorted_in_every_order() {
    let vendor = filled();
    for (options, expected) in [
        (
            &["--sort", "recorded"][..],
            ["beta GmbH", "Alpha Ltd", "Gamma", "Old", "Later"],
        ),
        (
            // The previous name of the same order.
            &["--sort", "entered"],
            ["beta GmbH", "Alpha Ltd", "Gamma", "Old", "Later"],
        ),
        (
            &["--sort", "customer"],
            ["Alpha Ltd", "beta GmbH", "Gamma", "Later", "Old"],
        ),
        (
            &["--sort", "expires"],
            ["Old", "Alpha Ltd", "beta GmbH", "Gamma", "Later"],
        ),
        (
            &["--sort", "tier"],
            ["Old", "Alpha Ltd", "Gamma", "Later", "beta GmbH"],
        ),
    ] {
        let list = [&["list"], options].concat();
        assert_eq!(customers(&vendor, &list), expected, "{options:?}");
        let reversed: Vec<_> = expected.iter().rev().copied().collect();
        let reverse = [&list[..], &["--reverse"]].concat();
        assert_eq!(customers(&vendor, &reverse), reversed, "{options:?}");
        let limited = [&list[..], &["--limit", "2"]].concat();
        assert_eq!(customers(&vendor, &limited), expected[..2], "{options:?}");
    }
}

#[test]
fn json_contains_all_members() {
    let vendor = vendor();
    let issued = issue(&vendor, "acme.lic", &["--expires", "2098-12-31"]);
    let license = &licenses(&vendor, &["list"])[0];
    let members: Vec<_> = license
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "license_id",
        "key",
        "short_key",
        "product",
        "tier",
        "customer",
        "company",
        "seats",
        "devices",
        "users",
        "machines",
        "activation",
        "trial",
        "trial_of",
        "serial",
        "supersedes",
        "issued_at",
        "not_before",
        "expires_at",
        "maintenance_until",
        "kid",
        "status",
        "recorded_at",
        "seq",
        "delivered",
        "denial",
    ];
    assert_eq!(members, expected);
    assert_eq!(license["license_id"], issued["license_id"]);
    assert_eq!(license["seq"], 2);
    let none = keygen_json(&vendor, &["ledger", "list", "--customer", "unknown"]);
    assert_eq!(none, json!({ "licenses": [], "count": 0 }));
}

#[test]
fn text_output_is_a_table() {
    let vendor = filled();
    let table = keygen(&vendor, &["ledger", "list"]).expect_code(0).stdout;
    assert_eq!(table.lines().count(), 6);
    assert!(table.starts_with("CUSTOMER "), "{table}");
    let gone = table
        .lines()
        .find(|line| line.starts_with("Gamma"))
        .unwrap();
    assert_eq!(gone.matches("revoked").count(), 2, "{gone}");
    for word in [
        "revoked",
        "expired",
        "active",
        "future",
        "beta GmbH",
        "never",
        " ago",
    ] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let none = keygen(&vendor, &["ledger", "list", "--customer", "unknown"]).expect_code(0);
    assert_eq!(none.stdout, "");
    let path = database(&vendor);
    let start = format!("no license found in {} (", path.display());
    assert!(none.stderr.starts_with(&start), "{none:?}");
    assert!(none.stderr.ends_with(" licenses)\n"), "{none:?}");
}

#[test]
fn csv_values_are_quoted_and_escaped_where_necessary() {
    let vendor = vendor();
    let names = [
        "plain",
        "A, B",
        "say \"hi\"",
        "two\nlines",
        "=1+1",
        "+1",
        "-1",
        "@x",
        "=a,b",
    ];
    for (number, name) in names.iter().enumerate() {
        issue(
            &vendor,
            &format!("{number}.lic"),
            &[&format!("--customer={name}")],
        );
    }
    let csv = keygen(&vendor, &["ledger", "list", "--csv"])
        .expect_code(0)
        .stdout;
    let header = "license_id,status,product,tier,customer,company,seats,key,short_key,issued_at,expires_at,kid,recorded_at,last_day\r\n";
    assert!(csv.starts_with(header), "{csv}");
    for cell in [
        ",plain,",
        ",\"A, B\",",
        ",\"say \"\"hi\"\"\",",
        ",two\\u{a}lines,",
        ",'=1+1,",
        ",'+1,",
        ",'-1,",
        ",'@x,",
        ",\"'=a,b\",",
    ] {
        assert!(csv.contains(cell), "{cell} in {csv}");
    }
    assert_eq!(csv.matches("\r\n").count(), names.len());
    // The tier PRO includes one seat.
    assert_eq!(csv.matches(",,1,CODITECT-PRO-").count(), names.len());
    let none = keygen(&vendor, &["ledger", "list", "--csv", "--tier", "free"]);
    assert_eq!(none.expect_code(0).stdout, header.replace("\r\n", "\n"));
    issue(
        &vendor,
        "year.lic",
        &["--customer", "y", "--expires", "2097-12-31"],
    );
    let csv = keygen(&vendor, &["ledger", "list", "--csv", "--customer", "y"]);
    let csv = csv.expect_code(0).stdout;
    assert!(csv.contains(",2098-01-01T00:00:00Z,"), "{csv}");
    assert!(csv.trim_end().ends_with(",2097-12-31"), "{csv}");
}

#[test]
fn the_name_of_a_customer_cannot_forge_the_table() {
    let vendor = vendor();
    let license = issue(&vendor, "1.lic", &["--customer", "a\u{1b}[2Jb\nLICENSE"]);
    let table = keygen(&vendor, &["ledger", "list"]).expect_code(0).stdout;
    let shown = keygen(&vendor, &["ledger", "show", text(&license["license_id"])]);
    for output in [table, shown.expect_code(0).stdout] {
        assert!(
            !output.contains('\u{1b}') && !output.contains("\nLICENSE\n"),
            "{output}"
        );
    }
}

#[test]
fn stats_count_entries_licenses_customers_and_seats() {
    let vendor = filled();
    enterprise_key(&vendor, "acme.key");
    let report = keygen_json(&vendor, &["ledger", "stats"]);
    assert_eq!(
        report["entries"],
        json!({ "enterprise_key": 1, "license": 5, "revocation": 1, "signing_key": 1 })
    );
    let count = |tier: &str, status: &str| {
        let licenses = report["licenses"].as_array().unwrap().iter();
        let found = licenses.filter(|row| row["tier"] == tier && row["status"] == status);
        found.map(|row| row["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(count("PRO", "active"), 1);
    assert_eq!(count("PRO", "revoked"), 1);
    assert_eq!(count("PRO", "future"), 1);
    assert_eq!(count("FREE", "expired"), 1);
    assert_eq!(count("ENT", "active"), 1);
    assert_eq!(report["customers"], 6);
    let seats = |license: &Value| match text(&license["status"]) {
        "active" => license["seats"].as_u64().unwrap_or(0),
        _ => 0,
    };
    let expected: u64 = licenses(&vendor, &["list"]).iter().map(seats).sum();
    assert!(expected >= 110);
    // The active PRO license states no seats. Its tier includes one.
    assert_eq!(report["active_seats"], expected + 1);
    let output = keygen(&vendor, &["ledger", "stats"]).expect_code(0).stdout;
    for line in [
        "TIER   ACTIVE  FUTURE  EXPIRED  SUPERSEDED  REVOKED",
        "PRO         1       1        0           0        1",
        "total       3       1        1           0        1",
        "ENDS WITHIN  LICENSES  RENEWED  NOT RENEWED",
        "  customers  6",
    ] {
        assert!(
            output.lines().any(|found| found == line),
            "{line}: {output}"
        );
    }
}

#[test]
fn stats_count_the_licenses_that_end_soon_and_those_that_are_renewed() {
    let vendor = vendor();
    for (customer, days) in [
        ("in 30", "30"),
        ("in 50", "50"),
        ("in 80", "80"),
        ("far", "99"),
    ] {
        let terms = ["--customer", customer, "--days", days];
        issue(&vendor, &format!("{customer}.lic"), &terms);
    }
    issue(&vendor, "forever.lic", &[]);
    let renew = words("renew --key vendor.key --days 365 --out next.lic");
    let _ = keygen(&vendor, &[&renew[..], &["in 50.lic"]].concat()).expect_code(0);
    let report = keygen_json(&vendor, &["ledger", "stats"]);
    let ending =
        |days, licenses, renewed| json!({ "days": days, "licenses": licenses, "renewed": renewed });
    let expected = json!([ending(30, 1, 0), ending(60, 2, 1), ending(90, 3, 1)]);
    assert_eq!(report["ending"], expected);
    let output = keygen(&vendor, &["ledger", "stats"]).expect_code(0).stdout;
    let line = "60 days             2        1            1";
    assert!(output.contains(line), "{output}");
}

#[test]
fn a_list_has_the_customer_first_and_no_key_twice() {
    let vendor = vendor();
    let license = issue(&vendor, "acme.lic", &["--customer", "Größe & Söhne GmbH"]);
    let key = enterprise_key(&vendor, "acme.key");
    for args in [&["ledger", "list"][..], &["ledger", "find", "e"]] {
        let output = keygen(&vendor, args).expect_code(0).stdout;
        let (header, rows) = output.split_once('\n').unwrap();
        let titles: Vec<_> = header.split_whitespace().collect();
        assert_eq!(
            titles,
            ["CUSTOMER", "TIER", "STATUS", "ENDS", "KEY", "LICENSE"]
        );
        assert!(rows.starts_with("Größe & Söhne GmbH  PRO"), "{output}");
        for shown in [&license["license_id"], &license["key"], &key["short_key"]] {
            assert_eq!(output.matches(text(shown)).count(), 1, "{output}");
        }
    }
}
