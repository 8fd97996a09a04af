//! The manifest for a mail merge, and rows that keep their licenses when the table changes.

use std::collections::BTreeMap;

use super::*;

/// Returns the rows of the manifest in a directory, as cells.
fn manifest(workstation: &Scratch, out: &str) -> Vec<Vec<String>> {
    let text = workstation.read(&format!("{out}/manifest.csv"));
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    text.lines().map(cells).collect()
}

/// Returns the license id for each customer in the manifest.
fn ids(workstation: &Scratch) -> BTreeMap<String, String> {
    let rows = manifest(workstation, "out").into_iter().skip(1);
    rows.map(|row| (row[4].clone(), row[2].clone())).collect()
}

#[test]
fn the_manifest_has_the_terms_and_the_columns_that_are_no_options() {
    let workstation = Vendor::shared().workstation();
    let table = "E-Mail,tier,customer,seats,not_before,expires,perpetual,region,,\n\
        a@x.org,pro,A,,2027-01-01,2027-12-31,,EU,,\n\
        b@x.org,team,B,20,2027-01-01,2027-12-31,,,,\n\
        =1,ent,C,,2027-01-01,,yes,US,,\n";
    workstation.write("orders.csv", table);
    let run = batch(&workstation, &[]).expect_code(0);
    let note = "the columns `E-Mail`, `region` of the orders set nothing in a license";
    assert!(run.stderr.contains(note), "{run:?}");
    assert!(
        run.stdout.contains("issued   3 licenses of CODITECT\n"),
        "{run:?}"
    );
    let rows = manifest(&workstation, "out");
    let header = "row,file,license_id,key,customer,tier,seats,not_before,expires,E-Mail,region";
    assert_eq!(rows[0].join(","), header);
    let terms = |row: &[String]| row[4..].join(",");
    let expected = [
        "A,PRO,1,2027-01-01,2027-12-31,a@x.org,EU",
        "B,TEAM,20,2027-01-01,2027-12-31,b@x.org,",
        "C,ENT,unlimited,2027-01-01,,'=1,US",
    ];
    let found: Vec<_> = rows[1..].iter().map(|row| terms(row)).collect();
    assert_eq!(found, expected);
    for row in &rows[1..] {
        assert!(
            workstation.file(&format!("out/{}", row[1])).exists(),
            "{row:?}"
        );
        assert!(row[1].starts_with(&format!("{}-", row[4])), "{row:?}");
    }
    // The manifest of known licenses is the same. Carried cells can change.
    let table = table.replace("b@x.org", "bob@x.org");
    workstation.write("orders.csv", &table);
    let again = batch(&workstation, &["--force", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((&again["minted"], &again["known"]), (&0.into(), &3.into()));
    assert_eq!(again["carried"], serde_json::json!(["E-Mail", "region"]));
    assert_eq!(again["product"], "CODITECT");
    let known = manifest(&workstation, "out");
    assert_eq!((&known[1], &known[3]), (&rows[1], &rows[3]));
    assert_eq!(known[2][9], "bob@x.org");
}

#[test]
fn a_row_keeps_its_license_when_rows_and_columns_are_inserted_and_moved() {
    let workstation = Vendor::shared().workstation();
    // More rows than are recorded together.
    let rows = |first: u32, last: u32| -> String {
        (first..=last)
            .map(|row| format!("pro,C{row},30\n"))
            .collect()
    };
    workstation.write(
        "orders.csv",
        format!("tier,customer,days\n{}", rows(1, 300)),
    );
    let _ = batch(&workstation, &[]).expect_code(0);
    let before = ids(&workstation);
    let (start, end) = (rows(1, 280), rows(281, 300));
    let moved = format!("tier,customer,days\npro,top,30\n{end}pro,middle,30\npro,C7,30\n{start}");
    workstation.write("orders.csv", moved);
    let run = batch(&workstation, &["--force", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((&run["minted"], &run["known"]), (&3.into(), &300.into()));
    let after = ids(&workstation);
    assert!(
        before
            .iter()
            .all(|(customer, id)| customer == "C7" || after[customer] == *id)
    );
    // The manifest is in the order of the table, so it is recognized.
    let listed = manifest(&workstation, "out");
    let numbers = listed[1..].iter().map(|row| row[0].parse::<u32>().unwrap());
    assert!(numbers.eq(2..=304));
    let _ = batch(&workstation, &[]).expect_code(0);
    // An empty column and another order of the columns change nothing either.
    workstation.write("orders.csv", "days,seats,customer,tier\n30,,C9,pro\n");
    let run = Run::keygen(&workstation)
        .args([
            "batch",
            "orders.csv",
            "--key",
            "vendor.key",
            "--out",
            "nine",
        ])
        .run()
        .expect_code(0);
    assert!(
        run.stderr
            .contains("--name NAME issues the same orders again"),
        "{run:?}"
    );
    assert_eq!(manifest(&workstation, "nine")[1][2], before["C9"]);
}

#[test]
fn rows_that_differ_only_in_columns_that_are_no_options_get_a_license_each_and_a_warning() {
    let workstation = Vendor::shared().workstation();
    let table = "tier,customer,days,email\npro,A,30,a@x\npro,A,30,b@x\n";
    workstation.write("orders.csv", table);
    let run = batch(&workstation, &[]).expect_code(0);
    let warning = "EQUAL_ROWS: 1 row repeats the order of an earlier row, apart from `email`";
    assert!(run.stderr.contains(warning), "{run:?}");
    assert_eq!(licenses(&workstation)["count"], 2);
}

#[test]
fn a_batch_prints_the_warnings_of_single_licenses() {
    let workstation = Vendor::shared().workstation();
    let header =
        "tier,customer,days,offline,issued_at,add_feature,quota,maintenance_until,user,file";
    let rows = [
        "pro,A,9,yes,2099-01-01,,,,,a.lic",
        "pro,B,9,yes,1990-01-01,nosuch,zz=3,2020-01-31,ann;ann,b.lic",
        "team,C,30,,,,,,,c.lic",
        "team,D,30,,,,,,,d.lic",
        "pro,E,30,yes,,nosuch,,,,e.lic",
        "pro,F,30,yes,,nosuch,,,,f.lic",
        "pro,G,30,yes,,nosuch,,,,g.lic",
    ];
    workstation.write("orders.csv", format!("{header}\n{}\n", rows.join("\n")));
    let trial = [
        "trial",
        "--customer",
        "G",
        "--key",
        "vendor.key",
        "--out",
        "t.lic",
    ];
    let _ = Run::keygen(&workstation).args(trial).run().expect_code(0);
    for mode in [&["--dry-run"][..], &[]] {
        let run = batch(&workstation, mode).expect_code(0);
        for warning in [
            "warning: POSTDATED: line 2: ",
            "warning: EXPIRED: line 3: the license ended at ",
            "warning: EXPIRED: line 3: maintenance ended at ",
            "warning: UNKNOWN_FEATURE: lines 3, 6, 7 and 1 other row: ",
            "warning: UNKNOWN_QUOTA: line 3: ",
            "line 3: duplicate user ann is ignored",
            "line 8: this customer has a trial until ",
        ] {
            assert!(run.stderr.contains(warning), "{warning}: {run:?}");
        }
        let first = run.stdout.lines().next().unwrap();
        let expected = "check-in required every 24 hours for 2 licenses; \
            without one, a license ends after 168 hours";
        assert_eq!(first, expected);
    }
    let report = batch(&workstation, &["--json", "--dry-run"]);
    let report = report.expect_code(0).json();
    assert_eq!(report["check_in_required"], 2);
    let warning = |code: &str| {
        let warnings = report["warnings"].as_array().unwrap();
        warnings.iter().find(|warning| warning["code"] == code)
    };
    let unknown = warning("UNKNOWN_FEATURE").unwrap();
    assert_eq!((&unknown["line"], &unknown["rows"]), (&3.into(), &4.into()));
    assert!(warning("POSTDATED").is_some());
}

#[test]
fn equal_errors_are_one_line_with_a_count() {
    let workstation = Vendor::shared().workstation();
    let rows: String = (0..500).map(|row| format!("pro,C{row},\n")).collect();
    workstation.write(
        "orders.csv",
        format!("tier,customer,days\n{rows}gold,D,9\n"),
    );
    let error = batch(&workstation, &[]).expect_failure(2);
    let expected = "orders.csv: lines 2, 3, 4 and 497 other rows, expires or days or perpetual: \
        expected a value, found none; line 502, tier: expected a tier of CODITECT, found GOLD";
    assert_eq!(error.message, expected);
    assert!(error.hint.contains("--product-file"), "{error:?}");
}

#[test]
fn a_column_is_refused_if_it_could_be_mistaken() {
    for (table, expected) in [
        (
            "tier,customer,days,seat\npro,A,9,5\n",
            "unknown column `seat`, which is similar to `seats`",
        ),
        (
            "tier,customer,days,seats,--seats\npro,A,9,5,6\n",
            "unknown column `--seats`, which may be `seats`",
        ),
        (
            "tier,customer,days,key\npro,A,9,k\n",
            "column `key` is not possible: manifest.csv has",
        ),
        (
            "tier,customer,days,License ID\npro,A,9,k\n",
            "column `License ID` is not possible",
        ),
        (
            "tier,customer,days,alg\npro,A,9,k\n",
            "this option applies to the whole batch",
        ),
        (
            "tier,customer,days,email,E_mail,email\npro,A,9,,,\n",
            "duplicate column email",
        ),
        (",,\npro,A,9\n", "expected a header, found an empty row"),
    ] {
        let workstation = Vendor::shared().workstation();
        workstation.write("orders.csv", table);
        let error = batch(&workstation, &[]).expect_failure(3);
        assert!(error.message.contains(expected), "{table}: {error:?}");
    }
    for (row, expected) in [
        ("pro,x,A,9", "line 2, cells: a cell has no column title"),
        ("pro,,A,9,,x", "line 2, cells: expected 4, found 6"),
    ] {
        let workstation = Vendor::shared().workstation();
        workstation.write("orders.csv", format!("tier,,customer,days,,\n{row}\n"));
        let error = batch(&workstation, &[]).expect_failure(2);
        assert!(error.message.contains(expected), "{row}: {error:?}");
    }
}

#[test]
fn a_column_with_another_spelling_of_an_option_is_refused() {
    let workstation = Vendor::shared().workstation();
    for (title, option) in [
        ("--seats", "seats"),
        ("seats (users)", "seats"),
        ("Seats/users", "seats"),
        ("ｓｅａｔｓ", "seats"),
        ("number of seats", "seats"),
        ("features", "add-feature"),
        ("expires on", "expires"),
        ("valid until", "expires"),
        ("Expiry date", "expires"),
        ("maintenance", "maintenance-until"),
    ] {
        workstation.write(
            "orders.csv",
            format!("tier,customer,perpetual,{title}\npro,A,yes,5\n"),
        );
        let error = batch(&workstation, &["--dry-run"]).expect_failure(3);
        let expected = format!("unknown column `{title}`, which may be `{option}`");
        assert!(error.message.contains(&expected), "{error:?}");
        let hint = format!("rename the column to `{option}`");
        assert!(error.hint.contains(&hint), "{error:?}");
    }
    // A remark about an option that has a column is repeated.
    let table = "tier,customer,days,customer number\npro,A,9,17\n";
    workstation.write("orders.csv", table);
    let _ = batch(&workstation, &["--dry-run"]).expect_code(0);
}

#[test]
fn the_manifest_repeats_a_name_with_an_invisible_character() {
    let workstation = Vendor::shared().workstation();
    let name = "Ac\u{200b}me";
    workstation.write(
        "orders.csv",
        format!("tier,customer,days,note\npro,{name},9,=\u{200b}1\n"),
    );
    let _ = batch(&workstation, &[]).expect_code(0);
    let row = &manifest(&workstation, "out")[1];
    assert_eq!((&*row[4], &*row[9]), (name, "'=\u{200b}1"));
}
