//! `keygen batch`: issues a license for each row of a table, or no license at all.

mod limits;
mod manifest;

use std::fs;
use std::thread;
use std::time::Duration;

use license_tests::{Run, RunOutput, Scratch, Vendor};
use serde_json::Value;

const ROWS: usize = 60;

fn workstation() -> Scratch {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let rows = (0..ROWS).map(|row| format!("pro,\"Customer, {row}\",2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    workstation.write("orders.csv", header + &rows.collect::<String>());
    workstation
}

fn batch(workstation: &Scratch, args: &[&str]) -> RunOutput {
    let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", "out"];
    Run::keygen(workstation).args(batch).args(args).run()
}

fn files(workstation: &Scratch) -> Vec<String> {
    let entries = fs::read_dir(workstation.file("out")).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn licenses(workstation: &Scratch) -> Value {
    let list = Run::keygen(workstation)
        .args(["ledger", "list", "--json"])
        .run();
    list.expect_code(0).json()
}

#[test]
fn each_row_becomes_a_verifiable_recorded_license() {
    let workstation = workstation();
    let report = batch(&workstation, &["--json"]).expect_code(0).json();
    assert_eq!(
        (&report["rows"], &report["minted"]),
        (&ROWS.into(), &ROWS.into())
    );
    assert_eq!(files(&workstation).len(), ROWS + 1);
    let manifest = workstation.read("out/manifest.csv");
    assert_eq!(manifest.lines().count(), ROWS + 1);
    assert_eq!(licenses(&workstation)["count"], ROWS);
    let verify = ["verify", "--json", "--trust", "trust.jwks", "out/c7.lic"];
    let license = Run::license(&workstation)
        .args(verify)
        .run()
        .expect_code(0)
        .json();
    assert_eq!(license["customer"], "Customer, 7");
    assert!(manifest.contains(license["license_id"].as_str().unwrap()));
}

#[test]
fn columns_are_read_in_any_order_and_their_names_in_any_case() {
    let workstation = workstation();
    let table = "\u{feff}Add_Feature, customer ,TIER,perpetual,user\r\nsso;cloud_sync,Ann,team,x,ann;bob\r\n,Bob,pro,yes,\r\n";
    workstation.write("orders.csv", table);
    let _ = batch(&workstation, &[]).expect_code(0);
    let manifest = workstation.read("out/manifest.csv");
    let row = manifest.lines().nth(1).unwrap();
    let file = format!("out/{}", row.split(',').nth(1).unwrap());
    let show = ["inspect", "--json", &file];
    let shown = Run::keygen(&workstation)
        .args(show)
        .run()
        .expect_code(0)
        .stdout;
    for expected in ["\"ann\"", "\"bob\"", "\"sso\""] {
        assert!(shown.contains(expected), "{shown}");
    }
    assert_eq!(files(&workstation).len(), 3);
}

#[test]
fn an_invalid_table_is_refused() {
    for table in [
        "",
        "tier,customer,days\n",
        "tier,color\npro,red\n",
        "tier,tier\npro,pro\n",
        "tier,key\npro,x\n",
        "tier,customer\npro\n",
    ] {
        let workstation = workstation();
        workstation.write("orders.csv", table);
        let outcome = batch(&workstation, &[]);
        assert!(matches!(outcome.code, Some(2 | 3)), "{table}: {outcome:?}");
        assert!(files(&workstation).is_empty());
    }
}

#[test]
fn a_dry_run_issues_nothing() {
    let workstation = workstation();
    let report = batch(&workstation, &["--dry-run", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["rows"], &report["minted"]),
        (&ROWS.into(), &0.into())
    );
    assert!(files(&workstation).is_empty());
}

#[test]
fn the_same_orders_are_issued_once_and_a_deleted_file_is_restored() {
    let workstation = workstation();
    let _ = batch(&workstation, &[]).expect_code(0);
    let (file, manifest) = (
        workstation.read("out/c3.lic"),
        workstation.read("out/manifest.csv"),
    );
    fs::remove_file(workstation.file("out/c3.lic")).unwrap();
    let again = batch(&workstation, &["--json"]).expect_code(0).json();
    assert_eq!(
        (&again["minted"], &again["known"]),
        (&0.into(), &ROWS.into())
    );
    assert_eq!(workstation.read("out/c3.lic"), file);
    assert_eq!(workstation.read("out/manifest.csv"), manifest);
    for (files, text) in [
        (&["c1.lic"][..], "1 was restored"),
        (&["c1.lic", "c3.lic"], "2 were"),
    ] {
        for file in files {
            fs::remove_file(workstation.file("out").join(file)).unwrap();
        }
        let again = batch(&workstation, &[]).expect_code(0).stdout;
        let count = format!("; {ROWS} already existed for these orders, of which {text}");
        assert!(again.contains(&count), "{again}");
    }
}

#[test]
fn without_a_ledger_an_order_whose_license_file_exists_is_not_issued_again() {
    let workstation = workstation();
    let _ = batch(&workstation, &["--no-ledger"]).expect_code(0);
    let file = workstation.read("out/c3.lic");
    let again = batch(&workstation, &["--no-ledger", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&again["minted"], &again["known"]),
        (&0.into(), &ROWS.into())
    );
    assert_eq!(workstation.read("out/c3.lic"), file);
}

#[test]
fn a_foreign_file_is_not_replaced() {
    let workstation = workstation();
    fs::create_dir(workstation.file("out")).unwrap();
    workstation.write("out/c9.lic", "precious");
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(2),
        "EXISTS"
    );
    assert_eq!(workstation.read("out/c9.lic"), "precious");
}

#[test]
fn an_early_error_ends_a_long_batch() {
    let workstation = workstation();
    // The queues between the threads hold fewer rows than the table has, so all threads are still
    // running when the error is found.
    let rows = (0..5000).map(|row| format!("pro,Customer {row},2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    workstation.write("orders.csv", header + &rows.collect::<String>());
    fs::create_dir(workstation.file("out")).unwrap();
    workstation.write("out/c9.lic", "precious");
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(2),
        "EXISTS"
    );
}

#[cfg(unix)]
#[test]
fn a_killed_batch_resumes_without_duplicates() {
    let workstation = workstation();
    let rows = (0..600).map(|row| format!("pro,Customer {row},2030-12-31,yes,c{row}.lic\n"));
    let header = "tier,customer,expires,offline,file\n".to_owned();
    workstation.write("orders.csv", header + &rows.collect::<String>());
    for kill in 1..=8 {
        let mut child = Run::keygen(&workstation)
            .args(["batch", "orders.csv", "--key", "vendor.key", "--out", "out"])
            .start();
        thread::sleep(Duration::from_millis(kill * 40));
        let _ = child.kill();
        let _ = child.wait().unwrap();
    }
    let report = batch(&workstation, &["--json"]).expect_code(0).json();
    assert_eq!(report["rows"], 600);
    let listed = licenses(&workstation);
    assert_eq!(listed["count"], 600);
    let customers = listed["licenses"].as_array().unwrap().iter();
    let customers: std::collections::BTreeSet<_> = customers
        .map(|license| license["customer"].as_str().unwrap())
        .collect();
    assert_eq!(customers.len(), 600);
    assert_eq!(files(&workstation).len(), 601, "expected no staging file");
    let verify = Run::keygen(&workstation).args(["ledger", "verify"]).run();
    let _ = verify.expect_code(0);
}

#[test]
fn concurrent_batches_issue_each_order_once() {
    let workstation = workstation();
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
        Run::keygen(&workstation)
            .args(args)
            .run()
            .expect_code(0)
            .json()
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
    assert_eq!(licenses(&workstation)["count"], ROWS);
    // All directories contain the same license for an order.
    for out in ["one", "two", "three"] {
        assert_eq!(
            workstation.read(&format!("{out}/c7.lic")),
            workstation.read("one/c7.lic")
        );
    }
}

#[test]
fn a_directory_accepts_one_batch_at_a_time() {
    let workstation = workstation();
    fs::create_dir(workstation.file("out")).unwrap();
    let lock = fs::File::create(workstation.file("out/.manifest")).unwrap();
    lock.lock().unwrap();
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(4),
        "BUSY"
    );
    drop(lock);
    let _ = batch(&workstation, &[]).expect_code(0);
}

#[test]
fn a_dry_run_finds_the_errors_of_a_real_run() {
    let workstation = workstation();
    let dry = |args: &[&str]| {
        let batch = ["batch", "orders.csv", "--dry-run", "--json"];
        Run::keygen(&workstation).args(batch).args(args).run()
    };
    let out = ["--out", "out", "--key"];
    assert_eq!(
        dry(&[&out[..], &["missing.key"]].concat()).expect_json_failure(4),
        "IO"
    );
    let unusable_ledger = ["vendor.key", "--ledger", "orders.csv/l.db"];
    assert_eq!(
        dry(&[&out[..], &unusable_ledger].concat()).expect_json_failure(4),
        "LEDGER"
    );
    let in_file = ["--key", "vendor.key", "--out", "orders.csv/out"];
    assert_eq!(dry(&in_file).expect_json_failure(4), "IO");
    fs::create_dir(workstation.file("out")).unwrap();
    workstation.write("out/c9.lic", "precious");
    assert_eq!(
        dry(&[&out[..], &["vendor.key"]].concat()).expect_json_failure(2),
        "EXISTS"
    );
    fs::remove_file(workstation.file("out/c9.lic")).unwrap();
    let _ = batch(&workstation, &[]).expect_code(0);
    let report = dry(&[&out[..], &["vendor.key"]].concat())
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["known"], &report["minted"]),
        (&ROWS.into(), &0.into())
    );
}

fn orders(workstation: &Scratch, table: impl AsRef<[u8]>) -> RunOutput {
    workstation.write("orders.csv", table);
    batch(workstation, &["--json"])
}

#[test]
fn csv_dialects_of_spreadsheets_are_read() {
    for (number, table) in [
        "tier;customer;days;user\r\npro;\"Größe; AG\";9;\"alice;bob\"\r\n;;;\r\n",
        "\u{feff}sep=;\r\ntier;customer;days;user\r\npro;Größe;9;alice\r\n",
        "tier\tcustomer\tdays\npro\tGröße\t9\n",
        "\n\ntier;customer;days\n\n\npro;Größe;9\n;;\n",
        "tier;\"customer\";days;\"a, b\"\npro;\"\"\"Größe\"\", AG\";9;\n",
    ]
    .into_iter()
    .enumerate()
    {
        let workstation = Vendor::shared().workstation();
        let report = orders(&workstation, table).expect_code(0).json();
        assert_eq!(
            (&report["rows"], &report["minted"]),
            (&1.into(), &1.into()),
            "{number}"
        );
        assert!(
            workstation.read("out/manifest.csv").contains("Größe"),
            "{number}"
        );
    }
}

#[test]
fn an_error_names_the_line_and_the_column_and_nothing_is_issued() {
    let cases: [(&str, &[&str]); 14] = [
        (
            "tier,customer,days\npro,A,1\ngold,B,1\n",
            &["line 3", "GOLD"],
        ),
        ("tier,customer,days\npro,A,x\n", &["line 2", "days"]),
        ("tier,customer,days\npro,,1\n", &["line 2", "customer"]),
        (
            "tier,customer,days,perpetual\npro,A,1,yes\n",
            &["line 2", "perpetual"],
        ),
        (
            "tier,customer,perpetual\npro,A,maybe\n",
            &["line 2", "perpetual"],
        ),
        (
            "tier,customer,days,file\npro,A,1,../a.lic\n",
            &["line 2", "file"],
        ),
        (
            "tier,customer,days,file\npro,A,1,a.lic\npro,B,1,A.lic\n",
            &["line 3", "file"],
        ),
        (
            "tier,customer,days,machine\npro,A,1,nonsense\n",
            &["line 2", "machine"],
        ),
        (
            "tier,customer,days\n\n\npro,A,9\ngold,B,9\n",
            &["line 5, tier: expected a tier of CODITECT, found GOLD"],
        ),
        (
            "tier,customer,days\npro,A\npro,,9\n",
            &["line 2, cells: expected 3, found 2; line 3, customer:"],
        ),
        (
            "tier,customer,days,offline\npro,A,9,ja\n",
            &["line 2, offline: expected yes or no, found `ja`"],
        ),
        (
            "tier,customer\npro,A\n",
            &["line 2, expires or days or perpetual: expected a value"],
        ),
        ("sep=;\ntier;customer;days\npro;A;x\n", &["line 3, days:"]),
        (
            "tier,customer,days\r\n\r\npro,A,9\r\n\r\n\r\npro,\"A, B\",9\r\npro,A,x",
            &["line 7, days:"],
        ),
    ];
    for (table, parts) in cases {
        let workstation = Vendor::shared().workstation();
        workstation.write("orders.csv", table);
        let error = batch(&workstation, &[]).expect_failure(2);
        for part in parts {
            assert!(error.message.contains(part), "{table:?}: {error:?}");
        }
        assert!(files(&workstation).is_empty(), "{table:?}");
    }
}

#[test]
fn a_long_list_of_errors_ends_with_a_note_about_the_remaining_rows() {
    let workstation = Vendor::shared().workstation();
    let rows: String = (0..50).map(|row| format!("pro,A,x{row}\n")).collect();
    workstation.write("orders.csv", format!("tier,customer,days\n{rows}"));
    let error = batch(&workstation, &[]).expect_failure(2);
    assert!(error.message.ends_with("were not read"), "{error:?}");
}

#[test]
fn a_table_that_is_not_utf8_or_not_a_regular_file_is_refused() {
    let workstation = Vendor::shared().workstation();
    workstation.write("orders.csv", b"tier,customer,days\npro,Gr\xf6\xdfe,9\n");
    let error = batch(&workstation, &[]).expect_failure(3);
    let expected = "expected text in UTF-8, found invalid bytes in line 2 or later";
    assert!(error.message.contains(expected), "{error:?}");
    // The line is counted from the beginning of the file.
    let table = b"sep=;\ntier;customer;days\npro;A;9\npro;Gr\xf6\xdfe;9\n";
    workstation.write("orders.csv", table);
    let error = batch(&workstation, &[]).expect_failure(3);
    assert!(error.message.contains("in line 4 or later"), "{error:?}");
    let stdin = ["batch", "-", "--key", "vendor.key", "--out", "out"];
    let error = Run::keygen(&workstation)
        .args(stdin)
        .run()
        .expect_failure(2);
    assert!(error.message.contains("standard input"), "{error:?}");
    let pipe = ["batch", "/dev/stdin", "--key", "vendor.key", "--out", "out"];
    let run = Run::keygen(&workstation)
        .args(pipe)
        .stdin("tier,customer,days\npro,A,9\n");
    assert!(run.run().expect_failure(2).hint.contains("to a file"));
}

#[test]
fn the_same_orders_are_issued_again_under_a_new_batch_name() {
    let workstation = workstation();
    let january = &["--name", "2027-01", "--json"];
    let _ = batch(&workstation, &[]).expect_code(0);
    let run = |out: &str, args: &[&str]| {
        let batch = ["batch", "orders.csv", "--key", "vendor.key", "--out", out];
        Run::keygen(&workstation).args(batch).args(args).run()
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
    assert_eq!(
        workstation.read("february/c7.lic"),
        workstation.read("out/c7.lic")
    );
    assert_ne!(
        workstation.read("january/c7.lic"),
        workstation.read("out/c7.lic")
    );
}

#[test]
fn an_order_of_a_customer_with_an_active_license_causes_a_warning() {
    let workstation = Vendor::shared().workstation();
    let _ = crate::issued(&workstation, &["--tier", "pro", "--days", "9"]).expect_code(0);
    let table = "customer,tier,days\nacme  LTD,pro,9\nother,pro,9\n";
    workstation.write("orders.csv", table);
    let warnings = || {
        let report = batch(&workstation, &["--json"]).expect_code(0).json();
        report["warnings"].clone()
    };
    let first = warnings();
    assert_eq!(first[0]["code"], "ACTIVE_LICENSE");
    assert_eq!((&first[0]["line"], &first[1]), (&2.into(), &Value::Null));
    // The orders are already issued.
    assert_eq!(warnings(), Value::Array(Vec::new()));
}

#[test]
fn ended_and_revoked_licenses_of_a_batch_cause_a_warning() {
    let workstation = Vendor::shared().workstation();
    let table = "tier,customer,expires,issued_at,file\npro,A,2026-01-31,2026-01-01,a.lic\npro,B,2099-01-31,2026-01-01,b.lic\n";
    let _ = orders(&workstation, table).expect_code(0);
    let listed = licenses(&workstation);
    let id = listed["licenses"][1]["license_id"].as_str().unwrap();
    let revoke = ["revoke", id, "--reason", "fraud"];
    let _ = Run::keygen(&workstation).args(revoke).run().expect_code(0);
    for args in [&["--dry-run"][..], &[]] {
        let again = batch(&workstation, args).expect_code(0);
        for warning in [
            "EXPIRED: 1 of the licenses that were issued earlier for these orders has ended",
            "REVOKED: 1 of the licenses that were issued earlier for these orders is revoked",
            "--name NAME",
        ] {
            assert!(again.stderr.contains(warning), "{again:?}");
        }
    }
}

#[test]
fn a_damaged_license_file_is_refused() {
    let workstation = workstation();
    let _ = batch(&workstation, &[]).expect_code(0);
    let license = workstation.read("out/c7.lic");
    workstation.write("out/c7.lic", license.replacen('A', "B", 1));
    let error = batch(&workstation, &[]).expect_failure(2);
    assert!(error.message.contains("c7.lic"), "{error:?}");
    fs::remove_file(workstation.file("out/c7.lic")).unwrap();
    let report = batch(&workstation, &["--json"]).expect_code(0).json();
    assert_eq!(report["restored"], 1);
    assert_eq!(workstation.read("out/c7.lic"), license);
}

#[cfg(unix)]
#[test]
fn links_in_the_output_directory_are_not_followed() {
    use std::os::unix::fs::symlink;
    let workstation = workstation();
    workstation.write("precious", "precious");
    fs::create_dir(workstation.file("out")).unwrap();
    let link = |name: &str| symlink("../precious", workstation.file(name)).unwrap();
    link("out/.manifest");
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(4),
        "IO"
    );
    assert_eq!(workstation.read("precious"), "precious");
    fs::remove_file(workstation.file("out/.manifest")).unwrap();
    // The staging file of the manifest, and those of the licenses. Their names are the order ids,
    // which a dry run with another ledger would show too.
    link("out/.keygen-manifest");
    let _ = batch(&workstation, &["--ledger", "other.db"]).expect_code(0);
    assert_eq!(workstation.read("precious"), "precious");
    let export = ["ledger", "export", "--ledger", "other.db"];
    let export = Run::keygen(&workstation).args(export).run().expect_code(0);
    fs::remove_dir_all(workstation.file("out")).unwrap();
    fs::create_dir(workstation.file("out")).unwrap();
    for line in export.stdout.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if let Some(order) = entry["body"]["order"].as_str() {
            link(&format!("out/.keygen-{order}"));
        }
    }
    assert_eq!(files(&workstation).len(), ROWS);
    let _ = batch(&workstation, &[]).expect_code(0);
    assert_eq!(workstation.read("precious"), "precious");
    assert_eq!(files(&workstation).len(), ROWS + 1);
}

#[test]
fn a_manifest_that_lists_other_licenses_is_replaced_only_with_force() {
    let workstation = workstation();
    fs::create_dir(workstation.file("out")).unwrap();
    workstation.write("out/manifest.csv", "precious");
    for args in [&["--json"][..], &["--json", "--dry-run"]] {
        assert_eq!(batch(&workstation, args).expect_json_failure(2), "EXISTS");
    }
    // Nothing was issued.
    assert_eq!(workstation.read("out/manifest.csv"), "precious");
    assert_eq!(files(&workstation), ["manifest.csv"]);
    assert!(!workstation.home().join(".local").exists());
    let _ = batch(&workstation, &["--force"]).expect_code(0);
    let first = workstation.read("out/manifest.csv");
    assert_eq!(first.lines().count(), ROWS + 1);
    // The manifest of the same orders needs no change, with or without a ledger.
    for args in [&[][..], &["--no-ledger"]] {
        let _ = batch(&workstation, args).expect_code(0);
        assert_eq!(workstation.read("out/manifest.csv"), first);
    }
    // A manifest that was edited stays, although no license is issued.
    workstation.write("out/manifest.csv", first.replacen("c7.lic", "c8.lic", 1));
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(2),
        "EXISTS"
    );
    workstation.write("out/manifest.csv", &first);
    // One more order is one more license, which the manifest does not list.
    let orders = workstation.read("orders.csv") + "pro,One more,2030-12-31,yes,more.lic\n";
    workstation.write("orders.csv", orders);
    assert_eq!(
        batch(&workstation, &["--json"]).expect_json_failure(2),
        "EXISTS"
    );
    assert!(!workstation.file("out/more.lic").exists());
    assert_eq!(workstation.read("out/manifest.csv"), first);
    let report = batch(&workstation, &["--json", "--force"])
        .expect_code(0)
        .json();
    assert_eq!(
        (&report["minted"], &report["known"]),
        (&1.into(), &ROWS.into())
    );
    assert_eq!(
        workstation.read("out/manifest.csv").lines().count(),
        ROWS + 2
    );
}

#[test]
fn a_manifest_contains_no_formula() {
    let workstation = Vendor::shared().workstation();
    let table = "tier,customer,days\npro,=HYPERLINK(1),9\npro,+1,9\npro,-1,9\npro,@SUM(1),9\npro,\"a;=1\",9\n";
    let _ = orders(&workstation, table).expect_code(0);
    let manifest = workstation.read("out/manifest.csv");
    let lines: Vec<_> = manifest.split("\r\n").collect();
    for (line, customer) in [
        (1, "'=HYPERLINK(1)"),
        (2, "'+1"),
        (3, "'-1"),
        (4, "'@SUM(1)"),
        (5, "\"a;=1\""),
    ] {
        assert!(
            lines[line].contains(&format!(",{customer},PRO,")),
            "{manifest}"
        );
    }
    // The existing manifest is recognized.
    let _ = orders(&workstation, table).expect_code(0);
}
