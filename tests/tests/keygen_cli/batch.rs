//! `keygen batch`: issues a license for each row of a table, or nothing.

use std::fs;
use std::thread;
use std::time::Duration;

use license_tests::{Run, RunOutput, Scratch, Vendor};
use serde_json::Value;

const ROWS: usize = 60;

fn desk() -> Scratch {
    let desk = Vendor::shared().workstation();
    desk.write("trust.jwks", &Vendor::shared().trust);
    let rows = (0..ROWS).map(|row| format!("pro,\"Customer, {row}\",2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    desk.write("orders.csv", header + &rows.collect::<String>());
    desk
}

fn batch(desk: &Scratch, args: &[&str]) -> RunOutput {
    let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    Run::keygen(desk).args(batch).args(args).run()
}

fn files(desk: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(desk.file("out")).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn licenses(desk: &Scratch) -> Value {
    let list = Run::keygen(desk).args(["ledger", "list", "--json"]).run();
    list.expect_code(0).json()
}

#[test]
fn each_row_becomes_a_verifiable_recorded_license() {
    let desk = desk();
    let report = batch(&desk, &["--json"]).expect_code(0).json();
    assert_eq!(
        (&report["rows"], &report["minted"]),
        (&ROWS.into(), &ROWS.into())
    );
    assert_eq!(files(&desk).len(), ROWS + 1);
    let manifest = desk.read("out/manifest.csv");
    assert_eq!(manifest.lines().count(), ROWS + 1);
    assert_eq!(licenses(&desk)["count"], ROWS);
    let verify = ["verify", "--json", "--trust", "trust.jwks", "out/c7.lic"];
    let license = Run::license(&desk).args(verify).run().expect_code(0).json();
    assert_eq!(license["customer"], "Customer, 7");
    assert!(manifest.contains(license["license_id"].as_str().unwrap()));
}

#[test]
fn columns_may_have_any_order_and_spelling() {
    let desk = desk();
    let table = "\u{feff}Add_Feature, customer ,TIER,perpetual,user\r\nsso;cloud_sync,Ann,team,x,ann;bob\r\n,Bob,pro,yes,\r\n";
    desk.write("orders.csv", table);
    let _ = batch(&desk, &[]).expect_code(0);
    let show = ["inspect", "--json", "out/0000002.lic"];
    let shown = Run::keygen(&desk).args(show).run().expect_code(0).stdout;
    for expected in ["\"ann\"", "\"bob\"", "\"sso\""] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert_eq!(files(&desk).len(), 3);
}

#[test]
fn an_error_names_row_and_column_and_nothing_is_issued() {
    for (table, row, column) in [
        ("tier,customer,days\npro,A,1\ngold,B,1\n", "row 3", "GOLD"),
        ("tier,customer,days\npro,A,x\n", "row 2", "days"),
        ("tier,customer,days\npro,,1\n", "row 2", "customer"),
        (
            "tier,customer,days,perpetual\npro,A,1,yes\n",
            "row 2",
            "perpetual",
        ),
        (
            "tier,customer,perpetual\npro,A,maybe\n",
            "row 2",
            "perpetual",
        ),
        (
            "tier,customer,days,file\npro,A,1,../a.lic\n",
            "row 2",
            "file",
        ),
        (
            "tier,customer,days,file\npro,A,1,a.lic\npro,B,1,A.lic\n",
            "row 3",
            "file",
        ),
        (
            "tier,customer,days,machine\npro,A,1,nonsense\n",
            "row 2",
            "machine",
        ),
    ] {
        let desk = desk();
        desk.write("orders.csv", table);
        let complaint = batch(&desk, &[]).expect_failure(2);
        assert!(complaint.message.contains(row), "{complaint:?}");
        assert!(complaint.message.contains(column), "{complaint:?}");
        assert!(files(&desk).is_empty());
    }
}

#[test]
fn an_invalid_table_is_refused() {
    for table in [
        "",
        "tier,customer,days\n",
        "tier,colour\npro,red\n",
        "tier,tier\npro,pro\n",
        "tier,key\npro,x\n",
        "tier,customer\npro\n",
    ] {
        let desk = desk();
        desk.write("orders.csv", table);
        let outcome = batch(&desk, &[]);
        assert!(matches!(outcome.code, Some(2 | 3)), "{table}: {outcome:?}");
        assert!(files(&desk).is_empty());
    }
}

#[test]
fn a_dry_run_issues_nothing() {
    let desk = desk();
    let report = batch(&desk, &["--dry-run", "--json"]).expect_code(0).json();
    assert_eq!(
        (&report["rows"], &report["minted"]),
        (&ROWS.into(), &0.into())
    );
    assert!(files(&desk).is_empty());
}

#[test]
fn the_same_orders_are_issued_once_and_a_deleted_file_is_restored() {
    let desk = desk();
    let _ = batch(&desk, &[]).expect_code(0);
    let (file, manifest) = (desk.read("out/c3.lic"), desk.read("out/manifest.csv"));
    fs::remove_file(desk.file("out/c3.lic")).unwrap();
    let again = batch(&desk, &["--json"]).expect_code(0).json();
    assert_eq!(
        (&again["minted"], &again["known"]),
        (&0.into(), &ROWS.into())
    );
    assert_eq!(desk.read("out/c3.lic"), file);
    assert_eq!(desk.read("out/manifest.csv"), manifest);
}

#[test]
fn without_a_ledger_existing_files_are_not_issued_again() {
    let desk = desk();
    let _ = batch(&desk, &["--no-ledger"]).expect_code(0);
    let file = desk.read("out/c3.lic");
    let again = batch(&desk, &["--no-ledger", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&again["minted"], &again["known"]),
        (&0.into(), &ROWS.into())
    );
    assert_eq!(desk.read("out/c3.lic"), file);
}

#[test]
fn a_foreign_file_is_not_replaced() {
    let desk = desk();
    fs::create_dir(desk.file("out")).unwrap();
    desk.write("out/c9.lic", "precious");
    assert_eq!(batch(&desk, &["--json"]).expect_json_failure(2), "EXISTS");
    assert_eq!(desk.read("out/c9.lic"), "precious");
}

#[test]
fn an_early_error_ends_a_long_batch() {
    let desk = desk();
    let rows = (0..5000).map(|row| format!("pro,Customer {row},2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    desk.write("orders.csv", header + &rows.collect::<String>());
    fs::create_dir(desk.file("out")).unwrap();
    desk.write("out/c9.lic", "precious");
    assert_eq!(batch(&desk, &["--json"]).expect_json_failure(2), "EXISTS");
}

#[cfg(unix)]
#[test]
fn a_killed_batch_resumes_without_duplicates() {
    let desk = desk();
    let rows = (0..600).map(|row| format!("pro,Customer {row},2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    desk.write("orders.csv", header + &rows.collect::<String>());
    for kill in 1..=8 {
        let mut child = Run::keygen(&desk)
            .args(["batch", "orders.csv", "--key", "vendor.key", "--out", "out"])
            .start();
        thread::sleep(Duration::from_millis(kill * 40));
        let _ = child.kill();
        let _ = child.wait().unwrap();
    }
    let report = batch(&desk, &["--json"]).expect_code(0).json();
    assert_eq!(report["rows"], 600);
    let listed = licenses(&desk);
    assert_eq!(listed["count"], 600);
    let customers = listed["licenses"].as_array().unwrap().iter();
    let customers: std::collections::BTreeSet<_> = customers
        .map(|license| license["customer"].as_str().unwrap())
        .collect();
    assert_eq!(customers.len(), 600);
    assert_eq!(files(&desk).len(), 601, "no staging file is left");
    let whole = Run::keygen(&desk).args(["ledger", "verify"]).run();
    let _ = whole.expect_code(0);
}

#[test]
fn concurrent_batches_issue_each_order_once() {
    let desk = desk();
    let run = |out: &str| {
        let args = [
            "batch",
            "orders.csv",
            "--key",
            "vendor.key",
            "--out",
            out,
            "--json",
        ];
        Run::keygen(&desk).args(args).run().expect_code(0).json()
    };
    let report: Vec<_> = thread::scope(|scope| {
        let runs = ["one", "two", "three"].map(|out| scope.spawn(move || run(out)));
        runs.map(|run| run.join().unwrap()).into()
    });
    let issued: u64 = report
        .iter()
        .map(|report| report["minted"].as_u64().unwrap())
        .sum();
    assert_eq!(issued, u64::try_from(ROWS).unwrap(), "{report:?}");
    assert_eq!(licenses(&desk)["count"], ROWS);
    // Each directory has the same files.
    for out in ["one", "two", "three"] {
        assert_eq!(desk.read(&format!("{out}/c7.lic")), desk.read("one/c7.lic"));
    }
}

#[test]
fn a_directory_accepts_one_batch_at_a_time() {
    let desk = desk();
    fs::create_dir(desk.file("out")).unwrap();
    let held = fs::File::create(desk.file("out/.manifest")).unwrap();
    held.lock().unwrap();
    assert_eq!(batch(&desk, &["--json"]).expect_json_failure(4), "BUSY");
    drop(held);
    let _ = batch(&desk, &[]).expect_code(0);
}

#[test]
fn a_dry_run_finds_the_errors_of_a_real_run() {
    let desk = desk();
    let dry = |args: &[&str]| {
        let batch = ["batch", "orders.csv", "--dry-run", "--json"];
        Run::keygen(&desk).args(batch).args(args).run()
    };
    let out = ["--out", "out", "--key"];
    assert_eq!(
        dry(&[&out[..], &["missing.key"]].concat()).expect_json_failure(4),
        "IO"
    );
    let no_ledger = ["vendor.key", "--ledger", "orders.csv/l.db"];
    assert_eq!(
        dry(&[&out[..], &no_ledger].concat()).expect_json_failure(4),
        "LEDGER"
    );
    let in_file = ["--key", "vendor.key", "--out", "orders.csv/out"];
    assert_eq!(dry(&in_file).expect_json_failure(4), "IO");
    fs::create_dir(desk.file("out")).unwrap();
    desk.write("out/c9.lic", "precious");
    assert_eq!(
        dry(&[&out[..], &["vendor.key"]].concat()).expect_json_failure(2),
        "EXISTS"
    );
    fs::remove_file(desk.file("out/c9.lic")).unwrap();
    let _ = batch(&desk, &[]).expect_code(0);
    let report = dry(&[&out[..], &["vendor.key"]].concat())
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["known"], &report["minted"]),
        (&ROWS.into(), &0.into())
    );
}

fn orders(desk: &Scratch, table: impl AsRef<[u8]>) -> RunOutput {
    desk.write("orders.csv", table);
    batch(desk, &["--json"])
}

#[test]
fn csv_dialects_of_spreadsheets_are_read() {
    for (number, table) in [
        "tier;customer;days;user\r\npro;\"Größe; AG\";9;\"alice;bob\"\r\n;;;\r\n",
        "\u{feff}sep=;\r\ntier;customer;days;user\r\npro;Größe;9;alice\r\n",
        "tier\tcustomer\tdays\npro\tGröße\t9\n",
        "\n\ntier,customer,days\n\n\npro,Größe,9\n,,\n",
    ]
    .into_iter()
    .enumerate()
    {
        let desk = Vendor::shared().workstation();
        let report = orders(&desk, table).expect_code(0).json();
        assert_eq!(
            (&report["rows"], &report["minted"]),
            (&1.into(), &1.into()),
            "{number}"
        );
        assert!(desk.read("out/manifest.csv").contains("Größe"), "{number}");
    }
}

#[test]
fn an_error_names_the_line_the_column_and_the_found_value() {
    for (table, expected) in [
        (
            "tier,customer,days\n\n\npro,A,9\ngold,B,9\n",
            "row 5, tier: expected a tier of CODITECT, found GOLD",
        ),
        (
            "tier,customer,days\npro,A\npro,,9\n",
            "row 2, cells: expected 3, found 2; row 3, customer:",
        ),
        (
            "tier,customer,days,offline\npro,A,9,ja\n",
            "row 2, offline: expected yes or no, found `ja`",
        ),
        (
            "tier,customer\npro,A\n",
            "row 2, expires or days or perpetual: expected a value",
        ),
        ("sep=;\ntier;customer;days\npro;A;x\n", "row 3, days:"),
        (
            "tier,customer,days\r\n\r\npro,A,9\r\n\r\n\r\npro,\"A\r\nB\",9\r\npro,A,x",
            "row 8, days:",
        ),
    ] {
        let desk = Vendor::shared().workstation();
        desk.write("orders.csv", table);
        let complaint = batch(&desk, &[]).expect_failure(2);
        assert!(complaint.message.contains(expected), "{complaint:?}");
    }
    let desk = Vendor::shared().workstation();
    desk.write("orders.csv", b"tier,customer,days\npro,Gr\xf6\xdfe,9\n");
    let complaint = batch(&desk, &[]).expect_failure(3);
    assert!(complaint.message.contains("UTF-8"), "{complaint:?}");
    let rows = "pro,A,x\n".repeat(50);
    desk.write("orders.csv", format!("tier,customer,days\n{rows}"));
    let complaint = batch(&desk, &[]).expect_failure(2);
    assert!(
        complaint.message.ends_with("were not read"),
        "{complaint:?}"
    );
    let stdin = ["batch", "-", "--key", "vendor.key", "--out", "out"];
    let complaint = Run::keygen(&desk).args(stdin).run().expect_failure(2);
    assert!(
        complaint.message.contains("standard input"),
        "{complaint:?}"
    );
    let pipe = ["batch", "/dev/stdin", "--key", "vendor.key", "--out", "out"];
    let run = Run::keygen(&desk)
        .args(pipe)
        .stdin("tier,customer,days\npro,A,9\n");
    assert!(run.run().expect_failure(2).hint.contains("to a file"));
}

#[test]
fn the_same_orders_are_issued_again_under_a_new_batch_name() {
    let desk = desk();
    let january = &["--name", "2027-01", "--json"];
    let _ = batch(&desk, &[]).expect_code(0);
    let run = |out: &str, args: &[&str]| {
        let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", out];
        Run::keygen(&desk).args(batch).args(args).run()
    };
    let report = run("january", january).expect_code(0).json();
    assert_eq!(
        (&report["minted"], &report["known"]),
        (&ROWS.into(), &0.into())
    );
    let report = run("january", january).expect_code(0).json();
    assert_eq!(
        (&report["minted"], &report["known"]),
        (&0.into(), &ROWS.into())
    );
    let report = run("february", &["--json"]).expect_code(0).json();
    assert_eq!(
        (&report["minted"], &report["restored"]),
        (&0.into(), &ROWS.into())
    );
    assert_eq!(desk.read("february/c7.lic"), desk.read("out/c7.lic"));
    assert_ne!(desk.read("january/c7.lic"), desk.read("out/c7.lic"));
}

#[test]
fn ended_and_revoked_licenses_of_a_batch_are_warned_about() {
    let desk = Vendor::shared().workstation();
    let table = "tier,customer,expires,issued_at,file\npro,A,2026-01-31,2026-01-01,a.lic\npro,B,2099-01-31,2026-01-01,b.lic\n";
    let _ = orders(&desk, table).expect_code(0);
    let listed = licenses(&desk);
    let id = listed["licenses"][1]["license_id"].as_str().unwrap();
    let revoke = ["revoke", id, "--reason", "fraud"];
    let _ = Run::keygen(&desk).args(revoke).run().expect_code(0);
    for args in [&["--dry-run"][..], &[]] {
        let again = batch(&desk, args).expect_code(0);
        for warning in ["EXPIRED: 1 of", "REVOKED: 1 of", "--name NAME"] {
            assert!(again.stderr.contains(warning), "{again:?}");
        }
    }
}

#[test]
fn a_damaged_license_file_is_refused() {
    let desk = desk();
    let _ = batch(&desk, &[]).expect_code(0);
    let license = desk.read("out/c7.lic");
    desk.write("out/c7.lic", license.replacen('A', "B", 1));
    let complaint = batch(&desk, &[]).expect_failure(2);
    assert!(complaint.message.contains("c7.lic"), "{complaint:?}");
    fs::remove_file(desk.file("out/c7.lic")).unwrap();
    let report = batch(&desk, &["--json"]).expect_code(0).json();
    assert_eq!(report["restored"], 1);
    assert_eq!(desk.read("out/c7.lic"), license);
}
