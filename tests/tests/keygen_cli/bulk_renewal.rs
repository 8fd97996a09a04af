//! `keygen renew --from`: renews each license of a list once, or no license at all.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::Duration;

use super::*;

/// Issues a license and returns its id.
#[track_caller]
fn issue(workstation: &Scratch, customer: &str, terms: &str) -> String {
    let options = ["--key", "vendor.key", "--customer", customer, "--json"];
    let out = ["--out", &format!("{customer}.lic")];
    let args = [&["issue"], &words(terms)[..], &options, &out].concat();
    let report = keygen(workstation, &args).expect_code(0).json();
    report["license_id"].as_str().unwrap().to_owned()
}

/// Returns a vendor's directory with three licenses that end soon, and their ids.
fn workstation() -> (Scratch, [String; 3]) {
    let workstation = Vendor::shared().workstation();
    workstation.write("trust.jwks", &Vendor::shared().trust);
    let ids = [
        ("ACME, Ltd", "--tier team --seats 10 --days 10"),
        ("=Formula", "--tier pro --days 20 --offline"),
        ("Jo Doe", "--tier pro --days 25"),
    ]
    .map(|(customer, terms)| issue(&workstation, customer, terms));
    (workstation, ids)
}

/// Writes the licenses that end soon to a file.
fn list(workstation: &Scratch, name: &str, format: &str) {
    let output = keygen(workstation, &["ledger", "expiring", format]).expect_code(0);
    workstation.write(name, output.stdout);
}

/// Renews a list for a year. The directory is `out`, unless `args` name another one.
fn renew(workstation: &Scratch, list: &str, args: &[&str]) -> RunOutput {
    let renew = words("renew --key vendor.key --days 365 --from");
    let out = if args.contains(&"--out") {
        &[][..]
    } else {
        &["--out", "out"]
    };
    keygen(workstation, &[&renew[..], &[list], out, args].concat())
}

/// Returns the members of a license in the ledger.
#[track_caller]
fn recorded(workstation: &Scratch, id: &str) -> Value {
    let shown = keygen(workstation, &["ledger", "show", id, "--json"]);
    shown.expect_code(0).json()["entries"][0]["body"].clone()
}

/// Renews a list and returns the numbers of licenses that were issued now and before.
#[track_caller]
fn renewed(workstation: &Scratch, list: &str, args: &[&str]) -> (usize, usize) {
    let report = renew(workstation, list, &[args, &["--json"]].concat());
    let report = report.expect_code(0).json();
    let count = |member: &str| usize::try_from(report[member].as_u64().unwrap()).unwrap();
    (count("minted"), count("known"))
}

/// Returns the rows of the manifest without its header, as cells.
fn manifest(workstation: &Scratch) -> Vec<Vec<String>> {
    let text = workstation
        .read("out/manifest.csv")
        .replace("\"ACME, Ltd\"", "ACME");
    let rows = text.lines().skip(1);
    rows.map(|row| row.split(',').map(str::to_owned).collect())
        .collect()
}

/// Returns the number of entries in the ledger.
#[track_caller]
fn entries(workstation: &Scratch) -> usize {
    let export = keygen(workstation, &["ledger", "export"]).expect_code(0);
    export.stdout.lines().count()
}

/// Returns, for each license that is replaced, the ids of the licenses that replace it.
fn successors(workstation: &Scratch) -> Vec<(String, Vec<String>)> {
    let listed = keygen(workstation, &["ledger", "list", "--json"]).expect_code(0);
    let listed = listed.json()["licenses"].as_array().unwrap().clone();
    let supersedes =
        |license: &Value, id: &Value| license["supersedes"].as_array().unwrap().contains(id);
    let of = |id: &Value| {
        let later = listed.iter().filter(|license| supersedes(license, id));
        later
            .map(|license| license["license_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let ids = listed.iter().map(|license| &license["license_id"]);
    ids.map(|id| (id.as_str().unwrap().to_owned(), of(id)))
        .filter(|(_, later)| !later.is_empty())
        .collect()
}

#[test]
fn each_license_of_a_list_is_renewed_once_and_listed_in_the_manifest() {
    let (workstation, ids) = workstation();
    for (name, format) in [("due.csv", "--csv"), ("due.json", "--json")] {
        list(&workstation, name, format);
    }
    let before = entries(&workstation);
    let dry = renew(&workstation, "due.csv", &["--dry-run", "--json"]);
    let dry = dry.expect_code(0).json();
    assert_eq!(dry["renewals"][0]["replaces"], ids[0]);
    assert_eq!(dry["renewals"][0]["seats"], 10);
    assert_eq!(
        (&dry["minted"], &dry["manifest"]),
        (&json!(0), &Value::Null)
    );
    assert!(!workstation.file("out").exists());
    assert_eq!(entries(&workstation), before);

    assert_eq!(renewed(&workstation, "due.csv", &[]), (3, 0));
    let rows = manifest(&workstation);
    let replaced: Vec<_> = rows.iter().map(|row| row[9].clone()).collect();
    assert_eq!(replaced, ids);
    let terms = |row: &[String]| row[4..7].join(",");
    let found: Vec<_> = rows.iter().map(|row| terms(row)).collect();
    assert_eq!(found, ["ACME,TEAM,10", "'=Formula,PRO,1", "Jo Doe,PRO,1"]);
    // The renewal starts when the license ends, and the customer can install it.
    let next = format!("out/{}", rows[0][1]);
    let verify = ["verify", "--json", "--trust", "trust.jwks", &next];
    let future = Run::license(&workstation).args(verify).run().json();
    assert_eq!(future["license_id"], *rows[0][2]);
    let (license, renewal) = (
        recorded(&workstation, &ids[0]),
        recorded(&workstation, &rows[0][2]),
    );
    assert_eq!(license["expires_at"], renewal["not_before"]);
    assert_eq!(dry["renewals"][0]["expires_at"], renewal["expires_at"]);
    assert_eq!(renewal["supersedes"], json!([ids[0]]));
    let file = dry["renewals"][0]["file"].as_str().unwrap();
    assert_eq!(format!("out/{file}"), next);

    // The same list issues nothing, in either format, and restores a missing file.
    let (listed, content) = (
        workstation.read("out/manifest.csv"),
        workstation.read(&next),
    );
    fs::remove_file(workstation.file(&next)).unwrap();
    for list in ["due.csv", "due.json"] {
        let again = if list == "due.csv" {
            &[][..]
        } else {
            &["--force"]
        };
        assert_eq!(renewed(&workstation, list, again), (0, 3));
        assert_eq!(workstation.read(&next), content);
        if list == "due.csv" {
            assert_eq!(workstation.read("out/manifest.csv"), listed);
        }
    }
    let expiring = keygen(&workstation, &["ledger", "expiring", "--json"]);
    let expiring = expiring.expect_code(0).json();
    assert_eq!(expiring["count"], 0);
    assert_eq!(expiring["omitted"].as_array().unwrap().len(), 3);
    // Without --from, a list is not a license.
    for list in ["due.csv", "due.json"] {
        let args = words("renew --key vendor.key --days 365");
        let refused = keygen(&workstation, &[&args[..], &[list]].concat()).expect_failure(2);
        assert!(refused.message.contains("found a list"), "{refused:?}");
        assert!(
            refused.hint.contains(&format!("--from {list}")),
            "{refused:?}"
        );
    }
    // An empty list is no error.
    list(&workstation, "none.csv", "--csv");
    assert_eq!(renewed(&workstation, "none.csv", &[]), (0, 0));
    // A year later, the manifest is the list.
    let manifest = "out/manifest.csv";
    let next_year = renew(&workstation, manifest, &["--out", "next", "--json"]);
    assert_eq!(next_year.expect_code(0).json()["minted"], 3);
}

#[test]
fn the_manifest_repeats_columns_that_do_not_describe_the_license() {
    let (workstation, ids) = workstation();
    let table = format!(
        "E-Mail;License ID;region\n a@x.org ;{};EU\n;;\n=1;{};\n",
        ids[0], ids[1]
    );
    workstation.write("paid.csv", table);
    let report = renew(&workstation, "paid.csv", &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(report["carried"], json!(["replaces", "E-Mail", "region"]));
    let rows: Vec<_> = manifest(&workstation)
        .iter()
        .map(|row| row[10..].join(","))
        .collect();
    assert_eq!(rows, ["a@x.org,EU", "'=1,"]);
    assert_eq!(manifest(&workstation)[1][0], "4", "the line of the list");
}

#[test]
fn a_license_that_needs_no_renewal_is_skipped_with_the_reason() {
    let (workstation, ids) = workstation();
    list(&workstation, "due.csv", "--csv");
    let revoked = issue(&workstation, "Gone", "--tier pro --days 9");
    let renewed_id = issue(&workstation, "Early", "--tier pro --days 9");
    let trial = words("trial --key vendor.key --customer Try --days 9 --out try.lic --json");
    let trial = keygen(&workstation, &trial).expect_code(0).json();
    let key = words("enterprise-key --key vendor.key --company ACME --seats 9 --expires 20991231");
    let key = keygen(
        &workstation,
        &[&key[..], &["--json", "--out", "e.key"]].concat(),
    );
    let key = key.expect_code(0).json();
    let single = words("renew --key vendor.key --days 30 --out single.lic");
    let upgrade = words("upgrade --key vendor.key --seats 20 --out upgrade.lic");
    for args in [
        [&single[..], &[&renewed_id]].concat(),
        [&upgrade[..], &[&ids[0]]].concat(),
        vec!["revoke", &revoked, "--reason", "unpaid"],
    ] {
        let _ = keygen(&workstation, &args).expect_code(0);
    }
    let [trial, key] = [&trial["license_id"], &key["short_key"]].map(|id| id.as_str().unwrap());
    let rows = [revoked.as_str(), &renewed_id, trial, key].join("\n");
    workstation.write(
        "all.csv",
        format!("license_id\n{}\n{rows}\n", ids.join("\n")),
    );
    for args in [&["--json", "--dry-run"][..], &["--json"], &["--json"]] {
        let report = renew(&workstation, "all.csv", args).expect_code(0).json();
        let reasons = report["skipped"].as_array().unwrap().iter();
        let reason = |license: &Value| {
            let has_successor = !license["successor"].is_null();
            format!("{} {has_successor}", license["reason"].as_str().unwrap())
        };
        let reasons: Vec<_> = reasons.map(reason).collect();
        let expected = [
            "superseded true",
            "revoked false",
            "renewed true",
            "trial false",
            "enterprise_key false",
        ];
        assert_eq!(reasons, expected);
        assert_eq!(report["rows"], 2);
    }
    let text = renew(&workstation, "all.csv", &[]).expect_code(0);
    assert!(
        text.stdout.contains("\n\nnot renewed:\nCUSTOMER"),
        "{text:?}"
    );
    for note in ["issue --convert", "enterprise-key"] {
        assert!(text.stderr.contains(note), "{text:?}");
    }
    let twice = successors(&workstation);
    assert!(twice.iter().all(|(_, later)| later.len() == 1), "{twice:?}");
}

#[test]
fn an_error_names_the_license_and_its_code_and_nothing_is_issued() {
    let (workstation, ids) = workstation();
    let forever = issue(&workstation, "Forever", "--tier pro --perpetual");
    let product = include_str!("../../src/widget.toml");
    workstation.write("widget.toml", product);
    let widget = words("issue --key vendor.key --customer W --product-file widget.toml --json");
    let widget = [
        &widget[..],
        &words("--tier shop --days 9 --force --out w.lic"),
    ]
    .concat();
    let widget = keygen(&workstation, &widget).expect_code(0).json();
    let widget = widget["license_id"].as_str().unwrap();
    let [id, other, _] = &ids;
    let before = entries(&workstation);
    let unknown = "0190aaaa-0000-7000-8000-000000000000";
    let row = |number: u32, id: &str, rest: &str| format!("row {number}, license {id}: {rest}");
    for (list, exit, expected) in [
        (
            format!("license_id\n{id}\n{unknown}\n"),
            2,
            row(3, unknown, "NOT_FOUND: the ledger has no entry"),
        ),
        (
            format!("license_id\n{id}\n\n{id}\n"),
            2,
            row(4, id, "USAGE: duplicate license"),
        ),
        (
            format!("license_id\n{widget}\n"),
            2,
            row(2, widget, "PRODUCT_MISMATCH"),
        ),
        (
            format!("license_id\n{forever}\n"),
            2,
            row(2, &forever, "USAGE: the license never expires"),
        ),
        (
            format!("license_id,seats\n{id},15\n"),
            2,
            row(
                2,
                id,
                "USAGE: seats: expected 10, as in the license, found `15`",
            ),
        ),
        (
            format!("license_id,tier\n{id},pro\n"),
            2,
            row(2, id, "USAGE: tier: expected TEAM"),
        ),
        (
            format!("license_id,customer\n{other},Jo\n"),
            2,
            row(2, other, "USAGE: customer: expected =Formula"),
        ),
        (
            format!("license_id,expires_at\n{id},2099-01-01\n"),
            2,
            row(2, id, "USAGE: expires_at: expected 20"),
        ),
        (
            format!("{{\"licenses\": [{{\"license_id\": \"{unknown}\"}}]}}"),
            2,
            row(1, unknown, "NOT_FOUND"),
        ),
        (
            format!("license_id,note\n{id}\n"),
            3,
            "line 2, cells: expected 2".to_owned(),
        ),
        (
            format!("id\n{id}\n"),
            3,
            "expected one column license_id".to_owned(),
        ),
        (
            String::new(),
            3,
            "expected one column license_id".to_owned(),
        ),
        (
            "{\"licenses\": [{\"license_id".to_owned(),
            3,
            "expected JSON".to_owned(),
        ),
        (
            "{\"licenses\": 7}".to_owned(),
            3,
            "`licenses`, an array".to_owned(),
        ),
        (
            "{\"licenses\": [7]}".to_owned(),
            3,
            "license 1: expected a license_id".to_owned(),
        ),
        (
            "PK\u{3}\u{4}\u{14}\0".to_owned(),
            3,
            "office document".to_owned(),
        ),
        (
            format!("license_id\n\"{}", "x".repeat(2 << 20)),
            3,
            "expected rows of at most 1048576 bytes".to_owned(),
        ),
    ] {
        workstation.write("list", &list);
        let error = renew(&workstation, "list", &[]).expect_failure(exit);
        assert!(error.message.contains(&expected), "{list}: {error:?}");
        assert!(!error.hint.is_empty(), "{list}");
    }
    // All unknown licenses of a long list are not repeated.
    let rows: String = (0..50).map(|row| format!("x{row}\n")).collect();
    workstation.write("list", format!("license_id\n{rows}"));
    let error = renew(&workstation, "list", &[]).expect_failure(2);
    assert!(
        error
            .message
            .ends_with("the remaining rows were not checked"),
        "{error:?}"
    );
    let json = renew(&workstation, "list", &["--json"]);
    assert_eq!(json.expect_json_failure(2), "ORDERS");
    workstation.write("list", format!("license_id\n{id}\n"));
    let command = words("renew --key vendor.key --days 9 --from");
    for (args, exit, expected) in [
        (&["list"][..], 2, "expected a directory with --out"),
        (
            &["list", "--out", "-"],
            2,
            "expected a directory with --out",
        ),
        (&["-", "--out", "out"], 2, "found standard input"),
        (&["missing", "--out", "out"], 4, "cannot read missing"),
        (
            &["list", "--out", "out", "--no-ledger"],
            2,
            "needs a ledger",
        ),
        (&["list", "--out", "out", "--ledger", "new.db"], 4, "new.db"),
        (&["list", "--out", "list/out"], 4, "list"),
        (&["list", "--out", "out", id], 2, "cannot be used with"),
    ] {
        let error = keygen(&workstation, &[&command[..], args].concat()).expect_failure(exit);
        assert!(error.message.contains(expected), "{args:?}: {error:?}");
    }
    assert!(!workstation.file("out").exists());
    assert_eq!(entries(&workstation), before);
}

#[test]
fn changes_apply_to_each_renewal_and_losses_are_counted() {
    let (workstation, ids) = workstation();
    workstation.write("list", format!("license_id\n{}\n", ids.join("\n")));
    let refused = renew(&workstation, "list", &["--seats", "5"]).expect_failure(2);
    assert!(refused.message.contains(&ids[0]), "{refused:?}");
    let changes = ["--seats", "5", "--force", "--add-feature", "sso"];
    let run = renew(&workstation, "list", &changes).expect_code(0);
    assert!(run.stderr.contains("LOSS: "), "{run:?}");
    assert!(run.stderr.contains("(1 license)"), "{run:?}");
    let seats: Vec<_> = manifest(&workstation)
        .iter()
        .map(|row| row[6].clone())
        .collect();
    assert_eq!(seats, ["5", "5", "5"]);
    // A license that has ended starts again now.
    let ended = "--tier pro --issued-at 2026-01-01 --days 1";
    let id = issue(&workstation, "Late", ended);
    workstation.write("late", format!("license_id\n{id}\n"));
    let run = renew(&workstation, "late", &["--out", "late-out"]).expect_code(0);
    assert!(
        run.stderr.contains("1 license ended before the renewal"),
        "{run:?}"
    );
}

#[test]
fn after_a_renewal_was_revoked_the_license_can_be_renewed_from_the_list_again() {
    let (workstation, ids) = workstation();
    workstation.write("list", format!("license_id\n{}\n", ids[0]));
    assert_eq!(renewed(&workstation, "list", &[]), (1, 0));
    let first = manifest(&workstation)[0].clone();
    let revoke = ["revoke", &first[2], "--reason", "mistake"];
    let _ = keygen(&workstation, &revoke).expect_code(0);
    let error = renew(&workstation, "list", &["--json"]);
    assert_eq!(error.expect_json_failure(2), "EXISTS");
    assert_eq!(renewed(&workstation, "list", &["--force"]), (1, 0));
    let second = manifest(&workstation)[0].clone();
    assert!(first[1] != second[1] && first[2] != second[2]);
    assert_eq!(renewed(&workstation, "list", &[]), (0, 1));
    // Without the revocation, the first renewal is the one of the list.
    let undo = ["revoke", &first[2], "--reason", "no mistake", "--undo"];
    let refused = keygen(&workstation, &[&undo[..], &["--json"]].concat());
    assert_eq!(refused.expect_json_failure(2), "RENEWED");
    let _ = keygen(&workstation, &[&undo[..], &["--force"]].concat()).expect_code(0);
    assert_eq!(renewed(&workstation, "list", &["--force"]), (0, 1));
    assert_eq!(manifest(&workstation)[0], first);
}

#[test]
fn a_foreign_file_is_not_replaced() {
    let (workstation, ids) = workstation();
    workstation.write("list", format!("license_id\n{}\n", ids[0]));
    let dry = renew(&workstation, "list", &["--dry-run", "--json"]);
    let dry = dry.expect_code(0).json();
    let file = format!("out/{}", dry["renewals"][0]["file"].as_str().unwrap());
    fs::create_dir(workstation.file("out")).unwrap();
    workstation.write(&file, "precious");
    for args in [
        &["--json"][..],
        &["--json", "--force"],
        &["--json", "--dry-run"],
    ] {
        let run = renew(&workstation, "list", args);
        assert_eq!(run.expect_json_failure(2), "EXISTS");
    }
    assert_eq!(workstation.read(&file), "precious");
}

/// Issues licenses for a month, writes a list of them, and returns the list's name.
fn many(workstation: &Scratch, count: usize) -> &'static str {
    let rows: String = (0..count)
        .map(|row| format!("pro,Customer {row},20\n"))
        .collect();
    workstation.write("orders.csv", format!("tier,customer,days\n{rows}"));
    let batch = words("batch orders.csv --key vendor.key --out first");
    let _ = keygen(workstation, &batch).expect_code(0);
    "first/manifest.csv"
}

#[cfg(unix)]
#[test]
fn a_killed_run_continues_without_a_second_renewal() {
    // More licenses than are recorded together.
    const COUNT: usize = 300;
    let workstation = Vendor::shared().workstation();
    let list = many(&workstation, COUNT);
    for kill in 1..=6 {
        let renew = words("renew --key vendor.key --days 365 --out out --from");
        let mut child = Run::keygen(&workstation).args(renew).arg(list).start();
        thread::sleep(Duration::from_millis(kill * 50));
        let _ = child.kill();
        let _ = child.wait().unwrap();
    }
    let (issued, known) = renewed(&workstation, list, &[]);
    assert_eq!(issued + known, COUNT);
    let successors = successors(&workstation);
    assert_eq!(successors.len(), COUNT);
    assert!(successors.iter().all(|(_, later)| later.len() == 1));
    let rows = manifest(&workstation);
    let listed: BTreeSet<_> = rows.iter().map(|row| row[2].clone()).collect();
    let recorded: BTreeSet<_> = successors
        .into_iter()
        .flat_map(|(_, later)| later)
        .collect();
    assert_eq!(listed, recorded);
    // The manifest and the license files, and no staging file.
    let files = fs::read_dir(workstation.file("out")).unwrap();
    assert_eq!(files.count(), COUNT + 1);
    let _ = keygen(&workstation, &["ledger", "verify"]).expect_code(0);
}

#[test]
fn a_license_gets_one_successor_although_other_processes_renew_it_too() {
    const COUNT: usize = 100;
    let workstation = Vendor::shared().workstation();
    let list = many(&workstation, COUNT);
    let last = workstation.read(list).lines().last().unwrap().to_owned();
    let last = last.split(',').nth(2).unwrap();
    let from = |out: &'static str| {
        let args = words("renew --key vendor.key --days 365 --json --from");
        let run = keygen(&workstation, &[&args[..], &[list, "--out", out]].concat());
        // A license that was renewed alone meanwhile ends the run.
        if run.code != Some(0) {
            assert_eq!(run.expect_json_failure(2), "RENEWED");
        }
    };
    thread::scope(|scope| {
        let _ = scope.spawn(|| from("one"));
        let _ = scope.spawn(|| from("two"));
        let _ = scope.spawn(|| {
            let args = words("renew --key vendor.key --days 30 --out single.lic --json");
            let run = keygen(&workstation, &[&args[..], &[last]].concat());
            if run.code != Some(0) {
                assert_eq!(run.expect_json_failure(2), "RENEWED");
            }
        });
    });
    for out in ["one", "two"] {
        let args = ["--out", out, "--force"];
        let (issued, known) = renewed(&workstation, list, &args);
        assert!(issued + known >= COUNT - 1);
    }
    let successors = successors(&workstation);
    assert_eq!(successors.len(), COUNT);
    assert!(
        successors.iter().all(|(_, later)| later.len() == 1),
        "{successors:?}"
    );
}
